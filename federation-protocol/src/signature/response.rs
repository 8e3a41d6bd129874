//! A signed answer, bound to the one question that it answers.

use crate::digest::{check_content_digest, content_digest, from_field, to_field};
use crate::directory::{Membership, Profile};
use crate::keys::{KeyId, KeyUse, PublicKey, Sign};
use crate::member::{MemberId, MemberState};
use crate::time::Timestamp;
use crate::verified::Verified;

use super::components::{
    Component, Message, ParameterValue, field, parameters_text, signature_base,
};
use super::fields::{fed_directory, signature_input};
use super::{DraftError, ExchangeId, FedDirectory, RequestBinding, SKEW_SECONDS};

const TAG: &str = "musubi-response-1";
const ALGORITHM: &str = "ed25519";

/// How long an answer may take after it was signed, in seconds, before skew.
const LONGEST_TRANSIT_SECONDS: i64 = 60;

/// What every answer covers, in this order.
static COVERED: [Component<'static>; 9] = [
    Component::new("@status"),
    Component::new("content-type"),
    Component::new("content-digest"),
    Component::new("fed-from"),
    Component::new("fed-to"),
    Component::new("fed-exchange"),
    Component::new("fed-directory"),
    Component::of_request("signature", Some("fed")),
    Component::of_request("content-digest", None),
];

/// An answer before it is signed.
#[derive(Clone, Debug)]
pub struct AnswerDraft {
    /// The HTTP status.
    pub status: u16,
    /// The body's media type.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
    /// What the question was judged under.
    pub directory: FedDirectory,
}

/// A signed answer, ready to send.
#[derive(Clone, Debug)]
pub struct SignedAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Every header that the protocol wants, names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The bytes that were signed: evidence to keep.
    pub signature_base: String,
}

impl SignedAnswer {
    /// The signature over the base: evidence to keep.
    #[must_use]
    pub fn signature(&self) -> Option<[u8; 64]> {
        let (_, field) = self.headers.iter().find(|(name, _)| *name == "signature")?;
        from_field("fed", field.as_bytes())
    }
}

/// The bytes that sign and answer agree on.
pub(super) fn base(
    binding: &RequestBinding,
    status: u16,
    headers: &[(&str, &[u8])],
    parameters: &str,
) -> Result<String, super::components::BaseError> {
    let signature = to_field("fed", &binding.signature);
    let request_headers: [(&str, &[u8]); 2] = [
        ("signature", signature.as_bytes()),
        ("content-digest", binding.content_digest.as_bytes()),
    ];
    let request = Message {
        headers: &request_headers,
        ..Message::default()
    };
    let message = Message {
        status,
        headers,
        request: Some(&request),
        ..Message::default()
    };
    signature_base(&COVERED, &message, parameters)
}

impl AnswerDraft {
    /// Signs the answer to the request that `binding` stands for, as the member that was asked.
    ///
    /// # Errors
    /// [`DraftError::Characters`] when the media type cannot be a header.
    ///
    /// Source: RFC 9421 section 2.4; PROTOCOL section 4, "Response".
    pub fn sign(
        self,
        binding: &RequestBinding,
        key: &dyn Sign,
        now: Timestamp,
    ) -> Result<SignedAnswer, DraftError> {
        let mut headers = Vec::with_capacity(9);
        headers.extend([
            ("content-type", self.content_type),
            ("content-digest", content_digest(&self.body)),
            ("fed-from", binding.to.to_string()),
            ("fed-to", binding.from.to_string()),
            ("fed-exchange", binding.exchange.to_string()),
            ("fed-directory", self.directory.to_string()),
            ("traceparent", binding.traceparent.clone()),
        ]);
        let parameters = parameters_text(
            &COVERED,
            &[
                ("created", now.unix_seconds().into()),
                ("keyid", key.kid().as_str().into()),
                ("alg", ALGORITHM.into()),
                ("tag", TAG.into()),
            ],
        );
        let base = {
            let lines: Vec<_> = headers
                .iter()
                .map(|(name, value)| (*name, value.as_bytes()))
                .collect();
            match base(binding, self.status, &lines, &parameters) {
                Ok(base) => base,
                Err(_) => return Err(DraftError::Characters),
            }
        };
        let signature = key.sign(base.as_bytes());
        headers.push(("signature-input", format!("fed={parameters}")));
        headers.push(("signature", to_field("fed", &signature)));
        Ok(SignedAnswer {
            status: self.status,
            headers,
            body: self.body,
            signature_base: base,
        })
    }
}

/// An answer as it came.
#[derive(Copy, Clone, Debug)]
pub struct RawAnswer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// Every header line, names in lower case.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body's bytes as sent.
    pub body: &'a [u8],
}

/// An answer whose signature fits it, its signer and the question.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body's media type.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
    /// Who answers.
    pub from: MemberId,
    /// Who had asked.
    pub to: MemberId,
    /// The exchange.
    pub exchange: ExchangeId,
    /// What the responder judged under: whoever is behind fetches.
    pub directory: FedDirectory,
    /// When it was signed, by the responder's clock.
    pub created: Timestamp,
    /// The key that signed.
    pub keyid: KeyId,
    /// The body's digest as signed: what the manifest names.
    pub content_digest: String,
    /// The bytes that were signed: evidence to keep.
    pub signature_base: String,
    /// The signature over them.
    pub signature: [u8; 64],
}

/// Why an answer is discarded unread. Shown to the operator; counted as failed.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerRefusal {
    /// It carries no signature: at best a hint for the operator.
    #[error("the answer is not signed")]
    Unsigned,
    /// A covered header is missing, doubled or malformed, or the signature is not built as fixed.
    #[error("the answer's signature is not built as the protocol fixes it")]
    Parameters,
    /// Its parties or exchange are not those of the question.
    #[error("the answer belongs to another exchange")]
    OtherExchange,
    /// Signed too long ago or in the future.
    #[error("the answer's time is outside the window")]
    Time,
    /// The key is not one that the asked member may sign with now.
    #[error("the answer's key is not the asked member's")]
    KeyUnknown,
    /// The asked member does not take part now.
    #[error("the asked member does not take part now")]
    MemberSuspended,
    /// The body is not the one that the digest names.
    #[error("the answer's digest does not fit its body")]
    DigestMismatch,
    /// The signature does not fit answer and question.
    #[error("the answer's signature does not fit")]
    SignatureInvalid,
}

/// Opens an answer to the request that `binding` stands for; `now` is UTC, the time of arrival.
///
/// # Errors
/// [`AnswerRefusal`], the first that fails in the order of its variants.
///
/// Source: RFC 9421 sections 2.4 and 3.2; PROTOCOL section 4, "Response".
pub fn verify_answer(
    raw: &RawAnswer<'_>,
    binding: &RequestBinding,
    membership: &Membership,
    now: Timestamp,
) -> Result<Verified<Answer>, AnswerRefusal> {
    open(raw, binding, now, |keyid| {
        let key = membership.key(keyid).ok_or(AnswerRefusal::KeyUnknown)?;
        if !key.may(KeyUse::Sign, now) || *key.member != binding.to {
            return Err(AnswerRefusal::KeyUnknown);
        }
        let state = membership.state(&binding.to, now);
        if !state.is_some_and(MemberState::takes_part) {
            return Err(AnswerRefusal::MemberSuspended);
        }
        Ok((key.kid.clone(), key.public.clone()))
    })
}

/// [`verify_answer`] of somebody whom no directory names yet: by the keys of its own description.
///
/// # Errors
/// As [`verify_answer`], but for `MemberSuspended`.
///
/// Source: PROTOCOL section 3, step 3.
pub fn verify_applicants_answer(
    raw: &RawAnswer<'_>,
    binding: &RequestBinding,
    applicant: &Profile,
    now: Timestamp,
) -> Result<Verified<Answer>, AnswerRefusal> {
    open(raw, binding, now, |keyid| {
        let key = applicant
            .keys_for(KeyUse::Sign, now)
            .find(|key| key.kid.as_str() == keyid)
            .filter(|_| applicant.id == binding.to)
            .ok_or(AnswerRefusal::KeyUnknown)?;
        let public = key.public_key().ok_or(AnswerRefusal::KeyUnknown)?;
        Ok((key.kid.clone(), public))
    })
}

/// The checks of an answer; `judge` says whether the key of a `keyid` is the asked member's.
fn open(
    raw: &RawAnswer<'_>,
    binding: &RequestBinding,
    now: Timestamp,
    judge: impl FnOnce(&str) -> Result<(KeyId, PublicKey), AnswerRefusal>,
) -> Result<Verified<Answer>, AnswerRefusal> {
    if !raw.headers.iter().any(|(name, _)| *name == "signature") {
        return Err(AnswerRefusal::Unsigned);
    }
    let (parameters, signature) = (Parameters::read(raw)?, once(raw, "signature")?);
    let signature =
        from_field::<64>("fed", signature.as_bytes()).ok_or(AnswerRefusal::Parameters)?;
    let directory = fed_directory(once(raw, "fed-directory")?);
    let Ok(directory) = directory else {
        return Err(AnswerRefusal::Parameters);
    };
    if once(raw, "fed-from")? != binding.to.as_str()
        || once(raw, "fed-to")? != binding.from.as_str()
        || once(raw, "fed-exchange")? != binding.exchange.to_string()
    {
        return Err(AnswerRefusal::OtherExchange);
    }
    let age = now.unix_seconds().saturating_sub(parameters.created);
    if !(-SKEW_SECONDS..=LONGEST_TRANSIT_SECONDS + SKEW_SECONDS).contains(&age) {
        return Err(AnswerRefusal::Time);
    }
    let (keyid, public) = judge(&parameters.keyid)?;
    let digest = once(raw, "content-digest")?;
    if check_content_digest(digest.as_bytes(), raw.body).is_err() {
        return Err(AnswerRefusal::DigestMismatch);
    }
    let Ok(base) = base(binding, raw.status, raw.headers, &parameters.text) else {
        return Err(AnswerRefusal::Parameters);
    };
    if public.verify(base.as_bytes(), &signature).is_err() {
        return Err(AnswerRefusal::SignatureInvalid);
    }
    Ok(Verified::new(Answer {
        status: raw.status,
        content_type: once(raw, "content-type")?.to_owned(),
        body: raw.body.to_vec(),
        from: binding.to.clone(),
        to: binding.from.clone(),
        exchange: binding.exchange,
        directory,
        created: Timestamp::from_unix_seconds(parameters.created),
        keyid,
        content_digest: digest.to_owned(),
        signature_base: base,
        signature,
    }))
}

fn once<'a>(raw: &RawAnswer<'a>, name: &str) -> Result<&'a str, AnswerRefusal> {
    match field(raw.headers, name) {
        Ok(value) => Ok(value),
        Err(_) => Err(AnswerRefusal::Parameters),
    }
}

/// The parameters of an answer's signature, in their fixed order.
pub(super) struct Parameters {
    pub(super) created: i64,
    pub(super) keyid: String,
    pub(super) text: String,
}

impl Parameters {
    pub(super) fn read(raw: &RawAnswer<'_>) -> Result<Self, AnswerRefusal> {
        use ParameterValue::{Integer, Text};
        let Ok(input) = signature_input(once(raw, "signature-input")?, "fed") else {
            return Err(AnswerRefusal::Parameters);
        };
        let [
            ("created", Integer(created)),
            ("keyid", Text(keyid)),
            ("alg", Text(algorithm)),
            ("tag", Text(tag)),
        ] = input.parameters.as_slice()
        else {
            return Err(AnswerRefusal::Parameters);
        };
        if input.components != COVERED || algorithm != ALGORITHM || tag != TAG {
            return Err(AnswerRefusal::Parameters);
        }
        Ok(Self {
            created: *created,
            keyid: keyid.to_string(),
            text: parameters_text(&input.components, &input.parameters),
        })
    }
}

#[cfg(test)]
mod tests;
