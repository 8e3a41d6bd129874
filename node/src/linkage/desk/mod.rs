//! The desk of a hospital: who stands here, with a chart of ours and a home elsewhere?
//!
//! Owns the tables `link_offer` and `link_miss`. Staff name the chart and what the person showed; what
//! suffices is in [`rule`]. The person takes a code home, and their home node comes back with it: see
//! [`answering`]. Codes stand as keyed digests, serve once, and live a day.
//!
//! Source: CONSENT section 1; PEOPLE P1; facts on JP Core, section 3.3.

mod answering;
mod error;
pub mod rule;
mod store;

use std::sync::Arc;

use federation_protocol::grants::ShownCode;
use federation_protocol::linking::comparison::{BirthFacts, Sex};
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;
use federation_service::clock::SharedClock;

use super::code::{CodeDigest, MOST_MISSES, Trier, random, window};
use crate::access::{Access, Act, Permit};
use crate::audit::{self, Kind, Line};
use crate::database::{Database, DatabaseError, HospitalConnection, Rid};
use crate::identity::Caller;
use crate::keys::Keys;
use crate::records::{Address, Identified, Records, Shown};

pub use answering::{Answer, Visit};
pub use error::DeskError;
pub(super) use store::{add_miss, misses, withdraw_of_chart};

/// How long a code may be handed in, seconds: the person has the day to get home.
pub const CODE_LIFE_SECONDS: i64 = 86_400;

/// What the desk stands on.
pub struct DeskParts {
    /// This member.
    pub me: MemberId,
    /// What time it is.
    pub clock: SharedClock,
    /// Signs assertions, and makes codes into digests.
    pub keys: Arc<Keys>,
    /// Where offers and audit lines are kept.
    pub database: Database,
    /// This node's charts.
    pub records: Records,
    /// Who may sit here.
    pub access: Access,
}

/// The desk. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    parts: Arc<DeskParts>,
}

/// What staff ask a code for.
#[derive(Clone)]
pub struct Order {
    /// The logical id of the Patient.
    pub patient: String,
    /// What the person showed.
    pub shown: Vec<Shown>,
    /// Their home node, where they named it: no other member can use the code then.
    pub home: Option<MemberId>,
}

/// A code just made.
pub struct NewOffer {
    /// What the desk calls it.
    pub id: String,
    /// The code, shown once.
    pub code: ShownCode,
    /// Until when it can be handed in.
    pub expires_at: Timestamp,
}

/// An offer as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What the desk calls it.
    pub id: String,
    /// The chart.
    pub patient: Rid,
    /// That chart's logical id.
    pub patient_id: String,
    /// The home node that the person named.
    pub named_home: Option<MemberId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it can be handed in.
    pub expires_at: Timestamp,
    /// The home node that came with the code.
    pub home: Option<MemberId>,
    /// How it ended, if it has.
    pub ended: Option<Ended>,
}

/// How an offer ended. The desk may know; who comes with the code is told `code_unknown` of all.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The link was made.
    Linked,
    /// The home's chart says another birth year or sex.
    Differed,
    /// The desk took it back, or the chart was merged into another or says something else now.
    Withdrawn,
}

impl Ended {
    const ALL: [Self; 3] = [Self::Linked, Self::Differed, Self::Withdrawn];

    /// The word in the table and in lists.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Linked => "linked",
            Self::Differed => "differed",
            Self::Withdrawn => "withdrawn",
        }
    }

    fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

impl Offer {
    /// How it stands, in a word: `open`, `begun`, `expired`, or how it ended.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> &'static str {
        match (self.ended, &self.home) {
            (Some(ended), _) => ended.as_str(),
            (None, _) if self.expires_at <= now => "expired",
            (None, Some(_)) => "begun",
            (None, None) => "open",
        }
    }
}

impl Desk {
    /// A desk over `parts`.
    #[must_use]
    pub fn new(parts: DeskParts) -> Self {
        Self {
            parts: Arc::new(parts),
        }
    }

    /// What time it is here.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// Makes a code for the person of a chart, if what they showed suffices.
    ///
    /// # Errors
    /// [`DeskError`]; nothing was made. Wrong tries are counted, and lock the chart for ten minutes.
    pub async fn offer(&self, caller: &Caller, order: Order) -> Result<NewOffer, DeskError> {
        let address = patient(&order.patient).ok_or(DeskError::NoChart)?;
        let (chart, permit) = self.chart(caller, &address).await?;
        if rule::is_short(&order.shown) {
            return Err(DeskError::NotEnough);
        }
        self.not_locked(chart).await?;
        let found = self.parts.records.identify(&permit, &address, &order.shown);
        let found = found.await.map_err(DeskError::of_records)?;
        if let Err(error) = judged(&order, &found) {
            self.wrong(caller, chart, &order, &error).await?;
            return Err(error);
        }
        let facts = found.facts.ok_or(DeskError::Incomplete)?;
        self.make(caller, chart, order, facts).await
    }

    /// The codes of the last days, newest first.
    ///
    /// # Errors
    /// `Access`, `Database`.
    pub async fn offers(&self, caller: &Caller) -> Result<Vec<Offer>, DeskError> {
        self.parts.access.permit(caller, Act::Link).await?;
        Ok(self.parts.database.read(store::offers).await?)
    }

    /// Forgets what charts said where a code is over that nobody handed in; how many.
    ///
    /// # Errors
    /// The database did not do it; nothing is lost by that.
    pub async fn prune(&self) -> Result<usize, DatabaseError> {
        let now = self.now();
        self.parts
            .database
            .transact(move |connection| store::forget_facts_of_expired(connection, now))
            .await
    }

    /// Takes a code back that has not become a link.
    ///
    /// # Errors
    /// `NoOffer`, `Access`, `Database`.
    pub async fn withdraw(&self, caller: &Caller, id: &str) -> Result<(), DeskError> {
        self.parts.access.permit(caller, Act::Link).await?;
        let (id, now, caller) = (id.to_owned(), self.now(), caller.clone());
        self.parts
            .database
            .transact(move |connection| {
                let offer = store::find(connection, &id)?.filter(|offer| offer.ended.is_none());
                let offer = offer.ok_or(DeskError::NoOffer)?;
                store::end(connection, &id, Ended::Withdrawn, now)?;
                let line = desk_line(&caller, offer.patient, "link_offer_withdrawn", now);
                audit::append(connection, &line.detail("offer", id.as_str()))?;
                Ok(())
            })
            .await
    }

    /// The chart, and leave to look at it. Who may not sit here learns nothing of which there are.
    async fn chart(&self, caller: &Caller, address: &Address) -> Result<(Rid, Permit), DeskError> {
        let found = self.parts.records.chart_of(address).await;
        let Some(patient) = found.map_err(DeskError::of_records)? else {
            self.parts.access.permit(caller, Act::Link).await?;
            return Err(DeskError::NoChart);
        };
        // A person may look at their own chart; nobody but the desk gives codes for one.
        if matches!(caller, Caller::Person { .. }) {
            self.parts.access.permit(caller, Act::Link).await?;
        }
        let permit = self.parts.access.permit(caller, Act::Identify { patient });
        Ok((patient, permit.await?))
    }

    async fn not_locked(&self, chart: Rid) -> Result<(), DeskError> {
        let since = window(self.now());
        let missed = self
            .parts
            .database
            .read(move |connection| store::misses(connection, &Trier::Chart(chart), since));
        match missed.await? >= MOST_MISSES {
            true => Err(DeskError::Locked),
            false => Ok(()),
        }
    }

    async fn wrong(
        &self,
        caller: &Caller,
        chart: Rid,
        order: &Order,
        error: &DeskError,
    ) -> Result<(), DeskError> {
        let now = self.now();
        let counts = matches!(error, DeskError::Differs | DeskError::NotEnough);
        let line = desk_line(caller, chart, error.code(), now).detail("shown", words(&order.shown));
        self.parts
            .database
            .transact(move |connection| {
                if counts {
                    store::add_miss(connection, &Trier::Chart(chart), now, window(now))?;
                }
                audit::append(connection, &line)?;
                Ok(())
            })
            .await
    }

    async fn make(
        &self,
        caller: &Caller,
        chart: Rid,
        order: Order,
        facts: BirthFacts,
    ) -> Result<NewOffer, DeskError> {
        let now = self.now();
        let new = NewOffer {
            id: uuid::Uuid::new_v4().to_string(),
            code: ShownCode::new(random()?, random()?),
            expires_at: now.plus_seconds(CODE_LIFE_SECONDS),
        };
        let mut line = desk_line(caller, chart, "link_offered", now)
            .detail("offer", new.id.as_str())
            .detail("shown", words(&order.shown));
        if let Some(home) = &order.home {
            line = line.peer(home);
        }
        let digests = CodeDigest::both(&new.code, &self.parts.keys);
        let offer = Offer {
            id: new.id.clone(),
            patient: chart,
            patient_id: order.patient,
            named_home: order.home,
            created_at: now,
            expires_at: new.expires_at,
            home: None,
            ended: None,
        };
        let shown = words(&order.shown);
        self.parts
            .database
            .transact(move |connection| {
                let facts = facts_text(facts);
                store::insert(connection, &offer, &digests, &facts, &shown)?;
                audit::append(connection, &line)?;
                Ok::<_, DeskError>(())
            })
            .await?;
        Ok(new)
    }
}

/// Whether what was shown is the chart's, and enough.
fn judged(order: &Order, found: &Identified) -> Result<(), DeskError> {
    if found.is_replaced {
        return Err(DeskError::Replaced);
    }
    rule::suffices(&order.shown, &found.fits)?;
    match found.facts {
        Some(_) => Ok(()),
        None => Err(DeskError::Incomplete),
    }
}

/// At a merge: codes for the chart that is given up die with it. How many.
pub(super) fn chart_given_up(
    connection: &mut HospitalConnection,
    chart: Rid,
    now: Timestamp,
) -> Result<usize, crate::database::DatabaseError> {
    withdraw_of_chart(connection, chart, now)
}

fn patient(id: &str) -> Option<Address> {
    Address::parse(&format!("Patient/{id}"))
}

fn words(shown: &[Shown]) -> String {
    let words: Vec<&str> = shown.iter().map(Shown::as_str).collect();
    words.join(" ")
}

fn facts_text(facts: BirthFacts) -> String {
    format!("{} {}", facts.year, facts.sex.as_str())
}

fn facts_of(text: &str) -> Option<BirthFacts> {
    let (year, sex) = text.split_once(' ')?;
    Some(BirthFacts {
        year: year.parse().ok()?,
        sex: Sex::of(sex)?,
    })
}

fn desk_line(caller: &Caller, chart: Rid, outcome: &'static str, now: Timestamp) -> Line {
    let line = Line::new(Kind::Link, now, caller.role().as_str())
        .patient(chart)
        .outcome(outcome);
    match caller.id() {
        Some(id) => line.actor_id(id),
        None => line,
    }
}

#[cfg(test)]
mod tests;
