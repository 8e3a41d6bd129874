//! Why a member is refused: every code of the protocol, with its HTTP status and its check.
//!
//! A refusal is all that an outsider learns. What happened in detail is the business of whoever
//! refuses, in its own log or audit line.

use std::fmt;

use serde_json::{Value, json};

use crate::time::Timestamp;

/// The `system` under which codes stand in an `OperationOutcome`, and the prefix of a problem's
/// `type`.
pub const SYSTEM: &str = "urn:musubi:refusal";

macro_rules! refusals {
    ($( $(#[doc = $doc:literal])+ $variant:ident = $code:literal, $status:literal, $check:literal, $title:literal; )+) => {
        /// Why a request was refused.
        ///
        /// Source: PROTOCOL sections 2, 4 and 5; CONSENT sections 3, 4 and 5; `docs/WIRE.md`.
        #[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Refusal {
            $( $(#[doc = $doc])+ $variant, )+
        }

        impl Refusal {
            /// Every refusal, in the order of the checks.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )+ ];

            /// The code on the wire.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $( Self::$variant => $code, )+ }
            }

            /// The HTTP status of the answer.
            #[must_use]
            pub const fn http_status(self) -> u16 {
                match self { $( Self::$variant => $status, )+ }
            }

            /// Which of the fourteen checks of PROTOCOL section 4 failed; 0 for the rules of one
            /// path behind them (grants, break-glass).
            #[must_use]
            pub const fn check(self) -> u8 {
                match self { $( Self::$variant => $check, )+ }
            }

            /// One English sentence for an operator.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $( Self::$variant => $title, )+ }
            }
        }
    };
}

refusals! {
    /// No such method and path.
    NotFound = "not_found", 404, 1, "There is no such method and path.";
    /// `Fed-Version` is not spoken here.
    VersionUnsupported = "version_unsupported", 426, 1, "This protocol version is not spoken here.";
    /// The header block is larger than 32 KiB.
    HeadersTooLarge = "headers_too_large", 431, 1, "The header block is larger than 32 KiB.";
    /// The body is larger than 256 KiB.
    RequestTooLarge = "request_too_large", 413, 1, "The body is larger than 256 KiB.";
    /// Not the media type of the path, or a content coding.
    MediaTypeUnsupported = "media_type_unsupported", 415, 1, "The path takes another media type, without content coding.";
    /// The body did not arrive in time.
    RequestTimeout = "request_timeout", 408, 1, "The body did not arrive in time.";
    /// The TLS client certificate is no member's.
    CertificateUnknown = "key_unknown", 401, 2, "The TLS client certificate is no member's.";
    /// Too many requests of this member.
    RateLimited = "rate_limited", 429, 3, "Too many requests: wait as Retry-After says.";
    /// Not exactly one signature as the protocol fixes it, or a covered header is missing, doubled
    /// or malformed.
    SignatureParamsInvalid = "signature_params_invalid", 401, 4, "The signature is not built as the protocol fixes it.";
    /// Signed too long ago, in the future, or for longer than 60 s.
    SignatureTimeInvalid = "signature_time_invalid", 401, 5, "The signature's time is outside the window.";
    /// The key is not one that the sender may sign with, over this connection, now.
    KeyUnknown = "key_unknown", 401, 6, "The key is not one that this member may sign with.";
    /// The sender is not active.
    MemberSuspended = "member_suspended", 403, 6, "This member does not take part now.";
    /// The responder has heard from the registry too long ago for this purpose.
    DirectoryExpired = "directory_expired", 503, 6, "The directory here is too old for this purpose.";
    /// `Fed-To` is no member served here.
    WrongMember = "wrong_member", 421, 7, "The addressed member is not served here.";
    /// The body is not the one that the digest names.
    DigestMismatch = "digest_mismatch", 400, 8, "The content digest does not fit the body.";
    /// The signature does not fit.
    SignatureInvalid = "signature_invalid", 401, 9, "The signature does not fit the request.";
    /// This request was seen before.
    ReplayDetected = "replay_detected", 401, 10, "This signed request was seen before.";
    /// The query or the body is not of the shape that `docs/WIRE.md` lists.
    QueryNotAllowed = "query_not_allowed", 400, 11, "The question is not one that the protocol knows.";
    /// The token is not well formed.
    TokenMalformed = "token_malformed", 401, 12, "The consent token is not well formed.";
    /// The token's header is not the fixed one.
    TokenHeaderInvalid = "token_header_invalid", 401, 12, "The consent token's header is not the fixed one.";
    /// The token's issuer, or its key, is not one that may issue.
    TokenIssuerUnknown = "token_issuer_unknown", 401, 12, "The consent token's issuer or key is not known.";
    /// The token's signature does not fit.
    TokenSignatureInvalid = "token_signature_invalid", 401, 12, "The consent token's signature does not fit.";
    /// The token is for another responder.
    TokenAudienceMismatch = "token_audience_mismatch", 401, 12, "The consent token is for another responder.";
    /// The token is another requester's, or bound to another key.
    TokenHolderMismatch = "token_holder_mismatch", 401, 12, "The consent token is another requester's.";
    /// The token would live too long, or its times are out of order.
    TokenLifetimeExcessive = "token_lifetime_excessive", 401, 12, "The consent token's times are not allowed.";
    /// The token does not hold yet.
    TokenNotYetValid = "token_not_yet_valid", 401, 12, "The consent token does not hold yet.";
    /// The token has expired.
    TokenExpired = "token_expired", 401, 12, "The consent token has expired.";
    /// The token is for another purpose.
    PurposeNotGranted = "purpose_not_granted", 403, 12, "The consent token is for another purpose.";
    /// The token is for another practitioner.
    PractitionerMismatch = "practitioner_mismatch", 403, 12, "The consent token is for another practitioner.";
    /// The token grants nothing of what is asked.
    ScopeNotGranted = "scope_not_granted", 403, 12, "The consent token grants nothing of what is asked.";
    /// The issuer is not the home of this patient, or the patient is not known here.
    TokenIssuerNotHome = "token_issuer_not_home", 401, 12, "The consent token's issuer is not this patient's home.";
    /// Issuer and requester are one, and the person's own signature is missing or does not fit.
    PatientEvidenceMissing = "patient_evidence_missing", 401, 12, "The person's own signature is missing or does not fit.";
    /// The token was revoked.
    TokenRevoked = "token_revoked", 401, 12, "The consent token was revoked.";
    /// Whether the token was revoked cannot be found out now.
    TokenStatusUnavailable = "token_status_unavailable", 503, 12, "The consent token's standing cannot be found out now.";
    /// The question leads to more than one answer may hold. It is told by what may be shown alone.
    QueryTooWide = "query_too_wide", 400, 13, "The question leads to more than one answer may hold: ask for less.";
    /// The audit line could not be written, so nothing was read.
    AuditUnavailable = "audit_unavailable", 503, 14, "The access cannot be recorded, so nothing was read.";
    /// The person's directives leave nothing for this requester and purpose.
    ConsentNotGranted = "consent_not_granted", 403, 0, "The person has not granted this.";
    /// The person's directives do not fit a token.
    ConsentTooComplex = "consent_too_complex", 403, 0, "The person's directives do not fit a token.";
    /// The visit code is wrong, expired, used, or another requester's: one code for all.
    CodeUnknown = "code_unknown", 403, 0, "The code is not valid here.";
    /// Too many wrong visit codes of this requester.
    CodeLocked = "code_locked", 429, 0, "Too many wrong codes: wait as Retry-After says.";
    /// The two charts do not say the same of the person: no link is made, and the code is spent.
    LinkDiffers = "link_differs", 403, 0, "The two charts do not say the same of the person.";
    /// Emergency access needs a member allowed to it and a physician with a fresh second factor.
    BtgNotPermitted = "btg_not_permitted", 403, 0, "Emergency access is not open to this member or physician.";
    /// Emergency access needs a reason.
    BtgReasonRequired = "btg_reason_required", 400, 0, "Emergency access needs a reason.";
    /// Too many emergency accesses.
    BtgRateLimited = "btg_rate_limited", 429, 0, "Too many emergency accesses.";
}

impl Refusal {
    /// The refusal that a peer named, of those a check behind the signature gives where one code
    /// has two checks.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .rev()
            .copied()
            .find(|refusal| refusal.code() == code)
    }

    /// Whether the answer is signed and the request stands in the audit: from check 9 on. What
    /// fails before comes from strangers, is only counted, and is answered unsigned.
    #[must_use]
    pub const fn is_after_signature(self) -> bool {
        self.check() == 0 || self.check() >= 9
    }

    /// The error body on FHIR paths: an `OperationOutcome` (media type `application/fhir+json`).
    ///
    /// `now` is the responder's time; only [`Self::SignatureTimeInvalid`] tells it.
    #[must_use]
    pub fn operation_outcome(self, now: Timestamp) -> Value {
        let mut issue = json!({
            "severity": "error",
            "code": self.issue_type(),
            "details": {"coding": [{"system": SYSTEM, "code": self.code()}], "text": self.title()},
        });
        if let (Self::SignatureTimeInvalid, Some(issue)) = (self, issue.as_object_mut()) {
            issue.insert("diagnostics".into(), json!(format!("time here: {now}")));
        }
        json!({"resourceType": "OperationOutcome", "issue": [issue]})
    }

    /// The error body elsewhere: problem details (media type `application/problem+json`).
    ///
    /// `now` is the responder's time; only [`Self::SignatureTimeInvalid`] tells it.
    ///
    /// Source: RFC 9457.
    #[must_use]
    pub fn problem(self, now: Timestamp) -> Value {
        let mut problem = json!({
            "type": format!("{SYSTEM}:{}", self.code()),
            "title": self.title(),
            "status": self.http_status(),
            "code": self.code(),
        });
        if let (Self::SignatureTimeInvalid, Some(problem)) = (self, problem.as_object_mut()) {
            problem.insert("time".into(), json!(now.to_string()));
        }
        problem
    }

    /// The code of an error body of either form; `None` when it names none that is known.
    ///
    /// Of an unsigned body it is a hint for the operator, nothing more.
    #[must_use]
    pub fn of_body(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let code = body
            .get("code")
            .or_else(|| body.pointer("/issue/0/details/coding/0/code"))
            .and_then(Value::as_str)?;
        Self::from_code(code)
    }

    /// The FHIR issue type (`http://hl7.org/fhir/issue-type`).
    const fn issue_type(self) -> &'static str {
        match self.http_status() {
            400 | 413 | 415 | 426 | 431 => "invalid",
            401 => "login",
            404 => "not-found",
            421 => "not-supported",
            429 => "throttled",
            503 => "transient",
            _ => "forbidden",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "tests fail by panicking")]

    use super::*;

    #[test]
    fn every_body_tells_its_code() {
        let now = Timestamp::from_unix_seconds(1_782_864_000);
        for refusal in Refusal::ALL {
            for body in [refusal.problem(now), refusal.operation_outcome(now)] {
                let read = Refusal::of_body(body.to_string().as_bytes());
                assert_eq!(read.map(Refusal::code), Some(refusal.code()));
            }
            assert!((400..600).contains(&refusal.http_status()) && refusal.check() <= 14);
        }
        assert_eq!(Refusal::of_body(b"{\"code\":\"other\"}"), None);
        assert_eq!(Refusal::of_body(b"<html>"), None);
    }

    #[test]
    fn only_a_wrong_time_is_answered_with_the_time() {
        let now = Timestamp::from_unix_seconds(1_782_864_000);
        let problem = Refusal::SignatureTimeInvalid.problem(now);
        assert_eq!(problem["time"], "2026-07-01T00:00:00.000Z");
        assert!(Refusal::KeyUnknown.problem(now).get("time").is_none());
    }

    #[test]
    fn checks_one_to_eight_are_answered_unsigned() {
        assert!(!Refusal::DigestMismatch.is_after_signature());
        assert!(Refusal::SignatureInvalid.is_after_signature());
        assert!(Refusal::CodeUnknown.is_after_signature());
    }
}
