//! `POST /federation/v1/links`: a home node comes with a code of our desk, or says that a link has
//! ended. The nonce, what is done and the audit line are one transaction; of an end the answer is one
//! for all.

use federation_protocol::Verified;
use federation_protocol::linking::LinkMessage;
use federation_protocol::refusal::Refusal;
use federation_protocol::signature::{Request, SignedAnswer};
use federation_protocol::unlinking::LinkEnd;
use serde::Serialize;

use super::Inbound;
use crate::audit::Kind;
use crate::database::HospitalConnection;
use crate::federation::replay::SeenNonce;
use crate::linkage;
use crate::linkage::desk::{Answer, Desk, DeskError, Visit};

impl Inbound {
    /// Whatever a home node says of a link.
    pub(super) async fn link(
        &self,
        request: &Verified<Request>,
        pair: SeenNonce,
    ) -> Result<SignedAnswer, Refusal> {
        match LinkMessage::from_json(&request.body) {
            Ok(LinkMessage::Begin(begin)) => {
                self.step(request, pair, move |desk, connection, visit| {
                    desk.begin_in(connection, visit, &begin)
                })
                .await
            }
            Ok(LinkMessage::Confirm(confirm)) => {
                self.step(request, pair, move |desk, connection, visit| {
                    desk.confirm_in(connection, visit, &confirm)
                })
                .await
            }
            Ok(LinkMessage::End(end)) => self.unlink(request, pair, end).await,
            Err(_) => {
                let refusal = Refusal::QueryNotAllowed;
                Err(self.written(request, refusal, Some(pair)).await)
            }
        }
    }

    /// One step of making a link. A refusal's audit line was written by the desk, in the same
    /// transaction.
    async fn step<T, W>(
        &self,
        request: &Verified<Request>,
        pair: SeenNonce,
        step: W,
    ) -> Result<SignedAnswer, Refusal>
    where
        T: Serialize + Send + 'static,
        W: Fn(&Desk, &mut HospitalConnection, &Visit<'_>) -> Result<Answer<T>, DeskError>
            + Send
            + 'static,
    {
        let (desk, line) = (self.parts.desk.clone(), self.line(request, Kind::Link));
        let (home, now) = (request.from.clone(), self.now());
        let work = move |connection: &mut HospitalConnection| {
            let visit = Visit {
                home: &home,
                line: line.clone(),
                now,
            };
            step(&desk, connection, &visit)
        };
        let reply = self.once(request, pair, work).await??;
        let answer = self.sign_json(request, &reply)?;
        self.keep(request, &answer).await?;
        Ok(answer)
    }

    /// Ends a link at the word of its home.
    async fn unlink(
        &self,
        request: &Verified<Request>,
        pair: SeenNonce,
        LinkEnd { end: handle }: LinkEnd,
    ) -> Result<SignedAnswer, Refusal> {
        let line = self.line(request, Kind::Link);
        let (home, now) = (request.from.clone(), self.now());
        let end = move |connection: &mut _| {
            linkage::end_by_home(connection, &home, &handle, line.clone(), now)
        };
        self.once(request, pair, end).await?;
        self.sign_json(request, &serde_json::json!({}))
    }
}
