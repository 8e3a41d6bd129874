//! A person hands in a link code: this node, their home, compares charts with the hospital that gave
//! it and takes the link in. Two questions, each of which can be asked again with the same answer: a
//! try that was broken off anywhere is completed by the next one. When the hospital is this very node
//! there is no HTTP, and no other difference.

use std::sync::Arc;
use std::time::Duration;

use federation_protocol::linking::{LinkBegun, LinkMade, LinkMessage};
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::refusal::Refusal;
use federation_protocol::signature::Actor;
use federation_service::clock::SharedClock;

use super::directory::MemberDirectory;
use super::exchange::{Ask, Exchanges, NoAnswer};
use super::outcome::Silence;
use super::unlinking::LINKS_PATH;
use crate::access::Access;
use crate::audit::{Kind, Line};
use crate::database::{Database, HospitalConnection};
use crate::identity::Caller;
use crate::keys::Keys;
use crate::linkage::claims::{Claim, ClaimError, Claims, ClaimsParts, HandedIn, Linked, Standing};
use crate::linkage::desk::{Answer, Desk, DeskError, DeskParts, Visit};
use crate::records::Records;

/// How long the hospital may take for one question.
const DEADLINE: Duration = Duration::from_secs(8);

/// What linking stands on.
pub struct LinkingParts {
    /// This member.
    pub me: MemberId,
    /// What time it is.
    pub clock: SharedClock,
    /// Where this node's own desk works.
    pub database: Database,
    /// Who belongs.
    pub directory: MemberDirectory,
    /// Asks the hospital.
    pub exchanges: Exchanges,
    /// Codes that people hand in.
    pub claims: Claims,
    /// This node's own desk.
    pub desk: Desk,
}

/// What linking is made of.
pub(crate) struct LinkingGround<'a> {
    pub(crate) me: &'a MemberId,
    pub(crate) clock: &'a SharedClock,
    pub(crate) keys: &'a Arc<Keys>,
    pub(crate) database: &'a Database,
    pub(crate) records: &'a Records,
    pub(crate) access: &'a Access,
    pub(crate) directory: &'a MemberDirectory,
    pub(crate) exchanges: &'a Exchanges,
}

/// Makes links of codes. Cheap to clone.
#[derive(Clone)]
pub struct Linking {
    parts: Arc<LinkingParts>,
}

/// Why a code did not become a link.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkingError {
    /// It was refused here, or could not be taken in.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// The hospital does not know it.
    #[error(
        "the hospital does not know this code: mistyped, older than a day, used already, or made \
         for another home"
    )]
    CodeUnknown,
    /// Too many wrong codes came from this home node.
    #[error("the hospital takes no codes from here now: wait ten minutes")]
    CodeLocked,
    /// The hospital refused.
    #[error("the hospital refused: {0}")]
    Refused(Refusal),
    /// The hospital gave no answer. What has begun is gone on with next time.
    #[error("the hospital gave no answer ({})", .0.code())]
    Silent(Silence),
    /// What answered does not verify, or is no answer.
    #[error("the hospital's answer cannot be used")]
    Unusable,
    /// This node's own desk could not do it.
    #[error(transparent)]
    Desk(#[from] DeskError),
}

impl Linking {
    /// Links over `parts`.
    #[must_use]
    pub fn new(parts: LinkingParts) -> Self {
        Self {
            parts: Arc::new(parts),
        }
    }

    /// Desk, claims, and what carries between them: for a running node, and for commands beside one.
    pub(crate) fn on(ground: &LinkingGround<'_>) -> Self {
        let desk = Desk::new(DeskParts {
            me: ground.me.clone(),
            clock: Arc::clone(ground.clock),
            keys: Arc::clone(ground.keys),
            database: ground.database.clone(),
            records: ground.records.clone(),
            access: ground.access.clone(),
        });
        let claims = Claims::new(ClaimsParts {
            me: ground.me.clone(),
            clock: Arc::clone(ground.clock),
            keys: Arc::clone(ground.keys),
            database: ground.database.clone(),
            records: ground.records.clone(),
            access: ground.access.clone(),
        });
        Self::new(LinkingParts {
            me: ground.me.clone(),
            clock: Arc::clone(ground.clock),
            database: ground.database.clone(),
            directory: ground.directory.clone(),
            exchanges: ground.exchanges.clone(),
            claims,
            desk,
        })
    }

    /// This node's own desk.
    #[must_use]
    pub fn desk(&self) -> &Desk {
        &self.parts.desk
    }

    /// Makes a link of a code that `caller`, a person, hands in. Handed in again it is the same link.
    ///
    /// # Errors
    /// [`LinkingError`]; no link was made.
    pub async fn link(&self, caller: &Caller, handed_in: HandedIn) -> Result<Linked, LinkingError> {
        let claim = match self.parts.claims.open(caller, handed_in).await? {
            Standing::Linked(linked) => return Ok(linked),
            Standing::Open(claim) => claim,
        };
        let begun = self.begun(&claim).await?;
        let confirm = claim.confirm(&self.parts.me, &begun);
        let (confirm, wanted) = confirm.ok_or(LinkingError::Unusable)?;
        let made = self.made(&claim, LinkMessage::Confirm(confirm)).await?;
        let expired = LinkingError::Silent(Silence::DirectoryExpired);
        let membership = self.parts.directory.membership().ok_or(expired)?;
        let claims = &self.parts.claims;
        Ok(claims.take_in(&claim, made, &wanted, &membership).await?)
    }

    async fn begun(&self, claim: &Claim) -> Result<LinkBegun, LinkingError> {
        if *claim.responder() == self.parts.me {
            let begin = claim.begin();
            let step = move |desk: &Desk, connection: &mut _, visit: &Visit<'_>| {
                desk.begin_in(connection, visit, &begin)
            };
            return self.at_own_desk(claim, step).await;
        }
        let body = self.asked(claim, LinkMessage::Begin(claim.begin())).await?;
        LinkBegun::from_json(&body).or(Err(LinkingError::Unusable))
    }

    async fn made(&self, claim: &Claim, message: LinkMessage) -> Result<LinkMade, LinkingError> {
        if let LinkMessage::Confirm(confirm) = &message
            && *claim.responder() == self.parts.me
        {
            let confirm = confirm.clone();
            let step = move |desk: &Desk, connection: &mut _, visit: &Visit<'_>| {
                desk.confirm_in(connection, visit, &confirm)
            };
            return self.at_own_desk(claim, step).await;
        }
        let body = self.asked(claim, message).await?;
        LinkMade::from_json(&body).or(Err(LinkingError::Unusable))
    }

    async fn at_own_desk<T: Send + 'static>(
        &self,
        claim: &Claim,
        step: impl Fn(&Desk, &mut HospitalConnection, &Visit<'_>) -> Result<Answer<T>, DeskError>
        + Send
        + 'static,
    ) -> Result<T, LinkingError> {
        let (me, now) = (self.parts.me.clone(), self.parts.clock.now());
        let desk = self.parts.desk.clone();
        let answer = self.parts.database.transact(move |connection| {
            let visit = Visit {
                home: &me,
                line: Line::new(Kind::Link, now, "system").peer(&me),
                now,
            };
            step(&desk, connection, &visit)
        });
        match answer.await? {
            Ok(answer) => Ok(answer),
            Err(refusal) => Err(self.refused(claim, refusal).await?),
        }
    }

    /// The hospital's verified answer to one message.
    async fn asked(&self, claim: &Claim, message: LinkMessage) -> Result<Vec<u8>, LinkingError> {
        let ask = Ask {
            path: LINKS_PATH.to_owned(),
            content_type: "application/json",
            purpose: Purpose::Treat,
            actor: Actor::system(),
            consent: None,
            body: serde_json::to_vec(&message).or(Err(LinkingError::Unusable))?,
        };
        // Somebody stands there and waits: a hospital that rests after failures is asked, too.
        let exchanges = &self.parts.exchanges;
        let asked = exchanges.insist(claim.responder(), &ask, DEADLINE).await;
        let answer = asked.result.map_err(|why| match why {
            NoAnswer::Silent(silence) => LinkingError::Silent(silence),
            NoAnswer::Unverified => LinkingError::Unusable,
        })?;
        if answer.status == 200 {
            return Ok(answer.body.clone());
        }
        let refusal = Refusal::of_body(&answer.body).ok_or(LinkingError::Unusable)?;
        Err(self.refused(claim, refusal).await?)
    }

    /// What a refusal means here; it is written down.
    async fn refused(&self, claim: &Claim, refusal: Refusal) -> Result<LinkingError, LinkingError> {
        let claims = &self.parts.claims;
        Ok(match refusal {
            Refusal::CodeUnknown => {
                claims.missed(claim).await?;
                LinkingError::CodeUnknown
            }
            Refusal::LinkDiffers => {
                claims.differs(claim).await?;
                LinkingError::Claim(ClaimError::Differs)
            }
            Refusal::CodeLocked => LinkingError::CodeLocked,
            other => LinkingError::Refused(other),
        })
    }
}
