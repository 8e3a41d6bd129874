//! What a person decides when they show a code, and what a redeemed code leaves behind.

use federation_protocol::category::Scope;
use federation_protocol::consent::{LabelTerms, Practitioner};
use federation_protocol::grants::{PlainCode, ShownCode};
use federation_protocol::keys::PublicKey;
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::time::Timestamp;

use super::mint::random;
use super::{ConsentError, DirectiveId};
use crate::identity::PersonId;
use crate::keys::Keys;

/// The person's decision behind a visit code. The code only carries it to the physician.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Who decides.
    pub person: PersonId,
    /// What the Consent calls them: `Patient/<id>`, their own chart at this node.
    pub patient: String,
    /// The one hospital that may redeem the code.
    pub requester: MemberId,
    /// The one practitioner there who may, if the person named one.
    pub practitioner: Option<Practitioner>,
    /// What for.
    pub purpose: Purpose,
    /// Which kinds of data.
    pub categories: Scope,
    /// How sensitive: `N` alone unless the person chose more.
    pub labels: LabelTerms,
    /// Until when the grant holds.
    pub ends_at: Timestamp,
    /// From which hospitals: only ticked ones get a token, for a psychiatric clinic's very name
    /// tells something.
    pub responders: Vec<TickedResponder>,
}

/// A hospital that the person ticked.
#[derive(Clone, Debug, PartialEq)]
pub struct TickedResponder {
    /// The hospital.
    pub responder: MemberId,
    /// The phone's signature, where the requester could otherwise mint for itself.
    pub evidence: Option<Evidence>,
}

/// What the phone signed for one link: PROTOCOL section 5, `pev`.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The categories that stood in the signed bytes.
    pub scope: Scope,
    /// Until when it holds.
    pub until: Timestamp,
    /// Ed25519 by the device key of that link.
    pub signature: [u8; 64],
}

/// What the phone has to sign before a code is made.
#[derive(Clone, Debug, PartialEq)]
pub struct EvidenceNeeded {
    /// The link whose device key signs.
    pub responder: MemberId,
    /// The public half of that key.
    pub device_key: PublicKey,
    /// The categories in the bytes.
    pub scope: Scope,
    /// Until when it will hold.
    pub until: Timestamp,
    /// The bytes to sign.
    pub message: Vec<u8>,
}

/// A grant as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct StoredGrant {
    pub(super) id: String,
    /// The visit code it came from: the ticked hospitals and signatures stand there.
    pub(super) code: String,
    pub(super) directive: DirectiveId,
    pub(super) person: PersonId,
    pub(super) requester: MemberId,
    pub(super) practitioner: Option<Practitioner>,
    pub(super) purpose: Purpose,
    pub(super) categories: Scope,
    pub(super) ends_at: Timestamp,
}

impl StoredGrant {
    /// The grant that `decision` opens for `practitioner`, under the Consent that it wrote.
    pub(super) fn of(
        decision: &Decision,
        code: String,
        practitioner: Option<Practitioner>,
        directive: DirectiveId,
    ) -> Self {
        Self {
            id: uuid::Uuid::new_v4().to_string(),
            code,
            directive,
            person: decision.person.clone(),
            requester: decision.requester.clone(),
            practitioner,
            purpose: decision.purpose,
            categories: decision.categories,
            ends_at: decision.ends_at,
        }
    }
}

/// What is kept of a code: HMAC-SHA-256 with a secret in the key directory. The 50 bits of a spoken
/// code could be searched through in a copied database if the digest had no key.
#[derive(Copy, Clone)]
pub(super) struct CodeDigest(pub(super) [u8; 32]);

impl CodeDigest {
    pub(super) fn of(code: &PlainCode, keys: &Keys) -> Self {
        Self(keys.code_digest(code.as_str()))
    }

    /// What no code has: of a decision that no code carried.
    pub(super) fn of_nothing() -> Result<Self, ConsentError> {
        Ok(Self(random()?))
    }

    /// Of each form of a new code.
    pub(super) fn both(code: &ShownCode, keys: &Keys) -> [Self; 2] {
        code.forms().map(|form| Self::of(form, keys))
    }
}
