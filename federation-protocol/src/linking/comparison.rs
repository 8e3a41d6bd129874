//! Whether two charts say the same of a person, without either side showing what its chart says.
//!
//! Birth year and sex are a secret of eight bits: a hash of them, whatever is hashed with it, is
//! opened by trying. So both sides run CPace with these facts as the password. A [`Commitment`] is a
//! random point: it hides the facts perfectly, and can be opened to no other ones. A [`Proof`] fits
//! only if both sides put in the same facts, for the same members, code and device key. The home
//! proves first; then the responder, only to a proof that fits. Whoever lies learns whether that one
//! guess was right, once for each code, and nothing else.
//!
//! Source: draft-irtf-cfrg-cpace-21; CONSENT section 1.

use std::fmt;

use curve25519_dalek::scalar::Scalar;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::cpace::{self, Share};
use crate::base64url;
use crate::grants::PlainCode;
use crate::keys::PublicKey;
use crate::member::MemberId;

/// What the shares vouch for differs on both sides: no answer can be a question sent back.
const OF_RESPONDER: &[u8] = b"musubi link v1 responder";
const CHANNEL: &[u8] = b"musubi link v1";

/// What charts say of a person's sex.
///
/// Source: FHIR R4, AdministrativeGender, but `unknown`.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Sex {
    /// `female`
    Female,
    /// `male`
    Male,
    /// `other`
    Other,
}

impl Sex {
    /// The code of FHIR.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Female => "female",
            Self::Male => "male",
            Self::Other => "other",
        }
    }

    /// The sex that a chart names; none for `unknown`.
    #[must_use]
    pub fn of(code: &str) -> Option<Self> {
        let all = [Self::Female, Self::Male, Self::Other];
        all.into_iter().find(|sex| sex.as_str() == code)
    }
}

/// What two charts are compared by.
#[derive(Copy, Clone, PartialEq, Eq)]
pub struct BirthFacts {
    /// The year of birth.
    pub year: u16,
    /// The sex.
    pub sex: Sex,
}

impl BirthFacts {
    fn secret(self) -> Zeroizing<String> {
        Zeroizing::new(format!("{:04} {}", self.year, self.sex.as_str()))
    }
}

impl fmt::Debug for BirthFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BirthFacts(..)")
    }
}

/// What one comparison is bound to.
#[derive(Copy, Clone, Debug)]
pub struct Meeting<'a> {
    /// The person's home node.
    pub home: &'a MemberId,
    /// The hospital whose desk gave the code.
    pub responder: &'a MemberId,
    /// The link code.
    pub code: &'a PlainCode,
    /// The device key of the link that is to be made.
    pub device_key: &'a PublicKey,
}

impl Meeting<'_> {
    fn channel(&self) -> Vec<u8> {
        let members = [self.home.as_str(), self.responder.as_str()].map(str::as_bytes);
        cpace::in_a_row(&[CHANNEL, members[0], members[1]])
    }

    fn of_home(&self) -> Vec<u8> {
        cpace::in_a_row(&[b"musubi link v1 home", self.device_key.x().as_bytes()])
    }
}

/// What one side blinds its facts with: fresh for each code. Wiped when dropped; no Debug.
pub struct Blind(Zeroizing<Scalar>);

impl Blind {
    /// The blind of 64 fresh random bytes.
    #[must_use]
    pub fn of_random(random: &Zeroizing<[u8; 64]>) -> Self {
        Self(Zeroizing::new(Scalar::from_bytes_mod_order_wide(random)))
    }

    /// The blind that was kept; `None` if the bytes are none.
    #[must_use]
    pub fn kept(bytes: &[u8]) -> Option<Self> {
        let scalar = Scalar::from_canonical_bytes(bytes.try_into().ok()?);
        Option::<Scalar>::from(scalar).map(|scalar| Self(Zeroizing::new(scalar)))
    }

    /// To be kept until the comparison is over.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The commitment of `facts` under this blind.
    #[must_use]
    pub fn commit(&self, meeting: &Meeting<'_>, facts: BirthFacts) -> Commitment {
        let secret = facts.secret();
        let code = meeting.code.as_str().as_bytes();
        let base = cpace::generator(secret.as_bytes(), &meeting.channel(), code);
        Commitment((base * *self.0).compress().to_bytes())
    }

    /// The home's way to the two proofs; `None` if `theirs` is no commitment of somebody else.
    #[must_use]
    pub fn proofs_at_home(
        &self,
        meeting: &Meeting<'_>,
        ours: &Commitment,
        theirs: &Commitment,
    ) -> Option<Proofs> {
        self.proofs(meeting, theirs, ours, theirs)
    }

    /// The responder's way to the two proofs; `None` if `theirs` is no commitment of somebody else.
    #[must_use]
    pub fn proofs_at_responder(
        &self,
        meeting: &Meeting<'_>,
        ours: &Commitment,
        theirs: &Commitment,
    ) -> Option<Proofs> {
        self.proofs(meeting, theirs, theirs, ours)
    }

    fn proofs(
        &self,
        meeting: &Meeting<'_>,
        other: &Commitment,
        home: &Commitment,
        responder: &Commitment,
    ) -> Option<Proofs> {
        if home == responder {
            return None;
        }
        let product = cpace::multiplied(&self.0, &other.0)?;
        let of_home = meeting.of_home();
        let home = Share {
            point: &home.0,
            vouched: &of_home,
        };
        let responder = Share {
            point: &responder.0,
            vouched: OF_RESPONDER,
        };
        let code = meeting.code.as_str().as_bytes();
        let key = cpace::key(code, &product, &home, &responder);
        Some(Proofs {
            home: Proof(cpace::confirmation(code, &key, &home)),
            responder: Proof(cpace::confirmation(code, &key, &responder)),
        })
    }
}

/// A side's facts, hidden: a ristretto255 point, 32 bytes in base64url.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commitment(#[serde(with = "base64url::array")] pub [u8; 32]);

/// Proof that a side put in the same facts: 64 bytes in base64url. Compared in constant time.
#[derive(Clone, Serialize, Deserialize)]
pub struct Proof(#[serde(with = "base64url::array")] pub [u8; 64]);

impl PartialEq for Proof {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Proof {}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proof(..)")
    }
}

/// Both proofs, as the side sees them that made them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proofs {
    /// What the home sends.
    pub home: Proof,
    /// What the responder sends.
    pub responder: Proof,
}
