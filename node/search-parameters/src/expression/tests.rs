//! What expressions find, and which are refused.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Expression, ExpressionError, MAX_LENGTH};
use crate::element::Element;

/// What an Observation expression finds: each value with its type.
fn found(expression: &str, resource: &Value) -> Vec<(Value, Option<&'static str>)> {
    let expression = Expression::parse(expression, "Observation").unwrap();
    let mut found = Vec::new();
    expression.elements(Element::untyped(resource), resource, &mut |element| {
        found.push((element.value.clone(), element.fhir_type));
    });
    found
}

fn values(expression: &str, resource: &Value) -> Vec<Value> {
    let found = found(expression, resource).into_iter();
    found.map(|(value, _)| value).collect()
}

fn observation() -> Value {
    json!({
        "resourceType": "Observation", "id": "o1", "status": "final",
        "_issued": {"extension": [{"url": "http://a.example/why", "valueCode": "late"}]},
        "contained": [{"resourceType": "Patient", "id": "p"}],
        "subject": {"reference": "#p"},
        "performer": [{"reference": "Practitioner/1"}, {"reference": "Organization/2"}],
        "category": [{"coding": [{"code": "a"}, {"code": "b"}]}, {"coding": [{"code": "c"}]}],
        "valueQuantity": {"value": 6.0, "unit": "mmol/L"},
        "component": [
            {"code": {"text": "systolic"}, "valueQuantity": {"value": 120}},
            {"code": {"text": "colour"}, "valueString": "red"},
            null
        ]
    })
}

#[test]
fn a_path_walks_every_list_on_its_way() {
    assert_eq!(
        values("Observation.category.coding.code", &observation()),
        [json!("a"), json!("b"), json!("c")]
    );
    assert!(values("Observation.status.code", &observation()).is_empty());
    assert!(values("Observation.component[2]", &observation()).is_empty());
}

#[test]
fn a_choice_is_found_under_every_type_and_tells_it() {
    let resource = observation();
    assert_eq!(
        found("Observation.component.value", &resource),
        [
            (json!({"value": 120}), Some("Quantity")),
            (json!("red"), Some("string"))
        ]
    );
    for only in [
        "Observation.component.value.ofType(string)",
        "Observation.component.value.as(String)",
        "(Observation.component.value as FHIR.string)",
        "Observation.component.value.where($this is string)",
    ] {
        assert!(
            found(only, &resource).contains(&(json!("red"), Some("string"))),
            "{only}"
        );
    }
    assert_eq!(found("Observation.value as Period", &resource), []);
    // A member of that very name comes first: Quantity.value is not a choice.
    assert_eq!(values("Observation.value.value", &resource), [json!(6.0)]);
}

#[test]
fn only_branches_about_the_type_itself_are_kept() {
    let both = "Patient.name | Observation.status | (Group.code as Coding)";
    let own = Expression::parse("Observation.status", "Observation").unwrap();
    assert_eq!(Expression::parse(both, "Observation").unwrap(), own);
    assert!(
        Expression::parse("Patient.name[0].text", "Observation")
            .unwrap()
            .finds_nothing()
    );
    let twice = "Observation.status | Resource.status | Observation.status";
    assert_eq!(Expression::parse(twice, "Observation").unwrap(), own);
}

#[test]
fn where_keeps_what_its_criterion_holds_of() {
    for (expression, count) in [
        ("Observation.component.where(code.text = 'colour')", 1),
        ("Observation.component.where('colour' = code.text)", 1),
        ("Observation.component.where(code.text != 'colour')", 1),
        ("Observation.component.where(code.coding = 'x')", 0),
        ("Observation.component.where(code.coding != 'x')", 0), // nothing to judge
        ("Observation.component.where(value.exists())", 2),
        (
            "Observation.component.where(value.exists($this is string))",
            1,
        ),
        ("Observation.component.where(value.empty())", 0),
        ("Observation.component.where(value.empty().not())", 2),
        (
            "Observation.component.where(code.text = 'x' or value is Quantity)",
            1,
        ),
        (
            "Observation.component.where(code.text = 'colour' and value is Quantity)",
            0,
        ),
        ("Observation.component.where(value.value = 120.0)", 1),
        ("Observation.component.where(%resource.status = 'final')", 2),
        ("Observation.performer.where(resolve() is Practitioner)", 1),
        ("Observation.performer.where(resolve().is(Patient))", 0),
        ("Observation.subject.where(resolve() is Patient)", 1),
        ("Observation.where(subject.resolve() is Patient)", 1),
        (
            "(Observation | Observation.component).where(code.exists())",
            2,
        ),
    ] {
        assert_eq!(
            values(expression, &observation()).len(),
            count,
            "{expression}"
        );
    }
}

#[test]
fn an_index_counts_over_all_lists_together() {
    let resource = observation();
    assert_eq!(
        values("Observation.category.coding[2].code", &resource),
        [json!("c")]
    );
    assert_eq!(
        values("Observation.category.coding.first().code", &resource),
        [json!("a")]
    );
    assert!(values("Observation.category.coding[3]", &resource).is_empty());
}

#[test]
fn extensions_of_primitives_stand_beside_them() {
    let resource = observation();
    let value = "Observation.issued.extension('http://a.example/why').value.ofType(code)";
    assert_eq!(found(value, &resource), [(json!("late"), Some("code"))]);
    let same = "Observation.issued.extension.where(url='http://a.example/why').value.as(code)";
    assert_eq!(
        Expression::parse(value, "Observation").unwrap(),
        Expression::parse(same, "Observation").unwrap()
    );
    let has = "Observation.issued.hasExtension('http://a.example/why')";
    assert_eq!(values(has, &resource), [json!(true)]);
    assert!(
        values(
            "Observation.status.extension('http://a.example/why')",
            &resource
        )
        .is_empty()
    );
}

#[test]
fn truths_are_found_as_booleans() {
    let dead = "Observation.deceased.exists() and Observation.deceased != false";
    for (resource, holds) in [
        (json!({}), false),
        (json!({"deceasedBoolean": false}), false),
        (json!({"deceasedBoolean": true}), true),
        (json!({"deceasedDateTime": "2025-04"}), true),
    ] {
        assert_eq!(
            found(dead, &resource),
            [(json!(holds), Some("boolean"))],
            "{resource}"
        );
    }
}

#[test]
fn a_refusal_says_what_stands_where() {
    let refused = |text: &str| {
        let refusal = Expression::parse(text, "Observation").unwrap_err();
        refusal.to_string()
    };
    for (text, says) in [
        ("", "a name needed at byte 0"),
        ("Observation.", "a name needed at byte 12"),
        (
            "Observation.status status",
            "an operator or the end needed at byte 19",
        ),
        ("Observation.status = ", "a name needed at byte 21"),
        ("'final'", "= or != after a literal needed at byte 7"),
        ("status.where(code", ") needed at byte 17"),
        (
            "value as Quantum",
            "Quantum at byte 9 is not a type of FHIR R4",
        ),
        (
            "subject.resolve().name",
            "`is` and a type after resolve() needed at byte 18",
        ),
        (
            "status[-1]",
            "a name, a literal or an operator needed at byte 7",
        ),
        ("status[1.5]", "a place, from 0 needed at byte 7"),
        (
            "status ! 'a'",
            "a name, a literal or an operator needed at byte 7",
        ),
        (
            "status = 'a",
            "a name, a literal or an operator needed at byte 9",
        ),
        (
            "name.matches('a')",
            "function matches at byte 5 is not one that search parameters may use here",
        ),
    ] {
        assert_eq!(refused(text), says, "{text}");
    }
}

#[test]
fn length_and_depth_are_bounded_however_they_are_reached() {
    let long = "a".repeat(MAX_LENGTH + 1);
    assert_eq!(
        Expression::parse(&long, "Observation"),
        Err(ExpressionError::Length)
    );
    for (open, middle, close) in [
        ("(", "a", ")"),
        ("a.where(", "a", ")"),
        ("a.", "a", ""),
        ("a or ", "a", ""),
        ("a and ", "a", ""),
        ("", "a", " is string"),
        ("", "a", "[0]"),
    ] {
        let nested = open.repeat(40) + middle + &close.repeat(40);
        let refusal = Expression::parse(&nested, "Observation").unwrap_err();
        assert!(
            matches!(refusal, ExpressionError::Depth { .. }),
            "{nested}: {refusal}"
        );
    }
}

fn words() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "Observation",
        ".",
        "value",
        "(",
        ")",
        "[",
        "]",
        "0",
        "1.5",
        "|",
        "=",
        "!=",
        " and ",
        " or ",
        " as ",
        " is ",
        "Quantity",
        "where",
        "exists()",
        "resolve()",
        "'a'",
        "extension",
        "$this",
        "%resource",
        "ofType(",
        "first()",
        "component",
        "true",
        "é",
        "`x",
        "\\",
        "code",
    ]);
    prop::collection::vec(word, 0..24).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn no_text_panics(text in prop_oneof![words(), ".{0,60}"]) {
        if let Ok(expression) = Expression::parse(&text, "Observation") {
            let resource = observation();
            expression.elements(Element::untyped(&resource), &resource, &mut |_| {});
        }
    }
}
