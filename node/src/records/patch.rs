//! JSON Patch on text.
//!
//! A resource is kept in its sender's bytes, so a patch is done on the text and not on a parsed
//! value: only the objects and lists that a pointer leads through are taken apart and written anew,
//! compactly. Every value beside the way keeps its bytes, number forms and order of members
//! included.
//!
//! Source: RFC 6902; RFC 6901; FHIR R4 http, section "patch".

mod node;

use serde_json::{Number, Value};

use super::json::Document;
use super::strict::strict;
use node::Node;

/// The most operations of one patch.
const MOST_OPERATIONS: usize = 1_000;
/// The most bytes that the operations of one patch may add: `copy` could double without end.
const MOST_GROWTH: usize = 32 * 1024 * 1024;

/// Why a patch was not made. Never repeats content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatchError {
    /// The body is no JSON Patch.
    #[error("not a JSON Patch: {0}")]
    Malformed(&'static str),
    /// The resource does not have what an operation needs, or a `test` does not hold.
    #[error("operation {operation} of the patch: {reason}")]
    Operation {
        /// From 0.
        operation: usize,
        /// Why it could not be done.
        reason: &'static str,
    },
}

/// A parsed JSON Patch.
#[derive(Debug, Clone)]
pub(super) struct Patch(Vec<Operation>);

#[derive(Debug, Clone)]
enum Operation {
    Add { path: Pointer, value: String },
    Remove { path: Pointer },
    Replace { path: Pointer, value: String },
    Move { from: Pointer, path: Pointer },
    Copy { from: Pointer, path: Pointer },
    Test { path: Pointer, value: Value },
}

/// A JSON Pointer's parts, unescaped.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pointer(Vec<String>);

impl Patch {
    /// Reads a JSON Patch document.
    ///
    /// # Errors
    /// `Malformed`.
    pub(super) fn parse(text: &str) -> Result<Self, PatchError> {
        let Ok(Value::Array(values)) = strict(text) else {
            return Err(PatchError::Malformed("wanted: a list of operations"));
        };
        if values.len() > MOST_OPERATIONS {
            return Err(PatchError::Malformed("more than 1000 operations"));
        }
        let Some(texts) = node::items(text) else {
            return Err(PatchError::Malformed("wanted: a list of operations"));
        };
        texts
            .into_iter()
            .map(Operation::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The text with every operation done, in their order.
    ///
    /// # Errors
    /// `Operation` for the first that cannot be done.
    pub(super) fn apply(&self, text: &str) -> Result<String, PatchError> {
        let mut root = Node::of(text);
        let mut growth = 0_usize;
        for (number, operation) in self.0.iter().enumerate() {
            let grown = operation.apply(&mut root);
            let failed = |reason| PatchError::Operation {
                operation: number,
                reason,
            };
            growth = growth.saturating_add(grown.map_err(failed)?);
            if growth > MOST_GROWTH {
                return Err(failed("the patch makes the resource too large"));
            }
        }
        Ok(root.to_text())
    }
}

impl Operation {
    fn parse(text: &str) -> Result<Self, PatchError> {
        let wrong = PatchError::Malformed;
        let members = Document::parse(text).map_err(|_not| wrong("an operation is no object"))?;
        let word = |name: &str| -> Option<String> { serde_json::from_str(members.get(name)?).ok() };
        let pointer = |name: &str, reason| {
            word(name)
                .and_then(|text| Pointer::parse(&text))
                .ok_or(wrong(reason))
        };
        let path = || pointer("path", "path is missing, or no JSON Pointer");
        let from = || pointer("from", "from is missing, or no JSON Pointer");
        let value = || members.get("value").ok_or(wrong("value is missing"));
        Ok(match word("op").unwrap_or_default().as_str() {
            "add" => Self::Add {
                path: path()?,
                value: value()?.to_owned(),
            },
            "remove" => Self::Remove { path: path()? },
            "replace" => Self::Replace {
                path: path()?,
                value: value()?.to_owned(),
            },
            "move" => Self::Move {
                from: from()?,
                path: path()?,
            },
            "copy" => Self::Copy {
                from: from()?,
                path: path()?,
            },
            "test" => Self::Test {
                path: path()?,
                value: strict(value()?).map_err(|_not| wrong("value is not JSON"))?,
            },
            _ => return Err(wrong("op is not add, remove, replace, move, copy or test")),
        })
    }

    /// Does it; how many bytes it added.
    fn apply(&self, root: &mut Node) -> Result<usize, &'static str> {
        match self {
            Self::Add { path, value } => {
                root.add(&path.0, Node::of(value))?;
                Ok(value.len())
            }
            Self::Remove { path } => root.remove(&path.0).map(|_removed| 0),
            Self::Replace { path, value } => {
                *root.at(&path.0).ok_or(NOTHING)? = Node::of(value);
                Ok(value.len())
            }
            Self::Move { from, path } if from == path => {
                root.at(&from.0).map(|_there| 0).ok_or(NOTHING)
            }
            Self::Move { from, path } => {
                if path.0.starts_with(&from.0) {
                    return Err("a value cannot be moved into itself");
                }
                let moved = root.remove(&from.0)?;
                root.add(&path.0, moved)?;
                Ok(0)
            }
            Self::Copy { from, path } => {
                let copied = root.at(&from.0).ok_or(NOTHING)?.to_text();
                root.add(&path.0, Node::of(&copied))?;
                Ok(copied.len())
            }
            Self::Test { path, value } => {
                let there = root.at(&path.0).ok_or(NOTHING)?.to_text();
                match strict(&there) {
                    Ok(there) if same(&there, value) => Ok(0),
                    _ => Err("the test does not hold"),
                }
            }
        }
    }
}

const NOTHING: &str = "there is nothing at its path";

impl Pointer {
    fn parse(text: &str) -> Option<Self> {
        let Some(rest) = text.strip_prefix('/') else {
            return text.is_empty().then(|| Self(Vec::new()));
        };
        let parts = rest.split('/').map(|part| {
            let escapes = part.matches('~').count();
            let known = part.matches("~0").count() + part.matches("~1").count();
            (escapes == known).then(|| part.replace("~1", "/").replace("~0", "~"))
        });
        parts.collect::<Option<_>>().map(Self)
    }
}

/// Equal as RFC 6902 section 4.6 has it: numbers by their value, objects in any order.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => same_number(one, other),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let each = |(name, value): (&String, &Value)| {
                other.get(name).is_some_and(|other| same(value, other))
            };
            one.len() == other.len() && one.iter().all(each)
        }
        _ => one == other,
    }
}

fn same_number(one: &Number, other: &Number) -> bool {
    one == other || (one.is_f64() || other.is_f64()) && one.as_f64() == other.as_f64()
}

#[cfg(test)]
mod tests;
