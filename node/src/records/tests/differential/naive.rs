//! What values mean, read from the JSON by nothing that the node is made of.

use serde_json::Value;

use super::town::{JLAC10, Known, WORDS};

const DAY: i64 = 86_400;
const MICROS: i64 = 1_000_000;

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Seconds from 1970 to the beginning of a day, counted month by month.
fn day(year: i64, month: i64, day: i64) -> i64 {
    let years: i64 = (1970..year)
        .map(|year| (1..=12).map(|month| days_of(year, month)).sum::<i64>())
        .sum();
    let earlier: i64 = (year..1970)
        .map(|year| (1..=12).map(|month| days_of(year, month)).sum::<i64>())
        .sum();
    let months: i64 = (1..month).map(|month| days_of(year, month)).sum();
    (years - earlier + months + day - 1) * DAY
}

/// First and last microsecond of a date or date-time; where no zone is said, in Tokyo.
pub(super) fn span(text: &str) -> (i64, i64) {
    let number = |text: &str| text.parse::<i64>().unwrap();
    let (date, time) = text.split_once('T').unwrap_or((text, ""));
    let parts: Vec<i64> = date.split('-').map(number).collect();
    let tokyo = 9 * 3_600;
    if time.is_empty() {
        let (from, to) = match parts[..] {
            [year] => (day(year, 1, 1), day(year + 1, 1, 1)),
            [year, month] => {
                let from = day(year, month, 1);
                (from, from + days_of(year, month) * DAY)
            }
            _ => {
                let from = day(parts[0], parts[1], parts[2]);
                (from, from + DAY)
            }
        };
        return ((from - tokyo) * MICROS, (to - tokyo) * MICROS - 1);
    }
    let (clock, zone) = match time.find(['Z', '+', '-']) {
        Some(at) => time.split_at(at),
        None => (time, "+09:00"),
    };
    let offset = match zone.split_once(':') {
        None => 0,
        Some((hours, minutes)) => {
            let minutes = number(&hours[1..]) * 60 + number(minutes);
            60 * if zone.starts_with('-') {
                -minutes
            } else {
                minutes
            }
        }
    };
    let clock: Vec<&str> = clock.split(':').collect();
    let minute =
        day(parts[0], parts[1], parts[2]) + number(clock[0]) * 3_600 + number(clock[1]) * 60;
    let start = (minute - offset) * MICROS;
    let Some(seconds) = clock.get(2) else {
        return (start, start + 60 * MICROS - 1);
    };
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let start = start + number(whole) * MICROS;
    if fraction.is_empty() {
        return (start, start + MICROS - 1);
    }
    let unit = MICROS / 10_i64.pow(u32::try_from(fraction.len()).unwrap());
    let start = start + number(fraction) * unit;
    (start, start + unit - 1)
}

/// A date, or a period whose ends may be open.
fn span_of(value: &Value) -> Option<(i64, i64)> {
    if let Some(text) = value.as_str() {
        return Some(span(text));
    }
    let (start, end) = (value["start"].as_str(), value["end"].as_str());
    (start.is_some() || end.is_some()).then(|| {
        let from = start.map_or(i64::MIN + 1, |start| span(start).0);
        (from, end.map_or(i64::MAX, |end| span(end).1))
    })
}

/// The element that `date` (or what the type calls it) reads.
pub(super) fn date_of(kind: &str, one: &Value) -> Option<(i64, i64)> {
    span_of(
        &one[match kind {
            "Patient" => "birthDate",
            "Encounter" => "period",
            "MedicationRequest" => "authoredOn",
            _ => "effectiveDateTime",
        }],
    )
}

/// Source: FHIR R4 search, "prefixes".
pub(super) fn compares(prefix: &str, (lo, hi): (i64, i64), (from, to): (i64, i64)) -> bool {
    match prefix {
        "" | "eq" => from <= lo && hi <= to,
        "ne" => !(from <= lo && hi <= to),
        "gt" => hi > to,
        "lt" => lo < from,
        "ge" => hi >= from,
        "le" => lo <= to,
        "sa" => lo > to,
        "eb" => hi < from,
        _ => lo <= to + (to - from) && hi >= from - (to - from),
    }
}

/// In thousandths, so that nothing is rounded.
pub(super) fn measures(quantity: &Value, prefix: &str, number: &str, unit: &str) -> bool {
    let Some(value) = quantity["value"].as_f64() else {
        return false;
    };
    let value = (value * 1_000.0).round() as i64;
    let asked = (number.parse::<f64>().unwrap() * 1_000.0).round() as i64;
    let places = number.split_once('.').map_or(0, |(_, places)| places.len());
    let half = 500 / 10_i64.pow(u32::try_from(places).unwrap());
    let same = (asked - half..asked + half).contains(&value);
    let in_unit = match *unit.split('|').collect::<Vec<_>>() {
        [_, "", code] => quantity["code"] == code || quantity["unit"] == code,
        [_, system, code] => quantity["system"] == system && quantity["code"] == code,
        _ => true,
    };
    in_unit
        && match prefix {
            "" => same,
            "ne" => !same,
            "gt" | "sa" => value > asked,
            "lt" | "eb" => value < asked,
            "ge" => value >= asked,
            "le" => value <= asked,
            _ => (value - asked).abs() * 10 <= asked,
        }
}

fn system(name: &str) -> &str {
    if name == JLAC10[0] { JLAC10[1] } else { name }
}

/// Whether a coding is `code`, `system|code` or `system|`.
pub(super) fn is_coded(coding: &Value, asked: &str) -> bool {
    let member = if coding["code"].is_null() {
        "value"
    } else {
        "code"
    };
    let (of, code) = match asked.split_once('|') {
        Some((of, code)) => (Some(of), code),
        None => (None, asked),
    };
    let same = |of: &str| coding["system"].as_str().map(system) == Some(system(of));
    of.is_none_or(same) && (code.is_empty() || coding[member] == code)
}

pub(super) fn has_code(concept: &Value, asked: &str) -> bool {
    let codings = concept["coding"].as_array().into_iter().flatten();
    codings.into_iter().any(|coding| is_coded(coding, asked))
}

/// A text of our words as it is compared.
pub(super) fn compared(text: &str) -> String {
    let of = |word: &str| {
        WORDS
            .iter()
            .find(|(written, _)| *written == word)
            .unwrap()
            .1
    };
    text.split(' ').map(of).collect()
}

/// Where a reference leads.
pub(super) fn led_to<'t>(reference: &Value, town: &'t [Known]) -> Option<&'t Known> {
    let reference = reference["reference"].as_str()?;
    town.iter().find(|one| one.address() == reference)
}

pub(super) fn refers(reference: &Value, to: &str) -> bool {
    reference["reference"] == to
}
