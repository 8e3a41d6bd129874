//! What of a line stands in the tree: a commitment that outlives the line, and the leaf above it.
//!
//! The commitment is salted, so that it says nothing about a line that was erased: without the salt
//! nobody can try out what may have stood there. Line and salt are erased together.

use federation_protocol::base64url;
use federation_protocol::jcs::{self, JcsError};
use federation_protocol::transparency::{TreeHash, leaf_hash};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Bytes of a salt.
pub(super) const SALT: usize = 16;

/// Names the form of what is hashed.
const FORM: &str = "musubi-audit-1";

/// Everything that a line says, as it is stored. Numbers are written as text: JSON's are not exact
/// everywhere.
pub(super) struct Body<'a> {
    /// Microseconds since 1970.
    pub(super) at: i64,
    pub(super) kind: &'a str,
    pub(super) exchange: Option<&'a str>,
    pub(super) peer: Option<&'a str>,
    pub(super) actor_role: &'a str,
    pub(super) actor_id: Option<&'a str>,
    pub(super) purpose: Option<&'a str>,
    pub(super) patient: Option<i64>,
    pub(super) person: Option<&'a str>,
    pub(super) outcome: &'a str,
    pub(super) shown: Option<i64>,
    pub(super) withheld: Option<i64>,
    /// JSON, but here a text: what stands in the table is what counts.
    pub(super) detail: &'a str,
}

impl Body<'_> {
    /// The line as JSON: what an auditor is given with an inclusion proof.
    pub(super) fn to_json(&self) -> Value {
        let number = |number: Option<i64>| number.map(|number| number.to_string());
        json!({
            "actor_id": self.actor_id,
            "actor_role": self.actor_role,
            "at": self.at.to_string(),
            "detail": self.detail,
            "exchange": self.exchange,
            "kind": self.kind,
            "outcome": self.outcome,
            "patient": number(self.patient),
            "peer": self.peer,
            "person": self.person,
            "purpose": self.purpose,
            "shown": number(self.shown),
            "v": FORM,
            "withheld": number(self.withheld),
        })
    }

    /// SHA-256 over the salt and the line's canonical JSON.
    ///
    /// # Errors
    /// Never in fact: texts alone are canonicalised.
    ///
    /// Source: RFC 8785.
    pub(super) fn commitment(&self, salt: &[u8]) -> Result<[u8; 32], JcsError> {
        let text = jcs::canonical(&self.to_json())?;
        let hash = Sha256::new().chain_update(salt).chain_update(text);
        Ok(hash.finalize().into())
    }
}

/// The entry whose hash is the leaf: which line, when, and the commitment to the rest.
pub(super) fn entry(seq: i64, at: i64, commitment: &[u8]) -> String {
    let line = base64url::encode(commitment);
    // Canonical JSON as it stands: names in order, nothing to escape.
    format!(r#"{{"at":"{at}","line":"{line}","seq":"{seq}","v":"{FORM}"}}"#)
}

/// The leaf of a line.
pub(super) fn leaf(seq: i64, at: i64, commitment: &[u8]) -> TreeHash {
    leaf_hash(entry(seq, at, commitment).as_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    const BODY: Body<'_> = Body {
        at: 1_782_864_000_000_000,
        kind: "disclosure",
        exchange: Some("e"),
        peer: None,
        actor_role: "physician",
        actor_id: Some("dr-1"),
        purpose: None,
        patient: Some(7),
        person: None,
        outcome: "ok",
        shown: Some(3),
        withheld: Some(i64::MAX),
        detail: r#"{"jti":"a"}"#,
    };

    #[test]
    fn the_form_of_a_line_is_fixed_to_the_byte() {
        let text = jcs::canonical(&BODY.to_json()).unwrap();
        let expected = r#"{"actor_id":"dr-1","actor_role":"physician","at":"1782864000000000","detail":"{\"jti\":\"a\"}","exchange":"e","kind":"disclosure","outcome":"ok","patient":"7","peer":null,"person":null,"purpose":null,"shown":"3","v":"musubi-audit-1","withheld":"9223372036854775807"}"#;
        assert_eq!(text, expected);
        let entry = entry(17, BODY.at, &[0; 32]);
        let again: Value = serde_json::from_str(&entry).unwrap();
        assert_eq!(jcs::canonical(&again).unwrap(), entry);
    }

    #[test]
    fn each_field_and_the_salt_changes_the_commitment() {
        let all = [
            Body { at: 0, ..BODY },
            Body {
                kind: "read",
                ..BODY
            },
            Body {
                exchange: None,
                ..BODY
            },
            Body {
                peer: Some("p"),
                ..BODY
            },
            Body {
                actor_role: "",
                ..BODY
            },
            Body {
                actor_id: None,
                ..BODY
            },
            Body {
                purpose: Some("TREAT"),
                ..BODY
            },
            Body {
                patient: None,
                ..BODY
            },
            Body {
                person: Some("7"),
                ..BODY
            },
            Body {
                outcome: "",
                ..BODY
            },
            Body {
                shown: None,
                ..BODY
            },
            Body {
                withheld: Some(0),
                ..BODY
            },
            Body {
                detail: "{}",
                ..BODY
            },
            BODY,
        ];
        let mut seen: Vec<_> = all
            .iter()
            .map(|body| body.commitment(b"s").unwrap())
            .collect();
        seen.push(BODY.commitment(b"t").unwrap());
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count);
    }
}
