#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use jiff::civil::date;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::patient::testing::{any_resource, prescription as rx};

fn today() -> Date {
    date(2026, 11, 30)
}

fn held(resources: Vec<(usize, Value)>) -> Vec<Held> {
    let held = resources.into_iter();
    held.map(|(hospital, resource)| Held { hospital, resource })
        .collect()
}

#[test]
fn the_days_left_count_today() {
    let held = held(vec![(0, rx("アムロジピン錠5mg", "2026-11-20"))]);
    let medicines = medicines(&held, today());
    assert_eq!(medicines.now[0].until, Some(date(2026, 12, 3)));
    assert_eq!(medicines.now[0].days_left, Some(4));
}

#[test]
fn the_last_day_is_still_now_and_the_day_after_is_past() {
    let held = held(vec![(0, rx("薬", "2026-11-17"))]);
    assert_eq!(medicines(&held, today()).now[0].days_left, Some(1));
    let after = medicines(&held, date(2026, 12, 1));
    assert_eq!((after.now.len(), after.past.len()), (0, 1));
}

#[test]
fn a_prescription_goes_on_with_the_one_before() {
    let held = held(vec![
        (0, rx("【般】アムロジピン錠５ｍｇ", "2026-11-06")),
        (0, rx("【般】アムロジピン錠５ｍｇ", "2026-11-20")),
    ]);
    let found = medicines(&held, today());
    assert_eq!((found.now.len(), found.past.len()), (1, 0));
    assert_eq!(found.now[0].since, date(2026, 11, 6));
    assert_eq!(found.now[0].newest.short_name(), "アムロジピン錠5mg");
}

#[test]
fn the_same_medicine_of_two_hospitals_is_marked() {
    let held = held(vec![
        (0, rx("アムロジピン錠５ｍｇ", "2026-11-20")),
        (1, rx("【般】アムロジピン錠5mg", "2026-11-22")),
        (1, rx("ほかの薬", "2026-11-22")),
    ]);
    let found = medicines(&held, today());
    let doubles: Vec<bool> = found.now.iter().map(|one| one.is_double).collect();
    assert_eq!(doubles.iter().filter(|double| **double).count(), 2);
    assert_eq!(found.now.len(), 3);
}

#[test]
fn what_was_stopped_or_written_by_mistake_is_not_taken() {
    for (status, past) in [("stopped", 1), ("cancelled", 0), ("entered-in-error", 0)] {
        let mut said = rx("薬", "2026-11-25");
        said["status"] = json!(status);
        let found = medicines(&held(vec![(0, said)]), today());
        assert_eq!((found.now.len(), found.past.len()), (0, past), "{status}");
    }
}

#[test]
fn an_ointment_without_days_has_no_days_left() {
    let mut said = rx("軟膏", "2026-11-25");
    said["dosageInstruction"] = json!([{"text": "外用・患部に塗布"}]);
    said["dispenseRequest"] = json!({"quantity": {"value": 10, "unit": "g"}});
    let found = medicines(&held(vec![(0, said)]), today());
    let ointment = &found.now[0];
    assert_eq!(
        (ointment.days_left, ointment.newest.way),
        (None, Way::Outer)
    );
}

#[test]
fn what_begins_tomorrow_is_not_taken_today() {
    let found = medicines(&held(vec![(0, rx("薬", "2026-12-01"))]), today());
    assert!(found.now.is_empty());
}

#[test]
fn a_daily_amount_is_one_whose_rate_is_by_the_day() {
    let mut said = rx("薬", "2026-11-25");
    said["dosageInstruction"][0]["doseAndRate"][0]["rateRatio"] = json!({
        "numerator": {"value": 3, "unit": "錠"},
        "denominator": {"value": 1, "unit": "日", "code": "d"},
    });
    let found = prescriptions(&held(vec![(0, said.clone())]));
    assert_eq!(found[0].a_day.as_ref().unwrap().number.value, 3.0);
    said["dosageInstruction"][0]["doseAndRate"][0]["rateRatio"]["denominator"]["unit"] =
        json!("時間");
    assert_eq!(prescriptions(&held(vec![(0, said)]))[0].a_day, None);
}

proptest! {
    #[test]
    fn whatever_a_hospital_sends_makes_medicines_or_none(
        resources in prop::collection::vec(any_resource("MedicationRequest"), 0..10),
        day in 0_i32..40_000,
    ) {
        let today = date(1990, 1, 1).checked_add(day.days()).unwrap();
        let resources = resources.into_iter().enumerate().map(|(at, one)| (at % 3, one));
        let held = held(resources.collect());
        let found = medicines(&held, today);
        prop_assert!(found.now.len() + found.past.len() <= held.len());
        for one in &found.now {
            prop_assert!(one.newest.from <= today);
            prop_assert!(one.days_left.is_none_or(|left| (1..=401).contains(&left)));
        }
    }
}
