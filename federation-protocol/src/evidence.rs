//! The person's own signature over a decision: what keeps a home node's staff from minting tokens
//! for their own use.
//!
//! Source: PROTOCOL section 5, `pev`; CONSENT section 4.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::base64url;
use crate::category::Scope;
use crate::consent::Practitioner;
use crate::jcs;
use crate::keys::{BadSignature, PublicKey, SecretKey};
use crate::member::MemberId;
use crate::purpose::Purpose;
use crate::time::Timestamp;

const VERSION: &str = "musubi-evidence-1";

/// What the person decided: this requester, this purpose, these kinds of data, until then.
///
/// It names neither person nor responder: the key does, for a person's device has another key for
/// each link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The requester.
    pub client_id: MemberId,
    /// The purpose.
    pub purpose: Purpose,
    /// The only practitioner; `None` when the decision names none.
    pub practitioner: Option<Practitioner>,
    /// The kinds of data, exactly as in the token.
    pub scope: Scope,
    /// Until when tokens may be made from it, in seconds.
    pub until: Timestamp,
}

impl Decision {
    /// The bytes that are signed: RFC 8785 over `{client_id, pou, prac, scope, until, v}`.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let statement = json!({
            "client_id": self.client_id,
            "pou": self.purpose,
            "prac": self.practitioner,
            "scope": self.scope,
            "until": self.until,
            "v": VERSION,
        });
        // The seconds of a Timestamp have at most 44 bits, so this always has a canonical form.
        jcs::canonical(&statement).unwrap_or_default().into_bytes()
    }

    /// Signs the decision with the device key of one link.
    #[must_use]
    pub fn sign(&self, device: &SecretKey) -> PatientEvidence {
        PatientEvidence {
            until: self.until,
            sig: device.sign(&self.bytes()),
        }
    }
}

/// The claim `pev`: `{until, sig}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatientEvidence {
    /// Until when the decision holds; not before the token's `exp`.
    pub until: Timestamp,
    /// Ed25519 over [`Decision::bytes`], base64url.
    #[serde(with = "base64url::array")]
    pub sig: [u8; 64],
}

impl PatientEvidence {
    /// Checks that the device of a link signed this decision.
    ///
    /// # Errors
    /// [`BadSignature`], also when `until` is another.
    pub fn verify(&self, decision: &Decision, device: &PublicKey) -> Result<(), BadSignature> {
        if self.until != decision.until {
            return Err(BadSignature);
        }
        device.verify(&decision.bytes(), &self.sig)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;
    use crate::category::Category;

    fn decision() -> Decision {
        Decision {
            client_id: MemberId::from_code("0110000001").unwrap(),
            purpose: Purpose::Treat,
            practitioner: Some(Practitioner {
                id: "dr-r1".into(),
                role: "physician".into(),
            }),
            scope: Scope::EMPTY.with(Category::Lab).with(Category::Rx),
            until: Timestamp::from_unix_seconds(1_782_950_400),
        }
    }

    #[test]
    fn the_signed_bytes_are_fixed() {
        let text = String::from_utf8(decision().bytes()).unwrap();
        assert_eq!(
            text,
            r#"{"client_id":"urn:musubi:member:0110000001","pou":"TREAT","prac":{"id":"dr-r1","role":"physician"},"scope":"lab rx","until":1782950400,"v":"musubi-evidence-1"}"#
        );
        let nobody = Decision {
            practitioner: None,
            ..decision()
        };
        assert!(
            String::from_utf8(nobody.bytes())
                .unwrap()
                .contains(r#""prac":null"#)
        );
    }

    #[test]
    fn evidence_fits_only_its_decision_and_device() {
        let (device, other) = (SecretKey::from_seed([3; 32]), SecretKey::from_seed([4; 32]));
        let evidence = decision().sign(&device);
        assert_eq!(evidence.verify(&decision(), &device.public()), Ok(()));
        assert_eq!(
            evidence.verify(&decision(), &other.public()),
            Err(BadSignature)
        );
        let wider = Decision {
            scope: Scope::ALL,
            ..decision()
        };
        assert_eq!(evidence.verify(&wider, &device.public()), Err(BadSignature));
        let longer = Decision {
            until: decision().until.plus_seconds(1),
            ..decision()
        };
        assert_eq!(
            evidence.verify(&longer, &device.public()),
            Err(BadSignature)
        );
    }
}
