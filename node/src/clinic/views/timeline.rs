//! Everything by day, in lanes: what happened, at which hospital.

use std::collections::{BTreeMap, BTreeSet};

use super::documents::{Document, documents};
use super::fhir::{concept, display, shown, text};
use super::medicine::Supply;
use super::moment::Moment;
use super::reading::{Mark, Reading, readings};
use super::{Chart, Taken};
use crate::pages::when::Day;

/// The most events; what is older is left out, and that is said.
const MOST_EVENTS: usize = 1500;
/// The most names of one event.
const MOST_NAMES: usize = 8;

/// A lane.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Visits, stays, procedures.
    Visit,
    /// Laboratory results.
    Lab,
    /// Prescriptions, injections, vaccinations.
    Rx,
    /// Images and reports.
    Report,
    /// Documents.
    Document,
    /// Vital signs and what people recorded themselves.
    Vital,
}

/// Every lane, from top to bottom.
pub const LANES: [Lane; 6] = [
    Lane::Visit,
    Lane::Lab,
    Lane::Rx,
    Lane::Report,
    Lane::Document,
    Lane::Vital,
];

impl Lane {
    /// The word in addresses and in the key of its name.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Visit => "visit",
            Self::Lab => "lab",
            Self::Rx => "rx",
            Self::Report => "report",
            Self::Document => "document",
            Self::Vital => "vital",
        }
    }

    /// The lane of that word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        LANES.into_iter().find(|lane| lane.key() == word)
    }
}

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// When.
    pub at: Moment,
    /// The lane.
    pub lane: Lane,
    /// The place of the hospital.
    pub source: usize,
    /// The word in the key of what it is: `results`, `vitals`, `prescription`, `vaccination`,
    /// `procedure`, `report`, `document`, `ambulatory`, `inpatient`, `emergency`, `home`, `visit`.
    pub what: &'static str,
    /// How many of them.
    pub count: usize,
    /// What they are called.
    pub names: Vec<String>,
    /// How many names were left out.
    pub more: usize,
    /// How many results are outside of their range.
    pub outside: usize,
    /// When it ended, on another day.
    pub until: Option<Day>,
    /// The document that it is, by its name in addresses.
    pub document: Option<String>,
}

/// The events of a chart.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// By day, the newest first.
    pub days: Vec<(Day, Vec<Event>)>,
    /// How many older events were left out.
    pub cut: usize,
}

impl Timeline {
    /// The events from `since` on, of the hospitals and lanes that are let through.
    #[must_use]
    pub fn of(
        chart: &Chart,
        since: Option<Day>,
        shows: &dyn Fn(usize) -> bool,
        lanes: &[Lane],
    ) -> Self {
        let mut events = observed(chart);
        events.extend(prescribed(chart));
        for (kind, single) in SINGLES {
            events.extend(chart.of(kind).filter_map(single));
        }
        events.extend(documents(chart, None, &|_| true).iter().map(of_document));
        let fits = |event: &Event| {
            let reaches = |since: Day| {
                event.at.day >= since || event.until.is_some_and(|until| until >= since)
            };
            shows(event.source) && lanes.contains(&event.lane) && since.is_none_or(reaches)
        };
        events.retain(fits);
        events.sort_by(|one, other| {
            let newest = other.at.day.cmp(&one.at.day);
            newest
                .then(one.source.cmp(&other.source))
                .then(one.lane.cmp(&other.lane))
                .then(one.at.at.cmp(&other.at.at))
        });
        let cut = events.len().saturating_sub(MOST_EVENTS);
        events.truncate(MOST_EVENTS);
        Self {
            days: by_day(events),
            cut,
        }
    }

    /// Every event, the newest first.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.days.iter().flat_map(|(_, events)| events)
    }

    /// Whether nothing happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.days.is_empty()
    }
}

fn by_day(events: Vec<Event>) -> Vec<(Day, Vec<Event>)> {
    let mut days: Vec<(Day, Vec<Event>)> = Vec::new();
    for event in events {
        match days.last_mut() {
            Some((day, of_day)) if *day == event.at.day => of_day.push(event),
            _ => days.push((event.at.day, vec![event])),
        }
    }
    days
}

/// Results, gathered by day and hospital.
fn observed(chart: &Chart) -> Vec<Event> {
    let mut gathered: BTreeMap<(Day, usize, Lane), Vec<Reading>> = BTreeMap::new();
    for reading in chart.of("Observation").flat_map(readings) {
        let lane = match reading.category {
            "laboratory" => Lane::Lab,
            "imaging" => Lane::Report,
            _ => Lane::Vital,
        };
        gathered
            .entry((reading.at.day, reading.source, lane))
            .or_default()
            .push(reading);
    }
    gathered
        .into_iter()
        .filter_map(|((_, source, lane), readings)| {
            let what = if lane == Lane::Vital {
                "vitals"
            } else {
                "results"
            };
            let (mut outside, inside): (Vec<_>, Vec<_>) =
                readings.iter().partition(|one| one.mark.is_some());
            let marked = outside.len();
            outside.extend(inside);
            let names = outside.into_iter().map(name_of_reading);
            Some(Event {
                outside: marked,
                ..Event::of(readings.first()?.at, lane, source, what, names.collect())
            })
        })
        .collect()
}

fn name_of_reading(reading: &Reading) -> String {
    let mark = reading.mark.map_or("", Mark::letters);
    let text = format!(
        "{} {}{} {mark}",
        reading.item.name, reading.text, reading.unit.text
    );
    super::fhir::clean(text.trim(), 80)
}

/// Prescriptions, gathered by day and hospital.
fn prescribed(chart: &Chart) -> Vec<Event> {
    let mut gathered: BTreeMap<(Day, usize), Vec<Supply>> = BTreeMap::new();
    let cancelled = |supply: &Supply| supply.status == Some("cancelled");
    let supplies = chart.of("MedicationRequest").filter_map(Supply::of);
    for supply in supplies.filter(|supply| !cancelled(supply)) {
        gathered
            .entry((supply.prescribed.day, supply.source))
            .or_default()
            .push(supply);
    }
    let event = |((_, source), supplies): ((Day, usize), Vec<Supply>)| {
        let names = supplies.iter().map(|supply| supply.name.clone()).collect();
        Some(Event::of(
            supplies.first()?.prescribed,
            Lane::Rx,
            source,
            "prescription",
            names,
        ))
    };
    gathered.into_iter().filter_map(event).collect()
}

/// Reads the event that a resource is.
type Reader = fn(&Taken) -> Option<Event>;

/// The types of which each resource is an event of its own.
const SINGLES: [(&str, Reader); 5] = [
    ("Encounter", encounter),
    ("Procedure", procedure),
    ("Immunization", immunization),
    ("MedicationAdministration", administration),
    ("ImagingStudy", imaging),
];

fn encounter(taken: &Taken) -> Option<Event> {
    let value = &taken.value;
    let at = Moment::first(value, &["period"])?;
    let what = match text(value, &["class", "code"]) {
        Some("AMB") => "ambulatory",
        Some("IMP" | "ACUTE" | "NONAC") => "inpatient",
        Some("EMER") => "emergency",
        Some("HH") => "home",
        _ => "visit",
    };
    let department = concept(value, "serviceType").or_else(|| concept(value, "type"));
    let who = super::fhir::list(value, "participant").find_map(|one| display(one, "individual"));
    let names = [department, who].into_iter().flatten().collect();
    let until = text(value, &["period", "end"]).and_then(Day::parse);
    Some(Event {
        until: until.filter(|until| *until > at.day),
        count: 1,
        ..Event::of(at, Lane::Visit, taken.source, what, names)
    })
}

fn procedure(taken: &Taken) -> Option<Event> {
    let value = &taken.value;
    let at = Moment::first(value, &["performedDateTime", "performedPeriod"])?;
    let done = !matches!(text(value, &["status"]), Some("not-done" | "preparation"));
    let name = concept(value, "code").filter(|_| done)?;
    Some(Event::of(
        at,
        Lane::Visit,
        taken.source,
        "procedure",
        vec![name],
    ))
}

fn immunization(taken: &Taken) -> Option<Event> {
    let value = &taken.value;
    let at = Moment::first(value, &["occurrenceDateTime", "recorded"])?;
    let done = text(value, &["status"]) != Some("not-done");
    let name = concept(value, "vaccineCode").filter(|_| done)?;
    Some(Event::of(
        at,
        Lane::Rx,
        taken.source,
        "vaccination",
        vec![name],
    ))
}

fn administration(taken: &Taken) -> Option<Event> {
    let value = &taken.value;
    let at = Moment::first(value, &["effectiveDateTime", "effectivePeriod"])?;
    let name = concept(value, "medicationCodeableConcept")
        .or_else(|| shown(value, &["medicationReference", "display"]))?;
    Some(Event::of(
        at,
        Lane::Rx,
        taken.source,
        "administration",
        vec![name],
    ))
}

fn imaging(taken: &Taken) -> Option<Event> {
    let value = &taken.value;
    let at = Moment::first(value, &["started"])?;
    let name = shown(value, &["description"]).or_else(|| concept(value, "modality"));
    Some(Event::of(
        at,
        Lane::Report,
        taken.source,
        "imaging",
        name.into_iter().collect(),
    ))
}

fn of_document(document: &Document) -> Event {
    let (lane, what) = match document.kind {
        "DiagnosticReport" => (Lane::Report, "report"),
        _ => (Lane::Document, "document"),
    };
    Event {
        document: Some(document.id.clone()),
        ..Event::of(
            document.at,
            lane,
            document.source,
            what,
            vec![document.title.clone()],
        )
    }
}

impl Event {
    fn of(at: Moment, lane: Lane, source: usize, what: &'static str, names: Vec<String>) -> Self {
        let count = names.len().max(1);
        let mut seen = BTreeSet::new();
        let mut names: Vec<String> = names
            .into_iter()
            .filter(|name| seen.insert(name.clone()))
            .collect();
        let more = names.len().saturating_sub(MOST_NAMES);
        names.truncate(MOST_NAMES);
        Self {
            at,
            lane,
            source,
            what,
            count,
            names,
            more,
            outside: 0,
            until: None,
            document: None,
        }
    }
}
