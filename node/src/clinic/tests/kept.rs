//! What is kept of answers, for whom and for how long.

use super::*;
use crate::clinic::open::{Key, OpenCharts};
use crate::clinic::row::Cause;
use serde_json::json;

fn key(session: &str, under: &str) -> Key {
    Key {
        session: session.into(),
        under: under.into(),
    }
}

fn lab() -> serde_json::Value {
    json!({"resourceType": "Observation", "id": "1", "code": {"text": "K"}, "effectiveDateTime": "2026-11-01",
        "valueQuantity": {"value": 4.1, "unit": "mmol/L"}})
}

#[test]
fn what_one_session_opened_no_other_session_and_no_other_grant_finds() {
    let charts = OpenCharts::default();
    charts.open(key("one", "g1"), shared(open(&["みなと病院"])), now());
    assert!(charts.find(&key("one", "g1"), now()).is_some());
    assert!(charts.find(&key("two", "g1"), now()).is_none());
    assert!(charts.find(&key("one", "g2"), now()).is_none());
    charts.close(&key("one", "g1"));
    assert!(charts.find(&key("one", "g1"), now()).is_none());
}

#[test]
fn what_was_asked_ten_minutes_ago_is_gone() {
    let charts = OpenCharts::default();
    charts.open(key("one", "g1"), shared(open(&["みなと病院"])), now());
    assert!(
        charts
            .find(&key("one", "g1"), today().plus_seconds(599))
            .is_some()
    );
    charts.sweep(today().plus_seconds(600));
    assert_eq!(charts.count(), 0);
    charts.open(key("one", "g1"), shared(open(&["みなと病院"])), now());
    assert!(
        charts
            .find(&key("one", "g1"), today().plus_seconds(-1))
            .is_none(),
        "a clock that goes back shows nothing"
    );
}

#[test]
fn there_are_never_more_than_two_hundred() {
    let charts = OpenCharts::default();
    for number in 0..230 {
        charts.open(
            key("one", &number.to_string()),
            shared(open(&["みなと病院"])),
            now(),
        );
    }
    assert_eq!(charts.count(), 200);
}

#[test]
fn a_consent_that_is_over_clears_what_other_hospitals_answered_and_leaves_the_own_chart() {
    let over = || state(State::Missing(Cause::ConsentOver));
    let chart = open(&["みなと病院", "ゆきみ診療所", "しらかば病院"]);
    chart.take(0, came(0, &[lab()]));
    chart.take(1, came(1, &[lab()]));
    assert_eq!(chart.now().chart.taken.len(), 2);
    chart.take(2, over());
    let now = chart.now();
    assert!(now.is_cleared);
    assert!(now.chart.taken.iter().all(|one| one.source == 0));
    assert_eq!(now.chart.taken.len(), 1);
    assert_ne!(now.rows[0].state, State::Missing(Cause::ConsentOver));
    for place in [1, 2] {
        assert_eq!(now.rows[place].state, State::Missing(Cause::ConsentOver));
        chart.take(place, came(place, &[lab()]));
    }
    let later = chart.now();
    assert_eq!(
        later.chart.taken.len(),
        1,
        "nor does what comes later appear"
    );
    chart.take(0, came(0, &[lab(), lab()]));
    assert_eq!(chart.now().chart.taken.len(), 2, "but of the own chart");
}

#[test]
fn a_hospital_that_is_asked_again_counts_once() {
    let half = || Came {
        bytes: 40 * 1024 * 1024,
        ..came(0, &[lab()])
    };
    let chart = open(&["みなと病院"]);
    for _ in 0..3 {
        chart.ask_again(0);
        chart.take(0, half());
        assert_eq!(chart.now().chart.taken.len(), 1);
    }
}

#[test]
fn an_answer_that_is_too_large_is_said_to_be_and_not_kept() {
    let chart = open(&["みなと病院"]);
    let large = Came {
        bytes: 65 * 1024 * 1024,
        ..came(0, &[lab()])
    };
    chart.take(0, large);
    assert_eq!(chart.now().rows[0].state, State::Missing(Cause::TooMuch));
    assert!(chart.now().chart.taken.is_empty());
}

#[test]
fn a_hospital_that_will_not_answer_any_more_does_not_stay_at_asking() {
    let chart = open(&["みなと病院", "ゆきみ診療所"]);
    chart.take(0, came(0, &[lab()]));
    chart.give_up();
    assert_eq!(chart.now().completeness.asking, 0);
    assert_eq!(chart.now().completeness.missing, 1);
}
