//! Emergency questions, asked here and answered here: how many a day, and each one a review that an
//! officer closes.
//!
//! Source: CONSENT section 5.

use federation_protocol::consent::tokyo_day;
use federation_protocol::emergency::{
    MOST_OF_A_MEMBER, MOST_OF_A_PRACTITIONER, NOTICES_PATH, Reason, SECOND_FACTOR_SECONDS,
};
use federation_protocol::link::PatientHandle;
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;

use super::{Emergency, store};
use crate::audit::{self, Line};
use crate::database::{DatabaseError, HospitalConnection, Rid};
use crate::linkage;

/// A review that has been open for longer blocks its practitioner's next question, seconds.
pub const REVIEWED_WITHIN_SECONDS: i64 = 72 * 3_600;

/// At which end this house stood.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Side {
    /// A practitioner of this house asked.
    Asked,
    /// This house answered, about a patient of its own.
    Answered,
}

impl Side {
    /// The word in the table and on the screen.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Answered => "answered",
        }
    }

    pub(super) fn of(word: &str) -> Option<Self> {
        [Self::Asked, Self::Answered]
            .into_iter()
            .find(|side| side.as_str() == word)
    }
}

/// One emergency question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Its id: that of its manifest where it was asked, that of its notice where it was answered.
    pub id: String,
    /// Which end this is.
    pub side: Side,
    /// When.
    pub at: Timestamp,
    /// The member that asked.
    pub asker: MemberId,
    /// That member's id of the practitioner.
    pub practitioner: String,
    /// Why.
    pub reason: Reason,
    /// The chart here that was opened, where it was answered.
    pub patient: Option<Rid>,
    /// How many resources were given out, or came.
    pub shown: i64,
    /// The end of its review.
    pub closing: Option<Closing>,
}

/// How a review ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// When.
    pub at: Timestamp,
    /// The officer's staff id.
    pub by: String,
    /// What they found.
    pub note: String,
}

impl Access {
    /// Whether nobody closed its review in time.
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.closing.is_none() && self.at < now.plus_seconds(-REVIEWED_WITHIN_SECONDS)
    }
}

/// Why a practitioner of this house may not ask now.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskRefusal {
    /// No second factor was shown in the last 15 min.
    #[error("no second factor was shown in the last 15 minutes")]
    NoSecondFactor,
    /// An earlier question of this practitioner has waited for its review for more than 72 h.
    #[error("emergency access {0} has waited for its review for more than 72 hours")]
    ReviewOpen(String),
    /// Enough for one day.
    #[error("{MOST_OF_A_PRACTITIONER} emergency questions were asked today")]
    RateLimited,
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl Emergency {
    /// Whether `access`, of a practitioner of this house, may be asked; counts it and opens its
    /// review, all in one transaction, or refuses and writes that down. Which second factor was shown,
    /// and when: `passkey` says when one was shown in this session, if one was.
    ///
    /// # Errors
    /// The first that is met: `NoSecondFactor`, `ReviewOpen`, `RateLimited`; `Database`.
    pub async fn begin(
        &self,
        access: Access,
        line: Line,
        passkey: Option<Timestamp>,
    ) -> Result<ShownFactor, AskRefusal> {
        let began = self
            .parts
            .database
            .transact(move |connection| {
                let judged = may_begin(connection, &access, passkey)?;
                let line = match &judged {
                    Ok(shown) => line.clone().detail("acr", shown.acr),
                    Err(refusal) => line.clone().outcome(refusal.code()),
                };
                if judged.is_ok() {
                    store::accesses::insert(connection, &access)?;
                }
                audit::append(connection, &line)?;
                Ok::<_, DatabaseError>(judged)
            })
            .await?;
        self.parts.metrics.question(
            Side::Asked,
            match &began {
                Ok(_) => "asked",
                Err(_) => "refused",
            },
        );
        began
    }

    /// How many resources came, for the review.
    ///
    /// # Errors
    /// Not written.
    pub async fn ended(&self, id: &str, shown: usize) -> Result<(), DatabaseError> {
        let (id, shown) = (id.to_owned(), i64::try_from(shown).unwrap_or(i64::MAX));
        self.parts
            .database
            .transact(move |connection| store::accesses::set_shown(connection, &id, shown))
            .await
    }

    /// At the answering end: notes that a question about a chart here was answered, and owes its
    /// notice to every home that the chart is linked with. In the caller's transaction, with its
    /// audit line.
    ///
    /// # Errors
    /// Roll back: nothing may be answered.
    pub fn note_answer(
        &self,
        connection: &mut HospitalConnection,
        access: &Access,
    ) -> Result<(), DatabaseError> {
        store::accesses::insert(connection, access)?;
        let Some(chart) = access.patient else {
            return Ok(());
        };
        for (handle, home) in linkage::homes_of(connection, chart)? {
            match home == self.parts.me {
                true => self.tell_own(connection, &handle, access)?,
                false => store::notices::owe(connection, &access.id, &handle, &home, access.at)?,
            }
        }
        Ok(())
    }

    /// The person's home is this node: nothing has to be sent.
    fn tell_own(
        &self,
        connection: &mut HospitalConnection,
        handle: &PatientHandle,
        access: &Access,
    ) -> Result<(), DatabaseError> {
        let notice = super::notices::notice_of(access, handle);
        tracing::debug!(
            access.id,
            path = NOTICES_PATH,
            "kept here: the home is this node"
        );
        self.keep_notice(connection, &self.parts.me, &notice, access.at)
            .map(|_known| ())
    }

    /// Counts a question of the day by what `member` asked of this house; whether it is one too many.
    /// In the caller's transaction.
    ///
    /// # Errors
    /// Not counted: nothing may be answered.
    pub fn is_one_too_many(
        connection: &mut HospitalConnection,
        member: &MemberId,
        now: Timestamp,
    ) -> Result<bool, DatabaseError> {
        let day = tokyo_day(now);
        let questions = store::accesses::count(connection, "member", member.as_str(), &day)?;
        Ok(questions > MOST_OF_A_MEMBER)
    }
}

/// A second factor that was shown.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct ShownFactor {
    /// What it was, in the words of `acr`: `passkey` or `totp`.
    pub acr: &'static str,
    /// When.
    pub at: Timestamp,
}

/// The passkey of the session, or the code of an authenticator, whichever is fresh.
fn fresh_factor(
    connection: &mut HospitalConnection,
    access: &Access,
    passkey: Option<Timestamp>,
) -> Result<Option<ShownFactor>, DatabaseError> {
    let now = access.at;
    let is_fresh = |at: &Timestamp| (0..=SECOND_FACTOR_SECONDS).contains(&now.seconds_since(*at));
    if let Some(at) = passkey.filter(is_fresh) {
        return Ok(Some(ShownFactor { acr: "passkey", at }));
    }
    let code = store::factor::of(connection, &access.practitioner)?;
    let at = code.and_then(|factor| factor.fresh(now));
    Ok(at.map(|at| ShownFactor { acr: "totp", at }))
}

fn may_begin(
    connection: &mut HospitalConnection,
    access: &Access,
    passkey: Option<Timestamp>,
) -> Result<Result<ShownFactor, AskRefusal>, DatabaseError> {
    let (who, now) = (access.practitioner.as_str(), access.at);
    let Some(shown) = fresh_factor(connection, access, passkey)? else {
        return Ok(Err(AskRefusal::NoSecondFactor));
    };
    let limit = now.plus_seconds(-REVIEWED_WITHIN_SECONDS);
    if let Some(overdue) = store::accesses::overdue(connection, who, limit)? {
        return Ok(Err(AskRefusal::ReviewOpen(overdue)));
    }
    let questions = store::accesses::count(connection, "practitioner", who, &tokyo_day(now))?;
    if questions > MOST_OF_A_PRACTITIONER {
        return Ok(Err(AskRefusal::RateLimited));
    }
    Ok(Ok(shown))
}

impl AskRefusal {
    /// The code that the asking physician and the audit see.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSecondFactor => "btg_not_permitted",
            Self::ReviewOpen(_) => "btg_review_open",
            Self::RateLimited => "btg_rate_limited",
            Self::Database(_) => "audit_unavailable",
        }
    }
}
