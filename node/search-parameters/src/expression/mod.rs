//! The part of FHIRPath that search parameters are written in, compiled once and evaluated over
//! JSON.
//!
//! Understood: paths (lists are walked), `|`, `and`, `or`, `=`, `!=`, `is`, `as`, `[n]`, literals,
//! `%resource`, `$this`, and the functions `where` `exists` `empty` `not` `first` `as` `ofType` `is`
//! `extension` `hasExtension`, and `resolve() is T`. All else is refused when it is compiled, never
//! guessed at.
//!
//! Where it is kinder than FHIRPath, for the sake of what is found: `=` holds if any element on its
//! left equals any on its right, and `!=` if none does; `as` filters lists as `ofType` does.
//! `resolve()` looks nothing up: what a reference leads to is judged by its own text.

mod lexeme;
mod parse;
mod reference;
mod term;
mod walk;

use serde_json::Value;

use crate::element::Element;

pub(crate) use term::Term;
#[cfg(feature = "generator")]
pub(crate) use term::{Root, Step};

/// The longest expression that is compiled, in bytes.
pub const MAX_LENGTH: usize = 8_192;
/// The deepest nesting of parentheses, arguments, operators and steps.
pub const MAX_DEPTH: usize = 32;

/// A compiled expression, for resources of one type.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    term: Term,
}

impl Expression {
    /// Compiles `text` for resources of `resource_type`: a path that begins with the name of
    /// another type finds nothing and is dropped. Relative paths are allowed, as the components of
    /// a composite have them.
    ///
    /// # Errors
    /// `Length`, `Depth`, or what stands where in the text that cannot be understood.
    ///
    /// Source: FHIRPath Normative Release 1; FHIR R4, search, "FHIRPath".
    pub fn parse(text: &str, resource_type: &str) -> Result<Self, ExpressionError> {
        let term = parse::term(text, resource_type)?;
        Ok(Self { term })
    }

    /// Calls `each` with every element found from `base`, which is `resource` itself or stands in
    /// it.
    pub fn elements<'v>(
        &self,
        base: Element<'v>,
        resource: &'v Value,
        each: &mut dyn FnMut(Element<'v>),
    ) {
        walk::visit(&self.term, base, resource, each);
    }

    /// Whether it can find nothing in a resource of its type.
    #[must_use]
    pub fn finds_nothing(&self) -> bool {
        self.term.finds_nothing()
    }

    /// The types that the expression itself tells, if it tells them of everything it finds.
    pub(crate) fn told_types(&self) -> Option<Vec<&'static str>> {
        self.term.told_types()
    }

    #[cfg(feature = "generator")]
    pub(crate) const fn term(&self) -> &Term {
        &self.term
    }
}

/// Why a text is not an expression that we evaluate. `at` counts bytes from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExpressionError {
    /// Longer than [`MAX_LENGTH`].
    #[error("longer than {MAX_LENGTH} bytes")]
    Length,
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels at byte {at}")]
    Depth {
        /// Where.
        at: usize,
    },
    /// Something else is needed there.
    #[error("{needed} needed at byte {at}")]
    Unexpected {
        /// Where.
        at: usize,
        /// What could go on there.
        needed: &'static str,
    },
    /// A function that we do not evaluate.
    #[error("function {name} at byte {at} is not one that search parameters may use here")]
    Function {
        /// Where.
        at: usize,
        /// Its name.
        name: String,
    },
    /// Not a type of FHIR R4.
    #[error("{name} at byte {at} is not a type of FHIR R4")]
    Type {
        /// Where.
        at: usize,
        /// The name.
        name: String,
    },
}

#[cfg(test)]
mod tests;
