//! Who is at the door: bearer tokens of systems, sessions of staff and people who signed in on pages.
//!
//! Owns the tables `access_token`, `staff`, `session` and what leads to a session. A token is shown
//! once and stored as its SHA-256: 256 random bits need no slow hash, and a copy of the database opens
//! no door.

pub mod birth;
mod caller;
pub mod ceremony;
pub mod deep_link;
pub mod enrolment;
pub mod hospital;
mod jwks;
mod jwt;
mod owner;
mod pages;
pub mod passkeys;
mod rates;
mod refusal;
pub mod routes;
pub mod session;
pub mod setup;
pub mod staff;
mod store;
mod token;

use std::sync::Arc;

use federation_protocol::time::Timestamp;
use federation_service::clock::SharedClock;
use federation_service::outbound::issuer::IssuerError;

use crate::audit::{self, Kind, Line};
use crate::config::{OidcSettings, SessionSettings};
use crate::database::{Database, DatabaseError, Rid};
use crate::keys::Keys;

pub use birth::BirthDate;
pub use caller::{Caller, PersonId, Role};
use hospital::HospitalSignIn;
pub use jwt::Algorithm;
pub use owner::Owner;
use rates::Rates;
pub use refusal::EntryError;
pub use session::{Shown, Signed};
pub use token::{PlainCeremony, PlainSession, PlainSetup, PlainToken, TokenDigest};

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
    /// No such session is open.
    #[error("no such session is open")]
    UnknownSession,
    /// Nobody has an account with this id, it is disabled, or it has another role.
    #[error("no account of this id and role that is let in")]
    NoAccount,
    /// Not a public key that systems sign with, or none with this id.
    #[error(
        "no public key of a kind that systems sign with (Ed25519, P-256), or none with this id"
    )]
    Key,
    /// Not a name.
    #[error("a name of 1 to 100 characters is needed")]
    Name,
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

/// What the room stands on.
pub struct IdentityParts {
    /// Where the tokens are kept.
    pub database: Database,
    /// By which they are judged.
    pub clock: SharedClock,
    /// Whose secret short codes are digested with.
    pub keys: Arc<Keys>,
    /// How long browsers stay signed in.
    pub sessions: SessionSettings,
    /// The hospital's name, as authenticators show it.
    pub organization: String,
    /// The hospital's own sign-in, if it has one.
    pub oidc: Option<OidcSettings>,
}

/// Who may come in. Cheap to clone.
#[derive(Clone)]
pub struct Identity {
    database: Database,
    clock: SharedClock,
    keys: Arc<Keys>,
    sessions: SessionSettings,
    organization: Arc<str>,
    hospital: Option<Arc<HospitalSignIn>>,
    rates: Rates,
}

impl Identity {
    /// The tokens and sessions kept in a database, judged by a clock.
    ///
    /// # Errors
    /// The settings of the hospital's own sign-in cannot be used.
    pub fn open(parts: IdentityParts) -> Result<Self, IssuerError> {
        let hospital = parts.oidc.map(HospitalSignIn::new).transpose()?;
        Ok(Self {
            hospital: hospital.map(Arc::new),
            database: parts.database,
            clock: parts.clock,
            keys: parts.keys,
            sessions: parts.sessions,
            organization: parts.organization.into(),
            rates: Rates::new(),
        })
    }

    /// Whether the settings name a sign-in of the hospital's own.
    #[must_use]
    pub fn has_hospital_sign_in(&self) -> bool {
        self.hospital.is_some()
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
        let Some(digest) = PlainToken::digest_of(bearer) else {
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
