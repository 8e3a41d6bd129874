//! Minting: one token for each linked hospital, carrying what the directives let out and no more.
//!
//! Source: PROTOCOL section 5; CONSENT section 4.

use federation_protocol::category::Scope;
use federation_protocol::consent::{Context, Directive, Practitioner, Projection, project};
use federation_protocol::directory::Membership;
use federation_protocol::evidence::PatientEvidence;
use federation_protocol::grants::GrantedToken;
use federation_protocol::keys::KeyId;
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::refusal::Refusal;
use federation_protocol::status_list::FEWEST_SLOTS;
use federation_protocol::time::Timestamp;
use federation_protocol::token::{
    Acr, Confirmation, LONGEST_LIFE_SECONDS, StatusClaim, StatusListClaim, TokenClaims,
};

use super::{ConsentError, Consents, Evidence, HomeLink, TickedResponder, store};
use crate::audit::{self, Kind, Line};
use crate::database::HospitalConnection;
use crate::identity::PersonId;

/// Slots in one status list.
pub(super) const SLOTS: usize = FEWEST_SLOTS;

/// A token that ended stays marked, and its slot taken, this long after it expired: clocks differ.
pub(super) const SLOT_MARGIN_SECONDS: i64 = 300;

/// Tries for a free slot in one list before the next list is begun: at half full, all of them fail
/// once in four thousand million times.
const SLOT_TRIES: usize = 32;

/// What is kept of a minted token.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct MintedRecord {
    pub(super) jti: String,
    pub(super) doc: String,
    pub(super) grant_id: String,
    pub(super) person: PersonId,
    pub(super) client: MemberId,
    pub(super) audience: MemberId,
    pub(super) practitioner: Option<Practitioner>,
    pub(super) purpose: Purpose,
    pub(super) scope: Scope,
    /// The residual in the clear, JSON.
    pub(super) rules: String,
    pub(super) status_list: i32,
    pub(super) status_idx: i32,
    pub(super) issued_at: Timestamp,
    pub(super) expires_at: Timestamp,
    pub(super) ended_at: Option<Timestamp>,
}

/// Signed tokens, and what is to be kept of each.
pub(super) struct Minted {
    /// When they expire.
    pub(super) expires_at: Timestamp,
    tokens: Vec<(MintedRecord, String)>,
}

/// Everything that one minting is about.
pub(super) struct Minting<'a> {
    pub(super) grant_id: &'a str,
    pub(super) person: &'a PersonId,
    pub(super) requester: &'a MemberId,
    /// The `sign` key that the requester asked with: the token is bound to it.
    pub(super) requester_key: &'a KeyId,
    /// Who may use the token; signed into the evidence where there is some.
    pub(super) practitioner: Option<&'a Practitioner>,
    pub(super) purpose: Purpose,
    pub(super) asked: Scope,
    pub(super) ends_at: Timestamp,
    pub(super) responders: &'a [TickedResponder],
    pub(super) links: &'a [HomeLink],
    pub(super) membership: &'a Membership,
    pub(super) now: Timestamp,
}

/// What will be minted, decided before anything is written.
struct Plan<'a> {
    projection: Projection,
    expires_at: Timestamp,
    tokens: Vec<(&'a HomeLink, Option<&'a Evidence>)>,
}

impl Consents {
    /// Whether the requester could otherwise mint for itself: it is this home node's member, or of
    /// the same operator. Then the person's own device must have signed.
    pub(super) fn needs_evidence(&self, requester: &MemberId, membership: &Membership) -> bool {
        let operator = |id: &MemberId| membership.member(id).map(|member| member.operator.as_str());
        *requester == self.me
            || operator(requester).is_some_and(|theirs| operator(&self.me) == Some(theirs))
    }

    /// Decides what `minting` gives under `directives`. Writes nothing.
    fn plan<'a>(
        &self,
        minting: &Minting<'a>,
        directives: &[Directive],
    ) -> Result<Plan<'a>, Refusal> {
        let context = Context {
            requester: minting.requester.clone(),
            practitioner: minting.practitioner.cloned(),
            purpose: minting.purpose,
            at: minting.now,
        };
        let projection = project(directives, &context, minting.asked)?;
        let linked = minting.responders.iter().filter_map(|ticked| {
            let link = minting
                .links
                .iter()
                .find(|link| link.responder == ticked.responder)?;
            minting.membership.seal_key(&link.responder, minting.now)?;
            Some((link, ticked.evidence.as_ref()))
        });
        let tokens: Vec<_> = linked.collect();
        let longest = minting.now.plus_seconds(LONGEST_LIFE_SECONDS);
        let mut expires_at = longest.min(minting.ends_at);
        if let Some(changes_at) = projection.changes_at {
            expires_at = expires_at.min(changes_at);
        }
        if self.needs_evidence(minting.requester, minting.membership) {
            for (_link, evidence) in &tokens {
                let signed = evidence.ok_or(Refusal::PatientEvidenceMissing)?;
                if signed.scope != projection.scope {
                    return Err(Refusal::PatientEvidenceMissing);
                }
                expires_at = expires_at.min(signed.until);
            }
        }
        let expires_at = Timestamp::from_unix_seconds(expires_at.unix_seconds());
        if tokens.is_empty() || expires_at.seconds_since(minting.now) < 1 {
            return Err(Refusal::ConsentNotGranted);
        }
        Ok(Plan {
            projection,
            expires_at,
            tokens,
        })
    }

    /// Signs what `minting` gives under `directives`, each token with a status slot of its own.
    /// Nothing else is written yet: a token may turn out too long to travel.
    ///
    /// # Errors
    /// Roll back. The inner refusal is an answer.
    pub(super) fn mint(
        &self,
        connection: &mut HospitalConnection,
        minting: &Minting<'_>,
        directives: &[Directive],
    ) -> Result<Result<Minted, Refusal>, ConsentError> {
        let plan = match self.plan(minting, directives) {
            Ok(plan) => plan,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let mut tokens = Vec::with_capacity(plan.tokens.len());
        for (link, evidence) in &plan.tokens {
            let record = self.record(connection, minting, &plan, link)?;
            match self.sign_token(minting, &plan, link, *evidence, &record)? {
                Ok(token) => tokens.push((record, token)),
                Err(refusal) => return Ok(Err(refusal)),
            }
        }
        Ok(Ok(Minted {
            expires_at: plan.expires_at,
            tokens,
        }))
    }

    fn record(
        &self,
        connection: &mut HospitalConnection,
        minting: &Minting<'_>,
        plan: &Plan<'_>,
        link: &HomeLink,
    ) -> Result<MintedRecord, ConsentError> {
        let held_until = plan.expires_at.plus_seconds(SLOT_MARGIN_SECONDS);
        let (status_list, status_idx) = take_slot(connection, minting.now, held_until)?;
        Ok(MintedRecord {
            jti: federation_protocol::base64url::encode(random::<16>()?),
            doc: uuid::Uuid::new_v4().urn().to_string(),
            grant_id: minting.grant_id.to_owned(),
            person: minting.person.clone(),
            client: minting.requester.clone(),
            audience: link.responder.clone(),
            practitioner: minting.practitioner.cloned(),
            purpose: minting.purpose,
            scope: plan.projection.scope,
            rules: plan.projection.residual.to_json(),
            status_list,
            status_idx,
            issued_at: minting.now,
            expires_at: plan.expires_at,
            ended_at: None,
        })
    }

    fn sign_token(
        &self,
        minting: &Minting<'_>,
        plan: &Plan<'_>,
        link: &HomeLink,
        evidence: Option<&Evidence>,
        record: &MintedRecord,
    ) -> Result<Result<String, Refusal>, ConsentError> {
        let (_kid, seal_key) = minting
            .membership
            .seal_key(&link.responder, minting.now)
            .ok_or(ConsentError::Signing("the responder has no seal key"))?;
        let residual = plan
            .projection
            .residual
            .seal(&seal_key, &record.jti, &link.responder, random()?)
            .map_err(|_unusable| ConsentError::Signing("the responder's seal key is not usable"))?;
        let seconds = |at: Timestamp| Timestamp::from_unix_seconds(at.unix_seconds());
        let idx = u64::try_from(record.status_idx)
            .map_err(|_negative| ConsentError::Signing("a status index below zero"))?;
        let claims = TokenClaims {
            ver: 1,
            iss: self.me.clone(),
            sub: link.handle.clone(),
            aud: link.responder.clone(),
            client_id: minting.requester.clone(),
            cnf: Confirmation {
                jkt: minting.requester_key.clone(),
            },
            jti: record.jti.clone(),
            iat: seconds(minting.now),
            nbf: seconds(minting.now),
            exp: plan.expires_at,
            pou: minting.purpose,
            scope: plan.projection.scope,
            residual,
            prac: minting.practitioner.cloned(),
            // What the person's device signed, the person decided there; all else goes back to who
            // they were at a counter.
            acr: match evidence {
                Some(_signed) => Acr::Passkey,
                None => Acr::Counter,
            },
            doc: record.doc.clone(),
            status: StatusClaim {
                status_list: StatusListClaim {
                    idx,
                    uri: self.status_uri(record.status_list),
                },
            },
            pev: evidence.map(|signed| PatientEvidence {
                until: signed.until,
                sig: signed.signature,
            }),
        };
        Ok(claims.sign(&*self.keys.consent()))
    }
}

impl Minted {
    /// Keeps what was minted, with an audit line for each token, and hands the tokens out.
    pub(super) fn keep(
        self,
        connection: &mut HospitalConnection,
        exchange: &str,
    ) -> Result<Vec<GrantedToken>, ConsentError> {
        let mut granted = Vec::with_capacity(self.tokens.len());
        for (record, token) in self.tokens {
            store::tokens::insert(connection, &record)?;
            let line = Line::new(Kind::TokenMinted, record.issued_at, "person")
                .exchange(&exchange)
                .peer(&record.client)
                .person(record.person.as_str())
                .purpose(record.purpose)
                .detail("jti", record.jti.as_str())
                .detail("doc", record.doc.as_str())
                .detail("grant", record.grant_id.as_str())
                .detail("audience", record.audience.as_str());
            audit::append(connection, &line)?;
            granted.push(GrantedToken {
                responder: record.audience,
                token,
            });
        }
        Ok(granted)
    }
}

/// Takes a random free slot of the first list that has room.
fn take_slot(
    connection: &mut HospitalConnection,
    now: Timestamp,
    held_until: Timestamp,
) -> Result<(i32, i32), ConsentError> {
    for list in 0..i32::MAX {
        for _try in 0..SLOT_TRIES {
            // A power of two: every slot is equally likely.
            let drawn = usize::from_le_bytes(random()?) % SLOTS;
            let Ok(idx) = i32::try_from(drawn) else {
                continue;
            };
            if store::tokens::take_slot(connection, list, idx, now, held_until)? {
                return Ok((list, idx));
            }
        }
    }
    Err(ConsentError::Signing("every status list is full"))
}

pub(super) fn random<const N: usize>() -> Result<[u8; N], ConsentError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_none| ConsentError::Entropy)?;
    Ok(bytes)
}
