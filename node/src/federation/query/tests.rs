#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    reason = "tests fail by panicking"
)]

use proptest::prelude::*;

use super::*;

fn ask(form: &str) -> Result<Question, QueryError> {
    Question::from_form("Observation", form.as_bytes())
}

#[test]
fn a_question_is_what_the_list_says() {
    let question = ask(
        "code=http%3A%2F%2Floinc.org%7C4548-4,718-7&date=ge2026-01-01&date=lt2026-07-01&_count=20",
    )
    .unwrap();
    assert_eq!(question.count, 20);
    assert_eq!(
        question.filters[0],
        ("code", "http://loinc.org|4548-4,718-7".into())
    );
    assert_eq!(ask(&question.to_form()).unwrap(), question);
    assert_eq!(ask("").unwrap().count, DEFAULT_ENTRIES);
}

#[test]
fn an_unknown_type_is_refused() {
    for name in [
        "Patient",
        "Encounter",
        "Coverage",
        "observation",
        "Observation/1",
        "",
    ] {
        assert_eq!(
            Question::from_form(name, b""),
            Err(QueryError::Type),
            "{name}"
        );
    }
}

#[test]
fn an_unknown_parameter_is_refused_never_ignored() {
    for form in [
        "patient=1",
        "subject=Patient/1",
        "_include=Observation:subject",
        "code:not=1",
        "_sort=date",
        "_summary=count",
        "_format=json",
        "CODE=1",
        "=1",
    ] {
        assert_eq!(ask(form), Err(QueryError::Parameter), "{form}");
    }
}

#[test]
fn nothing_is_given_twice_but_the_two_ends_of_a_range() {
    assert_eq!(ask("code=1&code=2"), Err(QueryError::Duplicate("code")));
    assert_eq!(
        ask("_count=1&_count=1"),
        Err(QueryError::Duplicate("_count"))
    );
    assert!(ask("date=ge2026&date=le2027").is_ok());
    assert_eq!(
        ask("date=ge2026&date=ge2027"),
        Err(QueryError::Duplicate("date"))
    );
    assert_eq!(
        ask("date=2026&date=le2027"),
        Err(QueryError::Duplicate("date"))
    );
    assert_eq!(
        ask("date=ge2026&date=le2027&date=lt2028"),
        Err(QueryError::Duplicate("date"))
    );
}

#[test]
fn values_have_their_form() {
    for form in [
        "_count=0",
        "_count=1001",
        "_count=01",
        "_count=%2B1",
        "_count=",
        "_id=a/b",
        "_id=",
        "_id=a,,b",
        "date=yesterday",
        "date=2026-13-01",
        "date=2026-1",
        "date=2026-01-01T10:00",
        "date=sa2026",
        "date=2026-01T10:00Z",
        "status=Final",
        "code=a%7Cb%7Cc",
        "code=%7C",
        "code=a%00b",
        "_cursor=a%3D",
    ] {
        assert!(matches!(ask(form), Err(QueryError::Value(_))), "{form}");
    }
    for form in [
        "code",
        "code=%zz",
        "code=%4",
        "&",
        "code=1&",
        "code=%ff",
        "code=\u{3042}",
    ] {
        assert_eq!(ask(form), Err(QueryError::Form), "{form}");
    }
    for form in [
        "date=2026",
        "date=eq2026-01",
        "date=le2026-01-01T10:00:00%2B09:00",
        "date=2026-01-01T10:00Z",
        "date=2026-01-01T10:00:00.123Z",
        "status=final,amended",
        "code=%7C1",
        "code=s%7C",
        "category=laboratory",
    ] {
        assert!(ask(form).is_ok(), "{form}");
    }
}

#[test]
fn a_batch_is_whole_or_refused() {
    let questions = vec![ask("code=4548-4").unwrap(), ask("_id=a,b").unwrap()];
    assert_eq!(batch(batch_body(&questions).as_bytes()).unwrap(), questions);
    let entry = r#"{"request":{"method":"GET","url":"Observation"}}"#;
    let wrap =
        |inner: &str| format!(r#"{{"resourceType":"Bundle","type":"batch","entry":[{inner}]}}"#);
    assert_eq!(batch(wrap(entry).as_bytes()).unwrap().len(), 1);
    for bad in [
        wrap(""),
        wrap(&[entry; 65].join(",")),
        wrap(&format!("{entry},{}", entry.replace("GET", "POST"))),
        wrap(&entry.replace("\"request\"", "\"fullUrl\":\"x\",\"request\"")),
        wrap(entry).replace("batch", "transaction"),
        wrap(entry).replace("\"type\"", "\"type\":\"batch\",\"type\""),
        "[]".into(),
        r#"["Bundle","batch",[{"request":{"method":"GET","url":"Observation"}}]]"#.into(),
        wrap(r#"[{"method":"GET","url":"Observation"}]"#),
        wrap(r#"{"request":["GET","Observation"]}"#),
        String::new(),
    ] {
        assert_eq!(batch(bad.as_bytes()), Err(QueryError::Batch), "{bad}");
    }
    let foreign = wrap(&entry.replace("Observation", "Patient"));
    assert_eq!(batch(foreign.as_bytes()), Err(QueryError::Type));
    let path = wrap(&entry.replace("Observation", "Observation/1"));
    assert_eq!(batch(path.as_bytes()), Err(QueryError::Type));
}

#[test]
fn a_question_touches_every_category_that_its_type_can_have() {
    let codes = [
        ("", "laboratory"),
        ("", "vital-signs"),
        ("", "imaging"),
        ("", "exam"),
        ("", "social-history"),
        ("http://loinc.org", "51969-4"),
        ("http://loinc.org", "LP29684-5"),
        ("http://terminology.hl7.org/CodeSystem/v2-0074", "LAB"),
        ("http://terminology.hl7.org/CodeSystem/v2-0074", "EN"),
        ("urn:oid:1.2.392.200119.4.504", "3D010000001926101"),
    ];
    for name in TYPES {
        for code in codes {
            for (category, coded) in [(vec![code], vec![]), (vec![], vec![code])] {
                let of = Category::of(name, &category, &coded);
                assert!(
                    of == Category::Other || categories(name).contains(of),
                    "{name} {code:?}"
                );
            }
        }
    }
}

proptest! {
    #[test]
    fn no_form_makes_it_panic(form in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Question::from_form("Observation", &form);
        let _ = batch(&form);
    }

    #[test]
    fn no_near_miss_makes_it_panic(form in "(code|date|_id|_count|_cursor|status|category)=[ -~あ%&=,|TZ:+-]{0,40}") {
        let _ = Question::from_form("Observation", form.as_bytes());
    }

    #[test]
    fn a_question_survives_its_form(code in "[a-z0-9|あ漢/:.]{1,20}", count in 1_usize..=1000) {
        let pairs = vec![("code".to_owned(), code), ("_count".to_owned(), count.to_string())];
        if let Ok(question) = Question::from_pairs("Observation", &pairs) {
            prop_assert_eq!(ask(&question.to_form()).unwrap(), question);
        }
    }

    #[test]
    fn no_batch_makes_it_panic(url in "\\PC{0,40}") {
        let body = serde_json::json!({"resourceType": "Bundle", "type": "batch",
            "entry": [{"request": {"method": "GET", "url": url}}]});
        let _ = batch(body.to_string().as_bytes());
    }
}
