//! Writes JSON: members in the order of FHIR's elements, numbers with the zeros that a laboratory
//! sends (0.70), which neither a map nor a floating point number keeps. Never reads JSON.

use std::fmt::Write as _;

/// What can stand as the value of a member.
pub(crate) trait Json {
    fn write(&self, text: &mut String);

    /// Whether there is nothing to say: FHIR has no empty arrays and no nulls.
    fn is_absent(&self) -> bool {
        false
    }
}

/// A finished object.
#[derive(Debug, Clone)]
pub(crate) struct Object(String);

/// A finished number.
#[derive(Debug, Clone)]
pub(crate) struct Number(String);

/// Bytes that most objects need no more than: fewer moves while they grow.
const ROOM: usize = 192;

/// An object being written.
#[derive(Debug)]
pub(crate) struct Members(String);

/// `object! { "resourceType": "Patient", "id": id }`; absent values leave no member.
macro_rules! object {
    ($($name:literal: $value:expr),* $(,)?) => {{
        let mut members = $crate::json::Members::open();
        $(members.add($name, &$value);)*
        members.close()
    }};
}
pub(crate) use object;

impl Members {
    pub(crate) fn open() -> Self {
        let mut text = String::with_capacity(ROOM);
        text.push('{');
        Self(text)
    }

    pub(crate) fn add(&mut self, name: &str, value: &(impl Json + ?Sized)) {
        if value.is_absent() {
            return;
        }
        if self.0.len() > 1 {
            self.0.push(',');
        }
        name.write(&mut self.0);
        self.0.push(':');
        value.write(&mut self.0);
    }

    pub(crate) fn close(mut self) -> Object {
        self.0.push('}');
        Object(self.0)
    }
}

impl Object {
    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self(value.to_string())
    }
}

/// `value` with exactly `places` digits after the point.
pub(crate) fn decimal(value: f64, places: usize) -> Number {
    Number(format!("{value:.places$}"))
}

impl Json for str {
    fn write(&self, text: &mut String) {
        text.push('"');
        let plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
        if self.bytes().all(plain) {
            // Nearly everything: copied at once.
            text.push_str(self);
            text.push('"');
            return;
        }
        for character in self.chars() {
            match character {
                '"' => text.push_str("\\\""),
                '\\' => text.push_str("\\\\"),
                control if control < ' ' => {
                    // Writing to a String does not fail.
                    let _ = write!(text, "\\u{:04x}", u32::from(control));
                }
                plain => text.push(plain),
            }
        }
        text.push('"');
    }
}

impl Json for String {
    fn write(&self, text: &mut String) {
        self.as_str().write(text);
    }
}

impl Json for bool {
    fn write(&self, text: &mut String) {
        text.push_str(if *self { "true" } else { "false" });
    }
}

impl Json for Object {
    fn write(&self, text: &mut String) {
        text.push_str(&self.0);
    }
}

impl Json for Number {
    fn write(&self, text: &mut String) {
        text.push_str(&self.0);
    }
}

impl<T: Json + ?Sized> Json for &T {
    fn write(&self, text: &mut String) {
        (**self).write(text);
    }

    fn is_absent(&self) -> bool {
        (**self).is_absent()
    }
}

impl<T: Json> Json for Option<T> {
    fn write(&self, text: &mut String) {
        match self {
            Some(value) => value.write(text),
            None => text.push_str("null"),
        }
    }

    fn is_absent(&self) -> bool {
        self.as_ref().is_none_or(Json::is_absent)
    }
}

impl<T: Json> Json for [T] {
    fn write(&self, text: &mut String) {
        text.push('[');
        for (position, value) in self.iter().enumerate() {
            if position > 0 {
                text.push(',');
            }
            value.write(text);
        }
        text.push(']');
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl<T: Json, const N: usize> Json for [T; N] {
    fn write(&self, text: &mut String) {
        self.as_slice().write(text);
    }

    fn is_absent(&self) -> bool {
        N == 0
    }
}

impl<T: Json> Json for Vec<T> {
    fn write(&self, text: &mut String) {
        self.as_slice().write(text);
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stay_in_order_and_absent_ones_leave_nothing() {
        let nobody: Option<&str> = None;
        let nothing: Vec<String> = Vec::new();
        let written = object! {
            "zebra": "𠮷",
            "nobody": nobody,
            "nothing": nothing,
            "able": [object! { "value": decimal(0.7, 2) }, object! { "value": true }],
            "known": true,
        };
        assert_eq!(
            written.into_text(),
            r#"{"zebra":"𠮷","able":[{"value":0.70},{"value":true}],"known":true}"#
        );
    }

    #[test]
    fn quotes_backslashes_and_controls_are_escaped() {
        let mut text = String::new();
        "a\"b\\c\nd".write(&mut text);
        assert_eq!(text, r#""a\"b\\c\u000ad""#);
    }
}
