//! The manifest: what this node says, under its signature, about one question to many hospitals.
//!
//! Only the manifest joins the exchanges of one question: towards the peers each has an exchange and
//! a trace of its own. It names whom was asked, how each ended, how fast, and the digest of each
//! answer; it holds no resource.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use federation_protocol::keys::Sign;
use federation_protocol::time::Timestamp;
use serde_json::{Value, json};

use super::outcome::{Part, PeerOutcome};

/// The `typ` of a manifest's JWS.
pub const TYP: &str = "musubi-manifest+jwt";

/// What was asked, by whom, under which grant.
pub struct Question<'a> {
    /// The manifest's own id.
    pub id: &'a str,
    /// The asking member.
    pub asker: &'a str,
    /// The held grant.
    pub grant: &'a str,
    /// The purpose's code.
    pub purpose: &'a str,
    /// The practitioner's staff id.
    pub practitioner: &'a str,
    /// The practitioner's role.
    pub role: &'a str,
    /// `Type?parameters`, as asked.
    pub query: &'a str,
    /// When it was asked.
    pub at: Timestamp,
}

/// The manifest's claims.
#[must_use]
pub fn claims(question: &Question<'_>, parts: &[Part]) -> Value {
    let answered = parts
        .iter()
        .filter(|part| part.outcome.is_answered())
        .count();
    json!({
        "ver": 1,
        "jti": question.id,
        "iss": question.asker,
        "iat": question.at.unix_seconds(),
        "grant": question.grant,
        "pou": question.purpose,
        "prac": {"id": question.practitioner, "role": question.role},
        "query": question.query,
        "answered": answered,
        "of": parts.len(),
        "asked": parts.iter().map(asked).collect::<Vec<_>>(),
    })
}

fn asked(part: &Part) -> Value {
    let mut asked = json!({
        "member": part.hospital.member.to_string(),
        "outcome": part.outcome.word(),
        "duration_ms": part.duration_ms,
    });
    if let Some(asked) = asked.as_object_mut() {
        if part.own {
            asked.insert("self".into(), true.into());
        }
        if let PeerOutcome::Answered(answer) = &part.outcome {
            asked.insert("entries".into(), answer.entries.len().into());
            if !answer.included.is_empty() {
                asked.insert("included".into(), answer.included.len().into());
            }
        }
        let texts = [
            ("code", part.outcome.code()),
            ("exchange", part.exchange.as_deref()),
            ("digest", part.digest.as_deref()),
            ("directory", part.directory.as_deref()),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                asked.insert(name.into(), text.into());
            }
        }
    }
    asked
}

/// The signed manifest: JWS compact, by the asking member's `sign` key.
#[must_use]
pub fn sign(claims: &Value, key: &dyn Sign) -> String {
    let header = json!({"alg": "EdDSA", "kid": key.kid().as_str(), "typ": TYP});
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::as_conversions,
        reason = "tests fail by panicking"
    )]
    use federation_protocol::keys::SecretKey;

    use super::super::outcome::{Answer, Hospital, Silence};
    use super::*;

    fn part(number: u32, outcome: PeerOutcome) -> Part {
        Part {
            evidence: None,
            hospital: Hospital {
                member: format!("urn:musubi:member:011000000{number}")
                    .parse()
                    .unwrap(),
                name: "港".into(),
                endpoint: "https://h".into(),
                phone: None,
            },
            exchange: Some("x".into()),
            outcome,
            duration_ms: 12,
            digest: (number == 2).then(|| "sha-256=:AA==:".into()),
            directory: None,
            own: number == 1,
        }
    }

    #[test]
    fn a_manifest_says_whom_was_asked_and_how_each_ended() {
        let parts = [
            part(1, PeerOutcome::Answered(Answer::default())),
            part(2, PeerOutcome::Answered(Answer::default())),
            part(3, PeerOutcome::Silent(Silence::Resting)),
        ];
        let question = Question {
            id: "m",
            asker: "urn:musubi:member:0110000001",
            grant: "g",
            purpose: "TREAT",
            practitioner: "dr-0042",
            role: "physician",
            query: "Observation?_count=50",
            at: Timestamp::from_unix_seconds(1_700_000_000),
        };
        let claims = claims(&question, &parts);
        assert_eq!((&claims["answered"], &claims["of"]), (&2.into(), &3.into()));
        assert_eq!(claims["asked"][0]["self"], true);
        assert_eq!(claims["asked"][1]["digest"], "sha-256=:AA==:");
        assert_eq!(claims["asked"][2]["code"], "resting");
        let key = SecretKey::from_seed([9; 32]);
        let jws = sign(&claims, &key);
        let (signed, signature) = jws.rsplit_once('.').unwrap();
        let signature: [u8; 64] = URL_SAFE_NO_PAD
            .decode(signature)
            .unwrap()
            .try_into()
            .unwrap();
        key.public().verify(signed.as_bytes(), &signature).unwrap();
    }
}
