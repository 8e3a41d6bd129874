//! What the conditions of a transaction match.

use std::collections::HashSet;
use std::sync::Arc;

use super::super::store;
use super::super::{Address, Criteria, Records, RecordsError};
use super::Transaction;
use super::task::{Deed, Verb, Write};
use crate::database::HospitalConnection;

/// What the conditions gave: of each task, and of each conditional reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) entries: Vec<There>,
    pub(super) references: Vec<Option<Address>>,
}

/// What is there for one task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct There {
    /// What its criteria match.
    pub(super) matched: Option<Address>,
    /// What its patch is made on.
    pub(super) base: Option<Base>,
}

/// One version's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Base {
    version: i32,
    pub(super) raw: Arc<str>,
}

impl Transaction {
    pub(super) fn has_conditions(&self) -> bool {
        let conditional = |write: &Write| write.criteria.is_some() || write.verb == Verb::Patch;
        !self.references.is_empty() || self.writes().any(|(_, write)| conditional(write))
    }

    pub(super) fn nothing_sought(&self) -> Found {
        Found {
            entries: vec![There::default(); self.tasks.len()],
            references: Vec::new(),
        }
    }

    fn writes(&self) -> impl Iterator<Item = (usize, &Write)> {
        let tasks = self.tasks.iter().enumerate();
        tasks.filter_map(|(place, task)| match &task.deed {
            Deed::Write(write) => Some((place, write)),
            _ => None,
        })
    }

    /// Looks every condition up. What the transaction deletes is gone for all others.
    pub(super) fn look(
        &self,
        records: &Records,
        connection: &mut HospitalConnection,
    ) -> Result<Found, RecordsError> {
        let mut found = self.nothing_sought();
        let mut look = Look {
            records,
            connection,
            deleted: HashSet::new(),
        };
        for deletes in [true, false] {
            for (place, write) in self.writes() {
                if deletes != (write.verb == Verb::Delete) {
                    continue;
                }
                let there = look.at(write).map_err(|error| error.of_entry(place))?;
                if deletes {
                    let gone = there.matched.clone().or_else(|| write.address.clone());
                    look.deleted.extend(gone);
                }
                if let Some(entry) = found.entries.get_mut(place) {
                    *entry = there;
                }
            }
        }
        for reference in &self.references {
            let one = look.one(&reference.criteria);
            found
                .references
                .push(one.map_err(|error| error.of_entry(reference.entry))?);
        }
        Ok(found)
    }
}

struct Look<'l> {
    records: &'l Records,
    connection: &'l mut HospitalConnection,
    deleted: HashSet<Address>,
}

impl Look<'_> {
    fn at(&mut self, write: &Write) -> Result<There, RecordsError> {
        let matched = match &write.criteria {
            Some(criteria) => self.one(criteria)?,
            None => None,
        };
        let mut there = There {
            matched,
            base: None,
        };
        match (&there.matched, write.verb) {
            (None, Verb::Update) if write.criteria.is_some() && write.names_id => {
                self.refuse_taken(write)?;
            }
            (_, Verb::Patch) => {
                let address = there.matched.as_ref().or(write.address.as_ref());
                let address = address.ok_or(RecordsError::NotFound)?;
                let base = self.base(address)?;
                // Who knows another version is told so, whatever the patch makes of this one.
                if !write.expect.holds(Some(base.version)) {
                    return Err(RecordsError::VersionConflict);
                }
                there.base = Some(base);
            }
            _ => {}
        }
        Ok(there)
    }

    /// The one that matches.
    fn one(&mut self, criteria: &Criteria) -> Result<Option<Address>, RecordsError> {
        let limit = self.deleted.len().saturating_add(2);
        let mut there = criteria.matches(self.records, self.connection, limit)?;
        there.retain(|address| !self.deleted.contains(address));
        if there.len() > 1 {
            return Err(RecordsError::Ambiguous(criteria.kind()));
        }
        Ok(there.into_iter().next())
    }

    /// An update that creates under an id of its own finds nobody there.
    fn refuse_taken(&mut self, write: &Write) -> Result<(), RecordsError> {
        let Some(address) = &write.address else {
            return Ok(());
        };
        match store::read(self.connection, address)? {
            Some(there) if !there.deleted => Err(RecordsError::IdTaken(write.kind)),
            _ => Ok(()),
        }
    }

    fn base(&mut self, address: &Address) -> Result<Base, RecordsError> {
        let there = store::read(self.connection, address)?.ok_or(RecordsError::NotFound)?;
        if there.deleted {
            return Err(RecordsError::Deleted);
        }
        Ok(Base {
            version: there.version,
            raw: there.raw.into(),
        })
    }
}
