//! Whether a token still stands: the issuer's status list, fetched when the kept one is too old.
//!
//! What an issuer pushed goes before what its list still says.
//!
//! One fetch at a time for each list, however many questions wait for it. A list that cannot be had
//! answers from the kept copy until its `exp`; then every token on it is refused.
//!
//! Source: PROTOCOL sections 5 and 6.

use std::sync::Arc;
use std::time::Duration;

use federation_protocol::directory::Membership;
use federation_protocol::member::MemberId;
use federation_protocol::refusal::Refusal;
use federation_protocol::status_list::verify_status_list;
use federation_protocol::time::Timestamp;
use federation_protocol::token::STATUS_LIST_PATH;
use federation_service::clock::SharedClock;
use federation_service::peer_client::Fetched;

use super::peers::Peers;
use crate::consent::{Consents, RevokedTokens, Standing, StatusLists};

/// How long a status list may take: the question behind it is waiting.
const DEADLINE: Duration = Duration::from_secs(4);

/// Judges tokens by their issuers' status lists.
pub struct Standings {
    me: MemberId,
    clock: SharedClock,
    lists: StatusLists,
    peers: Arc<Peers>,
    consents: Consents,
    revoked: RevokedTokens,
}

impl Standings {
    /// Fetches through `peers`; the lists of `me` come from `consents`; `revoked` is what issuers
    /// pushed.
    #[must_use]
    pub fn new(
        me: MemberId,
        clock: SharedClock,
        peers: Arc<Peers>,
        consents: Consents,
        revoked: RevokedTokens,
    ) -> Self {
        Self {
            me,
            clock,
            lists: StatusLists::new(),
            peers,
            consents,
            revoked,
        }
    }

    /// Whether the issuer itself said that its token `jti` has ended.
    #[must_use]
    pub fn is_revoked(&self, issuer: &MemberId, jti: &str) -> bool {
        self.revoked.contains(issuer, jti)
    }

    /// Whether the token at bit `idx` of the list at `uri` stands.
    ///
    /// # Errors
    /// [`Refusal::TokenRevoked`], or [`Refusal::TokenStatusUnavailable`] when nothing fresh enough
    /// is known.
    pub async fn check(
        &self,
        issuer: &MemberId,
        uri: &str,
        idx: u64,
        membership: &Membership,
    ) -> Result<(), Refusal> {
        let now = self.clock.now();
        if self.lists.standing(issuer, uri, idx, now) == Standing::NeedsFetch {
            let lane = self.lists.lane(issuer, uri, now);
            let _one_at_a_time = lane.lock().await;
            // Whoever held the lane before may have brought it.
            if self.lists.standing(issuer, uri, idx, now) == Standing::NeedsFetch {
                self.refresh(issuer, uri, membership, now).await;
            }
        }
        self.known(issuer, uri, idx)
            .unwrap_or(Err(Refusal::TokenStatusUnavailable))
    }

    /// What is known now, without asking anyone; `None` when the list has to be fetched first.
    pub fn known(&self, issuer: &MemberId, uri: &str, idx: u64) -> Option<Result<(), Refusal>> {
        match self.lists.standing(issuer, uri, idx, self.clock.now()) {
            Standing::Good => Some(Ok(())),
            Standing::Revoked => Some(Err(Refusal::TokenRevoked)),
            Standing::Unavailable => Some(Err(Refusal::TokenStatusUnavailable)),
            Standing::NeedsFetch => None,
        }
    }

    async fn refresh(&self, issuer: &MemberId, uri: &str, membership: &Membership, now: Timestamp) {
        let verified = match self.fetch(issuer, uri, membership).await {
            Some(jwt) => verify_status_list(&jwt, issuer, uri, membership, self.clock.now())
                .inspect_err(|error| {
                    tracing::warn!(peer.id = %issuer, "status list of {issuer}: {error}");
                })
                .ok(),
            None => None,
        };
        match verified {
            Some(list) => self.lists.put(issuer, uri, list, now),
            None => self.lists.failed(issuer, uri, now),
        }
    }

    async fn fetch(&self, issuer: &MemberId, uri: &str, membership: &Membership) -> Option<String> {
        let member = membership.member(issuer)?;
        let path = uri.strip_prefix(member.federation_endpoint())?;
        let number = path.strip_prefix(STATUS_LIST_PATH)?;
        if *issuer == self.me {
            let list = self
                .consents
                .status_list(number.parse().ok()?)
                .await
                .ok()??;
            return Some(list.to_string());
        }
        let client = self.peers.client(member).ok()?;
        match client.get(path, None, DEADLINE).await {
            Ok(Fetched::Document { body, .. }) => String::from_utf8(body.to_vec()).ok(),
            Ok(Fetched::NotModified) => None,
            Err(failure) => {
                tracing::warn!(peer.id = %issuer, "status list of {issuer}: {failure}");
                None
            }
        }
    }
}
