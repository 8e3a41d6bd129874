//! The person's question: one batch to each covered hospital, a local read of the own chart.

use std::sync::Arc;

use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::signature::Actor;
use federation_protocol::time::Timestamp;
use federation_service::clock::Stopwatch;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};

use super::{OWN_ROLE, OwnView, OwnViewError, own_id};
use crate::access::Act;
use crate::audit::{Kind, Line};
use crate::database::DatabaseError;
use crate::federation::asking::{AskError, hospital, manifest_id, own_answer, own_query};
use crate::federation::exchange::Ask;
use crate::federation::held::{HeldGrant, HeldToken};
use crate::federation::inbound::FHIR_PATH;
use crate::federation::manifest;
use crate::federation::merge::read_batch;
use crate::federation::outbound::{in_order, judged_by, silent};
use crate::federation::outcome::{Answer, Hospital, Part, PeerOutcome, Silence};
use crate::federation::query::{MOST_SEARCHES, QueryError, Question, batch_body};
use crate::federation::store;
use crate::federation::written;
use crate::identity::Caller;
use crate::records::{RecordsError, ResourceType, SearchQuery};
use federation_protocol::refusal::Refusal;

/// What stands in a manifest where a grant would, when no own view is open: of the own chart alone.
const WITHOUT_GRANT: &str = "own";

/// The parts of an answer as they come. Not tied to a thread: polled where it was made.
pub type OwnParts = FuturesUnordered<LocalBoxFuture<'static, Part>>;

/// A person's question that was let out.
#[derive(Clone)]
pub struct OwnAsked {
    id: String,
    at: Timestamp,
    caller: Caller,
    person: String,
    patient: String,
    grant: Option<HeldGrant>,
    questions: Vec<Question>,
    own: Hospital,
    hospitals: Vec<(Hospital, Result<HeldToken, Silence>)>,
}

/// What a person is shown.
pub struct OwnAnswer {
    /// One part for the own chart, the first, and for each linked hospital. An answer holds the
    /// resources of all questions; `Entry::resource_type` tells them apart.
    pub parts: Vec<Part>,
    /// The signed manifest of it.
    pub manifest: String,
}

impl OwnAsked {
    /// Everyone who has a part, the own chart first; whether it is the own chart.
    pub fn hospitals(&self) -> impl Iterator<Item = (&Hospital, bool)> {
        let others = self.hospitals.iter().map(|(hospital, _)| (hospital, false));
        std::iter::once((&self.own, true)).chain(others)
    }
}

impl OwnView {
    /// Asks everyone and waits for all. At most [`MOST_SEARCHES`] questions, each a first page.
    ///
    /// # Errors
    /// Nothing was asked, or what came could not be written down.
    pub async fn ask(
        self: &Arc<Self>,
        caller: &Caller,
        questions: Vec<Question>,
    ) -> Result<OwnAnswer, OwnViewError> {
        let asked = self.plan(caller, questions).await?;
        let mut coming = self.send(&asked);
        let mut parts = Vec::new();
        while let Some(part) = coming.next().await {
            self.record(&asked, &part).await?;
            parts.push(part);
        }
        let (parts, manifest) = self.conclude(&asked, parts).await?;
        Ok(OwnAnswer { parts, manifest })
    }

    /// Whether and whom to ask. Each part of [`OwnView::send`] is shown only after
    /// [`OwnView::record`], and all of it ends with [`OwnView::conclude`].
    ///
    /// # Errors
    /// Nothing was asked.
    pub async fn plan(
        &self,
        caller: &Caller,
        questions: Vec<Question>,
    ) -> Result<OwnAsked, OwnViewError> {
        check(&questions)?;
        let id = own_id(caller)?;
        let access = &self.parts.access;
        let permit = access.permit(caller, Act::AskOwn).await;
        let _permit = permit.map_err(AskError::from)?;
        let person = self.parts.linkage.person(id).await?;
        let at = self.parts.clock.now();
        let held = self.held(id.as_str()).await?;
        let tokens = match &held {
            Some((grant, tokens)) => self.tokens(grant, tokens.clone(), at).await,
            None => Vec::new(),
        };
        let links = self.parts.linkage.home_links(id).await?;
        let membership = self.parts.directory.membership();
        let token_of = |member: &MemberId| {
            let mut tokens = tokens.iter();
            let (_, token) = tokens
                .find(|(of, _)| of == member)
                .ok_or(Silence::NotSigned)?;
            token.clone().ok_or(Silence::TokenExpired)
        };
        let hospitals = links.iter().map(|link| {
            let member = &link.responder;
            (hospital(membership.as_deref(), member), token_of(member))
        });
        Ok(OwnAsked {
            id: manifest_id(at)?,
            at,
            caller: caller.clone(),
            person: id.to_string(),
            patient: person.patient_id,
            grant: held.map(|(grant, _)| grant),
            questions,
            own: hospital(membership.as_deref(), &self.parts.me),
            hospitals: hospitals.collect(),
        })
    }

    async fn held(
        &self,
        person: &str,
    ) -> Result<Option<(HeldGrant, Vec<HeldToken>)>, DatabaseError> {
        let person = person.to_owned();
        self.parts
            .database
            .read(move |connection| {
                let Some(grant) = store::own_grant(connection, &person)? else {
                    return Ok(None);
                };
                let tokens = store::tokens(connection, &grant.id)?;
                Ok(Some((grant, tokens)))
            })
            .await
    }

    /// The tokens of the own view; the first ones are fetched when the first question is asked.
    async fn tokens(
        &self,
        grant: &HeldGrant,
        tokens: Vec<HeldToken>,
        at: Timestamp,
    ) -> Vec<(MemberId, Option<HeldToken>)> {
        if !tokens.is_empty() {
            return self.parts.asking.renewed(grant, tokens, at).await;
        }
        match self.parts.redeeming.renew(grant, self.parts.deadline).await {
            Ok(tokens) => tokens
                .into_iter()
                .map(|token| (token.responder.clone(), Some(token)))
                .collect(),
            Err(error) => {
                tracing::warn!(grant.id = grant.id, "no tokens of an own view: {error}");
                Vec::new()
            }
        }
    }

    /// Sends the questions out; the parts come in the order in which they end.
    pub fn send(self: &Arc<Self>, asked: &OwnAsked) -> OwnParts {
        let parts = OwnParts::new();
        for (hospital, token) in asked.hospitals.clone() {
            let (view, questions) = (Arc::clone(self), asked.questions.clone());
            let part = async move { view.ask_one(hospital, token, questions).await };
            parts.push(part.boxed_local());
        }
        let (view, asked) = (Arc::clone(self), asked.clone());
        parts.push(async move { view.own_chart(&asked).await }.boxed_local());
        parts
    }

    async fn ask_one(
        &self,
        hospital: Hospital,
        token: Result<HeldToken, Silence>,
        questions: Vec<Question>,
    ) -> Part {
        let token = match token {
            Ok(token) => token,
            Err(silence) => return silent(hospital, silence),
        };
        let ask = Ask {
            path: FHIR_PATH.to_owned(),
            content_type: federation_service::problem::FHIR_JSON,
            purpose: Purpose::Patrqt,
            actor: Actor::system(),
            consent: Some(token.token),
            body: batch_body(&questions).into_bytes(),
        };
        let to = hospital.member.clone();
        let exchanged = self.parts.exchanges.ask(&to, &ask, self.parts.deadline);
        judged_by(hospital, exchanged.await, |body| {
            read_batch(body, &questions, &to).ok()
        })
    }

    /// The own chart, as the person may see it here.
    async fn own_chart(&self, asked: &OwnAsked) -> Part {
        let watch = Stopwatch::start();
        let mut part = silent(asked.own.clone(), Silence::OwnChartUnavailable);
        part.own = true;
        part.outcome = self.own_searches(asked).await;
        part.duration_ms = watch.elapsed_ms();
        part
    }

    async fn own_searches(&self, asked: &OwnAsked) -> PeerOutcome {
        let unavailable = PeerOutcome::Silent(Silence::OwnChartUnavailable);
        let mut whole = Answer::default();
        for question in &asked.questions {
            let act = Act::Search {
                kind: question.resource_type,
                patient: None,
            };
            let Ok(permit) = self.parts.access.permit(&asked.caller, act).await else {
                return unavailable;
            };
            let Some(query) = own_query(question, &asked.patient) else {
                return unavailable;
            };
            let page = match self.parts.records.search(&permit, query).await {
                Ok(page) if !page.cut => page,
                Ok(_) | Err(RecordsError::TooWide) => {
                    return PeerOutcome::Refused(Refusal::QueryTooWide);
                }
                Err(error) => {
                    tracing::error!("a person's own chart cannot be read: {error}");
                    return unavailable;
                }
            };
            let Some(answer) = own_answer(&page, &asked.patient, &self.parts.me) else {
                return unavailable;
            };
            whole.entries.extend(answer.entries);
            whole.included.extend(answer.included);
            whole.next = whole.next.or(answer.next);
        }
        PeerOutcome::Answered(whole)
    }

    /// Writes one exchange down: before its answer is shown.
    ///
    /// # Errors
    /// Not written: the answer must not be shown.
    pub async fn record(&self, asked: &OwnAsked, part: &Part) -> Result<(), DatabaseError> {
        written::keep(&self.parts.database, self.line(asked, part), part).await
    }

    fn line(&self, asked: &OwnAsked, part: &Part) -> Line {
        let types = asked.questions.iter().map(|one| one.resource_type);
        let line = Line::new(Kind::Query, self.parts.clock.now(), OWN_ROLE)
            .actor_id(&asked.person)
            .person(&asked.person)
            .purpose(Purpose::Patrqt)
            .detail("manifest", asked.id.as_str())
            .detail("types", types.collect::<Vec<_>>().join(" "));
        written::told(line, part, self.parts.directory.is_stale())
    }

    /// The parts in the order in which the hospitals were asked, and the manifest, signed and kept.
    ///
    /// # Errors
    /// Not kept.
    pub async fn conclude(
        &self,
        asked: &OwnAsked,
        came: Vec<Part>,
    ) -> Result<(Vec<Part>, String), DatabaseError> {
        let order: Vec<MemberId> = asked
            .hospitals
            .iter()
            .map(|(hospital, _)| hospital.member.clone())
            .collect();
        let parts = in_order(came, &order);
        let types = asked.questions.iter().map(|one| one.resource_type);
        let grant = asked.grant.as_ref().map_or(WITHOUT_GRANT, |one| &one.id);
        let claims = manifest::claims(
            &manifest::Question {
                id: &asked.id,
                asker: self.parts.me.as_str(),
                grant,
                purpose: Purpose::Patrqt.as_str(),
                practitioner: &asked.person,
                role: OWN_ROLE,
                query: &types.collect::<Vec<_>>().join(" "),
                at: asked.at,
            },
            &parts,
        );
        let place = written::Place {
            id: &asked.id,
            grant,
            at: asked.at,
        };
        let jws = written::sign(&self.parts.database, &self.parts.keys, &place, &claims).await?;
        Ok((parts, jws))
    }
}

/// The asker refuses what every answerer would.
fn check(questions: &[Question]) -> Result<(), AskError> {
    if !(1..=MOST_SEARCHES).contains(&questions.len()) {
        return Err(QueryError::Batch.into());
    }
    for question in questions {
        if question.cursor.is_some() {
            return Err(QueryError::Parameter.into());
        }
        let kind = ResourceType::named(question.resource_type).ok_or(QueryError::Type)?;
        SearchQuery::of_question(kind, &question.filters)?;
    }
    Ok(())
}
