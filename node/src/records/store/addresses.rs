//! The addresses that a commit names, and their row numbers: those that are there, and new ones.

use std::collections::HashMap;

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Integer, Text};
use federation_protocol::label::Labels;

use super::super::{Address, LogicalId, ResourceType};
use super::statement::Statement;
use crate::database::{DatabaseError, HospitalConnection};

/// What is known of an address.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) rid: i64,
    /// What references to it hold: the row number it had when it was first named. See
    /// [`super::target`].
    pub(super) target: i64,
    /// 0: only referred to.
    pub(super) version: i32,
    pub(super) labels: Labels,
    /// Whether there is a row, in the database or queued to be written.
    pub(super) there: bool,
    /// Whether that row may still be queued.
    pub(super) queued: bool,
}

/// Every address of one commit.
pub(super) struct Addresses {
    known: HashMap<Address, Known>,
    /// The last row number given out.
    pub(super) last_rid: i64,
}

impl Addresses {
    pub(super) fn after(last_rid: i64) -> Self {
        Self {
            known: HashMap::new(),
            last_rid,
        }
    }

    pub(super) fn get(&self, address: &Address) -> Option<Known> {
        self.known.get(address).copied()
    }

    /// The row number; 0 for one that was never looked up.
    pub(super) fn rid(&self, address: &Address) -> i64 {
        self.get(address).map_or(0, |known| known.rid)
    }

    /// What references to it hold; 0 for one that was never looked up.
    pub(super) fn target(&self, address: &Address) -> i64 {
        self.get(address).map_or(0, |known| known.target)
    }

    pub(super) fn labels(&self, address: &Address) -> Labels {
        self.get(address).map_or(Labels::NONE, |known| known.labels)
    }

    pub(super) fn change(&mut self, address: &Address, change: impl FnOnce(&mut Known)) {
        if let Some(known) = self.known.get_mut(address) {
            change(known);
        }
    }

    /// Looks addresses up in the database, many at a time.
    pub(super) fn find<'a>(
        &mut self,
        connection: &mut HospitalConnection,
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
                self.find_some(connection, kind, some)?;
            }
        }
        Ok(())
    }

    fn find_some(
        &mut self,
        connection: &mut HospitalConnection,
        kind: ResourceType,
        some: &[&Address],
    ) -> Result<(), DatabaseError> {
        let mut statement = Statement::<(Text, BigInt, BigInt, Integer, BigInt)>::new(
            "SELECT r.id, r.rid, COALESCE((SELECT n.target FROM resource_target n \
             WHERE n.rid = r.rid), r.rid), r.version, r.labels FROM resource r WHERE r.type = ",
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
        let rows = statement.load::<(String, i64, i64, i32, i64)>(connection)?;
        for (id, rid, target, version, labels) in rows {
            if let Some(id) = LogicalId::parse(&id) {
                let labels = Labels::from_bits(labels);
                let known = Known {
                    rid,
                    target,
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
    pub(super) fn number(&mut self, address: &Address) -> bool {
        if self.known.contains_key(address) {
            return false;
        }
        self.last_rid = self.last_rid.saturating_add(1);
        let (rid, labels) = (self.last_rid, Labels::NONE);
        let known = Known {
            rid,
            target: rid,
            version: 0,
            labels,
            there: false,
            queued: false,
        };
        self.known.insert(address.clone(), known);
        true
    }

    /// Gives an address that is written now its place among what is written: a row number, or a
    /// new one if it was only referred to until now.
    pub(super) fn place(&mut self, address: &Address) {
        self.number(address);
        let next = self.last_rid.saturating_add(1);
        let Some(known) = self.known.get_mut(address) else {
            return;
        };
        let only_named = known.there && known.version == 0 && known.rid == known.target;
        if only_named && has_place_of_its_own(address) {
            known.rid = next;
            self.last_rid = next;
        }
    }
}

/// A Patient's row number is what every row of the chart holds, so it stays; nobody who is kept from
/// anything sees two Patients.
fn has_place_of_its_own(address: &Address) -> bool {
    address.kind.name() != "Patient"
}
