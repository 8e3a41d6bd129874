//! Writing a FHIR R4 Consent: what `consent give` stores.

use serde_json::{Value, json};

use crate::category::CATEGORY_SYSTEM;
use crate::label::{CONFIDENTIALITY_SYSTEM, LABEL_SYSTEM};
use crate::member::MemberId;
use crate::purpose::PURPOSE_SYSTEM;
use crate::time::Timestamp;

use super::fhir::{
    KIND_SYSTEM, LOINC, LOINC_CONSENT, ROLE, ROLE_SYSTEM, SCOPE_SYSTEM, URI_SYSTEM, name_by_hash,
};
use super::{
    Actor, ConsentKind, DataReference, Directive, DirectiveStatus, Period, Provision, ProvisionType,
};

/// Who gave the consent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Performer {
    /// The person.
    Person,
    /// Somebody for them: a reference to a RelatedPerson (who states the relationship).
    Relative(String),
}

/// The text that the person was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceText {
    /// The version of the wording, `2026-04`.
    pub version: String,
    /// The exact text, Japanese.
    pub text: String,
}

/// Everything that a Consent says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectiveDraft {
    /// What kind it is.
    pub kind: ConsentKind,
    /// `Patient/<id>`.
    pub patient: String,
    /// Who gave it.
    pub performer: Performer,
    /// When.
    pub date_time: Timestamp,
    /// The member that keeps it.
    pub organization: MemberId,
    /// What was shown.
    pub source: SourceText,
    /// The posted policy that it refers to.
    pub policy_uri: String,
    /// The root provision.
    pub root: Provision,
    /// The provisions below it, as stated.
    pub nested: Vec<Provision>,
}

impl DirectiveDraft {
    /// The FHIR Consent, `active`, without an id.
    #[must_use]
    pub fn to_fhir(&self) -> Value {
        let mut root = provision(&self.root);
        if !self.nested.is_empty() {
            put(
                &mut root,
                "provision",
                self.nested.iter().map(provision).collect(),
            );
        }
        let performer = match &self.performer {
            Performer::Person => json!({"reference": self.patient, "type": "Patient"}),
            Performer::Relative(reference) => {
                json!({"reference": reference, "type": "RelatedPerson"})
            }
        };
        json!({
            "resourceType": "Consent",
            "status": DirectiveStatus::Active.as_str(),
            "scope": {"coding": [coding(SCOPE_SYSTEM, "patient-privacy")]},
            "category": [
                {"coding": [coding(LOINC, LOINC_CONSENT)]},
                {"coding": [coding(KIND_SYSTEM, self.kind.as_str())]},
            ],
            "patient": {"reference": self.patient, "type": "Patient"},
            "dateTime": self.date_time.to_string(),
            "performer": [performer],
            "organization": [organization(&self.organization)],
            "sourceAttachment": self.source.attachment(),
            "policy": [{"uri": self.policy_uri}],
            "provision": root,
        })
    }

    /// What [`Directive::from_fhir`] reads from [`Self::to_fhir`].
    #[must_use]
    pub fn directive(&self) -> Directive {
        Directive::new(
            DirectiveStatus::Active,
            self.root.clone(),
            self.nested.clone(),
        )
    }
}

/// The same Consent with another status: a withdrawn one is `inactive`, never deleted.
#[must_use]
pub fn with_status(mut consent: Value, status: DirectiveStatus) -> Value {
    put(&mut consent, "status", json!(status.as_str()));
    consent
}

impl SourceText {
    fn attachment(&self) -> Value {
        use base64::Engine;
        json!({
            "contentType": "text/plain; charset=utf-8",
            "language": "ja",
            "data": base64::engine::general_purpose::STANDARD.encode(&self.text),
            "url": name_by_hash(self.text.as_bytes()),
            "title": self.version,
        })
    }
}

fn put(object: &mut Value, name: &str, value: Value) {
    if let Some(map) = object.as_object_mut() {
        map.insert(name.to_owned(), value);
    }
}

fn coding(system: &str, code: &str) -> Value {
    json!({"system": system, "code": code})
}

fn organization(member: &MemberId) -> Value {
    json!({"type": "Organization", "identifier": {"system": URI_SYSTEM, "value": member}})
}

fn provision(provision: &Provision) -> Value {
    let kind = match provision.kind {
        ProvisionType::Permit => "permit",
        ProvisionType::Deny => "deny",
    };
    let mut object = json!({"type": kind});
    let mut put_some = |name, values: Vec<Value>| {
        if !values.is_empty() {
            put(&mut object, name, Value::Array(values));
        }
    };
    let criteria = &provision.criteria;
    put_some("actor", provision.actors.iter().map(actor).collect());
    let labels = criteria
        .labels
        .into_iter()
        .flat_map(super::LabelTerms::words);
    put_some("securityLabel", labels.map(security_label).collect());
    let purposes = provision.purposes.iter();
    put_some(
        "purpose",
        purposes
            .map(|it| coding(PURPOSE_SYSTEM, it.as_str()))
            .collect(),
    );
    let classes = criteria
        .classes
        .into_iter()
        .flat_map(crate::category::Scope::iter);
    put_some(
        "class",
        classes
            .map(|it| coding(CATEGORY_SYSTEM, it.as_str()))
            .collect(),
    );
    put_some("data", criteria.data.iter().map(data).collect());
    for (name, stated) in [
        ("period", &provision.period),
        ("dataPeriod", &criteria.data_period),
    ] {
        if let Some(stated) = stated {
            put(&mut object, name, period(stated));
        }
    }
    object
}

fn actor(actor: &Actor) -> Value {
    let reference = match actor {
        Actor::Organization(member) => organization(member),
        Actor::Practitioner { member, id } => {
            json!({"type": "Practitioner", "identifier": {"system": member, "value": id}})
        }
    };
    json!({"role": {"coding": [coding(ROLE_SYSTEM, ROLE)]}, "reference": reference})
}

fn security_label(word: &str) -> Value {
    match word {
        "N" | "R" => coding(CONFIDENTIALITY_SYSTEM, word),
        "NOPAT" => coding(LABEL_SYSTEM, "TBOO"),
        _ => coding(LABEL_SYSTEM, word),
    }
}

/// A reference that looks like `Type/id` is literal; anything else (a member id) is an identifier.
fn data(data: &DataReference) -> Value {
    let reference = if data.reference.contains('/') {
        json!({"reference": data.reference})
    } else {
        json!({"identifier": {"value": data.reference}})
    };
    json!({"meaning": data.meaning.as_str(), "reference": reference})
}

fn period(period: &Period) -> Value {
    let mut object = json!({});
    for (name, end) in [("start", &period.start), ("end", &period.end)] {
        if let Some(end) = end {
            put(&mut object, name, json!(end.as_str()));
        }
    }
    object
}
