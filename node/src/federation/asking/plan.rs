//! Whether a question may be asked, and of whom: the grant, the permit, the tokens.

use federation_protocol::member::MemberId;
use federation_protocol::signature::{Actor, ExchangeId};
use federation_protocol::time::Timestamp;

use super::{AskError, Asking, hospital};
use crate::access::Act;
use crate::federation::exchange::{key_bound_by, random};
use crate::federation::held::{HeldGrant, HeldToken};
use crate::federation::merge::split_cursors;
use crate::federation::outbound::{Asked, in_order};
use crate::federation::outcome::{Hospital, Part};
use crate::federation::query::{QueryError, Question};
use crate::identity::Caller;
use crate::records::{ResourceType, SearchQuery};

/// A token that ends sooner than this is renewed before it is used, seconds.
const RENEWED_BEFORE_SECONDS: i64 = 30;

/// A question that may be asked, with whom.
pub(in crate::federation) struct Planned {
    pub(super) grant: HeldGrant,
    pub(super) actor: Actor,
    pub(super) question: Question,
    pub(super) hospitals: Vec<Asked>,
    pub(super) own: Option<(Hospital, String, Option<String>)>,
    pub(super) first: bool,
    pub(super) id: String,
    pub(super) at: Timestamp,
}

impl Planned {
    /// Every hospital that will have a part, the own chart first.
    pub(in crate::federation) fn hospitals(&self) -> impl Iterator<Item = (&Hospital, bool)> {
        let own = self.own.iter().map(|(hospital, ..)| (hospital, true));
        own.chain(self.hospitals.iter().map(|asked| (&asked.hospital, false)))
    }

    /// The parts in the order in which the hospitals were asked, however they came.
    pub(in crate::federation) fn in_order(&self, parts: Vec<Part>) -> Vec<Part> {
        let order: Vec<MemberId> = self
            .hospitals
            .iter()
            .map(|asked| asked.hospital.member.clone())
            .collect();
        in_order(parts, &order)
    }
}

impl Asking {
    /// Whether and whom to ask: the grant, the permit, the tokens (renewed where they are over).
    ///
    /// # Errors
    /// Nothing was asked.
    pub(in crate::federation) async fn plan(
        &self,
        caller: &Caller,
        grant: &str,
        question: Question,
    ) -> Result<Planned, AskError> {
        check_parameters(&question)?;
        let practitioner = caller.id().unwrap_or_default().to_owned();
        let at = self.parts.clock.now();
        let act = Act::Ask {
            practitioner: &practitioner,
        };
        let _permit = self.parts.access.permit(caller, act).await?;
        let found = self.held.of(grant, &practitioner, at).await?;
        let (grant, tokens) = found.ok_or(AskError::NoSuchGrant)?;
        let tokens = self.renewed(&grant, tokens, at).await;
        let cursors = match &question.cursor {
            Some(joined) => Some(split_cursors(joined).ok_or(AskError::Cursor)?),
            None => None,
        };
        let known = |member: &MemberId| {
            *member == self.parts.me || tokens.iter().any(|(responder, _)| responder == member)
        };
        if cursors
            .as_ref()
            .is_some_and(|cursors| !cursors.keys().all(known))
        {
            return Err(AskError::Cursor);
        }
        let membership = self.parts.directory.membership();
        let wanted = |member: &MemberId| match &cursors {
            Some(cursors) => cursors.get(member).map(|cursor| Some(cursor.clone())),
            None => Some(None),
        };
        let hospitals = tokens
            .into_iter()
            .filter_map(|(responder, token)| {
                let cursor = wanted(&responder)?;
                let hospital = hospital(membership.as_deref(), &responder);
                Some(Asked {
                    hospital,
                    token,
                    cursor,
                })
            })
            .collect();
        let own = grant.patient.clone().and_then(|patient| {
            let cursor = wanted(&self.parts.me)?;
            Some((
                hospital(membership.as_deref(), &self.parts.me),
                patient,
                cursor,
            ))
        });
        let actor = Actor {
            id: Some(practitioner),
            role: grant.role.clone(),
            dept: None,
            acr: None,
            at: Some(at),
        };
        let id = manifest_id(at)?;
        let first = cursors.is_none();
        Ok(Planned {
            grant,
            actor,
            question,
            hospitals,
            own,
            first,
            id,
            at,
        })
    }

    /// A token that is bound to a key of this node that ended, or was revoked, is over.
    fn usable(&self, token: HeldToken, now: Timestamp) -> HeldToken {
        let bound = key_bound_by(&token.token);
        match bound.and_then(|kid| self.parts.keys.sign_as(&kid)) {
            Some(_) => token,
            None => HeldToken {
                expires_at: now.min(token.expires_at),
                ..token
            },
        }
    }

    /// The tokens of the grant, new ones in the place of those that are over. A hospital whose
    /// token is over and has no new one stays in the list: its silence is said.
    pub(in crate::federation) async fn renewed(
        &self,
        grant: &HeldGrant,
        tokens: Vec<HeldToken>,
        now: Timestamp,
    ) -> Vec<(MemberId, Option<HeldToken>)> {
        let soon = now.plus_seconds(RENEWED_BEFORE_SECONDS);
        let tokens: Vec<_> = tokens
            .into_iter()
            .map(|token| self.usable(token, now))
            .collect();
        let fresh = |tokens: Vec<HeldToken>, limit: Timestamp| {
            tokens
                .into_iter()
                .map(|token| {
                    (
                        token.responder.clone(),
                        Some(token).filter(|one| one.expires_at > limit),
                    )
                })
                .collect()
        };
        if tokens.iter().all(|token| token.expires_at > soon) {
            return fresh(tokens, now);
        }
        match self
            .parts
            .redeeming
            .renew(grant, self.parts.peer_timeout)
            .await
        {
            Ok(renewed) => {
                let missing: Vec<_> = tokens
                    .iter()
                    .filter(|old| !renewed.iter().any(|new| new.responder == old.responder))
                    .map(|old| (old.responder.clone(), None))
                    .collect();
                let mut all: Vec<_> = fresh(renewed, now);
                all.extend(missing);
                all
            }
            Err(error) => {
                tracing::warn!(grant.id = grant.id, "no new tokens: {error}");
                fresh(tokens, now)
            }
        }
    }
}

/// The asker refuses what every answerer would: a type without such a parameter.
fn check_parameters(question: &Question) -> Result<(), AskError> {
    let kind = ResourceType::named(question.resource_type).ok_or(QueryError::Type)?;
    SearchQuery::of_question(kind, &question.filters)?;
    Ok(())
}

/// A UUIDv7.
pub(in crate::federation) fn manifest_id(now: Timestamp) -> Result<String, AskError> {
    let random = random().map_err(|_none| AskError::Entropy)?;
    Ok(ExchangeId::new(now, random).to_string())
}
