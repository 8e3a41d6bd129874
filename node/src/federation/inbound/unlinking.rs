//! `POST /federation/v1/links`: a home node says that a link has ended. The nonce, the end and the
//! audit line are one transaction, and the answer is one for all.

use federation_protocol::Verified;
use federation_protocol::refusal::Refusal;
use federation_protocol::signature::{Request, SignedAnswer};
use federation_protocol::unlinking::LinkEnd;

use super::Inbound;
use crate::audit::Kind;
use crate::federation::replay::SeenNonce;
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
        let end = move |connection: &mut _| {
            linkage::end_by_home(connection, &home, &handle, line.clone(), now)
        };
        self.once(request, pair, end).await?;
        self.sign_json(request, &serde_json::json!({}))
    }
}
