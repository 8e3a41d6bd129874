//! What a peer gets: searchsets whose shape tells nothing about what is not in them.
//!
//! Every answer ends with the same advisory line, whether it holds a hundred resources or none, and
//! whether there is no such data, it was locally denied, or all of it was filtered. No total, no
//! count of what was withheld. Source: PROTOCOL section 4, "One answer for nothing here".

/// The advisory line, as an entry.
pub const ADVISORY: &str = concat!(
    r#"{"resource":{"resourceType":"OperationOutcome","issue":[{"severity":"information","#,
    r#""code":"informational","details":{"text":"A person may have limited what is shown here."#,
    r#" An empty answer does not mean that nothing is recorded."}}]},"search":{"mode":"outcome"}}"#
);

/// A searchset of raw resources in the order given: the matches, then what stands `beside` them;
/// `next` is the cursor of the next page.
#[must_use]
pub fn searchset<'a>(
    resource_type: &str,
    matches: impl Iterator<Item = &'a str> + Clone,
    beside: impl Iterator<Item = &'a str> + Clone,
    next: Option<&str>,
) -> String {
    let every = matches.clone().chain(beside.clone());
    let size: usize = every.map(|raw| raw.len() + 50).sum();
    let mut text = String::with_capacity(size + ADVISORY.len() + 256);
    text.push_str(r#"{"resourceType":"Bundle","type":"searchset","#);
    if let Some(cursor) = next {
        // Type and cursor are of alphabets that JSON and URLs carry as they are.
        text.push_str(r#""link":[{"relation":"next","url":""#);
        text.push_str(resource_type);
        text.push_str("?_cursor=");
        text.push_str(cursor);
        text.push_str(r#""}],"#);
    }
    text.push_str(r#""entry":["#);
    let matches = matches.map(|raw| (raw, r#","search":{"mode":"match"}},"#));
    let beside = beside.map(|raw| (raw, r#","search":{"mode":"include"}},"#));
    for (raw, mode) in matches.chain(beside) {
        text.push_str(r#"{"resource":"#);
        text.push_str(raw);
        text.push_str(mode);
    }
    text.push_str(ADVISORY);
    text.push_str("]}");
    text
}

/// The answer to a batch: one searchset for each question, in their order.
#[must_use]
pub fn batch_response(searchsets: &[String]) -> String {
    let entries: Vec<String> = searchsets
        .iter()
        .map(|searchset| format!(r#"{{"resource":{searchset},"response":{{"status":"200"}}}}"#))
        .collect();
    format!(
        r#"{{"resourceType":"Bundle","type":"batch-response","entry":[{}]}}"#,
        entries.join(",")
    )
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests fail by panicking"
    )]
    use serde_json::Value;

    use std::iter::{empty, once};

    use super::super::merge::read_answer;
    use super::super::query::Question;
    use super::*;

    fn nothing(resource_type: &str) -> String {
        searchset(resource_type, empty(), empty(), None)
    }

    #[test]
    fn an_asker_reads_what_an_answerer_writes() {
        let raw = [r#"{"resourceType":"Observation","id":"a","v":1.0}"#; 2];
        let report = r#"{"resourceType":"DiagnosticReport","id":"r"}"#;
        let text = searchset(
            "Observation",
            raw.iter().copied(),
            once(report),
            Some("abc_-1"),
        );
        let member = "urn:musubi:member:0110000001".parse().unwrap();
        let form = b"_count=2&_revinclude=DiagnosticReport:result";
        let question = Question::from_form("Observation", form).unwrap();
        let answer = read_answer(text.as_bytes(), &question, &member).unwrap();
        assert_eq!((answer.entries.len(), answer.included.len()), (2, 1));
        assert_eq!(answer.included[0].resource_type, "DiagnosticReport");
        assert_eq!(answer.next.as_deref(), Some("abc_-1"));
    }

    #[test]
    fn an_empty_answer_is_one_constant() {
        let empty = nothing("Observation");
        assert_eq!(empty, nothing("Condition"));
        let bundle: Value = serde_json::from_str(&empty).unwrap();
        assert_eq!(bundle["entry"].as_array().unwrap().len(), 1);
        assert!(bundle.get("total").is_none());
    }

    #[test]
    fn a_batch_answers_in_order() {
        let one = nothing("Observation");
        let raw = r#"{"resourceType":"Condition","id":"c"}"#;
        let two = searchset("Condition", once(raw), empty(), None);
        let batch: Value = serde_json::from_str(&batch_response(&[one, two])).unwrap();
        assert_eq!(
            batch["entry"][1]["resource"]["entry"][0]["resource"]["id"],
            "c"
        );
    }
}
