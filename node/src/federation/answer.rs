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

/// A searchset of raw resources, newest first as given; `next` is the cursor of the next page.
#[must_use]
pub fn searchset<'a>(
    resource_type: &str,
    resources: impl ExactSizeIterator<Item = &'a str> + Clone,
    next: Option<&str>,
) -> String {
    let size: usize = resources.clone().map(|raw| raw.len() + 48).sum();
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
    for raw in resources {
        text.push_str(r#"{"resource":"#);
        text.push_str(raw);
        text.push_str(r#","search":{"mode":"match"}},"#);
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

    use super::super::merge::read_answer;
    use super::*;

    #[test]
    fn an_asker_reads_what_an_answerer_writes() {
        let raw = [r#"{"resourceType":"Observation","id":"a","v":1.0}"#; 2];
        let text = searchset("Observation", raw.iter().copied(), Some("abc_-1"));
        let member = "urn:musubi:member:0110000001".parse().unwrap();
        let answer = read_answer(text.as_bytes(), "Observation", 2, &member).unwrap();
        assert_eq!(answer.entries.len(), 2);
        assert_eq!(answer.next.as_deref(), Some("abc_-1"));
    }

    #[test]
    fn an_empty_answer_is_one_constant() {
        let empty = searchset("Observation", std::iter::empty(), None);
        assert_eq!(empty, searchset("Condition", std::iter::empty(), None));
        let bundle: Value = serde_json::from_str(&empty).unwrap();
        assert_eq!(bundle["entry"].as_array().unwrap().len(), 1);
        assert!(bundle.get("total").is_none());
    }

    #[test]
    fn a_batch_answers_in_order() {
        let one = searchset("Observation", std::iter::empty(), None);
        let raw = r#"{"resourceType":"Condition","id":"c"}"#;
        let two = searchset("Condition", std::iter::once(raw), None);
        let batch: Value = serde_json::from_str(&batch_response(&[one, two])).unwrap();
        assert_eq!(
            batch["entry"][1]["resource"]["entry"][0]["resource"]["id"],
            "c"
        );
    }
}
