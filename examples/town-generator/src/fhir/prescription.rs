//! What is prescribed, how it is taken and for how long.

use super::{
    Unit, coding, concept, extension_url, instance, meta, named, quantity, reference, system, text,
};
use crate::json::{Number, Object, decimal, object};
use crate::visit::Visit;

/// When a drug is taken: one RP group each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usage {
    Morning,
    MorningEvening,
    ThreeTimes,
    /// Under the skin, by the patient's own hand.
    Injection,
}

impl Usage {
    /// JAMI standard usage code, where one was given to this project's people before.
    const fn code(self) -> Option<&'static str> {
        match self {
            Self::Morning => Some("1011000400000000"),
            Self::MorningEvening => Some("1012040400000000"),
            Self::ThreeTimes => Some("1013044400000000"),
            Self::Injection => None,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Morning => "内服・経口・１日１回朝食後",
            Self::MorningEvening => "内服・経口・１日２回朝夕食後",
            Self::ThreeTimes => "内服・経口・１日３回朝昼夕食後",
            Self::Injection => "自己注射・皮下・１日１回就寝前",
        }
    }

    const fn times_a_day(self) -> i32 {
        match self {
            Self::Morning | Self::Injection => 1,
            Self::MorningEvening => 2,
            Self::ThreeTimes => 3,
        }
    }
}

/// What can be prescribed.
#[derive(Debug)]
pub(crate) struct Drug {
    /// General-name prescription code; `None`: the hospital's own name only.
    code: Option<&'static str>,
    name: &'static str,
    usage: Usage,
}

const fn tablet(code: &'static str, name: &'static str, usage: Usage) -> Drug {
    Drug {
        code: Some(code),
        name,
        usage,
    }
}

#[rustfmt::skip]
mod list {
    use super::{Drug, Usage, tablet};

    pub(crate) static METFORMIN: Drug = tablet("3962002F2ZZZ", "【般】メトホルミン塩酸塩錠２５０ｍｇ：ＭＴ", Usage::MorningEvening);
    pub(crate) static SITAGLIPTIN: Drug = tablet("3969010F2ZZZ", "【般】シタグリプチン錠５０ｍｇ", Usage::Morning);
    pub(crate) static ROSUVASTATIN: Drug = tablet("2189017F1ZZZ", "【般】ロスバスタチン錠２．５ｍｇ", Usage::Morning);
    pub(crate) static AMLODIPINE: Drug = tablet("2171022F2ZZZ", "【般】アムロジピン錠５ｍｇ", Usage::Morning);
    pub(crate) static CANDESARTAN: Drug = tablet("2149040F3ZZZ", "【般】カンデサルタン錠８ｍｇ", Usage::Morning);
    pub(crate) static SERTRALINE: Drug = tablet("1179046F1ZZZ", "【般】セルトラリン錠２５ｍｇ", Usage::Morning);
    pub(crate) static CARBOCISTEINE: Drug = tablet("2233002F2ZZZ", "【般】カルボシステイン錠５００ｍｇ", Usage::ThreeTimes);
    pub(crate) static LORATADINE: Drug = tablet("4490027F1ZZZ", "【般】ロラタジン錠１０ｍｇ", Usage::Morning);
    pub(crate) static INSULIN: Drug = Drug { code: None, name: "インスリングラルギン注キット３００単位", usage: Usage::Injection };
}
pub(crate) use list::*;

/// One line of a prescription.
pub(crate) struct Line<'a> {
    pub(crate) drug: &'static Drug,
    /// At each time: tablets, or units of insulin.
    pub(crate) dose: i32,
    pub(crate) days: i32,
    /// `Condition/…` for which it is given.
    pub(crate) reason: Option<&'a str>,
}

impl Line<'_> {
    pub(crate) fn usage(&self) -> Usage {
        self.drug.usage
    }
}

/// The place of a line in its prescription: group (RP) and order in it, from 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) group: usize,
    pub(crate) order: usize,
}

/// MERIT-9 for tablets; UCUM for what MERIT-9's few known codes do not name.
fn amount(usage: Usage, value: Number) -> Object {
    match usage {
        Usage::Injection => quantity(
            value,
            Unit {
                printed: "単位",
                ucum: "[iU]",
            },
        ),
        _ => object! { "value": value, "unit": "錠", "system": system::MERIT9, "code": "TAB" },
    }
}

/// All that is handed over.
fn supply(line: &Line<'_>) -> Object {
    let in_all = line.dose * line.drug.usage.times_a_day() * line.days;
    match line.drug.usage {
        Usage::Injection => quantity(
            // Kits of 300 units, the last one begun.
            decimal(f64::from((in_all + 299) / 300), 0),
            Unit {
                printed: "キット",
                ucum: "{kit}",
            },
        ),
        usage => amount(usage, decimal(f64::from(in_all), 0)),
    }
}

const DAYS: Unit = Unit {
    printed: "日",
    ucum: "d",
};

fn days(line: &Line<'_>) -> Object {
    quantity(decimal(f64::from(line.days), 0), DAYS)
}

/// JP_MedicationDosage.
fn dosage(visit: &Visit<'_>, line: &Line<'_>) -> Object {
    let usage = line.drug.usage;
    let words = usage.words();
    let coded = |code| {
        let usage = "http://jami.jp/CodeSystem/MedicationUsage";
        object! { "coding": [coding(usage, code, Some(words))], "text": words }
    };
    let (route, route_name) = match usage {
        Usage::Injection => ("SC", "皮下"),
        _ => ("PO", "口"),
    };
    let by_mouth = (usage != Usage::Injection).then(|| {
        let method = "http://jami.jp/CodeSystem/MedicationMethodDetailUsage";
        object! { "coding": [coding(method, "10", Some("経口"))] }
    });
    let strength = concept(
        "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/MedicationIngredientStrengthStrengthType",
        "1",
        "製剤量",
    );
    object! {
        "extension": [
            object! {
                "url": extension_url("JP_MedicationDosage_PeriodOfUse"),
                "valuePeriod": object! { "start": visit.at.day.to_string() },
            },
            object! {
                "url": extension_url("JP_MedicationDosage_UsageDuration"),
                "valueDuration": days(line),
            },
        ],
        "text": format!("{words} {}日分", line.days),
        "timing": object! { "code": usage.code().map_or_else(|| text(words), coded) },
        "route": object! {
            "coding": [coding(
                "http://jpfhir.jp/fhir/core/CodeSystem/route-codes", route, Some(route_name),
            )],
        },
        "method": by_mouth,
        "doseAndRate": [object! {
            "type": strength,
            "doseQuantity": amount(usage, decimal(f64::from(line.dose), 0)),
        }],
    }
}

/// JP_MedicationRequest: one line of a prescription, at its place. `over`: what was given is used up.
pub(crate) fn request(
    id: &str,
    visit: &Visit<'_>,
    line: &Line<'_>,
    place: Place,
    over: bool,
) -> Object {
    let numbers = |name: &str, value: usize| {
        object! {
            "system": format!("http://jpfhir.jp/fhir/core/mhlw/IdSystem/{name}"),
            "value": value.to_string(),
        }
    };
    let Drug { code, name, .. } = *line.drug;
    let drug = match code {
        Some(code) => concept(system::GENERAL_NAME, code, name),
        None => text(name),
    };
    object! {
        "resourceType": "MedicationRequest",
        "id": id,
        "meta": meta("JP_MedicationRequest"),
        "identifier": [
            numbers("Medication-RPGroupNumber", place.group),
            numbers("MedicationAdministrationIndex", place.order),
            instance(&visit.hospital.institution, id),
        ],
        "status": if over { "completed" } else { "active" },
        "intent": "order",
        "medicationCodeableConcept": drug,
        "subject": reference(&visit.patient),
        "encounter": reference(&visit.encounter),
        "authoredOn": visit.at.plus(15).to_string(),
        "requester": named(&visit.practitioner(), &visit.doctor.name()),
        "reasonReference": line.reason.map(|reason| [reference(reason)]),
        "dosageInstruction": [dosage(visit, line)],
        "dispenseRequest": object! {
            "quantity": supply(line),
            "expectedSupplyDuration": days(line),
        },
    }
}
