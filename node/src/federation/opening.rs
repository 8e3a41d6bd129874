//! Checks 12 and 13: the consent token, then what of the chart it opens.
//!
//! The token is judged before anything is looked up but its link; its signature is verified once
//! and remembered by the token's hash, everything else is judged each time. What is left of the
//! chart is never an error: a permit that allows nothing answers like a chart that holds nothing.
//!
//! Link, directives and records are read in one go, on one snapshot: each trip to a database thread
//! costs more than the token's judgement.
//!
//! Source: PROTOCOL sections 4 and 5.

use std::sync::Arc;
use std::time::Duration;

use federation_protocol::Verified;
use federation_protocol::category::Scope;
use federation_protocol::consent::{Context, Practitioner};
use federation_protocol::digest::sha256;
use federation_protocol::directory::Membership;
use federation_protocol::emergency::EmergencyPatient;
use federation_protocol::keys::KeyId;
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::refusal::Refusal;
use federation_protocol::signature::{Actor, Request};
use federation_protocol::time::Timestamp;
use federation_protocol::token::{LinkFacts, ParsedToken, SignedToken, Token, TokenContext};
use federation_service::clock::SharedClock;
use moka::sync::Cache;

use super::answer::searchset;
use super::directory::MemberDirectory;
use super::query::{Question, categories};
use super::standing::Standings;
use crate::access::{self, HousePolicy, Permit};
use crate::database::{Database, DatabaseError, HospitalConnection, Rid};
use crate::keys::Keys;
use crate::linkage;
use crate::records::{Page, Records, RecordsError, ResourceType, SearchQuery};

/// How many tokens' signatures are remembered.
const REMEMBERED_TOKENS: u64 = 20_000;
/// How long, at most: what a token says is not kept in memory for much longer than it is used.
const REMEMBERED_FOR: Duration = Duration::from_secs(600);

/// What opening stands on.
pub(super) struct OpeningParts {
    pub(super) me: MemberId,
    pub(super) clock: SharedClock,
    pub(super) keys: Arc<Keys>,
    pub(super) directory: MemberDirectory,
    pub(super) database: Database,
    pub(super) records: Records,
    pub(super) standings: Standings,
    pub(super) house: HousePolicy,
}

/// Opens charts to peers as far as their tokens go.
pub(super) struct Opening {
    parts: Arc<OpeningParts>,
    signed: Cache<[u8; 32], Arc<SignedToken>>,
}

/// One request, as a database thread needs it.
struct Asking {
    signed: Arc<SignedToken>,
    membership: Arc<Membership>,
    from: MemberId,
    keyid: KeyId,
    actor: Actor,
    purpose: Purpose,
    asked: Scope,
    queries: Vec<(&'static str, SearchQuery)>,
    now: Timestamp,
}

/// The answer to one question. Put together where its rows were read, so that they end there too:
/// memory given back on another thread costs more than the text.
struct Answered {
    searchset: String,
    shown: usize,
    withheld: usize,
}

impl Answered {
    /// # Errors
    /// `TooWide` where more would stand beside the matches than an answer holds. It is counted by what
    /// may be shown: a house without what is withheld would say the same.
    fn of(resource_type: &str, page: &Page) -> Result<Self, RecordsError> {
        if page.cut {
            return Err(RecordsError::TooWide);
        }
        let matches = page.entries.iter().map(|entry| entry.raw.as_str());
        let beside = page.included.iter().map(|entry| entry.raw.as_str());
        Ok(Self {
            searchset: searchset(resource_type, matches, beside, page.next.as_deref()),
            shown: page.entries.len().saturating_add(page.included.len()),
            withheld: page.withheld,
        })
    }
}

/// What one go at the database gave.
enum Looked {
    Found {
        token: Verified<Token>,
        patient: Rid,
        answers: Vec<Answered>,
    },
    /// The token is right, but whether it still stands has to be asked of its issuer first.
    Unlisted(Verified<Token>),
}

/// What a peer gets, and what only this node's audit says.
pub(super) struct Disclosed {
    pub(super) searchsets: Vec<String>,
    pub(super) patient: Rid,
    pub(super) shown: usize,
    pub(super) withheld: usize,
    pub(super) jti: String,
    pub(super) home: MemberId,
}

/// What an emergency question opened. `patient` is none where no one certain chart is meant: the
/// searchsets are those of a chart that holds nothing.
pub(super) struct Opened {
    pub(super) searchsets: Vec<String>,
    pub(super) patient: Option<Rid>,
    pub(super) shown: usize,
    pub(super) withheld: usize,
}

/// Why a chart was not opened.
#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error("{0}")]
    Refused(Refusal),
    #[error(transparent)]
    Records(#[from] RecordsError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl OpenError {
    /// What the peer is told. A database that does not read cannot record either.
    fn told(self, request: &Request) -> Refusal {
        match self {
            Self::Refused(refusal) => refusal,
            Self::Records(RecordsError::Cursor(_) | RecordsError::Query(_)) => {
                Refusal::QueryNotAllowed
            }
            Self::Records(RecordsError::TooWide) => Refusal::QueryTooWide,
            Self::Records(error) => {
                tracing::error!(exchange.id = %request.exchange, "records: {error}");
                Refusal::AuditUnavailable
            }
            Self::Database(error) => {
                tracing::error!(exchange.id = %request.exchange, "database: {error}");
                Refusal::AuditUnavailable
            }
        }
    }
}

impl Opening {
    pub(super) fn new(parts: OpeningParts) -> Self {
        let signed = Cache::builder()
            .max_capacity(REMEMBERED_TOKENS)
            .time_to_live(REMEMBERED_FOR);
        Self {
            parts: Arc::new(parts),
            signed: signed.build(),
        }
    }

    /// Judges the token of `request` and answers `questions` with what it opens.
    ///
    /// # Errors
    /// The code of the first check that fails, in the order of PROTOCOL section 5.
    pub(super) async fn disclose(
        &self,
        request: &Verified<Request>,
        questions: Vec<Question>,
    ) -> Result<Disclosed, Refusal> {
        let queries = questions
            .iter()
            .map(|question| Ok((question.resource_type, search_query(question)?)))
            .collect::<Result<Vec<_>, _>>()?;
        let asked = questions.iter().fold(Scope::EMPTY, |scope, one| {
            scope.or(categories(one.resource_type))
        });
        let membership = self
            .parts
            .directory
            .membership()
            .ok_or(Refusal::DirectoryExpired)?;
        let now = self.parts.clock.now();
        let text = request.consent.as_deref().ok_or(Refusal::TokenMalformed)?;
        let asking = Arc::new(Asking {
            signed: self.signed(text, &membership, now)?,
            membership,
            from: request.from.clone(),
            keyid: request.keyid.clone(),
            actor: request.actor.clone(),
            purpose: request.purpose,
            asked,
            queries,
            now,
        });
        let (token, patient, answers) = self.look(&asking, request).await?;
        Ok(Disclosed {
            patient,
            shown: answers.iter().map(|answer| answer.shown).sum(),
            withheld: answers.iter().map(|answer| answer.withheld).sum(),
            jti: token.jti.clone(),
            home: token.issuer.clone(),
            searchsets: answers.into_iter().map(|answer| answer.searchset).collect(),
        })
    }

    /// The chart that the token of a refused request is about, where its own home signed it: for the
    /// audit alone. A token that nobody signed, or another than the link's home, is about nobody.
    pub(super) async fn chart_of(&self, request: &Verified<Request>) -> Option<Rid> {
        let text = request.consent.as_deref()?;
        let membership = self.parts.directory.membership()?;
        let signed = self
            .signed(text, &membership, self.parts.clock.now())
            .ok()?;
        let (handle, home) = (signed.claims().sub.clone(), signed.claims().iss.clone());
        let find = move |connection: &mut _| linkage::find(connection, &handle);
        let link = self.parts.database.read(find).await.ok()??;
        (link.home == home).then_some(link.patient)
    }

    /// Answers `questions` with what an emergency opens of the one chart that is certainly meant.
    ///
    /// # Errors
    /// The question is not allowed or too wide, or what is here cannot be read.
    pub(super) async fn open_in_emergency(
        &self,
        request: &Verified<Request>,
        patient: &EmergencyPatient,
        questions: &[Question],
    ) -> Result<Opened, Refusal> {
        let queries = questions
            .iter()
            .map(|question| Ok((question.resource_type, search_query(question)?)))
            .collect::<Result<Vec<_>, Refusal>>()?;
        let told = |error: RecordsError| OpenError::from(error).told(request);
        let records = &self.parts.records;
        let meant = records
            .certain_match(&access::match_in_emergency(), patient)
            .await;
        let chart = match meant.map_err(told)? {
            Some(address) => records.chart_of(&address).await.map_err(told)?,
            None => None,
        };
        let Some(chart) = chart else {
            let nothing = Page::default();
            let empty = queries
                .iter()
                .map(|(kind, _)| Answered::of(kind, &nothing).map(|one| one.searchset));
            return Ok(Opened {
                searchsets: empty.collect::<Result<_, _>>().map_err(told)?,
                patient: None,
                shown: 0,
                withheld: 0,
            });
        };
        let context = Context {
            requester: request.from.clone(),
            practitioner: practitioner(&request.actor),
            purpose: request.purpose,
            at: self.parts.clock.now(),
        };
        let parts = Arc::clone(&self.parts);
        let read = self.parts.database.read(move |connection| {
            let house = &parts.house;
            let permit = access::disclose_in_emergency(connection, chart, context.clone(), house)?;
            search_all(connection, &parts, &permit, &queries)
        });
        let answers = read.await.map_err(|error: OpenError| error.told(request))?;
        Ok(Opened {
            patient: Some(chart),
            shown: answers.iter().map(|answer| answer.shown).sum(),
            withheld: answers.iter().map(|answer| answer.withheld).sum(),
            searchsets: answers.into_iter().map(|answer| answer.searchset).collect(),
        })
    }

    /// Looks once; or, where the status list is not known well enough, fetches it and looks again.
    async fn look(
        &self,
        asking: &Arc<Asking>,
        request: &Request,
    ) -> Result<(Verified<Token>, Rid, Vec<Answered>), Refusal> {
        let mut looked = self.look_once(asking, request).await?;
        if let Looked::Unlisted(token) = &looked {
            let (uri, idx) = (&token.status_uri, token.status_idx);
            self.parts
                .standings
                .check(&token.issuer, uri, idx, &asking.membership)
                .await?;
            looked = self.look_once(asking, request).await?;
        }
        match looked {
            Looked::Found {
                token,
                patient,
                answers,
            } => Ok((token, patient, answers)),
            Looked::Unlisted(_) => Err(Refusal::TokenStatusUnavailable),
        }
    }

    async fn look_once(&self, asking: &Arc<Asking>, request: &Request) -> Result<Looked, Refusal> {
        let (asking, parts) = (Arc::clone(asking), Arc::clone(&self.parts));
        self.parts
            .database
            .read(move |connection| asking.look(connection, &parts))
            .await
            .map_err(|error| error.told(request))
    }

    /// The token with its signature verified: now, or once before.
    fn signed(
        &self,
        text: &str,
        membership: &Membership,
        now: Timestamp,
    ) -> Result<Arc<SignedToken>, Refusal> {
        if let Some(known) = self.signed.get(&sha256(text.as_bytes())) {
            return Ok(known);
        }
        let signed = Arc::new(ParsedToken::parse(text)?.check_signature(membership, now)?);
        self.signed.insert(*signed.hash(), Arc::clone(&signed));
        Ok(signed)
    }
}

impl Asking {
    /// Check 12, then check 13 and the reads: one snapshot for the link, the directives and every
    /// search.
    fn look(
        &self,
        connection: &mut HospitalConnection,
        parts: &OpeningParts,
    ) -> Result<Looked, OpenError> {
        let (token, patient) = self.token(connection, parts)?;
        if parts.standings.is_revoked(&token.issuer, &token.jti) {
            return Err(OpenError::Refused(Refusal::TokenRevoked));
        }
        let (uri, idx) = (&token.status_uri, token.status_idx);
        match parts.standings.known(&token.issuer, uri, idx) {
            Some(standing) => standing.map_err(OpenError::Refused)?,
            None => return Ok(Looked::Unlisted(token)),
        }
        let context = Context {
            requester: self.from.clone(),
            practitioner: practitioner(&self.actor),
            purpose: self.purpose,
            at: self.now,
        };
        let house = &parts.house;
        let permit = access::disclose(connection, &token, patient, context, house)?;
        let answers = search_all(connection, parts, &permit, &self.queries)?;
        Ok(Looked::Found {
            token,
            patient,
            answers,
        })
    }

    /// Check 12, all but the status bit: the token, and the chart that its `sub` means here.
    fn token(
        &self,
        connection: &mut HospitalConnection,
        parts: &OpeningParts,
    ) -> Result<(Verified<Token>, Rid), OpenError> {
        let link = linkage::find(connection, &self.signed.claims().sub)?;
        let facts = link.as_ref().map(|link| LinkFacts {
            home: link.home.clone(),
            device_key: link.device_key.clone(),
        });
        let context = TokenContext {
            from: &self.from,
            keyid: &self.keyid,
            actor: &self.actor,
            purpose: self.purpose,
            asked: self.asked,
        };
        let token = self.signed.accept(
            &context,
            &*self.membership,
            &|_sub| facts.clone(),
            &|kid| parts.keys.opener(kid),
            &parts.me,
            self.now,
        );
        let token = token.map_err(OpenError::Refused)?;
        // Accepted means that there is a link; without one it was refused.
        let link = link.ok_or(OpenError::Refused(Refusal::TokenIssuerNotHome))?;
        if link.outdates(self.signed.claims().iat) {
            return Err(OpenError::Refused(Refusal::TokenRevoked));
        }
        Ok((token, link.patient))
    }
}

/// Every search, on one snapshot.
fn search_all(
    connection: &mut HospitalConnection,
    parts: &OpeningParts,
    permit: &Permit,
    queries: &[(&'static str, SearchQuery)],
) -> Result<Vec<Answered>, OpenError> {
    let each = queries.iter().map(|(resource_type, query)| {
        let page = parts.records.search_on(connection, permit, query.clone())?;
        Ok(Answered::of(resource_type, &page)?)
    });
    each.collect()
}

/// The question as the records room reads it: a parameter that the type does not have is refused.
fn search_query(question: &Question) -> Result<SearchQuery, Refusal> {
    let kind = ResourceType::named(question.resource_type).ok_or(Refusal::QueryNotAllowed)?;
    match SearchQuery::of_question(kind, &question.pairs()) {
        Ok(query) => Ok(query),
        Err(_) => Err(Refusal::QueryNotAllowed),
    }
}

fn practitioner(actor: &Actor) -> Option<Practitioner> {
    Some(Practitioner {
        id: actor.id.clone()?,
        role: actor.role.clone(),
    })
}
