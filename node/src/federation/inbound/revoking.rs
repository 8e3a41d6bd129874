//! `POST /federation/v1/revocations`: the nonce, the ended tokens and the audit line are one
//! transaction.

use std::sync::Arc;

use federation_protocol::Verified;
use federation_protocol::refusal::Refusal;
use federation_protocol::revocation::RevocationReply;
use federation_protocol::signature::{Request, SignedAnswer};

use super::Inbound;
use crate::audit::Kind;
use crate::federation::replay::SeenNonce;
use crate::federation::revocations::Revocations;

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
        let take_in = move |connection: &mut _| {
            Revocations::take_in(connection, &sender, &taken, line.clone(), now)
        };
        let acknowledged = self.once(request, pair, take_in).await?;
        self.parts.revocations.committed(&request.from, &push, now);
        self.sign_json(request, &RevocationReply { acknowledged })
    }
}
