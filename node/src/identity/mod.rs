//! Who is at the door: bearer tokens of staff, systems and people, until sign-in pages exist.
//!
//! Owns the table `access_token`. A token is shown once and stored as its SHA-256: 256 random bits
//! need no slow hash, and a copy of the database opens no door.

mod caller;
pub mod routes;
mod store;
mod token;

use federation_protocol::time::Timestamp;
use federation_service::clock::SharedClock;

use crate::audit::{self, Kind, Line};
use crate::database::{Database, DatabaseError, Rid};

pub use caller::{Caller, PersonId, Role};
pub use token::{PlainToken, TokenDigest};

/// Why a token was not made or revoked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// This role needs an id of its holder (`--id`), or must not have one.
    #[error("role {0} {1}")]
    Subject(Role, &'static str),
    /// The end does not lie in the future.
    #[error("the token would have expired already")]
    Lifetime,
    /// No token has this id.
    #[error("no access token with this id")]
    Unknown,
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Entropy,
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// A token as it stands in the list: everything but itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedToken {
    /// Its id: revokes it.
    pub id: String,
    /// Who it stands for.
    pub caller: Caller,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it opens nothing.
    pub expires_at: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

/// The node's access tokens.
#[derive(Clone)]
pub struct Identity {
    database: Database,
    clock: SharedClock,
}

impl Identity {
    /// The tokens kept in `database`, judged by `clock`.
    #[must_use]
    pub fn new(database: Database, clock: SharedClock) -> Self {
        Self { database, clock }
    }

    /// Makes a token for a member of staff or a system. `id` is the staff or system id: needed for
    /// physicians and systems (their acts are signed with it), optional for the rest.
    ///
    /// # Errors
    /// `Subject` for a missing id or role `person` (see [`Identity::create_for_person`]);
    /// `Lifetime`, `Entropy`, `Database`.
    pub async fn create(
        &self,
        role: Role,
        id: Option<String>,
        expires_at: Timestamp,
    ) -> Result<(String, PlainToken), IdentityError> {
        let caller = Caller::staff(role, id)?;
        self.store(caller, expires_at).await
    }

    /// Makes a token for an enrolled person, whose own chart here is `patient`.
    ///
    /// # Errors
    /// `Lifetime`, `Entropy`, `Database`.
    pub async fn create_for_person(
        &self,
        id: PersonId,
        patient: Rid,
        expires_at: Timestamp,
    ) -> Result<(String, PlainToken), IdentityError> {
        self.store(Caller::Person { id, patient }, expires_at).await
    }

    async fn store(
        &self,
        caller: Caller,
        expires_at: Timestamp,
    ) -> Result<(String, PlainToken), IdentityError> {
        let now = self.clock.now();
        if expires_at <= now {
            return Err(IdentityError::Lifetime);
        }
        let plain = PlainToken::random()?;
        let digest = plain.digest();
        let id = uuid::Uuid::new_v4().to_string();
        let stored = id.clone();
        self.database
            .transact(move |connection| {
                store::insert(connection, &stored, &digest, &caller, now, expires_at)?;
                let line = Line::new(Kind::AccessToken, now, "admin")
                    .detail("token", stored.as_str())
                    .detail("role", caller.role().as_str())
                    .detail("expires", expires_at.unix_seconds());
                audit::append(connection, &line)?;
                Ok::<(), IdentityError>(())
            })
            .await?;
        Ok((id, plain))
    }

    /// Who this bearer token stands for: nobody, if it is unknown, expired or revoked.
    ///
    /// # Errors
    /// The database could not be read: nobody may pass.
    pub async fn authenticate(&self, bearer: &str) -> Result<Option<Caller>, DatabaseError> {
        let Some(digest) = TokenDigest::of(bearer) else {
            return Ok(None);
        };
        let now = self.clock.now();
        self.database
            .read(move |connection| store::find_live(connection, &digest, now))
            .await
    }

    /// Ends a token at once. Revoking it again changes nothing.
    ///
    /// # Errors
    /// `Unknown`, `Database`.
    pub async fn revoke(&self, id: &str) -> Result<(), IdentityError> {
        let now = self.clock.now();
        let id = id.to_owned();
        self.database
            .transact(move |connection| {
                if !store::revoke(connection, &id, now)? {
                    return Err(IdentityError::Unknown);
                }
                let line = Line::new(Kind::AccessToken, now, "admin")
                    .outcome("revoked")
                    .detail("token", id.as_str());
                audit::append(connection, &line)?;
                Ok(())
            })
            .await
    }

    /// Every token that was ever made, newest first.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn list(&self) -> Result<Vec<ListedToken>, DatabaseError> {
        self.database.read(store::list).await
    }
}

#[cfg(test)]
mod tests;
