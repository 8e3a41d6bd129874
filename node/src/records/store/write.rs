//! Writing resources, their former versions and their index rows: any number in one commit.
//!
//! All writers of records take turns (SQLite has one writer; on PostgreSQL the counter's table is
//! locked first), so commit numbers rise in the order of commits, and a conditional create sees
//! every create before it.

use std::collections::HashMap;

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::sql_types::BigInt;
use federation_protocol::label::Labels;
use federation_protocol::time::Timestamp;

use super::super::classify::{category_bits, category_number};
use super::super::date::{Span, UNDATED};
use super::super::draft::Draft;
use super::super::extract::Extracted;
use super::super::types::Kind;
use super::super::{Address, LogicalId, ResourceType};
use super::index::{IndexRows, insert_rows, named, unindex};
use super::rows::{self, Stored};
use super::statement::{Statement, insert_all};
use crate::database::{DatabaseError, HospitalConnection};

/// One resource to write.
#[derive(Debug, Clone)]
pub(in crate::records) struct Change {
    pub(in crate::records) address: Address,
    /// `None` deletes.
    pub(in crate::records) draft: Option<Draft>,
    pub(in crate::records) expect: Expect,
}

/// What must be there for a change to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::records) enum Expect {
    /// Whatever.
    Anything,
    /// This version.
    Version(i32),
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
) -> Result<Vec<Changed>, DatabaseError> {
    let mut writer = Writer::begin(connection, at)?;
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

/// The addresses of resources of this type that carry a token, not deleted; at most two.
pub(in crate::records) fn matching(
    connection: &mut HospitalConnection,
    kind: ResourceType,
    slot: i16,
    value: i64,
) -> Result<Vec<Address>, DatabaseError> {
    let mut statement = Statement::<(diesel::sql_types::Text,)>::new(
        "SELECT r.id FROM ix_token t JOIN resource r ON r.rid = t.rid WHERE t.slot = ",
    );
    statement
        .int(slot)
        .sql(" AND t.value = ")
        .int(value)
        .sql(" ORDER BY t.rid LIMIT 2");
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

/// Waits for the turn to write, before the transaction's snapshot is taken.
pub(in crate::records) fn lock(connection: &mut HospitalConnection) -> Result<(), DatabaseError> {
    if let HospitalConnection::Postgres(postgres) = connection {
        postgres.batch_execute("LOCK TABLE records_counter IN EXCLUSIVE MODE")?;
    }
    Ok(())
}

/// What is known of an address.
#[derive(Debug, Clone, Copy)]
struct Known {
    rid: i64,
    /// 0: only referred to.
    version: i32,
    labels: Labels,
    /// Whether there is a row, in the database or among the new ones here.
    there: bool,
    /// Whether that row may still be among the new ones here.
    queued: bool,
}

struct Writer<'c> {
    connection: &'c mut HospitalConnection,
    at: Timestamp,
    txn: i64,
    last_rid: i64,
    known: HashMap<Address, Known>,
    new: Vec<NewResource>,
    index: IndexRows,
}

struct NewResource {
    address: Address,
    numbers: Numbers,
    authors: String,
    related: String,
    raw: String,
}

/// The number columns of `resource`.
#[derive(Debug, Clone, Copy)]
struct Numbers {
    rid: i64,
    kind: i16,
    version: i32,
    patient: i64,
    category: i16,
    contained: i16,
    labels: i64,
    when: Span,
}

impl<'c> Writer<'c> {
    fn begin(connection: &'c mut HospitalConnection, at: Timestamp) -> Result<Self, DatabaseError> {
        lock(connection)?;
        let statement = Statement::<(BigInt, BigInt)>::new(
            "SELECT c.txn, c.rid FROM records_counter c WHERE c.one = 1",
        );
        let (txn, last_rid) = statement.get_result::<(i64, i64)>(connection)?;
        Ok(Self {
            connection,
            at,
            txn: txn.saturating_add(1),
            last_rid,
            known: HashMap::new(),
            new: Vec::new(),
            index: IndexRows::default(),
        })
    }

    /// Finds every address that the changes name, and gives row numbers to the new ones: first to
    /// what is written now, then to what is only referred to.
    fn look_up(&mut self, changes: &[Change]) -> Result<(), DatabaseError> {
        let targets: Vec<&Address> = changes.iter().map(|change| &change.address).collect();
        let drafts = changes.iter().filter_map(|change| change.draft.as_ref());
        let named: Vec<&Address> = drafts.flat_map(|draft| named(&draft.extracted)).collect();
        self.find(targets.iter().chain(&named).copied())?;
        for change in changes {
            if change.draft.is_some() {
                self.number(&change.address);
            }
        }
        for change in changes {
            // An encounter in the same commit marks what belongs to it, whichever comes first.
            if let Some(draft) = &change.draft
                && let Some(known) = self.known.get_mut(&change.address)
            {
                known.labels = known.labels.or(draft.extracted.facts.labels);
            }
        }
        for address in named {
            if self.number(address) {
                self.refer_to(address);
            }
        }
        Ok(())
    }

    fn find<'a>(
        &mut self,
        addresses: impl Iterator<Item = &'a Address>,
    ) -> Result<(), DatabaseError> {
        let mut by_kind: HashMap<ResourceType, Vec<&Address>> = HashMap::new();
        for address in addresses {
            if !self.known.contains_key(address) {
                by_kind.entry(address.kind).or_default().push(address);
            }
        }
        for (kind, mut addresses) in by_kind {
            addresses.sort_unstable_by(|a, b| a.id.cmp(&b.id));
            addresses.dedup();
            for some in addresses.chunks(64) {
                self.find_some(kind, some)?;
            }
        }
        Ok(())
    }

    fn find_some(&mut self, kind: ResourceType, some: &[&Address]) -> Result<(), DatabaseError> {
        use diesel::sql_types::{Integer, Text};
        let mut statement = Statement::<(Text, BigInt, Integer, BigInt)>::new(
            "SELECT r.id, r.rid, r.version, r.labels FROM resource r WHERE r.type = ",
        );
        statement.int(kind.code()).sql(" AND r.id IN (");
        // Few shapes stay prepared: lists are filled up with their last id.
        let padded = some.iter().chain(some.last().into_iter().cycle());
        for (number, address) in padded.take(some.len().next_power_of_two()).enumerate() {
            if number > 0 {
                statement.sql(", ");
            }
            statement.text(address.id.as_str());
        }
        statement.sql(")");
        let rows = statement.load::<(String, i64, i32, i64)>(self.connection)?;
        for (id, rid, version, labels) in rows {
            if let Some(id) = LogicalId::parse(&id) {
                let labels = Labels::from_bits(labels);
                let known = Known {
                    rid,
                    version,
                    labels,
                    there: true,
                    queued: false,
                };
                self.known.insert(Address { kind, id }, known);
            }
        }
        Ok(())
    }

    /// Gives an address a row number if it has none; whether it had none.
    fn number(&mut self, address: &Address) -> bool {
        if self.known.contains_key(address) {
            return false;
        }
        self.last_rid = self.last_rid.saturating_add(1);
        let known = Known {
            rid: self.last_rid,
            version: 0,
            labels: Labels::NONE,
            there: false,
            queued: false,
        };
        self.known.insert(address.clone(), known);
        true
    }

    /// A row for what is referred to and not here (yet).
    fn refer_to(&mut self, address: &Address) {
        let Some(known) = self.known.get_mut(address) else {
            return;
        };
        known.there = true;
        let numbers = Numbers {
            rid: known.rid,
            kind: address.kind.code(),
            version: 0,
            patient: 0,
            category: 0,
            contained: 0,
            labels: 0,
            when: Span::NONE,
        };
        let (authors, related, raw) = (String::new(), String::new(), String::new());
        self.new.push(NewResource {
            address: address.clone(),
            numbers,
            authors,
            related,
            raw,
        });
    }

    fn rid(&self, address: &Address) -> i64 {
        self.known.get(address).map_or(0, |known| known.rid)
    }

    fn put(&mut self, change: &Change, draft: &Draft) -> Result<Changed, DatabaseError> {
        let address = &change.address;
        let Some(known) = self.known.get(address).copied() else {
            return Ok(Changed::Absent);
        };
        if known.queued {
            self.flush()?;
        }
        let there = known.there && known.version > 0;
        let old = if there {
            rows::read(self.connection, address)?
        } else {
            None
        };
        if let Some(refused) = unexpected(change, draft, old.as_ref()) {
            return Ok(refused);
        }
        let version = old.as_ref().map_or(1, |old| old.version.saturating_add(1));
        let numbers = self.numbers(address, draft, known.rid, version);
        let text = draft.stored_as(&address.id, version, self.at);
        let facts = &draft.extracted.facts;
        let (authors, related) = (facts.authors.join("\n"), facts.related.join("\n"));
        if let Some(old) = &old {
            self.supersede(old)?;
        }
        let row = NewResource {
            address: address.clone(),
            numbers,
            authors,
            related,
            raw: text,
        };
        if known.there {
            self.overwrite(&row, false)?;
        } else {
            self.new.push(row);
        }
        let Numbers {
            rid,
            kind,
            patient,
            category,
            when,
            ..
        } = numbers;
        let rid_of = |target: &Address| self.known.get(target).map_or(0, |known| known.rid);
        self.index.add(
            &draft.extracted,
            kind,
            (rid, patient, when, category),
            rid_of,
        );
        if known.there {
            self.spread_labels(address, numbers.labels)?;
        }
        if let Some(entry) = self.known.get_mut(address) {
            *entry = Known {
                version,
                there: true,
                queued: !known.there,
                ..*entry
            };
        }
        let created = old.is_none_or(|old| old.deleted);
        Ok(if created {
            Changed::Created { version }
        } else {
            Changed::Updated { version }
        })
    }

    fn numbers(&self, address: &Address, draft: &Draft, rid: i64, version: i32) -> Numbers {
        let Extracted {
            patient,
            encounter,
            when,
            facts,
            ..
        } = &draft.extracted;
        let patient = match patient {
            Some(patient) => self.rid(patient),
            None if address.kind.name() == "Patient" => rid,
            None => 0,
        };
        let shared = encounter
            .as_ref()
            .and_then(|encounter| self.known.get(encounter));
        let labels = facts
            .labels
            .or(shared.map_or(Labels::NONE, |known| known.labels));
        Numbers {
            rid,
            kind: address.kind.code(),
            version,
            patient,
            category: category_number(facts.category),
            contained: category_bits(&facts.contained),
            labels: labels.to_bits(),
            when: *when,
        }
    }

    fn delete(&mut self, change: &Change) -> Result<Changed, DatabaseError> {
        let address = &change.address;
        self.flush()?;
        let Some(old) = rows::read(self.connection, address)?.filter(|old| !old.deleted) else {
            return Ok(if matches!(change.expect, Expect::Version(_)) {
                Changed::Conflict
            } else {
                Changed::Absent
            });
        };
        if matches!(change.expect, Expect::Version(version) if version != old.version) {
            return Ok(Changed::Conflict);
        }
        self.supersede(&old)?;
        let version = old.version.saturating_add(1);
        let numbers = Numbers {
            rid: old.rid,
            kind: old.kind,
            version,
            patient: old.patient,
            category: 0,
            contained: 0,
            labels: 0,
            when: Span {
                lo: UNDATED,
                hi: UNDATED,
            },
        };
        let (authors, related, raw) = (String::new(), String::new(), String::new());
        let row = NewResource {
            address: address.clone(),
            numbers,
            authors,
            related,
            raw,
        };
        self.overwrite(&row, true)?;
        Ok(Changed::Deleted { version })
    }

    /// Moves the newest version to the former ones and takes its index rows out.
    fn supersede(&mut self, old: &Stored) -> Result<(), DatabaseError> {
        let mut keep = Statement::<()>::new(
            "INSERT INTO resource_version (rid, version, patient, txn, at, deleted, raw) \
             SELECT rid, version, patient, txn, at, deleted, raw FROM resource WHERE rid = ",
        );
        keep.int(old.rid).run(self.connection)?;
        if old.deleted {
            return Ok(());
        }
        unindex(self.connection, old)
    }

    fn overwrite(&mut self, row: &NewResource, deleted: bool) -> Result<(), DatabaseError> {
        let NewResource {
            numbers,
            authors,
            related,
            raw,
            ..
        } = row;
        let mut update = Statement::<()>::new("UPDATE resource SET version = ");
        update.int(numbers.version).sql(", txn = ").int(self.txn);
        // What was only referred to until now is born now.
        update
            .sql(", born = CASE WHEN version = 0 THEN ")
            .int(self.txn)
            .sql(" ELSE born END");
        update.sql(", at = ").int(self.at.micros());
        update.sql(if deleted {
            ", deleted = TRUE"
        } else {
            ", deleted = FALSE"
        });
        update.sql(", patient = ").int(numbers.patient);
        update.sql(", category = ").int(numbers.category);
        update.sql(", contained = ").int(numbers.contained);
        update.sql(", labels = ").int(numbers.labels);
        update
            .sql(", date = ")
            .int(numbers.when.lo)
            .sql(", date_end = ")
            .int(numbers.when.hi);
        update.sql(", authors = ").text(authors.as_str());
        update.sql(", related = ").text(related.as_str());
        update.sql(", raw = ").text(raw.as_str());
        update.sql(" WHERE rid = ").int(numbers.rid);
        update.run(self.connection)?;
        Ok(())
    }

    /// An encounter's sensitivity marks what belongs to it, also what was here before.
    fn spread_labels(&mut self, encounter: &Address, labels: i64) -> Result<(), DatabaseError> {
        if labels == 0 || encounter.kind.name() != "Encounter" {
            return Ok(());
        }
        let slots: Vec<i64> = ResourceType::all()
            .filter_map(|kind| kind.parameter("encounter"))
            .filter(|(_, parameter)| parameter.kind == Kind::Reference)
            .map(|(slot, _)| i64::from(slot))
            .collect();
        let mut update = Statement::<()>::new("UPDATE resource SET labels = labels | ");
        update
            .int(labels)
            .sql(" WHERE rid IN (SELECT t.rid FROM ix_reference t WHERE t.slot IN ");
        update
            .list(&slots)
            .sql(" AND t.target = ")
            .int(self.rid(encounter))
            .sql(")");
        update.run(self.connection)?;
        Ok(())
    }

    /// Writes what is queued.
    fn flush(&mut self) -> Result<(), DatabaseError> {
        let (txn, at) = (self.txn, self.at.micros());
        let head = "INSERT INTO resource (rid, type, id, version, txn, born, at, deleted, patient, \
             category, contained, labels, date, date_end, authors, related, raw) VALUES ";
        let new = std::mem::take(&mut self.new);
        insert_all(self.connection, head, &new, |statement, row| {
            let n = &row.numbers;
            statement
                .int(n.rid)
                .sql(", ")
                .int(n.kind)
                .sql(", ")
                .text(row.address.id.as_str());
            statement
                .sql(", ")
                .int(n.version)
                .sql(", ")
                .int(txn)
                .sql(", ")
                .int(txn);
            statement
                .sql(", ")
                .int(at)
                .sql(", FALSE, ")
                .int(n.patient)
                .sql(", ")
                .int(n.category);
            statement
                .sql(", ")
                .int(n.contained)
                .sql(", ")
                .int(n.labels)
                .sql(", ")
                .int(n.when.lo);
            statement
                .sql(", ")
                .int(n.when.hi)
                .sql(", ")
                .text(row.authors.as_str())
                .sql(", ");
            statement
                .text(row.related.as_str())
                .sql(", ")
                .text(row.raw.as_str());
        })?;
        let rows = std::mem::take(&mut self.index);
        insert_rows(self.connection, &rows)?;
        Ok(())
    }

    fn finish(mut self) -> Result<(), DatabaseError> {
        self.flush()?;
        let mut count = Statement::<()>::new("UPDATE records_counter SET txn = ");
        count
            .int(self.txn)
            .sql(", rid = ")
            .int(self.last_rid)
            .sql(" WHERE one = 1");
        count.run(self.connection)?;
        Ok(())
    }
}

/// Why a change is not made, if it is not.
fn unexpected(change: &Change, draft: &Draft, old: Option<&Stored>) -> Option<Changed> {
    let living = old.filter(|old| !old.deleted);
    match change.expect {
        Expect::Anything => None,
        Expect::Version(version) => {
            let same = living.is_some_and(|old| old.version == version);
            (!same).then_some(Changed::Conflict)
        }
        Expect::Difference => {
            let old = living?;
            let again = draft.stored_as(
                &change.address.id,
                old.version,
                Timestamp::from_micros(old.at),
            );
            let same = again == old.raw;
            same.then_some(Changed::Unchanged {
                version: old.version,
                at: old.at,
            })
        }
    }
}

/// Adds a row for an address that is referred to and not here, outside a usual write.
pub(super) fn add_referred(
    connection: &mut HospitalConnection,
    address: &Address,
) -> Result<i64, DatabaseError> {
    let mut writer = Writer::begin(connection, Timestamp::from_micros(0))?;
    writer.number(address);
    writer.refer_to(address);
    let rid = writer.rid(address);
    // No commit of its own: nothing that a reader can see has changed.
    writer.txn = writer.txn.saturating_sub(1);
    writer.finish()?;
    Ok(rid)
}
