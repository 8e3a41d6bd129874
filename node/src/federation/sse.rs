//! What a stream says, as server-sent events: who is asked, each part, the manifest.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::merge::{join_cursors, part_bundle, said};
use super::outcome::{Hospital, Part};

/// The first event: who is asked. The flag marks the own chart.
#[must_use]
pub fn asked<'a>(hospitals: impl Iterator<Item = (&'a Hospital, bool)>) -> String {
    let hospitals: Vec<Value> = hospitals
        .map(|(hospital, own)| {
            json!({"member": hospital.member, "name": hospital.name, "self": own})
        })
        .collect();
    event(
        "asked",
        &json!({"of": hospitals.len(), "hospitals": hospitals}).to_string(),
    )
}

/// One hospital's part.
#[must_use]
pub fn part(part: &Part) -> String {
    let head = json!({
        "member": part.hospital.member,
        "name": part.hospital.name,
        "self": part.own,
        "outcome": part.outcome.word(),
        "code": part.outcome.code(),
        "text": part.outcome.sentence(&part.hospital.name),
        "duration_ms": part.duration_ms,
    })
    .to_string();
    let bundle = part_bundle(part);
    // The resources in the bundle stay as they came: it is joined as text.
    let data = match head.strip_suffix('}') {
        Some(open) => format!(r#"{open},"bundle":{bundle}}}"#),
        None => head,
    };
    event("part", &data)
}

/// The last event: how many answered, where the next page begins, the signed manifest.
#[must_use]
pub fn manifest(parts: &[Part], jws: &str) -> String {
    let answered = parts
        .iter()
        .filter(|part| part.outcome.is_answered())
        .count();
    let data = json!({
        "answered": answered,
        "of": parts.len(),
        "text": said(parts),
        "next": join_cursors(parts),
        "manifest": jws,
    });
    event("manifest", &data.to_string())
}

/// One event. Line breaks inside `data` (spacing of raw resources; JSON strings have none) become
/// `data` lines of their own, which a client joins again with line feeds.
#[must_use]
pub fn event(name: &str, data: &str) -> String {
    let mut text = String::with_capacity(data.len() + 64);
    let _ = writeln!(text, "event: {name}");
    for line in data.replace("\r\n", "\n").split(['\n', '\r']) {
        let _ = writeln!(text, "data: {line}");
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_an_event_is_data() {
        assert_eq!(
            event("part", "{\n \"a\": 1,\r\n \"b\": 2\r}"),
            "event: part\ndata: {\ndata:  \"a\": 1,\ndata:  \"b\": 2\ndata: }\n\n"
        );
    }
}
