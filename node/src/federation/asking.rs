//! A physician's question to the hospitals of a grant: planned, asked, written down, merged.
//!
//! Every question is an audit line before it goes out (the permit's) and one for each exchange
//! before its answer is shown. The own chart is a local read under this node's own rules.

mod plan;
mod whole;

use std::sync::Arc;
use std::time::Duration;

use federation_protocol::directory::Membership;
use federation_protocol::grants::Witness;
use federation_protocol::member::MemberId;
use federation_protocol::refusal::Refusal;
use federation_service::clock::{SharedClock, Stopwatch};
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};

use super::asked::AskedGrant;
use super::directory::MemberDirectory;
use super::exchange::Exchanges;
use super::held::{HeldGrant, HeldGrants};
use super::manifest;
use super::merge::{self, Page, join_cursors, read_own};
use super::outbound::{ask_of, judged, silent};
use super::outcome::{Answer, Hospital, Part, PeerOutcome, Silence};
use super::query::{QueryError, Question};
use super::redeeming::{NewGrant, RedeemError, Redeemed, Redeeming};
use super::{store, written};
use crate::access::{Access, AccessRefusal, Act};
use crate::audit::{self, Kind, Line};
use crate::database::{Database, DatabaseError};
use crate::identity::Caller;
use crate::keys::Keys;
use crate::records::{LogicalId, Page as Found, Records, RecordsError, ResourceType, SearchQuery};

/// What asking stands on.
pub(super) struct AskingParts {
    pub(super) me: MemberId,
    pub(super) clock: SharedClock,
    pub(super) keys: Arc<Keys>,
    pub(super) directory: MemberDirectory,
    pub(super) database: Database,
    pub(super) access: Access,
    pub(super) records: Records,
    pub(super) exchanges: Exchanges,
    pub(super) redeeming: Redeeming,
    pub(super) peer_timeout: Duration,
    pub(super) query_timeout: Duration,
}

/// Asks peers for this node's physicians.
pub struct Asking {
    parts: AskingParts,
    held: HeldGrants,
}

/// Why a question was not asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// No such grant of this practitioner, or it is over.
    #[error("no such grant")]
    NoSuchGrant,
    /// Not a question between members.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The type has no such parameter, or it is none for peers.
    #[error(transparent)]
    Parameter(#[from] crate::records::QueryError),
    /// The cursor is none of this grant's.
    #[error("the cursor belongs to no page of this grant")]
    Cursor,
    /// This caller may not ask.
    #[error(transparent)]
    Access(#[from] AccessRefusal),
    /// The grant could not be redeemed or renewed.
    #[error(transparent)]
    Redeem(#[from] RedeemError),
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Entropy,
}

pub(super) use plan::{Planned, manifest_id};
pub use whole::{Stands, Whole, WholeParts};

/// The parts of an answer as they come. Not tied to a thread: polled where it was made.
pub(crate) type Parts = FuturesUnordered<LocalBoxFuture<'static, Part>>;

impl Asking {
    /// Asks through `parts.exchanges`.
    pub(super) fn new(parts: AskingParts) -> Self {
        let held = HeldGrants::new(parts.database.clone());
        Self { parts, held }
    }

    /// The grants held here.
    #[must_use]
    pub fn held(&self) -> &HeldGrants {
        &self.held
    }

    /// Redeems a visit code for `caller`, or for the practitioner that a system names.
    ///
    /// # Errors
    /// Nothing is kept.
    pub(crate) async fn redeem(
        &self,
        caller: &Caller,
        new: NewGrant,
    ) -> Result<Redeemed, AskError> {
        let act = Act::Ask {
            practitioner: &new.practitioner.id,
        };
        let _permit = self.parts.access.permit(caller, act).await?;
        if let Some(witness) = &new.witness {
            self.saw(&new, witness).await?;
        }
        let deadline = self.parts.peer_timeout;
        Ok(self.parts.redeeming.redeem(new, deadline).await?)
    }

    /// Writes down, before anything is sent, who saw the person consent and what they were shown:
    /// the home node keeps the digest of that text, this node the text.
    async fn saw(&self, new: &NewGrant, witness: &Witness) -> Result<(), DatabaseError> {
        let line = Line::new(Kind::Grant, self.parts.clock.now(), &witness.role)
            .actor_id(&witness.id)
            .peer(&new.home)
            .purpose(new.purpose)
            .outcome("paper_handed_in")
            .detail("practitioner", new.practitioner.id.as_str())
            .detail("shown", new.shown.as_deref().unwrap_or_default())
            .detail("text", federation_protocol::base64url::encode(witness.text));
        self.parts
            .database
            .transact(move |connection| audit::append(connection, &line))
            .await
            .map(|_number| ())
    }

    /// Whether the person has answered what `caller` waits for.
    ///
    /// # Errors
    /// `NoSuchGrant` for what nobody waits for, and for what somebody else does; `Redeem` with the
    /// refusal when the person said no or it is too late.
    pub(crate) async fn look_again(&self, caller: &Caller, id: &str) -> Result<Redeemed, AskError> {
        let wanted = id.to_owned();
        let find = move |connection: &mut _| store::asked::find(connection, &wanted);
        let asked: Option<AskedGrant> = self.parts.database.read(find).await?;
        let asked = asked.filter(|asked| asked.is_of(caller));
        let asked = asked.ok_or(AskError::NoSuchGrant)?;
        if let Some(grant) = &asked.grant {
            let practitioner = &asked.practitioner.id;
            let held = self.held.of(grant, practitioner, self.parts.clock.now());
            let (grant, tokens) = held.await?.ok_or(AskError::NoSuchGrant)?;
            let responders = tokens.into_iter().map(|token| token.responder);
            return Ok(Redeemed::Granted(grant, responders.collect()));
        }
        let deadline = self.parts.peer_timeout;
        Ok(self.parts.redeeming.look_again(asked, deadline).await?)
    }

    /// The grants that `caller` holds and that are not over, with the hospitals that each names.
    ///
    /// # Errors
    /// The database could not be read.
    pub(super) async fn list(
        &self,
        caller: &Caller,
    ) -> Result<Vec<(HeldGrant, Vec<MemberId>)>, AskError> {
        let practitioner = caller.id().unwrap_or_default();
        Ok(self.held.list(practitioner, self.parts.clock.now()).await?)
    }

    /// Sends the question out; the parts come in the order in which they end.
    pub(super) fn send(self: &Arc<Self>, planned: &Planned) -> Parts {
        let parts = Parts::new();
        let whole = self.parts.query_timeout.min(self.parts.peer_timeout);
        for asked in planned.hospitals.clone() {
            let ask = ask_of(&planned.grant, &planned.actor, &planned.question, &asked);
            let exchanges = self.parts.exchanges.clone();
            let question = planned.question.clone();
            let part = async move {
                let Some(ask) = ask else {
                    return silent(asked.hospital, Silence::TokenExpired);
                };
                let exchanged = exchanges.ask(&asked.hospital.member, &ask, whole).await;
                judged(asked.hospital, exchanged, &question)
            };
            parts.push(part.boxed_local());
        }
        if let Some((hospital, patient, cursor)) = planned.own.clone() {
            let (asking, caller) = (Arc::clone(self), planned.actor.id.clone());
            let question = Question {
                cursor,
                ..planned.question.clone()
            };
            let part = async move {
                let watch = Stopwatch::start();
                let read = asking
                    .own_chart(caller.unwrap_or_default(), &patient, &question)
                    .await;
                let mut part = silent(hospital, Silence::OwnChartUnavailable);
                part.own = true;
                part.duration_ms = watch.elapsed_ms();
                part.outcome = read;
                part
            };
            parts.push(part.boxed_local());
        }
        parts
    }

    /// The own chart, under this node's own access rules.
    async fn own_chart(
        &self,
        physician: String,
        patient: &str,
        question: &Question,
    ) -> PeerOutcome {
        let unavailable = PeerOutcome::Silent(Silence::OwnChartUnavailable);
        let caller = Caller::Physician { id: physician };
        let act = Act::Search {
            kind: question.resource_type,
            patient: None,
        };
        let Ok(permit) = self.parts.access.permit(&caller, act).await else {
            return unavailable;
        };
        let Some(query) = own_query(question, patient) else {
            return unavailable;
        };
        match self.parts.records.search(&permit, query).await {
            Ok(page) if page.cut => PeerOutcome::Refused(Refusal::QueryTooWide),
            Ok(page) => match own_answer(&page, patient, &self.parts.me) {
                Some(answer) => PeerOutcome::Answered(answer),
                None => unavailable,
            },
            Err(RecordsError::TooWide) => PeerOutcome::Refused(Refusal::QueryTooWide),
            Err(error) => {
                tracing::error!("the own chart cannot be read: {error}");
                unavailable
            }
        }
    }

    /// Writes one exchange down: before its answer is shown.
    ///
    /// # Errors
    /// Not written: the answer must not be shown.
    pub(super) async fn record(&self, planned: &Planned, part: &Part) -> Result<(), DatabaseError> {
        written::keep(&self.parts.database, self.line(planned, part), part).await
    }

    fn line(&self, planned: &Planned, part: &Part) -> Line {
        let actor = &planned.actor;
        let mut line = Line::new(Kind::Query, self.parts.clock.now(), &actor.role)
            .purpose(planned.grant.purpose)
            .detail("grant", planned.grant.id.as_str())
            .detail("manifest", planned.id.as_str())
            .detail("type", planned.question.resource_type);
        if let Some(id) = &actor.id {
            line = line.actor_id(id);
        }
        written::told(line, part, self.parts.directory.is_stale())
    }

    /// Signs the manifest and keeps it.
    ///
    /// # Errors
    /// Not kept.
    pub(super) async fn close(
        &self,
        planned: &Planned,
        parts: &[Part],
    ) -> Result<String, DatabaseError> {
        let query = format!(
            "{}?{}",
            planned.question.resource_type,
            planned.question.to_form()
        );
        self.sign_and_keep(planned, &query, parts).await
    }

    async fn sign_and_keep(
        &self,
        planned: &Planned,
        query: &str,
        parts: &[Part],
    ) -> Result<String, DatabaseError> {
        let claims = manifest::claims(
            &manifest::Question {
                id: &planned.id,
                asker: self.parts.me.as_str(),
                grant: &planned.grant.id,
                purpose: planned.grant.purpose.as_str(),
                practitioner: &planned.grant.practitioner,
                role: &planned.grant.role,
                query,
                at: planned.at,
            },
            parts,
        );
        let place = written::Place {
            id: &planned.id,
            grant: &planned.grant.id,
            at: planned.at,
        };
        written::sign(&self.parts.database, &self.parts.keys, &place, &claims).await
    }

    /// A manifest of a grant that the caller holds.
    ///
    /// # Errors
    /// `NoSuchGrant` for a foreign grant and an unknown manifest alike.
    pub async fn manifest(
        &self,
        caller: &Caller,
        grant: &str,
        id: &str,
    ) -> Result<String, AskError> {
        let practitioner = caller.id().unwrap_or_default();
        let now = self.parts.clock.now();
        let held = self.held.of(grant, practitioner, now).await?;
        held.ok_or(AskError::NoSuchGrant)?;
        let (grant, id) = (grant.to_owned(), id.to_owned());
        let found = self
            .parts
            .database
            .read(move |connection| store::manifest(connection, &id, &grant))
            .await?;
        found.ok_or(AskError::NoSuchGrant)
    }

    /// Asks everyone and waits for all: one merged searchset. `base` is the address of this search
    /// without its parameters.
    ///
    /// # Errors
    /// Nothing was asked, or what came could not be written down.
    pub async fn ask(
        self: &Arc<Self>,
        caller: &Caller,
        grant: &str,
        question: Question,
        base: &str,
    ) -> Result<String, AskError> {
        let planned = self.plan(caller, grant, question).await?;
        let mut coming = self.send(&planned);
        let mut parts = Vec::new();
        while let Some(part) = coming.next().await {
            self.record(&planned, &part).await?;
            parts.push(part);
        }
        let parts = planned.in_order(parts);
        let manifest = self.close(&planned, &parts).await?;
        let next = next_url(base, &planned.question, &parts);
        let page = Page {
            self_url: &format!("{base}?{}", planned.question.to_form()),
            next_url: next.as_deref(),
            first: planned.first,
            manifest: &manifest,
        };
        Ok(merge::bundle(&page, &parts))
    }
}

/// The question to the own chart.
pub(super) fn own_query(question: &Question, patient: &str) -> Option<SearchQuery> {
    let kind = ResourceType::named(question.resource_type)?;
    let query = SearchQuery::of_question(kind, &question.pairs()).ok()?;
    Some(query.in_chart_of(LogicalId::parse(patient)?))
}

/// What the own chart answers. Beside the matches stands what a peer would put there too: of this
/// patient alone, of the types that leave, though more could be seen here.
pub(super) fn own_answer(page: &Found, patient: &str, me: &MemberId) -> Option<Answer> {
    let patient = format!("Patient/{patient}");
    let matches = page.entries.iter().map(|entry| read_own(&entry.raw, me));
    let beside = page
        .included
        .iter()
        .filter(|entry| entry.address.kind.may_leave() && entry.facts.related.contains(&patient));
    let beside = beside.map(|entry| read_own(&entry.raw, me));
    Some(Answer {
        entries: matches.collect::<Option<_>>()?,
        included: beside.collect::<Option<_>>()?,
        next: page.next.clone(),
    })
}

/// The address of the next page, when any hospital has more.
fn next_url(base: &str, question: &Question, parts: &[Part]) -> Option<String> {
    let cursor = Some(join_cursors(parts)?);
    Some(format!(
        "{base}?{}",
        Question {
            cursor,
            ..question.clone()
        }
        .to_form()
    ))
}

/// A hospital as the directory names it.
#[must_use]
pub fn hospital(membership: Option<&Membership>, member: &MemberId) -> Hospital {
    let listed = membership.and_then(|membership| membership.member(member));
    Hospital {
        member: member.clone(),
        name: listed.map_or_else(|| member.to_string(), |listed| listed.names.ja.clone()),
        endpoint: listed.map_or_else(
            || member.to_string(),
            |listed| listed.federation_endpoint().to_owned(),
        ),
        phone: listed.and_then(|listed| listed.phone.clone()),
    }
}
