//! A person, as far as they can be told from others: what a Patient and its Coverages say.

use std::collections::BTreeSet;

use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use super::insured::{self, InsuredId};
use super::name::Names;
use crate::records::date::{self, Span};
use crate::records::fold::folded;
use crate::records::system::hash;
use crate::records::values;

/// The numbers that hospitals give to their patients: this, then the institution's ten digits.
const CHART_SYSTEM: &str = "urn:oid:1.2.392.100495.20.3.51.1";
/// The most identifiers or addresses that are looked at of one person.
const MOST: usize = 64;
/// A text of an address shorter than this names no home.
const SHORTEST_PLACE: usize = 5;

/// What is known of a person. In no order: sets alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) insured: Vec<Insured>,
    pub(super) charts: BTreeSet<ChartNumber>,
    pub(super) names: Names,
    /// As precise as it is known: year, month or day.
    pub(super) born: Option<String>,
    pub(super) sex: Option<Sex>,
    /// Seven digits each.
    pub(super) postal_codes: BTreeSet<String>,
    /// Folded texts.
    pub(super) places: BTreeSet<String>,
    /// Their chart was merged into another.
    pub(super) is_replaced: bool,
}

/// An insured-person identifier, and when it held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Insured {
    pub(super) id: InsuredId,
    /// `None`: not said.
    pub(super) held: Option<Span>,
}

/// A patient number of one hospital.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ChartNumber {
    /// The institution's ten digits.
    pub(super) institution: String,
    pub(super) number: String,
}

/// The administrative sexes that can disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sex {
    Female,
    Male,
}

impl Person {
    /// What a Patient says, a part of one too.
    pub(super) fn of_patient(patient: &Value) -> Self {
        let mut person = Self {
            names: Names::of(patient),
            born: born(patient),
            sex: match patient.get("gender").and_then(Value::as_str) {
                Some("female") => Some(Sex::Female),
                Some("male") => Some(Sex::Male),
                _ => None,
            },
            charts: ChartNumber::of_patient(patient).take(MOST).collect(),
            is_replaced: is_replaced(patient),
            ..Self::default()
        };
        for (id, identifier) in insured::identifiers(patient).take(MOST) {
            let held = identifier.get("period").and_then(values::span);
            person.insured.push(Insured { id, held });
        }
        let addresses = patient.get("address").and_then(Value::as_array);
        for address in addresses.into_iter().flatten().take(MOST) {
            person.lives_at(address);
        }
        person
    }

    /// Adds what a Coverage of theirs says.
    pub(super) fn insured_by(&mut self, coverage: &Value) {
        let held = coverage.get("period").and_then(values::span);
        let ids = insured::identifiers(coverage).map(|(id, _)| id);
        for id in ids.chain(insured::in_parts(coverage)).take(MOST) {
            self.insured.push(Insured { id, held });
        }
    }

    fn lives_at(&mut self, address: &Value) {
        let text = |member: &str| address.get(member).and_then(Value::as_str);
        let digits = |text: &str| text.nfkc().filter(char::is_ascii_digit).collect::<String>();
        let postal = text("postalCode").map(digits);
        self.postal_codes
            .extend(postal.filter(|digits| digits.len() == 7));
        let lines = address.get("line").and_then(Value::as_array);
        let lines = lines.into_iter().flatten().filter_map(Value::as_str);
        let parts = [text("state"), text("city"), text("district")];
        let composed: String = parts.into_iter().flatten().chain(lines).collect();
        let places = [text("text").unwrap_or_default(), &composed].map(folded);
        self.places
            .extend(places.into_iter().filter(|one| is_a_place(one)));
    }

    /// Whether there is anything to compare.
    pub(super) fn is_nobody(&self) -> bool {
        let Names {
            family,
            given,
            whole,
        } = &self.names;
        self.insured.is_empty()
            && self.charts.is_empty()
            && family.is_empty()
            && given.is_empty()
            && whole.is_empty()
            && self.born.is_none()
    }
}

fn is_replaced(patient: &Value) -> bool {
    let links = patient.get("link").and_then(Value::as_array);
    let mut kinds = links.into_iter().flatten().map(|link| link.get("type"));
    kinds.any(|kind| kind.and_then(Value::as_str) == Some("replaced-by"))
}

fn is_a_place(text: &str) -> bool {
    text.chars().count() >= SHORTEST_PLACE
}

/// The birth date, if it is one.
fn born(patient: &Value) -> Option<String> {
    let text = patient.get("birthDate")?.as_str()?;
    let precise = matches!(text.len(), 4 | 7 | 10) && date::parse(text).is_some();
    precise.then(|| text.to_owned())
}

impl ChartNumber {
    /// Every one of a Patient.
    pub(super) fn of_patient(patient: &Value) -> impl Iterator<Item = Self> {
        let identifiers = patient.get("identifier").and_then(Value::as_array);
        identifiers.into_iter().flatten().filter_map(Self::of)
    }

    fn of(identifier: &Value) -> Option<Self> {
        let text = |name: &str| identifier.get(name).and_then(Value::as_str);
        let (system, value) = (text("system")?, text("value")?);
        let institution = system.strip_prefix(CHART_SYSTEM)?;
        // Zeros at the beginning belong to it.
        let number: String = value.nfkc().filter(|c| !c.is_whitespace()).collect();
        (institution.len() == 10 && !number.is_empty()).then(|| Self {
            institution: institution.to_owned(),
            number,
        })
    }

    /// 64 bits that stand for it in the index.
    pub(super) fn hash(&self) -> i64 {
        let (institution, number) = (self.institution.as_bytes(), self.number.as_bytes());
        hash(&[b"chart", institution, number])
    }
}
