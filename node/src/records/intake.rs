//! Writing for a room that keeps rows of its own beside what it writes: many resources and
//! deletions inside a transaction that the caller opened.

use std::sync::Arc;

use fhir_validation::Issue;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::access::Permit;
use crate::database::{DatabaseError, HospitalConnection};

use super::draft::{Draft, DraftError};
use super::store::{self, Change, Expect};
use super::strict;
use super::transaction::{Transacted, Transaction};
use super::writing::{may_write, written};
use super::{Address, LogicalId, Outcome, Records, RecordsError, Validator};

/// A resource that was read and checked, and the address it is stored at: its own id, or, where it
/// came without one, an id that follows from its text, so that it is the same at every import.
#[derive(Clone)]
pub struct Incoming {
    address: Address,
    pub(super) draft: Draft,
}

/// Something to be done to one resource.
#[derive(Clone)]
pub enum Intake {
    /// Write it, where it says something new.
    Put(Box<Incoming>),
    /// Delete it, if it is there.
    Delete(Address),
}

impl Incoming {
    /// Checks and reads a resource.
    ///
    /// # Errors
    /// [`DraftError`].
    pub fn parse(validator: &Validator, body: &[u8]) -> Result<Self, DraftError> {
        let text = strict::text(body)?;
        let draft = Draft::parse(text, validator)?;
        let id = match &draft.id {
            Some(id) => id.clone(),
            None => id_of_text(text).ok_or(DraftError::Id)?,
        };
        let kind = draft.kind;
        let address = Address { kind, id };
        Ok(Self { address, draft })
    }

    /// Where it is stored.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// How many rows it is in the index, about.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.draft.rows()
    }

    /// What is to be said about it, though it is taken.
    #[must_use]
    pub fn issues(&self) -> &[Issue] {
        &self.draft.issues
    }

    /// The first profile that it claims; its type's name where it claims none.
    #[must_use]
    pub fn profile(&self) -> String {
        let claimed = self.draft.member_of_meta("profile");
        let list = claimed.and_then(|text| serde_json::from_str::<Value>(&text).ok());
        let first = list.as_ref().and_then(|list| list.get(0)?.as_str());
        first.map_or_else(|| self.address.kind.to_string(), str::to_owned)
    }
}

/// 32 hexadecimal digits of the text's SHA-256.
fn id_of_text(text: &str) -> Option<LogicalId> {
    let digest = Sha256::digest(text.trim().as_bytes());
    let digits = digest.iter().take(16).map(|byte| format!("{byte:02x}"));
    LogicalId::parse(&digits.collect::<String>())
}

impl Intake {
    /// Which resource it is about.
    #[must_use]
    pub fn address(&self) -> &Address {
        match self {
            Self::Put(incoming) => &incoming.address,
            Self::Delete(address) => address,
        }
    }

    fn into_change(self) -> Change {
        match self {
            Self::Put(incoming) => Change {
                address: incoming.address,
                draft: Some(incoming.draft),
                expect: Expect::Difference,
            },
            Self::Delete(address) => Change {
                address,
                draft: None,
                expect: Expect::Anything,
            },
        }
    }
}

impl Records {
    /// Waits for this writer's turn. The first statement of a transaction that reads before it
    /// calls [`Records::take_in`], so that what it read still holds then.
    ///
    /// # Errors
    /// `ReadOnly`, `Database`.
    pub fn take_turn(
        &self,
        permit: &Permit,
        connection: &mut HospitalConnection,
    ) -> Result<(), RecordsError> {
        may_write(permit)?;
        Ok(crate::database::take_turn(connection)?)
    }

    /// Does `intakes` in the caller's transaction; what became of each, in their order. Nothing to
    /// do is no commit.
    ///
    /// # Errors
    /// `ReadOnly`, `Database`: the caller's transaction must not be committed.
    pub fn take_in(
        &self,
        permit: &Permit,
        connection: &mut HospitalConnection,
        intakes: Vec<Intake>,
    ) -> Result<Vec<Outcome>, RecordsError> {
        may_write(permit)?;
        self.put_in(connection, intakes)
    }

    /// [`Records::take_in`] for whoever has shown leave to write just these.
    pub(super) fn put_in(
        &self,
        connection: &mut HospitalConnection,
        intakes: Vec<Intake>,
    ) -> Result<Vec<Outcome>, RecordsError> {
        if intakes.is_empty() {
            return Ok(Vec::new());
        }
        let at = self.now_in_milliseconds();
        let changes: Vec<Change> = intakes.into_iter().map(Intake::into_change).collect();
        let changed = store::apply(connection, &changes, at)?;
        let became = changes.into_iter().zip(changed);
        became
            .map(|(change, changed)| {
                let written = written(&change, changed, at)?;
                if written.is_new() {
                    self.validator.stored(&written.address, &written.issues);
                }
                Ok(written.outcome)
            })
            .collect()
    }

    /// Lets the database look at its tables again, to plan its searches: after much was taken in.
    ///
    /// # Errors
    /// `ReadOnly`, `Database`.
    pub async fn plan_anew(&self, permit: &Permit) -> Result<(), RecordsError> {
        may_write(permit)?;
        Ok(self.database.transact(store::look_at_tables).await?)
    }

    /// Does a transaction Bundle, writing what is there already only where it says something new,
    /// and `also` in the same transaction: an error of `also` rolls back both.
    ///
    /// # Errors
    /// As [`Records::transaction`], and those of `also`.
    pub async fn take_in_bundle<T, E, A>(
        &self,
        permit: &Permit,
        body: &[u8],
        mut also: A,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<RecordsError> + From<DatabaseError> + Send + 'static,
        A: FnMut(&mut HospitalConnection, Transacted) -> Result<T, E> + Send + 'static,
    {
        may_write(permit)?;
        let at = self.now_in_milliseconds();
        let text =
            strict::text(body).map_err(|error| RecordsError::from(DraftError::from(error)))?;
        let mut transaction = Transaction::parse(text, at)?;
        transaction.only_differences();
        let records = self.clone();
        let noted = move |connection: &mut HospitalConnection, done: Transacted| {
            records.note(&done);
            also(connection, done)
        };
        self.do_transaction_and(Arc::new(transaction), at, noted)
            .await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn a_resource_without_an_id_has_the_same_one_at_every_import() {
        let text = b"{\"resourceType\":\"Patient\",\"gender\":\"female\"}";
        let first = Incoming::parse(&Validator::off(), text).unwrap();
        let again = Incoming::parse(&Validator::off(), text).unwrap();
        let other = Incoming::parse(&Validator::off(), b"{\"resourceType\":\"Patient\"}").unwrap();
        assert_eq!(first.address(), again.address());
        assert_ne!(first.address(), other.address());
        let named = Incoming::parse(
            &Validator::off(),
            b"{\"resourceType\":\"Patient\",\"id\":\"p\"}",
        )
        .unwrap();
        assert_eq!(named.address().to_string(), "Patient/p");
    }

    #[test]
    fn a_resource_is_counted_under_the_profile_that_it_claims() {
        let profile = |text: &str| {
            Incoming::parse(&Validator::off(), text.as_bytes())
                .unwrap()
                .profile()
        };
        let claimed = "{\"resourceType\":\"Patient\",\"meta\":{\"profile\":[\"urn:a\",\"urn:b\"]}}";
        assert_eq!(profile(claimed), "urn:a");
        assert_eq!(profile("{\"resourceType\":\"Patient\"}"), "Patient");
    }
}
