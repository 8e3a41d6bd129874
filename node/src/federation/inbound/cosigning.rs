//! `POST /federation/v1/checkpoints`: where the log is now, the nonce and the audit line are one
//! transaction, and the cosignature is given out after it.

use federation_protocol::Verified;
use federation_protocol::refusal::Refusal;
use federation_protocol::signature::{Request, SignedAnswer};

use super::Inbound;
use crate::audit::Kind;
use crate::federation::cosigning::Asked;
use crate::federation::replay::SeenNonce;

impl Inbound {
    /// Cosigns the sender's log, or says where it was before.
    pub(super) async fn cosign(
        &self,
        request: &Verified<Request>,
        pair: SeenNonce,
    ) -> Result<SignedAnswer, Refusal> {
        let asked = match self.submitted(request) {
            Ok(asked) => asked,
            Err(refusal) => return Err(self.written(request, refusal, Some(pair)).await),
        };
        let line = self.line(request, Kind::Witness);
        let (me, now) = (self.parts.me.clone(), self.now());
        let judge = move |connection: &mut _| asked.judge(connection, &me, line.clone(), now);
        match self.once(request, pair, judge).await? {
            Some(reply) => self.sign_json(request, &reply),
            None => Err(Refusal::QueryNotAllowed),
        }
    }

    fn submitted(&self, request: &Verified<Request>) -> Result<Asked, Refusal> {
        let membership = self.parts.directory.membership();
        match membership.filter(|_| self.parts.cosigns) {
            Some(membership) => Asked::read(request, &membership, &self.parts.keys, self.now()),
            None => Err(Refusal::NotFound),
        }
    }
}
