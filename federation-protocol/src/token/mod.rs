//! Consent tokens: what a requester carries to prove a person's decision to one responder.
//!
//! Verifying has stages, because the dear one (the signature) may be remembered while the others
//! must be asked again each time: [`ParsedToken::parse`], [`ParsedToken::check_signature`] and
//! [`SignedToken::accept`]. [`verify_token`] is all of them. Whether the token was revoked is not
//! judged here: its status list may have to be fetched first.
//!
//! Source: PROTOCOL section 5.

use crate::category::Scope;
use crate::consent::{Practitioner, Residual};
use crate::issuers::Issuers;
use crate::keys::{KeyId, PublicKey, SealSecretKey};
use crate::link::PatientHandle;
use crate::member::MemberId;
use crate::purpose::Purpose;
use crate::refusal::Refusal;
use crate::signature::Actor;
use crate::time::Timestamp;
use crate::verified::Verified;

mod accept;
mod claims;
mod parse;

pub use self::claims::{
    Acr, Confirmation, LONGEST_LIFE_SECONDS, LONGEST_TOKEN, StatusClaim, StatusListClaim,
    TOKEN_TYP, TokenClaims,
};
pub use self::parse::{ParsedToken, SignedToken};

/// Where, below its federation endpoint, a member publishes its status lists: a decimal number
/// follows.
pub const STATUS_LIST_PATH: &str = "/federation/v1/status-lists/";

/// What the request that carries a token says; all of it is already verified.
#[derive(Copy, Clone, Debug)]
pub struct TokenContext<'a> {
    /// `Fed-From`.
    pub from: &'a MemberId,
    /// The key that signed the request.
    pub keyid: &'a KeyId,
    /// `Fed-Actor`.
    pub actor: &'a Actor,
    /// `Fed-Purpose`.
    pub purpose: Purpose,
    /// The categories that the question can touch.
    pub asked: Scope,
}

/// What the responder knows of a handle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkFacts {
    /// The member that is the patient's home.
    pub home: MemberId,
    /// The key of the person's device for this link.
    pub device_key: PublicKey,
}

/// A token that was accepted, all but its status bit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The home node.
    pub issuer: MemberId,
    /// The patient, as this responder knows them.
    pub subject: PatientHandle,
    /// The token's id: 22 characters.
    pub jti: String,
    /// Until when.
    pub expires_at: Timestamp,
    /// What for.
    pub purpose: Purpose,
    /// The categories that the token covers (not yet cut to what is asked).
    pub scope: Scope,
    /// The rules.
    pub residual: Residual,
    /// The only practitioner who may use it.
    pub practitioner: Option<Practitioner>,
    /// How the person proved themself when they decided.
    pub acr: Acr,
    /// The name under which the home node finds the Consent.
    pub doc: String,
    /// The bit of the status list.
    pub status_idx: u64,
    /// The status list.
    pub status_uri: String,
}

/// Judges a token in the protocol's order, all but the status bit.
///
/// `links` answers for a handle of this responder; `seal` finds this member's own `seal` key, old
/// ones included while tokens sealed to them live; `me` is the member that is asked.
///
/// # Errors
/// The code of the first check that fails, in the order of PROTOCOL section 5.
pub fn verify_token<'k>(
    token: &str,
    request: &TokenContext<'_>,
    issuers: &dyn Issuers,
    links: &dyn Fn(&PatientHandle) -> Option<LinkFacts>,
    seal: &dyn Fn(&KeyId) -> Option<&'k SealSecretKey>,
    me: &MemberId,
    now: Timestamp,
) -> Result<Verified<Token>, Refusal> {
    let signed = ParsedToken::parse(token)?.check_signature(issuers, now)?;
    signed.accept(request, issuers, links, seal, me, now)
}

#[cfg(test)]
mod tests;
