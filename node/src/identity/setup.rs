//! One-time setup links: how a member of staff comes to their first passkey, or to a new one when theirs
//! is lost. The token stands behind `#`, where no server, log or referrer sees it.

use std::time::Duration;

use federation_protocol::time::Timestamp;
use reqwest::Url;
use webauthn_rs::prelude::{RegisterPublicKeyCredential, Uuid};

use super::ceremony::Ceremony;
use super::passkeys::{Begun, Holder, Kept, keep_and_enter};
use super::session::Shown;
use super::staff::{By, Staff};
use super::{EntryError, Identity, IdentityError, Owner, PlainSession, PlainSetup, store};
use crate::audit;

/// The shortest and the longest life of a setup link.
pub const LIFE: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(15 * 60)..=Duration::from_secs(24 * 3_600);

/// A setup link that was just made: shown once.
pub struct SetupLink {
    /// What stands behind the `#`.
    pub token: PlainSetup,
    /// From when on it opens nothing.
    pub expires_at: Timestamp,
}

impl SetupLink {
    /// The whole link at the hospital listener's `origin`.
    #[must_use]
    pub fn url(&self, origin: &Url) -> String {
        let origin = origin.origin().ascii_serialization();
        format!("{origin}/setup#{}", self.token.reveal())
    }
}

impl Identity {
    /// Makes a setup link for an account; the links made before for it end.
    ///
    /// # Errors
    /// `NoAccount`, `Lifetime` outside of [`LIFE`], `Entropy`, `Database`.
    pub async fn setup_link(
        &self,
        staff: &str,
        life: Duration,
        by: By,
    ) -> Result<SetupLink, IdentityError> {
        if !LIFE.contains(&life) {
            return Err(IdentityError::Lifetime);
        }
        let token = PlainSetup::random()?;
        let (digest, now, staff) = (token.digest(), self.clock.now(), staff.to_owned());
        let seconds = i64::try_from(life.as_secs()).unwrap_or_default();
        let expires_at = now.plus_seconds(seconds);
        self.database
            .transact(move |connection| {
                let account = store::staff::find(connection, &staff)?;
                account
                    .filter(|one| one.disabled_at.is_none())
                    .ok_or(IdentityError::NoAccount)?;
                store::setup::end_all(connection, &staff, now)?;
                store::setup::insert(connection, &digest, &staff, now, expires_at)?;
                let line = by.line(now, "setup_link", &staff);
                let line = line.detail("expires", expires_at.unix_seconds());
                audit::append(connection, &line)?;
                Ok::<_, IdentityError>(())
            })
            .await?;
        Ok(SetupLink { token, expires_at })
    }

    /// Begins the passkey of whom this setup link was made for.
    ///
    /// # Errors
    /// `Refused` for a link that is unknown, used or over; `TooMany`, `Site`, `Busy`, `Database`.
    pub async fn begin_setup(&self, origin: &Url, token: &str) -> Result<Begun, EntryError> {
        let Some(digest) = PlainSetup::digest_of(token) else {
            return self.refused("setup_link", None).await;
        };
        let now = self.clock.now();
        let found: Option<(String, Staff)> = self
            .database
            .read(move |connection| {
                let Some((link, staff)) = store::setup::find_live(connection, &digest, now)? else {
                    return Ok::<_, EntryError>(None);
                };
                let account = store::staff::find(connection, &staff)?;
                Ok(account.map(|account| (link, account)))
            })
            .await?;
        let found = found.filter(|(_, staff)| staff.disabled_at.is_none());
        let Some((link, staff)) = found else {
            return self.refused("setup_link", None).await;
        };
        let holder = Holder {
            handle: Uuid::from_bytes(staff.handle),
            name: &staff.name,
            owner: &Owner::Staff(staff.id.clone()),
        };
        let (options, state) = self.start_registration(origin, &holder).await?;
        let ceremony = Ceremony::Setup {
            staff: staff.id.clone(),
            link,
            state: Box::new(state),
        };
        Ok(Begun {
            ceremony: self.begin(&ceremony).await?,
            options,
        })
    }

    /// Keeps the passkey and opens a session; the link is used up. Of two at once one wins.
    ///
    /// # Errors
    /// `Refused`, `TooMany`, `Site`, `Database`.
    pub async fn finish_setup(
        &self,
        origin: &Url,
        ceremony: &str,
        made: &RegisterPublicKeyCredential,
        label: &str,
    ) -> Result<PlainSession, EntryError> {
        let webauthn = self.webauthn(origin)?;
        let Some(Ceremony::Setup { staff, link, state }) = self.take(ceremony).await? else {
            return self.refused("ceremony", None).await;
        };
        let owner = Owner::Staff(staff.clone());
        let Ok(passkey) = webauthn.finish_passkey_registration(made, &state) else {
            return self.refused("attestation", Some(&owner)).await;
        };
        let (now, plain, identity) = (self.clock.now(), PlainSession::random()?, self.clone());
        let kept = Kept::new(owner.clone(), None, label, passkey, now);
        let digest = plain.digest();
        let entered = self.database.transact(move |connection| {
            let account = store::staff::find(connection, &staff)?;
            let account = account.filter(|one| one.disabled_at.is_none());
            let account = account.ok_or(EntryError::Refused)?;
            if !store::setup::spend(connection, &link, now)? {
                return Err(EntryError::Refused);
            }
            let session = identity.drafted(&account.caller()?, Shown::Passkey, now)?;
            keep_and_enter(connection, &kept, &session, &digest, now)
        });
        match entered.await {
            Ok(()) => Ok(plain),
            Err(EntryError::Refused) => self.refused("setup_link", Some(&owner)).await,
            Err(other) => Err(other),
        }
    }
}
