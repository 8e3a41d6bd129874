//! What crosses the wire when a link is made: `POST /federation/v1/links`, from the person's home
//! node to the hospital whose desk gave them a code. Twice: `begin` exchanges commitments to what
//! each chart says of the person, `confirm` proves that both say the same. See [`comparison`].
//!
//! Source: PROTOCOL section 4; CONSENT section 1; `docs/WIRE.md` section 3.9.

pub mod comparison;
mod cpace;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::grants::PlainCode;
use crate::json;
use crate::keys::PublicKey;
use crate::unlinking::LinkEnd;
use comparison::{Commitment, Proof};

/// The first message: this person of mine was given this code by your desk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkBegin {
    /// The link code.
    pub code: PlainCode,
    /// The home's commitment to what its chart says.
    pub commitment: Commitment,
    /// The Ed25519 key of the person's device for this link: `x`.
    pub device_key: PublicKey,
}

/// The answer to [`LinkBegin`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkBegun {
    /// The responder's commitment to what its chart says.
    pub commitment: Commitment,
}

/// The second message: the home's proof, which fits only if both charts say the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkConfirm {
    /// The link code.
    pub code: PlainCode,
    /// The proof of the home.
    pub proof: Proof,
}

/// The answer to [`LinkConfirm`]: the responder has made the link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkMade {
    /// The proof of the responder.
    pub proof: Proof,
    /// The link assertion, compact JWS.
    pub assertion: String,
}

/// A body of `POST /federation/v1/links`: exactly one of the three.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkMessage {
    /// Commitments are exchanged.
    Begin(LinkBegin),
    /// Proofs are exchanged.
    Confirm(LinkConfirm),
    /// A link has ended at home.
    #[serde(untagged)]
    End(LinkEnd),
}

/// The body is no message or answer about a link.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a message about a link")]
pub struct LinkMessageError;

impl LinkMessage {
    /// Reads the body: closed schema, exactly one member.
    ///
    /// # Errors
    /// [`LinkMessageError`].
    pub fn from_json(body: &[u8]) -> Result<Self, LinkMessageError> {
        let value = json::parse(body).or(Err(LinkMessageError))?;
        let members = value.as_object().filter(|members| members.len() == 1);
        let (name, inner) = members
            .and_then(|members| members.iter().next())
            .ok_or(LinkMessageError)?;
        match name.as_str() {
            "begin" => closed(inner).map(Self::Begin),
            "confirm" => closed(inner).map(Self::Confirm),
            _other => closed(&value).map(Self::End),
        }
    }
}

impl LinkBegun {
    /// Reads the answer: closed schema.
    ///
    /// # Errors
    /// [`LinkMessageError`].
    pub fn from_json(body: &[u8]) -> Result<Self, LinkMessageError> {
        closed(&json::parse(body).or(Err(LinkMessageError))?)
    }
}

impl LinkMade {
    /// Reads the answer: closed schema.
    ///
    /// # Errors
    /// [`LinkMessageError`].
    pub fn from_json(body: &[u8]) -> Result<Self, LinkMessageError> {
        closed(&json::parse(body).or(Err(LinkMessageError))?)
    }
}

/// Serde would read a list as a structure, too.
fn closed<T: DeserializeOwned>(value: &serde_json::Value) -> Result<T, LinkMessageError> {
    if !value.is_object() {
        return Err(LinkMessageError);
    }
    T::deserialize(value).or(Err(LinkMessageError))
}

#[cfg(test)]
mod tests;
