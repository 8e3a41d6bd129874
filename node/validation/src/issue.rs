//! What is said about a resource: one issue each, in the words of FHIR's OperationOutcome.

use std::fmt;

/// How much an issue weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; the resource may still conform.
    Information,
    /// Probably not meant; the resource conforms.
    Warning,
    /// The resource does not conform.
    Error,
}

impl Severity {
    /// The code of FHIR's `issue-severity`.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Information => "information",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// What kind of rule an issue is about: the codes of FHIR's `issue-type` that validation uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IssueCode {
    /// Not the shape of the type or profile: unknown member, wrong type, too many.
    Structure,
    /// Something mandatory is missing.
    Required,
    /// A value has a wrong form, or is not the one that is fixed.
    Value,
    /// A code is not in the value set that is demanded.
    CodeInvalid,
    /// An invariant of the type or profile does not hold.
    Invariant,
    /// A claimed profile, version or type is not known here.
    NotSupported,
    /// The resource was too deep or too costly to judge to the end.
    TooCostly,
}

impl IssueCode {
    /// The code of FHIR's `issue-type`.
    pub fn as_str(self) -> &'static str {
        match self {
            IssueCode::Structure => "structure",
            IssueCode::Required => "required",
            IssueCode::Value => "value",
            IssueCode::CodeInvalid => "code-invalid",
            IssueCode::Invariant => "invariant",
            IssueCode::NotSupported => "not-supported",
            IssueCode::TooCostly => "too-costly",
        }
    }
}

/// One thing to say about a resource.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Issue {
    /// How much it weighs.
    pub severity: Severity,
    /// What kind of rule it is about.
    pub code: IssueCode,
    /// FHIRPath of the element, `Patient.name[1].family`; of the parent where an element is missing.
    pub expression: String,
    /// Element and rule in a short English sentence. Holds nothing of the resource but member
    /// names, canonical URLs and codes.
    pub message: String,
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {}: {}",
            self.severity.as_str(),
            self.code.as_str(),
            self.expression,
            self.message
        )
    }
}
