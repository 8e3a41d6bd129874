#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::patient::testing::{any_resource, lab};

fn today() -> civil::Date {
    civil::date(2026, 11, 30)
}

fn read(resource: Value) -> LabResult {
    let held = [Held {
        hospital: 0,
        resource,
    }];
    results(&held, today()).pop().unwrap()
}

#[test]
fn high_and_low_are_what_the_hospital_said() {
    let mut said = lab("HbA1c", "2026-11-20", 5.0);
    said["interpretation"] = json!([{"coding": [{"code": "H"}]}]);
    said["referenceRange"] = json!([{"low": {"value": 4.9}, "high": {"value": 6.0}}]);
    assert_eq!(read(said).standing, Standing::High);
}

#[test]
fn where_the_hospital_says_nothing_its_own_range_decides() {
    for (value, standing) in [
        (4.8, Standing::Low),
        (5.0, Standing::Within),
        (6.1, Standing::High),
    ] {
        let mut found = lab("HbA1c", "2026-11-20", value);
        found["referenceRange"] = json!([{"low": {"value": 4.9}, "high": {"value": 6.0}}]);
        assert_eq!(read(found).standing, standing, "{value}");
    }
    assert_eq!(
        read(lab("HbA1c", "2026-11-20", 9.0)).standing,
        Standing::Unsaid
    );
}

#[test]
fn a_bounded_value_is_called_normal_by_nobody() {
    let mut found = lab("CRP", "2026-11-20", 0.3);
    found["valueQuantity"]["comparator"] = json!("<");
    found["referenceRange"] = json!([{"low": {"value": 0.0}, "high": {"value": 0.14}}]);
    let result = read(found);
    assert_eq!(
        (result.standing, result.found.value()),
        (Standing::Unsaid, "<0.3".to_owned())
    );
}

#[test]
fn what_was_written_by_mistake_is_not_there() {
    for status in ["entered-in-error", "cancelled"] {
        let mut found = lab("HbA1c", "2026-11-20", 5.0);
        found["status"] = json!(status);
        let held = [Held {
            hospital: 0,
            resource: found,
        }];
        assert!(results(&held, today()).is_empty(), "{status}");
    }
}

#[test]
fn a_result_is_new_for_two_weeks_after_it_was_told() {
    let mut old = lab("HbA1c", "2026-10-01", 5.0);
    assert!(!read(old.clone()).is_new);
    old["issued"] = json!("2026-11-25T09:00:00+09:00");
    assert!(read(old.clone()).is_new);
    old["issued"] = json!("2026-12-25T09:00:00+09:00");
    assert!(!read(old).is_new);
}

#[test]
fn a_day_shows_what_wants_a_mark_first() {
    let mut high = lab("Z", "2026-11-20", 9.0);
    high["interpretation"] = json!([{"coding": [{"code": "H"}]}]);
    let held = [
        Held {
            hospital: 0,
            resource: lab("A", "2026-11-20", 1.0),
        },
        Held {
            hospital: 0,
            resource: high,
        },
        Held {
            hospital: 0,
            resource: lab("B", "2026-11-21", 1.0),
        },
    ];
    let results = results(&held, today());
    let days = by_day(&results);
    let names: Vec<Vec<&str>> = days
        .iter()
        .map(|day| day.results.iter().map(|one| one.name.as_str()).collect())
        .collect();
    assert_eq!(names, [vec!["B"], vec!["Z", "A"]]);
}

#[test]
fn a_course_draws_one_unit_and_lists_all() {
    let mut other = lab("白血球数", "2026-11-22", 6.1);
    other["valueQuantity"]["unit"] = json!("10^3/uL");
    let held = [
        Held {
            hospital: 0,
            resource: lab("白血球数", "2026-11-20", 6_000.0),
        },
        Held {
            hospital: 1,
            resource: other,
        },
        Held {
            hospital: 0,
            resource: lab("白血球数", "2026-11-24", 6_200.0),
        },
    ];
    let results = results(&held, today());
    let course = course(&results, "wbc").unwrap();
    assert_eq!((course.all.len(), course.drawn.len()), (3, 2));
    assert!(course.drawn[0].taken < course.drawn[1].taken);
}

#[test]
fn an_unexplained_item_has_no_name_in_its_address() {
    let result = read(lab("まれな検査", "2026-11-20", 1.0));
    assert!(result.item.starts_with("x-") && is_item(&result.item));
    assert!(!result.is_known);
    for bad in ["", "../x", "A", "x y", &"a".repeat(25)] {
        assert!(!is_item(bad), "{bad}");
    }
}

#[test]
fn a_value_within_its_range_stands_in_the_middle_third() {
    let mut found = lab("HbA1c", "2026-11-20", 5.45);
    found["referenceRange"] = json!([{"low": {"value": 4.9}, "high": {"value": 6.0}}]);
    assert_eq!(place_on_bar(&read(found.clone())), Some(50));
    found["valueQuantity"]["value"] = json!(1e300);
    assert_eq!(place_on_bar(&read(found.clone())), Some(98));
    found["referenceRange"] = json!([{"low": {"value": 6.0}, "high": {"value": 6.0}}]);
    assert_eq!(place_on_bar(&read(found)), None);
}

proptest! {
    #[test]
    fn whatever_a_hospital_sends_makes_results_or_none(resources in prop::collection::vec(any_resource("Observation"), 0..12)) {
        let held: Vec<Held> = resources
            .into_iter()
            .map(|resource| Held { hospital: 0, resource })
            .collect();
        let results = results(&held, today());
        prop_assert!(results.len() <= held.len());
        for result in &results {
            prop_assert!(is_item(&result.item));
            prop_assert!(result.name.chars().count() <= 400);
            let _ = place_on_bar(result);
            prop_assert!(course(&results, &result.item).is_some());
        }
        let listed: usize = by_day(&results).iter().map(|day| day.results.len()).sum();
        prop_assert_eq!(listed, results.len());
    }
}
