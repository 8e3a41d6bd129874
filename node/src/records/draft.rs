//! A resource on its way in: checked, read for the index, not yet given an id and a version.

use std::borrow::Cow;
use std::sync::Arc;

use federation_protocol::time::Timestamp;
use fhir_validation::Issue;
use serde_json::Value;

use super::extract::{Extracted, extract};
use super::json::{Document, quoted};
use super::own::defined_by;
use super::strict::{JsonError, strict};
use super::types::Parameter;
use super::{DefinitionRefused, LogicalId, ResourceType, Validator};

/// The most index rows of one resource. A Group of fifty thousand members is one; an identifier or a
/// code with its system is two.
const MOST_ROWS: usize = 100_000;

/// Why a body is not a resource that can be stored. Never repeats its content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DraftError {
    /// Not JSON that we take.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// No `resourceType`, or one that is not served here.
    #[error("resourceType is missing, or is not served here")]
    Type,
    /// Its `resourceType` is not that of the address.
    #[error("resourceType is not {0}")]
    OtherType(ResourceType),
    /// Its `id` is not that of the address.
    #[error("id is missing, or is not that of the address")]
    OtherId,
    /// Its `id` is none that FHIR allows.
    #[error("id is not 1 to 64 of A-Z a-z 0-9 - .")]
    Id,
    /// `meta` is not an object.
    #[error("meta is not an object")]
    Meta,
    /// It would be found by more values than one resource may.
    #[error(
        "the resource can be found by more than {MOST_ROWS} values; split it into several resources"
    )]
    TooCostly,
    /// An active SearchParameter that cannot be used.
    #[error(transparent)]
    Definition(#[from] DefinitionRefused),
    /// It does not conform to FHIR R4 or to a profile that it claims, and the node takes only what
    /// does.
    #[error("the resource does not conform: {}", said(.0))]
    Invalid(
        /// Every error.
        Arc<[Issue]>,
    ),
}

impl DraftError {
    /// The element at fault, as a FHIRPath.
    #[must_use]
    pub fn expression(&self) -> Option<&'static str> {
        match self {
            Self::Json(_) | Self::Invalid(_) | Self::TooCostly => None,
            Self::Type | Self::OtherType(_) => Some("Resource.resourceType"),
            Self::OtherId | Self::Id => Some("Resource.id"),
            Self::Meta => Some("Resource.meta"),
            Self::Definition(refused) => Some(refused.expression()),
        }
    }
}

/// The first of what is wrong, and how much more there is.
fn said(issues: &[Issue]) -> String {
    let more = match issues.len().saturating_sub(1) {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    let first = issues
        .first()
        .map(|one| format!("{}: {}", one.expression, one.message));
    first.unwrap_or_default() + &more
}

/// A checked resource.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) kind: ResourceType,
    /// The id that it came with.
    pub(super) id: Option<LogicalId>,
    pub(super) extracted: Extracted,
    /// What is to be said about it all the same.
    pub(super) issues: Arc<[Issue]>,
    text: String,
    /// `meta`'s members but for those that are ours, each with a comma before it.
    meta: String,
}

impl Draft {
    /// Checks and reads a resource's text, its references to here made relative, and judges it.
    ///
    /// # Errors
    /// [`DraftError`].
    pub(super) fn parse(text: &str, validator: &Validator) -> Result<Self, DraftError> {
        let (mut draft, mut value) = Self::read(text)?;
        if let Cow::Owned(local) = validator.here().localised(draft.kind, text) {
            (draft, value) = Self::read(&local)?;
        }
        draft.issues = validator.admit(&value)?;
        Ok(draft)
    }

    /// As [`Draft::parse`], for what is not stored by this.
    pub(super) fn unjudged(text: &str) -> Result<Self, DraftError> {
        Ok(Self::read(text)?.0)
    }

    fn read(text: &str) -> Result<(Self, Value), DraftError> {
        let value = strict(text)?;
        let document = Document::parse(text)?;
        let kind = value
            .get("resourceType")
            .and_then(Value::as_str)
            .and_then(ResourceType::named)
            .ok_or(DraftError::Type)?;
        let id = match value.get("id") {
            None => None,
            Some(id) => Some(
                id.as_str()
                    .and_then(LogicalId::parse)
                    .ok_or(DraftError::Id)?,
            ),
        };
        let meta = match document.get("meta") {
            None => String::new(),
            Some(meta) => others_of_meta(meta)?,
        };
        if kind.name() == "SearchParameter" {
            defined_by(&value)?;
        }
        let extracted = extract(kind, &value);
        if extracted.rows() > MOST_ROWS {
            return Err(DraftError::TooCostly);
        }
        let draft = Self {
            kind,
            id,
            extracted,
            issues: Arc::default(),
            text: text.to_owned(),
            meta,
        };
        Ok((draft, value))
    }

    /// How many rows it is in the index.
    pub(super) fn rows(&self) -> usize {
        self.extracted.rows()
    }

    /// The resource as it came.
    pub(super) fn value(&self) -> Value {
        // It was parsed before: this cannot fail.
        strict(&self.text).unwrap_or(Value::Null)
    }

    /// Reads it by further parameters.
    pub(super) fn read_by(&mut self, parameters: &[&'static Parameter]) {
        let value = self.value();
        self.extracted.read_by(parameters, &value);
    }

    /// The text of a member of `meta`, but for those that are ours.
    pub(super) fn member_of_meta(&self, name: &str) -> Option<String> {
        let meta = format!("{{{}}}", self.meta.strip_prefix(',')?);
        let document = Document::parse(&meta).ok()?;
        document.get(name).map(str::to_owned)
    }

    /// The text as it is stored: the sender's bytes with our `id` and `meta`.
    pub(super) fn stored_as(&self, id: &LogicalId, version: i32, at: Timestamp) -> String {
        let id = quoted(id.as_str());
        let meta = format!(
            "{{\"versionId\":\"{version}\",\"lastUpdated\":\"{at}\"{others}}}",
            others = self.meta
        );
        // It was parsed before: this cannot fail.
        match Document::parse(&self.text) {
            Ok(document) => document.with(&[("id", &id), ("meta", &meta)]),
            Err(_) => self.text.clone(),
        }
    }
}

/// `profile`, `tag`, `security`, … in the sender's bytes.
fn others_of_meta(meta: &str) -> Result<String, DraftError> {
    let document = Document::parse(meta).map_err(|_not| DraftError::Meta)?;
    let mut others = String::new();
    for member in document.members() {
        if member.name != "versionId" && member.name != "lastUpdated" {
            others.push_str(&format!(",{}:{}", quoted(&member.name), member.value));
        }
    }
    Ok(others)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    fn refused(text: &str) -> DraftError {
        Draft::unjudged(text).unwrap_err()
    }

    #[test]
    fn what_cannot_be_stored_is_refused() {
        assert_eq!(refused("{\"resourceType\":\"Unicorn\"}"), DraftError::Type);
        assert_eq!(refused("{}"), DraftError::Type);
        assert_eq!(
            refused("{\"resourceType\":\"Patient\",\"id\":\"a/b\"}"),
            DraftError::Id
        );
        assert_eq!(
            refused("{\"resourceType\":\"Patient\",\"id\":7}"),
            DraftError::Id
        );
        assert_eq!(
            refused("{\"resourceType\":\"Patient\",\"meta\":[]}"),
            DraftError::Meta
        );
        let twice = "{\"resourceType\":\"Patient\",\"name\":[],\"name\":[]}";
        assert!(matches!(refused(twice), DraftError::Json(_)));
        assert!(matches!(
            refused("[]"),
            DraftError::Json(JsonError::NotAnObject)
        ));
    }

    #[test]
    fn meta_keeps_what_is_not_ours() {
        let text = "{\"resourceType\":\"Patient\",\"meta\":{\"versionId\":\"9\",\
                    \"profile\" : [ \"p\" ],\"lastUpdated\":\"x\",\"tag\":[]},\"id\":\"old\"}";
        let draft = Draft::unjudged(text).unwrap();
        let id = LogicalId::parse("new").unwrap();
        let stored = draft.stored_as(&id, 2, Timestamp::from_unix_seconds(0));
        assert_eq!(
            stored,
            "{\"resourceType\":\"Patient\",\"meta\":{\"versionId\":\"2\",\
             \"lastUpdated\":\"1970-01-01T00:00:00.000Z\",\"profile\":[ \"p\" ],\"tag\":[]},\
             \"id\":\"new\"}"
        );
    }
}
