//! `POST /federation/v1/links`: a home node says that a link has ended. The nonce, the end and the
//! audit line are one transaction, and the answer is one for all.

use federation_protocol::Verified;
use federation_protocol::refusal::Refusal;
use federation_protocol::signature::{Request, SignedAnswer};
use federation_protocol::unlinking::LinkEnd;

use super::{CommitError, Inbound};
use crate::audit::Kind;
use crate::federation::replay::SeenNonce;
use crate::federation::store;
use crate::linkage;

impl Inbound {
    /// Ends a link at the word of its home.
    pub(super) async fn unlink(
        &self,
        request: &Verified<Request>,
        pair: SeenNonce,
    ) -> Result<SignedAnswer, Refusal> {
        let Ok(LinkEnd { end: handle }) = LinkEnd::from_json(&request.body) else {
            let refusal = Refusal::QueryNotAllowed;
            return Err(self.written(request, refusal, Some(pair)).await);
        };
        let line = self.line(request, Kind::Link);
        let (home, now) = (request.from.clone(), self.now());
        let ended = self
            .parts
            .database
            .transact(move |connection| {
                if !store::remember(connection, &pair)? {
                    return Err(CommitError::Replayed);
                }
                let line = line.clone();
                Ok(linkage::end_by_home(connection, &home, &handle, line, now)?)
            })
            .await;
        match ended {
            Ok(()) => self
                .sign(&request.binding, 200, "application/json", b"{}".to_vec())
                .or(Err(Refusal::AuditUnavailable)),
            Err(CommitError::Replayed) => {
                Err(self.written(request, Refusal::ReplayDetected, None).await)
            }
            Err(CommitError::Database(error)) => {
                tracing::error!(exchange.id = %request.exchange, "a link was not ended: {error}");
                Err(Refusal::AuditUnavailable)
            }
        }
    }
}
