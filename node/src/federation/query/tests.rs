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
use crate::records::{ResourceType, SearchQuery};

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
        (
            "code".to_owned(),
            "http://loinc.org|4548-4,718-7".to_owned()
        )
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
fn what_is_no_parameter_or_tells_more_than_an_answer_is_refused_never_ignored() {
    for form in [
        "_total=accurate",
        "_summary=count",
        "_elements=id",
        "_contained=true",
        "_content=a",
        "_text=a",
        "_filter=a",
        "_query=a",
        "_list=a",
        "_type=Observation",
        "_format=json",
        "_Count=1",
        "_count:x=1",
        "_sort:x=date",
        "_cursor.a=b",
        "=1",
        ":not=1",
        ".code=1",
        "co%20de=1",
        "code%00=1",
        "c%C3%B6de=1",
    ] {
        assert_eq!(ask(form), Err(QueryError::Parameter), "{form}");
    }
    let long = format!("{}=1", "a".repeat(129));
    assert_eq!(ask(&long), Err(QueryError::Parameter));
}

#[test]
fn parameters_may_be_repeated_but_those_of_the_answers_shape() {
    for name in ["_count", "_cursor", "_sort"] {
        let value = if name == "_count" { "1" } else { "date" };
        let form = format!("{name}={value}&code=1&{name}={value}");
        assert_eq!(ask(&form), Err(QueryError::Duplicate(name)));
    }
    let question = ask("code=1&code=2&date=ge2026&date=le2027&date=ne2026-05").unwrap();
    assert_eq!(question.filters.len(), 5);
    assert_eq!(ask(&question.to_form()).unwrap(), question);
}

#[test]
fn a_question_and_a_batch_cost_no_more_than_they_may() {
    let many = |one: &str, times: usize| vec![one; times].join("&");
    assert!(ask(&many("code=1", 20)).is_ok());
    let linked = "has-member.code=1";
    let has = "_has:DiagnosticReport:result:code=1";
    let include = "_include=Observation:has-member";
    for (one, most) in [
        ("code=1", 20),
        (linked, 8),
        (has, 8),
        (include, 8),
        ("_revinclude:iterate=DiagnosticReport:result", 8),
    ] {
        assert!(ask(&many(one, most)).is_ok(), "{one}");
        let more = ask(&many(one, most + 1));
        assert_eq!(more, Err(QueryError::TooMuch), "{one}");
    }
    for deep in ["a.b.c.d=1", "_has:A:b:_has:C:d:e.f=1", "a._has:B:c:d.e=1"] {
        assert_eq!(ask(deep), Err(QueryError::TooMuch), "{deep}");
    }
    let asked = |form: &str, times: usize| {
        let questions = vec![ask(form).unwrap(); times];
        batch(batch_body(&questions).as_bytes())
    };
    for (form, most) in [
        (many(linked, 8), 4),
        (many(include, 8), 4),
        ("_sort=date".to_owned(), 16),
        ("code=1".to_owned(), 64),
    ] {
        assert_eq!(asked(&form, most).unwrap().len(), most);
        assert!(asked(&form, most + 1).is_err(), "{form}");
    }
}

#[test]
fn values_have_their_form() {
    let alternatives = vec!["a"; 101].join(",");
    let long = format!("code={}", "a".repeat(4097));
    for form in [
        "_count=0",
        "_count=1001",
        "_count=01",
        "_count=%2B1",
        "_count=",
        "_id=",
        "code:not=",
        "code=a%00b",
        "_cursor=a%3D",
        &format!("code={alternatives}"),
        &long,
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
}

#[test]
fn both_ends_refuse_a_value_that_its_parameter_cannot_have() {
    let kind = ResourceType::named("Observation").unwrap();
    let read = |form: &str| SearchQuery::of_question(kind, &ask(form).unwrap().pairs());
    for form in [
        "_id=a/b",
        "_id=a,,b",
        "date=yesterday",
        "date=2026-13-01",
        "code=a%7Cb%7Cc",
        "code=%7C",
        "code=a,",
        "vaccine-code=1",
        "code:below=1",
        "value-quantity=much",
        "_sort=subject",
        "_include=Observation",
        "_include=Observation:code",
        "_lastUpdated=now",
    ] {
        assert!(read(form).is_err(), "{form}");
    }
    for form in [
        "date=2026",
        "date=eq2026-01",
        "date=le2026-01-01T10:00:00%2B09:00",
        "date=2026-01-01T10:00Z",
        "status=final,amended",
        "code=%7C1",
        "code=s%7C",
        "category=laboratory",
        "code:text=a",
        "combo-code-value-quantity=a$gt5",
        "_sort=-date,_id",
        "_cursor=a-_1&_count=1000",
    ] {
        assert!(read(form).is_ok(), "{form}");
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
    fn no_near_miss_makes_it_panic(form in "(code|date|_id|_count|_cursor|_sort|_include|has-member)[a-z:._-]{0,20}=[ -~あ%&=,|TZ:+-]{0,40}") {
        if let Ok(question) = ask(&form) {
            prop_assert_eq!(ask(&question.to_form()).unwrap(), question.clone());
            let kind = ResourceType::named("Observation").unwrap();
            let _ = SearchQuery::of_question(kind, &question.pairs());
        }
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
