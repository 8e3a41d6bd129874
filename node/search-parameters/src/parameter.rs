//! One search parameter of one type.

use std::borrow::Cow;

use serde_json::Value;

use crate::element::Element;
use crate::expression::Expression;
use crate::fhir_type;

/// How the values of a parameter are compared.
///
/// Source: FHIR R4, search, "Search Parameter Types".
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ParameterType {
    /// A number, with the precision it is written in.
    Number,
    /// A date, time or period.
    Date,
    /// Text, by its beginning.
    String,
    /// A code or identifier, mostly with its system.
    Token,
    /// Another resource.
    Reference,
    /// Values that belong together: see [`SearchParameter::components`].
    Composite,
    /// A number with a unit.
    Quantity,
    /// A URI, as it is written.
    Uri,
    /// By rules of its own, which the parameter's definition describes.
    Special,
}

impl ParameterType {
    /// Every type of parameter.
    pub const ALL: [Self; 9] = [
        Self::Number,
        Self::Date,
        Self::String,
        Self::Token,
        Self::Reference,
        Self::Composite,
        Self::Quantity,
        Self::Uri,
        Self::Special,
    ];

    /// The code of `http://hl7.org/fhir/search-param-type`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Date => "date",
            Self::String => "string",
            Self::Token => "token",
            Self::Reference => "reference",
            Self::Composite => "composite",
            Self::Quantity => "quantity",
            Self::Uri => "uri",
            Self::Special => "special",
        }
    }

    /// The type of that code.
    #[must_use]
    pub fn named(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == code)
    }
}

/// A search parameter as it is on one resource type. Never changes once made.
#[derive(Debug, Clone)]
pub struct SearchParameter {
    pub(crate) code: Cow<'static, str>,
    pub(crate) url: Cow<'static, str>,
    pub(crate) kind: ParameterType,
    pub(crate) targets: Vec<&'static str>,
    pub(crate) element_types: Vec<&'static str>,
    pub(crate) components: Vec<Component>,
    pub(crate) text: Cow<'static, str>,
    pub(crate) expression: Expression,
}

impl SearchParameter {
    /// The name in a query: `code`, `_id`.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The canonical URL of its definition.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How its values are compared.
    #[must_use]
    pub const fn kind(&self) -> ParameterType {
        self.kind
    }

    /// The types that a reference may lead to, by name; empty if the definition names none.
    #[must_use]
    pub fn targets(&self) -> &[&'static str] {
        &self.targets
    }

    /// The FHIR types of the elements it finds; empty if they are not known, which only happens to
    /// a hospital's own parameters.
    #[must_use]
    pub fn element_types(&self) -> &[&'static str] {
        &self.element_types
    }

    /// What a composite is composed of, in the order of the values in a query; empty for all else.
    #[must_use]
    pub fn components(&self) -> &[Component] {
        &self.components
    }

    /// The FHIRPath expression, as far as it concerns this type.
    #[must_use]
    pub fn expression(&self) -> &str {
        &self.text
    }

    /// Whether this token is a bare code on this type: its elements carry no system of their own,
    /// so one named in a query is implied by the element (`status=http://…|final` finds `final`).
    #[must_use]
    pub fn bare_code(&self) -> bool {
        const BARE: [&str; 8] = [
            "boolean",
            "canonical",
            "code",
            "id",
            "oid",
            "string",
            "uri",
            "url",
        ];
        self.kind == ParameterType::Token
            && !self.element_types.is_empty()
            && self.element_types.iter().all(|name| BARE.contains(name))
    }

    /// Calls `each` with every element of `resource` that holds a value of this parameter, in
    /// document order within each branch of the expression. Of a composite these are the elements
    /// that its components start from.
    ///
    /// An element that two branches of a `|` both reach is told twice. Of an extension that an
    /// expression ends at, its value is told.
    pub fn elements<'v>(&self, resource: &'v Value, each: &mut dyn FnMut(Element<'v>)) {
        let base = Element::untyped(resource);
        typed_elements(&self.expression, &self.element_types, base, resource, each);
    }
}

/// One value of a composite.
#[derive(Debug, Clone)]
pub struct Component {
    pub(crate) url: Cow<'static, str>,
    pub(crate) kind: ParameterType,
    pub(crate) element_types: Vec<&'static str>,
    pub(crate) expression: Expression,
}

impl Component {
    /// The canonical URL of the parameter whose rules its values follow.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How its values are compared.
    #[must_use]
    pub const fn kind(&self) -> ParameterType {
        self.kind
    }

    /// As [`SearchParameter::element_types`].
    #[must_use]
    pub fn element_types(&self) -> &[&'static str] {
        &self.element_types
    }

    /// Calls `each` with every element of this component at `base`, which
    /// [`SearchParameter::elements`] of its composite found in `resource`.
    pub fn elements<'v>(
        &self,
        base: Element<'v>,
        resource: &'v Value,
        each: &mut dyn FnMut(Element<'v>),
    ) {
        typed_elements(&self.expression, &self.element_types, base, resource, each);
    }
}

/// Adds the only possible type to elements that nothing else tells the type of, and takes the value
/// out of extensions: R4 defines some parameters by an expression that ends at one.
fn typed_elements<'v>(
    expression: &Expression,
    types: &[&'static str],
    base: Element<'v>,
    resource: &'v Value,
    each: &mut dyn FnMut(Element<'v>),
) {
    let [only] = types else {
        return expression.elements(base, resource, each);
    };
    expression.elements(base, resource, &mut |found| {
        let fhir_type = found.fhir_type.or(Some(only));
        if fhir_type == Some("Extension") {
            fhir_type::value_of_extension(found.value, each);
        } else {
            each(Element { fhir_type, ..found });
        }
    });
}
