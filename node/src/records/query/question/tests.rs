#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
use proptest::prelude::*;

use super::*;

fn ask(kind: &str, pairs: &[(&str, &str)]) -> Result<SearchQuery, QueryError> {
    SearchQuery::of_question(ResourceType::named(kind).unwrap(), pairs)
}

#[test]
fn every_parameter_of_a_type_may_be_asked_for_but_those_that_name_the_patient() {
    for pair in [
        ("code", "a,b"),
        ("code:not", "a"),
        ("code:text", "a"),
        ("value-quantity", "gt5||mg"),
        ("combo-code-value-quantity", "a$gt5"),
        ("performer:missing", "true"),
        ("encounter", "Encounter/e"),
        ("has-member:Observation.code", "a"),
        ("has-member.value-quantity", "gt5"),
        ("_has:DiagnosticReport:result:status", "final"),
        ("_has:Observation:has-member:derived-from.code", "a"),
        ("_lastUpdated", "ge2026"),
        ("_id", "a"),
        ("_tag", "s|a"),
        ("_security", "s|R"),
        ("_profile", "http://p"),
        ("_source", "http://s"),
        ("_sort", "-value-quantity,_id"),
        ("_include", "Observation:*"),
        ("_include:iterate", "Observation:has-member:Observation"),
        ("_revinclude", "DiagnosticReport:result"),
        ("date", "sa2026-01-01T10:00:00Z,ap2025"),
    ] {
        assert!(ask("Observation", &[pair]).is_ok(), "{pair:?}");
    }
    assert!(ask("Immunization", &[("code", "a"), ("date", "2026")]).is_ok());
}

#[test]
fn the_patient_is_never_named_and_nothing_leads_to_what_never_leaves() {
    for pair in [
        ("patient", "p"),
        ("subject", "Patient/p"),
        ("subject", "Group/g"),
        ("subject", "http://elsewhere/Patient/p"),
        ("subject:identifier", "s|1"),
        ("subject:missing", "true"),
        ("subject:Patient.name", "a"),
        ("patient.birthdate", "1970"),
        ("encounter.status", "finished"),
        ("has-member.patient", "p"),
        ("has-member.subject:Patient.name", "a"),
        ("_has:DiagnosticReport:result:patient", "p"),
        ("_has:DiagnosticReport:subject:status", "final"),
        ("_has:Provenance:target:recorded", "2026"),
        ("_has:Encounter:diagnosis:status", "finished"),
        ("_include", "Observation:subject"),
        ("_include", "Observation:encounter"),
        ("_include", "Observation:encounter:Encounter"),
        ("_include", "Observation:focus:Patient"),
        ("_revinclude", "Encounter:diagnosis"),
        ("_revinclude", "Coverage:payor"),
        ("_total", "accurate"),
        ("_summary", "count"),
        ("_elements", "id"),
    ] {
        let refused = ask("Observation", &[pair]);
        assert!(
            matches!(refused, Err(QueryError::NotBetweenMembers(_))),
            "{pair:?}: {refused:?}"
        );
    }
    for pair in [
        ("_text", "a"),
        ("_content", "a"),
        ("_filter", "a"),
        ("_list", "a"),
        ("_query", "a"),
        ("_contained", "true"),
        ("_type", "Observation"),
        ("vaccine-code", "a"),
    ] {
        assert!(ask("Observation", &[pair]).is_err(), "{pair:?}");
    }
}

#[test]
fn one_question_makes_no_boundless_work() {
    let include = ("_include", "Observation:has-member");
    assert!(ask("Observation", &[include; 8]).is_ok());
    assert_eq!(ask("Observation", &[include; 9]), Err(QueryError::TooMuch));
    let chain = ("has-member:Observation.code", "a");
    assert!(ask("Observation", &[chain; 24]).is_ok());
    // `focus` may be anything at all: of what may leave, only some has such a parameter.
    let wide = ask("Observation", &[("focus._id", "a")]).unwrap();
    assert!(
        (10..32).contains(&wide.link_searches()),
        "{}",
        wide.link_searches()
    );
    let wider = ask("Observation", &[("focus._id", "a"); 3]);
    assert_eq!(wider, Err(QueryError::TooMuch));
}

#[test]
fn a_cursor_of_one_question_serves_no_other_and_no_other_chart() {
    let of = |pairs: &[(&str, &str)]| ask("Observation", pairs).unwrap().fingerprint;
    let plain = of(&[("code", "a")]);
    assert_eq!(plain, of(&[("code", "a"), ("_count", "3")]));
    assert_ne!(plain, of(&[("code", "a"), ("_sort", "date")]));
    assert_ne!(plain, of(&[("code", "a"), ("date", "2026")]));
    let mut bound = [1, 2].map(|chart| {
        let mut query = ask("Observation", &[("code", "a")]).unwrap();
        query.bind_to(Some(crate::database::Rid(chart)));
        query.fingerprint
    });
    bound.sort_unstable();
    let [one, other] = bound;
    assert!(one != other && one != plain && other != plain);
}

proptest! {
    #[test]
    fn nothing_panics(name in "[a-zA-Z_:.-]{0,40}", value in any::<String>()) {
        let _ = ask("Observation", &[(&name, &value)]);
        let _ = ask("DiagnosticReport", &[(&name, &value), ("_include", &value)]);
    }
}
