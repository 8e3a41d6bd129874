//! What was begun in a browser and waits for its answer: kept in the database for minutes, named by a
//! secret that only that browser has, and taken out once, whatever the answer.

use federation_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use webauthn_rs::prelude::{
    DiscoverableAuthentication, PasskeyAuthentication, PasskeyRegistration,
};

use super::{EntryError, Identity, PlainCeremony, store};
use crate::database::{DatabaseError, HospitalConnection};

/// How long an answer is waited for, seconds: time to find one's phone.
const LIFE_SECONDS: i64 = 300;
/// So many may wait at once, whoever began them: more would only fill the disk.
const MOST_WAITING: i64 = 20_000;

/// At which listener somebody stands.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// The hospital's: staff.
    Staff,
    /// The patients'.
    People,
}

/// What waits for its answer.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Ceremony {
    /// Somebody signs in by a passkey, nobody knows yet who.
    Login {
        door: Door,
        state: Box<DiscoverableAuthentication>,
    },
    /// The owner of a session shows a passkey again.
    Resume {
        session: String,
        state: Box<PasskeyAuthentication>,
    },
    /// A first passkey of a member of staff, by a setup link.
    Setup {
        staff: String,
        link: String,
        state: Box<PasskeyRegistration>,
    },
    /// One more passkey of who is signed in.
    Add {
        owner: String,
        patient: Option<i64>,
        state: Box<PasskeyRegistration>,
    },
    /// A person's passkey on this device, by a code of the desk.
    Enrol {
        code: String,
        state: Box<PasskeyRegistration>,
    },
    /// Somebody is at the hospital's own sign-in.
    Hospital {
        nonce: String,
        verifier: String,
        next: String,
    },
}

impl Ceremony {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Login { .. } => "login",
            Self::Resume { .. } => "resume",
            Self::Setup { .. } => "setup",
            Self::Add { .. } => "add",
            Self::Enrol { .. } => "enrol",
            Self::Hospital { .. } => "hospital",
        }
    }
}

impl Identity {
    /// Keeps what was begun; what names it goes to the browser.
    pub(super) async fn begin(&self, ceremony: &Ceremony) -> Result<PlainCeremony, EntryError> {
        let name = PlainCeremony::random()?;
        let (digest, now, kind) = (name.digest(), self.clock.now(), ceremony.kind());
        let state = serde_json::to_string(ceremony).map_err(|_never| EntryError::Refused)?;
        self.database
            .transact(move |connection| {
                store::ceremonies::sweep(connection, now)?;
                if store::ceremonies::count(connection)? >= MOST_WAITING {
                    return Err(EntryError::Busy);
                }
                let until = now.plus_seconds(LIFE_SECONDS);
                store::ceremonies::insert(connection, &digest, kind, &state, until)?;
                Ok(())
            })
            .await?;
        Ok(name)
    }

    /// Takes out what was begun under this name: nobody takes it out again.
    pub(super) async fn take(&self, name: &str) -> Result<Option<Ceremony>, DatabaseError> {
        let Some(digest) = PlainCeremony::digest_of(name) else {
            return Ok(None);
        };
        let now = self.clock.now();
        self.database
            .transact(move |connection| take(connection, &digest, now))
            .await
    }
}

fn take(
    connection: &mut HospitalConnection,
    digest: &super::TokenDigest,
    now: Timestamp,
) -> Result<Option<Ceremony>, DatabaseError> {
    let state = store::ceremonies::take(connection, digest, now)?;
    // What another program left here is not gone on with.
    Ok(state.and_then(|state| serde_json::from_str(&state).ok()))
}
