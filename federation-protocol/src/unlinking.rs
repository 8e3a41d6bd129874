//! What crosses the wire when a link ends at home: `POST /federation/v1/links`, from the home node
//! to the responder.
//!
//! Source: PROTOCOL section 4; `docs/WIRE.md` section 3.8.

use serde::{Deserialize, Serialize};

use crate::json;
use crate::link::PatientHandle;

/// The body: the link of this handle has ended. It counts only from the member that the link names
/// as home; whoever asks is told the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkEnd {
    /// The handle.
    pub end: PatientHandle,
}

/// The body is no end of a link.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the end of a link")]
pub struct LinkEndError;

impl LinkEnd {
    /// Reads the body: closed schema.
    ///
    /// # Errors
    /// [`LinkEndError`].
    pub fn from_json(body: &[u8]) -> Result<Self, LinkEndError> {
        let value = json::parse(body).or(Err(LinkEndError))?;
        // Serde would read a list as a structure, too.
        if !value.is_object() {
            return Err(LinkEndError);
        }
        serde_json::from_value(value).or(Err(LinkEndError))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    #[test]
    fn an_end_reads_back_as_it_is_written_and_nothing_else_is_one() {
        let end = LinkEnd {
            end: PatientHandle::from_bytes([7; 16]),
        };
        let body = serde_json::to_vec(&end).unwrap();
        assert_eq!(LinkEnd::from_json(&body), Ok(end));
        for body in [
            "",
            "{}",
            "[]",
            r#"["pp:BwcHBwcHBwcHBwcHBwcHBw"]"#,
            r#"{"end":"hana"}"#,
            r#"{"end":"pp:BwcHBwcHBwcHBwcHBwcHBw","why":"x"}"#,
            r#"{"end":"pp:BwcHBwcHBwcHBwcHBwcHBw","end":"pp:BwcHBwcHBwcHBwcHBwcHBw"}"#,
        ] {
            assert_eq!(
                LinkEnd::from_json(body.as_bytes()),
                Err(LinkEndError),
                "{body}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_an_end_that_writes_back_or_none(body in "\\{\"end\":\"pp:[A-Za-z0-9_-]{22}\"\\}") {
            if let Ok(end) = LinkEnd::from_json(body.as_bytes()) {
                proptest::prop_assert_eq!(serde_json::to_string(&end).unwrap(), body);
            }
        }
    }
}
