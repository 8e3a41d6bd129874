//! JSON from outside: one value, no name twice in an object.
//!
//! Two parsers that keep different ones of two equal names would read two different statements
//! under one signature.

use std::fmt;

use serde::de::{
    Deserialize, DeserializeOwned, Deserializer, Error, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Number, Value};

/// The bytes are not one JSON value in UTF-8, or an object names something twice, or it nests
/// deeper than 128.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not strict JSON")]
pub struct JsonError;

/// Parses one JSON value.
///
/// # Errors
/// [`JsonError`].
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    match serde_json::from_slice::<Strict>(bytes) {
        Ok(Strict(value)) => Ok(value),
        Err(_) => Err(JsonError),
    }
}

/// Parses one JSON value into a closed structure.
///
/// # Errors
/// [`JsonError`], also when the structure does not fit.
pub fn parse_as<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    match serde_json::from_value(parse(bytes)?) {
        Ok(value) => Ok(value),
        Err(_) => Err(JsonError),
    }
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value without repeated names")
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

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("not a finite number"))?;
        Ok(Value::Number(number))
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

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, _>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_once() {
        assert!(parse(br#"{"a":1,"b":{"a":[1,-2,1.5,"x",null,true]}}"#).is_ok());
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"[{"a":1,"\u0061":2}]"#,
            "{} {}",
            "",
            "nul",
            "\u{feff}{}",
            "{\"a\":1,}",
            "1e999",
        ] {
            assert_eq!(parse(text.as_bytes()), Err(JsonError), "{text}");
        }
        assert_eq!(parse(b"\"\xff\""), Err(JsonError));
    }

    proptest::proptest! {
        #[test]
        fn reading_json_never_panics(bytes in proptest::collection::vec(0_u8.., 0..100), text in "[\\[{\"a:1,}\\]]{0,60}") {
            let _ = parse(&bytes);
            let _ = parse(text.as_bytes());
            let _ = parse("[".repeat(100_000).as_bytes());
        }
    }
}
