//! Reading whole charts, piece by piece, as they stood at one commit: for exports, which take
//! longer than a snapshot of the database may be held.
//!
//! What is changed or deleted meanwhile is read as it was. Each resource is judged by the permit
//! like a match of a search: what may not be shown is not there, and neither does it lead anywhere.

use std::collections::HashSet;
use std::sync::Arc;

use federation_protocol::time::Timestamp;

use crate::access::Permit;
use crate::database::{HospitalConnection, Rid, take_turn};

use super::dress::Dress;
use super::extract::extract;
use super::json::on_one_line;
use super::look::Subject;
use super::query::condition::Condition;
use super::search::Reach;
use super::store::{self, Standing};
use super::strict::strict;
use super::{
    Address, Entry, LogicalId, Records, RecordsError, ResourceType, SearchQuery, permitted,
    within_reach,
};

/// How many resources are looked at in one piece.
const LOOKED_AT: usize = 2_000;
/// A piece ends behind the resource with which its texts have so many bytes.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// How many texts are read at a time: what a piece may have beyond [`MOST_BYTES`].
const TEXTS_AT_ONCE: usize = 16;

/// A commit: what a walk sees is what stood there when this was the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(i64);

impl Mark {
    /// The number that it is stored under.
    #[must_use]
    pub fn number(self) -> i64 {
        self.0
    }

    /// The mark of a stored number.
    #[must_use]
    pub fn numbered(number: i64) -> Self {
        Self(number)
    }
}

/// Whose charts are read.
#[derive(Debug, Clone)]
pub enum Charts {
    /// Everybody's.
    Every,
    /// These patients'.
    These(Arc<HashSet<Rid>>),
}

impl Charts {
    fn have(&self, chart: Rid) -> bool {
        match self {
            Self::Every => chart != NO_CHART,
            Self::These(charts) => charts.contains(&chart),
        }
    }
}

/// The chart of what stands in none.
const NO_CHART: Rid = Rid(0);

/// What is wanted of the resources of one type.
#[derive(Debug, Clone)]
pub struct Walk {
    /// When.
    pub mark: Mark,
    /// Whose.
    pub charts: Charts,
    /// Only what was written at this moment or later.
    pub since: Option<Timestamp>,
    /// Only what one of these searches finds; empty: everything.
    pub filters: Vec<SearchQuery>,
    /// Whether what is not wanted is told too, for what it refers to.
    pub looks_further: bool,
    /// At most so many resources in one piece.
    pub at_once: usize,
}

/// One piece of a walk.
#[derive(Debug, Default)]
pub struct Stretch {
    /// What the permit allows, in the order of ids.
    pub found: Vec<Seen>,
    /// What was deleted since the walk's moment; nothing where it has none.
    pub deleted: Vec<Address>,
    /// Behind which id the next piece begins; `None`: this was the last of the type.
    pub next: Option<LogicalId>,
}

/// One resource, as it stood.
#[derive(Debug)]
pub struct Seen {
    /// The version.
    pub entry: Entry,
    /// Whether it is wanted.
    pub wanted: bool,
}

impl Seen {
    /// What it refers to on this node, there or not.
    pub fn refers_to(&self) -> impl Iterator<Item = Address> {
        let related = self.entry.facts.related.iter();
        related.filter_map(|reference| Address::parse(reference))
    }

    /// The resource on one line, as NDJSON wants it; with the `_elements` of a search cut to them and
    /// to what is mandatory, and marked so.
    #[must_use]
    pub fn line(&self, shape: Option<&SearchQuery>) -> String {
        let (kind, raw) = (self.entry.address.kind, &self.entry.raw);
        let mut line = match shape {
            Some(shape) => on_one_line(&Dress::of(shape).on(kind, raw)),
            None => on_one_line(raw),
        };
        line.push('\n');
        line
    }
}

/// A resource with whose chart it stood in, not judged yet.
type Candidate = (Rid, Seen);

impl Records {
    /// The newest commit, behind every write that has begun to be written. A write takes its time
    /// before its turn: one that still waits may be as old as it has waited.
    ///
    /// # Errors
    /// `Database`.
    pub async fn mark(&self, _permit: &Permit) -> Result<Mark, RecordsError> {
        self.database
            .transact(|connection| {
                take_turn(connection)?;
                Ok(Mark(store::newest_commit(connection)?))
            })
            .await
    }

    /// The charts of these patients: those that are known here.
    ///
    /// # Errors
    /// `Database`.
    pub async fn charts(
        &self,
        _permit: &Permit,
        patients: Vec<Address>,
    ) -> Result<Charts, RecordsError> {
        self.database
            .read(move |connection| {
                let mut charts = HashSet::new();
                for patient in patients.iter().filter(|one| one.kind.name() == "Patient") {
                    charts.extend(store::rid_of(connection, patient)?);
                }
                Ok::<_, RecordsError>(Charts::These(Arc::new(charts)))
            })
            .await
    }

    /// The next piece of a type behind an id: what stands in charts.
    ///
    /// # Errors
    /// `TooCostly`, `Database`.
    pub async fn walk(
        &self,
        permit: &Permit,
        kind: ResourceType,
        walk: &Walk,
        behind: Option<LogicalId>,
    ) -> Result<Stretch, RecordsError> {
        self.walk_as(permit, kind, walk, behind).await
    }

    pub(super) async fn walk_as(
        &self,
        reach: &impl Reach,
        kind: ResourceType,
        walk: &Walk,
        behind: Option<LogicalId>,
    ) -> Result<Stretch, RecordsError> {
        let piece = self.piece(reach, walk).await?;
        let (candidates, deleted, next) = self
            .database
            .read(move |connection| piece.of_type(connection, kind, behind.as_ref()))
            .await?;
        Ok(Stretch {
            found: judged(reach, candidates),
            // Of what is gone nothing is known that could be judged.
            deleted: if reach.sees_everything() {
                deleted
            } else {
                Vec::new()
            },
            next,
        })
    }

    /// What stood at these addresses and in no chart.
    ///
    /// # Errors
    /// `TooCostly`, `Database`.
    pub async fn beside_charts(
        &self,
        permit: &Permit,
        addresses: Vec<Address>,
        walk: &Walk,
    ) -> Result<Vec<Seen>, RecordsError> {
        self.beside_charts_as(permit, addresses, walk).await
    }

    pub(super) async fn beside_charts_as(
        &self,
        reach: &impl Reach,
        addresses: Vec<Address>,
        walk: &Walk,
    ) -> Result<Vec<Seen>, RecordsError> {
        let piece = self.piece(reach, walk).await?;
        let candidates = self
            .database
            .read(move |connection| piece.at(connection, &addresses))
            .await?;
        Ok(judged(reach, candidates))
    }

    async fn piece(&self, reach: &impl Reach, walk: &Walk) -> Result<Piece, RecordsError> {
        let mut filters = Vec::with_capacity(walk.filters.len());
        for filter in &walk.filters {
            let mut reads = self.database.clone();
            let followed = self
                .links_followed(&mut reads, reach, filter.clone(), &mut Vec::new())
                .await?;
            filters.push((followed.kind, followed.conditions));
        }
        Ok(Piece {
            walk: Walk {
                filters: Vec::new(),
                ..walk.clone()
            },
            filters,
            own: Arc::clone(&self.own),
        })
    }
}

/// What the permit allows of these.
fn judged(reach: &impl Reach, candidates: Vec<Candidate>) -> Vec<Seen> {
    let allowed = candidates.into_iter().filter_map(|(chart, seen)| {
        within_reach(reach, chart).ok()?;
        let Seen { entry, wanted } = seen;
        let entry = permitted(reach, entry).ok()?;
        Some(Seen { entry, wanted })
    });
    allowed.collect()
}

/// A walk as a database thread needs it.
struct Piece {
    walk: Walk,
    filters: Vec<(ResourceType, Vec<Condition>)>,
    own: Arc<str>,
}

/// What a database thread found of one piece.
type Found = (Vec<Candidate>, Vec<Address>, Option<LogicalId>);

impl Piece {
    fn of_type(
        &self,
        connection: &mut HospitalConnection,
        kind: ResourceType,
        behind: Option<&LogicalId>,
    ) -> Result<Found, RecordsError> {
        let Mark(as_of) = self.walk.mark;
        let (mut standing, mut next) =
            store::standing_behind(connection, kind, behind, as_of, LOOKED_AT)?;
        standing.retain(|one| self.walk.charts.have(one.patient) && self.interests(one));
        if standing.len() > self.walk.at_once {
            standing.truncate(self.walk.at_once);
            next = standing.last().map(|one| one.address.id.clone());
        }
        let (found, read) = self.texts(connection, &standing)?;
        if read < standing.len() {
            standing.truncate(read);
            next = standing.last().map(|one| one.address.id.clone());
        }
        let gone = standing.into_iter().filter(|one| one.deleted);
        let deleted = gone.map(|one| one.address).collect();
        Ok((found, deleted, next))
    }

    fn at(
        &self,
        connection: &mut HospitalConnection,
        addresses: &[Address],
    ) -> Result<Vec<Candidate>, RecordsError> {
        let Mark(as_of) = self.walk.mark;
        let mut found = Vec::new();
        for address in addresses {
            let standing = store::standing_at(connection, address, as_of)?;
            let Some(one) = standing.filter(|one| one.patient == NO_CHART && !one.deleted) else {
                continue;
            };
            for (chart, entry) in store::texts_of(connection, &[one], &self.own)? {
                let wanted = self.wants(connection, chart, &entry)?;
                found.push((chart, Seen { entry, wanted }));
            }
        }
        Ok(found)
    }

    /// Whether its text is worth reading.
    fn interests(&self, one: &Standing) -> bool {
        let new = self.walk.since.is_none_or(|since| one.at >= since.micros());
        if one.deleted {
            new && self.walk.since.is_some()
        } else {
            new || self.walk.looks_further
        }
    }

    /// The texts, and how many of `standing` they reach to.
    fn texts(
        &self,
        connection: &mut HospitalConnection,
        standing: &[Standing],
    ) -> Result<(Vec<Candidate>, usize), RecordsError> {
        let (mut found, mut bytes, mut read) = (Vec::new(), 0_usize, 0_usize);
        for some in standing.chunks(TEXTS_AT_ONCE) {
            for (chart, entry) in store::texts_of(connection, some, &self.own)? {
                bytes = bytes.saturating_add(entry.raw.len());
                let wanted = self.wants(connection, chart, &entry)?;
                found.push((chart, Seen { entry, wanted }));
            }
            read = read.saturating_add(some.len());
            if bytes >= MOST_BYTES {
                break;
            }
        }
        Ok((found, read))
    }

    fn wants(
        &self,
        connection: &mut HospitalConnection,
        Rid(chart): Rid,
        entry: &Entry,
    ) -> Result<bool, RecordsError> {
        let new = |since| entry.last_updated >= since;
        if !self.walk.since.is_none_or(new) {
            return Ok(false);
        }
        let kind = entry.address.kind;
        let mut filters = self.filters.iter().filter(|(of, _)| *of == kind).peekable();
        if filters.peek().is_none() {
            return Ok(true);
        }
        let Ok(value) = strict(&entry.raw) else {
            return Ok(false);
        };
        let subject = Subject {
            address: &entry.address,
            rid: entry.rid,
            chart,
            value: &value,
            extracted: &extract(kind, &value),
            at: entry.last_updated.micros(),
        };
        for (_, conditions) in filters {
            let mut all = true;
            for condition in conditions {
                all = all && subject.satisfies(connection, condition)?;
            }
            if all {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
