//! The JSON Canonicalization Scheme, for what the protocol signs: no fractions.
//!
//! Source: RFC 8785.

use std::fmt::Write;

use serde_json::Value;

/// Beyond it a double, and so a JavaScript verifier, cannot tell integers apart.
const LARGEST_INTEGER: u64 = (1 << 53) - 1;
const DEEPEST: usize = 32;

/// The value has a number that is not an integer of at most 53 bits, or nests deeper than 32.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not canonicalised here: a number that is no small integer, or too deep")]
pub struct JcsError;

/// The canonical text of a value: no blanks, names sorted by their UTF-16 units, one spelling of
/// every string.
///
/// # Errors
/// [`JcsError`].
pub fn canonical(value: &Value) -> Result<String, JcsError> {
    let mut out = String::new();
    write_value(&mut out, value, 0)?;
    Ok(out)
}

fn write_value(out: &mut String, value: &Value, depth: usize) -> Result<(), JcsError> {
    if depth > DEEPEST {
        return Err(JcsError);
    }
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Number(number) => {
            let size = number
                .as_i64()
                .map(i64::unsigned_abs)
                .or_else(|| number.as_u64());
            if size.is_none_or(|size| size > LARGEST_INTEGER) {
                return Err(JcsError);
            }
            let _infallible = write!(out, "{number}");
        }
        Value::String(text) => write_string(out, text),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_value(out, item, depth + 1)?;
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
            out.push('{');
            for (at, (name, member)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_string(out, name);
                out.push(':');
                write_value(out, member, depth + 1)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

/// RFC 8785 section 3.2.2.2: the two-letter escapes where there is one, `\u00xx` for the other
/// control characters, everything else as it is.
fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for sign in text.chars() {
        match sign {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            control if control < ' ' => {
                let _infallible = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    fn of(json: &str) -> Result<String, JcsError> {
        canonical(&serde_json::from_str(json).unwrap())
    }

    /// RFC 8785 section 3.2.2, without its fractions.
    #[test]
    fn the_example_of_the_rfc() {
        let json = r#"{"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#;
        let canonical =
            "{\"literals\":[null,true,false],\"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
        assert_eq!(of(json).unwrap(), canonical);
    }

    /// RFC 8785 section 3.2.3: by UTF-16 units, so that U+1F600 stands before U+FB33.
    #[test]
    fn names_are_sorted_by_utf16() {
        let json = r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#;
        let values: String = of(json)
            .unwrap()
            .chars()
            .filter(char::is_ascii_digit)
            .collect();
        // The second 1 is the name "1".
        assert_eq!(values, "2146715 3".replace(' ', ""));
    }

    #[test]
    fn integers_up_to_53_bits_are_taken_and_fractions_refused() {
        assert_eq!(
            of("[0,-1,9007199254740991]").unwrap(),
            "[0,-1,9007199254740991]"
        );
        for json in ["1.5", "9007199254740992", "-9007199254740992", "1e30"] {
            assert_eq!(of(json), Err(JcsError), "{json}");
        }
    }

    #[test]
    fn what_nests_too_deep_is_refused() {
        assert_eq!(
            of(&format!("{}{}", "[".repeat(40), "]".repeat(40))),
            Err(JcsError)
        );
    }
}
