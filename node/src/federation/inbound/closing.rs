//! How every answer ends: its audit line, the nonce beside it, and the signature.

use std::fmt::Display;

use federation_protocol::Verified;
use federation_protocol::refusal::Refusal;
use federation_protocol::signature::{
    Actor, DraftError, EMERGENCY_PATH, Request, RequestBinding, SignedAnswer, carries_consent,
};
use federation_service::problem::{FHIR_JSON, PROBLEM_JSON};
use federation_service::signed::Answering;
use serde::Serialize;

use super::{CommitError, Inbound, Ready};
use crate::audit::{self, Kind, Line};
use crate::database::{DatabaseError, HospitalConnection, Rid};
use crate::federation::evidence::Evidence;
use crate::federation::replay::SeenNonce;
use crate::federation::store;

/// Why something was not done once.
enum OnceError<E> {
    /// The nonce stands in the database already.
    Replayed,
    Work(E),
}

impl<E: From<DatabaseError>> From<DatabaseError> for OnceError<E> {
    fn from(error: DatabaseError) -> Self {
        Self::Work(error.into())
    }
}

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

    /// Signs what is ready, so that its line can name the digest, and gives it out once the line is
    /// durable. The refusal that comes back is written down already.
    pub(super) async fn closed(
        &self,
        request: &Verified<Request>,
        pair: SeenNonce,
        ready: Ready,
    ) -> Result<SignedAnswer, Refusal> {
        let body = ready.body.into_bytes();
        let answer = match self.sign(&request.binding, 200, ready.content_type, body) {
            Ok(answer) => answer,
            Err(error) => {
                tracing::error!(exchange.id = %request.exchange, "not signed: {error}");
                let refusal = Refusal::AuditUnavailable;
                return Err(self.written(request, refusal, Some(pair)).await);
            }
        };
        let digest = answer
            .headers
            .iter()
            .find(|(name, _)| *name == "content-digest");
        let digest = digest.map(|(_, value)| value.clone()).unwrap_or_default();
        let evidence = self.evidence(request, &answer);
        let line = ready.line.detail("answer_digest", digest);
        match self.commit(Some(pair), line, Some(evidence)).await {
            Ok(()) => Ok(answer),
            Err(CommitError::Replayed) => {
                Err(self.written(request, Refusal::ReplayDetected, None).await)
            }
            Err(CommitError::Database(error)) => {
                tracing::error!(exchange.id = %request.exchange, "nothing is answered: {error}");
                Err(Refusal::AuditUnavailable)
            }
        }
    }

    /// Does `work`, which writes its own audit line, in one transaction with the nonce. The refusal
    /// that comes back is written down already, or nothing can be.
    pub(super) async fn once<T, E>(
        &self,
        request: &Verified<Request>,
        pair: SeenNonce,
        mut work: impl FnMut(&mut HospitalConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Refusal>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Display + Send + 'static,
    {
        let done = self.parts.database.transact(move |connection| {
            if !store::remember(connection, &pair)? {
                return Err(OnceError::Replayed);
            }
            work(connection).map_err(OnceError::Work)
        });
        match done.await {
            Ok(done) => Ok(done),
            Err(OnceError::Replayed) => {
                Err(self.written(request, Refusal::ReplayDetected, None).await)
            }
            Err(OnceError::Work(error)) => {
                let path = request.path.as_str();
                tracing::error!(exchange.id = %request.exchange, path, "nothing was done: {error}");
                Err(Refusal::AuditUnavailable)
            }
        }
    }

    /// The signed answer to what was done.
    pub(super) fn sign_json(
        &self,
        request: &Request,
        reply: &impl Serialize,
    ) -> Result<SignedAnswer, Refusal> {
        let body = serde_json::to_vec(reply).or(Err(Refusal::AuditUnavailable))?;
        self.sign(&request.binding, 200, "application/json", body)
            .or(Err(Refusal::AuditUnavailable))
    }

    /// The refusal once its audit line (and the nonce) is durable; else that it is not.
    pub(super) async fn written(
        &self,
        request: &Verified<Request>,
        refusal: Refusal,
        pair: Option<SeenNonce>,
    ) -> Refusal {
        self.written_about(request, refusal, pair, None).await
    }

    /// The same, where the refusal is about a chart that a token names: whoever asks who looked at it
    /// is told of tries, too.
    pub(super) async fn written_about(
        &self,
        request: &Verified<Request>,
        refusal: Refusal,
        pair: Option<SeenNonce>,
        patient: Option<Rid>,
    ) -> Refusal {
        let line = |refusal: Refusal| {
            let line = self.line(request, Kind::Refusal).outcome(refusal.code());
            match patient {
                Some(patient) => line.patient(patient),
                None => line,
            }
        };
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
        let key = self.parts.keys.sign();
        let answering = Answering {
            key: &*key,
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
        let (content_type, body) = if carries_consent(path) || path == EMERGENCY_PATH {
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
