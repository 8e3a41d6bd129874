//! The second factor of a practitioner of this house: enrolled by the operator, shown as a code.
//!
//! Wrong codes lock it, each time for longer; nothing is compared while it is locked, so that a right
//! code is told from a wrong one only as often as the lock allows. A code counts once.

use federation_protocol::emergency::SECOND_FACTOR_SECONDS;
use federation_protocol::time::Timestamp;

use super::{Emergency, store, totp};
use crate::audit::{self, Kind, Line};
use crate::database::{DatabaseError, HospitalConnection};

/// Wrong codes after which nothing is compared for a while.
const MISSES: i64 = 5;
/// The first lock, seconds; each one after it, before a right code, is twice as long.
const LOCK_SECONDS: i64 = 900;
/// The longest lock, seconds.
const LONGEST_LOCK_SECONDS: i64 = 86_400;

/// A second factor as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Factor {
    pub(super) practitioner: String,
    pub(super) salt: Vec<u8>,
    pub(super) enrolled_at: Timestamp,
    pub(super) last_step: i64,
    pub(super) shown_at: Option<Timestamp>,
    pub(super) misses: i64,
    pub(super) locks: i64,
    pub(super) locked_until: Timestamp,
}

/// Why a second factor was not enrolled or not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FactorError {
    /// This practitioner has none.
    #[error("no second factor is enrolled for this practitioner")]
    NotEnrolled,
    /// Not the code of now, or one that was used before.
    #[error("not the code that the authenticator shows now, or one that was used before")]
    Wrong,
    /// Too many wrong codes: none is compared until then.
    #[error("too many wrong codes: none is compared until {0}")]
    Locked(Timestamp),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Entropy,
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl Emergency {
    /// Enrols a second factor for a practitioner, in the place of the one they had. What it returns,
    /// an `otpauth://` URI, is for their authenticator app: it is shown once and stored nowhere.
    ///
    /// # Errors
    /// `Entropy`, `Database`.
    pub async fn enrol(&self, practitioner: &str, issuer: &str) -> Result<String, FactorError> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(|_none| FactorError::Entropy)?;
        let secret = self.parts.keys.second_factor_secret(practitioner, &salt);
        let uri = totp::uri(secret.as_slice(), issuer, practitioner);
        let now = self.parts.clock.now();
        let factor = Factor {
            practitioner: practitioner.to_owned(),
            salt: salt.to_vec(),
            enrolled_at: now,
            last_step: 0,
            shown_at: None,
            misses: 0,
            locks: 0,
            locked_until: Timestamp::from_micros(0),
        };
        self.parts
            .database
            .transact(move |connection| {
                store::factor::put(connection, &factor)?;
                let line = Line::new(Kind::AccessToken, now, "admin")
                    .outcome("second_factor_enrolled")
                    .detail("practitioner", factor.practitioner.as_str());
                audit::append(connection, &line)?;
                Ok::<(), DatabaseError>(())
            })
            .await?;
        Ok(uri)
    }

    /// Takes a code of a practitioner's second factor; until when it is good.
    ///
    /// # Errors
    /// `NotEnrolled`, `Locked`, `Wrong`, `Database`: a wrong code is counted durably before this
    /// returns.
    pub async fn show(&self, practitioner: &str, code: &str) -> Result<Timestamp, FactorError> {
        let (emergency, now) = (self.clone(), self.parts.clock.now());
        let (practitioner, code) = (practitioner.to_owned(), code.trim().to_owned());
        // What is refused is committed as well: the count of wrong codes must stay.
        let shown = self
            .parts
            .database
            .transact(move |connection| {
                let judged = emergency.judge(connection, &practitioner, &code, now)?;
                let outcome = match &judged {
                    Ok(_) => "second_factor_shown",
                    Err(FactorError::Locked(_)) => "second_factor_locked",
                    Err(_) => "second_factor_wrong",
                };
                let line = Line::new(Kind::Login, now, "physician")
                    .actor_id(&practitioner)
                    .outcome(outcome);
                audit::append(connection, &line)?;
                Ok::<_, DatabaseError>(judged)
            })
            .await?;
        self.parts.metrics.factor(match &shown {
            Ok(_) => "shown",
            Err(FactorError::Locked(_)) => "locked",
            Err(_) => "wrong",
        });
        shown
    }

    fn judge(
        &self,
        connection: &mut HospitalConnection,
        practitioner: &str,
        code: &str,
        now: Timestamp,
    ) -> Result<Result<Timestamp, FactorError>, DatabaseError> {
        let Some(mut factor) = store::factor::of(connection, practitioner)? else {
            return Ok(Err(FactorError::NotEnrolled));
        };
        if now < factor.locked_until {
            return Ok(Err(FactorError::Locked(factor.locked_until)));
        }
        let secret = self
            .parts
            .keys
            .second_factor_secret(practitioner, &factor.salt);
        let step = totp::step_at(now.unix_seconds());
        let taken = totp::step_of(secret.as_slice(), code, step, factor.last_step);
        match taken {
            Some(step) => factor.take(step, now),
            None => factor.miss(now),
        }
        store::factor::put(connection, &factor)?;
        Ok(match taken {
            Some(_) => Ok(now.plus_seconds(SECOND_FACTOR_SECONDS)),
            None => Err(FactorError::Wrong),
        })
    }
}

impl Factor {
    fn take(&mut self, step: i64, now: Timestamp) {
        self.last_step = step;
        self.shown_at = Some(now);
        (self.misses, self.locks) = (0, 0);
    }

    fn miss(&mut self, now: Timestamp) {
        self.misses = self.misses.saturating_add(1);
        if self.misses < MISSES {
            return;
        }
        let doubled = u32::try_from(self.locks).unwrap_or(u32::MAX).min(10);
        let seconds = LOCK_SECONDS.saturating_mul(1 << doubled);
        self.locked_until = now.plus_seconds(seconds.min(LONGEST_LOCK_SECONDS));
        self.misses = 0;
        self.locks = self.locks.saturating_add(1);
    }

    /// When it was shown, if that still counts.
    pub(super) fn fresh(&self, now: Timestamp) -> Option<Timestamp> {
        self.shown_at
            .filter(|at| (0..=SECOND_FACTOR_SECONDS).contains(&now.seconds_since(*at)))
    }
}
