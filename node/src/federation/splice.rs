//! Changes inside a JSON text that leave every other byte alone.
//!
//! Resources of peers are shown as they came: full-width digits, number forms and spacing survive.
//! Only `meta.source` is set, in the text.

use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of a JSON object with the places of their values in the text.
pub(super) struct Members<'a> {
    text: &'a str,
    members: Vec<(String, &'a RawValue)>,
}

impl<'a> Members<'a> {
    /// The members of the object that `text` is; `None` when it is none, or names one twice.
    pub(super) fn of(text: &'a str) -> Option<Self> {
        let Pairs(members) = serde_json::from_str(text).ok()?;
        let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let unique = names.windows(2).all(|pair| pair.first() != pair.last());
        unique.then_some(Self { text, members })
    }

    /// The value of `name` as text.
    pub(super) fn raw(&self, name: &str) -> Option<&'a str> {
        self.members
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.get())
    }

    /// The value of `name` when it is a string.
    pub(super) fn string(&self, name: &str) -> Option<String> {
        self.raw(name)
            .and_then(|raw| serde_json::from_str(raw).ok())
    }

    fn place(&self, name: &str) -> Option<Range<usize>> {
        let raw = self.raw(name)?;
        let start = raw.as_ptr().addr().checked_sub(self.text.as_ptr().addr())?;
        Some(start..start.checked_add(raw.len())?)
    }

    /// The text with `name` set to `value` (JSON): in its place, or as the first member.
    pub(super) fn set(&self, name: &str, value: &str) -> Option<String> {
        if let Some(place) = self.place(name) {
            let (before, after) = (self.text.get(..place.start)?, self.text.get(place.end..)?);
            return Some([before, value, after].concat());
        }
        let brace = self.text.find('{')? + 1;
        let (before, after) = (self.text.get(..brace)?, self.text.get(brace..)?);
        let comma = if self.members.is_empty() { "" } else { "," };
        Some(
            [
                before,
                &serde_json::to_string(name).ok()?,
                ":",
                value,
                comma,
                after,
            ]
            .concat(),
        )
    }
}

/// The resource with `meta.source` set to `source`, every other byte as it was; `None` when the
/// text is no JSON object of unique names, or its `meta` is none.
pub(super) fn with_source(resource: &str, source: &str) -> Option<String> {
    let members = Members::of(resource)?;
    let source = serde_json::to_string(source).ok()?;
    let meta = match members.raw("meta") {
        Some(meta) => Members::of(meta)?.set("source", &source)?,
        None => format!("{{\"source\":{source}}}"),
    };
    members.set("meta", &meta)
}

struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry::<String, &'de RawValue>()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::as_conversions,
        reason = "tests fail by panicking"
    )]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_source_changes() {
        let raw = "{ \"resourceType\" : \"Observation\",\n \"meta\":{\"versionId\":\"1\", \
                   \"source\" : \"#x\"}, \"valueQuantity\":{\"value\":1.50e0}, \"note\":\"\u{845b}\u{e0100} ７２\" }";
        let set = with_source(raw, "urn:musubi:member:0110000002").unwrap();
        assert_eq!(
            set,
            raw.replace("\"#x\"", "\"urn:musubi:member:0110000002\"")
        );
    }

    #[test]
    fn a_missing_source_or_meta_is_put_first() {
        assert_eq!(
            with_source(r#"{"a":1}"#, "s").unwrap(),
            r#"{"meta":{"source":"s"},"a":1}"#
        );
        assert_eq!(
            with_source(" {} ", "s").unwrap(),
            r#" {"meta":{"source":"s"}} "#
        );
        assert_eq!(
            with_source(r#"{"meta":{"tag":[]}}"#, "s").unwrap(),
            r#"{"meta":{"source":"s","tag":[]}}"#
        );
    }

    #[test]
    fn an_escaped_name_is_the_name_it_spells() {
        assert_eq!(
            with_source(r#"{"m\u0065ta":{"source":"a"}}"#, "s").unwrap(),
            r#"{"m\u0065ta":{"source":"s"}}"#
        );
    }

    #[test]
    fn what_is_ambiguous_is_refused() {
        for raw in [
            r#"{"meta":{},"meta":{}}"#,
            r#"{"meta":1}"#,
            "[]",
            "{",
            "",
            r#"{"a":1}x"#,
        ] {
            assert_eq!(with_source(raw, "s"), None, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}") {
            let _ = with_source(&text, "s");
        }

        #[test]
        fn all_else_means_what_it_meant(a in "[\\PC]{0,12}", n in any::<i64>()) {
            let value = serde_json::json!({"k": a, "meta": {"x": n}, "z": [n, a]});
            let set = with_source(&value.to_string(), "s").unwrap();
            let mut back: serde_json::Value = serde_json::from_str(&set).unwrap();
            back["meta"].as_object_mut().unwrap().remove("source");
            prop_assert_eq!(back, value);
        }
    }
}
