//! A unit of work: what a transaction Bundle asks for, or one conditional request. All of it, or
//! nothing.
//!
//! Ids are given out and references between the entries resolved before anything is locked;
//! conditions are looked up once more when it is this writer's turn, and what was made ready before
//! is kept only if they still give the same.

mod found;
mod references;
mod task;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use federation_protocol::time::Timestamp;

use crate::access::Permit;
use crate::database::{DatabaseError, HospitalConnection, take_turn};

use super::bundle::{Bundle, BundleEntry, BundleKind, Content};
use super::interaction::Interaction;
use super::store::{self, Change, Expect};
use super::strict;
use super::writing::{may_write, unchanged, written};
use super::{
    Address, Criteria, DraftError, Entry, Page, Records, RecordsError, ResourceType, Validator,
    Written,
};
use found::Found;
use references::{Names, Reference};
use task::{Deed, Task, Verb};

/// What a transaction did, in the order of its entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transacted {
    /// One for each entry.
    pub entries: Vec<Done>,
}

/// What one entry did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// It wrote, or found written what it asked for.
    Wrote(Written),
    /// A conditional delete that matched nothing.
    MatchedNothing,
    /// It read a resource.
    Read(Entry),
    /// It would have read this, which who asks has already.
    Known(Entry),
    /// It searched: the type, the parameters, the first page.
    Found(ResourceType, Vec<(String, String)>, Page),
}

/// The most index rows of one Bundle: forty for each of the five thousand entries that it may have,
/// three times what charts need. A commit keeps each page that it touches in memory until its end.
const MOST_ROWS: usize = 200_000;

/// The most bytes of resources that one Bundle is answered with.
pub(super) const LARGEST_ANSWER: usize = 64 * 1024 * 1024;

impl Done {
    fn size(&self) -> usize {
        match self {
            Self::Read(entry) => entry.raw.len(),
            Self::Found(_, _, page) => page.entries.iter().map(|entry| entry.raw.len()).sum(),
            Self::Wrote(_) | Self::MatchedNothing | Self::Known(_) => 0,
        }
    }

    /// What became of its write, if it was one.
    #[must_use]
    pub fn written(&self) -> Option<&Written> {
        match self {
            Self::Wrote(written) => Some(written),
            _ => None,
        }
    }
}

/// Everything that is to be done, with an address for whatever is new.
#[derive(Debug, Clone)]
pub(super) struct Transaction {
    tasks: Vec<Task>,
    /// Conditional references in the resources.
    references: Vec<Reference>,
}

/// What becomes of a task, once it is known what its criteria match.
enum Step {
    Change { address: Address },
    Keep { address: Address },
    Nothing,
}

impl Records {
    /// Does a transaction Bundle: POST, PUT, PATCH and DELETE, conditional ones too, then reads and
    /// searches; every reference between its entries, and every reference `Type?criteria`,
    /// resolved.
    ///
    /// # Errors
    /// `ReadOnly`, `Bundle`, `Entry`, `Unsupported` for a Bundle that is no transaction, `Database`.
    /// Nothing is written then.
    ///
    /// Source: FHIR R4 http, section "transaction".
    pub async fn transaction(
        &self,
        permit: &Permit,
        body: &[u8],
    ) -> Result<Transacted, RecordsError> {
        may_write(permit)?;
        let at = self.now_in_milliseconds();
        let text = strict::text(body).map_err(DraftError::from)?;
        let transaction = Arc::new(Transaction::parse(text, at)?);
        self.do_transaction(transaction, at).await
    }

    /// Does entries as one transaction.
    pub(super) async fn transact(
        &self,
        permit: &Permit,
        entries: Vec<BundleEntry>,
    ) -> Result<Transacted, RecordsError> {
        may_write(permit)?;
        let at = self.now_in_milliseconds();
        let transaction = Arc::new(Transaction::of(entries, at)?);
        self.do_transaction(transaction, at).await
    }

    pub(super) async fn do_transaction(
        &self,
        transaction: Arc<Transaction>,
        at: Timestamp,
    ) -> Result<Transacted, RecordsError> {
        let done = self
            .do_transaction_and(transaction, at, |_, done| Ok::<_, RecordsError>(done))
            .await?;
        self.note(&done);
        Ok(done)
    }

    /// Counts what was stored with issues, once it is.
    pub(super) fn note(&self, done: &Transacted) {
        let written = done.entries.iter().filter_map(Done::written);
        for written in written.filter(|written| written.is_new()) {
            self.validator.stored(&written.address, &written.issues);
        }
    }

    /// Does entries as one transaction, and `also` in it, at its end.
    ///
    /// Every resource is made ready and judged here; only where a condition gives something else in
    /// the writer's turn, once more there.
    pub(super) async fn do_transaction_and<T, E, A>(
        &self,
        transaction: Arc<Transaction>,
        at: Timestamp,
        mut also: A,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<RecordsError> + From<DatabaseError> + Send + 'static,
        A: FnMut(&mut HospitalConnection, Transacted) -> Result<T, E> + Send + 'static,
    {
        let validator = &self.validator;
        if !transaction.has_conditions() {
            let nothing = transaction.nothing_sought();
            let changes = transaction.changes(&nothing, validator)?;
            let records = self.clone();
            let work = move |connection: &mut _| {
                let done = transaction.carry_out(&records, connection, &nothing, &changes, at)?;
                also(connection, done)
            };
            return self.database.transact(work).await;
        }
        let (records, first) = (self.clone(), Arc::clone(&transaction));
        let look = move |connection: &mut _| first.look(&records, connection);
        let guessed = self.database.read(look).await?;
        let changes = transaction.changes(&guessed, validator)?;
        let records = self.clone();
        self.database
            .transact(move |connection| {
                take_turn(connection)?;
                let found = transaction.look(&records, connection)?;
                let done = if found == guessed {
                    transaction.carry_out(&records, connection, &found, &changes, at)
                } else {
                    let changes = transaction.changes(&found, &records.validator)?;
                    transaction.carry_out(&records, connection, &found, &changes, at)
                };
                also(connection, done?)
            })
            .await
    }

    /// Does one request that is no Bundle.
    pub(super) async fn do_alone(
        &self,
        interaction: Interaction,
        content: Content,
    ) -> Result<Done, RecordsError> {
        let at = self.now_in_milliseconds();
        let entry = BundleEntry {
            full_url: None,
            interaction,
            content,
        };
        let done = async {
            let transaction = Transaction {
                tasks: vec![Task::of(entry, at)?],
                // Only a Bundle's references can be conditions.
                references: Vec::new(),
            };
            self.do_transaction(Arc::new(transaction), at).await
        };
        let done = done.await.map_err(RecordsError::alone)?;
        done.entries
            .into_iter()
            .next()
            .ok_or(RecordsError::NotFound)
    }
}

impl Transaction {
    /// Reads a Bundle; new ids are of `at`.
    pub(super) fn parse(text: &str, at: Timestamp) -> Result<Self, RecordsError> {
        let bundle = Bundle::parse(text)?;
        if bundle.kind != BundleKind::Transaction {
            return Err(RecordsError::Unsupported("a Bundle that is no transaction"));
        }
        let entries: Result<Vec<_>, _> = bundle.entries.into_iter().collect();
        Self::of(entries?, at)
    }

    /// Makes entries one unit of work.
    pub(super) fn of(entries: Vec<BundleEntry>, at: Timestamp) -> Result<Self, RecordsError> {
        let mut urls = HashSet::new();
        let mut tasks = Vec::with_capacity(entries.len());
        for (place, entry) in entries.into_iter().enumerate() {
            if let Some(url) = &entry.full_url
                && !urls.insert(url.clone())
            {
                let reason = "another entry has the same fullUrl";
                return Err(RecordsError::Bundle {
                    entry: place,
                    reason,
                });
            }
            tasks.push(Task::of(entry, at).map_err(|error| error.of_entry(place))?);
        }
        let references = references::conditional(&tasks)?;
        Ok(Self { tasks, references })
    }

    /// Writes what is there already only where it says something new.
    pub(super) fn only_differences(&mut self) {
        for task in &mut self.tasks {
            if let Deed::Write(write) = &mut task.deed
                && write.expect == Expect::Anything
                && matches!(write.content, Content::Resource(_))
            {
                write.expect = Expect::Difference;
            }
        }
    }

    /// What each task does, if the conditions give this.
    fn steps(&self, found: &Found) -> Vec<Option<Step>> {
        // Creates on one condition are one resource: the first of them is written.
        let mut first: HashMap<&Criteria, &Address> = HashMap::new();
        let mut steps = Vec::with_capacity(self.tasks.len());
        for (task, there) in self.tasks.iter().zip(&found.entries) {
            let Deed::Write(write) = &task.deed else {
                steps.push(None);
                continue;
            };
            let address = there.matched.as_ref().or(write.address.as_ref());
            let before = match (&write.criteria, address) {
                (Some(criteria), Some(address)) if write.verb == Verb::Create => {
                    let first: &Address = first.entry(criteria).or_insert(address);
                    (first != address).then(|| first.clone())
                }
                _ => None,
            };
            steps.push(Some(match (before, address) {
                (Some(address), _) => Step::Keep { address },
                (None, None) => Step::Nothing,
                (None, Some(address)) => {
                    let address = address.clone();
                    if write.verb == Verb::Create && there.matched.is_some() {
                        Step::Keep { address }
                    } else {
                        Step::Change { address }
                    }
                }
            }));
        }
        steps
    }

    /// What is to be written, in the order of a transaction, if the conditions give this.
    fn changes(&self, found: &Found, validator: &Validator) -> Result<Vec<Change>, RecordsError> {
        let steps = self.steps(found);
        let targets = self.targets(&steps, found)?;
        let mut written = HashSet::new();
        let mut changes = Vec::new();
        let mut rows = 0_usize;
        let tasks = self.tasks.iter().zip(&steps).zip(&found.entries);
        for (place, ((task, step), there)) in tasks.enumerate() {
            let (Deed::Write(write), Some(Step::Change { address })) = (&task.deed, step) else {
                continue;
            };
            if !written.insert(address.clone()) {
                return Err(RecordsError::Bundle {
                    entry: place,
                    reason: "another entry has the same address",
                });
            }
            let names = Names {
                targets: &targets,
                root: task.root(),
            };
            let change = write.change(address, there, &names, validator);
            let change = change.map_err(|error| error.of_entry(place))?;
            rows = rows.saturating_add(change.rows());
            if rows > MOST_ROWS {
                return Err(RecordsError::TooManyRows(MOST_ROWS).of_entry(place));
            }
            changes.push((write.verb, change));
        }
        changes.sort_by_key(|(verb, _)| *verb);
        Ok(changes.into_iter().map(|(_, change)| change).collect())
    }

    /// What it writes where it asks for no conditions: for tests of what comes from outside.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn without_conditions(
        &self,
        validator: &Validator,
    ) -> Option<Result<Vec<Change>, RecordsError>> {
        let free = !self.has_conditions();
        free.then(|| self.changes(&self.nothing_sought(), validator))
    }

    fn carry_out(
        &self,
        records: &Records,
        connection: &mut HospitalConnection,
        found: &Found,
        changes: &[Change],
        at: Timestamp,
    ) -> Result<Transacted, RecordsError> {
        // A transaction that only reads, or finds written what it asks for, is no commit.
        let changed = match changes {
            [] => Vec::new(),
            changes => store::apply(connection, changes, at)?,
        };
        let mut done: HashMap<Address, Result<Written, RecordsError>> = HashMap::new();
        for (change, changed) in changes.iter().zip(changed) {
            done.insert(change.address.clone(), written(change, changed, at));
        }
        let mut entries = Vec::with_capacity(self.tasks.len());
        let mut size = 0_usize;
        for (place, (task, step)) in self.tasks.iter().zip(self.steps(found)).enumerate() {
            let told = match (&task.deed, step) {
                (_, Some(Step::Change { address })) => done
                    .remove(&address)
                    .unwrap_or(Err(RecordsError::NotFound))
                    .map(Done::Wrote),
                (_, Some(Step::Keep { address })) => {
                    unchanged(connection, address).map(Done::Wrote)
                }
                (_, Some(Step::Nothing)) => Ok(Done::MatchedNothing),
                (deed, None) => deed.look(records, connection),
            };
            let told = told.map_err(|error| error.of_entry(place))?;
            size = size.saturating_add(told.size());
            if size > LARGEST_ANSWER {
                return Err(RecordsError::TooCostly.of_entry(place));
            }
            entries.push(told);
        }
        Ok(Transacted { entries })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>()) {
            let _ = Transaction::parse(&text, Timestamp::from_unix_seconds(0));
        }
    }
}
