//! Every search parameter of FHIR R4 and JP Core, and where its values stand in a resource: names,
//! types and expressions in; elements of a resource's JSON out.
//!
//! Pure: it never knows a database, HTTP or a query string, and never says what matches. What a
//! value means to a search (systems, precision, folding) is its caller's.
//!
//! Left out on purpose: the parameters that R4 defines without an expression (`_content`,
//! `_filter`, `_list`, `_query`, `_text`, Patient's `age`), since nothing in a resource answers
//! them, and the three definitions that R4 publishes as examples.

mod catalogue;
mod definition;
mod element;
mod expression;
mod fhir_type;
#[cfg(feature = "generator")]
pub mod generator;
mod outline;
mod parameter;
mod table;

pub use catalogue::Catalogue;
pub use definition::DefinitionError;
pub use element::Element;
pub use expression::{Expression, ExpressionError, MAX_DEPTH, MAX_LENGTH};
pub use outline::Outline;
pub use parameter::{Component, ParameterType, SearchParameter};
