//! How this node becomes a member: hands its application in, asks how it stands, changes its keys,
//! leaves.
//!
//! Owns what is kept of that: the join token and the number of the application. Decides nothing: the
//! approvers do.
//!
//! Source: PROTOCOL section 3; `docs/WIRE.md` section 6.

mod kept;
mod rekeying;

use std::time::Duration;

use federation_protocol::directory::Root;
use federation_protocol::joining::{
    ApplicantRequest, Application, ApplicationReply, Contact, JoinRefusal, JoinToken, Leave,
};
use federation_protocol::json;
use federation_protocol::jws::PayloadHash;
use federation_protocol::keys::Sign;
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;
use federation_service::outbound::OutboundRules;
use federation_service::peer_client::{EndpointError, PeerFailure, RawReply};
use federation_service::registry_client::RegistryClient;
use serde::Deserialize;

pub use kept::{Kept, KeptError};
pub use rekeying::{RekeyError, Rekeyer, Rekeying};

/// How long one answer of the registry may take.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// The registry's counter, as its root describes it.
pub struct Counter {
    client: RegistryClient,
    registry: String,
}

/// Why the registry did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The registry's address cannot be used.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The registry did not answer.
    #[error("the registry: {0}")]
    Unreachable(#[from] PeerFailure),
    /// It answered no.
    #[error("{}{}", .refusal.title(), in_brackets(.detail.as_deref()))]
    Refused {
        /// Why.
        refusal: JoinRefusal,
        /// What is not in order.
        detail: Option<String>,
    },
    /// No node would take this change of keys.
    #[error("the registry did not take it: {0}")]
    KeysRefused(String),
    /// There is nothing for this node at the registry.
    #[error("the registry knows nothing of this")]
    NothingHere,
    /// It answered something else.
    #[error("the registry answered {0} in a way that this program does not know")]
    Unknown(u16),
}

fn in_brackets(text: Option<&str>) -> String {
    text.map(|text| format!(" ({text})")).unwrap_or_default()
}

impl Counter {
    /// Speaks to the registry at `url` whose accepted root is `root`.
    ///
    /// # Errors
    /// `Endpoint`.
    pub fn new(url: &str, root: &Root, rules: &OutboundRules) -> Result<Self, JoinError> {
        let named = &root.document().registry.certificates;
        Ok(Self {
            client: RegistryClient::new(url, named, rules)?,
            registry: root.registry().to_owned(),
        })
    }

    /// Hands in the application of `description` with the token's code, new or again.
    ///
    /// # Errors
    /// [`JoinError`].
    pub async fn apply(
        &self,
        token: &JoinToken,
        contact: Contact,
        description: String,
        sign: &dyn Sign,
        now: Timestamp,
    ) -> Result<ApplicationReply, JoinError> {
        let (root, code) = (token.root, token.code.clone());
        let application = Application::new(root, code, contact, description, now);
        let reply = self.client.apply(application.sign(sign), DEADLINE).await?;
        read(&reply)
    }

    /// Asks how an application stands.
    ///
    /// # Errors
    /// [`JoinError`].
    pub async fn standing(
        &self,
        kept: &Kept,
        sign: &dyn Sign,
        now: Timestamp,
    ) -> Result<ApplicationReply, JoinError> {
        let id = kept.application.ok_or(JoinError::NothingHere)?;
        let question = ApplicantRequest::new(id, now).sign(sign);
        let reply = self.client.application(&id, &question, DEADLINE).await?;
        read(&reply)
    }

    /// Leaves the federation for ever.
    ///
    /// # Errors
    /// [`JoinError`]; `NothingHere` also when the key is not the one to leave by.
    pub async fn leave(
        &self,
        member: &MemberId,
        key: &dyn Sign,
        now: Timestamp,
    ) -> Result<(), JoinError> {
        let leave = Leave::new(&self.registry, member.clone(), now).sign(key);
        let reply = self.client.leave(member, leave, DEADLINE).await?;
        match reply.status {
            200 => Ok(()),
            _ => Err(refusal(&reply)),
        }
    }
}

/// Whether the token names the registry that these settings name.
#[must_use]
pub fn is_of_registry(token: &JoinToken, url: &str, pin: &[u8; 32]) -> bool {
    let same_place = token.registry.trim_end_matches('/') == url.trim_end_matches('/');
    same_place && token.root == PayloadHash::from_bytes(*pin)
}

fn read(reply: &RawReply) -> Result<ApplicationReply, JoinError> {
    match reply.status {
        200 => json::parse_as(&reply.body).or(Err(JoinError::Unknown(200))),
        _ => Err(refusal(reply)),
    }
}

#[derive(Deserialize)]
struct Problem {
    code: String,
    detail: Option<String>,
}

fn refusal(reply: &RawReply) -> JoinError {
    let problem: Option<Problem> = json::parse_as(&reply.body).ok();
    let known = problem.and_then(|problem| {
        let refusal = JoinRefusal::from_code(&problem.code)?;
        Some((refusal, problem.detail))
    });
    match known {
        Some((refusal, detail)) => JoinError::Refused { refusal, detail },
        None if reply.status == 404 => JoinError::NothingHere,
        None => JoinError::Unknown(reply.status),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    fn reply(status: u16, body: &str) -> RawReply {
        RawReply {
            status,
            headers: reqwest::header::HeaderMap::new(),
            body: body.to_owned().into(),
        }
    }

    #[test]
    fn what_the_registry_answers_is_read_or_told_by_its_number() {
        let used = reply(403, r#"{"code":"invitation_used","title":"x"}"#);
        assert!(matches!(
            read(&used),
            Err(JoinError::Refused {
                refusal: JoinRefusal::InvitationUsed,
                detail: None
            })
        ));
        assert!(matches!(
            read(&reply(404, r#"{"code":"not_found"}"#)),
            Err(JoinError::NothingHere)
        ));
        for strange in [reply(200, "{}"), reply(500, "<html>"), reply(302, "")] {
            assert!(matches!(read(&strange), Err(JoinError::Unknown(_))));
        }
    }
}
