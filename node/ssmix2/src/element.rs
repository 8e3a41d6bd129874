//! FHIR JSON under construction. Owns one rule: what has no value leaves no trace, since FHIR
//! knows neither empty texts nor empty lists, and most of a message is optional.
//!
//! Not `serde_json::Value`: a decimal must keep the digits it was sent with (`8.70` is not `8.7`).

use std::fmt::Write as _;

/// A value, or nothing.
#[derive(Clone, Debug, PartialEq, Default)]
pub(crate) enum Element {
    /// No value: vanishes from the list or object that it is put into.
    #[default]
    Nothing,
    Text(String),
    Flag(bool),
    Decimal(Decimal),
    List(Vec<Element>),
    Object(Vec<(&'static str, Element)>),
}

/// An object: `fhir!{"system": system, "code": code}`, with anything that becomes an [`Element`].
macro_rules! fhir {
    ($($name:literal : $value:expr),* $(,)?) => {
        $crate::element::Element::object([$(($name, $crate::element::Element::from($value))),*])
    };
}
pub(crate) use fhir;

impl Element {
    /// An object of those members that have a value; nothing if none has.
    pub(crate) fn object(members: impl IntoIterator<Item = (&'static str, Self)>) -> Self {
        let members = members.into_iter();
        let members: Vec<_> = members.filter(|(_, value)| !value.is_nothing()).collect();
        if members.is_empty() {
            Self::Nothing
        } else {
            Self::Object(members)
        }
    }

    /// A list of those items that have a value; nothing if none has.
    pub(crate) fn list(items: impl IntoIterator<Item = Self>) -> Self {
        let items: Vec<_> = items
            .into_iter()
            .filter(|item| !item.is_nothing())
            .collect();
        if items.is_empty() {
            Self::Nothing
        } else {
            Self::List(items)
        }
    }

    /// A list of one.
    pub(crate) fn one(item: impl Into<Self>) -> Self {
        Self::list([item.into()])
    }

    /// The object with the members of another behind its own.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Object(mut members), Self::Object(more)) => {
                members.extend(more);
                Self::Object(members)
            }
            (Self::Nothing, other) => other,
            (own, _) => own,
        }
    }

    pub(crate) const fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    /// This, or the other if this is nothing.
    pub(crate) fn or(self, other: impl FnOnce() -> Self) -> Self {
        if self.is_nothing() { other() } else { self }
    }

    /// This, if the condition holds.
    pub(crate) fn when(self, condition: bool) -> Self {
        if condition { self } else { Self::Nothing }
    }

    /// As JSON.
    pub(crate) fn write(&self, json: &mut String) {
        match self {
            Self::Nothing => json.push_str("null"),
            Self::Text(text) => write_text(text, json),
            Self::Flag(flag) => json.push_str(if *flag { "true" } else { "false" }),
            Self::Decimal(decimal) => json.push_str(&decimal.0),
            Self::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    json.push(if at == 0 { '[' } else { ',' });
                    item.write(json);
                }
                json.push(']');
            }
            Self::Object(members) => {
                for (at, (name, value)) in members.iter().enumerate() {
                    json.push(if at == 0 { '{' } else { ',' });
                    write_text(name, json);
                    json.push(':');
                    value.write(json);
                }
                json.push('}');
            }
        }
    }
}

fn write_text(text: &str, json: &mut String) {
    json.push('"');
    for sign in text.chars() {
        match sign {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            control if control.is_control() => {
                // Writing to a String cannot fail.
                let _ = write!(json, "\\u{:04x}", u32::from(control));
            }
            other => json.push(other),
        }
    }
    json.push('"');
}

impl From<&str> for Element {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<String> for Element {
    fn from(text: String) -> Self {
        if text.is_empty() {
            Self::Nothing
        } else {
            Self::Text(text)
        }
    }
}

impl From<bool> for Element {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<Decimal> for Element {
    fn from(decimal: Decimal) -> Self {
        Self::Decimal(decimal)
    }
}

impl<T: Into<Self>> From<Option<T>> for Element {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Into::into)
    }
}

/// A number with the digits that it was sent with, spelled as JSON and FHIR want it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decimal(String);

impl Decimal {
    /// Of HL7's NM: an optional sign, digits, an optional point. Anything else is no number.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let some = !whole.is_empty() || !fraction.is_empty();
        if !some || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let whole = match whole.trim_start_matches('0') {
            "" => "0",
            whole => whole,
        };
        let point = if fraction.is_empty() { "" } else { "." };
        Some(Self(format!("{sign}{whole}{point}{fraction}")))
    }

    /// Of a count that we made ourselves.
    pub(crate) fn of(count: usize) -> Self {
        Self(count.to_string())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    fn json(element: &Element) -> String {
        let mut json = String::new();
        element.write(&mut json);
        json
    }

    #[test]
    fn what_has_no_value_leaves_no_trace() {
        let element = fhir! {
            "a": "x",
            "b": "",
            "c": None::<String>,
            "d": fhir! {"e": Element::list([])},
            "f": Element::one("y\"\u{1}𠮷"),
            "g": true,
        };
        assert_eq!(json(&element), r#"{"a":"x","f":["y\"\u0001𠮷"],"g":true}"#);
        assert!(fhir! {"a": ""}.is_nothing());
    }

    #[test]
    fn decimals_keep_their_digits() {
        for (sent, kept) in [
            ("8.70", "8.70"),
            ("+5", "5"),
            ("007", "7"),
            (".5", "0.5"),
            ("-0.0", "-0.0"),
            ("5.", "5"),
            ("0", "0"),
            ("-12", "-12"),
        ] {
            assert_eq!(Decimal::parse(sent).unwrap().0, kept, "{sent}");
        }
        for sent in ["", "-", ".", "1e5", "<5", "８", "1,000", "1.2.3", "--1"] {
            assert_eq!(Decimal::parse(sent), None, "{sent}");
        }
    }
}
