//! One prescription line: what, how much, from when, for how long.

use federation_protocol::time::Timestamp;
use serde_json::Value;

use super::Taken;
use super::fhir::{clean, codings, folded, list, said, shown, text};
use super::item::Unit;
use super::moment::Moment;
use crate::pages::when::Day;

const DAY_SECONDS: i64 = 86_400;
/// Nobody is supplied for longer: five years.
const MOST_DAYS: i64 = 1830;
/// YJ and general order codes: four places of therapeutic class, three of route and ingredient.
const SAME_INGREDIENT: usize = 7;
/// HOT codes: seven places of drug, without packing and maker.
const SAME_DRUG: usize = 7;
const DURATION: &str = "JP_MedicationDosage_UsageDuration";
const PERIOD: &str = "JP_MedicationDosage_PeriodOfUse";

/// A prescription line.
#[derive(Clone, Debug, PartialEq)]
pub struct Supply {
    /// The place of its hospital.
    pub source: usize,
    /// The same for lines of one ingredient, as far as their codes tell.
    pub key: String,
    /// Whether the key is a name, because there was no code.
    pub is_by_name: bool,
    /// The name as prescribed.
    pub name: String,
    /// How much at a time, and how.
    pub dose: String,
    /// When it was prescribed.
    pub prescribed: Moment,
    /// The first day.
    pub from: Moment,
    /// Days supplied; `None` where that is not said, or when needed.
    pub days: Option<i64>,
    /// To be taken when needed.
    pub is_as_needed: bool,
    /// `stopped`, `cancelled`, `on-hold`, `draft`: what is not simply in force or done.
    pub status: Option<&'static str>,
    /// Who prescribed it.
    pub prescriber: Option<String>,
}

impl Supply {
    /// The line of a MedicationRequest. `None` where it names no medicine or no day.
    #[must_use]
    pub fn of(taken: &Taken) -> Option<Self> {
        let request = &taken.value;
        let prescribed = Moment::first(request, &["authoredOn"]);
        let begin = list(request, "dosageInstruction").find_map(period_start);
        let from = begin.or(prescribed)?;
        let (key, is_by_name, name) = medicine(request)?;
        let as_needed = |one: &Value| {
            one.get("asNeededBoolean").and_then(Value::as_bool) == Some(true)
                || one.get("asNeededCodeableConcept").is_some()
        };
        Some(Self {
            source: taken.source,
            key,
            is_by_name,
            name,
            dose: dose(request),
            prescribed: prescribed.unwrap_or(from),
            from,
            days: days(request),
            is_as_needed: list(request, "dosageInstruction").any(as_needed),
            status: status(request),
            prescriber: super::fhir::display(request, "requester"),
        })
    }

    /// When it ends: the beginning of the day after the last.
    #[must_use]
    pub fn until(&self) -> Option<Timestamp> {
        let begin = Moment::parse(&self.from.day.iso())?.at;
        Some(begin.plus_seconds(self.days?.saturating_mul(DAY_SECONDS)))
    }

    /// Whether it reaches to `today`, by the days supplied, and nobody stopped it.
    #[must_use]
    pub fn is_current(&self, today: Timestamp) -> bool {
        let stands = self.status.is_none();
        let begun = self.from.day <= Day::of(today);
        stands && begun && self.until().is_some_and(|until| until > today)
    }

    /// Whether the days of two lines overlap.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let (Some(one), Some(two)) = (self.until(), other.until()) else {
            return false;
        };
        self.from.at < two && other.from.at < one
    }
}

/// Key, whether it is a name, and name of the medicine.
fn medicine(request: &Value) -> Option<(String, bool, String)> {
    let concept = match request.get("medicationCodeableConcept") {
        Some(concept) => concept,
        None => match contained(request) {
            Some(concept) => concept,
            None => {
                let name = shown(request, &["medicationReference", "display"])?;
                return Some((format!("text:{}", folded(&name)), true, name));
            }
        },
    };
    let name = said(concept)?;
    let key = codings(concept).find_map(|(system, code)| ingredient(system, code));
    Some(match key {
        Some(key) => (key, false, name),
        None => (format!("text:{}", folded(&name)), true, name),
    })
}

fn contained(request: &Value) -> Option<&Value> {
    let id = text(request, &["medicationReference", "reference"])?.strip_prefix('#')?;
    let medication = list(request, "contained").find(|one| text(one, &["id"]) == Some(id))?;
    medication.get("code")
}

/// The same for medicines with one ingredient and route, as far as the code tells.
fn ingredient(system: &str, code: &str) -> Option<String> {
    let is_yj = system.contains("YJ-code")
        || system.contains("MedicationGeneralOrderCode")
        || matches!(
            system,
            "urn:oid:1.2.392.100495.20.2.73"
                | "urn:oid:1.2.392.100495.20.1.73"
                | "urn:oid:1.2.392.100495.20.1.81"
                | "urn:oid:1.2.392.100495.20.2.81"
        );
    let is_hot = system.contains("HOT")
        || system.starts_with("urn:oid:1.2.392.200119.4.40")
        || system == "urn:oid:1.2.392.100495.20.2.74";
    match (is_yj, is_hot) {
        (true, _) => Some(format!("yj:{}", code.get(..SAME_INGREDIENT)?)),
        (_, true) => Some(format!("hot:{}", code.get(..SAME_DRUG)?)),
        _ => None,
    }
}

fn extension<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    list(value, "extension").find(|one| {
        let url = text(one, &["url"]).unwrap_or_default();
        url.rsplit('/').next() == Some(name)
    })
}

fn period_start(dosage: &Value) -> Option<Moment> {
    let bounds = || text(dosage, &["timing", "repeat", "boundsPeriod", "start"]);
    let period = extension(dosage, PERIOD);
    let start = period.and_then(|period| text(period, &["valuePeriod", "start"]));
    Moment::parse(start.or_else(bounds)?)
}

fn days(request: &Value) -> Option<i64> {
    let of_supply = request.pointer("/dispenseRequest/expectedSupplyDuration");
    let of_dosage = list(request, "dosageInstruction").find_map(|dosage| {
        let bounds = dosage.pointer("/timing/repeat/boundsDuration");
        let said = extension(dosage, DURATION).and_then(|one| one.get("valueDuration"));
        said.or(bounds)
    });
    of_supply.or(of_dosage).and_then(whole_days)
}

fn whole_days(duration: &Value) -> Option<i64> {
    let count = duration.get("value").and_then(Value::as_i64).or_else(|| {
        let value = duration.get("value")?.as_f64()?;
        (1..=MOST_DAYS).find(|days| {
            i32::try_from(*days)
                .map(f64::from)
                .is_ok_and(|days| days >= value)
        })
    })?;
    let unit = text(duration, &["code"]).or_else(|| text(duration, &["unit"]));
    let days = match unit {
        None | Some("d" | "日" | "日分" | "day" | "days") => count,
        Some("wk" | "週") => count.saturating_mul(7),
        Some("mo" | "月") => count.saturating_mul(30),
        Some(_) => return None,
    };
    (1..=MOST_DAYS).contains(&days).then_some(days)
}

/// What the dosage says; else a single dose with its timing.
fn dose(request: &Value) -> String {
    let mut each = list(request, "dosageInstruction").filter_map(|dosage| {
        let quantity = list(dosage, "doseAndRate").find_map(|one| one.get("doseQuantity"));
        let amount = quantity.and_then(amount);
        let whole = shown(dosage, &["text"]).map(|text| without_days(&text));
        let how = whole.or_else(|| dosage.pointer("/timing/code").and_then(said));
        match (amount, how) {
            (Some(amount), Some(how)) => Some(format!("1回{amount} {how}")),
            (None, Some(how)) => Some(how),
            (Some(amount), None) => Some(amount),
            (None, None) => None,
        }
    });
    let first = each.next().unwrap_or_default();
    match each.next() {
        Some(second) => clean(&format!("{first} / {second}"), 240),
        None => first,
    }
}

/// A dosage without `90日分` at its end: the days stand beside it.
fn without_days(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let kept = match words.split_last() {
        Some((last, rest)) if last.ends_with("日分") && !rest.is_empty() => rest,
        _ => &words,
    };
    kept.join(" ")
}

fn amount(quantity: &Value) -> Option<String> {
    let value = quantity.get("value").and_then(Value::as_f64)?;
    Some(format!("{value}{}", Unit::of(quantity).text))
}

fn status(request: &Value) -> Option<&'static str> {
    match text(request, &["status"]) {
        Some("stopped") => Some("stopped"),
        Some("cancelled") => Some("cancelled"),
        Some("on-hold") => Some("on-hold"),
        Some("draft") => Some("draft"),
        _ => None,
    }
}
