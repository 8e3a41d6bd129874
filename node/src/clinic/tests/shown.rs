//! What the pages say: each state from its cause, nothing incomplete as complete, nothing that runs.

use super::*;
use crate::clinic::row::Cause;
use crate::clinic::views::tests::strangers::{CORPUS, resources_with};
use crate::federation::outcome::{Answer, PeerOutcome, Silence};
use federation_protocol::refusal::Refusal;
use serde_json::json;

const BOTH: [Language; 2] = [Language::Ja, Language::En];
const TABS: [Tab; 4] = [Tab::Timeline, Tab::Labs, Tab::Medicines, Tab::Documents];

const CAUSES: [Cause; 16] = [
    Cause::Unreachable,
    Cause::Timeout,
    Cause::Tls,
    Cause::Resting,
    Cause::Unsigned,
    Cause::Unusable,
    Cause::NotMember,
    Cause::DirectoryExpired,
    Cause::ConsentOver,
    Cause::OwnChart,
    Cause::NotWritten,
    Cause::Unverified,
    Cause::Busy,
    Cause::Version,
    Cause::TooMuch,
    Cause::Policy("category_not_released"),
];

fn lab(day: &str) -> serde_json::Value {
    json!({"resourceType": "Observation", "id": "1", "category": [{"coding": [{"code": "laboratory"}]}],
        "code": {"text": "カリウム"}, "effectiveDateTime": day, "valueQuantity": {"value": 4.1, "unit": "mmol/L"}})
}

fn of(outcome: &PeerOutcome) -> State {
    State::of(outcome, 10, &[])
}

#[test]
fn each_state_of_a_row_has_words_of_its_own_in_both_languages() {
    for language in BOTH {
        let mut said = Vec::new();
        for cause in CAUSES {
            let chart = open(&["みなと病院", "ゆきみ診療所"]);
            chart.take(0, came(0, &[lab("2026-11-01")]));
            chart.take(1, state(State::Missing(cause)));
            let page = page(&chart, &Tab::Timeline, "", language).unwrap();
            let row = page
                .split("id=\"row-1\"")
                .nth(1)
                .unwrap()
                .split("</li>")
                .next()
                .unwrap()
                .to_owned();
            assert!(
                !row.contains("clinic-") && row.contains("row-why"),
                "{cause:?}: {row}"
            );
            assert_eq!(
                row.contains("/rows/1"),
                cause.may_pass() && cause != Cause::ConsentOver,
                "{cause:?}"
            );
            said.push(row);
        }
        said.sort();
        said.dedup();
        assert_eq!(said.len(), CAUSES.len(), "each cause is told apart");
    }
}

#[test]
fn nobody_can_tell_what_a_person_does_not_show_from_what_is_not_there() {
    let nothing = of(&PeerOutcome::Answered(Answer::default()));
    for refusal in [
        Refusal::ConsentNotGranted,
        Refusal::ConsentTooComplex,
        Refusal::ScopeNotGranted,
        Refusal::PurposeNotGranted,
    ] {
        assert_eq!(of(&PeerOutcome::Refused(refusal)), nothing);
    }
    assert_eq!(nothing, State::Nothing);
}

#[test]
fn each_end_of_an_exchange_is_shown_for_what_it_is() {
    let silent = |silence| of(&PeerOutcome::Silent(silence));
    for (silence, cause) in [
        (Silence::Unreachable, Cause::Unreachable),
        (Silence::Timeout, Cause::Timeout),
        (Silence::TlsFailed, Cause::Tls),
        (Silence::Resting, Cause::Resting),
        (
            Silence::UnsignedError {
                status: 502,
                hint: None,
            },
            Cause::Unsigned,
        ),
        (Silence::Unusable, Cause::Unusable),
        (Silence::NotAMember, Cause::NotMember),
        (Silence::DirectoryExpired, Cause::DirectoryExpired),
        (Silence::TokenExpired, Cause::ConsentOver),
        (Silence::OwnChartUnavailable, Cause::OwnChart),
    ] {
        assert_eq!(silent(silence), State::Missing(cause));
    }
    assert_eq!(
        of(&PeerOutcome::Unverified),
        State::Missing(Cause::Unverified)
    );
    assert_eq!(
        of(&PeerOutcome::Refused(Refusal::TokenRevoked)),
        State::Missing(Cause::ConsentOver)
    );
    assert_eq!(
        of(&PeerOutcome::Refused(Refusal::VersionUnsupported)),
        State::Missing(Cause::Version)
    );
    let policy = of(&PeerOutcome::Refused(Refusal::PractitionerMismatch));
    assert_eq!(
        policy,
        State::Missing(Cause::Policy("practitioner_mismatch"))
    );
}

#[test]
fn how_many_of_how_many_stands_on_every_tab_and_in_what_is_copied() {
    let chart = open(&[
        "みなと病院",
        "ゆきみ診療所",
        "しらかば病院",
        "おたる病院",
        "はこだて病院",
    ]);
    for place in 0..3 {
        chart.take(place, came(place, &[lab("2026-11-01")]));
    }
    chart.take(3, state(State::Missing(Cause::Timeout)));
    chart.take(4, state(State::Nothing));
    let sentence =
        "5施設中3施設の結果を表示しています(1施設は表示できる記録なし、1施設は取得できず)";
    for tab in TABS {
        let page = page(&chart, &tab, "", Language::Ja).unwrap();
        assert!(
            page.contains(&format!("role=\"status\"><strong>{sentence}")),
            "{tab:?}"
        );
    }
    let labs = page(&chart, &Tab::Labs, "", Language::Ja).unwrap();
    let copied = labs.split("id=\"copied\"").nth(1).unwrap();
    assert!(
        copied.contains(sentence) && copied.contains("取得日時: 2026年11月30日"),
        "{copied}"
    );
    assert!(copied.contains("2026/11/1 しらかば病院 カリウム: 4.1 mmol/L"));
}

#[test]
fn an_empty_view_never_says_that_there_is_nothing_while_something_is_missing() {
    let chart = open(&["みなと病院", "ゆきみ診療所"]);
    let says = |chart: &OpenChart| {
        let page = page(chart, &Tab::Medicines, "zoom=all", Language::Ja).unwrap();
        page.split("card empty\">")
            .nth(1)
            .unwrap()
            .split('<')
            .next()
            .unwrap()
            .to_owned()
    };
    assert!(says(&chart).contains("待っています"));
    chart.take(0, state(State::Nothing));
    chart.take(1, state(State::Missing(Cause::Timeout)));
    assert!(says(&chart).contains("取得できていない病院があります"));
    let page = page(&chart, &Tab::Timeline, "", Language::Ja).unwrap();
    assert!(page.contains("「アレルギーなし」という意味ではありません"));
    assert!(page.contains("ほかにもアレルギーの記載があるかもしれません"));
    chart.ask_again(1);
    chart.take(1, state(State::Nothing));
    assert_eq!(says(&chart), "表示できる記録はありません。");
}

#[test]
fn a_page_that_is_still_filling_follows_the_stream_and_offers_to_wait() {
    let chart = open(&["みなと病院", "ゆきみ診療所"]);
    chart.take(0, came(0, &[lab("2026-11-01")]));
    let filling = page(&chart, &Tab::Labs, "zoom=3m", Language::Ja).unwrap();
    assert!(filling.contains("data-stream=\"/c/grants/g1/rows/labs?zoom=3m\""));
    assert!(
        filling.contains("href=\"/c/grants/g1/labs?zoom=3m&#38;wait=1\""),
        "{filling}"
    );
    assert!(filling.contains("カリウム"), "what came is there already");
    chart.take(1, state(State::Nothing));
    let full = page(&chart, &Tab::Labs, "zoom=3m", Language::Ja).unwrap();
    assert!(!full.contains("data-stream") && !full.contains("aria-busy"));
}

#[test]
fn a_consent_that_ended_leaves_nothing_of_other_hospitals_on_any_tab() {
    let chart = open(&["みなと病院", "ゆきみ診療所"]);
    chart.take(1, came(1, &[lab("2026-11-01")]));
    chart.clear();
    for tab in TABS {
        let page = page(&chart, &tab, "", Language::Ja).unwrap();
        assert!(
            !page.contains("カリウム") && page.contains("表示していた他院の情報は消去しました")
        );
        assert!(page.contains("role=\"alert\""));
    }
    chart.take(0, came(0, &[lab("2026-11-02")]));
    let labs = page(&chart, &Tab::Labs, "", Language::Ja).unwrap();
    assert!(labs.contains("カリウム") && labs.contains("role=\"alert\""));
    assert!(
        labs.contains("2施設中1施設の結果を表示しています"),
        "{labs}"
    );
}

#[test]
fn an_item_that_is_not_there_is_not_found() {
    let chart = open(&["みなと病院"]);
    chart.take(0, came(0, &[lab("2026-11-01")]));
    assert!(page(&chart, &Tab::Item("other".into()), "", Language::Ja).is_none());
    assert!(page(&chart, &Tab::Document("other".into()), "", Language::Ja).is_none());
}

/// No tag of the page runs anything or leads away, whatever a hospital wrote.
fn is_harmless(page: &str, text: &str) {
    for piece in page.split('<').skip(1) {
        let tag = piece.split('>').next().unwrap();
        let name = tag
            .trim_start_matches('/')
            .split([' ', '\n'])
            .next()
            .unwrap();
        let ours = !matches!(
            name,
            "script" | "img" | "iframe" | "object" | "embed" | "base"
        ) || tag.contains("nonce=");
        assert!(ours || tag == "/script", "{tag} of {text:?}");
        let mut attributes = tag.split('"').step_by(2);
        assert!(
            attributes.all(|part| [" on", "style=", "srcdoc"]
                .iter()
                .all(|bad| !part.contains(bad))),
            "{tag} of {text:?}"
        );
        let leads = [
            "href=\"",
            "src=\"",
            "action=\"",
            "data-go=\"",
            "data-fragment=\"",
        ];
        let mut leads = leads.iter().filter_map(|name| tag.split(name).nth(1));
        assert!(
            leads.all(|to| to.starts_with(['/', '#'])),
            "{tag} of {text:?}"
        );
    }
    assert!(
        !page.contains(['\u{202e}', '\u{2066}', '\u{0}', '\u{1b}']),
        "{text:?}"
    );
}

#[test]
fn nothing_that_a_hospital_writes_runs_on_any_page() {
    for text in CORPUS {
        let chart = open(&[text, "ゆきみ診療所"]);
        chart.take(0, came(0, &resources_with(text)));
        chart.take(1, came(1, &resources_with(text)));
        for tab in TABS {
            for query in ["zoom=all", "zoom=all&month=2026-11"] {
                let page = page(&chart, &tab, query, Language::Ja).unwrap();
                is_harmless(&page, text);
                for link in page.split("href=\"/c/grants/g1/").skip(1) {
                    let link = link.split(['"', '?']).next().unwrap();
                    let deeper = match link.split_once('/') {
                        Some(("labs", id)) => Tab::Item(id.into()),
                        Some(("documents", id)) if !id.contains('/') => Tab::Document(id.into()),
                        _ => continue,
                    };
                    is_harmless(
                        &super::page(&chart, &deeper, "", Language::En).unwrap(),
                        text,
                    );
                }
            }
        }
    }
}

#[test]
fn a_page_of_a_long_chart_stays_within_its_bounds() {
    let chart = open(&["みなと病院"]);
    let day =
        |number: i64| crate::pages::when::Day::of(today().plus_seconds(-86_400 * number)).iso();
    let many: Vec<_> = (0..1000).map(|number| lab(&day(number))).collect();
    chart.take(0, came(0, &many));
    for tab in TABS {
        let page = page(&chart, &tab, "zoom=all", Language::Ja).unwrap();
        assert!(page.len() < 900_000, "{tab:?}: {}", page.len());
    }
}
