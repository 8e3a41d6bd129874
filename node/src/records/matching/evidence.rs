//! What speaks for and against two descriptions being of one person.

use std::collections::BTreeSet;

use super::insured::Kinship;
use super::person::{ChartNumber, Insured, Person};
use crate::records::date::Span;

/// How two descriptions stand to each other in one respect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Agreement {
    Differs,
    /// One of the two says nothing, or nothing that can be compared.
    Silent,
    /// Less than the whole: [`super::score`] says what that is in each respect.
    Partly,
    Agrees,
}

/// All respects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Evidence {
    pub(super) insured: Agreement,
    pub(super) chart: Agreement,
    pub(super) born: Agreement,
    pub(super) sex: Agreement,
    pub(super) family: Agreement,
    pub(super) given: Agreement,
    pub(super) home: Agreement,
}

/// Compares who is asked for with a patient. `institution` is this hospital's number.
pub(super) fn evidence(asked: &Person, known: &Person, institution: &str) -> Evidence {
    let (family, given) = asked.names.compared(&known.names);
    Evidence {
        insured: insured(&asked.insured, &known.insured),
        chart: chart(&asked.charts, &known.charts, institution),
        born: born(asked.born.as_deref(), known.born.as_deref()),
        sex: match (asked.sex, known.sex) {
            (Some(one), Some(other)) if one == other => Agreement::Agrees,
            (Some(_), Some(_)) => Agreement::Differs,
            _ => Agreement::Silent,
        },
        family,
        given,
        home: home(asked, known),
    }
}

/// One identifier in common, of any time, tells the person. Another branch of the same family tells
/// another person only if both held at one time: branches change with employment.
fn insured(asked: &[Insured], known: &[Insured]) -> Agreement {
    let pairs = asked
        .iter()
        .flat_map(|one| known.iter().map(move |other| (one, other)));
    let each = pairs.map(|(one, other)| match one.id.kinship(&other.id) {
        Kinship::Same => Agreement::Agrees,
        Kinship::Other if overlap(one.held, other.held) => Agreement::Differs,
        Kinship::Other | Kinship::Family => Agreement::Partly,
        Kinship::None => Agreement::Silent,
    });
    let found: BTreeSet<Agreement> = each.collect();
    let first = [Agreement::Agrees, Agreement::Differs, Agreement::Partly];
    let first = first.into_iter().find(|one| found.contains(one));
    first.unwrap_or(Agreement::Silent)
}

/// What does not say when it held may have held at any time.
fn overlap(one: Option<Span>, other: Option<Span>) -> bool {
    one.zip(other)
        .is_none_or(|(one, other)| one.lo <= other.hi && other.lo <= one.hi)
}

fn chart(
    asked: &BTreeSet<ChartNumber>,
    known: &BTreeSet<ChartNumber>,
    institution: &str,
) -> Agreement {
    let same = |one: &ChartNumber, other: &ChartNumber| {
        one.institution == other.institution && one.number == other.number
    };
    let ours = |one: &&ChartNumber| one.institution == institution;
    let shared = |one: &&ChartNumber| known.iter().any(|other| same(one, other));
    if asked.iter().filter(ours).any(|one| shared(&one)) {
        Agreement::Agrees
    } else if asked.iter().any(|one| shared(&one)) {
        Agreement::Partly
    } else if asked.iter().any(|one| ours(&one)) && known.iter().any(|one| ours(&one)) {
        Agreement::Differs
    } else {
        Agreement::Silent
    }
}

fn born(asked: Option<&str>, known: Option<&str>) -> Agreement {
    match (asked, known) {
        (Some(one), Some(other)) if one == other && one.len() == "0000-00-00".len() => {
            Agreement::Agrees
        }
        (Some(one), Some(other)) if one.starts_with(other) || other.starts_with(one) => {
            Agreement::Partly
        }
        (Some(_), Some(_)) => Agreement::Differs,
        _ => Agreement::Silent,
    }
}

fn home(asked: &Person, known: &Person) -> Agreement {
    let within = |one: &String| {
        let mut places = known.places.iter();
        places.any(|other| one.contains(other.as_str()) || other.contains(one.as_str()))
    };
    let postal = !asked.postal_codes.is_disjoint(&known.postal_codes);
    let comparable =
        |asked: &BTreeSet<String>, known: &BTreeSet<String>| !asked.is_empty() && !known.is_empty();
    if asked.places.iter().any(within) {
        Agreement::Agrees
    } else if postal {
        Agreement::Partly
    } else if comparable(&asked.places, &known.places)
        || comparable(&asked.postal_codes, &known.postal_codes)
    {
        Agreement::Differs
    } else {
        Agreement::Silent
    }
}
