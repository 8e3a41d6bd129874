//! Upload tokens: made on the page, shown once, revoked there, used by a phone.

use apple_health::read_exporter;

use super::saving::AT_ONCE;
use super::token::{self, PlainUploadToken, UploadToken};
use super::{Counts, Health, HealthError, blocking, store};
use crate::identity::Caller;

/// More phones and apps than anybody has.
const MOST_TOKENS: i64 = 5;
/// The longest name of a token, in characters.
const LONGEST_LABEL: usize = 40;

impl Health {
    /// Makes a token. It is never shown again.
    ///
    /// # Errors
    /// `TooManyTokens`, `Access`, `Linkage`, `Entropy`, `Database`.
    pub async fn make_token(
        &self,
        caller: &Caller,
        label: &str,
    ) -> Result<PlainUploadToken, HealthError> {
        let plain = PlainUploadToken::random()?;
        let digest = token::digest_of(plain.reveal()).ok_or(HealthError::Entropy)?;
        let token = UploadToken {
            id: uuid::Uuid::new_v4().to_string(),
            label: label.trim().chars().take(LONGEST_LABEL).collect(),
            created_at: self.desk.parts.clock.now(),
            used_at: None,
        };
        let (_may, person) = self.desk.permit(caller, "make_token", &token.id).await?;
        let made = self
            .desk
            .parts
            .database
            .transact(move |connection| {
                let holder = (&person.id, person.patient);
                let made = store::insert_token(connection, &token, &digest, holder, MOST_TOKENS)?;
                Ok::<_, HealthError>(made)
            })
            .await?;
        if made {
            Ok(plain)
        } else {
            Err(HealthError::TooManyTokens)
        }
    }

    /// A person's living tokens, the newest first.
    ///
    /// # Errors
    /// `Linkage`, `Database`.
    pub async fn tokens(&self, caller: &Caller) -> Result<Vec<UploadToken>, HealthError> {
        let patient = self.desk.person(caller).await?.patient;
        self.desk
            .parts
            .database
            .read(move |connection| Ok(store::tokens_of(connection, patient)?))
            .await
    }

    /// Ends a token at once.
    ///
    /// # Errors
    /// `NotFound`, also for another person's; `Access`, `Database`.
    pub async fn revoke_token(&self, caller: &Caller, id: &str) -> Result<(), HealthError> {
        let id = uuid::Uuid::try_parse(id).map_err(|_not| HealthError::NotFound)?;
        let id = id.to_string();
        let (_may, person) = self.desk.permit(caller, "revoke_token", &id).await?;
        let now = self.desk.parts.clock.now();
        let revoked = self
            .desk
            .parts
            .database
            .transact(move |connection| {
                let patient = person.patient;
                Ok::<_, HealthError>(store::revoke_token(connection, patient, &id, now)?)
            })
            .await?;
        if revoked {
            Ok(())
        } else {
            Err(HealthError::NotFound)
        }
    }

    /// Whose token this is. Nothing of a request is read before.
    ///
    /// # Errors
    /// `Token` for anything but a living one of an enrolled person; `TooOften`, `Database`.
    pub async fn holder(&self, token: &str) -> Result<(String, Caller), HealthError> {
        let digest = token::digest_of(token).ok_or(HealthError::Token)?;
        let (database, now) = (&self.desk.parts.database, self.desk.parts.clock.now());
        let found = database
            .read(move |connection| Ok::<_, HealthError>(store::holder(connection, &digest)?))
            .await?;
        let (id, caller) = found.ok_or(HealthError::Token)?;
        match self.desk.person(&caller).await {
            Ok(_enrolled) => {}
            Err(error) if error.is_passing() => return Err(error),
            Err(HealthError::Database(error)) => return Err(error.into()),
            Err(_gone) => return Err(HealthError::Token),
        }
        self.desk.pace.count(&id, now)?;
        Ok((id, caller))
    }

    /// Saves what an app sent with a token: the JSON of exporter apps, or FHIR Observations.
    ///
    /// # Errors
    /// `Exporter`; `Access`, `Linkage`, `Records`, `Database`.
    pub async fn take_in(
        &self,
        (token, caller): (String, Caller),
        body: Vec<u8>,
    ) -> Result<Counts, HealthError> {
        let (permit, person) = self.desk.permit(&caller, "token", &token).await?;
        let pseudonyms = self.desk.pseudonyms(&person).await?;
        let origin = self.desk.origin(&person, "token", &token).await?;
        let (readings, summary) = blocking(move || Ok(read_exporter(&body, &pseudonyms)?)).await?;
        let mut counts = Counts {
            outside: summary.skipped.values().sum(),
            duplicates: summary.duplicates,
            ..Counts::default()
        };
        for some in readings.chunks(AT_ONCE) {
            let batch = self.desk.batch(&permit, &origin, None, some.to_vec())?;
            let saving = move |connection: &mut _| batch.save(connection, None);
            counts.add(self.desk.parts.database.transact(saving).await?);
        }
        let now = self.desk.parts.clock.now();
        let used = move |connection: &mut _| {
            Ok::<_, HealthError>(store::token_used(connection, &token, now)?)
        };
        self.desk.parts.database.transact(used).await?;
        Ok(counts)
    }
}

impl Counts {
    pub(super) fn add(&mut self, more: Self) {
        self.saved = self.saved.saturating_add(more.saved);
        self.duplicates = self.duplicates.saturating_add(more.duplicates);
        self.outside = self.outside.saturating_add(more.outside);
    }
}
