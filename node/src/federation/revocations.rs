//! What home nodes say of their own tokens: taken in under the sender, and refused from then on.
//!
//! The sender is who signed, so nobody ends another's tokens. What is said is durable before it is
//! acknowledged, and in force before the answer leaves.
//!
//! Source: PROTOCOL section 6.

use federation_protocol::member::MemberId;
use federation_protocol::refusal::Refusal;
use federation_protocol::revocation::RevocationPush;
use federation_protocol::signature::Request;
use federation_protocol::time::Timestamp;

use super::metrics::FederationMetrics;
use crate::audit::{self, Line};
use crate::consent::{Consents, RevokedTokens};
use crate::database::{DatabaseError, HospitalConnection};

/// The path of the push.
pub(super) const REVOCATIONS_PATH: &str = "/federation/v1/revocations";

/// Takes in what issuers say of their own tokens. Cheap to clone.
#[derive(Clone)]
pub(super) struct Revocations {
    revoked: RevokedTokens,
    metrics: FederationMetrics,
}

impl Revocations {
    pub(super) fn new(revoked: RevokedTokens, metrics: FederationMetrics) -> Self {
        Self { revoked, metrics }
    }

    /// Check 11 of `POST /federation/v1/revocations`.
    ///
    /// # Errors
    /// `query_not_allowed` for another shape; `rate_limited` where the sender would have more ended
    /// tokens kept here than any honest home node has.
    pub(super) fn attempt(&self, request: &Request) -> Result<RevocationPush, Refusal> {
        let push = RevocationPush::from_json(&request.body).or(Err(Refusal::QueryNotAllowed))?;
        match self.revoked.has_room(&request.from, push.jti.len()) {
            true => Ok(push),
            false => Err(Refusal::RateLimited),
        }
    }

    /// Takes the push in, in the caller's transaction, with its audit line; up to which number
    /// every push of the sender came.
    ///
    /// # Errors
    /// Roll back.
    pub(super) fn take_in(
        connection: &mut HospitalConnection,
        sender: &MemberId,
        push: &RevocationPush,
        line: Line,
        now: Timestamp,
    ) -> Result<u64, DatabaseError> {
        let acknowledged = Consents::take_in(connection, sender, push, now)?;
        let line = line
            .outcome("revocations_taken")
            .detail("sequence", push.sequence)
            .detail("tokens", push.jti.len())
            .detail("acknowledged", acknowledged);
        audit::append(connection, &line)?;
        Ok(acknowledged)
    }

    /// What was taken in is committed: its tokens are refused from now on.
    pub(super) fn committed(&self, sender: &MemberId, push: &RevocationPush, now: Timestamp) {
        self.revoked.insert(sender, &push.jti, now);
        self.metrics
            .revocations_taken(sender.as_str(), push.jti.len());
    }
}
