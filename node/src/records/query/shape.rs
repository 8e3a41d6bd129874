//! What an answer looks like: how many, in which order, with what beside it, cut how.

use super::{MOST_ENTRIES, QueryError, SearchQuery};
use crate::records::ResourceType;
use crate::records::own::OwnParameters;
use crate::records::types::{Parameter, Role};
use fhir_search_parameters::ParameterType;

/// The most keys of one order.
const MOST_KEYS: usize = 4;
/// The most `_include` and `_revinclude` of one search.
const MOST_INCLUDES: usize = 16;
const MOST_ELEMENTS: usize = 64;

/// One key of the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::records) struct Sort {
    pub(in crate::records) by: SortBy,
    pub(in crate::records) descending: bool,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::records) enum SortBy {
    Id,
    LastUpdated,
    Parameter(&'static Parameter),
}

/// `_include` or `_revinclude`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::records) struct Include {
    /// The type that has the reference.
    pub(in crate::records) from: ResourceType,
    /// `None`: `*`, every reference of it.
    pub(in crate::records) by: Option<&'static Parameter>,
    /// Only targets of this type.
    pub(in crate::records) to: Option<ResourceType>,
    /// From what was included, too.
    pub(in crate::records) iterate: bool,
    /// What refers to the matches, not what they refer to.
    pub(in crate::records) reverse: bool,
}

/// `_total`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::records) enum Total {
    #[default]
    None,
    Accurate,
}

/// `_summary`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::records) enum Summary {
    #[default]
    False,
    True,
    Text,
    Data,
    Count,
}

impl SearchQuery {
    /// Takes a parameter of the answer's shape; whether it is one.
    pub(super) fn take_shape(
        &mut self,
        own: &OwnParameters,
        name: &str,
        value: &str,
    ) -> Result<bool, QueryError> {
        match name {
            "_count" if self.count.is_none() => self.count = Some(count(value)?),
            "_count" => return Err(wrong("_count", "only once")),
            "_cursor" if self.cursor.is_none() => self.cursor = Some(value.to_owned()),
            "_cursor" => return Err(wrong("_cursor", "only once")),
            "_sort" if self.sort.is_empty() => self.sort = sort(own, self.kind, value)?,
            "_sort" => return Err(wrong("_sort", "only once")),
            "_total" => self.total = total(value)?,
            "_summary" => self.summary = summary(value)?,
            "_elements" => self.elements = elements(value)?,
            _ => match name.split_once(':').unwrap_or((name, "")) {
                ("_include", how) => self.include(own, value, how, false)?,
                ("_revinclude", how) => self.include(own, value, how, true)?,
                _ => return Ok(false),
            },
        }
        Ok(true)
    }

    fn include(
        &mut self,
        own: &OwnParameters,
        value: &str,
        how: &str,
        reverse: bool,
    ) -> Result<(), QueryError> {
        let name = if reverse { "_revinclude" } else { "_include" };
        let iterate = match how {
            "" => false,
            // `recurse` is what R3 called it.
            "iterate" | "recurse" => true,
            _ => return Err(QueryError::Modifier(name)),
        };
        if self.includes.len() >= MOST_INCLUDES {
            return Err(QueryError::TooMuch);
        }
        let reason = "wanted: Type:reference or Type:reference:TargetType";
        let include = include(own, value, (iterate, reverse))?;
        self.includes
            .push(include.ok_or_else(|| wrong(name, reason))?);
        Ok(())
    }
}

/// `None`: not understood.
fn include(
    own: &OwnParameters,
    value: &str,
    (iterate, reverse): (bool, bool),
) -> Result<Option<Include>, QueryError> {
    let parts: Vec<&str> = value.split(':').collect();
    let (from, by, to) = match parts.as_slice() {
        [from, by] | [from, by, ""] => (from, *by, None),
        [from, by, to] => (from, *by, Some(ResourceType::named(to))),
        _ => return Ok(None),
    };
    let (Some(from), Some(to)) = (
        ResourceType::named(from),
        to.map_or(Some(None), |to| to.map(Some)),
    ) else {
        return Ok(None);
    };
    let by = match by {
        "*" => None,
        name => {
            let named = own.parameter(from, name)?;
            match named.filter(|by| by.definition.kind() == ParameterType::Reference) {
                None => return Ok(None),
                by => by,
            }
        }
    };
    Ok(Some(Include {
        from,
        by,
        to,
        iterate,
        reverse,
    }))
}

fn wrong(parameter: &'static str, reason: &'static str) -> QueryError {
    QueryError::Value { parameter, reason }
}

/// A page never has more than is asked for; it may have fewer.
///
/// Source: FHIR R4 search, section "_count".
fn count(value: &str) -> Result<usize, QueryError> {
    if value.is_empty() || !value.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong("_count", "wanted: a number"));
    }
    // Digits that are no `usize` are more than enough.
    let number: usize = value.parse().unwrap_or(MOST_ENTRIES);
    Ok(number.min(MOST_ENTRIES))
}

fn sort(own: &OwnParameters, kind: ResourceType, value: &str) -> Result<Vec<Sort>, QueryError> {
    let keys: Vec<&str> = value.split(',').collect();
    if keys.len() > MOST_KEYS {
        return Err(QueryError::TooMuch);
    }
    let key = |key: &&str| {
        let (descending, name) = match key.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, *key),
        };
        let by =
            sort_by(own, kind, name)?.ok_or_else(|| wrong("_sort", "no parameter to sort by"))?;
        Ok(Sort { by, descending })
    };
    keys.iter().map(key).collect()
}

fn sort_by(
    own: &OwnParameters,
    kind: ResourceType,
    name: &str,
) -> Result<Option<SortBy>, QueryError> {
    Ok(match name {
        "_id" => Some(SortBy::Id),
        "_lastUpdated" => Some(SortBy::LastUpdated),
        _ => own
            .parameter(kind, name)?
            .filter(|by| {
                !matches!(by.role, Role::Refused | Role::Composite)
                    && by.definition.kind() != ParameterType::Reference
            })
            .map(SortBy::Parameter),
    })
}

fn total(value: &str) -> Result<Total, QueryError> {
    match value {
        "none" => Ok(Total::None),
        // An estimate may be right.
        "accurate" | "estimate" => Ok(Total::Accurate),
        _ => Err(wrong("_total", "wanted: none, estimate or accurate")),
    }
}

fn summary(value: &str) -> Result<Summary, QueryError> {
    Ok(match value {
        "false" => Summary::False,
        "true" => Summary::True,
        "text" => Summary::Text,
        "data" => Summary::Data,
        "count" => Summary::Count,
        _ => {
            return Err(wrong(
                "_summary",
                "wanted: true, text, data, count or false",
            ));
        }
    })
}

fn elements(value: &str) -> Result<Vec<String>, QueryError> {
    let names: Vec<String> = value
        .split(',')
        .map(|name| name.trim().to_owned())
        .collect();
    let plain = |name: &String| {
        !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._".contains(&b))
    };
    if names.len() > MOST_ELEMENTS {
        return Err(QueryError::TooMuch);
    }
    if names.iter().all(plain) {
        Ok(names)
    } else {
        Err(wrong("_elements", "wanted: names of elements"))
    }
}
