//! Writing resources, their former versions and their index rows: any number in one commit.
//!
//! All writers of records take turns (SQLite has one writer; on PostgreSQL the counter's table is
//! locked first), so commit numbers rise in the order of commits, and a conditional create sees
//! every create before it.

use std::borrow::Cow;
use std::sync::Arc;

use diesel::RunQueryDsl;
use diesel::sql_types::BigInt;
use federation_protocol::label::Labels;
use federation_protocol::time::Timestamp;
use fhir_validation::Issue;

use super::super::draft::Draft;
use super::super::extract::Extracted;
use super::super::own::OwnParameters;
use super::super::{Address, LogicalId, RecordsError, ResourceType};
use super::addresses::{Addresses, Known};
use super::index::{IndexRows, insert_rows, named, unindex};
use super::own::redefine;
use super::resources::{Commit, ResourceRow, insert_resources, keep_former, overwrite};
use super::rows::{self, Stored};
use super::statement::Statement;
use super::target::put_in_place;
use crate::database::{DatabaseError, HospitalConnection, take_turn};

/// One resource to write.
#[derive(Debug, Clone)]
pub(in crate::records) struct Change {
    pub(in crate::records) address: Address,
    /// `None` deletes.
    pub(in crate::records) draft: Option<Draft>,
    pub(in crate::records) expect: Expect,
}

impl Change {
    /// How many rows it puts into the index.
    pub(in crate::records) fn rows(&self) -> usize {
        let draft = self.draft.as_ref();
        draft.map_or(0, Draft::rows)
    }

    /// What is to be said about the resource; nothing about a delete.
    pub(in crate::records) fn issues(&self) -> Arc<[Issue]> {
        let draft = self.draft.as_ref();
        draft.map_or_else(Arc::default, |draft| Arc::clone(&draft.issues))
    }
}

/// What must be there for a change to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::records) enum Expect {
    /// Whatever.
    Anything,
    /// This version.
    Version(i32),
    /// Some version that is not deleted.
    Something,
    /// No version, or a deleted one.
    Nothing,
    /// Whatever; but nothing is written if it says the same already.
    Difference,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::records) enum Changed {
    Created {
        version: i32,
    },
    Updated {
        version: i32,
    },
    /// It said the same already.
    Unchanged {
        version: i32,
        at: i64,
    },
    Deleted {
        version: i32,
    },
    /// There was nothing to delete.
    Absent,
    /// Another version is there than was expected.
    Conflict,
}

/// Writes all changes as one commit. A `Conflict` among the results means that the caller must roll
/// back: the others were written.
pub(in crate::records) fn apply(
    connection: &mut HospitalConnection,
    changes: &[Change],
    at: Timestamp,
) -> Result<Vec<Changed>, RecordsError> {
    let mut writer = Writer::begin(connection, at)?;
    writer.own = redefine(writer.connection, changes)?;
    let changes = &*read_by(&writer.own, changes);
    writer.look_up(changes)?;
    let mut changed = Vec::with_capacity(changes.len());
    for change in changes {
        changed.push(match &change.draft {
            Some(draft) => writer.put(change, draft)?,
            None => writer.delete(change)?,
        });
    }
    writer.finish()?;
    Ok(changed)
}

/// The changes, what is written read by own parameters too. Done here, behind the lock: which of
/// them are in force is certain now.
fn read_by<'c>(own: &OwnParameters, changes: &'c [Change]) -> Cow<'c, [Change]> {
    let concerns = |change: &Change| !own.of_type(change.address.kind).is_empty();
    if own.is_empty() || !changes.iter().any(concerns) {
        return Cow::Borrowed(changes);
    }
    let mut changes = changes.to_vec();
    for change in changes.iter_mut().filter(|change| concerns(change)) {
        let by = own.of_type(change.address.kind);
        if let Some(draft) = &mut change.draft {
            draft.read_by(&by);
        }
    }
    Cow::Owned(changes)
}

/// The addresses of resources of this type that carry a token, not deleted; at most `limit`.
pub(in crate::records) fn matching(
    connection: &mut HospitalConnection,
    kind: ResourceType,
    slot: i16,
    value: i64,
    limit: usize,
) -> Result<Vec<Address>, DatabaseError> {
    let mut statement = Statement::<(diesel::sql_types::Text,)>::new(
        "SELECT r.id FROM ix_token t JOIN resource r ON r.rid = t.rid WHERE t.slot = ",
    );
    statement
        .int(slot)
        .sql(" AND t.value = ")
        .int(value)
        .sql(" ORDER BY t.rid LIMIT 0 + ")
        .int(i64::try_from(limit).unwrap_or(i64::MAX));
    let ids = statement.load::<(String,)>(connection)?;
    Ok(ids
        .into_iter()
        .filter_map(|(id,)| {
            Some(Address {
                kind,
                id: LogicalId::parse(&id)?,
            })
        })
        .collect())
}

/// Once so many index rows are made ready they are written, inside the same commit.
const SLICE: usize = 20_000;

struct Writer<'c> {
    connection: &'c mut HospitalConnection,
    commit: Commit,
    addresses: Addresses,
    new: Vec<ResourceRow>,
    index: IndexRows,
    own: OwnParameters,
}

impl<'c> Writer<'c> {
    fn begin(connection: &'c mut HospitalConnection, at: Timestamp) -> Result<Self, DatabaseError> {
        take_turn(connection)?;
        let statement = Statement::<(BigInt, BigInt)>::new(
            "SELECT c.txn, c.rid FROM records_counter c WHERE c.one = 1",
        );
        let (txn, last_rid) = statement.get_result::<(i64, i64)>(connection)?;
        Ok(Self {
            connection,
            commit: Commit {
                txn: txn.saturating_add(1),
                at,
            },
            addresses: Addresses::after(last_rid),
            new: Vec::new(),
            index: IndexRows::default(),
            own: OwnParameters::NONE,
        })
    }

    /// Finds every address that the changes name, and gives row numbers to the new ones: first to
    /// what is written now, then to what is only referred to.
    fn look_up(&mut self, changes: &[Change]) -> Result<(), DatabaseError> {
        let targets = changes.iter().map(|change| &change.address);
        let drafts = changes.iter().filter_map(|change| change.draft.as_ref());
        let named: Vec<&Address> = drafts.flat_map(|draft| named(&draft.extracted)).collect();
        self.addresses
            .find(self.connection, targets.chain(named.iter().copied()))?;
        for change in changes {
            if let Some(draft) = &change.draft {
                self.addresses.place(&change.address);
                // What marks others marks them in the same commit, whichever comes first.
                let labels = draft.extracted.facts.labels;
                self.addresses.change(&change.address, |known| {
                    known.labels = known.labels.or(labels)
                });
            }
        }
        for address in named {
            if self.addresses.number(address) {
                self.refer_to(address);
            }
        }
        Ok(())
    }

    /// A row for what is referred to and not here (yet).
    fn refer_to(&mut self, address: &Address) {
        self.addresses.change(address, |known| known.there = true);
        let rid = self.addresses.rid(address);
        self.new.push(ResourceRow::empty(address, rid, 0, 0));
    }

    fn put(&mut self, change: &Change, draft: &Draft) -> Result<Changed, DatabaseError> {
        let address = &change.address;
        let Some(known) = self.addresses.get(address) else {
            return Ok(Changed::Absent);
        };
        if known.queued {
            self.flush()?;
        }
        let old = match known.version {
            0 => None,
            _ => rows::read(self.connection, address)?,
        };
        if let Some(refused) = unexpected(change, draft, old.as_ref()) {
            return Ok(refused);
        }
        if let Some(old) = &old {
            self.supersede(old)?;
        }
        let version = old.as_ref().map_or(1, |old| old.version.saturating_add(1));
        let row = self.row(address, draft, known.rid, version);
        let addresses = &self.addresses;
        self.index.add(
            &draft.extracted,
            address.kind.code(),
            (row.rid, row.patient, row.when, row.category),
            |target| addresses.target(target),
        );
        if known.there {
            if known.version == 0 && known.rid != known.target {
                put_in_place(self.connection, known.target, known.rid)?;
            }
            overwrite(self.connection, &row, self.commit, false)?;
            self.spread_labels(address, row.labels)?;
        } else {
            self.new.push(row);
        }
        self.addresses.change(address, |known| {
            *known = Known {
                version,
                there: true,
                queued: !known.there,
                ..*known
            };
        });
        let created = old.is_none_or(|old| old.deleted);
        // What is made ready at one time stays bounded, however much one commit writes.
        if self.index.values() >= SLICE {
            self.flush()?;
        }
        Ok(if created {
            Changed::Created { version }
        } else {
            Changed::Updated { version }
        })
    }

    fn row(&self, address: &Address, draft: &Draft, rid: i64, version: i32) -> ResourceRow {
        let Extracted {
            patient,
            marked_by,
            when,
            facts,
            ..
        } = &draft.extracted;
        let patient = match patient {
            Some(patient) => self.addresses.rid(patient),
            None if address.kind.name() == "Patient" => rid,
            None => 0,
        };
        let shared = marked_by.iter().fold(Labels::NONE, |labels, by| {
            labels.or(self.addresses.labels(by))
        });
        let row = ResourceRow::empty(address, rid, version, patient);
        let raw = draft.stored_as(&address.id, version, self.commit.at);
        ResourceRow {
            raw,
            ..row.with_facts(facts, *when, shared)
        }
    }

    fn delete(&mut self, change: &Change) -> Result<Changed, DatabaseError> {
        let address = &change.address;
        self.flush()?;
        let old = rows::read(self.connection, address)?.filter(|old| !old.deleted);
        if !change.expect.holds(old.as_ref().map(|old| old.version)) {
            return Ok(Changed::Conflict);
        }
        let Some(old) = old else {
            return Ok(Changed::Absent);
        };
        self.supersede(&old)?;
        let version = old.version.saturating_add(1);
        // What marked it marks its history still.
        let tombstone = ResourceRow {
            labels: old.facts().labels.to_bits(),
            ..ResourceRow::empty(address, old.rid, version, old.patient)
        };
        overwrite(self.connection, &tombstone, self.commit, true)?;
        Ok(Changed::Deleted { version })
    }

    /// Moves the newest version to the former ones and takes its index rows out.
    fn supersede(&mut self, old: &Stored) -> Result<(), DatabaseError> {
        keep_former(self.connection, old.rid)?;
        if old.deleted {
            Ok(())
        } else {
            unindex(self.connection, old, &self.own)
        }
    }

    /// An encounter's sensitivity marks what belongs to it, a medication's what is about it: also
    /// what was here before.
    fn spread_labels(&mut self, by: &Address, labels: i64) -> Result<(), DatabaseError> {
        let slots = by.kind.marking_slots();
        if labels == 0 || slots.is_empty() {
            return Ok(());
        }
        let mut update = Statement::<()>::new("UPDATE resource SET labels = labels | ");
        update.int(labels);
        update.sql(" WHERE rid IN (SELECT t.rid FROM ix_reference t WHERE t.slot IN ");
        update
            .list(&slots)
            .sql(" AND t.target = ")
            .int(self.addresses.target(by))
            .sql(")");
        update.run(self.connection)?;
        Ok(())
    }

    /// Writes what is queued.
    fn flush(&mut self) -> Result<(), DatabaseError> {
        insert_resources(self.connection, &std::mem::take(&mut self.new), self.commit)?;
        insert_rows(self.connection, std::mem::take(&mut self.index))
    }

    fn finish(mut self) -> Result<(), DatabaseError> {
        self.flush()?;
        let mut count = Statement::<()>::new("UPDATE records_counter SET txn = ");
        count
            .int(self.commit.txn)
            .sql(", rid = ")
            .int(self.addresses.last_rid);
        count.sql(" WHERE one = 1").run(self.connection)?;
        Ok(())
    }
}

impl Expect {
    /// Whether a change may be made over the version that is there, deleted resources left out.
    pub(in crate::records) fn holds(self, living: Option<i32>) -> bool {
        match (self, living) {
            (Self::Anything | Self::Difference, _) => true,
            (Self::Version(version), Some(there)) => there == version,
            (Self::Version(_), None) => false,
            (Self::Something, there) => there.is_some(),
            (Self::Nothing, there) => there.is_none(),
        }
    }
}

/// Why a change is not made, if it is not.
fn unexpected(change: &Change, draft: &Draft, old: Option<&Stored>) -> Option<Changed> {
    let living = old.filter(|old| !old.deleted);
    if !change.expect.holds(living.map(|old| old.version)) {
        return Some(Changed::Conflict);
    }
    let old = living.filter(|_| change.expect == Expect::Difference)?;
    let at = Timestamp::from_micros(old.at);
    let same = draft.stored_as(&change.address.id, old.version, at) == old.raw;
    same.then_some(Changed::Unchanged {
        version: old.version,
        at: old.at,
    })
}

/// Adds a row for an address that is referred to and not here, outside a usual write.
pub(super) fn add_referred(
    connection: &mut HospitalConnection,
    address: &Address,
) -> Result<i64, DatabaseError> {
    let mut writer = Writer::begin(connection, Timestamp::from_micros(0))?;
    writer.addresses.number(address);
    writer.refer_to(address);
    let rid = writer.addresses.rid(address);
    // No commit of its own: nothing that a reader can see has changed.
    writer.commit.txn = writer.commit.txn.saturating_sub(1);
    writer.finish()?;
    Ok(rid)
}
