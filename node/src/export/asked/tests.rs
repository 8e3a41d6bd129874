#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]
use serde_json::json;

use super::*;

fn asked(pairs: &[(&str, &str)], handling: Handling) -> Result<Asked, AskedError> {
    let owned = pairs
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    Asked::by_query(owned.collect(), handling)
}

fn strictly(pairs: &[(&str, &str)]) -> Result<Asked, AskedError> {
    asked(pairs, Handling::Strict)
}

#[test]
fn every_spelling_of_ndjson_is_taken_and_nothing_else() {
    for good in [
        "application/fhir+ndjson",
        "application/fhir ndjson",
        "ndjson",
    ] {
        assert!(strictly(&[("_outputFormat", good)]).is_ok(), "{good}");
    }
    assert!(strictly(&[("_outputFormat", "text/csv")]).is_err());
}

#[test]
fn what_is_not_understood_is_refused_or_told() {
    for (name, value) in [
        ("includeAssociatedData", "x"),
        ("_type", "Unicorn"),
        ("_type", "Patient,Person"),
        ("_typeFilter", "Observation?colour=red"),
    ] {
        assert!(strictly(&[(name, value)]).is_err(), "{name}={value}");
        let lenient = asked(&[(name, value)], Handling::Lenient).unwrap();
        assert_eq!(lenient.notes.len(), 1, "{name}={value}");
        assert_eq!(
            Asked::of_kept(&lenient.kept()).unwrap().notes,
            lenient.notes
        );
    }
    for (name, value) in [
        ("_since", "yesterday"),
        ("_typeFilter", "Patient?_sort=_id"),
    ] {
        assert!(
            asked(&[(name, value)], Handling::Lenient).is_err(),
            "{name}={value}"
        );
    }
}

#[test]
fn type_filters_are_searches_of_types_that_are_wanted() {
    let filter = "Observation?status=final,amended&code=a%2Cb,Patient?gender=female";
    let both = strictly(&[("_typeFilter", filter)]).unwrap();
    let kinds: Vec<_> = both.filters.iter().map(|one| one.kind().name()).collect();
    assert_eq!(kinds, ["Observation", "Patient"]);
    assert!(strictly(&[("_type", "Patient"), ("_typeFilter", filter)]).is_err());
}

#[test]
fn nothing_is_wanted_of_a_type_that_was_not_asked_for() {
    let observation = ResourceType::named("Observation").unwrap();
    let only = strictly(&[("_type", "Observation")]).unwrap();
    assert_eq!(only.walked(), [observation]);
    let practitioners = strictly(&[("_type", "Practitioner")]).unwrap();
    assert!(!practitioners.wants(observation));
    assert!(practitioners.walked().contains(&observation));
}

#[test]
fn a_parameters_resource_asks_like_a_query_and_may_name_patients() {
    let body = json!({"resourceType": "Parameters", "parameter": [
        {"name": "_since", "valueInstant": "2026-07-01T09:00:00+09:00"},
        {"name": "_type", "valueString": "Patient"},
        {"name": "patient", "valueReference": {"reference": "Patient/hana"}}
    ]});
    let read = |body: &Value| Asked::by_parameters(body.to_string().as_bytes(), Handling::Strict);
    let by_body = read(&body).unwrap();
    let by_query = strictly(&[
        ("_since", "2026-07-01T09:00:00 09:00"),
        ("_type", "Patient"),
    ]);
    assert_eq!(by_body.since, by_query.unwrap().since);
    assert_eq!(by_body.patients.unwrap()[0].to_string(), "Patient/hana");
    assert!(strictly(&[("patient", "Patient/hana")]).is_err());
    assert!(read(&json!({"resourceType": "Patient"})).is_err());
    let nested = json!({"resourceType": "Parameters", "parameter": [{"name": "_type"}]});
    assert!(read(&nested).is_err());
}
