//! How every answer ends: its audit line, the nonce beside it, and the signature.

use federation_protocol::Verified;
use federation_protocol::refusal::Refusal;
use federation_protocol::signature::{
    Actor, DraftError, Request, RequestBinding, SignedAnswer, carries_consent,
};
use federation_service::problem::{FHIR_JSON, PROBLEM_JSON};
use federation_service::signed::Answering;

use super::{CommitError, Inbound};
use crate::audit::{self, Kind, Line};
use crate::federation::evidence::Evidence;
use crate::federation::replay::SeenNonce;
use crate::federation::store;

impl Inbound {
    /// The audit line of a verified request.
    pub(super) fn line(&self, request: &Verified<Request>, kind: Kind) -> Line {
        let now = self.parts.clock.now();
        let Actor { role, id, .. } = &request.actor;
        let mut line = Line::new(kind, now, role)
            .peer(&request.from)
            .exchange(&request.exchange)
            .purpose(request.purpose)
            .detail("path", request.path.as_str())
            .detail("keyid", request.keyid.as_str())
            .detail("request_digest", request.binding.content_digest.as_str());
        if let Some(id) = id {
            line = line.actor_id(id);
        }
        match self.parts.directory.is_stale() {
            true => line.detail("stale", true),
            false => line,
        }
    }

    /// The refusal once its audit line (and the nonce) is durable; else that it is not.
    pub(super) async fn written(
        &self,
        request: &Verified<Request>,
        refusal: Refusal,
        pair: Option<SeenNonce>,
    ) -> Refusal {
        let line = |refusal: Refusal| self.line(request, Kind::Refusal).outcome(refusal.code());
        let (refusal, committed) = match self.commit(pair, line(refusal), None).await {
            // Another process on this database was first.
            Err(CommitError::Replayed) => {
                let replayed = Refusal::ReplayDetected;
                (replayed, self.commit(None, line(replayed), None).await)
            }
            committed => (refusal, committed),
        };
        match committed {
            Ok(()) => refusal,
            Err(error) => {
                tracing::error!(exchange.id = %request.exchange, "not written down: {error}");
                Refusal::AuditUnavailable
            }
        }
    }

    pub(super) fn sign(
        &self,
        binding: &RequestBinding,
        status: u16,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<SignedAnswer, DraftError> {
        let answering = Answering {
            key: self.parts.keys.sign(),
            directory: self.parts.directory.position(),
            now: self.now(),
        };
        answering.sign(binding, status, content_type, body)
    }

    pub(super) fn sign_refusal(
        &self,
        binding: &RequestBinding,
        refusal: Refusal,
        path: &str,
    ) -> Result<SignedAnswer, DraftError> {
        let (content_type, body) = if carries_consent(path) {
            (FHIR_JSON, refusal.operation_outcome(self.now()))
        } else {
            (PROBLEM_JSON, refusal.problem(self.now()))
        };
        self.sign(
            binding,
            refusal.http_status(),
            content_type,
            body.to_string().into_bytes(),
        )
    }

    /// The signed refusal, kept as evidence before it is sent.
    pub(super) async fn refuse(
        &self,
        request: &Verified<Request>,
        refusal: Refusal,
    ) -> Result<SignedAnswer, DraftError> {
        let peer = request.from.as_str();
        self.parts.metrics.refused(refusal.code(), Some(peer));
        let answer = self.sign_refusal(&request.binding, refusal, &request.path)?;
        // A replay was kept when it was no replay, and where nothing can be written nothing is.
        let kept = matches!(refusal, Refusal::ReplayDetected | Refusal::AuditUnavailable)
            || self.keep(request, &answer).await.is_ok();
        if kept {
            return Ok(answer);
        }
        self.sign_refusal(&request.binding, Refusal::AuditUnavailable, &request.path)
    }

    /// What is kept of this exchange.
    pub(super) fn evidence(&self, request: &Request, answer: &SignedAnswer) -> Evidence {
        let directory = self.parts.directory.position().seq;
        Evidence::answered(request, answer, directory, self.now())
    }

    /// Keeps the evidence of an answer whose audit line is durable already.
    pub(super) async fn keep(
        &self,
        request: &Request,
        answer: &SignedAnswer,
    ) -> Result<(), Refusal> {
        let evidence = self.evidence(request, answer);
        self.parts
            .database
            .transact(move |connection| store::evidence::keep(connection, &evidence))
            .await
            .map_err(|error| {
                tracing::error!(exchange.id = %request.exchange, "no evidence kept: {error}");
                Refusal::AuditUnavailable
            })
    }

    /// Check 14 and the durable half of check 10, in one transaction, with what is kept.
    pub(super) async fn commit(
        &self,
        pair: Option<SeenNonce>,
        line: Line,
        evidence: Option<Evidence>,
    ) -> Result<(), CommitError> {
        self.parts
            .database
            .transact(move |connection| {
                if let Some(pair) = &pair
                    && !store::remember(connection, pair)?
                {
                    return Err(CommitError::Replayed);
                }
                audit::append(connection, &line)?;
                if let Some(evidence) = &evidence {
                    store::evidence::keep(connection, evidence)?;
                }
                Ok(())
            })
            .await
    }
}
