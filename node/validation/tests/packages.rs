//! Packages that a hospital adds: what they demand, and the folder in which they lie.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use fhir_validation::{Definitions, PackageError, add_package, list, validate};
use serde_json::{Value, json};

#[allow(dead_code, reason = "not every test needs everything that is made")]
mod made;

use made::{errors, patient, profile, tgz};

const TICKET: &str = "http://minato.example/StructureDefinition/Ticket";

/// A profile of Basic that uses every kind of slicing.
fn ticket() -> Value {
    let by = |kind: &str, path: &str, rules: &str| json!({"discriminator": [{"type": kind, "path": path}], "rules": rules});
    profile(
        TICKET,
        "Basic",
        json!([
            {"id": "Basic", "constraint": [
                {"key": "min-1", "severity": "error", "expression": "subject.exists()"},
                {"key": "min-2", "severity": "error", "expression": "subject.resolve().exists()"}]},
            {"id": "Basic.identifier", "min": 1, "max": "*", "slicing": by("value", "system", "closed")},
            {"id": "Basic.identifier:ticket", "min": 1, "max": "1"},
            {"id": "Basic.identifier:ticket.system", "min": 1, "max": "1", "fixedUri": "urn:ticket"},
            {"id": "Basic.identifier:ward", "min": 0, "max": "1", "patternIdentifier": {"system": "urn:ward"}},
            {"id": "Basic.code", "min": 1, "max": "1", "binding": {
                "strength": "required", "valueSet": "http://minato.example/ValueSet/kinds|1"}},
            {"id": "Basic.code.coding", "min": 0, "max": "*", "slicing": by("exists", "display", "open")},
            {"id": "Basic.code.coding:shown", "min": 1, "max": "*"},
            {"id": "Basic.code.coding:shown.display", "min": 1, "max": "1"},
            {"id": "Basic.extension", "min": 0, "max": "*", "slicing": by("type", "value", "open")},
            {"id": "Basic.extension:dated", "min": 0, "max": "1"},
            {"id": "Basic.extension:dated.value[x]", "min": 1, "max": "1", "type": [{"code": "date"}]},
        ]),
    )
}

fn kinds() -> [(&'static str, Value); 2] {
    [
        (
            "package/ValueSet-kinds.json",
            json!({"resourceType": "ValueSet", "url": "http://minato.example/ValueSet/kinds",
                "compose": {"include": [{"system": "urn:kinds"}]}}),
        ),
        (
            "package/CodeSystem-kinds.json",
            json!({"resourceType": "CodeSystem", "url": "urn:kinds", "content": "complete",
                "concept": [{"code": "a", "concept": [{"code": "b"}]}]}),
        ),
    ]
}

fn package() -> Vec<u8> {
    let [set, system] = kinds();
    tgz(&[
        (
            "package/package.json",
            json!({"name": "minato.ticket", "version": "1.0.0"}),
        ),
        ("package/StructureDefinition-ticket.json", ticket()),
        (
            "package/example/Basic-x.json",
            json!({"resourceType": "StructureDefinition"}),
        ),
        set,
        system,
    ])
}

fn good_ticket() -> Value {
    json!({"resourceType": "Basic", "meta": {"profile": [TICKET]},
        "identifier": [{"system": "urn:ticket", "value": "7"}, {"system": "urn:ward", "value": "3"}],
        "code": {"coding": [{"system": "urn:kinds", "code": "b", "display": "B"}]},
        "extension": [{"url": "http://minato.example/e", "valueDate": "2026-04-01"}],
        "subject": {"reference": "Patient/hana"}})
}

fn said(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut definitions = Definitions::shipped();
    definitions.add(&package(), None, None).unwrap();
    let mut resource = good_ticket();
    change(&mut resource);
    errors(&validate(&definitions, &resource))
}

#[test]
fn an_added_profile_is_judged_by_all_its_slicings() {
    assert_eq!(said(|_| ()), Vec::<String>::new());
    assert_eq!(
        said(|r| r["identifier"][0]["system"] = json!("urn:other")),
        ["required Basic", "value Basic.identifier[0]"]
    );
    assert_eq!(
        said(|r| r["identifier"][1]["system"] = json!("urn:ticket")),
        ["structure Basic.identifier"]
    );
    assert_eq!(
        said(|r| r["code"]["coding"][0]["code"] = json!("c")),
        ["code-invalid Basic.code"]
    );
    assert_eq!(
        said(|r| {
            r["code"]["coding"][0]
                .as_object_mut()
                .unwrap()
                .remove("display");
        }),
        ["required Basic.code"]
    );
    let dated = json!({"url": "http://minato.example/f", "valueDate": "2026-04-02"});
    assert_eq!(
        said(|r| r["extension"].as_array_mut().unwrap().push(dated)),
        ["structure Basic.extension"]
    );
    assert_eq!(
        said(|r| {
            r.as_object_mut().unwrap().remove("subject");
        }),
        ["invariant Basic"]
    );
}

#[test]
fn what_was_added_says_what_is_not_checked() {
    let mut definitions = Definitions::shipped();
    let added = definitions.add(&package(), None, Some("2")).unwrap();
    assert_eq!(
        (added.name.as_str(), added.version.as_str()),
        ("minato.ticket", "2")
    );
    assert_eq!((added.profiles, added.without_snapshot), (1, 0));
    assert_eq!(added.ignored_invariants, 1, "resolve() is not evaluated");
    let ticket = |one: fhir_validation::Claimable<'_>| {
        (one.url, one.version, one.type_name) == (TICKET, "2", "Basic")
    };
    assert!(definitions.profiles().any(ticket));
}

#[test]
fn an_added_package_replaces_the_shipped_profile_of_its_version() {
    let url = "http://jpfhir.jp/fhir/core/StructureDefinition/JP_Patient";
    let lenient = |version: &str| {
        let elements = json!([{"id": "Patient"}, {"id": "Patient.photo", "min": 1, "max": "*"}]);
        let bytes = tgz(&[(
            "StructureDefinition-p.json",
            profile(url, "Patient", elements),
        )]);
        let mut definitions = Definitions::shipped();
        definitions
            .add(&bytes, Some("jpfhir.jp.core"), Some(version))
            .unwrap();
        let mut resource = patient();
        resource["meta"]["profile"] = json!([format!("{url}|1.2.0")]);
        errors(&validate(&definitions, &resource))
    };
    assert_eq!(
        lenient("1.2.0"),
        ["required Patient"],
        "it asks for a photo"
    );
    assert_eq!(lenient("1.3.0"), Vec::<String>::new());
}

#[test]
fn a_package_without_root_or_manifest_needs_a_name_and_a_version() {
    let bare = tgz(&[("StructureDefinition-ticket.json", ticket())]);
    let mut definitions = Definitions::shipped();
    let mut add = |name, version| definitions.add(&bare, name, version);
    assert!(matches!(
        add(None, Some("1")),
        Err(PackageError::Unnamed("name"))
    ));
    assert!(matches!(
        add(Some("a"), None),
        Err(PackageError::Unnamed("version"))
    ));
    assert!(matches!(
        add(Some("../a"), Some("1")),
        Err(PackageError::Name(_))
    ));
    assert_eq!(add(Some("a"), Some("1")).unwrap().profiles, 1);
}

#[test]
fn what_is_no_package_is_refused() {
    let mut definitions = Definitions::shipped();
    let mut add = |bytes: &[u8]| definitions.add(bytes, Some("a"), Some("1"));
    assert!(matches!(add(b"no archive"), Err(PackageError::Archive(_))));
    let cut = &package()[..100];
    assert!(matches!(add(cut), Err(PackageError::Archive(_))));
    let empty = tgz(&[("package/Patient-x.json", json!({"resourceType": "Patient"}))]);
    assert!(matches!(add(&empty), Err(PackageError::Empty)));
}

#[test]
fn a_profile_that_leads_to_itself_comes_to_an_end() {
    let itself = json!([{"code": "Identifier", "profile": [TICKET]}]);
    let elements = json!([{"id": "Basic", "type": itself},
        {"id": "Basic.identifier", "type": itself, "slicing": {
            "discriminator": [{"type": "value", "path": "absent"}], "rules": "closed"}},
        {"id": "Basic.identifier:one", "min": 1, "max": "1", "type": itself}]);
    let bytes = tgz(&[("a.json", profile(TICKET, "Basic", elements))]);
    let mut definitions = Definitions::shipped();
    definitions.add(&bytes, Some("a"), Some("1")).unwrap();
    assert_eq!(
        errors(&validate(&definitions, &good_ticket())),
        [
            "required Basic.identifier[0]",
            "required Basic.identifier[1]"
        ]
    );
}

#[test]
fn a_folder_keeps_what_was_added() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("packages");
    assert_eq!(list(&path).unwrap().len(), 3, "what ships");

    add_package(&path, &package(), None, None).unwrap();

    let listed = list(&path).unwrap();
    let added = listed.last().unwrap();
    assert_eq!(
        (added.name.as_str(), added.version.as_str()),
        ("minato.ticket", "1.0.0")
    );
    assert!(!added.shipped);
    let definitions = Definitions::open(&path).unwrap();
    let mut resource = good_ticket();
    resource.as_object_mut().unwrap().remove("identifier");
    assert!(!errors(&validate(&definitions, &resource)).is_empty());
}

#[test]
fn a_compiled_form_that_does_not_fit_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    add_package(folder.path(), &package(), None, None).unwrap();
    let compiled = folder.path().join("minato.ticket#1.0.0.tables");
    let whole = std::fs::read(&compiled).unwrap();
    for damaged in [&b""[..], b"00000000garbage", &whole[..whole.len() - 20]] {
        std::fs::write(&compiled, damaged).unwrap();
        assert_eq!(list(folder.path()).unwrap().len(), 4);
        assert_eq!(std::fs::read(&compiled).unwrap(), whole);
    }
}

#[test]
fn an_archive_that_was_put_there_by_hand_is_taken_by_its_file_name() {
    let folder = tempfile::tempdir().unwrap();
    let bare = tgz(&[("StructureDefinition-ticket.json", ticket())]);
    std::fs::write(folder.path().join("by.hand#3.tgz"), &bare).unwrap();
    let listed = list(folder.path()).unwrap();
    let last = listed.last().unwrap();
    assert_eq!(
        (last.name.as_str(), last.version.as_str()),
        ("by.hand", "3")
    );

    std::fs::write(folder.path().join("nameless.tgz"), &bare).unwrap();
    let Err(PackageError::Package { path, source }) = list(folder.path()) else {
        panic!("it was taken");
    };
    assert!(path.ends_with(".tgz") && matches!(*source, PackageError::Unnamed(_)));
}
