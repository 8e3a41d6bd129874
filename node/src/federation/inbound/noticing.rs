//! `POST /federation/v1/notices`: a hospital tells of an emergency access to a person's records. The
//! nonce, the notice and the audit line are one transaction, and the answer is one for all.

use federation_protocol::Verified;
use federation_protocol::emergency::EmergencyNotice;
use federation_protocol::refusal::Refusal;
use federation_protocol::signature::{Request, SignedAnswer};

use super::Inbound;
use crate::audit::{self, Kind};
use crate::database::DatabaseError;
use crate::federation::replay::SeenNonce;

impl Inbound {
    /// Keeps a notice for the person whom the sender knows by its handle.
    pub(super) async fn take_notice(
        &self,
        request: &Verified<Request>,
        pair: SeenNonce,
    ) -> Result<SignedAnswer, Refusal> {
        let Ok(notice) = EmergencyNotice::from_json(&request.body) else {
            let refusal = Refusal::QueryNotAllowed;
            return Err(self.written(request, refusal, Some(pair)).await);
        };
        let line = self.line(request, Kind::Emergency);
        let (responder, now) = (request.from.clone(), self.now());
        let emergency = self.parts.emergency.clone();
        let keep = move |connection: &mut _| {
            let person = emergency.keep_notice(connection, &responder, &notice, now)?;
            let line = match person {
                Some(person) => line
                    .clone()
                    .person(person.as_str())
                    .outcome("notice_kept")
                    .detail("access", notice.id.as_str()),
                // The handle may be another hospital's: it is not written beside this member's name.
                None => line.clone().outcome("notice_unknown"),
            };
            audit::append(connection, &line)?;
            Ok::<(), DatabaseError>(())
        };
        self.once(request, pair, keep).await?;
        self.sign_json(request, &serde_json::json!({}))
    }
}
