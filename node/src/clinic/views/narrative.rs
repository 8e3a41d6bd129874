//! A resource's own text, without anything that runs, loads or leads away.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::fhir::{is_turning, text};

/// The longest narrative that is read, bytes.
const LONGEST: usize = 200_000;

/// The narrative of a resource as markup that may be put into a page as it is; `None` where there is
/// none, or nothing is left of it.
///
/// Kept are the elements of text and of tables, without classes, styles, addresses and images.
#[must_use]
pub(super) fn narrative(resource: &Value) -> Option<String> {
    let status = text(resource, &["text", "status"]);
    let div = text(resource, &["text", "div"]).filter(|div| div.len() <= LONGEST)?;
    if status == Some("empty") {
        return None;
    }
    let cleaned = cleaner().clean(div).to_string();
    let hidden =
        |letter: char| is_turning(letter) || (letter.is_control() && !letter.is_whitespace());
    let cleaned: String = cleaned.chars().filter(|letter| !hidden(*letter)).collect();
    let says = cleaned
        .split(['<', '>'])
        .step_by(2)
        .any(|text| !text.trim().is_empty());
    says.then_some(cleaned)
}

fn cleaner() -> ammonia::Builder<'static> {
    let kept: HashSet<&str> = [
        "p",
        "br",
        "b",
        "strong",
        "i",
        "em",
        "u",
        "sub",
        "sup",
        "small",
        "ul",
        "ol",
        "li",
        "dl",
        "dt",
        "dd",
        "table",
        "thead",
        "tbody",
        "tfoot",
        "tr",
        "th",
        "td",
        "caption",
        "pre",
        "blockquote",
        "hr",
        "span",
        "div",
    ]
    .into_iter()
    .collect();
    let spans: HashSet<&str> = ["colspan", "rowspan"].into_iter().collect();
    let attributes: HashMap<&str, HashSet<&str>> =
        [("td", spans.clone()), ("th", spans)].into_iter().collect();
    let mut cleaner = ammonia::Builder::default();
    cleaner
        .tags(kept)
        .tag_attributes(attributes)
        .generic_attributes(HashSet::new())
        .url_schemes(HashSet::new())
        .link_rel(None);
    cleaner
}
