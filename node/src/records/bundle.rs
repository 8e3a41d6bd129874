//! A Bundle of requests as it came: a batch, whose entries stand each for itself, or a transaction.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use federation_protocol::time::Timestamp;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::date;
use super::everything;
use super::interaction::{Conditions, Interaction};
use super::patch::{Patch, PatchError};
use super::strict::{self, JsonError};
use super::{DraftError, RecordsError};

/// The most entries of one Bundle.
const MOST_ENTRIES: usize = 5_000;

/// A Bundle of requests.
#[derive(Debug)]
pub(super) struct Bundle {
    pub(super) kind: BundleKind,
    /// In their order; a batch has its wrong ones answered each.
    pub(super) entries: Vec<Result<BundleEntry, RecordsError>>,
}

/// What its `type` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BundleKind {
    Batch,
    Transaction,
}

/// One entry.
#[derive(Debug, Clone)]
pub(super) struct BundleEntry {
    pub(super) full_url: Option<String>,
    pub(super) interaction: Interaction,
    pub(super) content: Content,
}

/// What an interaction brings along.
#[derive(Debug, Clone)]
pub(super) enum Content {
    Nothing,
    /// A resource's text.
    Resource(Arc<str>),
    Patch(Arc<Patch>),
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(rename = "resourceType")]
    resource_type: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(borrow, default, deserialize_with = "few")]
    entry: Few<'a>,
}

/// No more entries than are taken: what comes behind them is passed over, not kept.
#[derive(Default)]
struct Few<'a> {
    entries: Vec<BodyEntry<'a>>,
    more: bool,
}

fn few<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Few<'a>, D::Error> {
    struct Each;
    impl<'de> Visitor<'de> for Each {
        type Value = Few<'de>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Few<'de>, A::Error> {
            let mut few = Few::default();
            while few.entries.len() < MOST_ENTRIES {
                match sequence.next_element()? {
                    Some(entry) => few.entries.push(entry),
                    None => return Ok(few),
                }
            }
            while sequence.next_element::<IgnoredAny>()?.is_some() {
                few.more = true;
            }
            Ok(few)
        }
    }
    deserializer.deserialize_seq(Each)
}

#[derive(Deserialize)]
struct BodyEntry<'a> {
    #[serde(rename = "fullUrl")]
    full_url: Option<String>,
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    request: Option<Request>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    method: Option<String>,
    url: Option<String>,
    if_match: Option<String>,
    if_none_exist: Option<String>,
    if_none_match: Option<String>,
    if_modified_since: Option<String>,
}

/// A patch inside a Bundle, base64 in a Binary.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BinaryBody {
    resource_type: String,
    content_type: String,
    data: String,
}

impl Bundle {
    /// Reads a Bundle.
    ///
    /// # Errors
    /// `Draft` if it is no Bundle, `Unsupported` for other types of it, `Bundle` if it is too long.
    pub(super) fn parse(text: &str) -> Result<Self, RecordsError> {
        let body: Body<'_> =
            serde_json::from_str(text).map_err(|error| DraftError::from(JsonError::from(error)))?;
        if body.resource_type.as_deref() != Some("Bundle") {
            return Err(DraftError::Type.into());
        }
        let kind = match body.kind.as_deref() {
            Some("batch") => BundleKind::Batch,
            Some("transaction") => BundleKind::Transaction,
            _ => {
                return Err(RecordsError::Unsupported(
                    "a Bundle that is no batch and no transaction",
                ));
            }
        };
        if body.entry.more {
            return Err(RecordsError::Bundle {
                entry: MOST_ENTRIES,
                reason: "a Bundle may have 5000 entries",
            });
        }
        let entries = body.entry.entries.iter().enumerate();
        Ok(Self {
            kind,
            entries: entries
                .map(|(place, entry)| {
                    BundleEntry::read(place, entry).map_err(|error| error.of_entry(place))
                })
                .collect(),
        })
    }
}

impl BundleEntry {
    fn read(place: usize, entry: &BodyEntry<'_>) -> Result<Self, RecordsError> {
        let wrong = |reason| RecordsError::Bundle {
            entry: place,
            reason,
        };
        let request = entry.request.as_ref();
        let request = request.ok_or_else(|| wrong("request is missing"))?;
        let url = request.url.as_deref();
        let url = url.ok_or_else(|| wrong("request.url is missing"))?;
        let method = request.method.as_deref();
        let method = method.ok_or_else(|| wrong("request.method is missing"))?;
        let since = request.if_modified_since.as_deref().map(|text| {
            date::parse(text)
                .map(|span| Timestamp::from_micros(span.lo))
                .ok_or_else(|| wrong("request.ifModifiedSince is no instant"))
        });
        let conditions = Conditions {
            if_match: request.if_match.clone(),
            if_none_match: request.if_none_match.clone(),
            if_none_exist: request.if_none_exist.clone(),
            if_modified_since: since.transpose()?,
        };
        let mut interaction = Interaction::of_url(method, url, conditions)?;
        if let (Interaction::Everything { pairs, .. }, "POST", Some(raw)) =
            (&mut interaction, method, entry.resource)
        {
            pairs.extend(everything::pairs_of(raw.get())?);
        }
        let content = match (&interaction, entry.resource) {
            (Interaction::Everything { .. }, _) if method == "POST" => Content::Nothing,
            (Interaction::Create { .. } | Interaction::Update { .. }, Some(raw)) => {
                Content::Resource(raw.get().into())
            }
            (Interaction::Patch { .. }, Some(raw)) => Content::Patch(Arc::new(patch_of(raw)?)),
            (
                Interaction::Create { .. } | Interaction::Update { .. } | Interaction::Patch { .. },
                None,
            ) => return Err(wrong("POST, PUT and PATCH have a resource")),
            (_, Some(_)) => return Err(wrong("GET and DELETE have no resource")),
            (_, None) => Content::Nothing,
        };
        Ok(Self {
            full_url: entry.full_url.clone(),
            interaction,
            content,
        })
    }
}

/// The JSON Patch in a Binary.
fn patch_of(raw: &RawValue) -> Result<Patch, RecordsError> {
    let wrong =
        || PatchError::Malformed("wanted: a Binary of application/json-patch+json with its data");
    let binary: BinaryBody = serde_json::from_str(raw.get()).map_err(|_not| wrong())?;
    if binary.resource_type != "Binary" || binary.content_type != "application/json-patch+json" {
        return Err(wrong().into());
    }
    let data = STANDARD.decode(&binary.data).map_err(|_not| wrong())?;
    let text = strict::text(&data).map_err(DraftError::from)?;
    Ok(Patch::parse(text)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn more_entries_than_are_taken_are_not_kept() {
        let bundle = |entries: usize| {
            let entries = vec!["{}"; entries].join(",");
            let text =
                format!("{{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{entries}]}}");
            Bundle::parse(&text)
        };
        assert_eq!(bundle(MOST_ENTRIES).unwrap().entries.len(), MOST_ENTRIES);
        let refused = bundle(MOST_ENTRIES + 1).unwrap_err().told();
        assert_eq!(
            refused.diagnostics,
            "entry 5000 of the Bundle: a Bundle may have 5000 entries"
        );
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>(), url in any::<String>()) {
            let _ = Bundle::parse(&text);
            let entry = serde_json::json!({"resourceType": "Bundle", "type": "batch", "entry": [
                {"request": {"method": "PATCH", "url": url}, "resource": {"data": text}}
            ]});
            let _ = Bundle::parse(&entry.to_string());
        }
    }
}
