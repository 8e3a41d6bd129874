//! A page of `$everything` that is being filled: rounds of members, as they were at the first page.

use std::collections::HashSet;

use crate::access::Permit;
use crate::database::HospitalConnection;

use super::super::cursor::Position;
use super::super::history::MOST_ENTRIES;
use super::super::store::{self, Compartment, Of, Place, Superseded};
use super::super::strict::strict;
use super::super::{Address, CursorError, Entry, LogicalId, RecordsError, permitted};
use super::{BEFORE_ALL, EverythingQuery, MOST_INCLUDED};

/// How many resources may have changed since the first page before the question begins anew, where
/// no chart limits them.
const MOST_CHANGED: usize = 5_000;

/// A page that is being filled.
pub(super) struct Gathering<'q> {
    query: &'q EverythingQuery,
    wanted: Option<Compartment>,
    /// The commit that the first page saw; `None` until the first rows come.
    as_of: Option<i64>,
    entries: Vec<Entry>,
    /// What the entries refer to, where that is brought along.
    leads_to: Option<HashSet<Address>>,
    last: Option<Position>,
    more: bool,
    /// Whether the permit hides anything: former versions are judged by what is there by now, too.
    hides: bool,
}

/// One round, as a database thread needs it.
pub(super) struct Question {
    query: EverythingQuery,
    wanted: Compartment,
    as_of: Option<i64>,
    limit: usize,
    own: String,
    hides: bool,
}

/// A round's members, in their order.
pub(super) struct Round {
    members: Vec<Member>,
    newest_txn: Option<i64>,
    last: bool,
}

struct Member {
    place: Place,
    /// `None` for what is not as it was at the first page.
    entry: Option<Entry>,
}

impl<'q> Gathering<'q> {
    pub(super) fn new(query: &'q EverythingQuery, permit: &Permit, as_of: Option<i64>) -> Self {
        Self {
            query,
            wanted: None,
            as_of,
            entries: Vec::new(),
            leads_to: query.brings_along(permit).then(HashSet::new),
            last: None,
            more: false,
            hides: !permit.sees_everything(),
        }
    }

    /// Puts whom it is about first.
    pub(super) fn begin_with(&mut self, focus: Entry) {
        self.fits(&focus);
        self.entries.push(focus);
    }

    /// Goes on with another part of what is wanted.
    pub(super) fn wanted(&mut self, compartment: Compartment) {
        self.wanted = (!self.more).then_some(compartment);
    }

    /// What to ask next; `None` when nothing is left, or the page is full.
    pub(super) fn question(&self, round: u32, own: &str) -> Option<Question> {
        let wanted = self.wanted.clone()?;
        // One more than fits tells whether there is a next page. Where much is withheld, rounds grow.
        let missing = self.query.count.saturating_sub(self.entries.len());
        let limit = missing
            .saturating_add(1)
            .saturating_mul(1 << round.min(8))
            .min(MOST_ENTRIES.saturating_add(1));
        Some(Question {
            query: self.query.clone(),
            wanted,
            as_of: self.as_of,
            limit,
            own: own.to_owned(),
            hides: self.hides,
        })
    }

    pub(super) fn take(&mut self, round: Round, permit: &Permit) {
        let as_of = match (self.as_of, round.newest_txn) {
            (Some(as_of), _) | (None, Some(as_of)) => *self.as_of.insert(as_of),
            (None, None) => 0,
        };
        for Member { place, entry } in round.members {
            let shown = entry.and_then(|entry| permitted(permit, entry).ok());
            if let Some(entry) = shown {
                if self.entries.len() >= self.query.count || !self.fits(&entry) {
                    // A page of the patient alone ends before the first member.
                    self.last.get_or_insert(Position {
                        date: 0,
                        rid: BEFORE_ALL,
                        txn: as_of,
                    });
                    self.more = true;
                    self.wanted = None;
                    return;
                }
                self.entries.push(entry);
            }
            if let Some(wanted) = &mut self.wanted {
                wanted.after = Some(place);
            }
            let Place { date, rid, .. } = place;
            let txn = as_of;
            self.last = Some(Position { date, rid, txn });
        }
        if round.last {
            self.wanted = None;
        }
    }

    /// Whether the page can bring along what this refers to as well; counted by what refers, there or
    /// not. One resource alone always fits.
    fn fits(&mut self, entry: &Entry) -> bool {
        let Some(known) = &mut self.leads_to else {
            return true;
        };
        let mut new: HashSet<Address> = self.query.leads_to(entry).collect();
        new.retain(|address| !known.contains(address));
        let fits =
            self.entries.is_empty() || known.len().saturating_add(new.len()) <= MOST_INCLUDED;
        if fits {
            known.extend(new);
        }
        fits
    }

    /// Where the next page begins, if there is one.
    pub(super) fn next(&self) -> Option<Position> {
        self.last.filter(|_| self.more)
    }

    pub(super) fn entries(self) -> Vec<Entry> {
        self.entries
    }
}

impl Question {
    /// One round, on a database thread.
    pub(super) fn ask(self, connection: &mut HospitalConnection) -> Result<Round, RecordsError> {
        let rows = store::members(connection, &self.wanted, self.limit)?;
        let newest_txn = rows.first().map(|row| row.newest_txn);
        let last = rows.len() < self.limit;
        let mut members: Vec<Member> = rows
            .into_iter()
            .map(|row| {
                let place = Place {
                    kind: row.kind,
                    date: row.date,
                    rid: row.rid,
                };
                let changed = self.as_of.is_some_and(|as_of| row.txn > as_of);
                let entry = Entry::of_stored(row, &self.own).filter(|_| !changed);
                Member { place, entry }
            })
            .collect();
        let end = members.last().map(|member| member.place);
        for changed in self.changed(connection)? {
            if last || end.is_some_and(|end| changed.place >= end) {
                members.push(changed);
            }
        }
        members.sort_by_key(|member| std::cmp::Reverse(member.place));
        Ok(Round {
            members,
            newest_txn,
            last,
        })
    }

    /// What was changed since the first page and stood behind the last entry then.
    fn changed(&self, connection: &mut HospitalConnection) -> Result<Vec<Member>, RecordsError> {
        let Some(as_of) = self.as_of else {
            return Ok(Vec::new());
        };
        let chart = match self.wanted.of {
            Of::Patient(whose) => Some(whose),
            Of::Naming(_) | Of::Encounter(_) => self.wanted.chart,
        };
        let formers = store::changed_since(connection, None, chart, as_of, MOST_CHANGED)?;
        // Within one chart all are read: a limit would tell of changes to what is withheld.
        if chart.is_none() && formers.len() >= MOST_CHANGED {
            return Err(CursorError::Expired.into());
        }
        let slots = self.wanted.of.slots();
        let mut members = Vec::new();
        for former in formers {
            members.extend(self.as_it_was(connection, former, slots.as_deref())?);
        }
        Ok(members)
    }

    fn as_it_was(
        &self,
        connection: &mut HospitalConnection,
        former: Superseded,
        slots: Option<&[i16]>,
    ) -> Result<Option<Member>, RecordsError> {
        let Some(kind) = former.kind() else {
            return Ok(None);
        };
        let wanted = self.query.kinds.is_empty() || self.query.kinds.contains(&kind);
        let since = self.query.since.is_none_or(|since| former.at >= since);
        let charted = self
            .wanted
            .chart
            .is_none_or(|chart| chart.0 == former.patient);
        if former.rid == self.wanted.of.rid().0 || !(wanted && since && charted) {
            return Ok(None);
        }
        let (Some(id), Ok(value)) = (LogicalId::parse(&former.id), strict(&former.raw)) else {
            return Ok(None);
        };
        let extracted = store::read_former(connection, kind, &value, former.marks())?;
        let place = Place {
            kind: kind.code(),
            date: extracted.when.lo,
            rid: former.rid,
        };
        let behind = self.wanted.after.is_none_or(|after| place < after);
        let belongs = slots.is_none_or(|slots| {
            let mut references = extracted.references.iter();
            references.any(|(slot, target)| slots.contains(slot) && *target == self.query.of)
        });
        if !(behind && belongs && self.query.wants_care_at(extracted.when)) {
            return Ok(None);
        }
        let address = Address { kind, id };
        let entry = former.entry(connection, address, extracted, (&self.own, self.hides))?;
        Ok(entry.map(|entry| Member {
            place,
            entry: Some(entry),
        }))
    }
}
