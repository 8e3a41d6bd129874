//! Whatever stands in a resource, the views are made, bounded, and free of what runs.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{everybody, today};
use crate::clinic::views::*;

/// What attackers and broken systems write where a text is expected.
pub(crate) const CORPUS: [&str; 9] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "javascript:alert(1)",
    "</title></svg><iframe srcdoc='<script>alert(1)</script>'>",
    "\u{202e}gnp.exe\u{2066}",
    "\u{0}\u{8}\u{1b}[31m",
    "{{7*7}}${7*7}",
    "' onmouseover='alert(1)",
];

/// Every type that is shown, with `text` in every place where a text may stand.
pub(crate) fn resources_with(text: &str) -> Vec<Value> {
    let concept =
        json!({"coding": [{"system": text, "code": text, "display": text}], "text": text});
    let person = json!({"reference": text, "display": text});
    let div = format!(
        "<div xmlns=\"http://www.w3.org/1999/xhtml\">{text}<p onclick=\"x\" style=\"x\">本文</p></div>"
    );
    let narrative = json!({"status": "generated", "div": div});
    let attachment =
        json!({"contentType": text, "title": text, "url": text, "data": "PHNjcmlwdD4="});
    let day = "2026-11-02";
    vec![
        json!({"resourceType": "Observation", "id": text, "status": text, "code": concept, "effectiveDateTime": day,
            "category": [{"coding": [{"code": "laboratory"}]}, concept], "valueString": text, "text": narrative,
            "interpretation": [concept], "referenceRange": [{"text": text}], "performer": [person]}),
        json!({"resourceType": "Observation", "id": text, "status": "final", "code": {"text": text}, "effectiveDateTime": day,
            "valueQuantity": {"value": 1.5, "unit": text, "comparator": text},
            "component": [{"code": concept, "valueCodeableConcept": concept}, {"code": concept, "valueQuantity": {"value": 2, "unit": text}}]}),
        json!({"resourceType": "MedicationRequest", "id": text, "status": text, "authoredOn": day,
            "medicationCodeableConcept": concept, "requester": person,
            "dosageInstruction": [{"text": text, "timing": {"code": concept}, "doseAndRate": [{"doseQuantity": {"value": 1, "unit": text}}]}],
            "dispenseRequest": {"expectedSupplyDuration": {"value": 400, "code": "d"}}}),
        json!({"resourceType": "MedicationRequest", "id": text, "authoredOn": day, "medicationReference": {"display": text}}),
        json!({"resourceType": "AllergyIntolerance", "id": text, "code": concept, "category": [text], "criticality": "high",
            "reaction": [{"manifestation": [concept]}]}),
        json!({"resourceType": "Condition", "id": text, "code": concept, "onsetDateTime": day}),
        json!({"resourceType": "Procedure", "id": text, "code": concept, "performedDateTime": day}),
        json!({"resourceType": "Immunization", "id": text, "vaccineCode": concept, "occurrenceDateTime": day}),
        json!({"resourceType": "Encounter", "id": text, "class": {"code": text}, "serviceType": concept,
            "period": {"start": day, "end": text}, "participant": [{"individual": person}]}),
        json!({"resourceType": "MedicationAdministration", "id": text, "medicationCodeableConcept": concept, "effectiveDateTime": day}),
        json!({"resourceType": "ImagingStudy", "id": text, "started": day, "description": text}),
        json!({"resourceType": "DiagnosticReport", "id": text, "code": concept, "effectiveDateTime": day, "conclusion": text,
            "text": narrative, "presentedForm": [attachment], "resultsInterpreter": [person]}),
        json!({"resourceType": "DocumentReference", "id": text, "type": concept, "description": text, "date": day,
            "author": [person], "docStatus": text, "content": [{"attachment": attachment}]}),
        json!({"resourceType": "Composition", "id": text, "title": text, "type": concept, "date": day, "author": [person],
            "section": [{"title": text, "text": narrative, "section": [{"code": concept, "text": narrative}]}]}),
        json!({"resourceType": "Patient", "id": text, "name": [{"text": text}], "birthDate": text, "gender": text,
            "identifier": [{"value": text, "type": concept}]}),
    ]
}

fn of(values: Vec<Value>) -> Chart {
    let taken = values.into_iter().map(|value| {
        std::sync::Arc::new(Taken {
            source: 0,
            written: Written::of(&value.to_string()),
            value,
        })
    });
    Chart {
        sources: vec![Source::new("m", "病院", false)],
        taken: taken.collect(),
    }
}

/// Every view of a chart, looked at.
fn look(chart: &Chart) -> usize {
    let labs = Labs::of(chart, None, &everybody);
    let drawn: usize = labs
        .rows()
        .map(|row| row.series(chart).len() + row.results().len())
        .sum();
    let medicines = Medicines::of(chart, None, today(), &everybody);
    let timeline = Timeline::of(chart, None, &everybody, &LANES);
    let month = Month::of(
        &timeline,
        Some("2026-11"),
        crate::pages::when::Day::of(today()),
    );
    let documents = documents(chart, None, &everybody);
    let kept: usize = documents
        .iter()
        .filter_map(|one| attachment(chart, &one.id, 0))
        .map(|bytes| bytes.len())
        .sum();
    let people = chart
        .taken
        .iter()
        .map(|taken| Person::of(&taken.value, today()).name.len());
    drawn
        + medicines.bars().len()
        + timeline.events().count()
        + month.weeks.len()
        + documents.len()
        + kept
        + Allergies::of(chart).recorded.len()
        + problems(chart).len()
        + people.sum::<usize>()
}

#[test]
fn nothing_of_the_corpus_survives_in_a_narrative() {
    for text in CORPUS {
        for value in resources_with(text) {
            let Some(markup) = narrative::narrative(&value) else {
                continue;
            };
            for bad in [
                "<script", "<img", "<svg", "<iframe", "onclick", "onerror=", "style=", "href=",
                "\u{202e}",
            ] {
                let tags = markup
                    .split('<')
                    .skip(1)
                    .filter_map(|rest| rest.split('>').next());
                let tags: Vec<&str> = tags.collect();
                assert!(
                    !tags.iter().any(|tag| format!("<{tag}").contains(bad)),
                    "{bad} in {markup}"
                );
            }
            // What stands behind an open frame is within it, and goes with it.
            assert!(
                markup.contains("本文") || text.contains("<iframe"),
                "{markup}"
            );
        }
    }
}

#[test]
fn a_name_of_ten_thousand_letters_is_cut() {
    let long = "長".repeat(10_000);
    let chart = of(resources_with(&long));
    let timeline = Timeline::of(&chart, None, &everybody, &LANES);
    let longest = timeline
        .events()
        .flat_map(|event| &event.names)
        .map(|name| name.chars().count())
        .max();
    assert!(longest.is_some_and(|longest| longest <= 241), "{longest:?}");
    assert!(look(&chart) > 0);
}

#[test]
fn an_attachment_is_what_was_attached_and_of_its_document_alone() {
    let chart = of(resources_with("x"));
    let all = documents(&chart, None, &everybody);
    let report = all
        .iter()
        .find(|one| one.kind == "DiagnosticReport")
        .unwrap();
    assert_eq!(attachment(&chart, &report.id, 0).unwrap(), b"<script>");
    assert_eq!(attachment(&chart, &report.id, 1), None);
    assert_eq!(attachment(&chart, "other", 0), None);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        any::<i64>().prop_map(Value::from),
        "[A-Za-z0-9:T+-]{0,24}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::sample::select(
            &[
                "2026-11-02",
                "9999-12-31",
                "0001-01-01",
                "2026-11-02T09:00:00+09:00",
                "H",
                "laboratory",
                "d"
            ][..]
        )
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        let names = prop::sample::select(
            &[
                "code",
                "coding",
                "text",
                "value",
                "unit",
                "system",
                "display",
                "low",
                "high",
                "start",
                "end",
                "status",
                "div",
                "reference",
                "extension",
                "url",
                "valueDuration",
                "data",
                "title",
                "doseAndRate",
                "doseQuantity",
                "timing",
            ][..],
        );
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((names, inner), 0..5).prop_map(|pairs| {
                Value::Object(
                    pairs
                        .into_iter()
                        .map(|(name, value)| (name.to_owned(), value))
                        .collect(),
                )
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn whatever_a_hospital_writes_every_view_is_made(
        kind in 0_usize..15,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any_json()), 0..6),
    ) {
        let mut value = resources_with("x").swap_remove(kind);
        let names: Vec<String> = value.as_object().unwrap().keys().filter(|name| *name != "resourceType").cloned().collect();
        for (place, change) in changes {
            value[place.get(&names).as_str()] = change;
        }
        let raw = value.to_string();
        prop_assert!(Taken::read(0, &raw).is_some());
        look(&of(vec![value.clone(), value]));
    }

    #[test]
    fn whatever_bytes_come_they_are_a_resource_or_nothing(raw in "\\PC{0,200}|\\{\"[a-zA-Z\":,{}\\[\\]0-9]{0,80}") {
        let _read = Taken::read(0, &raw);
    }
}
