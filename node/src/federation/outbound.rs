//! One question to one hospital of a grant: what is asked, and what came of it.

use std::collections::BTreeMap;

use federation_protocol::member::MemberId;
use federation_protocol::refusal::Refusal;
use federation_protocol::signature::Actor;

use super::exchange::{Ask, Exchanged, NoAnswer};
use super::held::{HeldGrant, HeldToken};
use super::merge::read_answer;
use super::outcome::{Answer, Hospital, Part, PeerOutcome, Silence};
use super::query::Question;

/// A hospital that is to be asked.
#[derive(Clone)]
pub(super) struct Asked {
    /// Whom.
    pub(super) hospital: Hospital,
    /// Its token; `None` when it is over and there is no new one.
    pub(super) token: Option<HeldToken>,
    /// Where its next page begins.
    pub(super) cursor: Option<String>,
}

/// What is asked of one hospital; `None` without a token.
pub(super) fn ask_of(
    grant: &HeldGrant,
    actor: &Actor,
    question: &Question,
    asked: &Asked,
) -> Option<Ask> {
    let token = asked.token.as_ref()?;
    let question = Question {
        cursor: asked.cursor.clone(),
        ..question.clone()
    };
    Some(Ask {
        path: format!("/federation/v1/fhir/{}/_search", question.resource_type),
        content_type: "application/x-www-form-urlencoded",
        purpose: grant.purpose,
        actor: actor.clone(),
        consent: Some(token.token.clone()),
        body: question.to_form().into_bytes(),
    })
}

/// The part of a hospital that was not asked.
#[must_use]
pub(super) fn silent(hospital: Hospital, silence: Silence) -> Part {
    Part {
        evidence: None,
        hospital,
        exchange: None,
        outcome: PeerOutcome::Silent(silence),
        duration_ms: 0,
        digest: None,
        directory: None,
        own: false,
    }
}

/// What came of an exchange: the answer read only now that it is verified.
pub(super) fn judged(hospital: Hospital, exchanged: Exchanged, question: &Question) -> Part {
    let member = hospital.member.clone();
    judged_by(hospital, exchanged, |body| {
        read_answer(body, question, &member).ok()
    })
}

/// The same where `read` reads the verified body.
pub(super) fn judged_by(
    hospital: Hospital,
    exchanged: Exchanged,
    read: impl FnOnce(&[u8]) -> Option<Answer>,
) -> Part {
    let mut part = silent(hospital, Silence::Unusable);
    part.exchange = exchanged.exchange.map(|exchange| exchange.to_string());
    part.duration_ms = exchanged.duration_ms;
    part.evidence = exchanged.evidence;
    part.outcome = match exchanged.result {
        Ok(answer) => {
            part.digest = Some(answer.content_digest.clone());
            part.directory = Some(answer.directory.to_string());
            if answer.status == 200 {
                match read(&answer.body) {
                    Some(read) => PeerOutcome::Answered(read),
                    None => PeerOutcome::Silent(Silence::Unusable),
                }
            } else {
                match Refusal::of_body(&answer.body) {
                    Some(refusal) => PeerOutcome::Refused(refusal),
                    None => PeerOutcome::Silent(Silence::Unusable),
                }
            }
        }
        Err(NoAnswer::Silent(silence)) => PeerOutcome::Silent(silence),
        Err(NoAnswer::Unverified) => PeerOutcome::Unverified,
    };
    part
}

/// The parts in the order in which the hospitals were asked, however they came.
#[must_use]
pub(super) fn in_order(mut parts: Vec<Part>, order: &[MemberId]) -> Vec<Part> {
    let places: BTreeMap<&MemberId, usize> = order
        .iter()
        .enumerate()
        .map(|(place, member)| (member, place))
        .collect();
    parts.sort_by_key(|part| {
        (
            !part.own,
            places
                .get(&part.hospital.member)
                .copied()
                .unwrap_or(usize::MAX),
        )
    });
    parts
}
