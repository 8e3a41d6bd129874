//! Evaluation: from element to element by member names. Allocates nothing.

use serde_json::Value;

use super::reference::leads_to;
use super::term::{Member, Operand, Root, Step, Term, Truth};
use crate::element::Element;

/// Calls `each` with all that `term` finds from `context`.
pub(super) fn visit<'v>(
    term: &Term,
    context: Element<'v>,
    resource: &'v Value,
    each: &mut dyn FnMut(Element<'v>),
) {
    match term {
        Term::Path(Root::Context, steps) => walk(steps, context, resource, each),
        Term::Path(Root::Resource, steps) => {
            walk(steps, Element::untyped(resource), resource, each);
        }
        Term::Path(Root::Found(term), steps) => {
            visit(term, context, resource, &mut |found| {
                walk(steps, found, resource, each);
            });
        }
        Term::Union(branches) => {
            for branch in branches {
                visit(branch, context, resource, each);
            }
        }
        Term::Nth(term, place) => {
            let mut place = Some(*place);
            visit(term, context, resource, &mut |found| {
                if place == Some(0) {
                    each(found);
                }
                place = place.and_then(|before| before.checked_sub(1));
            });
        }
        Term::Truth(truth) => match judge(truth, context, resource) {
            Some(true) => each(Element::typed(&TRUE, "boolean")),
            Some(false) => each(Element::typed(&FALSE, "boolean")),
            None => {}
        },
    }
}

static TRUE: Value = Value::Bool(true);
static FALSE: Value = Value::Bool(false);

fn walk<'v>(
    steps: &[Step],
    from: Element<'v>,
    resource: &'v Value,
    each: &mut dyn FnMut(Element<'v>),
) {
    let Some((step, rest)) = steps.split_first() else {
        return each(from);
    };
    let mut onward = |next| walk(rest, next, resource, each);
    match step {
        Step::Member(member) => members(member, from.value, &mut onward),
        Step::MemberAs {
            plain,
            member,
            fhir_type,
        } => {
            if let Some(found) = from.value.get(&**member) {
                return items(found, Some(fhir_type.name), &mut onward);
            }
            if let Some(found) = from.value.get(&**plain) {
                items(found, None, &mut |item| {
                    if fhir_type.fits(item) {
                        onward(Element::typed(item.value, fhir_type.name));
                    }
                });
            }
        }
        Step::OfType(wanted) => {
            if wanted.fits(from) {
                let fhir_type = from.fhir_type.or(Some(wanted.name));
                onward(Element { fhir_type, ..from });
            }
        }
        Step::Where(criterion) => {
            if holds(criterion, from, resource) == Some(true) {
                onward(from);
            }
        }
        Step::Extension(url) => {
            let Some(extensions) = from.value.get("extension") else {
                return;
            };
            items(extensions, Some("Extension"), &mut |extension| {
                if extension.value.get("url").and_then(Value::as_str) == Some(url) {
                    onward(extension);
                }
            });
        }
    }
}

/// The elements of that name; of a choice, those of every type.
fn members<'v>(member: &Member, of: &'v Value, each: &mut dyn FnMut(Element<'v>)) {
    let Value::Object(object) = of else {
        return;
    };
    if let Some(found) = object.get(&*member.name) {
        items(found, None, each);
    } else if let Some(choice) = member.choice {
        for (name, found) in object {
            if let Some(told) = choice.told_by(name) {
                items(found, Some(told), each);
            }
        }
    }
    if let Some(found) = member.shadow.as_ref().and_then(|name| object.get(&**name)) {
        items(found, None, each);
    }
}

/// The value, or each item of a list. A `null` only holds a place for its extensions.
fn items<'v>(value: &'v Value, fhir_type: Option<&'static str>, each: &mut dyn FnMut(Element<'v>)) {
    match value {
        Value::Array(list) => list.iter().for_each(|item| items(item, fhir_type, each)),
        Value::Null => {}
        value => each(Element { value, fhir_type }),
    }
}

/// Whether a criterion holds: a truth by itself; else a boolean by its value, anything found holds.
fn holds(criterion: &Term, of: Element<'_>, resource: &Value) -> Option<bool> {
    if let Term::Truth(truth) = criterion {
        return judge(truth, of, resource);
    }
    let mut first = None;
    visit(criterion, of, resource, &mut |found| {
        first.get_or_insert(found.value != &FALSE);
    });
    first
}

/// Three-valued: `None` where FHIRPath finds nothing to judge.
fn judge(truth: &Truth, of: Element<'_>, resource: &Value) -> Option<bool> {
    match truth {
        Truth::Equal(left, right) => equal(left, right, of, resource),
        Truth::Not(term) => holds(term, of, resource).map(|held| !held),
        Truth::And(left, right) => match holds(left, of, resource) {
            Some(false) => Some(false),
            left => match (left, holds(right, of, resource)) {
                (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
        },
        Truth::Or(left, right) => match holds(left, of, resource) {
            Some(true) => Some(true),
            left => match (left, holds(right, of, resource)) {
                (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
        },
        Truth::Exists(term) => {
            let mut any = false;
            visit(term, of, resource, &mut |_| any = true);
            Some(any)
        }
        Truth::Is(term, wanted) => any(term, of, resource, |found| wanted.fits(found)),
        Truth::ResolvesTo(term, wanted) => any(term, of, resource, |found| {
            leads_to(found.value, resource) == Some(wanted.name)
        }),
    }
}

/// Whether `test` holds of anything found; `None` if nothing is.
fn any(
    term: &Term,
    of: Element<'_>,
    resource: &Value,
    test: impl Fn(Element<'_>) -> bool,
) -> Option<bool> {
    let mut held = None;
    visit(term, of, resource, &mut |found| {
        held = Some(held == Some(true) || test(found));
    });
    held
}

fn equal(left: &Operand, right: &Operand, of: Element<'_>, resource: &Value) -> Option<bool> {
    let mut held = None;
    operands(left, of, resource, &mut |left| {
        operands(right, of, resource, &mut |right| {
            held = Some(held == Some(true) || same(left, right));
        });
    });
    held
}

fn operands(operand: &Operand, of: Element<'_>, resource: &Value, each: &mut dyn FnMut(&Value)) {
    match operand {
        Operand::Literal(value) => each(value),
        Operand::Term(term) => visit(term, of, resource, &mut |found| each(found.value)),
    }
}

/// `1` and `1.0` are the same number.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (left, right) => left == right,
    }
}
