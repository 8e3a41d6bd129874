//! A place in a resource.

use serde_json::Value;

/// An element that an expression found: where it stands, and of which FHIR type it is as far as
/// that can be told.
///
/// The value is never a list and never `null`: of a list each item is an element of its own.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Element<'v> {
    /// The element's JSON.
    pub value: &'v Value,
    /// The name of its FHIR type (`Quantity`, `dateTime`), told by the member's name
    /// (`valueQuantity`), by the expression (`as Quantity`) or by the parameter's only type. What has
    /// no type of its own goes by its path (`Observation.component`). `None` where only the JSON's
    /// shape can tell.
    pub fhir_type: Option<&'static str>,
}

impl<'v> Element<'v> {
    /// An element of unknown type.
    #[must_use]
    pub const fn untyped(value: &'v Value) -> Self {
        Self {
            value,
            fhir_type: None,
        }
    }

    pub(crate) const fn typed(value: &'v Value, fhir_type: &'static str) -> Self {
        Self {
            value,
            fhir_type: Some(fhir_type),
        }
    }
}
