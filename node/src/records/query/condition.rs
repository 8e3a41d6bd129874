//! What a search demands of a resource. Nothing here is text of the caller's that was not
//! understood.

use crate::records::date::Span;
use crate::records::number::Asked;
use crate::records::types::Parameter;
use crate::records::{Address, LogicalId, ResourceType};

/// A demand on one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::records) enum Condition {
    /// Its id is one of these.
    Id(Vec<LogicalId>),
    /// It is in the chart of one of these patients.
    Chart(Vec<LogicalId>),
    /// The same, their row numbers looked up.
    ChartRow(Vec<i64>),
    /// It has one of these row numbers.
    RowNumber(Vec<i64>),
    /// Its newest version was written then.
    Updated(Vec<DateTest>),
    /// Its clinical date.
    When(Vec<DateTest>),
    /// A row of the index under one of these slots passes the test.
    Row(Rows),
    /// What stands inside does not hold.
    Not(Box<Condition>),
    /// One of these holds.
    Any(Vec<Condition>),
    /// All of these hold.
    All(Vec<Condition>),
    /// A resource that it refers to satisfies something.
    Chain(Chain),
    /// A resource that refers to it satisfies something.
    Has(Has),
    /// Seen from the resource itself, where the index does not tell.
    Verify(Verify),
}

/// Rows of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::records) struct Rows {
    pub(in crate::records) slots: Vec<i16>,
    pub(in crate::records) test: Test,
    /// Hardly two resources have the same: the best way into the index.
    pub(in crate::records) identifying: bool,
    /// The hospital's own parameter that reads them: what is no longer in the index is read by it.
    pub(in crate::records) own: Option<&'static Parameter>,
}

/// What a row must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::records) enum Test {
    /// One of these hashes.
    Token(Vec<i64>),
    /// Any of these comparisons.
    Date(Vec<DateTest>),
    /// A folded text that begins with one of these.
    Beginning(Vec<String>),
    /// A folded text that has one of these in it, or that the index keeps the beginning of alone.
    Containing(Vec<String>),
    /// Any of these comparisons.
    Measure(Vec<MeasureTest>),
    /// A reference to one of these.
    Target(Vec<Address>),
    /// The same, their row numbers looked up.
    TargetRow(Vec<i64>),
}

/// One comparison of a date parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::records) struct DateTest {
    pub(in crate::records) how: Comparison,
    pub(in crate::records) span: Span,
}

/// One comparison of a number or quantity parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::records) struct MeasureTest {
    pub(in crate::records) how: Comparison,
    pub(in crate::records) asked: Asked,
    pub(in crate::records) unit: Unit,
}

/// The unit that a quantity must be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::records) enum Unit {
    Any,
    /// `|system|code`: this hash of both.
    Coded(i64),
    /// `||code`: this hash, of the code or of the unit as displayed.
    Named(i64),
}

/// The prefixes of FHIR R4 search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::records) enum Comparison {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    StartsAfter,
    EndsBefore,
    /// A number: within a tenth. A date: the stretch, widened by its own length on either side.
    Approximately,
}

/// `subject:Patient.name=…`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::records) struct Chain {
    pub(in crate::records) by: &'static Parameter,
    /// What a target of each type must satisfy; a target of another type does not count.
    pub(in crate::records) to: Vec<(ResourceType, Condition)>,
}

/// `_has:Observation:patient:code=…`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::records) struct Has {
    /// The type that is searched.
    pub(in crate::records) of: ResourceType,
    /// The type that refers to it.
    pub(in crate::records) kind: ResourceType,
    /// The parameter of `kind` that refers to what is searched.
    pub(in crate::records) by: &'static Parameter,
    pub(in crate::records) inner: Box<Condition>,
}

/// A look at the resource itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::records) struct Verify {
    pub(in crate::records) by: &'static Parameter,
    pub(in crate::records) look: Look,
}

/// What to look for in the elements of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::records) enum Look {
    /// `:missing=true` or `false`.
    Missing(bool),
    /// `:exact`: one of these texts, as they are.
    Exactly(Vec<String>),
    /// A text that begins with one of these, folded, which are longer than the index keeps.
    Beginning(Vec<String>),
    /// `:contains`: a text that has one of these in it, folded.
    Containing(Vec<String>),
    /// `:text`: a display or text that begins with one of these, folded.
    Display(Vec<String>),
    /// `:of-type`: an identifier of this type and value.
    OfType(Vec<TypedIdentifier>),
    /// `:identifier`: the hash of a reference's identifier.
    Identifier(Vec<i64>),
    /// `system|`: any code of one of these systems.
    System(Vec<String>),
    /// `:below`: a URI under one of these.
    Below(Vec<String>),
    /// `:above`: a URI that one of these is under.
    Above(Vec<String>),
    /// A composite: the components of one element.
    Together(Vec<Vec<Component>>),
}

/// `type-system|type-code|value`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::records) struct TypedIdentifier {
    /// The hash of the type's coding.
    pub(in crate::records) kind: i64,
    pub(in crate::records) value: String,
}

/// One part of a composite value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::records) struct Component {
    /// Its place among the components of the definition.
    pub(in crate::records) place: usize,
    pub(in crate::records) test: Test,
}

impl Rows {
    pub(in crate::records) fn of(by: &'static Parameter, test: Test) -> Condition {
        Condition::Row(Self {
            slots: by.slots(),
            test,
            identifying: by.definition.code() == "identifier",
            own: (by.slot < 0).then_some(by),
        })
    }
}

impl Condition {
    /// Whether the index alone does not tell: the resource must be looked at.
    pub(in crate::records) fn needs_a_look(&self) -> bool {
        match self {
            Self::Verify(_) => true,
            Self::Not(inner) => inner.needs_a_look(),
            Self::Any(parts) | Self::All(parts) => parts.iter().any(Self::needs_a_look),
            Self::Chain(chain) => chain.to.iter().any(|(_, inner)| inner.needs_a_look()),
            Self::Has(has) => has.inner.needs_a_look(),
            _ => false,
        }
    }

    /// The types whose resources its links lead through.
    pub(in crate::records) fn linked_types(&self) -> Vec<ResourceType> {
        match self {
            Self::Chain(chain) => {
                let each = chain.to.iter();
                each.flat_map(|(kind, inner)| [vec![*kind], inner.linked_types()].concat())
                    .collect()
            }
            Self::Has(has) => [vec![has.kind], has.inner.linked_types()].concat(),
            Self::Not(inner) => inner.linked_types(),
            Self::Any(parts) | Self::All(parts) => {
                parts.iter().flat_map(Self::linked_types).collect()
            }
            _ => Vec::new(),
        }
    }

    /// How many resources its links were found to lead to.
    pub(in crate::records) fn targets(&self) -> usize {
        match self {
            Self::Id(ids) | Self::Chart(ids) => ids.len(),
            Self::ChartRow(rids) | Self::RowNumber(rids) => rids.len(),
            Self::Row(rows) => match &rows.test {
                Test::Target(targets) => targets.len(),
                Test::TargetRow(rids) => rids.len(),
                _ => 1,
            },
            Self::Not(inner) => inner.targets(),
            Self::Any(parts) | Self::All(parts) => parts.iter().map(Self::targets).sum(),
            _ => 1,
        }
    }

    /// Whether it asks something of other resources.
    pub(in crate::records) fn follows_links(&self) -> bool {
        match self {
            Self::Chain(_) | Self::Has(_) => true,
            Self::Not(inner) => inner.follows_links(),
            Self::Any(parts) | Self::All(parts) => parts.iter().any(Self::follows_links),
            _ => false,
        }
    }
}

impl MeasureTest {
    /// The least and the greatest number of what is compared with: an equal number may be any that
    /// rounds to the one asked for.
    pub(in crate::records) fn edges(&self) -> (i64, i64) {
        let stretch = match self.how {
            Comparison::Equal | Comparison::NotEqual => self.asked.rounded,
            Comparison::Approximately => self.asked.about,
            _ => self.asked.exactly,
        };
        (stretch.lo, stretch.hi)
    }
}
