//! Reading JSON strictly: no name twice in an object, and refusals that never repeat the text.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Number, Value};

/// Why a text is not a document that we take. Never repeats the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not JSON, nested too deep, a lone surrogate, a number out of range, or a name twice.
    #[error("not acceptable JSON at line {line}, column {column}: {reason}")]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What is wrong there.
        reason: &'static str,
    },
    /// The bytes are not UTF-8.
    #[error("not UTF-8")]
    Encoding,
    /// The document is not an object.
    #[error("not a JSON object")]
    NotAnObject,
}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        let said = error.to_string();
        // serde_json's own words can quote the text; ours cannot.
        let reason = REASONS
            .iter()
            .find(|(sign, _)| said.contains(sign))
            .map_or("not well-formed", |(_, reason)| *reason);
        Self::Syntax {
            line: error.line(),
            column: error.column(),
            reason,
        }
    }
}

pub(super) const DUPLICATE: &str = "musubi: a name twice";
pub(super) const TOO_MANY: &str = "musubi: too many values";
/// The most values in one document, so that a body of 32 MiB of `[],[],…` becomes no gigabyte.
const MOST_VALUES: usize = 500_000;
const REASONS: &[(&str, &str)] = &[
    (DUPLICATE, "a name stands twice in one object"),
    (TOO_MANY, "too many values in one document"),
    ("recursion limit", "nested too deep"),
    ("hex escape", "a lone surrogate, or a broken escape"),
    ("number out of range", "a number out of range"),
    ("EOF", "it ends too early"),
    ("trailing characters", "something follows the document"),
    ("control character", "a raw control character in a text"),
];

/// The text of a body: UTF-8, a leading byte order mark ignored.
///
/// # Errors
/// `Encoding`.
pub(super) fn text(bytes: &[u8]) -> Result<&str, JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|_not| JsonError::Encoding)?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// A JSON value in which no object names a member twice.
#[derive(Debug)]
pub(super) struct Strict(pub(super) Value);

/// Parses strictly.
///
/// # Errors
/// `Syntax`.
pub(super) fn strict(text: &str) -> Result<Value, JsonError> {
    Ok(serde_json::from_str::<Strict>(text)?.0)
}

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let left = Cell::new(MOST_VALUES);
        StrictSeed { left: &left }
            .deserialize(deserializer)
            .map(Strict)
    }
}

/// Reads one value, and counts it.
#[derive(Clone, Copy)]
struct StrictSeed<'c> {
    left: &'c Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for StrictSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self.left.get().checked_sub(1) {
            Some(left) => self.left.set(left),
            None => return Err(D::Error::custom(TOO_MANY)),
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StrictSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = sequence.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(self)?;
            if map.insert(name, value).is_some() {
                return Err(A::Error::custom(DUPLICATE));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
    use proptest::prelude::*;

    use super::super::json::Document;
    use super::*;

    #[test]
    fn bad_json_is_refused_with_a_reason_and_a_place() {
        let reason = |text: &str| match strict(text).unwrap_err() {
            JsonError::Syntax { reason, .. } => reason,
            other => panic!("{other}"),
        };
        assert_eq!(
            reason("{\"a\":1,\"a\":2}"),
            "a name stands twice in one object"
        );
        assert_eq!(
            reason("{\"a\":[{\"b\":1,\"\\u0062\":2}]}"),
            "a name stands twice in one object"
        );
        assert_eq!(reason(&"[".repeat(200)), "nested too deep");
        assert_eq!(
            reason("\"\\ud800\""),
            "a lone surrogate, or a broken escape"
        );
        assert_eq!(reason("1e999"), "a number out of range");
        assert_eq!(reason("{\"a\":"), "it ends too early");
        assert_eq!(reason("{} {}"), "something follows the document");
        assert_eq!(reason("\"\u{1}\""), "a raw control character in a text");
        assert_eq!(reason("{\"secret name\" 1}"), "not well-formed");
        let many = format!("[{}0]", "0,".repeat(MOST_VALUES));
        assert_eq!(reason(&many), "too many values in one document");
        let wide: Vec<String> = (0..2_000).map(|n| format!("\"m{n}\":1")).collect();
        assert!(Document::parse(&format!("{{{}}}", wide.join(","))).is_err());
        assert_eq!(text(b"\xff"), Err(JsonError::Encoding));
        assert_eq!(text("\u{feff}{}".as_bytes()), Ok("{}"));
        assert!(Document::parse("[1]").is_err());
        assert!(Document::parse("{\"a\":1,\"\\u0061\":2}").is_err());
    }

    proptest! {
        #[test]
        fn nothing_panics(said in any::<String>(), bytes in any::<Vec<u8>>()) {
            let _ = strict(&said);
            let _ = text(&bytes);
        }
    }
}
