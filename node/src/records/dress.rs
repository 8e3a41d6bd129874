//! Resources cut to what a search wants to see of them (`_summary`, `_elements`). What is kept keeps
//! its sender's bytes; what is cut says so.
//!
//! Source: FHIR R4 search, sections "_summary" and "_elements".

use std::borrow::Cow;

use fhir_search_parameters::Outline;

use super::json::Document;
use super::query::{Handling, SearchQuery, Summary};
use super::{RecordsError, ResourceType};

/// What is wanted of each resource of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Dress {
    summary: Summary,
    elements: Vec<String>,
}

/// Says that elements were left out.
const SUBSETTED: &str = "{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-ObservationValue\",\
                         \"code\":\"SUBSETTED\"}";

/// What every answer has, however it is cut.
const ALWAYS: [&str; 3] = ["resourceType", "id", "meta"];

impl Dress {
    pub(super) fn of(query: &SearchQuery) -> Self {
        Self {
            summary: query.summary,
            elements: query.elements.clone(),
        }
    }

    /// What the parameters of a read want. Others choose nothing there: they are refused, or, where
    /// the caller is lenient, passed over.
    ///
    /// # Errors
    /// `Unsupported` for another parameter, `Query` for a value that is none.
    ///
    /// Source: FHIR R4 http, section "read"; search, section "summary".
    pub(super) fn of_read(
        kind: ResourceType,
        pairs: &[(String, String)],
        handling: Handling,
    ) -> Result<Self, RecordsError> {
        let cuts = |(name, _): &&(String, String)| matches!(&**name, "_summary" | "_elements");
        let cutting: Vec<_> = pairs.iter().filter(cuts).collect();
        let format = |name: &str| matches!(name, "_format" | "_pretty");
        let others = pairs.iter().filter(|pair| !cuts(pair));
        if handling == Handling::Strict && !others.map(|(name, _)| &**name).all(format) {
            return Err(RecordsError::Unsupported(
                "a parameter of a read that is not _summary, _elements, _format or _pretty",
            ));
        }
        let pairs: Vec<_> = cutting.iter().map(|(name, value)| (name, value)).collect();
        let dress = Self::of(&SearchQuery::parse(kind, &pairs)?);
        if dress.summary == Summary::Count {
            return Err(RecordsError::Unsupported("_summary=count of one resource"));
        }
        Ok(dress)
    }

    /// The resource as it is shown.
    pub(super) fn on<'r>(&self, kind: ResourceType, raw: &'r str) -> Cow<'r, str> {
        let whole = matches!(self.summary, Summary::False | Summary::Count);
        if whole && self.elements.is_empty() {
            return Cow::Borrowed(raw);
        }
        let (Ok(document), Some(outline)) = (Document::parse(raw), Outline::of(kind.name())) else {
            return Cow::Borrowed(raw);
        };
        let kept = document
            .members()
            .iter()
            .filter(|member| self.keeps(outline, &member.name));
        let mut cut = String::with_capacity(raw.len());
        let mut marked = false;
        for member in kept {
            cut.push_str(if cut.is_empty() { "{\"" } else { ",\"" });
            cut.push_str(&member.name);
            cut.push_str("\":");
            if member.name == "meta" {
                cut.push_str(&marked_meta(member.value));
                marked = true;
            } else {
                cut.push_str(member.value);
            }
        }
        if !marked {
            cut.push_str(&format!(",\"meta\":{{\"tag\":[{SUBSETTED}]}}"));
        }
        cut.push('}');
        Cow::Owned(cut)
    }

    fn keeps(&self, outline: &Outline, member: &str) -> bool {
        // `_birthDate` goes where `birthDate` goes.
        let member = member.strip_prefix('_').unwrap_or(member);
        let among = |names: &[&str]| names.iter().any(|name| is_or_chooses(member, name));
        if among(&ALWAYS) || among(outline.mandatory()) {
            return true;
        }
        if !self.elements.is_empty() {
            let top = |name: &String| {
                let (first, _) = name.split_once('.').unwrap_or((name, ""));
                is_or_chooses(member, first)
            };
            return self.elements.iter().any(top);
        }
        match self.summary {
            Summary::True => among(outline.summary()),
            Summary::Text => member == "text",
            Summary::Data => member != "text",
            Summary::False | Summary::Count => true,
        }
    }
}

/// `value` chooses `valueQuantity`.
fn is_or_chooses(member: &str, name: &str) -> bool {
    member
        .strip_prefix(name)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_uppercase()))
}

/// `meta` with the mark of what was cut.
fn marked_meta(meta: &str) -> String {
    let Ok(document) = Document::parse(meta) else {
        return meta.to_owned();
    };
    let tags = match document.get("tag").map(str::trim) {
        Some(tags) if tags.ends_with(']') && tags.len() > 2 => {
            let open = tags.strip_suffix(']').unwrap_or(tags);
            format!("{open},{SUBSETTED}]")
        }
        _ => format!("[{SUBSETTED}]"),
    };
    document.with(&[("tag", &tags)])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    const RAW: &str = "{\"resourceType\":\"Observation\",\"id\":\"1\",\"meta\":{\"tag\":[{\"code\":\"a\"}]},\
                       \"text\":{\"status\":\"generated\"},\"status\":\"final\",\"code\":{\"text\":\"x\"},\
                       \"valueQuantity\":{\"value\":7.20},\"note\":[{\"text\":\"long\"}]}";

    fn dressed(pairs: &[(&str, &str)]) -> serde_json::Value {
        let kind = ResourceType::named("Observation").unwrap();
        let query = SearchQuery::parse(kind, pairs).unwrap();
        serde_json::from_str(&Dress::of(&query).on(kind, RAW)).unwrap()
    }

    fn members(pairs: &[(&str, &str)]) -> Vec<String> {
        let value = dressed(pairs);
        value.as_object().unwrap().keys().cloned().collect()
    }

    #[test]
    fn a_summary_keeps_what_is_mandatory_and_marks_what_it_cuts() {
        let always = ["code", "id", "meta", "resourceType", "status"];
        assert_eq!(
            members(&[("_summary", "text")]),
            [&always[..], &["text"]].concat()
        );
        let data = members(&[("_summary", "data")]);
        assert!(!data.contains(&"text".to_owned()) && data.contains(&"note".to_owned()));
        let summary = members(&[("_summary", "true")]);
        assert!(summary.contains(&"valueQuantity".to_owned()));
        assert!(!summary.contains(&"note".to_owned()));
        let value = dressed(&[("_elements", "value")]);
        assert_eq!(value.get("note"), None);
        assert_eq!(value.pointer("/meta/tag/1/code").unwrap(), "SUBSETTED");
        let kind = ResourceType::named("Observation").unwrap();
        let cut = SearchQuery::parse(kind, &[("_elements", "value")]).unwrap();
        assert!(Dress::of(&cut).on(kind, RAW).contains("{\"value\":7.20}"));
    }

    #[test]
    fn what_is_wanted_whole_keeps_every_byte() {
        let kind = ResourceType::named("Observation").unwrap();
        let whole = SearchQuery::parse(kind, &[("_summary", "false")]).unwrap();
        assert_eq!(Dress::of(&whole).on(kind, RAW), RAW);
    }
}
