//! Each page in each state.

use super::*;
use crate::patient::show::{
    DocumentsPage, HelpPage, HomePage, ItemPage, MedicinesPage, ResultsPage, SettingsPage,
    WholePage,
};

fn high() -> Value {
    let mut high = lab("HbA1c(NGSP)", "2026-11-25", 7.1);
    high["interpretation"] = json!([{"coding": [{"code": "H"}]}]);
    high["valueQuantity"] = json!({"value": 7.1, "unit": "%"});
    high["referenceRange"] = json!([{"low": {"value": 4.9}, "high": {"value": 6.0}}]);
    high
}

fn missing(why: Why) -> Gathered {
    Gathered {
        missing: vec![Missing {
            name: "白樺病院".into(),
            why,
        }],
        ..two(vec![(0, high())])
    }
}

fn results_of(gathered: &Gathered) -> String {
    html(&ResultsPage::new(
        &sheet(Language::Ja),
        gathered,
        today(),
        0,
    ))
}

#[test]
fn results_say_high_in_words_and_whose_they_are() {
    let said = results_of(&two(vec![(1, high())]));
    for text in [
        "2026年11月25日(水)",
        "雪見病院",
        "HbA1c(NGSP)",
        "7.1",
        "高い",
        "新着",
        "/p/results/hba1c",
    ] {
        assert!(said.contains(text), "{text}");
    }
}

#[test]
fn without_results_a_page_says_when_they_come() {
    assert!(results_of(&two(vec![])).contains("受診の翌日以降に表示されます"));
}

#[test]
fn every_results_page_says_that_some_wait_whether_or_not_one_does() {
    for gathered in [two(vec![]), two(vec![(0, high())]), missing(Why::Silent)] {
        assert!(results_of(&gathered).contains("主治医の説明のあとに表示する病院があります"));
    }
}

#[test]
fn who_is_missing_is_named_with_what_can_be_done() {
    let silent = results_of(&missing(Why::Silent));
    assert!(silent.contains("白樺病院から記録を取得できませんでした"));
    assert!(silent.contains(r#"data-retry="/p/results?part=2""#));
    assert!(silent.contains(r#"href="/p/results?wait=1""#));
    let unsigned = results_of(&missing(Why::Unsigned));
    assert!(unsigned.contains(r#"class="act" href="/p/links""#));
    assert!(!unsigned.contains("data-retry"));
    let waiting = results_of(&missing(Why::Waiting));
    assert!(waiting.contains("白樺病院の返事を待っています"));
    assert!(waiting.contains(r#"data-again="/p/results?part=2""#));
    assert!(results_of(&missing(Why::More)).contains("ここに出しきれない"));
}

#[test]
fn the_own_chart_alone_says_so_and_fetches_the_rest() {
    let gathered = Gathered {
        is_own_only: true,
        ..two(vec![(0, high())])
    };
    let said = results_of(&gathered);
    assert!(said.contains(r#"data-fragment="/p/results?part=1""#));
    assert!(said.contains("いまはみなと病院の記録だけを表示しています"));
    let whole = results_of(&two(vec![]));
    assert!(!whole.contains("data-fragment") && !whole.contains("だけを表示しています"));
}

#[test]
fn an_item_is_explained_and_held_against_its_own_hospitals_range() {
    let page = ItemPage::new(
        &sheet(Language::Ja),
        &two(vec![(0, high())]),
        today(),
        "hba1c",
    );
    let said = html(&page.unwrap());
    for text in [
        "過去1〜2か月の血糖の平均",
        "この病院の基準範囲: 4.9〜6.0",
        "この画面だけで判断せず",
        "この項目の結果は1回だけです",
    ] {
        assert!(said.contains(text), "{text}");
    }
}

#[test]
fn an_item_of_nobody_is_no_page() {
    let page = |item| ItemPage::new(&sheet(Language::Ja), &two(vec![]), today(), item);
    assert!(page("x-0011223344556677").is_none());
    assert!(page("hba1c").is_some());
}

#[test]
fn medicines_say_how_many_days_are_left_and_which_are_double() {
    let gathered = two(vec![
        (0, prescription("【般】アムロジピン錠５ｍｇ", "2026-11-20")),
        (1, prescription("アムロジピン錠5mg", "2026-11-22")),
        (0, prescription("前の薬", "2026-01-01")),
    ]);
    let said = html(&MedicinesPage::new(
        &sheet(Language::Ja),
        &gathered,
        today(),
    ));
    for text in [
        "アムロジピン錠5mg",
        "あと4日分(2026/12/3まで)",
        "ほかの病院からも出ています",
        "前に使っていたくすり(1)",
        "/p/medicines/notebook",
        "診察や薬局で必ず伝えてください",
    ] {
        assert!(said.contains(text), "{text}: {said}");
    }
}

#[test]
fn home_shows_the_next_appointment_first() {
    let next = json!({
        "resourceType": "Appointment", "status": "booked", "start": "2026-12-08T10:30:00+09:00",
        "serviceType": [{"text": "内科"}], "patientInstruction": "朝食を抜いて来てください",
    });
    let all = vec![
        (0, next),
        (0, high()),
        (0, prescription("薬", "2026-11-20")),
    ];
    let said = html(&HomePage::new(&sheet(Language::Ja), &two(all), today()));
    let at = |text: &str| said.find(text).unwrap_or_else(|| panic!("{text}"));
    assert!(at("2026年12月8日(火) 10:30") < at("HbA1c"));
    assert!(said.contains("あと8日") && said.contains("朝食を抜いて"));
    assert!(at("HbA1c") < at("あと4日分"));
}

#[test]
fn home_without_anything_says_when_something_comes() {
    let said = html(&HomePage::new(&sheet(Language::Ja), &two(vec![]), today()));
    assert!(said.contains("まだ記録がありません"));
}

#[test]
fn documents_name_their_kind_and_hospital() {
    let letter = json!({
        "resourceType": "DocumentReference", "status": "current", "date": "2026-11-20T09:00:00+09:00",
        "type": {"coding": [{"code": "57133-1"}], "text": "診療情報提供書"},
        "author": [{"display": "林 恵子"}],
    });
    let said = html(&DocumentsPage::new(
        &sheet(Language::Ja),
        &two(vec![(1, letter)]),
    ));
    for text in ["診療情報提供書", "紹介状", "雪見病院", "林 恵子"] {
        assert!(said.contains(text), "{text}");
    }
}

#[test]
fn settings_and_help_are_whole_in_both_languages() {
    for language in [Language::Ja, Language::En] {
        let settings = html(&SettingsPage::new(&sheet(language)));
        for path in [
            "/account",
            "/p/consent",
            "/p/print",
            "/p/download/fhir.json",
            "/preferences",
        ] {
            assert!(settings.contains(path), "{path}");
        }
        let help = html(&HelpPage::new(&sheet(language)));
        assert!(help.matches("<li>").count() >= 14);
        assert!(help.contains("011-000-0000"));
        assert!(!help.contains("patient-help"));
    }
}

/// What somebody could put into any text of a chart.
const HOSTILE: [&str; 5] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'--></style><svg onload=alert(1)>",
    "{{7*7}} javascript:alert(1)",
    "\u{202e}</p><iframe src=//evil>",
];

/// Members whose texts make a resource what it is; every other text is replaced.
const KEPT: [&str; 12] = [
    "resourceType",
    "status",
    "code",
    "system",
    "url",
    "start",
    "effectiveDateTime",
    "authoredOn",
    "issued",
    "intent",
    "onsetDateTime",
    "date",
];

fn poison(value: &mut Value, with: &str) {
    match value {
        Value::Array(all) => all.iter_mut().for_each(|one| poison(one, with)),
        Value::Object(members) => {
            for (name, one) in members.iter_mut() {
                match one {
                    Value::String(_) if KEPT.contains(&name.as_str()) => {}
                    Value::String(text) => *text = with.to_owned(),
                    other => poison(other, with),
                }
            }
        }
        _ => {}
    }
}

fn poisoned(with: &str) -> Gathered {
    let mut all = vec![
        high(),
        prescription("薬", "2026-11-20"),
        json!({"resourceType": "AllergyIntolerance", "code": {"text": "x"}, "reaction": [{"manifestation": [{"text": "y"}]}]}),
        json!({"resourceType": "DiagnosticReport", "status": "final", "issued": "2026-11-20", "code": {"text": "x"}, "conclusion": "z", "performer": [{"display": "w"}]}),
        json!({"resourceType": "Encounter", "status": "finished", "serviceType": {"text": "x"}, "period": {"start": "2026-11-20"}}),
        json!({"resourceType": "Appointment", "status": "booked", "start": "2026-12-08T10:30:00+09:00", "description": "x", "patientInstruction": "y"}),
    ];
    all.iter_mut().for_each(|one| poison(one, with));
    let mut gathered = two(all.into_iter().map(|one| (1, one)).collect());
    gathered.hospitals[1].name = with.to_owned();
    gathered.missing.push(Missing {
        name: with.to_owned(),
        why: Why::Silent,
    });
    gathered
}

#[test]
fn nothing_that_stands_in_a_chart_becomes_markup() {
    let page = sheet(Language::Ja);
    for hostile in HOSTILE {
        let gathered = poisoned(hostile);
        let found = crate::patient::results::results(&gathered.held(), today());
        let item = found[0].item.clone();
        let owner = (hostile.to_owned(), "1958-03-14".to_owned());
        let now = federation_protocol::sample::NOW;
        for said in [
            html(&HomePage::new(&page, &gathered, today())),
            html(&ResultsPage::new(&page, &gathered, today(), 0)),
            html(&ItemPage::new(&page, &gathered, today(), &item).unwrap()),
            html(&MedicinesPage::new(&page, &gathered, today())),
            html(&DocumentsPage::new(&page, &gathered)),
            html(&WholePage::new(
                &page,
                &gathered,
                owner.clone(),
                today(),
                now,
            )),
        ] {
            for markup in ["<script>alert", "<img", "<iframe", "<svg onload"] {
                assert!(!said.contains(markup), "{markup} of {hostile}");
            }
        }
    }
}

#[test]
fn a_page_of_a_full_chart_stays_below_a_hundred_kilobytes() {
    let many = (0..3_000).map(|at| {
        let day = format!(
            "20{:02}-{:02}-{:02}",
            10 + at % 16,
            1 + at % 12,
            1 + at % 28
        );
        (at % 2, lab(&format!("検査{}", at % 90), &day, 1.0))
    });
    let prescribed = (0..300).map(|at| {
        let day = format!("20{:02}-{:02}-01", 10 + at % 16, 1 + at % 12);
        (at % 2, prescription(&format!("薬{}", at % 80), &day))
    });
    let gathered = two(many.chain(prescribed).collect());
    let page = sheet(Language::Ja);
    for said in [
        html(&HomePage::new(&page, &gathered, today())),
        html(&ResultsPage::new(&page, &gathered, today(), 0)),
        html(&ResultsPage::new(&page, &gathered, today(), 3)),
        html(&MedicinesPage::new(&page, &gathered, today())),
    ] {
        assert!(said.len() < 80_000, "{}", said.len());
    }
}
