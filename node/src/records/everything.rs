//! `$everything`: what there is about one patient, or of one encounter.
//!
//! Source: FHIR R4 operations `Patient/$everything` and `Encounter/$everything`.

use std::collections::HashSet;

use crate::access::Permit;
use crate::database::{DatabaseError, HospitalConnection, Rid};

use super::cursor::Position;
use super::date::Span;
use super::history::{MOST_ENTRIES, Paging, moment, once};
use super::search::Reach;
use super::store::{self, Compartment, Of, Place, Stored};
use super::{Address, Entry, QueryError, Records, RecordsError, ResourceType, permitted};

/// The most resources outside the chart that one page brings along.
const MOST_INCLUDED: usize = 500;

/// `$everything` as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EverythingQuery {
    of: Address,
    /// `start` and `end`.
    during: Option<Span>,
    /// Microseconds UTC.
    since: Option<i64>,
    /// Empty: every type.
    kinds: Vec<ResourceType>,
    count: usize,
    cursor: Option<String>,
    fingerprint: i64,
}

/// One page of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Everything {
    /// The patient or encounter first, then what belongs to it, by type, newest first.
    pub entries: Vec<Entry>,
    /// What these refer to and that is in no chart: practitioners, organizations, medications. A
    /// later page may bring the same again.
    pub included: Vec<Entry>,
    /// The `_cursor` of the next page; `None` when no permitted member is left.
    pub next: Option<String>,
}

impl EverythingQuery {
    /// Reads `start`, `end` (of a Patient alone), `_since`, `_type`, `_count` and `_cursor`.
    ///
    /// # Errors
    /// `Query` for a value that is none, `Unsupported` for anything else.
    pub fn parse<N: AsRef<str>, V: AsRef<str>>(
        of: Address,
        pairs: &[(N, V)],
    ) -> Result<Self, RecordsError> {
        let mut asked = Paging::default();
        let (mut start, mut end, mut since) = (None, None, None);
        let mut kinds = Vec::new();
        let of_patient = of.kind.name() == "Patient";
        for (name, value) in pairs {
            let (name, value) = (name.as_ref(), value.as_ref());
            match name {
                "start" if of_patient => once(&mut start, "start", moment("start", value)?)?,
                "end" if of_patient => once(&mut end, "end", moment("end", value)?)?,
                "_since" => once(&mut since, "_since", moment("_since", value)?.lo)?,
                "_type" => {
                    for name in value.split(',') {
                        kinds.push(ResourceType::named(name).ok_or(QueryError::Value {
                            parameter: "_type",
                            reason: "wanted: types that are served here",
                        })?);
                    }
                }
                _ if asked.takes(name, value)? => continue,
                _ => {
                    return Err(RecordsError::Unsupported(
                        "a parameter of $everything that is not start, end, _since, _type or _count",
                    ));
                }
            }
            asked.mark(name, value);
        }
        if kinds.len() > ResourceType::all().count() {
            return Err(QueryError::TooMuch.into());
        }
        Ok(Self {
            during: Span::between(start, end),
            since,
            kinds,
            count: asked.count(),
            fingerprint: asked.fingerprint(&format!("{of}/$everything")),
            cursor: asked.cursor,
            of,
        })
    }

    fn wants(&self, entry: &Entry) -> bool {
        let listed = self.kinds.is_empty() || self.kinds.contains(&entry.address.kind);
        listed
            && self
                .since
                .is_none_or(|since| entry.last_updated.micros() >= since)
    }
}

impl Records {
    /// Everything of one patient or encounter that the permit allows. Pages after the first show
    /// nothing that came to be later.
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
        let wanted = query.of.clone();
        let look = move |connection: &mut _| store::rid_of(connection, &wanted);
        let whose = self.database.read::<_, DatabaseError, _>(look).await?;
        let whose = whose.ok_or(RecordsError::NotFound)?;
        let mut gathering = Gathering {
            wanted: query.compartment(whose, permit.chart(), after),
            count: query.count,
            as_of: after.map(|position| position.txn),
            entries: Vec::new(),
            last: None,
            more: false,
        };
        if after.is_none() && query.wants(&focus) {
            gathering.entries.push(focus);
        }
        self.gather(permit, &mut gathering).await?;
        let next = match gathering.last.filter(|_| gathering.more) {
            Some(last) => Some(self.seal_position(last, query.fingerprint, now)?),
            None => None,
        };
        let included = self.included(permit, query, &gathering.entries).await?;
        Ok(Everything {
            entries: gathering.entries,
            included,
            next,
        })
    }

    async fn gather(&self, permit: &Permit, gathering: &mut Gathering) -> Result<(), RecordsError> {
        for round in 0_u32.. {
            let missing = gathering.count.saturating_sub(gathering.entries.len());
            let limit = missing
                .saturating_add(1)
                .saturating_mul(1 << round.min(8))
                .min(MOST_ENTRIES.saturating_add(1));
            let asked = gathering.wanted.clone();
            let rows = self
                .database
                .read(move |connection| {
                    Ok::<_, RecordsError>(store::members(connection, &asked, limit)?)
                })
                .await?;
            let exhausted = rows.len() < limit;
            gathering.take(rows, permit, &self.own);
            if exhausted || gathering.more {
                break;
            }
        }
        Ok(())
    }

    /// What the entries refer to and that stands in no chart. Who is limited to one chart sees none
    /// of it, as by reading it.
    async fn included(
        &self,
        permit: &Permit,
        query: &EverythingQuery,
        entries: &[Entry],
    ) -> Result<Vec<Entry>, RecordsError> {
        if permit.chart().is_some() {
            return Ok(Vec::new());
        }
        let mut seen: HashSet<Address> =
            entries.iter().map(|entry| entry.address.clone()).collect();
        let related = entries.iter().flat_map(|entry| &entry.facts.related);
        let related = related.filter_map(|reference| Address::parse(reference));
        let wanted: Vec<Address> = related
            .filter(|address| address.kind.name() != "Patient" && seen.insert(address.clone()))
            .take(MOST_INCLUDED)
            .collect();
        let look = move |connection: &mut HospitalConnection| {
            let mut found = Vec::new();
            for address in &wanted {
                found.extend(store::read(connection, address)?);
            }
            Ok::<_, RecordsError>(found)
        };
        let rows = self.database.read(look).await?;
        let outside = rows
            .into_iter()
            .filter(|row| row.patient == 0 && !row.deleted);
        let read = outside.filter_map(|row| Entry::of_stored(row, &self.own));
        let allowed = read.filter_map(|entry| permitted(permit, entry).ok());
        let listed =
            |entry: &Entry| query.kinds.is_empty() || query.kinds.contains(&entry.address.kind);
        Ok(allowed.filter(listed).collect())
    }
}

impl EverythingQuery {
    fn compartment(&self, whose: Rid, chart: Option<Rid>, after: Option<Position>) -> Compartment {
        let of = match self.of.kind.name() {
            "Encounter" => Of::Encounter(whose),
            _ => Of::Patient(whose),
        };
        Compartment {
            of,
            chart,
            kinds: self.kinds.clone(),
            during: self.during,
            since: self.since,
            after: after
                .filter(|position| position.rid != BEFORE_ALL)
                .map(|Position { date, rid, .. }| Place { date, rid }),
        }
    }
}

/// No row has this number.
const BEFORE_ALL: i64 = i64::MAX;

/// A page that is being filled.
struct Gathering {
    wanted: Compartment,
    count: usize,
    /// The commit that the first page saw; `None` until the first rows come.
    as_of: Option<i64>,
    entries: Vec<Entry>,
    last: Option<Position>,
    more: bool,
}

impl Gathering {
    fn take(&mut self, rows: Vec<Stored>, reach: &impl Reach, own: &str) {
        for row in rows {
            let as_of = *self.as_of.get_or_insert(row.newest_txn);
            let place = Place {
                date: row.date,
                rid: row.rid,
            };
            let new = row.born > as_of;
            let entry = Entry::of_stored(row, own).filter(|_| !new);
            if let Some(entry) = entry.and_then(|entry| permitted(reach, entry).ok()) {
                if self.entries.len() >= self.count {
                    self.more = true;
                    // A page of the patient alone ends before the first member.
                    self.last.get_or_insert(Position {
                        date: 0,
                        rid: BEFORE_ALL,
                        txn: as_of,
                    });
                    return;
                }
                self.entries.push(entry);
            }
            self.wanted.after = Some(place);
            self.last = Some(Position {
                date: place.date,
                rid: place.rid,
                txn: as_of,
            });
        }
    }
}
