//! The primitive types of FHIR R4 and the forms of their values.
//!
//! Source: FHIR R4 data types, the regular expression of each primitive; days that no calendar has
//! are refused too.

use serde_json::Value;

/// Every primitive type, as its definition spells it.
const PRIMITIVES: [&str; 20] = [
    "base64Binary",
    "boolean",
    "canonical",
    "code",
    "date",
    "dateTime",
    "decimal",
    "id",
    "instant",
    "integer",
    "markdown",
    "oid",
    "positiveInt",
    "string",
    "time",
    "unsignedInt",
    "uri",
    "url",
    "uuid",
    "xhtml",
];

/// The largest string FHIR allows, in bytes.
const MAX_STRING: usize = 1024 * 1024;

/// Whether this is the name of a primitive type.
pub(crate) fn is_primitive(code: &str) -> bool {
    PRIMITIVES.binary_search(&code).is_ok()
}

/// `dateTime` → `DateTime`, as in the names of choice elements.
pub(crate) fn capitalised(code: &str) -> String {
    let mut letters = code.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// The type that the rest of a choice element's name says: `DateTime` → `dateTime`. None where it
/// does not begin like a type.
pub(crate) fn from_capitalised(suffix: &str) -> Option<String> {
    let first = suffix.chars().next().filter(char::is_ascii_uppercase)?;
    let rest = suffix.get(1..)?;
    let lower = format!("{}{rest}", first.to_ascii_lowercase());
    Some(if is_primitive(&lower) {
        lower
    } else {
        suffix.to_owned()
    })
}

/// Why a value is not of a primitive type.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// Another JSON type: a string for a number.
    JsonType,
    /// The right JSON type in a wrong form: a day that no calendar has.
    Form,
    /// An empty string: FHIR has none.
    Empty,
}

/// Judges one value of a primitive type.
///
/// # Errors
/// How it does not fit.
pub(crate) fn check(code: &str, value: &Value) -> Result<(), Misfit> {
    match code {
        "boolean" => value.as_bool().map(|_| ()).ok_or(Misfit::JsonType),
        "decimal" => value.as_f64().map(|_| ()).ok_or(Misfit::JsonType),
        "integer" => whole(value, i64::from(i32::MIN)),
        "unsignedInt" => whole(value, 0),
        "positiveInt" => whole(value, 1),
        _ => text(code, value.as_str().ok_or(Misfit::JsonType)?),
    }
}

fn whole(value: &Value, least: i64) -> Result<(), Misfit> {
    if !value.is_number() {
        return Err(Misfit::JsonType);
    }
    let number = value.as_i64().ok_or(Misfit::Form)?;
    fits((least..=i64::from(i32::MAX)).contains(&number))
}

fn fits(good: bool) -> Result<(), Misfit> {
    if good { Ok(()) } else { Err(Misfit::Form) }
}

fn text(code: &str, text: &str) -> Result<(), Misfit> {
    if text.is_empty() {
        return Err(Misfit::Empty);
    }
    fits(match code {
        "code" => is_code(text),
        "id" => is_id(text),
        "uri" | "url" | "canonical" => !text.contains(char::is_whitespace),
        "oid" => is_oid(text),
        "uuid" => text.strip_prefix("urn:uuid:").is_some_and(is_uuid),
        "date" => crate::date::is_date(text),
        "dateTime" => crate::date::is_date_time(text),
        "instant" => crate::date::is_instant(text),
        "time" => crate::date::is_time(text),
        "base64Binary" => is_base64(text),
        "xhtml" => text.trim_start().starts_with("<div"),
        _ => is_string(text),
    })
}

fn is_string(text: &str) -> bool {
    let allowed = |c: char| c >= ' ' || matches!(c, '\r' | '\n' | '\t');
    text.len() <= MAX_STRING && text.chars().all(allowed)
}

/// No space at either end, and never two together.
fn is_code(text: &str) -> bool {
    text.split(char::is_whitespace).all(|part| !part.is_empty())
}

fn is_id(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    text.len() <= 64 && text.chars().all(allowed)
}

fn is_oid(text: &str) -> bool {
    let Some(arcs) = text.strip_prefix("urn:oid:") else {
        return false;
    };
    let number = |arc: &str| {
        !arc.is_empty()
            && arc.bytes().all(|b| b.is_ascii_digit())
            && (arc == "0" || !arc.starts_with('0'))
    };
    let first = arcs.split('.').next();
    matches!(first, Some("0" | "1" | "2")) && arcs.contains('.') && arcs.split('.').all(number)
}

fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

fn is_base64(text: &str) -> bool {
    let digits = text.bytes().filter(|b| !b.is_ascii_whitespace());
    let (mut count, mut padding) = (0_usize, 0_usize);
    for byte in digits {
        count += 1;
        match byte {
            b'=' => padding += 1,
            _ if padding > 0 => return false,
            b'+' | b'/' => (),
            _ if byte.is_ascii_alphanumeric() => (),
            _ => return false,
        }
    }
    count % 4 == 0 && padding <= 2
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_primitives_are_sorted_for_the_search() {
        assert!(PRIMITIVES.is_sorted());
        assert!(is_primitive("dateTime"));
        assert!(!is_primitive("Quantity"));
    }

    #[test]
    fn a_choice_suffix_names_its_type() {
        assert_eq!(from_capitalised("DateTime").as_deref(), Some("dateTime"));
        assert_eq!(from_capitalised("Quantity").as_deref(), Some("Quantity"));
        assert_eq!(from_capitalised("set"), None);
        assert_eq!(capitalised("dateTime"), "DateTime");
    }

    #[test]
    fn each_type_takes_its_own_forms_only() {
        let good = [
            ("boolean", json!(false)),
            ("decimal", json!(5.10)),
            ("integer", json!(-3)),
            ("positiveInt", json!(1)),
            ("code", json!("entered in error")),
            ("id", json!("a-1.b")),
            ("oid", json!("urn:oid:1.2.392.0.1")),
            (
                "uuid",
                json!("urn:uuid:c757873d-ec9a-4326-a141-556f43239520"),
            ),
            ("base64Binary", json!("QUJD\nREU=")),
            ("string", json!("全角　空白")),
            ("xhtml", json!("<div xmlns='x'>a</div>")),
        ];
        for (code, value) in good {
            assert_eq!(check(code, &value), Ok(()), "{code} {value}");
        }
        let bad = [
            ("boolean", json!("true"), Misfit::JsonType),
            ("decimal", json!("5"), Misfit::JsonType),
            ("integer", json!(1.5), Misfit::Form),
            ("integer", json!(3_000_000_000_i64), Misfit::Form),
            ("positiveInt", json!(0), Misfit::Form),
            ("unsignedInt", json!(-1), Misfit::Form),
            ("code", json!(" final"), Misfit::Form),
            ("code", json!("a  b"), Misfit::Form),
            ("id", json!("日本"), Misfit::Form),
            ("uri", json!("http://a b"), Misfit::Form),
            ("oid", json!("urn:oid:1.2.03"), Misfit::Form),
            ("uuid", json!("urn:uuid:c757873d"), Misfit::Form),
            ("base64Binary", json!("QUJ"), Misfit::Form),
            ("base64Binary", json!("QQ==QQ=="), Misfit::Form),
            ("string", json!(""), Misfit::Empty),
            ("string", json!("a\u{1}"), Misfit::Form),
            ("xhtml", json!("<p>a</p>"), Misfit::Form),
        ];
        for (code, value, misfit) in bad {
            assert_eq!(check(code, &value), Err(misfit), "{code} {value}");
        }
    }
}
