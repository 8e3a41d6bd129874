//! The body of `POST /federation/v1/grants`.

use serde::{Deserialize, Serialize};

use super::PlainCode;
use crate::base64url;
use crate::category::Category;
use crate::consent::Practitioner;
use crate::json;
use crate::purpose::Purpose;
use crate::time::Timestamp;

/// The longest name of a grant that is looked up, bytes.
const LONGEST_GRANT_ID: usize = 128;
/// The most characters of what a practitioner is called.
pub const LONGEST_NAME: usize = 64;
/// The most characters of a member of staff's id and role.
const LONGEST_STAFF: usize = 64;

/// The body of `POST /federation/v1/grants`: a code the first time; then the name of the pending
/// request, until the person has answered; the grant's name after that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantRequest {
    /// The visit code; exactly one of `code`, `pending` and `grant_id` is there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<PlainCode>,
    /// The `pending` of an earlier reply: has the person answered?
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pending: Option<String>,
    /// The `grant` of an earlier reply: fresh tokens from the directive as it is now.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub grant_id: Option<String>,
    /// The purpose, the same as in `Fed-Purpose`.
    pub purpose: Purpose,
    /// The kinds of data asked for; at least one, none twice.
    pub categories: Vec<Category>,
    /// Who asks, the same as in `Fed-Actor`; absent for a system.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub practitioner: Option<Practitioner>,
    /// What people call the practitioner: shown to the person whom an open code asks. The word of
    /// the requester, no more. With a code alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// Who saw the person consent on the requester's own screen. With a paper code alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub witness: Option<Witness>,
}

/// A member of the requester's staff who saw the person consent, and what the person was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// The staff id there.
    pub id: String,
    /// Their role there.
    pub role: String,
    /// SHA-256 of the text on the screen, UTF-8.
    #[serde(with = "base64url::array")]
    pub text: [u8; 32],
    /// Until when the person agreed, in seconds; the home node may end it earlier.
    pub until: Timestamp,
}

/// The body is no request for a grant.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a request for a grant")]
pub struct GrantError;

impl GrantRequest {
    /// Reads a request: closed schema, exactly one of `code`, `pending` and `grant_id`, `name` and
    /// `witness` with a code alone, every text bounded.
    ///
    /// # Errors
    /// [`GrantError`].
    pub fn from_json(body: &[u8]) -> Result<Self, GrantError> {
        let value = json::parse(body).or(Err(GrantError))?;
        // Serde would read a list as a structure, too.
        let objects = ["practitioner", "witness"]
            .iter()
            .all(|name| value.get(name).is_none_or(serde_json::Value::is_object));
        if !value.is_object() || !objects {
            return Err(GrantError);
        }
        let request: Self = serde_json::from_value(value).or(Err(GrantError))?;
        match request.is_sound() {
            true => Ok(request),
            false => Err(GrantError),
        }
    }

    fn is_sound(&self) -> bool {
        let ways = [
            self.code.is_some(),
            self.pending.is_some(),
            self.grant_id.is_some(),
        ];
        let one = ways.iter().filter(|there| **there).count() == 1;
        let beside = self.code.is_some() || (self.name.is_none() && self.witness.is_none());
        let named = self.grant_id.as_ref();
        let mut categories = self.categories.clone();
        categories.sort_unstable();
        categories.dedup();
        one && beside
            && named.is_none_or(|grant| (1..=LONGEST_GRANT_ID).contains(&grant.len()))
            && self.pending.as_deref().is_none_or(is_pending_id)
            && !categories.is_empty()
            && categories.len() == self.categories.len()
            && self
                .name
                .as_deref()
                .is_none_or(|name| is_text(name, LONGEST_NAME))
            && self.witness.as_ref().is_none_or(Witness::is_sound)
    }
}

impl Witness {
    fn is_sound(&self) -> bool {
        is_text(&self.id, LONGEST_STAFF) && is_text(&self.role, LONGEST_STAFF)
    }
}

/// Whether this can be the name of a pending request: 16 bytes in base64url.
#[must_use]
pub fn is_pending_id(text: &str) -> bool {
    base64url::decode_array::<16>(text).is_ok()
}

/// Something that people read: not empty, bounded, and without anything that could turn or hide the
/// text around it.
fn is_text(text: &str, most: usize) -> bool {
    let shown = |letter: char| {
        let turns = matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        !letter.is_control() && !turns
    };
    let length = text.chars().take(most.saturating_add(1)).count();
    (1..=most).contains(&length) && text.trim() == text && text.chars().all(shown)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use proptest::prelude::*;

    use super::*;

    const ASKED: &str =
        r#""purpose":"TREAT","categories":["lab"],"practitioner":{"id":"dr-1","role":"physician"}"#;
    const PENDING: &str = "EhISEhISEhISEhISEhISEg";
    const WITNESS: &str = r#""witness":{"id":"ns-7","role":"nurse","text":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","until":1782907200}"#;

    fn read(members: &str) -> Result<GrantRequest, GrantError> {
        GrantRequest::from_json(format!("{{{members},{ASKED}}}").as_bytes())
    }

    #[test]
    fn a_request_has_one_way_and_what_belongs_to_it() {
        let request = read(r#""code":"01ABC-DEFGH","name":"佐藤 一郎""#).unwrap();
        assert_eq!(request.code.unwrap().as_str(), "01ABCDEFGH");
        assert!(read(&format!(r#""code":"01ABC-DEFGH",{WITNESS}"#)).is_ok());
        assert!(read(&format!(r#""pending":"{PENDING}""#)).is_ok());
        assert!(read(r#""grant_id":"g""#).is_ok());
    }

    #[test]
    fn what_is_not_of_this_shape_is_refused() {
        for members in [
            r#""pin":"01ABC-DEFGH""#,
            r#""name":"x""#,
            r#""grant_id":"""#,
            r#""pending":"short""#,
            r#""code":"x","grant_id":"g""#,
            r#""grant_id":"g","name":"x""#,
            r#""code":"x","name":"""#,
            "\"code\":\"x\",\"name\":\"a\u{202e}b\"",
            r#""code":"x","name":" x""#,
            r#""code":"x","witness":[]"#,
            r#""code":"x","code":"y""#,
        ] {
            assert_eq!(read(members), Err(GrantError), "{members}");
        }
        assert!(read(&format!(r#""pending":"{PENDING}",{WITNESS}"#)).is_err());
        let long = "あ".repeat(LONGEST_NAME + 1);
        assert!(read(&format!(r#""code":"x","name":"{long}""#)).is_err());
        let twice = r#"{"grant_id":"g","purpose":"TREAT","categories":["lab","lab"]}"#;
        assert!(GrantRequest::from_json(twice.as_bytes()).is_err());
        assert!(GrantRequest::from_json(b"[]").is_err());
    }

    proptest! {
        #[test]
        fn what_is_read_is_bounded_and_is_written_back_as_the_same(
            code in "[0-9A-Za-z_-]{0,30}", name in ".{0,70}", way in "code|pending|grant_id",
        ) {
            let name = serde_json::to_string(&name).unwrap();
            if let Ok(request) = read(&format!("\"{way}\":\"{code}\",\"name\":{name}")) {
                let again = serde_json::to_vec(&request).unwrap();
                prop_assert_eq!(GrantRequest::from_json(&again), Ok(request));
            }
        }
    }
}
