//! Values of search parameters as they are written: alternatives, escapes, prefixes.

use super::condition::{Comparison, DateTest, MeasureTest, Unit};
use crate::records::number;
use crate::records::system::{hash_code, hash_coded};
use crate::records::{date, fold};

/// A token as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// This hash.
    Hash(i64),
    /// Any code of this system.
    System(String),
}

/// Splits at commas that no backslash stands before; escapes are kept for [`unescaped`].
pub(super) fn alternatives(value: &str) -> Vec<String> {
    split(value, ',')
}

pub(super) fn split(value: &str, at: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for c in value.chars() {
        if c == at && !escaped {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(c);
        }
        escaped = c == '\\' && !escaped;
    }
    parts
}

pub(super) fn unescaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut escaped = false;
    for c in value.chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            escaped = false;
            text.push(c);
        }
    }
    text
}

/// `code`, `system|code`, `|code` or `system|`. A `bare` parameter's elements carry no system:
/// theirs is implied, and not compared.
pub(super) fn token(value: &str, bare: bool) -> Option<Token> {
    let parts = split(value, '|');
    match &*parts {
        [code] if !code.is_empty() => Some(Token::Hash(hash_code(&unescaped(code)))),
        [system, code] if code.is_empty() => {
            (!system.is_empty() && !bare).then(|| Token::System(unescaped(system)))
        }
        [_, code] if bare => Some(Token::Hash(hash_code(&unescaped(code)))),
        [system, code] => Some(Token::Hash(hash_coded(
            &unescaped(system),
            &unescaped(code),
        ))),
        _ => None,
    }
}

/// A prefix, if there is one, and the rest.
fn prefixed(value: &str) -> (Comparison, &str) {
    let Some((prefix, rest)) = value.split_at_checked(2) else {
        return (Comparison::Equal, value);
    };
    let how = match prefix {
        "eq" => Comparison::Equal,
        "ne" => Comparison::NotEqual,
        "gt" => Comparison::Greater,
        "lt" => Comparison::Less,
        "ge" => Comparison::GreaterOrEqual,
        "le" => Comparison::LessOrEqual,
        "sa" => Comparison::StartsAfter,
        "eb" => Comparison::EndsBefore,
        "ap" => Comparison::Approximately,
        _ => return (Comparison::Equal, value),
    };
    (how, rest)
}

pub(super) fn date_test(value: &str) -> Option<DateTest> {
    let (how, rest) = prefixed(value);
    let span = date::parse(rest)?;
    let span = match how {
        Comparison::Approximately => span.widened(),
        _ => span,
    };
    Some(DateTest { how, span })
}

/// `5.4`, `le5.4|http://unitsofmeasure.org|mg` or `5.4||mg`.
pub(super) fn measure_test(value: &str, with_unit: bool) -> Option<MeasureTest> {
    let parts = split(value, '|');
    let (how, number) = prefixed(parts.first()?);
    let asked = number::asked(number)?;
    let unit = match &*parts {
        [_] => Unit::Any,
        [_, system, code] if with_unit && !code.is_empty() => {
            let (system, code) = (unescaped(system), unescaped(code));
            if system.is_empty() {
                Unit::Named(hash_code(&code))
            } else {
                Unit::Coded(hash_coded(&system, &code))
            }
        }
        _ => return None,
    };
    Some(MeasureTest { how, asked, unit })
}

/// A text as the index has it; `None` where nothing is left of it.
pub(super) fn text(value: &str) -> Option<String> {
    whole_text(value).map(|text| fold::folded(&text))
}

/// A text, folded; `None` where nothing is left of it.
pub(super) fn whole_text(value: &str) -> Option<String> {
    let text = fold::folded_whole(&unescaped(value));
    (!text.is_empty()).then_some(text)
}
