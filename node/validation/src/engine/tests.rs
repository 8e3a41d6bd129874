//! Verdicts that were cut.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::json;

use super::session::errors;
use super::*;
use crate::issue::IssueCode;

static SHIPPED: LazyLock<Definitions> = LazyLock::new(Definitions::shipped);

const PATIENT: &str = "http://jpfhir.jp/fhir/core/StructureDefinition/JP_Patient";

/// The verdict of a walk that may take so many steps.
fn within(steps: usize, resource: &Value) -> Vec<Issue> {
    let mut session = Session::new(&SHIPPED, resource).within(steps);
    let at = Path::root(name_of(resource));
    session.resource(resource, &at, None);
    session.finish()
}

/// Collections in each other, and a Patient in the innermost.
fn nested(depth: usize) -> Value {
    let mut inner = json!({"resourceType": "Patient", "meta": {"profile": [PATIENT]},
        "identifier": [{"system": "http://x", "value": "1"}]});
    for _ in 0..depth {
        inner = json!({"resourceType": "Bundle", "type": "collection",
            "entry": [{"resource": inner}]});
    }
    inner
}

#[test]
fn nothing_behind_a_cut_is_taken_for_conforming() {
    let wrong = json!({"resourceType": "Patient", "gender": "strange", "birthDate": "notadate"});
    for depth in 10..30 {
        let part = json!({"name": "a", "part": [{"name": "b", "part": [
            {"name": "c", "resource": nested(depth)}]}]});
        let resource = json!({"resourceType": "Parameters", "parameter": [
            part, {"name": "d", "resource": wrong}]});
        let said = validate(&SHIPPED, &resource);
        assert!(errors(&said) > 0, "{depth}: {said:?}");
    }
}

#[test]
fn hints_do_not_hide_what_stands_behind_them() {
    let unknown: Vec<String> = (0..300)
        .map(|n| format!("http://example.org/{n}"))
        .collect();
    let hinted = json!({"resourceType": "Patient", "meta": {"profile": unknown}});
    let wrong = json!({"resourceType": "Patient", "gender": "strange"});
    let bundle = json!({"resourceType": "Bundle", "type": "collection",
        "entry": [{"resource": hinted}, {"resource": wrong}]});
    let said = validate(&SHIPPED, &bundle);
    assert_eq!(said.len(), 200);
    assert_eq!(errors(&said), 1, "{said:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_verdict_that_was_cut_is_never_that_it_conforms(
        depth in 0..4_usize, gender in "(male|strange)", steps in 1..3_000_usize,
    ) {
        let resource = json!({"resourceType": "Bundle", "type": "collection", "entry": [
            {"resource": nested(depth)},
            {"resource": {"resourceType": "Patient", "gender": gender}}]});
        let whole = validate(&SHIPPED, &resource);
        let cut = within(steps, &resource);
        let was_cut = cut.iter().any(|issue| issue.code == IssueCode::TooCostly);
        prop_assert!(!was_cut || errors(&cut) > 0);
        // Less work never makes a resource conform.
        prop_assert!(errors(&whole) == 0 || errors(&cut) > 0, "{steps}: {cut:?}");
        prop_assert!(was_cut || cut == whole);
    }
}
