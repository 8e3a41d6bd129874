//! A compiled expression: member names and types are looked up here once, so that evaluating
//! compares names and nothing more.

use serde_json::Value;

use crate::fhir_type::{self, Choice, FhirType};

/// What an expression consists of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Term {
    /// Steps from a root, each taken by each element alone.
    Path(Root, Vec<Step>),
    /// All that any of them finds; none: nothing.
    Union(Vec<Term>),
    /// The element at that place of all that are found.
    Nth(Box<Term>, usize),
    /// True, false or nothing.
    Truth(Box<Truth>),
}

/// Where a path begins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Root {
    /// At the element that is looked at.
    Context,
    /// At the resource.
    Resource,
    /// At what another term finds.
    Found(Box<Term>),
}

/// From one element to those that follow.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// The members of that name.
    Member(Member),
    /// The member `valueQuantity`, or `value` if that may be a Quantity.
    MemberAs {
        plain: Box<str>,
        member: Box<str>,
        fhir_type: &'static FhirType,
    },
    /// The element itself, if it is of that type.
    OfType(&'static FhirType),
    /// The element itself, if the term holds of it.
    Where(Term),
    /// Its extensions with that URL.
    Extension(Box<str>),
}

/// A name in a path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member {
    pub(crate) name: Box<str>,
    /// If the name is one of those that the specification writes `value[x]`.
    pub(crate) choice: Option<&'static Choice>,
    /// `_birthDate`: set if the next step asks for extensions, which a primitive has there.
    pub(crate) shadow: Option<Box<str>>,
}

/// What can be so or not.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Truth {
    /// Anything on the left equals anything on the right.
    Equal(Operand, Operand),
    Not(Term),
    And(Term, Term),
    Or(Term, Term),
    Exists(Term),
    Is(Term, &'static FhirType),
    /// A reference leads to a resource of that type.
    ResolvesTo(Term, &'static FhirType),
}

/// One side of an equation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    Literal(Value),
    Term(Term),
}

impl Term {
    pub(super) const NOTHING: Self = Self::Union(Vec::new());

    pub(super) fn truth(truth: Truth) -> Self {
        Self::Truth(Box::new(truth))
    }

    /// One step further.
    pub(super) fn then(self, step: Step) -> Self {
        let (root, mut steps) = match self {
            Self::Path(root, steps) => (root, steps),
            other => (Root::Found(Box::new(other)), Vec::new()),
        };
        if matches!(step, Step::Extension(_))
            && let Some(Step::Member(last)) = steps.last_mut()
        {
            last.shadow = Some(format!("_{}", last.name).into());
        }
        steps.push(step);
        Self::Path(root, steps)
    }

    pub(super) fn member(self, name: &str) -> Self {
        self.then(Step::Member(Member {
            name: name.into(),
            choice: fhir_type::choice(name),
            shadow: None,
        }))
    }

    /// Only what is of that type.
    pub(super) fn of_type(self, wanted: &'static FhirType) -> Self {
        let Self::Path(root, mut steps) = self else {
            return self.then(Step::OfType(wanted));
        };
        let step = match steps.pop_if(|last| matches!(last, Step::Member(_))) {
            Some(Step::Member(Member { name: plain, .. })) => Step::MemberAs {
                member: fhir_type::member(&plain, wanted.name).into(),
                plain,
                fhir_type: wanted,
            },
            _ => Step::OfType(wanted),
        };
        steps.push(step);
        Self::Path(root, steps)
    }

    /// Only that of which `criterion` holds. `extension.where(url = '…')` is `extension('…')`.
    pub(super) fn filter(self, criterion: Self) -> Self {
        let Self::Path(root, mut steps) = self else {
            return self.then(Step::Where(criterion));
        };
        let extension =
            |step: &mut Step| matches!(step, Step::Member(m) if &*m.name == "extension");
        match criterion.equates_url() {
            Some(url) if steps.pop_if(extension).is_some() => {
                let url = url.into();
                Self::Path(root, steps).then(Step::Extension(url))
            }
            _ => Self::Path(root, steps).then(Step::Where(criterion)),
        }
    }

    /// The text in `url = '…'`.
    fn equates_url(&self) -> Option<&str> {
        let Self::Truth(truth) = self else {
            return None;
        };
        let Truth::Equal(Operand::Term(Self::Path(Root::Context, steps)), Operand::Literal(text)) =
            truth.as_ref()
        else {
            return None;
        };
        match steps.as_slice() {
            [Step::Member(member)] if &*member.name == "url" => text.as_str(),
            _ => None,
        }
    }

    /// What either finds, each branch once.
    pub(super) fn or_else(self, other: Self) -> Self {
        let mut branches = match self {
            Self::Union(branches) => branches,
            one => vec![one],
        };
        let others = match other {
            Self::Union(branches) => branches,
            one => vec![one],
        };
        for branch in others {
            if !branches.contains(&branch) {
                branches.push(branch);
            }
        }
        branches.retain(|branch| !branch.finds_nothing());
        match branches.pop() {
            Some(only) if branches.is_empty() => only,
            last => {
                branches.extend(last);
                Self::Union(branches)
            }
        }
    }

    pub(super) fn finds_nothing(&self) -> bool {
        match self {
            Self::Union(branches) => branches.iter().all(Self::finds_nothing),
            Self::Path(Root::Found(term), _) | Self::Nth(term, _) => term.finds_nothing(),
            Self::Path(..) | Self::Truth(_) => false,
        }
    }

    pub(super) fn told_types(&self) -> Option<Vec<&'static str>> {
        match self {
            Self::Path(_, steps) => match steps.last()? {
                Step::OfType(told)
                | Step::MemberAs {
                    fhir_type: told, ..
                } => Some(vec![told.name]),
                Step::Extension(_) => Some(vec!["Extension"]),
                Step::Member(_) | Step::Where(_) => None,
            },
            Self::Union(branches) => {
                let mut told = Vec::new();
                for branch in branches {
                    told.extend(branch.told_types()?);
                }
                told.sort_unstable();
                told.dedup();
                Some(told)
            }
            Self::Nth(term, _) => term.told_types(),
            Self::Truth(_) => Some(vec!["boolean"]),
        }
    }
}
