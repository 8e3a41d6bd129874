//! Resources as text: for comparing bytes, knowing nothing of how a node edits them.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The text of a resource with its top-level members `id` and `meta` cut out, each from behind the
/// member before it (or the brace) to its own end; of a first member the comma behind it too.
/// White space around the document is not of the resource.
pub(crate) fn outside(text: &str) -> String {
    let text = text.trim();
    let Members(members) = serde_json::from_str(text).unwrap();
    let mut kept = String::new();
    let mut end = text.find('{').unwrap() + 1;
    kept.push_str(&text[..end]);
    let mut first = true;
    for (name, value) in members {
        let begin = end;
        end = value.get().as_ptr().addr() - text.as_ptr().addr() + value.get().len();
        if name != "id" && name != "meta" {
            kept.push_str(&text[begin..end]);
            first = false;
        } else if first {
            end += text[end..].find(',').unwrap() + 1;
        }
    }
    kept.push_str(&text[end..]);
    kept
}

/// The resources of a searchset as text, outcomes left out.
pub(crate) fn raw_resources(searchset: &str) -> Vec<String> {
    #[derive(Deserialize)]
    struct Searchset<'a> {
        #[serde(borrow, default)]
        entry: Vec<Entry<'a>>,
    }
    #[derive(Deserialize)]
    struct Entry<'a> {
        #[serde(borrow)]
        resource: &'a RawValue,
        search: Mode,
    }
    #[derive(Deserialize)]
    struct Mode {
        mode: String,
    }
    let searchset: Searchset<'_> = serde_json::from_str(searchset).unwrap();
    let entries = searchset.entry.into_iter();
    entries
        .filter(|entry| entry.search.mode == "match")
        .map(|entry| entry.resource.get().to_owned())
        .collect()
}

/// The members of an object, in their order, each with its text.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

#[test]
fn outside_id_and_meta_every_byte_counts() {
    let with = "{ \"id\" : \"x\",\n \"resourceType\":\"A\" , \"meta\":{\"id\":1},\n\"n\": 1.50 }";
    assert_eq!(outside(with), "{\n \"resourceType\":\"A\",\n\"n\": 1.50 }");
    assert_eq!(
        outside("{\"meta\":{},\"id\":\"x\",\"n\":{\"id\": 2}}"),
        "{\"n\":{\"id\": 2}}"
    );
    assert_ne!(outside("{\"n\":1.5}"), outside("{\"n\":1.50}"));
    assert_ne!(outside("{\"n\":1}"), outside("{\"n\": 1}"));
}
