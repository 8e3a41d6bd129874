//! The way from the hospital's own record system: a signed link, good for a minute and once, that names
//! a chart number and a member of staff. Neither ever stands in an address: both are inside the token.
//!
//! Source: PEOPLE sections 0 and 10.

use federation_protocol::time::Timestamp;
use futures_util::future::BoxFuture;
use openssl::pkey::{PKey, Public};
use serde::Deserialize;

use super::caller::is_staff_id;
use super::jwt::{Algorithm, Unverified};
use super::session::{self, Shown};
use super::staff::By;
use super::{Caller, EntryError, Identity, IdentityError, Owner, PlainSession, store};
use crate::audit;
use crate::database::DatabaseError;

/// The longest link that is read, bytes.
const LONGEST_TOKEN: usize = 2_048;
/// The longest life of one, seconds.
const LONGEST_LIFE_SECONDS: i64 = 60;
/// How far the record system's clock may be off, seconds.
const SKEW_SECONDS: i64 = 5;
/// The longest chart number, and the longest name of a link.
const LONGEST_NAME: usize = 64;

/// A system's public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemKey {
    /// Its `kid`.
    pub id: String,
    /// Whose it is.
    pub system: String,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// The key, DER (SubjectPublicKeyInfo).
    pub(super) public_key: Vec<u8>,
    /// Since when it is trusted.
    pub created_at: Timestamp,
    /// Since when it is not any more.
    pub ended_at: Option<Timestamp>,
}

/// Finds the chart that a number on a patient card means: the records do, and write down who asked.
pub trait FindChart: Send + Sync {
    /// The FHIR logical id of that Patient here; nothing where there is none, or several.
    fn chart<'a>(
        &'a self,
        number: &'a str,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<Option<String>, EntryError>>;
}

/// Where a link leads.
pub struct Opened {
    /// The member of staff's new session.
    pub session: PlainSession,
    /// The FHIR logical id of the Patient.
    pub patient: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    iat: i64,
    exp: i64,
    jti: String,
    mrn: String,
}

impl Claims {
    /// Whether they may be gone by, now and at this address.
    fn stand(&self, key: &SystemKey, audience: &str, now: Timestamp) -> bool {
        let (now, life) = (now.unix_seconds(), self.exp.saturating_sub(self.iat));
        let named = |text: &str| {
            (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
        };
        self.iss == key.system
            && self.aud == audience
            && (1..=LONGEST_LIFE_SECONDS).contains(&life)
            && self.iat <= now.saturating_add(SKEW_SECONDS)
            && now < self.exp
            && named(&self.jti)
            && named(&self.mrn)
            && is_staff_id(&self.sub)
    }
}

impl Identity {
    /// Opens a session of whom the link names, and tells which chart it is about. The link is spent,
    /// durably, before anything is looked up: of two at once one wins.
    ///
    /// # Errors
    /// `Refused` for whatever is wrong, alike; `Database`.
    pub async fn open_link(
        &self,
        audience: &str,
        token: &str,
        charts: &dyn FindChart,
    ) -> Result<Opened, EntryError> {
        let now = self.clock.now();
        let Some((key, claims)) = self.claims_of(token, audience, now).await? else {
            return self.refused("link", None).await;
        };
        let staff = self.staff(&claims.sub).await?;
        let staff = staff.filter(|one| one.disabled_at.is_none());
        let owner = Owner::Staff(claims.sub.clone());
        let (kid, jti) = (key.id.clone(), claims.jti.clone());
        let until = Timestamp::from_unix_seconds(claims.exp);
        let fresh = self.database.transact(move |connection| {
            store::system_keys::spend(connection, &kid, &jti, until, now)
        });
        if !fresh.await? {
            return self.refused("link_used", Some(&owner)).await;
        }
        let Some(staff) = staff else {
            return self.refused("account", None).await;
        };
        let caller = staff.caller()?;
        let Some(patient) = charts.chart(&claims.mrn, &caller).await? else {
            return self.refused("chart", Some(&owner)).await;
        };
        let plain = PlainSession::random()?;
        let session = self.drafted(&caller, Shown::DeepLink, now)?;
        let digest = plain.digest();
        self.database
            .transact(move |connection| {
                Ok::<_, EntryError>(session::insert(connection, &session, &digest, now)?)
            })
            .await?;
        Ok(Opened {
            session: plain,
            patient,
        })
    }

    /// The claims of a token that a trusted key signed and that stands now.
    async fn claims_of(
        &self,
        token: &str,
        audience: &str,
        now: Timestamp,
    ) -> Result<Option<(SystemKey, Claims)>, DatabaseError> {
        let Some(token) = Unverified::read(token, LONGEST_TOKEN) else {
            return Ok(None);
        };
        let Some(kid) = token.kid.clone() else {
            return Ok(None);
        };
        let key = self
            .database
            .read(move |connection| store::system_keys::find(connection, &kid))
            .await?;
        let Some(key) = key.filter(|key| key.ended_at.is_none()) else {
            return Ok(None);
        };
        let public = PKey::public_key_from_der(&key.public_key).ok();
        let claims = public.and_then(|public| token.verified::<Claims>(&public));
        let claims = claims.filter(|claims| claims.stand(&key, audience, now));
        Ok(claims.map(|claims| (key, claims)))
    }

    /// Trusts a system's public key (PEM: Ed25519, or P-256); its `kid`.
    ///
    /// # Errors
    /// `Subject` for an unusable id, `Key` for one of another kind, `Database`.
    pub async fn add_system_key(
        &self,
        system: &str,
        pem: &[u8],
        by: By,
    ) -> Result<String, IdentityError> {
        Caller::staff(super::Role::System, Some(system.to_owned()))?;
        let key = PKey::<Public>::public_key_from_pem(pem).map_err(|_not| IdentityError::Key)?;
        let algorithm = Algorithm::of_key(&key).filter(|one| *one != Algorithm::Rs256);
        let now = self.clock.now();
        let key = SystemKey {
            id: uuid::Uuid::new_v4().to_string(),
            system: system.to_owned(),
            algorithm: algorithm.ok_or(IdentityError::Key)?,
            public_key: key.public_key_to_der().map_err(|_not| IdentityError::Key)?,
            created_at: now,
            ended_at: None,
        };
        let kid = key.id.clone();
        self.database
            .transact(move |connection| {
                store::system_keys::insert(connection, &key)?;
                let line = by.line(now, "system_key_added", &key.system);
                audit::append(connection, &line.detail("kid", key.id.as_str()))?;
                Ok::<_, IdentityError>(())
            })
            .await?;
        Ok(kid)
    }

    /// Trusts a key no longer. Doing it again changes nothing.
    ///
    /// # Errors
    /// `Key` if there is none with this id; `Database`.
    pub async fn end_system_key(&self, kid: &str, by: By) -> Result<(), IdentityError> {
        let (kid, now) = (kid.to_owned(), self.clock.now());
        self.database
            .transact(move |connection| {
                let key = store::system_keys::find(connection, &kid)?.ok_or(IdentityError::Key)?;
                store::system_keys::end(connection, &kid, now)?;
                let line = by.line(now, "system_key_ended", &key.system);
                audit::append(connection, &line.detail("kid", kid.as_str()))?;
                Ok(())
            })
            .await
    }

    /// The keys of systems, newest first.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn system_keys(&self) -> Result<Vec<SystemKey>, DatabaseError> {
        self.database.read(store::system_keys::list).await
    }
}
