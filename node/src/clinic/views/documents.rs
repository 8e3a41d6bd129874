//! Reports and documents: what they say, and what is attached to them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::fhir::{concept, display, list, said, shown, text};
use super::item::opaque;
use super::moment::Moment;
use super::narrative::narrative;
use super::{Chart, Taken};
use crate::pages::when::Day;

/// The most documents that are listed.
const MOST: usize = 400;
/// The most attachments of one document.
const MOST_ATTACHMENTS: usize = 20;
/// The largest attachment that stands within a resource, bytes of base64.
const LARGEST: usize = 24 * 1024 * 1024;
/// The most sections of a Composition, at most two deep.
const MOST_SECTIONS: usize = 60;

/// A report or document.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its name in addresses: tells nothing.
    pub id: String,
    /// The place of its hospital.
    pub source: usize,
    /// `DocumentReference`, `Composition` or `DiagnosticReport`.
    pub kind: &'static str,
    /// What it is.
    pub title: String,
    /// When.
    pub at: Moment,
    /// Who wrote it.
    pub author: Option<String>,
    /// `preliminary`, `corrected`, `superseded`: what is not simply final.
    pub status: Option<&'static str>,
    /// What it concludes.
    pub conclusion: Option<String>,
    /// Its text and sections: heading (empty for the whole) and markup that is safe as it stands.
    pub narratives: Vec<(String, String)>,
    /// What is attached.
    pub attachments: Vec<Attachment>,
}

/// Something attached to a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Its name.
    pub title: String,
    /// The media type that its author claims.
    pub media_type: String,
    /// Whether it came along; else it stands with its hospital, and is not fetched.
    pub is_here: bool,
    /// Bytes; 0 where that is not known.
    pub size: usize,
}

const KINDS: [&str; 3] = ["DiagnosticReport", "DocumentReference", "Composition"];

/// The documents of `chart`, the newest first, of the hospitals that `shows` lets through.
#[must_use]
pub fn documents(
    chart: &Chart,
    since: Option<Day>,
    shows: &dyn Fn(usize) -> bool,
) -> Vec<Document> {
    let all = KINDS
        .into_iter()
        .flat_map(|kind| chart.of(kind).map(move |taken| (kind, taken)));
    let all = all.filter(|(_, taken)| shows(taken.source));
    let mut found: Vec<Document> = all
        .filter_map(|(kind, taken)| Document::of(kind, taken))
        .collect();
    found.retain(|document| since.is_none_or(|since| document.at.day >= since));
    found.sort_by_key(|document| std::cmp::Reverse(document.at.at));
    found.truncate(MOST);
    found
}

/// The bytes of the attachment number `place` of the document `id`; `None` where there is none here.
#[must_use]
pub fn attachment(chart: &Chart, id: &str, place: usize) -> Option<Vec<u8>> {
    let mut each = KINDS
        .into_iter()
        .flat_map(|kind| chart.of(kind).map(move |taken| (kind, taken)));
    let (kind, taken) = each.find(|(kind, taken)| address(kind, taken) == id)?;
    let found = attached(kind, &taken.value).nth(place)?;
    let data = text(found, &["data"]).filter(|data| data.len() <= LARGEST)?;
    let packed: String = data
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .collect();
    STANDARD.decode(packed).ok()
}

fn address(kind: &str, taken: &Taken) -> String {
    opaque(&format!("{}|{kind}|{}", taken.source, taken.id()))
}

impl Document {
    fn of(kind: &'static str, taken: &Taken) -> Option<Self> {
        let value = &taken.value;
        let dates = ["effectiveDateTime", "effectivePeriod", "date", "issued"];
        let title = shown(value, &["title"])
            .or_else(|| shown(value, &["description"]).filter(|_| kind == "DocumentReference"))
            .or_else(|| concept(value, "code"))
            .or_else(|| concept(value, "type"));
        Some(Self {
            id: address(kind, taken),
            source: taken.source,
            kind,
            title: title.unwrap_or_else(|| kind.to_owned()),
            at: Moment::first(value, &dates)?,
            author: display(value, "author")
                .or_else(|| display(value, "resultsInterpreter"))
                .or_else(|| display(value, "performer")),
            status: status(value),
            conclusion: shown(value, &["conclusion"])
                .or_else(|| list(value, "conclusionCode").find_map(said)),
            narratives: narratives(kind, value),
            attachments: attached(kind, value).map(Attachment::of).collect(),
        })
    }
}

fn status(value: &Value) -> Option<&'static str> {
    match text(value, &["docStatus"]).or_else(|| text(value, &["status"])) {
        Some("preliminary" | "partial" | "registered") => Some("preliminary"),
        Some("amended" | "corrected" | "appended") => Some("corrected"),
        Some("superseded") => Some("superseded"),
        Some("cancelled") => Some("cancelled"),
        _ => None,
    }
}

fn narratives(kind: &str, value: &Value) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = narrative(value)
        .map(|markup| (String::new(), markup))
        .into_iter()
        .collect();
    if kind == "Composition" {
        let sections = list(value, "section")
            .flat_map(|section| std::iter::once(section).chain(list(section, "section")));
        all.extend(sections.take(MOST_SECTIONS).filter_map(|section| {
            let title = shown(section, &["title"]).or_else(|| concept(section, "code"));
            Some((title.unwrap_or_default(), narrative(section)?))
        }));
    }
    all
}

fn attached<'a>(kind: &str, value: &'a Value) -> impl Iterator<Item = &'a Value> + use<'a> {
    let of_reference = list(value, "content").filter_map(|content| content.get("attachment"));
    let of_report = list(value, "presentedForm");
    let is_reference = kind == "DocumentReference";
    of_reference
        .filter(move |_| is_reference)
        .chain(of_report.filter(move |_| !is_reference))
        .take(MOST_ATTACHMENTS)
}

impl Attachment {
    fn of(value: &Value) -> Self {
        let data = text(value, &["data"]);
        let size = value.get("size").and_then(Value::as_u64);
        let size = size.and_then(|size| usize::try_from(size).ok());
        let packed = data.map(|data| data.len().saturating_mul(3).div_euclid(4));
        Self {
            title: shown(value, &["title"]).unwrap_or_default(),
            media_type: shown(value, &["contentType"]).unwrap_or_default(),
            is_here: data.is_some_and(|data| data.len() <= LARGEST),
            size: packed.or(size).unwrap_or(0),
        }
    }
}
