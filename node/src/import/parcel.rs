//! A Bundle as it came, made into the transaction that takes it in. A batch is taken whole or not at
//! all, as every file is; what another server sent in answer (a searchset) or put together (a
//! collection) is a set of resources, each put under its id. Entries keep their texts.

use serde::Deserialize;
use serde_json::value::RawValue;

/// A Bundle, ready to be taken in.
#[derive(Debug)]
pub(super) struct Parcel {
    /// The transaction.
    pub(super) transaction: String,
    /// The first profile that each of its entries claims.
    pub(super) profiles: Vec<Option<String>>,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(borrow, default)]
    entry: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Held<'a> {
    #[serde(rename = "fullUrl", borrow)]
    full_url: Option<&'a RawValue>,
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    search: Option<Search>,
}

#[derive(Deserialize)]
struct Search {
    mode: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(rename = "resourceType")]
    resource_type: Option<String>,
    id: Option<String>,
}

impl Parcel {
    /// Reads a Bundle of a type that is taken.
    ///
    /// # Errors
    /// Why it is not, and what to do about it.
    pub(super) fn read(body: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
        let read: Body<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let entries = match read.kind.as_deref() {
            // As it came: whatever is wrong with it is told in its own places.
            Some("transaction") => {
                return Ok(Self {
                    profiles: read.entry.iter().map(|entry| profile(entry)).collect(),
                    transaction: text.to_owned(),
                });
            }
            Some("batch") => read.entry.iter().map(|one| one.get().to_owned()).collect(),
            Some("collection" | "searchset") => puts(&read.entry)?,
            other => return Err(refusal(other)),
        };
        Ok(Self::of(&entries))
    }

    fn of(entries: &[String]) -> Self {
        let profile_of = |entry: &String| {
            let entry: &RawValue = serde_json::from_str(entry).ok()?;
            profile(entry)
        };
        Self {
            profiles: entries.iter().map(profile_of).collect(),
            transaction: format!(
                "{{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[{}]}}",
                entries.join(",")
            ),
        }
    }
}

fn refusal(kind: Option<&str>) -> String {
    let kind = match kind {
        None => "without a type",
        Some("document") => "of type document",
        Some("message") => "of type message",
        Some("history") => "of type history",
        Some(_) => "of this type",
    };
    format!(
        "a Bundle {kind} is not taken: give its resources as a transaction, batch, collection or \
         searchset, or one a line as NDJSON"
    )
}

/// Entries that put each resource under its id; under an id of ours where it has none. What a server
/// said about its own search is no resource of anybody's chart.
fn puts(entries: &[&RawValue]) -> Result<Vec<String>, String> {
    let mut puts = Vec::with_capacity(entries.len());
    for (place, entry) in entries.iter().enumerate() {
        let wrong = |reason: &str| format!("entry {place}: {reason}");
        let held: Held<'_> =
            serde_json::from_str(entry.get()).map_err(|error| wrong(&error.to_string()))?;
        let mode = held.search.and_then(|search| search.mode);
        if mode.as_deref() == Some("outcome") {
            continue;
        }
        let resource = held.resource.ok_or_else(|| wrong("it has no resource"))?;
        let named: Named =
            serde_json::from_str(resource.get()).map_err(|error| wrong(&error.to_string()))?;
        let kind = named.resource_type.unwrap_or_default();
        let (method, url) = match named.id {
            Some(id) => ("PUT", format!("{kind}/{id}")),
            None => ("POST", kind),
        };
        let url = serde_json::Value::String(url);
        let full_url = held
            .full_url
            .map(|url| format!("\"fullUrl\":{},", url.get()))
            .unwrap_or_default();
        puts.push(format!(
            "{{{full_url}\"resource\":{},\"request\":{{\"method\":\"{method}\",\"url\":{url}}}}}",
            resource.get()
        ));
    }
    Ok(puts)
}

/// The first profile that an entry's resource claims.
fn profile(entry: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Entry {
        resource: Option<Resource>,
    }
    #[derive(Deserialize)]
    struct Resource {
        meta: Option<Meta>,
    }
    #[derive(Deserialize)]
    struct Meta {
        profile: Option<Vec<String>>,
    }
    let entry: Entry = serde_json::from_str(entry.get()).ok()?;
    entry.resource?.meta?.profile?.into_iter().next()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use proptest::prelude::*;

    use super::*;

    fn read(kind: &str, entries: &str) -> Result<Parcel, String> {
        let text =
            format!("{{\"resourceType\":\"Bundle\",\"type\":\"{kind}\",\"entry\":[{entries}]}}");
        Parcel::read(text.as_bytes())
    }

    #[test]
    fn a_searchset_puts_each_resource_with_the_digits_it_came_with() {
        let found = "{\"fullUrl\":\"http://x/Observation/a\",\"resource\":{\"resourceType\":\
                     \"Observation\",\"id\":\"a\",\"meta\":{\"profile\":[\"urn:lab\"]},\"valueQuantity\":\
                     {\"value\":7.10}},\"search\":{\"mode\":\"match\"}}";
        let said = "{\"resource\":{\"resourceType\":\"OperationOutcome\"},\"search\":\
                    {\"mode\":\"outcome\"}}";
        let parcel = read("searchset", &format!("{found},{said}")).unwrap();
        assert_eq!(parcel.profiles, [Some("urn:lab".to_owned())]);
        assert!(parcel.transaction.contains("7.10"));
        assert!(
            parcel
                .transaction
                .ends_with("\"request\":{\"method\":\"PUT\",\"url\":\"Observation/a\"}}]}")
        );
        assert!(!parcel.transaction.contains("OperationOutcome"));
    }

    #[test]
    fn what_is_not_taken_says_what_to_do_instead() {
        for kind in ["history", "document", "message", "transaction-response"] {
            let refused = read(kind, "").unwrap_err();
            assert!(refused.contains("NDJSON"), "{refused}");
        }
        assert!(read("collection", "{}").unwrap_err().contains("entry 0"));
    }

    proptest! {
        #[test]
        fn no_bundle_makes_it_panic(
            kind in "(transaction|batch|collection|searchset|history)?",
            entries in "(\\{\"resource\":\\{\"resourceType\":\"[A-Za-z\"/]{0,4}\",\"id\":\"[a-z/ ]{0,3}\"\\}\\},?){0,3}",
        ) {
            if let Ok(parcel) = read(&kind, &entries) {
                prop_assert!(parcel.transaction.contains("\"transaction\""));
            }
        }
    }
}
