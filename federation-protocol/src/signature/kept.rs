//! What is kept of an exchange when bodies are gone: signature bases and signatures.
//!
//! A base holds every header that it covers, so base and signature together are the whole proof.
//! It is read back into headers and built again: what does not come out the same is no evidence.
//!
//! Source: RFC 9421 section 2.5; PROTOCOL section 4, "Response".

use crate::digest::{sha256, to_field};
use crate::directory::Directory;
use crate::member::MemberId;
use crate::purpose::Purpose;
use crate::time::Timestamp;

use super::opening::Opened;
use super::response::{Parameters, base};
use super::{ExchangeId, RawAnswer, RawRequest, RequestBinding};

/// The longest base that is read, bytes.
const LONGEST: usize = 64 * 1_024;

/// What was signed, and the signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The signature base.
    pub base: String,
    /// Ed25519 over it.
    pub signature: [u8; 64],
}

/// Evidence that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The exchange.
    pub exchange: ExchangeId,
    /// Who asked.
    pub from: MemberId,
    /// Who was asked.
    pub to: MemberId,
    /// What for.
    pub purpose: Purpose,
    /// The path that was asked.
    pub path: String,
    /// When the request was signed, by the requester's clock.
    pub asked_at: Timestamp,
    /// The request body's `Content-Digest`.
    pub request_digest: String,
    /// The answer, where one is kept.
    pub answer: Option<ProvenAnswer>,
}

/// The answer's half of evidence that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenAnswer {
    /// The HTTP status.
    pub status: u16,
    /// When it was signed, by the responder's clock.
    pub answered_at: Timestamp,
    /// The answer body's `Content-Digest`.
    pub digest: String,
    /// What the responder judged under.
    pub directory: String,
}

/// Why evidence proves nothing, in the order checked.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeptError {
    /// A base is none of this protocol's.
    #[error("what is kept is not what such a signature covers")]
    Malformed,
    /// The request's key was not a signing key of who claims to have asked.
    #[error("the request's key was not its sender's then")]
    RequestKey,
    /// The request's signature does not fit.
    #[error("the request's signature does not fit")]
    RequestSignature,
    /// The answer belongs to another request.
    #[error("the answer is bound to another request")]
    Binding,
    /// The answer's key was not a signing key of who was asked.
    #[error("the answer's key was not the responder's then")]
    AnswerKey,
    /// The answer's signature does not fit.
    #[error("the answer's signature does not fit")]
    AnswerSignature,
}

/// Verifies a request, and the answer to it if there is one, by the directory of that day.
///
/// # Errors
/// [`KeptError`], the first that fails.
pub fn verify_kept(
    request: &Signed,
    answer: Option<&Signed>,
    directory: &Directory,
) -> Result<Proven, KeptError> {
    let lines = Lines::read(&request.base).ok_or(KeptError::Malformed)?;
    let signature = to_field("fed", &request.signature);
    let headers = lines.headers(&signature);
    let raw = RawRequest {
        method: lines.value("@method").ok_or(KeptError::Malformed)?,
        path: lines.value("@path").ok_or(KeptError::Malformed)?,
        query: None,
        headers: &headers,
        body: &[],
    };
    let opened = Opened::read(&raw).or(Err(KeptError::Malformed))?;
    if opened.signature_base(&raw).as_ref() != Ok(&request.base) {
        return Err(KeptError::Malformed);
    }
    let asked_at = Timestamp::from_unix_seconds(opened.created);
    let key = signer(directory, &opened.keyid, asked_at, &opened.from);
    let key = key.ok_or(KeptError::RequestKey)?;
    if key
        .verify(request.base.as_bytes(), &request.signature)
        .is_err()
    {
        return Err(KeptError::RequestSignature);
    }
    let binding = opened.binding();
    let answer = answer
        .map(|answer| verify_answer_kept(answer, &binding, directory))
        .transpose()?;
    Ok(Proven {
        exchange: opened.exchange,
        from: opened.from,
        to: opened.to,
        purpose: opened.purpose,
        path: raw.path.to_owned(),
        asked_at,
        request_digest: binding.content_digest,
        answer,
    })
}

fn signer(
    directory: &Directory,
    kid: &str,
    at: Timestamp,
    of: &MemberId,
) -> Option<crate::keys::PublicKey> {
    let (member, key) = directory.signer_at(kid, at)?;
    (member == *of).then_some(key)
}

fn verify_answer_kept(
    answer: &Signed,
    binding: &RequestBinding,
    directory: &Directory,
) -> Result<ProvenAnswer, KeptError> {
    let lines = Lines::read(&answer.base).ok_or(KeptError::Malformed)?;
    let signature = to_field("fed", &answer.signature);
    let headers = lines.headers(&signature);
    let status = lines
        .value("@status")
        .and_then(|status| status.parse().ok());
    let raw = RawAnswer {
        status: status.ok_or(KeptError::Malformed)?,
        headers: &headers,
        body: &[],
    };
    let parameters = Parameters::read(&raw).or(Err(KeptError::Malformed))?;
    let bound = lines.value("fed-from") == Some(binding.to.as_str())
        && lines.value("fed-to") == Some(binding.from.as_str())
        && lines.value("fed-exchange") == Some(binding.exchange.to_string().as_str());
    // Built from the request, the base has the request's signature and digest in it.
    if !bound || base(binding, raw.status, &headers, &parameters.text).as_ref() != Ok(&answer.base)
    {
        return Err(KeptError::Binding);
    }
    let answered_at = Timestamp::from_unix_seconds(parameters.created);
    let key = signer(directory, &parameters.keyid, answered_at, &binding.to);
    let key = key.ok_or(KeptError::AnswerKey)?;
    if key
        .verify(answer.base.as_bytes(), &answer.signature)
        .is_err()
    {
        return Err(KeptError::AnswerSignature);
    }
    let text = |name| lines.value(name).unwrap_or_default().to_owned();
    Ok(ProvenAnswer {
        status: raw.status,
        answered_at,
        digest: text("content-digest"),
        directory: text("fed-directory"),
    })
}

/// Whether a body is the one of a `Content-Digest`.
#[must_use]
pub fn is_body_of(digest: &str, body: &[u8]) -> bool {
    to_field("sha-256", &sha256(body)) == digest
}

/// The path that a kept request was sent to, as its base says; nothing is verified.
#[must_use]
pub fn path_of(request_base: &str) -> Option<&str> {
    Lines::read(request_base)?.value("@path")
}

/// The HTTP status of a kept answer, as its base says; nothing is verified.
#[must_use]
pub fn status_of(answer_base: &str) -> Option<u16> {
    Lines::read(answer_base)?.value("@status")?.parse().ok()
}

/// What is left of a base when the end of its retention has come: the path or the status, by which
/// exchanges are still counted and compared. It proves nothing any more.
#[must_use]
pub fn remainder(base: &str) -> String {
    let lines = Lines::read(base);
    let line = |name: &str| {
        let value = lines.as_ref()?.value(name)?;
        Some(format!("\"{name}\": {value}"))
    };
    let left = line("@path").or_else(|| line("@status"));
    format!("{}\n\"@signature-params\": ()", left.unwrap_or_default())
}

/// The lines of a base: names as they stand, and values.
struct Lines<'a> {
    lines: Vec<(&'a str, &'a str)>,
    /// `Signature-Input`, made of the last line.
    input: String,
}

impl<'a> Lines<'a> {
    fn read(base: &'a str) -> Option<Self> {
        if base.len() > LONGEST {
            return None;
        }
        let (lines, parameters) = base.rsplit_once('\n')?;
        let parameters = parameters.strip_prefix("\"@signature-params\": ")?;
        let lines = lines
            .split('\n')
            .map(|line| {
                let (name, value) = line.strip_prefix('"')?.split_once(": ")?;
                Some((name.strip_suffix('"').unwrap_or(name), value))
            })
            .collect::<Option<_>>()?;
        Some(Self {
            lines,
            input: format!("fed={parameters}"),
        })
    }

    fn value(&self, name: &str) -> Option<&'a str> {
        let mut named = self.lines.iter().filter(|(line, _)| *line == name);
        let (_, value) = named.next()?;
        named.next().is_none().then_some(*value)
    }

    /// As they were sent. Derived and foreign components are not headers: their names have signs
    /// that no header's has.
    fn headers<'h>(&'h self, signature: &'h str) -> Vec<(&'h str, &'h [u8])> {
        let covered = self
            .lines
            .iter()
            .filter(|(name, _)| !name.contains(['@', ';', '"']))
            .map(|(name, value)| (*name, value.as_bytes()));
        covered
            .chain([
                ("signature-input", self.input.as_bytes()),
                ("signature", signature.as_bytes()),
            ])
            .collect()
    }
}

#[cfg(test)]
mod tests;
