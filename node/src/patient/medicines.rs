//! Medicines as a person reads them: what to take now and for how many more days, and what was.
//!
//! A prescription counts as taken from its start for as many days as were supplied. A prescription of
//! the same medicine by the same hospital goes on with the one before.

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::Date;
use serde_json::Value;

use super::fhir::{
    Held, Quantity, When, clean, codes, concept, days_between, extension, list, quantity, shown,
    text, texts, when,
};
use super::items::folded;

/// The most prescriptions that are looked at.
const MOST: usize = 5_000;
/// A supply for longer than this is a mistake, or no supply.
const LONGEST_DAYS: i64 = 400;
/// How long a prescription without days is taken to be in use.
const UNSAID_DAYS: i64 = 90;

/// One prescription of one medicine.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Prescription {
    /// Which of the hospitals prescribed.
    pub(super) hospital: usize,
    /// The medicine, as the hospital wrote it.
    pub(super) name: String,
    /// Its codes: system and code.
    pub(super) codes: Vec<(String, String)>,
    /// How to take it; empty where nothing is said.
    pub(super) how: String,
    /// More about how; each a sentence.
    pub(super) notes: Vec<String>,
    /// The code of the usage (JAMI, 16 digits); empty where there is none.
    pub(super) usage: String,
    /// How much at a time.
    pub(super) dose: Option<Quantity>,
    /// How much a day, where the hospital said so.
    pub(super) a_day: Option<Quantity>,
    /// How much in all.
    pub(super) supplied: Option<Quantity>,
    /// When it was written.
    pub(super) written: When,
    /// The first day.
    pub(super) from: Date,
    /// For how many days; `None` where nothing is said, as for ointments.
    pub(super) days: Option<i64>,
    /// To be taken when needed.
    pub(super) as_needed: bool,
    /// How it goes in.
    pub(super) way: Way,
    /// The number of the group that it was prescribed in.
    pub(super) group: Option<u32>,
    /// Who prescribed.
    pub(super) prescriber: Option<String>,
    /// The hospital ended it early.
    pub(super) is_stopped: bool,
}

/// How a medicine goes in.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Swallowed.
    Inner,
    /// Put on, dropped, inhaled.
    Outer,
    /// Injected.
    Injected,
    /// Not said.
    Unsaid,
}

impl Prescription {
    /// The last day that it was supplied for.
    pub(super) fn until(&self) -> Option<Date> {
        let days = self.days?;
        let after = days.checked_sub(1)?.clamp(0, LONGEST_DAYS);
        self.from.checked_add(after.days()).ok()
    }

    fn ends(&self) -> Date {
        let unsaid = || self.from.checked_add(UNSAID_DAYS.days());
        self.until().or_else(|| unsaid().ok()).unwrap_or(self.from)
    }

    /// Whether it is to be taken on `today`.
    pub(super) fn is_now(&self, today: Date) -> bool {
        !self.is_stopped && self.from <= today && self.ends() >= today
    }

    /// The name without the mark of a general name, and as wide as people read it.
    pub(super) fn short_name(&self) -> String {
        short_name(&self.name)
    }
}

fn short_name(name: &str) -> String {
    use unicode_normalization::UnicodeNormalization as _;
    let bare = name.strip_prefix("【般】").unwrap_or(name).trim();
    clean(&bare.nfkc().collect::<String>())
}

/// A medicine in the list of what is taken now, or was.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Medicine {
    /// The newest prescription of it.
    pub(super) newest: Prescription,
    /// The day of the first prescription that is known.
    pub(super) since: Date,
    /// The last day that it is supplied for.
    pub(super) until: Option<Date>,
    /// Days left with today; `None` where nothing is said of days.
    pub(super) days_left: Option<i64>,
    /// Another hospital's medicine of the same name is taken now too.
    pub(super) is_double: bool,
}

/// Medicines of all hospitals.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Medicines {
    /// To be taken now: those that end soonest first.
    pub(super) now: Vec<Medicine>,
    /// Taken before, newest first.
    pub(super) past: Vec<Medicine>,
}

/// The medicines among what is held.
pub(super) fn medicines(held: &[Held], today: Date) -> Medicines {
    let mut groups: BTreeMap<(usize, String), Vec<Prescription>> = BTreeMap::new();
    for one in prescriptions(held) {
        let key = (one.hospital, folded(&one.short_name()));
        groups.entry(key).or_default().push(one);
    }
    let mut all = Medicines::default();
    for mut prescriptions in groups.into_values() {
        prescriptions.sort_by_key(|one| (one.from, one.written));
        let Some(medicine) = medicine(prescriptions, today) else {
            continue;
        };
        match medicine.newest.is_now(today) {
            true => all.now.push(medicine),
            false => all.past.push(medicine),
        }
    }
    mark_doubles(&mut all.now);
    all.now
        .sort_by_key(|one| (one.days_left.unwrap_or(i64::MAX), one.newest.name.clone()));
    all.past
        .sort_by_key(|one| std::cmp::Reverse(one.newest.from));
    all
}

/// `prescriptions` is sorted by day, and of one medicine of one hospital.
fn medicine(prescriptions: Vec<Prescription>, today: Date) -> Option<Medicine> {
    let since = prescriptions.first()?.from;
    let begun = |one: &&Prescription| one.from <= today;
    let newest = prescriptions.iter().rfind(begun).or(prescriptions.last())?;
    let newest = newest.clone();
    let until = newest.until();
    let days_left = until
        .filter(|_| newest.is_now(today))
        .map(|until| days_between(today, until).saturating_add(1));
    Some(Medicine {
        since,
        until,
        days_left,
        newest,
        is_double: false,
    })
}

fn mark_doubles(now: &mut [Medicine]) {
    let mut hospitals: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for one in now.iter() {
        let name = folded(&one.newest.short_name());
        hospitals.entry(name).or_default().push(one.newest.hospital);
    }
    for one in now {
        let name = folded(&one.newest.short_name());
        let by = hospitals.get(&name).map_or(&[][..], Vec::as_slice);
        one.is_double = by.iter().any(|hospital| *hospital != one.newest.hospital);
    }
}

/// Every prescription among what is held, that is not void.
pub(super) fn prescriptions(held: &[Held]) -> Vec<Prescription> {
    let wanted = |one: &&Held| {
        matches!(one.kind(), "MedicationRequest" | "MedicationStatement") && !one.is_void()
    };
    let looked_at = held.iter().filter(wanted).take(MOST);
    looked_at.filter_map(prescription).collect()
}

fn prescription(held: &Held) -> Option<Prescription> {
    let said = &held.resource;
    let medicine = said.get("medicationCodeableConcept");
    let name = medicine
        .and_then(concept)
        .or_else(|| contained_name(said))?;
    let written = when(
        said,
        &[
            "authoredOn",
            "effectiveDateTime",
            "effectivePeriod",
            "dateAsserted",
        ],
    )?;
    let dosage = list(said, "dosageInstruction")
        .chain(list(said, "dosage"))
        .next();
    let nothing = Value::Null;
    let dosage = dosage.unwrap_or(&nothing);
    let start = extension(dosage, "JP_MedicationDosage_PeriodOfUse")
        .and_then(|period| when(period.get("valuePeriod")?, &["start"]));
    let dispense = said.get("dispenseRequest").unwrap_or(&nothing);
    let status = text(said, "status").unwrap_or_default();
    let how = how(dosage);
    Some(Prescription {
        hospital: held.hospital,
        codes: medicine.map(coded).unwrap_or_default(),
        notes: notes(dosage, said, &how),
        usage: usage(dosage),
        dose: amount(dosage, "doseQuantity"),
        a_day: rate(dosage),
        supplied: dispense.get("quantity").and_then(quantity),
        from: start.unwrap_or(written).day,
        days: days(dosage, dispense),
        as_needed: is_as_needed(dosage, &how),
        way: way(dosage, &how),
        group: group(said),
        prescriber: said.get("requester").and_then(shown),
        is_stopped: matches!(status, "stopped" | "on-hold" | "not-taken"),
        name,
        how,
        written,
    })
}

/// The name of a contained Medication: of its code, or of what is in it.
fn contained_name(said: &Value) -> Option<String> {
    let medication =
        list(said, "contained").find(|one| text(one, "resourceType") == Some("Medication"))?;
    let ingredients = || {
        let items = list(medication, "ingredient")
            .filter_map(|one| concept(one.get("itemCodeableConcept")?));
        let names: Vec<String> = items.take(6).collect();
        (!names.is_empty()).then(|| names.join("・"))
    };
    medication
        .get("code")
        .and_then(concept)
        .or_else(ingredients)
}

fn coded(medicine: &Value) -> Vec<(String, String)> {
    codes(medicine)
        .map(|(system, code)| (clean(system), clean(code)))
        .collect()
}

/// How to take it: the usage in words, else the whole sentence.
fn how(dosage: &Value) -> String {
    let timing = dosage
        .get("timing")
        .and_then(|timing| concept(timing.get("code")?));
    let sentence = || text(dosage, "text").map(clean);
    let instruction = || text(dosage, "patientInstruction").map(clean);
    instruction()
        .or(timing)
        .or_else(sentence)
        .unwrap_or_default()
}

fn notes(dosage: &Value, said: &Value, how: &str) -> Vec<String> {
    let additional = list(dosage, "additionalInstruction").filter_map(concept);
    let notes = list(said, "note").filter_map(|note| text(note, "text").map(clean));
    let all = additional
        .chain(notes)
        .chain(texts(said, "instruction").map(clean));
    all.filter(|note| !note.is_empty() && note != how)
        .take(8)
        .collect()
}

fn usage(dosage: &Value) -> String {
    let code = dosage.get("timing").and_then(|timing| timing.get("code"));
    let usage = code.and_then(|code| {
        let mut usages = codes(code).map(|(_system, code)| code);
        usages.find(|code| code.len() == 16 && code.bytes().all(|b| b.is_ascii_alphanumeric()))
    });
    usage.map(clean).unwrap_or_default()
}

fn amount(dosage: &Value, member: &str) -> Option<Quantity> {
    list(dosage, "doseAndRate").find_map(|dose| dose.get(member).and_then(quantity))
}

/// How much a day: a rate whose denominator is one day.
fn rate(dosage: &Value) -> Option<Quantity> {
    list(dosage, "doseAndRate").find_map(|dose| {
        let ratio = dose.get("rateRatio")?;
        let by = quantity(ratio.get("denominator")?)?;
        let one_day = by.number.value == 1.0 && matches!(by.unit.as_str(), "日" | "d");
        quantity(ratio.get("numerator")?).filter(|_| one_day)
    })
}

fn days(dosage: &Value, dispense: &Value) -> Option<i64> {
    let used = extension(dosage, "JP_MedicationDosage_UsageDuration")
        .and_then(|duration| quantity(duration.get("valueDuration")?));
    let supplied = || dispense.get("expectedSupplyDuration").and_then(quantity);
    let found = used.or_else(supplied)?;
    let is_days = matches!(found.unit.as_str(), "日" | "d" | "day" | "days" | "");
    (1..=LONGEST_DAYS)
        .find(|days| whole(*days) >= found.number.value)
        .filter(|_| is_days && found.number.value > 0.0)
}

fn whole(days: i64) -> f64 {
    i32::try_from(days).map_or(f64::MAX, f64::from)
}

fn is_as_needed(dosage: &Value, how: &str) -> bool {
    let said = dosage.get("asNeededBoolean").and_then(Value::as_bool);
    let reason = dosage.get("asNeededCodeableConcept").is_some();
    said.unwrap_or(reason || how.contains('頓') || how.contains('屯'))
}

/// By the JAMI usage code (its first digit), else the route, else the words.
///
/// Source: JAMI standard usage code, basic class: 1 inner, 2 outer, 3 injected.
fn way(dosage: &Value, how: &str) -> Way {
    match usage(dosage).bytes().next() {
        Some(b'1' | b'5') => return Way::Inner,
        Some(b'2' | b'6') => return Way::Outer,
        Some(b'3' | b'4') => return Way::Injected,
        _ => {}
    }
    let route = dosage.get("route").and_then(|route| {
        let mut routes = codes(route).map(|(_system, code)| code);
        routes.find_map(|code| match code {
            "PO" | "SL" => Some(Way::Inner),
            "AP" | "TP" | "OP" | "NS" | "IH" | "OT" | "PR" => Some(Way::Outer),
            "IV" | "IM" | "SC" | "ID" => Some(Way::Injected),
            _ => None,
        })
    });
    route.unwrap_or_else(|| match () {
        () if how.contains("内服") => Way::Inner,
        () if how.contains("外用") => Way::Outer,
        () if how.contains("注射") => Way::Injected,
        () => Way::Unsaid,
    })
}

fn group(said: &Value) -> Option<u32> {
    let group = list(said, "identifier").find(|identifier| {
        let system = text(identifier, "system").unwrap_or_default();
        system.ends_with("Medication-RPGroupNumber") || system == "urn:oid:1.2.392.100495.20.3.81"
    });
    let number: u32 = text(group?, "value")?.parse().ok()?;
    (1..=999).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests;
