//! JSON as text: what we store is the sender's bytes, with only top-level `id` and `meta` replaced.
//!
//! Nothing here reserialises a value: number forms (`1.50`, `1e2`), full-width digits, escapes and
//! variation selectors stay as they came.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::strict::{DUPLICATE, JsonError, TOO_MANY};

/// An object's members with their places in the text.
#[derive(Debug)]
pub(super) struct Document<'a> {
    text: &'a str,
    members: Vec<Member<'a>>,
}

/// One member of an object.
#[derive(Debug)]
pub(super) struct Member<'a> {
    pub(super) name: Cow<'a, str>,
    /// The value's text.
    pub(super) value: &'a str,
    place: Range<usize>,
}

struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members: Self::Value = Vec::new();
                while let Some((Name(name), value)) =
                    map.next_entry::<Name<'de>, &'de RawValue>()?
                {
                    if members.iter().any(|(other, _)| *other == name) {
                        return Err(A::Error::custom(DUPLICATE));
                    }
                    if members.len() >= MOST_MEMBERS {
                        return Err(A::Error::custom(TOO_MANY));
                    }
                    members.push((name, value));
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Each).map(Members)
    }
}

/// The most members of one object whose places are looked at; FHIR's own have a few dozen.
const MOST_MEMBERS: usize = 1_000;

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Document<'a> {
    /// Finds the members of the object that `text` is.
    ///
    /// # Errors
    /// `NotAnObject`, `Syntax`; a name that stands twice is `Syntax`.
    pub(super) fn parse(text: &'a str) -> Result<Self, JsonError> {
        if !text
            .trim_start_matches([' ', '\t', '\r', '\n'])
            .starts_with('{')
        {
            return Err(JsonError::NotAnObject);
        }
        let Members(found) = serde_json::from_str(text)?;
        let origin = text.as_ptr().addr();
        let members = found.into_iter().map(|(name, value)| {
            let value = value.get();
            let start = value.as_ptr().addr().saturating_sub(origin);
            Member {
                name,
                value,
                place: start..start.saturating_add(value.len()),
            }
        });
        Ok(Self {
            text,
            members: members.collect(),
        })
    }

    /// The text of the member of that name.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.members
            .iter()
            .find(|member| member.name == name)
            .map(|member| member.value)
    }

    /// All members, in their order.
    pub(super) fn members(&self) -> &[Member<'a>] {
        &self.members
    }

    /// The text with the values of these members replaced. One that is not there is put behind the
    /// first member. Every other byte stays.
    pub(super) fn with(&self, replacements: &[(&str, &str)]) -> String {
        let mut edits: Vec<(Range<usize>, String)> = Vec::new();
        let mut added = String::new();
        for (name, value) in replacements {
            match self.members.iter().find(|member| member.name == *name) {
                Some(member) => edits.push((member.place.clone(), (*value).to_owned())),
                None => added.push_str(&format!(",\"{name}\":{value}")),
            }
        }
        if !added.is_empty() {
            match self.members.first() {
                Some(first) => edits.push((first.place.end..first.place.end, added)),
                None => {
                    let inside = self.text.find('{').map_or(0, |brace| brace + 1);
                    edits.push((inside..inside, added.trim_start_matches(',').to_owned()));
                }
            }
        }
        replaced(self.text, edits)
    }

    /// The text without these members: what a comparison "outside `id` and `meta`" looks at.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn without(&self, names: &[&str]) -> String {
        let mut edits = Vec::new();
        let mut end = self.text.find('{').map_or(0, |brace| brace + 1);
        let mut first = true;
        for member in &self.members {
            let begin = end;
            end = member.place.end;
            if names.contains(&member.name.as_ref()) {
                let comma = self.text.get(end..).and_then(|rest| rest.find(','));
                let upto = if first {
                    end + comma.map_or(0, |at| at + 1)
                } else {
                    end
                };
                edits.push((begin..upto, String::new()));
            } else {
                first = false;
            }
        }
        replaced(self.text, edits)
    }
}

/// `text` with each of these places, none overlapping another, replaced.
pub(super) fn replaced(text: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(place, _)| (place.start, place.end));
    let grown: usize = edits.iter().map(|(_, with)| with.len()).sum();
    let mut result = String::with_capacity(text.len() + grown);
    let mut done = 0;
    for (place, with) in edits {
        result.push_str(text.get(done..place.start).unwrap_or(""));
        result.push_str(&with);
        done = place.end.max(done);
    }
    result.push_str(text.get(done..).unwrap_or(""));
    result
}

/// The places of every text value (quotes included) of a member of one of these names, at any
/// depth.
///
/// `text` must be JSON already.
pub(super) fn places_of<'a>(text: &'a str, names: &[&str]) -> Vec<(Range<usize>, Cow<'a, str>)> {
    let mut places = Vec::new();
    let mut at = 0;
    let mut named = false;
    while let Some(open) = text
        .get(at..)
        .and_then(|rest| rest.find('"'))
        .map(|next| at + next)
    {
        let between = text.get(at..open).unwrap_or("");
        // A member's value that is no text lies between its name and the next quote.
        named = named
            && between
                .bytes()
                .all(|b| b == b':' || b.is_ascii_whitespace());
        let Some(close) = closing(text, open) else {
            break;
        };
        let place = open..close + 1;
        let token = text.get(place.clone()).unwrap_or("");
        at = close + 1;
        let is_name = text.get(at..).is_some_and(|rest| {
            rest.trim_start_matches([' ', '\t', '\r', '\n'])
                .starts_with(':')
        });
        if is_name {
            named = unescaped(token).is_some_and(|found| names.contains(&found.as_ref()));
        } else {
            if named && let Some(value) = unescaped(token) {
                places.push((place, value));
            }
            named = false;
        }
    }
    places
}

fn unescaped(token: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Name<'_>>(token)
        .ok()
        .map(|Name(text)| text)
}

/// The place of the quote that closes the text opened at `open`.
fn closing(text: &str, open: usize) -> Option<usize> {
    let mut escaped = false;
    for (offset, byte) in text.as_bytes().get(open + 1..)?.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(open + 1 + offset),
            _ => {}
        }
    }
    None
}

/// A JSON text of `value`, quotes included.
pub(super) fn quoted(value: &str) -> String {
    Value::from(value).to_string()
}

/// The document without line ends. Between its tokens they say nothing, and inside a text no JSON has
/// them bare.
pub(super) fn on_one_line(text: &str) -> String {
    text.replace(['\n', '\r'], "")
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests fail by panicking"
    )]
    use proptest::prelude::*;

    use super::*;

    const ODD: &str = "{ \"resourceType\" : \"Observation\",\n\t\"id\":\"a\" , \"valueQuantity\": \
        {\"value\": 1.50, \"code\":\"1e2\"}, \"n\":1e2, \"m\" :-0.0,\"meta\":{\"tag\":[ ]},\
        \"text\":\"１２３ 𠮷 葛\u{e0100} \\u00e9 \\\"id\\\":\\/\", \"z\":[ ] }";

    #[test]
    fn only_id_and_meta_change() {
        let document = Document::parse(ODD).unwrap();
        let spliced = document.with(&[("id", "\"b-2\""), ("meta", "{\"versionId\":\"7\"}")]);
        let expected = ODD
            .replace("\"id\":\"a\"", "\"id\":\"b-2\"")
            .replace("{\"tag\":[ ]}", "{\"versionId\":\"7\"}");
        assert_eq!(spliced, expected);
    }

    #[test]
    fn what_is_absent_goes_behind_the_first_member() {
        let with = |text: &str| {
            Document::parse(text)
                .unwrap()
                .with(&[("id", "1"), ("meta", "{}")])
        };
        assert_eq!(
            with("{\"a\":2 , \"b\":3}"),
            "{\"a\":2,\"id\":1,\"meta\":{} , \"b\":3}"
        );
        assert_eq!(with("{}"), "{\"id\":1,\"meta\":{}}");
        assert_eq!(
            with(" {\"a\":\"\\u007b\"}"),
            " {\"a\":\"\\u007b\",\"id\":1,\"meta\":{}}"
        );
    }

    #[test]
    fn stripping_undoes_splicing() {
        for text in [
            "{\"a\":1}",
            "{ \"a\" : 1 , \"b\" : {\"id\":3} }",
            "{\"a\":1,\"é\":\"\"}",
        ] {
            let spliced = Document::parse(text)
                .unwrap()
                .with(&[("id", "\"x\""), ("meta", "{}")]);
            assert_eq!(
                Document::parse(&spliced).unwrap().without(&["id", "meta"]),
                text
            );
        }
        let first = Document::parse("{\"id\":\"x\",\"a\":1}").unwrap();
        assert_eq!(first.without(&["id"]), "{\"a\":1}");
    }

    #[test]
    fn only_texts_of_that_name_are_found() {
        let text = "{\"reference\":\"a\",\"x\":{\"reference\" : [\"b\"], \"y\":\"reference\"},\
                    \"l\":[{\"reference\":null},\"c\",{\"\\u0072eference\":\"\\u0064\"}],\
                    \"reference2\":\"e\"}";
        let found: Vec<_> = places_of(text, &["reference"])
            .into_iter()
            .map(|(_, v)| v)
            .collect();
        assert_eq!(found, ["a", "d"]);
    }

    /// Any JSON value as text, with odd spacing, escapes and number forms.
    fn any_json() -> impl Strategy<Value = String> {
        let number = prop_oneof![
            Just("1.50".to_owned()),
            Just("1e2".to_owned()),
            Just("-0.0".to_owned()),
            Just("123456789012345678901234567890".to_owned()),
            any::<i64>().prop_map(|n| n.to_string()),
        ];
        let text = prop_oneof![
            any::<String>().prop_map(|text| quoted(&text)),
            Just("\"\\u00e9\\/\\n１２\"".to_owned()),
            Just("\"葛\u{e0100}𠮷\"".to_owned()),
        ];
        let leaf = prop_oneof![
            number,
            text,
            Just("true".to_owned()),
            Just("null".to_owned())
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            let list = proptest::collection::vec(inner.clone(), 0..4);
            let members = proptest::collection::btree_map("[a-z]{1,6}", inner, 0..4);
            prop_oneof![
                list.prop_map(|items| format!("[ {} ]", items.join(" ,"))),
                members.prop_map(|members| object(members.into_iter().collect())),
            ]
        })
    }

    fn object(members: Vec<(String, String)>) -> String {
        let members: Vec<_> = members
            .into_iter()
            .map(|(name, value)| format!("\"{name}\" :\t{value}"))
            .collect();
        format!("{{\n{}\r\n}}", members.join(" ,\n  "))
    }

    proptest! {
        #[test]
        fn all_other_bytes_survive(
            members in proptest::collection::btree_map("[a-zA-Z]{3,8}", any_json(), 0..6),
            id in proptest::option::of("[a-z0-9]{1,8}"),
            meta in proptest::option::of(any_json()),
            order in any::<u64>(),
        ) {
            let mut all: Vec<(String, String)> = members.into_iter().collect();
            all.retain(|(name, _)| name != "meta");
            if let Some(id) = id { all.push(("id".to_owned(), quoted(&id))); }
            if let Some(meta) = meta { all.push(("meta".to_owned(), meta)); }
            if !all.is_empty() {
                let turn = usize::try_from(order % 64).unwrap() % all.len();
                all.rotate_left(turn);
            }
            let text = object(all);
            let document = Document::parse(&text).unwrap();
            let spliced = document.with(&[("id", "\"new\""), ("meta", "{\"versionId\":\"1\"}")]);
            let after = Document::parse(&spliced).unwrap();
            prop_assert_eq!(after.get("id"), Some("\"new\""));
            prop_assert_eq!(after.get("meta"), Some("{\"versionId\":\"1\"}"));
            let outside = |d: &Document<'_>| -> Vec<(String, String)> {
                d.members().iter()
                    .filter(|m| m.name != "id" && m.name != "meta")
                    .map(|m| (m.name.to_string(), m.value.to_owned()))
                    .collect()
            };
            prop_assert_eq!(outside(&document), outside(&after));
            prop_assert_eq!(document.without(&["id", "meta"]), after.without(&["id", "meta"]));
        }

        #[test]
        fn nothing_panics(text in any::<String>()) {
            if let Ok(document) = Document::parse(&text) { document.with(&[("id", "1")]); }
            places_of(&text, &["reference"]);
        }
    }
}
