//! As much of FHIRPath as the invariants of R4, JP Core and JP-CLINS need.
//!
//! Owns parsing and evaluating. What it does not know it refuses when parsing, so that an invariant
//! is either evaluated as it is meant or not at all.

mod eval;
mod functions;
mod item;
mod operators;
mod parse;
mod token;

use regex_lite::Regex;

pub(crate) use eval::{Context, Verdict};
pub(crate) use item::Node;

/// A parsed expression.
#[derive(Clone, Debug)]
pub(crate) enum Expression {
    /// `'text'`
    Text(String),
    /// `42`
    Whole(i64),
    /// `4.2`
    Decimal(f64),
    /// `true`
    Bool(bool),
    /// `{}`
    Nothing,
    /// `$this`, or what the expression is applied to.
    This,
    /// `%resource`: the resource that holds the element.
    Resource,
    /// `%rootResource`: the resource that contains that resource, or itself.
    RootResource,
    /// `left.name`
    Member(Box<Expression>, String),
    /// `left.function(…)`
    Call(Box<Expression>, Function, Vec<Expression>),
    /// `left.matches('…')`, compiled.
    Matches(Box<Expression>, Regex),
    /// `left.ofType(T)`, `left as T`
    OfType(Box<Expression>, String),
    /// `left.is(T)`, `left is T`
    Is(Box<Expression>, String),
    /// `left[n]`
    Index(Box<Expression>, Box<Expression>),
    /// `left op right`
    Binary(Operator, Box<Expression>, Box<Expression>),
}

/// What stands between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Implies,
    Or,
    Xor,
    And,
    In,
    Contains,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Union,
    Plus,
    Minus,
    Concatenate,
}

/// The functions, each with as many arguments as it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    All,
    Children,
    Combine,
    Contains,
    Count,
    Descendants,
    Distinct,
    Empty,
    EndsWith,
    Exists,
    First,
    HasValue,
    Iif,
    IndexOf,
    Intersect,
    IsDistinct,
    Last,
    Length,
    Not,
    Select,
    Single,
    StartsWith,
    Substring,
    Tail,
    ToInteger,
    ToText,
    Trace,
    Where,
}

impl Function {
    /// The function of this name, if it takes so many arguments.
    fn named(name: &str, arguments: usize) -> Option<Self> {
        let (function, least, most) = match name {
            "all" => (Function::All, 1, 1),
            "children" => (Function::Children, 0, 0),
            "combine" => (Function::Combine, 1, 1),
            "contains" => (Function::Contains, 1, 1),
            "count" => (Function::Count, 0, 0),
            "descendants" => (Function::Descendants, 0, 0),
            "distinct" => (Function::Distinct, 0, 0),
            "empty" => (Function::Empty, 0, 0),
            "endsWith" => (Function::EndsWith, 1, 1),
            "exists" => (Function::Exists, 0, 1),
            "first" => (Function::First, 0, 0),
            "hasValue" => (Function::HasValue, 0, 0),
            "iif" => (Function::Iif, 2, 3),
            "indexOf" => (Function::IndexOf, 1, 1),
            "intersect" => (Function::Intersect, 1, 1),
            "isDistinct" => (Function::IsDistinct, 0, 0),
            "last" => (Function::Last, 0, 0),
            "length" => (Function::Length, 0, 0),
            "not" => (Function::Not, 0, 0),
            "select" => (Function::Select, 1, 1),
            "single" => (Function::Single, 0, 0),
            "startsWith" => (Function::StartsWith, 1, 1),
            "substring" => (Function::Substring, 1, 2),
            "tail" => (Function::Tail, 0, 0),
            "toInteger" => (Function::ToInteger, 0, 0),
            "toString" => (Function::ToText, 0, 0),
            "trace" => (Function::Trace, 1, 2),
            "where" => (Function::Where, 1, 1),
            _ => return None,
        };
        (least..=most).contains(&arguments).then_some(function)
    }
}

#[cfg(test)]
mod tests;
