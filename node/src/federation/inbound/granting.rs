//! `POST /federation/v1/grants`: a visit code, or a return under a grant, at the person's home node.

use federation_protocol::Verified;
use federation_protocol::refusal::Refusal;
use federation_protocol::signature::{Request, SignedAnswer};

use super::Inbound;
use crate::federation::replay::SeenNonce;

impl Inbound {
    /// The nonce, the decision and its audit lines are one transaction.
    pub(super) async fn redeem(
        &self,
        request: &Verified<Request>,
        pair: SeenNonce,
    ) -> Result<SignedAnswer, Refusal> {
        let redeeming = self.parts.redeeming.clone();
        let redemption = match redeeming.attempt(request) {
            Ok(redemption) => redemption,
            Err(refusal) => return Err(self.written(request, refusal, Some(pair)).await),
        };
        let Some(membership) = self.parts.directory.membership() else {
            let refusal = Refusal::DirectoryExpired;
            return Err(self.written(request, refusal, Some(pair)).await);
        };
        let decide =
            move |connection: &mut _| redeeming.decide_in(connection, &redemption, &membership);
        // A refusal's audit line was written by the consent room, in the same transaction.
        let reply = self.once(request, pair, decide).await??;
        let answer = self.sign_json(request, &reply)?;
        self.keep(request, &answer).await?;
        Ok(answer)
    }
}
