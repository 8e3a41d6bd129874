//! What the fuzz targets of `node/fuzz` do with this room, and the proptests at the end: each takes
//! any bytes to a reader of the room and holds it to what it promises.
//!
//! Every function fails by panicking, and by nothing else.

#![allow(clippy::missing_panics_doc, reason = "failing is what they are for")]

use federation_protocol::time::Timestamp;

use crate::records::bundle::Bundle;
use crate::records::cursor::Seal;
use crate::records::draft::Draft;
use crate::records::everything;
use crate::records::form::{form_pairs, version_of_etag};
use crate::records::interaction::{Conditions, Interaction};
use crate::records::json::{Document, places_of};
use crate::records::patch::Patch;
use crate::records::strict::{strict, text};
use crate::records::transaction::Transaction;
use crate::records::{
    Address, Criteria, EverythingQuery, HistoryOf, HistoryQuery, LogicalId, MatchQuestion,
    ResourceType, SearchQuery, Validator, date, fold, number,
};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_782_864_000);

/// A query string, of the type that the first byte chooses: as a search, a condition, a history and
/// `$everything`.
pub fn query(data: &[u8]) {
    let Some((which, rest)) = data.split_first() else {
        return;
    };
    let query = String::from_utf8_lossy(rest);
    // A condition may stand behind the `?` of its URL, a search never does.
    let query = query.trim_start_matches('?');
    let kinds: Vec<_> = ResourceType::all().collect();
    let Some(kind) = kinds.into_iter().cycle().nth(usize::from(*which)) else {
        return;
    };
    let pairs = form_pairs(query);
    let _ = SearchQuery::parse(kind, &pairs);
    // What a condition asks for is understood when it is looked up, own parameters among it.
    if Criteria::parse(kind, query).is_ok() {
        assert!(!pairs.is_empty(), "a condition that chooses nothing");
    }
    let _ = HistoryQuery::parse(HistoryOf::Kind(kind), &pairs);
    let id = LogicalId::fresh(NOW);
    let _ = EverythingQuery::parse(Address { kind, id }, &pairs);
}

/// Pairs of a form come back from the form that is made of them, whatever they hold.
pub fn form(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let pairs = form_pairs(&text);
    let encoded = |text: &str| -> String {
        let bytes = text.bytes();
        bytes.map(|byte| format!("%{byte:02X}")).collect()
    };
    let each = pairs.iter();
    let again: Vec<String> = each
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    assert_eq!(form_pairs(&again.join("&")), pairs);
    if let Some(version) = version_of_etag(&text) {
        let tag = format!("W/\"{version}\"");
        assert_eq!(version_of_etag(&tag), Some(version));
    }
    let _ = Address::parse(&text);
}

/// JSON: what is read is what serde reads; cutting and splicing leave a document that is one.
pub fn json(data: &[u8]) {
    let Ok(text) = text(data) else { return };
    let document = Document::parse(text);
    let Ok(value) = strict(text) else { return };
    let plain = serde_json::from_str::<serde_json::Value>(text);
    assert_eq!(
        plain.ok().as_ref(),
        Some(&value),
        "read otherwise than by serde"
    );
    for (place, said) in places_of(text, &["reference", "url"]) {
        let token = text.get(place).and_then(|token| strict(token).ok());
        assert_eq!(
            token.as_ref().and_then(|token| token.as_str()),
            Some(&*said)
        );
    }
    let Ok(document) = document else { return };
    let spliced = document.with(&[("id", "\"new\""), ("meta", "{\"versionId\":\"1\"}")]);
    let after = strict(&spliced).map(|value| value.get("id").cloned());
    assert_eq!(
        after,
        Ok(Some("new".into())),
        "a splice that is no document"
    );
    let cut = strict(&document.without(&["id", "meta"]));
    assert!(cut.is_ok_and(|cut| cut.get("id").is_none()));
}

/// Dates and numbers of resources and queries, and names for the index.
pub fn scalars(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(span) = date::parse(&text) {
        assert!(span.lo <= span.hi, "a date that ends before it begins");
        let wide = span.widened();
        assert!(wide.lo <= span.lo && span.hi <= wide.hi);
    }
    if let Some(asked) = number::asked(&text) {
        for stretch in [asked.exactly, asked.rounded, asked.about] {
            assert!(stretch.lo <= stretch.hi, "a number with nothing in it");
        }
    }
    let once = fold::folded(&text);
    assert_eq!(fold::folded(&once), once);
}

/// A JSON Patch in the first line, made on the rest.
pub fn patch(data: &[u8]) {
    let Ok(text) = text(data) else { return };
    let (patch, base) = text
        .split_once('\n')
        .unwrap_or((text, "{\"a\":[{\"b\":1},[2]]}"));
    let Ok(patch) = Patch::parse(patch) else {
        return;
    };
    if strict(base).is_err() {
        return;
    }
    if let Ok(patched) = patch.apply(base) {
        assert!(strict(&patched).is_ok(), "patched to what is no JSON");
    }
}

/// A cursor that we never sealed opens nothing.
pub fn cursor(data: &[u8]) {
    let cursor = String::from_utf8_lossy(data);
    let seal = Seal::from_seed([7; 32]);
    assert!(seal.open(&cursor, 42, NOW).is_err(), "a forged cursor");
}

/// A Bundle: its entries, and what a transaction would write.
pub fn bundle(data: &[u8]) {
    let Ok(text) = text(data) else { return };
    let Ok(bundle) = Bundle::parse(text) else {
        return;
    };
    assert!(bundle.entries.len() <= 5_000);
    let Ok(transaction) = Transaction::parse(text, NOW) else {
        return;
    };
    let changes = transaction.without_conditions(&Validator::off());
    for change in changes.into_iter().flatten().flatten() {
        if let Some(draft) = &change.draft {
            stores(draft, &change.address.id);
        }
    }
}

/// The URL of a Bundle's entry, by the method that the first byte chooses.
pub fn interaction(data: &[u8]) {
    let Some((which, rest)) = data.split_first() else {
        return;
    };
    let url = String::from_utf8_lossy(rest);
    let (url, tag) = url.split_once('\n').unwrap_or((&url, "W/\"1\""));
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];
    let method = methods.iter().cycle().nth(usize::from(*which));
    let conditions = Conditions {
        if_match: Some(tag.to_owned()),
        if_none_match: Some(tag.to_owned()),
        ..Conditions::default()
    };
    for conditions in [conditions, Conditions::default()] {
        let _ = Interaction::of_url(method.unwrap_or(&"GET"), url, conditions);
    }
}

/// A resource: what is taken is stored as a document of ours, which reads as it did before.
pub fn resource(data: &[u8]) {
    let Ok(text) = text(data) else { return };
    if let Ok(draft) = Draft::parse(text, &Validator::off()) {
        stores(&draft, &LogicalId::fresh(NOW));
    }
    let _ = MatchQuestion::parse(data);
    let _ = everything::pairs_of(text);
}

/// What is stored of a draft is JSON with our id, and says to the index what the draft said.
fn stores(draft: &Draft, id: &LogicalId) {
    let stored = draft.stored_as(id, 2, NOW);
    let value = strict(&stored);
    let named = value.as_ref().ok().and_then(|value| value.get("id"));
    assert_eq!(named.and_then(|named| named.as_str()), Some(id.as_str()));
    let again = Draft::unjudged(&stored);
    assert!(
        again.is_ok(),
        "stored, and not to be read: {:?}",
        again.err()
    );
    if let Ok(again) = again {
        assert_eq!(
            again.stored_as(id, 2, NOW),
            stored,
            "stored otherwise the second time"
        );
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), 0..160)
    }

    /// Texts of the signs and words that mean something in JSON of FHIR.
    fn near_json() -> impl Strategy<Value = Vec<u8>> {
        let word = proptest::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"id\"",
            "\"a\"",
            "\"meta\"",
            "\"resourceType\"",
            "\"Patient\"",
            "\"Observation\"",
            "\"identifier\"",
            "\"value\"",
            "\"reference\"",
            "\"Patient/1\"",
            "\"op\"",
            "\"add\"",
            "\"path\"",
            "\"/a/0\"",
            "1",
            "-0",
            "1.50",
            "null",
            "true",
            " ",
            "\n",
            "\"\\ud83d\\ude00\"",
        ]);
        proptest::collection::vec(word, 0..40).prop_map(|words| words.concat().into_bytes())
    }

    fn near_query() -> impl Strategy<Value = Vec<u8>> {
        "[\\x00-\\xff]((code|date|_id|_count|patient|_has:Observation:patient:code|value-quantity|_sort|_include|_type|_since)(:[a-z]{1,6})?=[ -~あ]{0,24}&?){0,4}"
            .prop_map(String::into_bytes)
    }

    fn anything() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            bytes(),
            near_json(),
            near_query(),
            "[-+0-9T:Z.eE]{0,40}".prop_map(String::into_bytes)
        ]
    }

    proptest! {
        #[test]
        fn every_reader_keeps_its_promises(data in anything()) {
            for body in [query, form, json, scalars, patch, cursor, bundle, interaction, resource] {
                body(&data);
            }
        }

        #[test]
        fn what_is_stored_of_a_resource_reads_as_it_did(
            member in near_json(), kind in proptest::sample::select(vec!["Patient", "Observation", "Group"])
        ) {
            let member = String::from_utf8_lossy(&member);
            let text = format!("{{\"resourceType\":\"{kind}\",\"identifier\":[{member}]}}");
            resource(text.as_bytes());
            let text = format!(
                "{{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[{{\"fullUrl\":\"urn:uuid:1\",\
                 \"resource\":{text},\"request\":{{\"method\":\"POST\",\"url\":\"{kind}\"}}}}]}}"
            );
            bundle(text.as_bytes());
        }
    }
}
