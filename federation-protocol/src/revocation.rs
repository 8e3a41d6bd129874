//! What crosses the wire when tokens end: `POST /federation/v1/revocations`, from a home node to
//! the hospital that the tokens are for.
//!
//! Source: PROTOCOL section 6; `docs/WIRE.md` section 3.7.

use serde::{Deserialize, Serialize};

use crate::base64url;
use crate::json;

/// Tokens that one push ends, at most.
pub const MOST_REVOKED: usize = 1_000;

/// The highest number of a push: what every JSON reader takes for an integer.
const LAST_SEQUENCE: u64 = (1 << 53) - 1;

/// The body of a push: these tokens of the sender have ended.
///
/// `sequence` counts the pushes from one sender to one receiver: 1, 2, 3, … without a gap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevocationPush {
    /// Its number.
    pub sequence: u64,
    /// The `jti` of each token: 1 to [`MOST_REVOKED`], none twice.
    pub jti: Vec<String>,
}

/// The answer: how far the receiver has every push.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevocationReply {
    /// The highest number up to which no push is missing; 0 before the first. Lower than the number
    /// just sent: something is missing, and the sender sends again from the next one on.
    pub acknowledged: u64,
}

/// The body is no push.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a list of ended tokens")]
pub struct RevocationError;

impl RevocationPush {
    /// Reads a push: closed schema, a number from 1 on, every `jti` of its one spelling.
    ///
    /// # Errors
    /// [`RevocationError`].
    pub fn from_json(body: &[u8]) -> Result<Self, RevocationError> {
        let value = json::parse(body).or(Err(RevocationError))?;
        // Serde would read a list as a structure, too.
        if !value.is_object() {
            return Err(RevocationError);
        }
        let push: Self = serde_json::from_value(value).or(Err(RevocationError))?;
        let numbered = (1..=LAST_SEQUENCE).contains(&push.sequence);
        let some = (1..=MOST_REVOKED).contains(&push.jti.len());
        if numbered && some && push.jti.iter().all(|jti| is_jti(jti)) && push.names_none_twice() {
            Ok(push)
        } else {
            Err(RevocationError)
        }
    }

    fn names_none_twice(&self) -> bool {
        let mut sorted: Vec<&String> = self.jti.iter().collect();
        sorted.sort_unstable();
        sorted.windows(2).all(|pair| pair.first() != pair.last())
    }
}

impl RevocationReply {
    /// Reads an answer.
    ///
    /// # Errors
    /// [`RevocationError`].
    pub fn from_json(body: &[u8]) -> Result<Self, RevocationError> {
        let value = json::parse(body).or(Err(RevocationError))?;
        if !value.is_object() {
            return Err(RevocationError);
        }
        let reply: Self = serde_json::from_value(value).or(Err(RevocationError))?;
        match reply.acknowledged {
            0..=LAST_SEQUENCE => Ok(reply),
            _ => Err(RevocationError),
        }
    }
}

/// 16 bytes in base64url.
fn is_jti(text: &str) -> bool {
    base64url::decode_array::<16>(text).is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests fail by panicking"
    )]

    use super::*;

    fn jti(number: u128) -> String {
        base64url::encode(number.to_be_bytes())
    }

    fn push(jtis: &[String]) -> Vec<u8> {
        let push = RevocationPush {
            sequence: 7,
            jti: jtis.to_vec(),
        };
        serde_json::to_vec(&push).unwrap()
    }

    #[test]
    fn a_push_reads_back_as_it_is_written() {
        let body = push(&[jti(1), jti(2)]);
        let read = RevocationPush::from_json(&body).unwrap();
        assert_eq!(serde_json::to_vec(&read).unwrap(), body);
    }

    #[test]
    fn what_is_no_push_is_refused() {
        let one = jti(1);
        let bodies = [
            String::new(),
            "[]".to_owned(),
            "{}".to_owned(),
            format!("[7,[\"{one}\"]]"),
            format!("{{\"sequence\":0,\"jti\":[\"{one}\"]}}"),
            format!("{{\"sequence\":-1,\"jti\":[\"{one}\"]}}"),
            format!("{{\"sequence\":1.0,\"jti\":[\"{one}\"]}}"),
            format!("{{\"sequence\":9007199254740992,\"jti\":[\"{one}\"]}}"),
            format!("{{\"sequence\":1,\"sequence\":1,\"jti\":[\"{one}\"]}}"),
            format!("{{\"sequence\":1,\"jti\":[\"{one}\"],\"iss\":\"x\"}}"),
            "{\"sequence\":1,\"jti\":[]}".to_owned(),
            "{\"sequence\":1,\"jti\":[\"short\"]}".to_owned(),
            format!("{{\"sequence\":1,\"jti\":[\"{one}\",\"{one}\"]}}"),
        ];
        for body in bodies {
            let read = RevocationPush::from_json(body.as_bytes());
            assert_eq!(read, Err(RevocationError), "{body}");
        }
    }

    #[test]
    fn no_push_is_longer_than_it_may_be() {
        let jtis: Vec<String> = (0..1_001).map(jti).collect();
        assert!(RevocationPush::from_json(&push(&jtis[..1_000])).is_ok());
        assert!(RevocationPush::from_json(&push(&jtis)).is_err());
    }

    #[test]
    fn an_answer_is_one_number() {
        let read = RevocationReply::from_json(br#"{"acknowledged":0}"#).unwrap();
        assert_eq!(read.acknowledged, 0);
        for body in ["0", "[0]", "{}", r#"{"acknowledged":-1}"#] {
            assert!(RevocationReply::from_json(body.as_bytes()).is_err());
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_push_that_writes_back_or_none(
            body in "\\{\"sequence\":[0-9]{1,20},\"jti\":\\[(\"[A-Za-z0-9_-]{22}\",?){0,3}\\]\\}"
        ) {
            if let Ok(push) = RevocationPush::from_json(body.as_bytes()) {
                proptest::prop_assert_eq!(serde_json::to_string(&push).unwrap(), body);
            }
        }
    }
}
