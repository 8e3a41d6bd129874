//! Thousands of random searches: both databases find the same, and what a reading of the JSON by
//! other code finds.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::*;
use crate::database::testing::on_each_async;

const SEARCHES: usize = 2_000;
const CODES: [&str; 4] = ["2339-0", "29463-7", "8480-6", "8462-4"];
const SYSTEMS: [&str; 2] = ["http://loinc.org", "urn:oid:1.2.392.200119.4.504"];
const DATES: [&str; 7] = [
    "2024",
    "2025-12",
    "2026-01-15",
    "2026-01",
    "2026-02-28",
    "2026-03-01",
    "2026",
];
const PREFIXES: [&str; 8] = ["", "ne", "gt", "lt", "ge", "le", "sa", "eb"];
const NUMBERS: [&str; 6] = ["5", "5.0", "7.25", "100", "98.5", "0"];
const UNITS: [&str; 2] = ["mg/dL", "kg"];
const FAMILIES: [&str; 4] = ["佐藤", "サトウ", "山田", "Yamada"];
const BIRTHS: [&str; 4] = ["1960-05-05", "1960-05", "1999-12-31", "2001"];

/// One thing that is asked, and what it means.
#[derive(Debug, Clone)]
enum Ask {
    Code(Option<&'static str>, &'static str),
    CodeNot(&'static str),
    Date(&'static str, &'static str),
    Value(&'static str, &'static str, Option<&'static str>),
    Combo(&'static str, &'static str, &'static str),
    Missing(&'static str, bool),
    Patient(usize),
    Born(&'static str, &'static str),
    Family(&'static str),
    Reported(&'static str),
}

fn ask() -> impl Strategy<Value = Ask> {
    use prop::sample::select;
    let code = || select(&CODES[..]);
    let prefix = || select(&PREFIXES[..]);
    let number = || select(&NUMBERS[..]);
    prop_oneof![
        (prop::option::of(select(&SYSTEMS[..])), code()).prop_map(|(s, c)| Ask::Code(s, c)),
        code().prop_map(Ask::CodeNot),
        (prefix(), select(&DATES[..])).prop_map(|(p, d)| Ask::Date(p, d)),
        (prefix(), number(), prop::option::of(select(&UNITS[..])))
            .prop_map(|(p, n, u)| Ask::Value(p, n, u)),
        (code(), prefix(), number()).prop_map(|(c, p, n)| Ask::Combo(c, p, n)),
        (
            select(&["value-quantity", "date", "component-code"][..]),
            any::<bool>()
        )
            .prop_map(|(what, missing)| Ask::Missing(what, missing)),
        (0..6_usize).prop_map(Ask::Patient),
        (prefix(), select(&BIRTHS[..])).prop_map(|(p, d)| Ask::Born(p, d)),
        select(&FAMILIES[..]).prop_map(Ask::Family),
        select(&["final", "partial"][..]).prop_map(Ask::Reported),
    ]
}

impl Ask {
    fn pair(&self) -> (String, String) {
        let (name, value) = match self {
            Self::Code(None, code) => ("code", (*code).to_owned()),
            Self::Code(Some(system), code) => ("code", format!("{system}|{code}")),
            Self::CodeNot(code) => ("code:not", (*code).to_owned()),
            Self::Date(prefix, date) => ("date", format!("{prefix}{date}")),
            Self::Value(prefix, number, unit) => {
                let unit = unit.map(|unit| format!("||{unit}")).unwrap_or_default();
                ("value-quantity", format!("{prefix}{number}{unit}"))
            }
            Self::Combo(code, prefix, number) => (
                "combo-code-value-quantity",
                format!("{code}${prefix}{number}"),
            ),
            Self::Missing(what, missing) => {
                return (format!("{what}:missing"), missing.to_string());
            }
            Self::Patient(number) => ("patient", format!("p{number}")),
            Self::Born(prefix, date) => ("patient.birthdate", format!("{prefix}{date}")),
            Self::Family(name) => ("subject:Patient.family", (*name).to_owned()),
            Self::Reported(status) => ("_has:DiagnosticReport:result:status", (*status).to_owned()),
        };
        (name.to_owned(), value)
    }

    /// Whether an observation is meant, by its JSON and everybody else's.
    fn means(&self, one: &Value, all: &[Value]) -> bool {
        match self {
            Self::Code(system, code) => has_code(one, *system, code),
            Self::CodeNot(code) => !has_code(one, None, code),
            Self::Date(prefix, date) => {
                let when = one["effectiveDateTime"].as_str();
                when.is_some_and(|when| holds(prefix, days(when), days(date)))
            }
            Self::Value(prefix, number, unit) => {
                measures(&one["valueQuantity"], prefix, number, *unit)
            }
            Self::Combo(code, prefix, number) => {
                let own = has_code(one, None, code)
                    && measures(&one["valueQuantity"], prefix, number, None);
                let parts = one["component"].as_array().into_iter().flatten();
                own || parts.into_iter().any(|part| {
                    has_code(part, None, code)
                        && measures(&part["valueQuantity"], prefix, number, None)
                })
            }
            Self::Missing(what, missing) => {
                let there = match *what {
                    "value-quantity" => !one["valueQuantity"].is_null(),
                    "date" => !one["effectiveDateTime"].is_null(),
                    _ => !one["component"].is_null(),
                };
                there != *missing
            }
            Self::Patient(number) => one["subject"]["reference"] == format!("Patient/p{number}"),
            Self::Born(prefix, date) => patient_of(one, all).is_some_and(|patient| {
                let born = patient["birthDate"].as_str();
                born.is_some_and(|born| holds(prefix, days(born), days(date)))
            }),
            Self::Family(name) => patient_of(one, all).is_some_and(|patient| {
                let name = name.to_lowercase();
                let family = patient["name"][0]["family"]
                    .as_str()
                    .unwrap()
                    .to_lowercase();
                family.starts_with(&name)
            }),
            Self::Reported(status) => all.iter().any(|report| {
                let wanted = format!("Observation/{}", one["id"].as_str().unwrap());
                let results = report["result"].as_array().into_iter().flatten();
                report["status"] == *status
                    && results
                        .into_iter()
                        .any(|result| result["reference"] == wanted)
            }),
        }
    }
}

fn has_code(element: &Value, system: Option<&str>, code: &str) -> bool {
    let codings = element["code"]["coding"].as_array().into_iter().flatten();
    codings.into_iter().any(|coding| {
        coding["code"] == code && system.is_none_or(|system| coding["system"] == system)
    })
}

fn patient_of<'v>(one: &Value, all: &'v [Value]) -> Option<&'v Value> {
    let (_, id) = one["subject"]["reference"].as_str()?.split_once('/')?;
    all.iter()
        .find(|other| other["resourceType"] == "Patient" && other["id"] == id)
}

/// First and last day, as numbers that sort like days.
fn days(date: &str) -> (i64, i64) {
    let mut parts = date.split('-').map(|part| part.parse::<i64>().unwrap());
    let year = parts.next().unwrap() * 10_000;
    match (parts.next(), parts.next()) {
        (None, _) => (year + 101, year + 1_231),
        (Some(month), None) => (year + month * 100 + 1, year + month * 100 + 31),
        (Some(month), Some(day)) => (year + month * 100 + day, year + month * 100 + day),
    }
}

fn holds(prefix: &str, (lo, hi): (i64, i64), (from, to): (i64, i64)) -> bool {
    match prefix {
        "" => from <= lo && hi <= to,
        "ne" => !(from <= lo && hi <= to),
        "gt" => hi > to,
        "lt" => lo < from,
        "ge" => hi >= from,
        "le" => lo <= to,
        "sa" => lo > to,
        _ => hi < from,
    }
}

/// In thousandths, so that nothing is rounded.
fn measures(quantity: &Value, prefix: &str, number: &str, unit: Option<&str>) -> bool {
    let Some(value) = quantity["value"].as_f64() else {
        return false;
    };
    let value = (value * 1_000.0).round() as i64;
    let asked = (number.parse::<f64>().unwrap() * 1_000.0).round() as i64;
    let places = number.split_once('.').map_or(0, |(_, places)| places.len());
    let half = 500 / 10_i64.pow(u32::try_from(places).unwrap());
    let about = (asked - half..asked + half).contains(&value);
    let in_unit = unit.is_none_or(|unit| quantity["unit"] == unit);
    in_unit
        && match prefix {
            "" => about,
            "ne" => !about,
            "gt" | "sa" => value > asked,
            "lt" | "eb" => value < asked,
            "ge" => value >= asked,
            _ => value <= asked,
        }
}

pub(super) fn sample<S: Strategy>(runner: &mut TestRunner, strategy: &S) -> S::Value {
    strategy.new_tree(runner).unwrap().current()
}

/// Five patients, their observations, the reports on some.
fn charts(runner: &mut TestRunner) -> Vec<Value> {
    use prop::sample::select;
    let mut all = Vec::new();
    for number in 0..5 {
        let (family, born) = sample(runner, &(select(&FAMILIES[..]), select(&BIRTHS[..])));
        all.push(json!({
            "resourceType": "Patient", "id": format!("p{number}"),
            "name": [{"family": family}], "birthDate": born
        }));
    }
    let quantity = || {
        let value = select(&[4.95, 5.0, 5.04, 7.25, 98.5, 99.4, 100.0, 100.6, 0.0][..]);
        (value, select(&UNITS[..])).prop_map(|(value, unit)| json!({"value": value, "unit": unit}))
    };
    let coding = || {
        (select(&SYSTEMS[..]), select(&CODES[..]))
            .prop_map(|(system, code)| json!({"coding": [{"system": system, "code": code}]}))
    };
    let days = select(
        &[
            "2024-12-31",
            "2025-12",
            "2026-01-15",
            "2026-02-28",
            "2026-03-01",
        ][..],
    );
    let observation = (
        0..6_usize,
        prop::collection::vec(coding(), 1..3),
        prop::option::of(days),
        prop::option::of(quantity()),
        prop::collection::vec((coding(), quantity()), 0..3),
    );
    for number in 0..80 {
        let (patient, codes, date, value, parts) = sample(runner, &observation);
        let mut codings = Vec::new();
        for code in &codes {
            codings.extend(code["coding"].as_array().unwrap().iter().cloned());
        }
        let mut one = json!({
            "resourceType": "Observation", "id": format!("o{number}"), "status": "final",
            "code": {"coding": codings},
            "subject": {"reference": format!("Patient/p{patient}")}
        });
        let members = one.as_object_mut().unwrap();
        members.extend(date.map(|date| ("effectiveDateTime".to_owned(), json!(date))));
        members.extend(value.map(|value| ("valueQuantity".to_owned(), value)));
        if !parts.is_empty() {
            let parts: Vec<Value> = parts
                .into_iter()
                .map(|(code, value)| json!({"code": code, "valueQuantity": value}))
                .collect();
            members.insert("component".to_owned(), json!(parts));
        }
        all.push(one);
    }
    for number in 0..8 {
        let (status, results) = sample(
            runner,
            &(
                select(&["final", "partial"][..]),
                prop::collection::vec(0..80_usize, 1..8),
            ),
        );
        let results: Vec<Value> = results
            .into_iter()
            .map(|to| json!({"reference": format!("Observation/o{to}")}))
            .collect();
        all.push(json!({
            "resourceType": "DiagnosticReport", "id": format!("r{number}"), "status": status,
            "result": results
        }));
    }
    all
}

#[tokio::test]
async fn random_searches_find_on_each_database_what_a_naive_reading_finds() {
    let mut runner = TestRunner::deterministic();
    let all = charts(&mut runner);
    let asks: Vec<Vec<Ask>> = (0..SEARCHES)
        .map(|_| sample(&mut runner, &prop::collection::vec(ask(), 1..4)))
        .collect();
    let expected: Vec<BTreeSet<String>> = asks
        .iter()
        .map(|asks| {
            all.iter()
                .filter(|one| one["resourceType"] == "Observation")
                .filter(|one| asks.iter().all(|ask| ask.means(one, &all)))
                .map(|one| one["id"].as_str().unwrap().to_owned())
                .collect()
        })
        .collect();
    let found_any = expected.iter().filter(|ids| !ids.is_empty()).count();
    assert!(
        found_any > SEARCHES / 5,
        "{found_any} searches find anything"
    );
    on_each_async(async |database| {
        let house = House::open(database).await;
        for one in &all {
            house.put(one).await;
        }
        for (asks, expected) in asks.iter().zip(&expected) {
            let pairs: Vec<(String, String)> = asks.iter().map(Ask::pair).collect();
            let mut borrowed: Vec<(&str, &str)> = pairs
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            borrowed.push(("_count", "1000"));
            let found: BTreeSet<String> = house
                .find("Observation", &borrowed)
                .await
                .into_iter()
                .collect();
            assert_eq!(found, *expected, "{pairs:?}");
        }
    })
    .await;
}
