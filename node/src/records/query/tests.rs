#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use proptest::prelude::*;

use super::condition::{Look, Rows, Verify};
use super::*;
use crate::records::system::{hash_code, hash_coded};

fn kind(name: &str) -> ResourceType {
    ResourceType::named(name).unwrap()
}

fn parse(pairs: &[(&str, &str)]) -> Result<SearchQuery, QueryError> {
    SearchQuery::parse(kind("Observation"), pairs)
}

#[test]
fn everything_not_understood_is_refused() {
    let refused = [
        ("colour", "red"),
        ("code:in", "x"),
        ("_sort", "colour"),
        ("_sort", "subject"),
        ("_include", "*"),
        ("_include", "Observation"),
        ("_include", "Observation:code"),
        ("_include:sideways", "Observation:subject"),
        ("_count", "+5"),
        ("_count", "-1"),
        ("_count", ""),
        ("_total", "some"),
        ("_summary", "short"),
        ("_elements", "a b"),
        ("code", ""),
        ("code", "a,,b"),
        ("code", "|"),
        ("code", "a|b|c"),
        ("code:missing", "perhaps"),
        ("date", "tomorrow"),
        ("date:exact", "2026"),
        ("date", "xx2026"),
        ("_id", "a b"),
        ("_id:exact", "a"),
        ("patient", "a b"),
        ("subject.colour", "x"),
        ("code.text", "x"),
        ("subject:Unicorn.name", "x"),
        ("_has:Patient", "1"),
        ("_has:Observation:code:code", "1"),
        ("_has:Unicorn:patient:code", "1"),
        ("value-quantity", "much"),
        ("value-quantity", "1|mg"),
        ("value-quantity", "1||"),
        ("code-value-quantity", "a"),
        ("code-value-quantity", "a$b$c"),
        ("code-value-quantity", "a$much"),
        ("subject:identifier", "a|b|c"),
        ("name", "x"),
        ("_text", "x"),
        ("_filter", "x"),
        ("", ""),
    ];
    for (name, value) in refused {
        assert!(parse(&[(name, value)]).is_err(), "{name}={value}");
    }
    assert!(parse(&[("_count", "5"), ("_count", "6")]).is_err());
    assert!(parse(&[("_sort", "date"), ("_sort", "code")]).is_err());
    let many = vec![("code", "x"); MOST_CONDITIONS + 1];
    assert_eq!(parse(&many), Err(QueryError::TooMuch));
    assert_eq!(
        parse(&[("code", &"x,".repeat(10_000))]),
        Err(QueryError::TooMuch)
    );
    let long = "x".repeat(LONGEST_VALUE + 1);
    assert_eq!(parse(&[("code", &long)]), Err(QueryError::TooMuch));
    let chain = format!("subject:Patient.{}name", "link:Patient.".repeat(9));
    assert_eq!(parse(&[(&chain, "x")]), Err(QueryError::TooMuch));
}

#[test]
fn what_fhir_knows_is_understood() {
    let understood = [
        ("code:not", "a"),
        ("code:text", "glucose"),
        ("code:missing", "true"),
        ("code", "http://loinc.org|"),
        ("identifier:of-type", "s|MR|1"),
        ("subject:Patient", "p"),
        ("subject:identifier", "urn:x|1"),
        ("subject", "http://elsewhere/Patient/1"),
        ("subject:Patient.name", "Yamada"),
        ("patient.general-practitioner.name", "Sato"),
        ("_has:DiagnosticReport:result:status", "final"),
        ("value-quantity", "gt5.4|http://unitsofmeasure.org|mg/dL"),
        ("value-quantity", "5.4||mg/dL"),
        ("combo-code-value-quantity", "8480-6$gt140"),
        ("value-string:contains", "陽性"),
        ("value-string:exact", "＋"),
        ("date", "ap2026-03-01"),
        ("_profile:below", "http://jpfhir.jp/"),
        ("_sort", "-date,code,_id"),
        ("_include:iterate", "Observation:has-member"),
        ("_revinclude", "Provenance:target"),
        ("_count", "0"),
        ("_summary", "text"),
        ("_elements", "code,value"),
    ];
    for (name, value) in understood {
        assert!(
            parse(&[(name, value)]).is_ok(),
            "{name}={value}: {:?}",
            parse(&[(name, value)])
        );
    }
}

#[test]
fn leniency_leaves_out_what_is_not_known_and_says_so() {
    let pairs = [("colour", "red"), ("code", "x"), ("code:in", "y")];
    let query = SearchQuery::parse_as(kind("Observation"), &pairs, Handling::Lenient).unwrap();
    assert_eq!(query.conditions.len(), 1);
    assert_eq!(query.ignored().count(), 2);
    let bad_value = [("date", "tomorrow")];
    let refused = SearchQuery::parse_as(kind("Observation"), &bad_value, Handling::Lenient);
    assert!(refused.is_err());
}

#[test]
fn values_are_alternatives_and_escapes_hold() {
    let query = parse(&[("code", "a\\,b,s|c,|d"), ("_count", "7")]).unwrap();
    assert_eq!(query.count(), 7);
    let Condition::Row(Rows {
        test: Test::Token(values),
        ..
    }) = &query.conditions[0]
    else {
        panic!()
    };
    assert_eq!(
        *values,
        [hash_code("a,b"), hash_coded("s", "c"), hash_coded("", "d")]
    );
}

#[test]
fn bare_codes_ignore_the_system_they_imply() {
    let with = parse(&[("status", "http://hl7.org/fhir/observation-status|final")]).unwrap();
    let without = parse(&[("status", "final")]).unwrap();
    assert_eq!(with.conditions, without.conditions);
}

#[test]
fn a_question_between_members_dates_by_the_chart() {
    let question =
        SearchQuery::of_question(kind("MedicationRequest"), &[("date", "ge2026")]).unwrap();
    assert!(matches!(question.conditions[..], [Condition::When(_)]));
    let own = SearchQuery::parse(kind("MedicationRequest"), &[("date", "ge2026")]).unwrap();
    assert!(matches!(own.conditions[..], [Condition::Row(_)]));
    let given = SearchQuery::of_question(kind("Immunization"), &[("code", "x")]);
    assert!(given.is_ok());
}

#[test]
fn a_composite_looks_at_its_parts_together() {
    let query = parse(&[("code-value-quantity", "a$gt5")]).unwrap();
    let Condition::All(parts) = &query.conditions[0] else {
        panic!()
    };
    let [Condition::All(rows), Condition::Verify(Verify { look, .. })] = parts.as_slice() else {
        panic!("{parts:?}")
    };
    assert_eq!(rows.len(), 2);
    assert!(matches!(look, Look::Together(_)));
}

#[test]
fn a_query_has_one_fingerprint_whatever_the_order() {
    let one = parse(&[("code", "a"), ("status", "final"), ("_count", "5")]).unwrap();
    let same = parse(&[("status", "final"), ("code", "a"), ("_cursor", "x")]).unwrap();
    let other = parse(&[("status", "a"), ("code", "final")]).unwrap();
    let sorted = parse(&[("code", "a"), ("status", "final"), ("_sort", "code")]).unwrap();
    assert_eq!(one.fingerprint, same.fingerprint);
    assert_ne!(one.fingerprint, other.fingerprint);
    assert_ne!(one.fingerprint, sorted.fingerprint);
}

proptest! {
    #[test]
    fn nothing_panics(
        which in any::<prop::sample::Index>(),
        name in prop_oneof![
            any::<String>(),
            prop::sample::select(vec![
                "code", "date", "patient", "identifier", "_id", "_count", "_sort", "_include",
                "value-quantity", "code-value-quantity", "subject:Patient.name", "name:exact",
                "_has:Observation:patient:code", "code:of-type", "url:below", "_elements",
            ]).prop_map(str::to_owned),
            "[a-z_-]{1,12}(:[a-zA-Z-]{1,12})?([.][a-z]{1,12}){0,3}",
        ],
        value in prop_oneof![any::<String>(), "[a-z0-9|,$\\\\:TZ+.-]{0,40}"],
    ) {
        let kinds: Vec<_> = ResourceType::all().collect();
        let _ = SearchQuery::parse(*which.get(&kinds), &[(name, value)]);
    }
}
