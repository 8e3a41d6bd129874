//! Visit codes and grants, from both ends: answered at the person's home node, redeemed for a
//! physician here. When home is this very node there is no HTTP, and no other difference.
//!
//! Source: CONSENT section 4; docs/WIRE.md sections 3 and 4.

use std::sync::Arc;
use std::time::Duration;

use federation_protocol::category::Category;
use federation_protocol::consent::Practitioner;
use federation_protocol::directory::Membership;
use federation_protocol::grants::{
    GrantAnswer, GrantReply, GrantRequest, PendingReply, PlainCode, Witness,
};
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::refusal::Refusal;
use federation_protocol::signature::{Actor, ExchangeId, Request};
use federation_protocol::time::Timestamp;
use federation_protocol::token::ParsedToken;
use federation_service::clock::SharedClock;

use super::asked::AskedGrant;
use super::directory::MemberDirectory;
use super::exchange::{Ask, Exchanges, NoAnswer, random};
use super::held::{HeldGrant, HeldToken};
use super::inbound::GRANTS_PATH;
use super::outcome::Silence;
use super::store;
use crate::consent::{Answer, ConsentError, Consents, Redemption};
use crate::database::{Database, DatabaseError, HospitalConnection};
use crate::keys::Keys;
use crate::linkage;

/// What redeeming stands on.
#[derive(Clone)]
pub(super) struct RedeemingParts {
    pub(super) me: MemberId,
    pub(super) clock: SharedClock,
    pub(super) keys: Arc<Keys>,
    pub(super) directory: MemberDirectory,
    pub(super) database: Database,
    pub(super) consents: Consents,
    pub(super) exchanges: Exchanges,
}

/// Redeems visit codes. Cheap to clone.
#[derive(Clone)]
pub(super) struct Redeeming {
    parts: Arc<RedeemingParts>,
}

/// What a physician asks to redeem.
#[derive(Clone, Debug)]
pub(crate) struct NewGrant {
    pub(crate) home: MemberId,
    pub(crate) code: PlainCode,
    pub(crate) purpose: Purpose,
    pub(crate) practitioner: Practitioner,
    pub(crate) categories: Vec<Category>,
    pub(crate) patient: Option<String>,
    /// What people call the practitioner.
    pub(crate) name: Option<String>,
    /// Who saw the person consent, with a paper code.
    pub(crate) witness: Option<Witness>,
    /// The text that stood on the screen before them.
    pub(crate) shown: Option<String>,
    /// Who asks, where a system speaks for the practitioner.
    pub(crate) asked_by: String,
}

impl NewGrant {
    /// Whether the home node can read it.
    pub(crate) fn is_sound(&self) -> bool {
        let body = serde_json::to_vec(&self.request());
        body.is_ok_and(|body| GrantRequest::from_json(&body).is_ok())
    }

    fn request(&self) -> GrantRequest {
        GrantRequest {
            code: Some(self.code.clone()),
            pending: None,
            grant_id: None,
            purpose: self.purpose,
            categories: self.categories.clone(),
            practitioner: Some(self.practitioner.clone()),
            name: self.name.clone(),
            witness: self.witness.clone(),
        }
    }
}

/// What came of a code.
#[derive(Debug)]
pub(crate) enum Redeemed {
    /// A grant, and whom it opens.
    Granted(HeldGrant, Vec<MemberId>),
    /// The person is asked.
    Asked(AskedGrant),
}

/// Why a physician's code brought nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedeemError {
    /// The home node refused.
    #[error("the home node refused: {0}")]
    Refused(Refusal),
    /// The home node gave no answer.
    #[error("the home node gave no answer ({})", .0.code())]
    Silent(Silence),
    /// What answered does not verify.
    #[error("the home node's answer does not verify")]
    Unverified,
    /// Its answer is no grant for this node.
    #[error("the home node's answer cannot be used: {0}")]
    Unusable(&'static str),
    /// This node's own consents could not decide.
    #[error(transparent)]
    Consent(#[from] ConsentError),
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Entropy,
}

impl Redeeming {
    pub(super) fn new(parts: RedeemingParts) -> Self {
        Self {
            parts: Arc::new(parts),
        }
    }

    /// Check 11 of `POST /federation/v1/grants`.
    ///
    /// # Errors
    /// `query_not_allowed` for another shape, or where body and signed headers differ.
    pub(super) fn attempt(&self, request: &Request) -> Result<Redemption, Refusal> {
        let asked = GrantRequest::from_json(&request.body).or(Err(Refusal::QueryNotAllowed))?;
        if asked.purpose != request.purpose {
            return Err(Refusal::QueryNotAllowed);
        }
        if !is_actor(asked.practitioner.as_ref(), &request.actor) {
            return Err(Refusal::PractitionerMismatch);
        }
        Ok(Redemption {
            exchange: request.exchange.to_string(),
            requester: request.from.clone(),
            requester_key: request.keyid.clone(),
            request: asked,
        })
    }

    /// Decides in the caller's transaction: Consent, grant, tokens, audit lines, all or nothing.
    ///
    /// # Errors
    /// Roll back. A refusal is an [`Answer`], to be committed.
    pub(super) fn decide_in(
        &self,
        connection: &mut HospitalConnection,
        redemption: &Redemption,
        membership: &Membership,
    ) -> Result<Answer, ConsentError> {
        self.parts
            .consents
            .redeem_in(connection, redemption, linkage::links_of, membership)
    }

    /// Redeems a code for a physician of this node and keeps what came of it.
    ///
    /// # Errors
    /// Nothing is kept.
    pub(super) async fn redeem(
        &self,
        new: NewGrant,
        deadline: Duration,
    ) -> Result<Redeemed, RedeemError> {
        let request = new.request();
        match self.ask_home(&new.home, &request, deadline).await? {
            GrantAnswer::Granted(reply) => {
                let tokens = self.checked(&new.home, &request, &reply)?;
                self.keep(new, reply, tokens, None).await
            }
            GrantAnswer::Pending(reply) => self.wait(new, reply).await,
        }
    }

    /// Keeps a grant, in the place of what was waited for.
    async fn keep(
        &self,
        new: NewGrant,
        reply: GrantReply,
        tokens: Vec<HeldToken>,
        waited: Option<String>,
    ) -> Result<Redeemed, RedeemError> {
        let grant = HeldGrant {
            id: uuid::Uuid::new_v4().to_string(),
            home: new.home,
            home_grant: reply.grant,
            purpose: new.purpose,
            practitioner: new.practitioner.id,
            role: new.practitioner.role,
            categories: new.categories,
            patient: new.patient,
            created_at: self.parts.clock.now(),
            expires_at: reply.expires,
        };
        let responders = tokens.iter().map(|token| token.responder.clone()).collect();
        let kept = grant.clone();
        self.parts
            .database
            .transact(move |connection| {
                store::keep_grant(connection, &kept)?;
                store::replace_tokens(connection, &kept.id, &tokens)?;
                match &waited {
                    Some(asked) => store::asked::end(connection, asked, &kept.id),
                    None => Ok(()),
                }
            })
            .await?;
        Ok(Redeemed::Granted(grant, responders))
    }

    /// Keeps that a person is asked.
    async fn wait(&self, new: NewGrant, reply: PendingReply) -> Result<Redeemed, RedeemError> {
        if reply.home != new.home || reply.purpose != new.purpose || new.witness.is_some() {
            return Err(RedeemError::Unusable("another home or purpose"));
        }
        let asked = AskedGrant {
            id: uuid::Uuid::new_v4().to_string(),
            home: new.home,
            pending: reply.pending,
            purpose: new.purpose,
            practitioner: new.practitioner,
            categories: new.categories,
            patient: new.patient,
            asked_by: new.asked_by,
            asked_at: self.parts.clock.now(),
            expires_at: reply.expires,
            grant: None,
        };
        let kept = asked.clone();
        self.parts
            .database
            .transact(move |connection| store::asked::keep(connection, &kept))
            .await?;
        Ok(Redeemed::Asked(asked))
    }

    /// Asks the home node whether the person has answered.
    ///
    /// # Errors
    /// Nothing is kept; a refusal is the person's no, or that it is too late.
    pub(super) async fn look_again(
        &self,
        asked: AskedGrant,
        deadline: Duration,
    ) -> Result<Redeemed, RedeemError> {
        let request = GrantRequest {
            code: None,
            pending: Some(asked.pending.clone()),
            grant_id: None,
            purpose: asked.purpose,
            categories: asked.categories.clone(),
            practitioner: Some(asked.practitioner.clone()),
            name: None,
            witness: None,
        };
        let reply = match self.ask_home(&asked.home, &request, deadline).await? {
            GrantAnswer::Granted(reply) => reply,
            GrantAnswer::Pending(reply) if reply.pending == asked.pending => {
                return Ok(Redeemed::Asked(asked));
            }
            GrantAnswer::Pending(_) => {
                return Err(RedeemError::Unusable("another request"));
            }
        };
        let tokens = self.checked(&asked.home, &request, &reply)?;
        let new = NewGrant {
            home: asked.home,
            code: PlainCode::read(""),
            purpose: asked.purpose,
            practitioner: asked.practitioner,
            categories: asked.categories,
            patient: asked.patient,
            name: None,
            witness: None,
            shown: None,
            asked_by: asked.asked_by,
        };
        self.keep(new, reply, tokens, Some(asked.id)).await
    }

    /// New tokens under a grant that is held: the person's directives of now decide.
    ///
    /// # Errors
    /// The old ones stay.
    pub(super) async fn renew(
        &self,
        grant: &HeldGrant,
        deadline: Duration,
    ) -> Result<Vec<HeldToken>, RedeemError> {
        let request = GrantRequest {
            code: None,
            pending: None,
            grant_id: Some(grant.home_grant.clone()),
            purpose: grant.purpose,
            categories: grant.categories.clone(),
            practitioner: grant.for_practitioner(),
            name: None,
            witness: None,
        };
        let answer = self.ask_home(&grant.home, &request, deadline).await?;
        let reply = answer.granted();
        let reply = reply.ok_or(RedeemError::Unusable("a request in the place of a grant"))?;
        let tokens = self.checked(&grant.home, &request, &reply)?;
        let (id, kept, expires_at) = (grant.id.clone(), tokens.clone(), reply.expires);
        self.parts
            .database
            .transact(move |connection| {
                store::replace_tokens(connection, &id, &kept)?;
                store::prolong_grant(connection, &id, expires_at)
            })
            .await?;
        Ok(tokens)
    }

    /// The tokens of a reply, each proved to be for this node before any is kept.
    fn checked(
        &self,
        home: &MemberId,
        asked: &GrantRequest,
        reply: &GrantReply,
    ) -> Result<Vec<HeldToken>, RedeemError> {
        if reply.home != *home || reply.purpose != asked.purpose {
            return Err(RedeemError::Unusable("another home or purpose"));
        }
        let silent = RedeemError::Silent(Silence::DirectoryExpired);
        let membership = self.parts.directory.membership().ok_or(silent)?;
        let now = self.parts.clock.now();
        let mut tokens: Vec<HeldToken> = Vec::with_capacity(reply.tokens.len());
        for granted in &reply.tokens {
            let signed = ParsedToken::parse(&granted.token)
                .and_then(|parsed| parsed.check_signature(&*membership, now))
                .map_err(|_refusal| RedeemError::Unusable("a token that nobody would accept"))?;
            let claims = signed.claims();
            let mine = claims.client_id == self.parts.me
                && self.parts.keys.sign_as(&claims.cnf.jkt).is_some()
                && claims.iss == *home
                && claims.aud == granted.responder
                && claims.pou == asked.purpose
                && claims
                    .prac
                    .as_ref()
                    .is_none_or(|prac| Some(prac) == asked.practitioner.as_ref())
                && claims.exp > now;
            if !mine {
                return Err(RedeemError::Unusable("a token that is not for this node"));
            }
            if tokens
                .iter()
                .any(|kept| kept.responder == granted.responder)
            {
                return Err(RedeemError::Unusable("two tokens for one hospital"));
            }
            tokens.push(HeldToken {
                responder: granted.responder.clone(),
                token: granted.token.clone(),
                expires_at: claims.exp,
            });
        }
        Ok(tokens)
    }

    async fn ask_home(
        &self,
        home: &MemberId,
        request: &GrantRequest,
        deadline: Duration,
    ) -> Result<GrantAnswer, RedeemError> {
        if *home == self.parts.me {
            return self.ask_myself(request.clone()).await;
        }
        let practitioner = request.practitioner.clone();
        let ask = Ask {
            path: GRANTS_PATH.to_owned(),
            content_type: "application/json",
            purpose: request.purpose,
            actor: actor_of(practitioner, self.parts.clock.now()),
            consent: None,
            body: serde_json::to_vec(request)
                .map_err(|_ignored| RedeemError::Unusable("the request has no form"))?,
        };
        let exchanged = self.parts.exchanges.ask(home, &ask, deadline).await;
        if let Some(evidence) = exchanged.evidence {
            self.parts
                .database
                .transact(move |connection| store::evidence::keep(connection, &evidence))
                .await?;
        }
        let answer = match exchanged.result {
            Ok(answer) => answer,
            Err(NoAnswer::Silent(silence)) => return Err(RedeemError::Silent(silence)),
            Err(NoAnswer::Unverified) => return Err(RedeemError::Unverified),
        };
        if answer.status != 200 {
            let refusal = Refusal::of_body(&answer.body);
            return Err(match refusal {
                Some(refusal) => RedeemError::Refused(refusal),
                None => RedeemError::Unusable("a refusal without a known code"),
            });
        }
        GrantAnswer::from_json(&answer.body)
            .map_err(|_ignored| RedeemError::Unusable("not a grant"))
    }

    /// The same at this node itself.
    async fn ask_myself(&self, request: GrantRequest) -> Result<GrantAnswer, RedeemError> {
        let nothing_known = RedeemError::Silent(Silence::DirectoryExpired);
        let membership = self.parts.directory.membership().ok_or(nothing_known)?;
        let now = self.parts.clock.now();
        let random = random().map_err(|_none| RedeemError::Entropy)?;
        let redemption = Redemption {
            exchange: ExchangeId::new(now, random).to_string(),
            requester: self.parts.me.clone(),
            requester_key: self.parts.keys.sign().kid().clone(),
            request,
        };
        let this = self.clone();
        let answer: Answer = self
            .parts
            .database
            .transact(move |connection| this.decide_in(connection, &redemption, &membership))
            .await?;
        answer.map_err(RedeemError::Refused)
    }
}

/// Whether the body names whom the signed header names.
fn is_actor(practitioner: Option<&Practitioner>, actor: &Actor) -> bool {
    match practitioner {
        Some(named) => Some(&named.id) == actor.id.as_ref() && named.role == actor.role,
        None => actor.id.is_none(),
    }
}

fn actor_of(practitioner: Option<Practitioner>, now: Timestamp) -> Actor {
    match practitioner {
        Some(Practitioner { id, role }) => Actor {
            id: Some(id),
            role,
            dept: None,
            acr: None,
            at: Some(now),
        },
        None => Actor::system(),
    }
}
