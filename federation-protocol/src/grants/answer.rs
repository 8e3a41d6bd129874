//! What a home node answers to a request for a grant.

use serde::{Deserialize, Serialize};

use super::{GrantError, GrantReply, is_pending_id};
use crate::json;
use crate::member::MemberId;
use crate::purpose::Purpose;
use crate::time::Timestamp;

/// The most tokens of one grant: more hospitals than anybody has a chart at.
const MOST_TOKENS: usize = 256;
/// The longest name of a grant, bytes.
const LONGEST_GRANT_ID: usize = 128;

/// The answer while the person has not answered yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PendingReply {
    /// The request's name at the home node, for `pending`: 16 random bytes in base64url.
    pub pending: String,
    /// The home node.
    pub home: MemberId,
    /// The purpose asked for.
    pub purpose: Purpose,
    /// Until when the person can answer, in seconds.
    pub expires: Timestamp,
}

/// The answer to a request for a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum GrantAnswer {
    /// Tokens.
    Granted(GrantReply),
    /// Not yet: the person is asked.
    Pending(PendingReply),
}

impl GrantAnswer {
    /// Reads an answer: closed schema, bounded, no hospital twice.
    ///
    /// # Errors
    /// [`GrantError`].
    pub fn from_json(body: &[u8]) -> Result<Self, GrantError> {
        let value = json::parse(body).or(Err(GrantError))?;
        let fields = value.as_object().ok_or(GrantError)?;
        if fields.contains_key("pending") {
            let reply: PendingReply = serde_json::from_value(value).or(Err(GrantError))?;
            return match is_pending_id(&reply.pending) {
                true => Ok(Self::Pending(reply)),
                false => Err(GrantError),
            };
        }
        let tokens = fields.get("tokens").and_then(serde_json::Value::as_array);
        let each_is_object = tokens.is_some_and(|tokens| {
            tokens.len() <= MOST_TOKENS && tokens.iter().all(serde_json::Value::is_object)
        });
        let reply: GrantReply = serde_json::from_value(value).or(Err(GrantError))?;
        let named = (1..=LONGEST_GRANT_ID).contains(&reply.grant.len());
        let mut hospitals: Vec<_> = reply.tokens.iter().map(|one| &one.responder).collect();
        hospitals.sort_unstable();
        hospitals.dedup();
        let once = hospitals.len() == reply.tokens.len();
        match each_is_object && named && once {
            true => Ok(Self::Granted(reply)),
            false => Err(GrantError),
        }
    }

    /// The grant, where it is one.
    #[must_use]
    pub fn granted(self) -> Option<GrantReply> {
        match self {
            Self::Granted(reply) => Some(reply),
            Self::Pending(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    const HOME: &str =
        r#""home":"urn:musubi:member:0110000001","purpose":"TREAT","expires":1782864300"#;
    const TOKEN: &str = r#"{"responder":"urn:musubi:member:0110000002","token":"t"}"#;

    fn read(members: &str) -> Result<GrantAnswer, GrantError> {
        GrantAnswer::from_json(format!("{{{members},{HOME}}}").as_bytes())
    }

    #[test]
    fn an_answer_is_a_grant_or_says_that_the_person_is_asked() {
        let pending = read(r#""pending":"EhISEhISEhISEhISEhISEg""#).unwrap();
        assert!(pending.granted().is_none());
        let granted = read(&format!(r#""grant":"g","tokens":[{TOKEN}]"#)).unwrap();
        assert_eq!(granted.granted().unwrap().tokens.len(), 1);
    }

    #[test]
    fn what_is_neither_or_both_is_refused() {
        for members in [
            r#""pending":"x""#.to_owned(),
            format!(r#""pending":"EhISEhISEhISEhISEhISEg","grant":"g","tokens":[{TOKEN}]"#),
            format!(r#""grant":"g","tokens":[{TOKEN},{TOKEN}]"#),
            r#""grant":"","tokens":[]"#.to_owned(),
            r#""grant":"g","tokens":[["urn:musubi:member:0110000002","t"]]"#.to_owned(),
            r#""grant":"g","tokens":{}"#.to_owned(),
        ] {
            assert_eq!(read(&members), Err(GrantError), "{members}");
        }
        let many: Vec<String> = (0..=MOST_TOKENS)
            .map(|number| TOKEN.replace("0110000002", &format!("011{number:07}")))
            .collect();
        assert!(read(&format!(r#""grant":"g","tokens":[{}]"#, many.join(","))).is_err());
        assert!(GrantAnswer::from_json(b"[]").is_err());
    }
}
