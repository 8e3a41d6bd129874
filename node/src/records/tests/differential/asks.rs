//! What is asked, and what it means.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Draw;
use super::naive::{self, compared, compares, has_code, is_coded, led_to, measures, refers, span};
use super::town::{BEGINNING, BIRTHS, CLAIMS, CODES, JLAC10, Known, LOINC, UCUM, UNITS, WORDS};

/// The types that are searched.
pub(super) const KINDS: [&str; 6] = [
    "Observation",
    "Patient",
    "Encounter",
    "MedicationRequest",
    "Account",
    "Location",
];

const PREFIXES: [&str; 9] = ["", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"];
const NUMBERS: [&str; 6] = ["5", "5.0", "7.25", "100", "98.5", "0"];
const DATES: [&str; 10] = [
    "2024",
    "2025-12",
    "2026-01-15",
    "2026-01",
    "2026-02-28",
    "2026-03-01",
    "2026",
    "2026-01-15T08:30+09:00",
    "2026-01-14T23:30Z",
    "2026-03-01T02:00:00+09:00",
];

type Meaning = Box<dyn Fn(&Known, &[Known]) -> bool>;

/// One parameter.
pub(super) struct Ask {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) means: Meaning,
}

fn is(
    name: impl Into<String>,
    value: impl Into<String>,
    means: impl Fn(&Known, &[Known]) -> bool + 'static,
) -> Ask {
    Ask {
        name: name.into(),
        value: value.into(),
        means: Box::new(means),
    }
}

/// The parameter that reads the date of a type, to sort by.
pub(super) fn date_of(kind: &str) -> &'static str {
    match kind {
        "Patient" => "-birthdate",
        "Encounter" => "-date",
        "MedicationRequest" => "authoredon",
        "Observation" => "date",
        _ => "_id",
    }
}

pub(super) fn beside(kind: &str) -> &'static [&'static str] {
    match kind {
        "Observation" => &[
            "_include=Observation:subject",
            "_include=Observation:encounter",
            "_revinclude=DiagnosticReport:result",
        ],
        "Patient" => &[
            "_revinclude=Observation:patient",
            "_revinclude=Account:subject",
        ],
        "Location" => &["_revinclude=Observation:subject"],
        "Account" => &["_include=Account:patient"],
        _ => &[],
    }
}

/// What stands beside a page of these.
pub(super) fn stands_beside(
    how: &str,
    kind: &str,
    ids: &[String],
    town: &[Known],
) -> BTreeSet<String> {
    let (name, rest) = how.split_once('=').unwrap();
    let (from, by) = rest.split_once(':').unwrap();
    let element = if by == "patient" { "subject" } else { by };
    let on_page = |one: &Known| ids.iter().any(|id| one.is(kind, id));
    let of = |one: &Known| -> Vec<Value> {
        match &one.value[element] {
            Value::Array(list) => list.clone(),
            Value::Null => Vec::new(),
            one => vec![one.clone()],
        }
    };
    let mut found = BTreeSet::new();
    for one in town.iter().filter(|one| one.value["resourceType"] == from) {
        for target in of(one)
            .iter()
            .filter_map(|reference| led_to(reference, town))
        {
            if name == "_include" && on_page(one) {
                found.insert(target.address());
            } else if name == "_revinclude" && on_page(target) {
                found.insert(one.address());
            }
        }
    }
    found
}

/// Any of them.
pub(super) fn ask(draw: &mut Draw, kind: &str) -> Ask {
    if draw.chance(1) {
        return written(draw);
    }
    match kind {
        "Observation" => observation(draw),
        "Patient" => patient(draw),
        "Encounter" => encounter(draw),
        "MedicationRequest" => prescription(draw),
        "Account" => account(draw),
        _ => location(draw),
    }
}

fn written(draw: &mut Draw) -> Ask {
    let prefix = draw.one(&["ge", "lt", "gt", "le", ""]);
    let minute = i64::try_from(draw.below(120)).unwrap();
    let at = super::Timestamp::from_unix_seconds(BEGINNING + minute * 60).to_string();
    let asked = span(&at);
    is("_lastUpdated", format!("{prefix}{at}"), move |one, _| {
        compares(prefix, (one.at, one.at), asked)
    })
}

fn code(draw: &mut Draw) -> String {
    let code = draw.one(&CODES);
    match draw.below(4) {
        0 => code.to_owned(),
        1 => format!("{LOINC}|{code}"),
        2 => format!("{}|{code}", draw.one(&JLAC10)),
        _ => format!("{}|", draw.one(&[LOINC, JLAC10[0], JLAC10[1]])),
    }
}

fn dated(draw: &mut Draw, name: &str, kind: &'static str) -> Ask {
    let (prefix, date) = (draw.one(&PREFIXES), draw.one(&DATES));
    is(name, format!("{prefix}{date}"), move |one, _| {
        naive::date_of(kind, &one.value).is_some_and(|when| compares(prefix, when, span(date)))
    })
}

/// What a text parameter asks, by what its modifier means.
fn worded(draw: &mut Draw, name: &str, texts: fn(&Value) -> Vec<&str>) -> Ask {
    let words: Vec<_> = (0..=draw.below(2)).map(|_| draw.one(&WORDS)).collect();
    let written = words
        .iter()
        .map(|(written, _)| *written)
        .collect::<Vec<_>>()
        .join(" ");
    let asked = compared(&written);
    match draw.below(3) {
        0 => is(name, written, move |one, _| {
            texts(&one.value)
                .iter()
                .any(|text| compared(text).starts_with(&asked))
        }),
        1 => is(format!("{name}:contains"), written, move |one, _| {
            texts(&one.value)
                .iter()
                .any(|text| compared(text).contains(&asked))
        }),
        _ => is(format!("{name}:exact"), written.clone(), move |one, _| {
            texts(&one.value).contains(&written.as_str())
        }),
    }
}

fn families(one: &Value) -> Vec<&str> {
    let names = one["name"].as_array().into_iter().flatten();
    names.filter_map(|name| name["family"].as_str()).collect()
}

fn names(one: &Value) -> Vec<&str> {
    let names = one["name"].as_array().into_iter().flatten();
    let each = names.flat_map(|name| [&name["family"], &name["text"]]);
    each.filter_map(Value::as_str).collect()
}

fn name(one: &Value) -> Vec<&str> {
    one["name"].as_str().into_iter().collect()
}

fn said(one: &Value) -> Vec<&str> {
    one["valueString"].as_str().into_iter().collect()
}

fn observation(draw: &mut Draw) -> Ask {
    let (prefix, number) = (draw.one(&PREFIXES), draw.one(&NUMBERS));
    match draw.below(18) {
        0 | 1 => {
            let code = code(draw);
            is("code", code.clone(), move |one, _| {
                has_code(&one.value["code"], &code)
            })
        }
        2 => {
            let code = code(draw);
            is("code:not", code.clone(), move |one, _| {
                !has_code(&one.value["code"], &code)
            })
        }
        3 | 4 => dated(draw, "date", "Observation"),
        5 => {
            let code = draw.one(&UNITS);
            let unit = draw.one(&["", "||", UCUM]);
            let unit = match unit {
                "" => String::new(),
                "||" => format!("||{code}"),
                system => format!("|{system}|{code}"),
            };
            is(
                "value-quantity",
                format!("{prefix}{number}{unit}"),
                move |one, _| measures(&one.value["valueQuantity"], prefix, number, &unit),
            )
        }
        6 => {
            let code = draw.one(&CODES);
            is(
                "combo-code-value-quantity",
                format!("{code}${prefix}{number}"),
                move |one, _| {
                    let parts = one.value["component"].as_array().into_iter().flatten();
                    std::iter::once(&one.value).chain(parts).any(|part| {
                        has_code(&part["code"], code)
                            && measures(&part["valueQuantity"], prefix, number, "")
                    })
                },
            )
        }
        7 => {
            let (name, element) = draw.one(&[
                ("value-quantity", "valueQuantity"),
                ("date", "effectiveDateTime"),
                ("component-code", "component"),
                ("_profile", "meta"),
            ]);
            let missing = draw.chance(5);
            is(
                format!("{name}:missing"),
                missing.to_string(),
                move |one, _| one.value[element].is_null() == missing,
            )
        }
        8 => about(draw, "patient"),
        9 => {
            let to = format!("Location/l{}", draw.below(2));
            is("subject", to.clone(), move |one, _| {
                refers(&one.value["subject"], &to)
            })
        }
        10 => {
            let value = draw.below(3).to_string();
            is(
                "subject:identifier",
                format!("urn:p|{value}"),
                move |one, _| one.value["subject"]["identifier"]["value"] == *value,
            )
        }
        11 => {
            let date = draw.one(&BIRTHS);
            is(
                "patient.birthdate",
                format!("{prefix}{date}"),
                move |one, town| {
                    led_to(&one.value["subject"], town).is_some_and(|who| {
                        naive::date_of("Patient", &who.value)
                            .is_some_and(|born| compares(prefix, born, span(date)))
                    })
                },
            )
        }
        12 => {
            let inner = worded(draw, "subject:Patient.family", families);
            let means = inner.means;
            is(inner.name, inner.value, move |one, town| {
                let who = led_to(&one.value["subject"], town);
                who.is_some_and(|who| who.value["resourceType"] == "Patient" && means(who, town))
            })
        }
        13 => {
            let status = draw.one(&["finished", "in-progress"]);
            is("encounter.status", status, move |one, town| {
                led_to(&one.value["encounter"], town).is_some_and(|it| it.value["status"] == status)
            })
        }
        14 => {
            let status = draw.one(&["final", "partial"]);
            is(
                "_has:DiagnosticReport:result:status",
                status,
                move |one, town| {
                    let to = one.address();
                    let reports = town.iter().filter(|it| it.value["status"] == status);
                    reports.into_iter().any(|report| {
                        let results = report.value["result"].as_array().into_iter().flatten();
                        results.into_iter().any(|result| refers(result, &to))
                    })
                },
            )
        }
        15 | 16 => worded(draw, "value-string", said),
        _ => {
            let claim = draw.one(&CLAIMS);
            is("_profile", claim, move |one, _| {
                let said = one.value["meta"]["profile"][0].as_str();
                said.is_some_and(|said| {
                    said == claim || said.split('|').next().is_some_and(|bare| bare == claim)
                })
            })
        }
    }
}

fn about(draw: &mut Draw, name: &str) -> Ask {
    let number = draw.below(7);
    let to = format!("Patient/p{number}");
    let value = if draw.chance(5) {
        to.clone()
    } else {
        format!("p{number}")
    };
    is(name, value, move |one, _| {
        refers(&one.value["subject"], &to)
    })
}

/// Something refers to it by its subject and means that.
fn referred_by(name: String, kind: &'static str, inner: Ask) -> Ask {
    let means = inner.means;
    is(name, inner.value, move |one, town| {
        let to = one.address();
        let of_kind = town.iter().filter(|it| it.value["resourceType"] == kind);
        of_kind.into_iter().any(|it| {
            let subject = &it.value["subject"];
            let mut subjects = subject.as_array().into_iter().flatten().chain([subject]);
            subjects.any(|subject| refers(subject, &to)) && means(it, town)
        })
    })
}

fn coded_observation(draw: &mut Draw) -> Ask {
    let code = code(draw);
    is("code", code.clone(), move |one, _| {
        has_code(&one.value["code"], &code)
    })
}

fn of_status(draw: &mut Draw, values: &[&'static str], name: &str) -> Ask {
    let status = draw.one(values);
    is(name, status, move |one, _| one.value["status"] == status)
}

fn patient(draw: &mut Draw) -> Ask {
    match draw.below(10) {
        0 | 1 => worded(draw, "family", families),
        2 => worded(draw, "name", names),
        3 => {
            let (prefix, date) = (draw.one(&PREFIXES), draw.one(&BIRTHS));
            is("birthdate", format!("{prefix}{date}"), move |one, _| {
                naive::date_of("Patient", &one.value)
                    .is_some_and(|born| compares(prefix, born, span(date)))
            })
        }
        4 => {
            let sex = draw.one(&["female", "male"]);
            is("gender:not", sex, move |one, _| one.value["gender"] != sex)
        }
        5 => {
            let asked = draw.one(&["urn:p|", "urn:q|3", "4", "urn:p|1", "urn:none|1"]);
            is("identifier", asked, move |one, _| {
                is_coded(&one.value["identifier"][0], asked)
            })
        }
        6 => {
            let inner = dated(draw, "date", "Observation");
            referred_by(
                "_has:Observation:subject:date".to_owned(),
                "Observation",
                inner,
            )
        }
        7 => {
            let inner = coded_observation(draw);
            referred_by(
                "_has:Observation:patient:code".to_owned(),
                "Observation",
                inner,
            )
        }
        8 => {
            let inner = of_status(draw, &["active", "inactive"], "status");
            referred_by("_has:Account:patient:status".to_owned(), "Account", inner)
        }
        _ => {
            let inner = worded(draw, "value-string", said);
            let name = format!("_has:Observation:patient:{}", inner.name);
            referred_by(name, "Observation", inner)
        }
    }
}

fn location(draw: &mut Draw) -> Ask {
    if draw.chance(3) {
        return worded(draw, "name", name);
    }
    let inner = coded_observation(draw);
    referred_by(
        "_has:Observation:subject:code".to_owned(),
        "Observation",
        inner,
    )
}

fn encounter(draw: &mut Draw) -> Ask {
    match draw.below(6) {
        0 => of_status(draw, &["finished", "in-progress"], "status"),
        1 => {
            let class = draw.one(&["AMB", "urn:class|IMP", "urn:other|IMP"]);
            is("class", class, move |one, _| {
                is_coded(&one.value["class"], class)
            })
        }
        2 | 3 => dated(draw, "date", "Encounter"),
        4 => about(draw, "patient"),
        _ => {
            let inner = coded_observation(draw);
            let means = inner.means;
            is(
                "_has:Observation:encounter:code",
                inner.value,
                move |one, town| {
                    let to = one.address();
                    town.iter().any(|it| {
                        refers(&it.value["encounter"], &to) && {
                            it.value["resourceType"] == "Observation" && means(it, town)
                        }
                    })
                },
            )
        }
    }
}

fn prescription(draw: &mut Draw) -> Ask {
    match draw.below(5) {
        0 => of_status(draw, &["active", "stopped"], "status"),
        1 => {
            let code = code(draw);
            is("code", code.clone(), move |one, _| {
                has_code(&one.value["medicationCodeableConcept"], &code)
            })
        }
        2 => dated(draw, "authoredon", "MedicationRequest"),
        3 => about(draw, "patient"),
        _ => {
            let class = draw.one(&["AMB", "IMP"]);
            is("encounter.class", class, move |one, town| {
                led_to(&one.value["encounter"], town)
                    .is_some_and(|it| is_coded(&it.value["class"], class))
            })
        }
    }
}

fn account(draw: &mut Draw) -> Ask {
    match draw.below(3) {
        0 => of_status(draw, &["active", "inactive"], "status"),
        1 => {
            let to = format!("Patient/p{}", draw.below(6));
            let name = draw.one(&["patient", "subject"]);
            is(name, to.clone(), move |one, _| {
                one.value["subject"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|it| refers(it, &to))
            })
        }
        _ => {
            let inner = worded(draw, "patient.family", families);
            let means = inner.means;
            is(inner.name, inner.value, move |one, town| {
                let subjects = one.value["subject"].as_array().unwrap().iter();
                let mut whom = subjects.filter_map(|it| led_to(it, town));
                whom.any(|who| means(who, town))
            })
        }
    }
}
