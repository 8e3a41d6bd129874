//! `$everything`: what there is about one patient, or of one encounter.
//!
//! Source: FHIR R4 operations `Patient/$everything` and `Encounter/$everything`.

mod asked;
mod gathering;

use std::collections::HashSet;

use crate::access::Permit;
use crate::database::{DatabaseError, HospitalConnection, Rid};

use super::cursor::Position;
use super::search::Reach as _;
use super::store::{self, Compartment, Of, Place};
use super::{Address, CursorError, Entry, Records, RecordsError, ResourceType, permitted};
use gathering::Gathering;

pub use asked::EverythingQuery;
pub(super) use asked::pairs_of;

/// The most resources that one page refers to: it ends before the one that refers to more.
const MOST_INCLUDED: usize = 1_000;

/// One page of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Everything {
    /// The patient or encounter first, then what belongs to it, by type, newest first.
    pub entries: Vec<Entry>,
    /// What these refer to and that is in no chart: practitioners, organizations, medications; of an
    /// encounter, what stands in the same chart and does not belong to it, its patient too. A later
    /// page may bring the same again.
    pub included: Vec<Entry>,
    /// One resource alone refers to more than a page carries.
    pub cut: bool,
    /// The `_cursor` of the next page; `None` when no permitted member is left.
    pub next: Option<String>,
}

/// No row has this number.
const BEFORE_ALL: i64 = i64::MAX;

impl Records {
    /// Everything of one patient or encounter that the permit allows. Later pages show what was there
    /// at the first: nothing that came to be later, and what was changed since as it was then.
    ///
    /// # Errors
    /// As [`Records::read`] of the patient or encounter; `Cursor`, `Database`.
    pub async fn everything(
        &self,
        permit: &Permit,
        query: &EverythingQuery,
    ) -> Result<Everything, RecordsError> {
        let now = self.clock.now();
        let after = match &query.cursor {
            Some(cursor) => Some(self.seal.open(cursor, query.fingerprint, now)?),
            None => None,
        };
        let focus = self.read(permit, &query.of).await?;
        let (whose, place) = self.standing_of(query, after).await?;
        let mut gathering = Gathering::new(query, permit, after.map(|position| position.txn));
        if after.is_none() && query.wants(&focus) {
            gathering.begin_with(focus);
        }
        for compartment in query.compartments(whose, permit.chart(), place) {
            gathering.wanted(compartment);
            self.gather(permit, &mut gathering).await?;
        }
        let next = match gathering.next() {
            Some(last) => Some(self.seal_position(last, query.fingerprint, now)?),
            None => None,
        };
        let entries = gathering.entries();
        let (included, cut) = self.included(permit, query, &entries).await?;
        Ok(Everything {
            entries,
            included,
            cut,
            next,
        })
    }

    /// The row of whom it is about, and where the page before ended.
    async fn standing_of(
        &self,
        query: &EverythingQuery,
        after: Option<Position>,
    ) -> Result<(Rid, Option<Place>), RecordsError> {
        let of = query.of.clone();
        let after = after.filter(|position| position.rid != BEFORE_ALL);
        let look = move |connection: &mut HospitalConnection| {
            let whose = store::rid_of(connection, &of)?;
            let kind = match after {
                Some(after) => store::kind_of(connection, after.rid)?,
                None => None,
            };
            Ok::<_, DatabaseError>((whose, kind))
        };
        let (whose, kind) = self.database.read(look).await?;
        let whose = whose.ok_or(RecordsError::NotFound)?;
        let place = match (after, kind) {
            (None, _) => None,
            (Some(Position { date, rid, .. }), Some(kind)) => Some(Place { kind, date, rid }),
            (Some(_), None) => return Err(CursorError::Expired.into()),
        };
        Ok((whose, place))
    }

    async fn gather(
        &self,
        permit: &Permit,
        gathering: &mut Gathering<'_>,
    ) -> Result<(), RecordsError> {
        for round in 0_u32.. {
            let Some(question) = gathering.question(round, &self.own) else {
                break;
            };
            let ask = move |connection: &mut HospitalConnection| question.ask(connection);
            let round = self.database.read(ask).await?;
            gathering.take(round, permit);
        }
        Ok(())
    }

    /// What the entries refer to beside the compartment, and whether that was more than is brought.
    /// Who is limited to one chart sees nothing that stands outside of it, as by reading.
    async fn included(
        &self,
        permit: &Permit,
        query: &EverythingQuery,
        entries: &[Entry],
    ) -> Result<(Vec<Entry>, bool), RecordsError> {
        if !query.brings_along(permit) {
            return Ok((Vec::new(), false));
        }
        let mut seen: HashSet<Address> =
            entries.iter().map(|entry| entry.address.clone()).collect();
        let mut wanted: Vec<Address> = Vec::new();
        for address in entries.iter().flat_map(|entry| query.leads_to(entry)) {
            if seen.insert(address.clone()) {
                wanted.push(address);
            }
        }
        let cut = wanted.len() > MOST_INCLUDED;
        wanted.truncate(MOST_INCLUDED);
        let of_encounter = query.of.kind.name() == "Encounter";
        let chart = match of_encounter {
            true => self.chart_of(&query.of).await?,
            false => None,
        };
        let look = move |connection: &mut HospitalConnection| {
            let mut found = Vec::new();
            for address in &wanted {
                found.extend(store::read(connection, address)?);
            }
            Ok::<_, RecordsError>(found)
        };
        let rows = self.database.read(look).await?.into_iter();
        let beside = rows.filter(|row| {
            let outside = row.patient == 0 && permit.chart().is_none();
            !row.deleted && (outside || chart == Some(Rid(row.patient)))
        });
        let read = beside.filter_map(|row| Entry::of_stored(row, &self.own));
        let allowed = read.filter_map(|entry| permitted(permit, entry).ok());
        let of = query.of.to_string();
        // What belongs to the encounter is an entry of its own, on this page or another.
        let belongs = |entry: &Entry| of_encounter && entry.facts.related.contains(&of);
        let wanted = allowed.filter(|entry| query.lists(entry) && !belongs(entry));
        Ok((wanted.collect(), cut))
    }
}

impl EverythingQuery {
    /// What is walked through, one after another, from `after` on. What names a patient and stands in
    /// no chart names others too: it is for those alone who are not limited to one chart.
    fn compartments(
        &self,
        whose: Rid,
        chart: Option<Rid>,
        after: Option<Place>,
    ) -> Vec<Compartment> {
        let mut parts = match self.of.kind.name() {
            "Encounter" => vec![Of::Encounter(whose)],
            _ if chart.is_some() => vec![Of::Patient(whose)],
            _ => vec![Of::Patient(whose), Of::Naming(whose)],
        };
        let reached = after.and_then(|place| ResourceType::coded(place.kind));
        if reached.is_some_and(|kind| !kind.naming_slots().is_empty()) && parts.len() > 1 {
            parts.remove(0);
        }
        let mut after = after;
        let each = parts.into_iter().map(|of| Compartment {
            of,
            chart,
            kinds: self.kinds.clone(),
            during: self.during,
            since: self.since,
            after: after.take(),
        });
        each.collect()
    }

    /// Whether a page brings along what its entries refer to.
    fn brings_along(&self, permit: &Permit) -> bool {
        permit.chart().is_none() || self.of.kind.name() == "Encounter"
    }

    /// What an entry refers to and a page may bring along.
    fn leads_to(&self, entry: &Entry) -> impl Iterator<Item = Address> {
        let of_patient = self.of.kind.name() == "Patient";
        let related = entry.facts.related.iter();
        let addresses = related.filter_map(|reference| Address::parse(reference));
        // Other patients are no part of a patient's chart; an encounter brings its own.
        addresses.filter(move |address| {
            *address != self.of && !(of_patient && address.kind.name() == "Patient")
        })
    }
}
