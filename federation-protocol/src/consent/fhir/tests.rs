#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::consent::{DirectiveDraft, Performer, Period, SourceText, with_status};
use crate::member::MemberId;
use crate::time::Timestamp;

fn draft() -> DirectiveDraft {
    let member = MemberId::from_code("0110000003").unwrap();
    let mut root = Provision::any(ProvisionType::Permit);
    root.actors = vec![Actor::Organization(member.clone())];
    root.purposes = vec![Purpose::Treat];
    root.period = Some(Period {
        start: Some(FhirTime::parse("2026-07-01").unwrap()),
        end: Some(FhirTime::parse("2026-09-30").unwrap()),
    });
    root.criteria.classes = Some("lab rx".parse().unwrap());
    root.criteria.labels = LabelTerms::default().with_word("N");
    let mut deny = Provision::any(ProvisionType::Deny);
    deny.actors = vec![Actor::Practitioner {
        member,
        id: "dr-0042".into(),
    }];
    deny.criteria.labels = LabelTerms::default()
        .with_word("PSY")
        .unwrap()
        .with_word("NOPAT");
    deny.criteria.data = vec![
        DataReference {
            meaning: DataMeaning::Authoredby,
            reference: "urn:musubi:member:0110000002".into(),
        },
        DataReference {
            meaning: DataMeaning::Related,
            reference: "Encounter/9".into(),
        },
    ];
    DirectiveDraft {
        kind: ConsentKind::ShareCare,
        patient: "Patient/12".into(),
        performer: Performer::Person,
        date_time: Timestamp::from_unix_seconds(1_782_864_000),
        organization: MemberId::from_code("0110000001").unwrap(),
        source: SourceText {
            version: "2026-04".into(),
            text: "みなと病院に見せます。".into(),
        },
        policy_uri: "https://h.example.jp/policy/2026-04".into(),
        root,
        nested: vec![deny],
    }
}

#[test]
fn a_consent_reads_back_as_it_is_written() {
    let consent = draft().to_fhir();
    assert_eq!(Directive::from_fhir(&consent), Ok(draft().directive()));
    assert_eq!(
        Directive::kind_of_fhir(&consent),
        Ok(ConsentKind::ShareCare)
    );
    assert!(draft().directive().names_its_actors());
    let relative = DirectiveDraft {
        performer: Performer::Relative("RelatedPerson/3".into()),
        ..draft()
    };
    assert!(Directive::from_fhir(&relative.to_fhir()).is_ok());
}

#[test]
fn a_withdrawn_consent_is_inactive_and_otherwise_the_same() {
    let withdrawn = with_status(draft().to_fhir(), DirectiveStatus::Inactive);
    let read = Directive::from_fhir(&withdrawn).unwrap();
    assert_eq!(read.status(), DirectiveStatus::Inactive);
    assert_eq!(read.provisions(), draft().directive().provisions());
    assert!(!read.is_in_force(Timestamp::from_unix_seconds(1_782_864_000)));
}

/// What a server adds, and what says nothing about the decision, is let through.
#[test]
fn ids_texts_and_identifiers_are_taken() {
    let mut consent = draft().to_fhir();
    consent["id"] = json!("17");
    consent["meta"] = json!({"versionId": "1"});
    consent["text"] = json!({"status": "generated", "div": "<div/>"});
    consent["identifier"] = json!([{"value": "x"}]);
    assert!(Directive::from_fhir(&consent).is_ok());
}

/// (where, what is put there, the path that the error names)
#[test]
fn what_is_not_understood_is_refused_with_its_path() {
    let cases = [
        ("/resourceType", json!("Contract"), "Consent.resourceType"),
        ("/status", json!("withdrawn"), "Consent.status"),
        ("/scope/coding/0/code", json!("research"), "Consent.scope"),
        (
            "/category/1/coding/0/code",
            json!("everything"),
            "Consent.category[1].coding[0]",
        ),
        (
            "/category/0/coding/0/code",
            json!("57016-8"),
            "Consent.category",
        ),
        ("/patient/reference", json!(""), "Consent.patient.reference"),
        ("/patient/type", json!("Group"), "Consent.patient"),
        ("/dateTime", json!("yesterday"), "Consent.dateTime"),
        ("/performer", json!([]), "Consent.performer"),
        (
            "/sourceAttachment/data",
            json!("44G/"),
            "Consent.sourceAttachment.url",
        ),
        ("/policy/0", json!({}), "Consent.policy[0].uri"),
        ("/provision/type", json!("allow"), "Consent.provision.type"),
        ("/provision/period", json!({}), "Consent.provision.period"),
        (
            "/provision/period/start",
            json!("2026-13"),
            "Consent.provision.period.start",
        ),
        (
            "/provision/period/end",
            json!("2026-06-30"),
            "Consent.provision.period",
        ),
        (
            "/provision/actor/0/role",
            json!({"coding": []}),
            "Consent.provision.actor[0].role.coding",
        ),
        (
            "/provision/actor/0/reference/type",
            json!("Group"),
            "Consent.provision.actor[0].reference",
        ),
        (
            "/provision/actor/0/reference/identifier/value",
            json!("0110000003"),
            "Consent.provision.actor[0].reference.identifier.value",
        ),
        (
            "/provision/purpose/0/code",
            json!("HMARKT"),
            "Consent.provision.purpose[0]",
        ),
        (
            "/provision/class/1/code",
            json!("other"),
            "Consent.provision.class[1]",
        ),
        (
            "/provision/class/0/system",
            json!("http://hl7.org/fhir/resource-types"),
            "Consent.provision.class[0]",
        ),
        (
            "/provision/securityLabel/0/code",
            json!("V"),
            "Consent.provision.securityLabel[0]",
        ),
        (
            "/provision/provision/0/data/0/meaning",
            json!("dependents"),
            "Consent.provision.provision[0].data[0].meaning",
        ),
        (
            "/provision/provision/0/data/1/reference",
            json!({}),
            "Consent.provision.provision[0].data[1].reference",
        ),
        (
            "/provision/provision",
            json!([]),
            "Consent.provision.provision",
        ),
    ];
    for (pointer, value, path) in cases {
        let mut consent = draft().to_fhir();
        *consent.pointer_mut(pointer).unwrap() = value;
        let found = Directive::from_fhir(&consent).map_err(|error| error.path);
        assert_eq!(found, Err(path.to_owned()), "{pointer}");
    }
}

#[test]
fn an_element_that_could_limit_is_never_skipped() {
    for (pointer, name) in [
        ("", "modifierExtension"),
        ("", "implicitRules"),
        ("", "contained"),
        ("", "policyRule"),
        ("/provision", "action"),
        ("/provision", "code"),
        ("/provision", "extension"),
        ("/provision/provision/0", "provision"),
        ("/provision/provision/0", "modifierExtension"),
        ("/provision/period", "extension"),
    ] {
        let mut consent = draft().to_fhir();
        consent.pointer_mut(pointer).unwrap()[name] = json!([{"type": "deny"}]);
        assert!(Directive::from_fhir(&consent).is_err(), "{pointer}/{name}");
    }
}

#[test]
fn each_required_element_is_missed_by_its_name() {
    for name in [
        "resourceType",
        "status",
        "scope",
        "category",
        "patient",
        "dateTime",
        "performer",
        "organization",
        "policy",
        "provision",
    ] {
        let mut consent = draft().to_fhir();
        consent.as_object_mut().unwrap().remove(name);
        let error = Directive::from_fhir(&consent).unwrap_err();
        assert_eq!(error.to_string(), format!("Consent.{name}: is missing"));
    }
    let mut consent = draft().to_fhir();
    consent.as_object_mut().unwrap().remove("sourceAttachment");
    assert!(Directive::from_fhir(&consent).is_err());
}

#[test]
fn a_permit_for_everyone_is_seen() {
    let mut open = draft();
    open.root.actors.clear();
    assert!(!open.directive().names_its_actors());
    open.root.kind = ProvisionType::Deny;
    assert!(
        open.directive().names_its_actors(),
        "a deny may be of everyone"
    );
}

/// A Consent with one of its values, anywhere, replaced by something else.
fn bent() -> impl Strategy<Value = Value> {
    let words = [
        "permit",
        "deny",
        "N",
        "TREAT",
        "lab",
        "2026",
        "",
        "Patient/1",
        "coding",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        proptest::sample::select(words.to_vec()).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let names = proptest::sample::select(vec![
            "type",
            "coding",
            "system",
            "code",
            "reference",
            "identifier",
            "value",
            "start",
            "end",
            "provision",
            "actor",
            "role",
            "data",
            "meaning",
        ]);
        let object = proptest::collection::vec((names, inner.clone()), 0..4);
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(Value::from),
            object.prop_map(|members| members
                .into_iter()
                .map(|(k, v)| (k.to_owned(), v))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn reading_a_consent_never_panics(
        value in bent(),
        pointer in proptest::sample::select(vec![
            "", "/scope", "/category", "/category/0/coding", "/patient", "/performer/0",
            "/organization", "/sourceAttachment", "/policy", "/provision", "/provision/period",
            "/provision/actor", "/provision/actor/0/reference", "/provision/class/0",
            "/provision/securityLabel", "/provision/provision", "/provision/provision/0/data",
        ]),
    ) {
        let mut consent = draft().to_fhir();
        *consent.pointer_mut(pointer).unwrap() = value;
        if let Err(error) = Directive::from_fhir(&consent) {
            prop_assert!(error.path.starts_with("Consent"));
        }
        let _ = Directive::kind_of_fhir(&consent);
    }
}
