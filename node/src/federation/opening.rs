//! Checks 12 and 13: the consent token, then what of the chart it opens.
//!
//! The token is judged before anything is looked up but its link; its signature is verified once
//! and remembered by the token's hash, everything else is judged each time. What is left of the
//! chart is never an error: a permit that allows nothing answers like a chart that holds nothing.
//!
//! Source: PROTOCOL sections 4 and 5.

use std::sync::Arc;

use federation_protocol::Verified;
use federation_protocol::category::Scope;
use federation_protocol::consent::{Context, Practitioner};
use federation_protocol::directory::Membership;
use federation_protocol::member::MemberId;
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
use crate::access::{self, HousePolicy};
use crate::database::{Database, DatabaseError, Rid};
use crate::keys::Keys;
use crate::linkage;
use crate::records::{Page, Records, RecordsError, ResourceType, SearchQuery};

/// How many tokens' signatures are remembered.
const REMEMBERED_TOKENS: u64 = 20_000;

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
    parts: OpeningParts,
    signed: Cache<[u8; 32], Arc<SignedToken>>,
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
        Self {
            parts,
            signed: Cache::new(REMEMBERED_TOKENS),
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
            .map(search_query)
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
        let (token, patient) = self
            .token(request, asked, Arc::clone(&membership), now)
            .await?;
        self.parts
            .standings
            .check(
                &token.issuer,
                &token.status_uri,
                token.status_idx,
                &membership,
            )
            .await?;
        let context = Context {
            requester: request.from.clone(),
            practitioner: practitioner(&request.actor),
            purpose: request.purpose,
            at: now,
        };
        let (jti, home) = (token.jti.clone(), token.issuer.clone());
        let pages = self
            .search(token, patient, context, asked, queries)
            .await
            .map_err(|error| error.told(request))?;
        let searchsets = questions
            .iter()
            .zip(&pages)
            .map(|(question, page)| {
                let resources = page.entries.iter().map(|entry| entry.raw.as_str());
                searchset(question.resource_type, resources, page.next.as_deref())
            })
            .collect();
        Ok(Disclosed {
            searchsets,
            patient,
            shown: pages.iter().map(|page| page.entries.len()).sum(),
            withheld: pages.iter().map(|page| page.withheld).sum(),
            jti,
            home,
        })
    }

    /// Check 12, all but the status bit: the token, and the chart that its `sub` means here.
    async fn token(
        &self,
        request: &Verified<Request>,
        asked: Scope,
        membership: Arc<Membership>,
        now: Timestamp,
    ) -> Result<(Verified<Token>, Rid), Refusal> {
        let text = request.consent.as_deref().ok_or(Refusal::TokenMalformed)?;
        let signed = self.signed(text, &membership, now)?;
        let (keys, me, asker) = (Arc::clone(&self.parts.keys), self.parts.me.clone(), request);
        let asker: Request = (**asker).clone();
        self.parts
            .database
            .read(move |connection| {
                let link = linkage::find(connection, &signed.claims().sub)?;
                let facts = link.as_ref().map(|link| LinkFacts {
                    home: link.home.clone(),
                    device_key: link.device_key.clone(),
                });
                let context = TokenContext {
                    from: &asker.from,
                    keyid: &asker.keyid,
                    actor: &asker.actor,
                    purpose: asker.purpose,
                    asked,
                };
                let token = signed
                    .accept(
                        &context,
                        &*membership,
                        &|_sub| facts.clone(),
                        &|kid| keys.opener(kid),
                        &me,
                        now,
                    )
                    .map_err(OpenError::Refused)?;
                // Accepted means that there is a link; without one it was refused.
                let link = link.ok_or(OpenError::Refused(Refusal::TokenIssuerNotHome))?;
                Ok((token, link.patient))
            })
            .await
            .map_err(|error: OpenError| error.told(request))
    }

    /// The token with its signature verified: now, or once before.
    fn signed(
        &self,
        text: &str,
        membership: &Membership,
        now: Timestamp,
    ) -> Result<Arc<SignedToken>, Refusal> {
        let parsed = ParsedToken::parse(text)?;
        if let Some(known) = self.signed.get(parsed.hash()) {
            return Ok(known);
        }
        let signed = Arc::new(parsed.check_signature(membership, now)?);
        self.signed.insert(*signed.hash(), Arc::clone(&signed));
        Ok(signed)
    }

    /// Check 13, and the reads: one snapshot for the directives and every search.
    async fn search(
        &self,
        token: Verified<Token>,
        patient: Rid,
        context: Context,
        asked: Scope,
        queries: Vec<SearchQuery>,
    ) -> Result<Vec<Page>, OpenError> {
        let (records, house) = (self.parts.records.clone(), self.parts.house.clone());
        self.parts
            .database
            .read(move |connection| {
                let permit = access::disclose(connection, &token, asked, patient, context, &house)?;
                queries
                    .into_iter()
                    .map(|query| Ok(records.search_on(connection, &permit, query)?))
                    .collect()
            })
            .await
    }
}

/// The question as the records room reads it: a parameter that the type does not have is refused.
fn search_query(question: &Question) -> Result<SearchQuery, Refusal> {
    let kind = ResourceType::named(question.resource_type).ok_or(Refusal::QueryNotAllowed)?;
    match SearchQuery::parse(kind, &question.pairs()) {
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
