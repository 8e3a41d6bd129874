//! What a node says about itself before anybody has approved it: the file that `describe` writes.

use serde::{Deserialize, Serialize};

use crate::base64url;
use crate::json;
use crate::jws::{Compact, JwsError, sign_compact};
use crate::keys::{KeyId, KeyUse, Sign};
use crate::member::MemberId;
use crate::time::Timestamp;
use crate::verified::Verified;

use super::profile::{KeyStatement, Profile, ProfileError};
use super::{DOCUMENT_VERSION, payload};

/// `typ` of a member description.
pub const DESCRIPTION_TYP: &str = "musubi-member+jwt";

const LONGEST: usize = 256 * 1_024;

/// A node's public description: signed by its `sign` key, every other Ed25519 key proving that the
/// node has it. A `seal` key cannot sign; the `sign` key vouches for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberDescription {
    /// 1.
    pub ver: u32,
    /// 16 random bytes in base64url: what the other keys sign.
    pub jti: String,
    /// When it was made.
    pub iat: Timestamp,
    /// Name and version of the node's software.
    pub software: String,
    /// What approvers are asked to sign.
    pub member: Profile,
    /// One for each Ed25519 key but the one that signs.
    pub proofs: Vec<Possession>,
}

/// A key's signature over the description's `jti`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Possession {
    /// The key.
    pub kid: KeyId,
    /// Its signature over `musubi-possession-1` 0x00 jti 0x00 member id.
    #[serde(with = "base64url::array")]
    pub sig: [u8; 64],
}

/// Why a description is not taken.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DescriptionError {
    /// Not the signed document that it should be.
    #[error("not a member description: {0}")]
    Form(#[from] JwsError),
    /// The payload does not fit its schema.
    #[error("the description does not fit its schema")]
    Schema,
    /// What it says cannot be.
    #[error("the description is not sound: {0}")]
    Profile(#[from] ProfileError),
    /// It is not signed by a `sign` key that it names.
    #[error("the description is not signed by its own sign key")]
    Signature,
    /// A key's proof is missing, doubled, or does not fit.
    #[error("a key's proof of possession is missing or does not fit")]
    Possession,
}

fn possession_message(jti: &str, member: &MemberId) -> Vec<u8> {
    [
        b"musubi-possession-1".as_slice(),
        jti.as_bytes(),
        member.as_str().as_bytes(),
    ]
    .join(&0)
}

impl MemberDescription {
    /// A description to be signed; `jti` is random.
    #[must_use]
    pub fn new(member: Profile, software: &str, jti: [u8; 16], now: Timestamp) -> Self {
        Self {
            ver: DOCUMENT_VERSION,
            jti: base64url::encode(jti),
            iat: now,
            software: software.to_owned(),
            member,
            proofs: Vec::new(),
        }
    }

    /// Signs with the `sign` key; `others` are all other Ed25519 keys of the profile.
    #[must_use]
    pub fn sign(mut self, sign: &dyn Sign, others: &[&dyn Sign]) -> String {
        let message = possession_message(&self.jti, &self.member.id);
        self.proofs = others
            .iter()
            .map(|key| Possession {
                kid: key.kid().clone(),
                sig: key.sign(&message),
            })
            .collect();
        sign_compact(DESCRIPTION_TYP, &payload(&self), sign)
    }

    /// Opens a description file; white space around it does not matter.
    ///
    /// # Errors
    /// [`DescriptionError`], the first in the order of its variants.
    pub fn verify(text: &str) -> Result<Verified<Self>, DescriptionError> {
        let jws = Compact::parse(text.trim(), DESCRIPTION_TYP, LONGEST)?;
        let description: Self = json::parse_as(&jws.payload).or(Err(DescriptionError::Schema))?;
        let jti = base64url::decode_array::<16>(&description.jti);
        if description.ver != DOCUMENT_VERSION || jti.is_err() {
            return Err(DescriptionError::Schema);
        }
        description.member.check()?;
        let signer = description
            .member
            .keys
            .iter()
            .find(|key| key.key_use == KeyUse::Sign && key.kid == jws.kid)
            .and_then(|key| key.public_key())
            .ok_or(DescriptionError::Signature)?;
        jws.verify(&signer).or(Err(DescriptionError::Signature))?;
        description.check_proofs(&jws.kid)?;
        Ok(Verified::new(description))
    }

    /// The key that signed the description: of those for signing, the one without a proof.
    #[must_use]
    pub fn signer(&self) -> Option<&KeyStatement> {
        let signs = |key: &&KeyStatement| key.key_use == KeyUse::Sign;
        let proven = |kid: &KeyId| self.proofs.iter().any(|proof| proof.kid == *kid);
        self.member
            .keys
            .iter()
            .filter(signs)
            .find(|key| !proven(&key.kid))
    }

    fn check_proofs(&self, signer: &KeyId) -> Result<(), DescriptionError> {
        let message = possession_message(&self.jti, &self.member.id);
        let mut proven = 0;
        for key in self.member.keys.iter().filter(|key| key.kid != *signer) {
            let Some(public) = key.public_key() else {
                continue;
            };
            let proof = self.proofs.iter().find(|proof| proof.kid == key.kid);
            match proof.map(|proof| public.verify(&message, &proof.sig)) {
                Some(Ok(())) => proven += 1,
                _ => return Err(DescriptionError::Possession),
            }
        }
        if proven == self.proofs.len() {
            Ok(())
        } else {
            Err(DescriptionError::Possession)
        }
    }
}
