//! `POST /federation/v1/revocations`: the nonce, the ended tokens and the audit line are one
//! transaction.

use std::sync::Arc;

use federation_protocol::Verified;
use federation_protocol::refusal::Refusal;
use federation_protocol::revocation::RevocationReply;
use federation_protocol::signature::{Request, SignedAnswer};

use super::{CommitError, Inbound};
use crate::audit::Kind;
use crate::federation::replay::SeenNonce;
use crate::federation::revocations::Revocations;
use crate::federation::store;

impl Inbound {
    /// Takes in what the sender says of its own tokens, and says how far every push of it came.
    pub(super) async fn revoke(
        &self,
        request: &Verified<Request>,
        pair: SeenNonce,
    ) -> Result<SignedAnswer, Refusal> {
        let push = match self.parts.revocations.attempt(request) {
            Ok(push) => Arc::new(push),
            Err(refusal) => return Err(self.written(request, refusal, Some(pair)).await),
        };
        let line = self.line(request, Kind::Revocation);
        let (sender, taken, now) = (request.from.clone(), Arc::clone(&push), self.now());
        let taken = self
            .parts
            .database
            .transact(move |connection| {
                if !store::remember(connection, &pair)? {
                    return Err(CommitError::Replayed);
                }
                let line = line.clone();
                Ok(Revocations::take_in(
                    connection, &sender, &taken, line, now,
                )?)
            })
            .await;
        match taken {
            Ok(acknowledged) => {
                self.parts.revocations.committed(&request.from, &push, now);
                let reply = RevocationReply { acknowledged };
                let body = serde_json::to_vec(&reply).or(Err(Refusal::AuditUnavailable))?;
                self.sign(&request.binding, 200, "application/json", body)
                    .or(Err(Refusal::AuditUnavailable))
            }
            Err(CommitError::Replayed) => {
                Err(self.written(request, Refusal::ReplayDetected, None).await)
            }
            Err(CommitError::Database(error)) => {
                tracing::error!(exchange.id = %request.exchange, "not taken in: {error}");
                Err(Refusal::AuditUnavailable)
            }
        }
    }
}
