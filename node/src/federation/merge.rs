//! Answers of many hospitals as one searchset Bundle.
//!
//! Says what is missing before it shows anything: the first entry counts who answered, then each
//! silent or refusing hospital has an entry of its own. Resources stand as they came but for
//! `meta.source`. Source: PROTOCOL section 4, fan-out; docs/WIRE.md section 4.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use federation_protocol::member::MemberId;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::outcome::{Answer, Entry, Part, PeerOutcome};
use super::query::{MOST_BESIDE, Question};
use super::splice::{Members, with_source};
use crate::records::ResourceType;

/// The coding system of what a hospital without answer is coded with.
pub const OUTCOME_SYSTEM: &str = "urn:musubi:outcome";
/// The extension of the first entry that carries the signed manifest.
pub const MANIFEST_EXTENSION: &str = "urn:musubi:manifest:1";
const LONGEST_CURSOR: usize = 16 * 1024;

/// The answer cannot be what was asked for.
#[derive(Copy, Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the answer is no searchset of what was asked for")]
pub struct Unusable;

#[derive(Deserialize)]
struct Searchset<'a> {
    #[serde(rename = "resourceType")]
    resource_type: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    link: Vec<Link>,
    #[serde(default, borrow)]
    entry: Vec<SearchsetEntry<'a>>,
}

#[derive(Deserialize)]
struct Link {
    relation: String,
    url: String,
}

#[derive(Deserialize)]
struct SearchsetEntry<'a> {
    #[serde(borrow)]
    resource: &'a RawValue,
    #[serde(default)]
    search: Option<Search>,
}

#[derive(Deserialize)]
struct Search {
    mode: String,
}

/// Reads the verified body of `member`'s answer to `question`.
///
/// # Errors
/// [`Unusable`] when it is no searchset, holds a match of another type, anything beside the matches
/// that was not asked for or never leaves a hospital, an entry without id or with names given twice,
/// or more than was asked for: a verified signature does not make an answer sound.
pub fn read_answer(
    body: &[u8],
    question: &Question,
    member: &MemberId,
) -> Result<Answer, Unusable> {
    let text = std::str::from_utf8(body).map_err(|_ignored| Unusable)?;
    let bundle: Searchset<'_> = serde_json::from_str(text).map_err(|_ignored| Unusable)?;
    if bundle.resource_type != "Bundle" || bundle.kind != "searchset" {
        return Err(Unusable);
    }
    let mut entries = Vec::with_capacity(bundle.entry.len().min(question.count));
    let mut included = Vec::new();
    for entry in &bundle.entry {
        let mode = entry.search.as_ref().map(|search| search.mode.as_str());
        if mode == Some("outcome") {
            continue;
        }
        let read = read_entry(entry.resource.get(), member).ok_or(Unusable)?;
        match mode {
            Some("match") | None if read.resource_type == question.resource_type => {
                entries.push(read);
            }
            Some("include") if question.wants_beside() => included.push(read),
            _ => return Err(Unusable),
        }
        if entries.len() > question.count || included.len() > MOST_BESIDE {
            return Err(Unusable);
        }
    }
    let next = bundle.link.iter().find(|link| link.relation == "next");
    let next = match next {
        Some(link) => Some(cursor_of(&link.url).ok_or(Unusable)?),
        None => None,
    };
    Ok(Answer {
        entries,
        included,
        next,
    })
}

#[derive(Deserialize)]
struct BatchResponse<'a> {
    #[serde(rename = "resourceType")]
    resource_type: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    entry: Vec<BatchEntry<'a>>,
}

#[derive(Deserialize)]
struct BatchEntry<'a> {
    #[serde(borrow)]
    resource: &'a RawValue,
}

/// Reads the verified body of `member`'s answer to several `questions`: each one's searchset, in
/// their order, put together. `next` of the result says only that there is more.
///
/// # Errors
/// [`Unusable`] when it is no batch-response of as many searchsets, or one of them is unusable.
pub fn read_batch(
    body: &[u8],
    questions: &[Question],
    member: &MemberId,
) -> Result<Answer, Unusable> {
    let text = std::str::from_utf8(body).map_err(|_ignored| Unusable)?;
    let batch: BatchResponse<'_> = serde_json::from_str(text).map_err(|_ignored| Unusable)?;
    let is_batch = batch.resource_type == "Bundle" && batch.kind == "batch-response";
    if !is_batch || batch.entry.len() != questions.len() {
        return Err(Unusable);
    }
    let mut whole = Answer::default();
    for (entry, question) in batch.entry.iter().zip(questions) {
        let answer = read_answer(entry.resource.get().as_bytes(), question, member)?;
        whole.entries.extend(answer.entries);
        whole.included.extend(answer.included);
        whole.next = whole.next.or(answer.next);
    }
    Ok(whole)
}

/// An entry of this hospital's own chart, as it stands beside the others.
pub(super) fn read_own(raw: &str, me: &MemberId) -> Option<Entry> {
    let members = Members::of(raw)?;
    let kind = ResourceType::named(&members.string("resourceType")?)?;
    let id = members.string("id")?;
    Some(Entry {
        resource_type: kind.name(),
        raw: with_source(raw, me.as_ref())?,
        id,
    })
}

fn read_entry(raw: &str, member: &MemberId) -> Option<Entry> {
    let members = Members::of(raw)?;
    let kind = ResourceType::named(&members.string("resourceType")?);
    let kind = kind.filter(|kind| kind.may_leave())?;
    let id = members.string("id")?;
    let formed = (1..=64).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.');
    formed.then_some(())?;
    Some(Entry {
        resource_type: kind.name(),
        raw: with_source(raw, member.as_ref())?,
        id,
    })
}

fn cursor_of(url: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let pairs = super::query::form_pairs(query.as_bytes()).ok()?;
    let cursor = pairs.into_iter().find(|(name, _)| name == "_cursor")?.1;
    let formed = (1..=1024).contains(&cursor.len())
        && cursor
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    formed.then_some(cursor)
}

/// The next page's cursor: those of all hospitals that have one; `None` when none has.
#[must_use]
pub fn join_cursors(parts: &[Part]) -> Option<String> {
    let cursors: BTreeMap<String, &str> = parts
        .iter()
        .filter_map(|part| match &part.outcome {
            PeerOutcome::Answered(answer) => {
                Some((part.hospital.member.to_string(), answer.next.as_deref()?))
            }
            _ => None,
        })
        .collect();
    if cursors.is_empty() {
        return None;
    }
    Some(URL_SAFE_NO_PAD.encode(serde_json::to_string(&cursors).ok()?))
}

/// The cursors by hospital that [`join_cursors`] joined; `None` when `joined` is none of its.
#[must_use]
pub fn split_cursors(joined: &str) -> Option<BTreeMap<MemberId, String>> {
    if joined.len() > LONGEST_CURSOR {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(joined).ok()?;
    let cursors: BTreeMap<String, String> = serde_json::from_slice(&bytes).ok()?;
    cursors
        .into_iter()
        .map(|(member, cursor)| Some((member.parse().ok()?, cursor)))
        .collect()
}

/// What a merged page says beside its parts.
pub struct Page<'a> {
    /// The address of this page.
    pub self_url: &'a str,
    /// The address of the next one.
    pub next_url: Option<&'a str>,
    /// Whether this is the first page.
    pub first: bool,
    /// The signed manifest.
    pub manifest: &'a str,
}

/// The merged searchset, as JSON text.
#[must_use]
pub fn bundle(page: &Page<'_>, parts: &[Part]) -> String {
    let complete = parts.iter().all(|part| part.outcome.is_answered());
    let every = matches(parts).chain(beside(parts));
    let size: usize = every.map(|(_, entry)| entry.raw.len() + 200).sum();
    let mut text = String::with_capacity(size + 4096);
    text.push_str(r#"{"resourceType":"Bundle","type":"searchset""#);
    if complete && page.first && page.next_url.is_none() {
        text.push_str(&format!(r#","total":{}"#, matches(parts).count()));
    }
    let mut links = vec![json!({"relation": "self", "url": page.self_url})];
    links.extend(
        page.next_url
            .map(|url| json!({"relation": "next", "url": url})),
    );
    text.push_str(&format!(
        r#","link":{},"entry":["#,
        serde_json::Value::from(links)
    ));
    text.push_str(&outcome_entry(&summary(parts, page.manifest)));
    for part in parts.iter().filter(|part| !part.outcome.is_answered()) {
        text.push(',');
        text.push_str(&outcome_entry(&missing(part)));
    }
    for (part, entry) in matches(parts) {
        text.push(',');
        push_entry(&mut text, part, entry, "match");
    }
    for (part, entry) in beside(parts) {
        text.push(',');
        push_entry(&mut text, part, entry, "include");
    }
    text.push_str("]}");
    text
}

/// One hospital's part as a searchset of its own, for the stream.
#[must_use]
pub fn part_bundle(part: &Part) -> String {
    let mut text = String::from(r#"{"resourceType":"Bundle","type":"searchset","entry":["#);
    if !part.outcome.is_answered() {
        text.push_str(&outcome_entry(&missing(part)));
    }
    let part = std::slice::from_ref(part);
    let matches = matches(part).map(|found| (found, "match"));
    let beside = beside(part).map(|found| (found, "include"));
    for (index, ((part, entry), mode)) in matches.chain(beside).enumerate() {
        if index > 0 {
            text.push(',');
        }
        push_entry(&mut text, part, entry, mode);
    }
    text.push_str("]}");
    text
}

/// "2 of 3 hospitals answered."
#[must_use]
pub fn said(parts: &[Part]) -> String {
    let answered = parts
        .iter()
        .filter(|part| part.outcome.is_answered())
        .count();
    format!("{answered} of {} hospitals answered", parts.len())
}

fn matches(parts: &[Part]) -> impl Iterator<Item = (&Part, &Entry)> {
    parts.iter().flat_map(|part| {
        let entries = match &part.outcome {
            PeerOutcome::Answered(answer) => answer.entries.as_slice(),
            _ => &[],
        };
        entries.iter().map(move |entry| (part, entry))
    })
}

/// What stands beside the matches, hospital by hospital.
fn beside(parts: &[Part]) -> impl Iterator<Item = (&Part, &Entry)> {
    parts.iter().flat_map(|part| {
        let entries = match &part.outcome {
            PeerOutcome::Answered(answer) => answer.included.as_slice(),
            _ => &[],
        };
        entries.iter().map(move |entry| (part, entry))
    })
}

fn push_entry(text: &mut String, part: &Part, entry: &Entry, mode: &str) {
    let url = format!(
        "{}/federation/v1/fhir/{}/{}",
        part.hospital.endpoint.trim_end_matches('/'),
        entry.resource_type,
        entry.id
    );
    text.push_str(&format!(
        r#"{{"fullUrl":{},"resource":"#,
        serde_json::Value::from(url)
    ));
    text.push_str(&entry.raw);
    text.push_str(&format!(r#","search":{{"mode":"{mode}"}}}}"#));
}

fn outcome_entry(resource: &serde_json::Value) -> String {
    format!(r#"{{"resource":{resource},"search":{{"mode":"outcome"}}}}"#)
}

fn summary(parts: &[Part], manifest: &str) -> serde_json::Value {
    let complete = parts.iter().all(|part| part.outcome.is_answered());
    let (severity, code) = if complete {
        ("information", "informational")
    } else {
        ("warning", "incomplete")
    };
    json!({
        "resourceType": "OperationOutcome",
        "extension": [{"url": MANIFEST_EXTENSION, "valueString": manifest}],
        "issue": [{"severity": severity, "code": code, "details": {"text": said(parts)}}],
    })
}

fn missing(part: &Part) -> serde_json::Value {
    let (severity, issue) = part.outcome.issue();
    let code = part.outcome.code().unwrap_or_default();
    json!({
        "resourceType": "OperationOutcome",
        "meta": {"source": part.hospital.member.to_string()},
        "issue": [{
            "severity": severity,
            "code": issue,
            "details": {
                "coding": [{"system": OUTCOME_SYSTEM, "code": code}],
                "text": part.outcome.sentence(&part.hospital.name),
            },
        }],
    })
}

#[cfg(test)]
mod tests;
