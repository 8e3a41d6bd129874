//! Where a change has arrived, hospital by hospital.
//!
//! A hospital that was told refuses at once. One that could not be told refuses by the status list:
//! it asks for a new one when its own is 30 s old, and trusts none that is older than 240 s.

use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;

use super::outbox::Message;
use super::{ConsentError, Consents, DirectiveId, Subject, store};
use crate::audit::{self, Kind, Line};
use crate::database::DatabaseError;
use crate::identity::PersonId;

/// After so many seconds a hospital refuses in any case, told or not: the promise to the person.
const CUT_OFF_SECONDS: i64 = 300;
/// How far back a person's changes are shown: for longer than any token lives.
const SHOWN_SECONDS: i64 = 7 * 86_400;

/// How far one change has come at one hospital.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The change; `None` where a link ended.
    pub directive: Option<DirectiveId>,
    /// The hospital that the ended tokens were for.
    pub hospital: MemberId,
    /// How many tokens ended there.
    pub tokens: usize,
    /// When the person changed their mind, last.
    pub changed_at: Timestamp,
    /// Where it stands.
    pub state: ArrivalState,
}

/// Where a change stands at one hospital.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum ArrivalState {
    /// The hospital said then that it knows, and refuses since.
    Delivered(Timestamp),
    /// The hospital has not answered yet. It refuses by the status list at the latest then.
    Pending {
        /// Since when it is being tried.
        since: Timestamp,
        /// When it refuses at the latest.
        at_the_latest: Timestamp,
    },
    /// The hospital never answered: it refuses since then, by the status list or because the tokens
    /// have expired.
    ByStatusList(Timestamp),
}

impl ArrivalState {
    /// The word on the screen and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered(_) => "delivered",
            Self::Pending { .. } => "pending",
            Self::ByStatusList(_) => "by_status_list",
        }
    }
}

impl Consents {
    /// How far the changes of a directive have come, a line for each hospital that had a token which
    /// ended with one; empty where none had.
    ///
    /// # Errors
    /// `Unknown` if no directive has this id; `Database`.
    pub async fn arrivals(&self, id: &DirectiveId) -> Result<Vec<Arrival>, ConsentError> {
        let (id, now) = (id.clone(), self.clock.now());
        self.database
            .read(move |connection| {
                store::directives::find(connection, id.as_str())?.ok_or(ConsentError::Unknown)?;
                let messages = store::outbox::of_directive(connection, id.as_str())?;
                Ok(arrivals(&messages, now))
            })
            .await
    }

    /// The same for a person who asks about a directive of their own; the audit line is committed
    /// before. Somebody else's directive is told like one that is not there.
    ///
    /// # Errors
    /// `Unknown`, `Database`.
    pub async fn own_arrivals(
        &self,
        person: &PersonId,
        id: &DirectiveId,
    ) -> Result<Vec<Arrival>, ConsentError> {
        let (person, id, now) = (person.clone(), id.clone(), self.clock.now());
        let whose = Subject::Person(person.clone());
        self.database
            .transact(move |connection| {
                let found = store::directives::find(connection, id.as_str())?;
                found
                    .filter(|one| one.subject == whose)
                    .ok_or(ConsentError::Unknown)?;
                let messages = store::outbox::of_directive(connection, id.as_str())?;
                let line = Line::new(Kind::Read, now, "person")
                    .person(person.as_str())
                    .outcome("arrivals_shown")
                    .detail("directive", id.as_str());
                audit::append(connection, &line)?;
                Ok(arrivals(&messages, now))
            })
            .await
    }

    /// How far the changes of a person's last seven days have come, those of links too.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn arrivals_of(&self, person: &PersonId) -> Result<Vec<Arrival>, DatabaseError> {
        let (person, now) = (person.clone(), self.clock.now());
        self.database
            .read(move |connection| {
                let since = now.plus_seconds(-SHOWN_SECONDS);
                let messages = store::outbox::of_person(connection, &person, since)?;
                Ok(arrivals(&messages, now))
            })
            .await
    }
}

/// The messages put together by directive and hospital, in the order of the last change.
fn arrivals(messages: &[Message], now: Timestamp) -> Vec<Arrival> {
    let mut sorted: Vec<&Message> = messages.iter().collect();
    sorted.sort_by(|a, b| (&a.directive, &a.audience).cmp(&(&b.directive, &b.audience)));
    let same =
        |a: &&Message, b: &&Message| (&a.directive, &a.audience) == (&b.directive, &b.audience);
    let mut arrivals: Vec<Arrival> = sorted
        .chunk_by(same)
        .filter_map(|of_one| arrival(of_one, now))
        .collect();
    arrivals.sort_by(|a, b| (a.changed_at, &a.hospital).cmp(&(b.changed_at, &b.hospital)));
    arrivals
}

fn arrival(of_one: &[&Message], now: Timestamp) -> Option<Arrival> {
    let first = of_one.first()?;
    let changed_at = of_one.iter().map(|one| one.ended_at).max()?;
    let undelivered = || of_one.iter().filter(|one| one.delivered_at.is_none());
    // An expired token is refused whatever is known of it.
    let at_the_latest = |one: &&Message| {
        let promised = one.ended_at.plus_seconds(CUT_OFF_SECONDS);
        promised.min(one.expires_at)
    };
    let state = match undelivered().map(|one| one.ended_at).min() {
        None => ArrivalState::Delivered(of_one.iter().filter_map(|one| one.delivered_at).max()?),
        Some(since) => {
            let at_the_latest = undelivered().map(at_the_latest).max()?;
            match now < at_the_latest {
                true => ArrivalState::Pending {
                    since,
                    at_the_latest,
                },
                false => ArrivalState::ByStatusList(at_the_latest),
            }
        }
    };
    Some(Arrival {
        directive: first.directive.clone(),
        hospital: first.audience.clone(),
        tokens: of_one.iter().map(|one| one.jtis.len()).sum(),
        changed_at,
        state,
    })
}
