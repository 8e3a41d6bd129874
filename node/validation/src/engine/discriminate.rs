//! Whether a repetition belongs to a slice, by the slicing's discriminators.

use serde_json::Value;

use super::profile::{Claim, instances};
use super::reference::contained;
use super::session::Session;
use super::{coded, values};
use crate::fhirpath::{Context, Node};
use crate::model::{Discriminator, DiscriminatorKind, Element, Slicing, TypeRule};
use crate::primitive::from_capitalised;

/// How many profiles of types a discriminator's path may lead through.
const MAX_PROFILES: usize = 8;

/// Whether a repetition belongs to a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Belongs {
    No,
    /// It needs what is not known here: another resource, a value set that nobody listed.
    Perhaps,
    Yes,
}

impl From<bool> for Belongs {
    fn from(yes: bool) -> Self {
        if yes { Belongs::Yes } else { Belongs::No }
    }
}

impl<'d> Session<'d> {
    /// By all discriminators together.
    pub(super) fn belongs(
        &self,
        slicing: &Slicing,
        slice: &Element,
        node: Node<'_>,
        context: Context<'_>,
        claim: Claim<'d>,
    ) -> Belongs {
        let mut belongs = None;
        for by in &slicing.discriminators {
            let answer = self.by(by, slice, node, context, claim);
            if answer == Belongs::No {
                return answer;
            }
            belongs = belongs.min(Some(answer)).or(Some(answer));
        }
        belongs.unwrap_or(Belongs::Perhaps)
    }

    fn by(
        &self,
        discriminator: &Discriminator,
        slice: &Element,
        node: Node<'_>,
        context: Context<'_>,
        claim: Claim<'d>,
    ) -> Belongs {
        let path = discriminator.path.as_str();
        match discriminator.kind {
            DiscriminatorKind::Value if path == "url" && is_extension(slice) => {
                let url = node.value.get("url").and_then(Value::as_str);
                let profiles = slice.types.iter().flat_map(|t| &t.profiles);
                let mut urls = profiles.filter_map(|p| p.split('|').next());
                urls.any(|wanted| Some(wanted) == url).into()
            }
            DiscriminatorKind::Value => plainly(slice, path, node).unwrap_or_else(|| {
                self.has(slice, &steps(path), &[node], (claim, MAX_PROFILES))
                    .unwrap_or(Belongs::Perhaps)
            }),
            DiscriminatorKind::Exists => exists(slice, &steps(path), node),
            DiscriminatorKind::Type => of_type(slice, &steps(path), node),
            DiscriminatorKind::Profile => self.follows(slice, path, node, context),
        }
    }

    /// Whether one of the nodes has, at the end of the steps, what the slice demands there. None
    /// where the slice demands nothing there.
    fn has(
        &self,
        rule: &Element,
        steps: &[&str],
        nodes: &[Node<'_>],
        (claim, profiles_left): (Claim<'d>, usize),
    ) -> Option<Belongs> {
        let Some((step, rest)) = steps.split_first() else {
            return self.is(rule, nodes);
        };
        if step.contains('(') {
            return None; // resolve(), extension('…'): beyond what is decided here
        }
        for (demanded, exact) in [(&rule.fixed, true), (&rule.pattern, false)] {
            if let Some(inner) = demanded.as_ref().and_then(|d| dig(d, steps)) {
                let mut found = nodes.iter().flat_map(|node| follow(node.value, steps));
                return Some(found.any(|f| fits(inner, f, exact)).into());
            }
        }
        if let Some(child) = rule.child(step) {
            let below = nodes.iter().flat_map(|node| instances(child, *node));
            let below: Vec<Node<'_>> = below.map(|instance| instance.node).collect();
            return self.has(child, rest, &below, (claim, profiles_left));
        }
        let profiles = rule.types.iter().flat_map(|t| &t.profiles);
        let mut known = profiles.flat_map(|p| self.definitions.candidates(p, Some(claim.table)));
        let left = profiles_left.checked_sub(1)?;
        known.find_map(|profile| self.has(profile.root, steps, nodes, (claim, left)))
    }

    /// Whether one of the nodes is all that the rule demands: its fixed value, its pattern, a code
    /// of its value set, and what its children and mandatory slices demand.
    fn is(&self, rule: &Element, nodes: &[Node<'_>]) -> Option<Belongs> {
        let answers = nodes.iter().map(|node| self.is_one(rule, *node));
        match answers.max() {
            Some(answer) => answer,
            // Nothing stands there: not the slice's, if the slice demands something of it.
            None => demands_value(rule).then_some(Belongs::No),
        }
    }

    fn is_one(&self, rule: &Element, node: Node<'_>) -> Option<Belongs> {
        let fixed = rule.fixed.as_ref();
        let pattern = rule.pattern.as_ref();
        let itself = [
            fixed.map(|fixed| values::equals(fixed, node.value).into()),
            pattern.map(|pattern| values::matches(pattern, node.value).into()),
            rule.binding.as_deref().map(|set| {
                let codes = self.definitions.codes(set);
                codes.map_or(Belongs::Perhaps, |c| coded::holds(c, node.value).into())
            }),
        ];
        let children = rule.children.iter().map(|child| {
            let below: Vec<Node<'_>> = instances(child, node).iter().map(|i| i.node).collect();
            self.is(child, &below)
        });
        let mandatory = rule.slices().iter().filter(|slice| slice.rule.min > 0);
        let slices = mandatory.map(|slice| self.is_one(&slice.rule, node));
        let all = itself.into_iter().chain(children).chain(slices);
        all.flatten().min()
    }

    /// Whether a resource, or what a reference points to inside this one, claims the profile.
    fn follows(
        &self,
        slice: &Element,
        path: &str,
        node: Node<'_>,
        context: Context<'_>,
    ) -> Belongs {
        let at = match path {
            "$this" => Some((slice, node.value)),
            "resource" => slice.child("resource").zip(node.value.get("resource")),
            "resolve()" => {
                let anchor = node.value.get("reference").and_then(Value::as_str);
                let target = anchor.and_then(|anchor| contained(anchor, context));
                target.map(|target| (slice, target))
            }
            _ => None,
        };
        let Some((rule, resource)) = at else {
            return Belongs::Perhaps;
        };
        let name = resource.get("resourceType").and_then(Value::as_str);
        let wanted = |kind: &TypeRule| kind.profiles.iter().chain(&kind.targets).cloned().collect();
        let wanted: Vec<String> = rule
            .types
            .iter()
            .flat_map(|kind| -> Vec<String> { wanted(kind) })
            .collect();
        let claims = resource.get("meta").and_then(|m| m.get("profile"));
        let claims: Vec<&str> = claims
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|claim| claim.as_str()?.split('|').next())
            .collect();
        let answers = wanted.iter().map(|wanted| {
            let url = wanted.split('|').next().unwrap_or(wanted);
            if claims.contains(&url) {
                return Belongs::Yes;
            }
            let other = self
                .definitions
                .profiled_type(url)
                .is_some_and(|t| Some(t) != name);
            if other || !claims.is_empty() {
                Belongs::No
            } else {
                Belongs::Perhaps
            }
        });
        answers.max().unwrap_or(Belongs::Perhaps)
    }
}

/// The common case, told without a walk: one member, of which the slice fixes the value.
fn plainly(slice: &Element, member: &str, node: Node<'_>) -> Option<Belongs> {
    let itself = slice.fixed.is_none() && slice.pattern.is_none();
    let child = slice
        .child(member)
        .filter(|child| itself && !child.choice)?;
    let fixed = child.fixed.as_ref()?;
    let found = node.value.get(member);
    match found {
        Some(Value::Array(_)) => None,
        found => Some(
            found
                .is_some_and(|found| values::equals(fixed, found))
                .into(),
        ),
    }
}

/// Whether a fixed value, a pattern or a code is demanded here or below.
fn demands_value(rule: &Element) -> bool {
    let itself = rule.fixed.is_some() || rule.pattern.is_some() || rule.binding.is_some();
    itself || rule.children.iter().any(demands_value)
}

fn steps(path: &str) -> Vec<&str> {
    path.split('.').filter(|step| *step != "$this").collect()
}

fn is_extension(slice: &Element) -> bool {
    let extension = |t: &TypeRule| t.code == "Extension" && !t.profiles.is_empty();
    slice.types.iter().any(extension)
}

/// The values below, through arrays.
fn follow<'v>(value: &'v Value, steps: &[&str]) -> Vec<&'v Value> {
    let mut at = vec![value];
    for step in steps {
        let below = at.into_iter().filter_map(|value| value.get(step));
        at = below
            .flat_map(|value| match value {
                Value::Array(items) => items.iter().collect(),
                one => vec![one],
            })
            .collect();
    }
    at
}

/// What a fixed value or pattern says at the end of the steps.
fn dig<'v>(demanded: &'v Value, steps: &[&str]) -> Option<&'v Value> {
    follow(demanded, steps).into_iter().next()
}

fn fits(demanded: &Value, found: &Value, exact: bool) -> bool {
    if exact {
        values::equals(demanded, found)
    } else {
        values::matches(demanded, found)
    }
}

fn exists(slice: &Element, steps: &[&str], node: Node<'_>) -> Belongs {
    let there = !follow(node.value, steps).is_empty();
    let rule = steps.iter().try_fold(slice, |at, step| at.child(step));
    match rule {
        Some(rule) if rule.max == Some(0) => (!there).into(),
        Some(rule) if rule.min > 0 => there.into(),
        _ => Belongs::Perhaps,
    }
}

fn of_type(slice: &Element, steps: &[&str], node: Node<'_>) -> Belongs {
    let mut at = (slice, node);
    for step in steps {
        let Some(child) = at.0.child(step) else {
            return Belongs::Perhaps;
        };
        let Some(first) = instances(child, at.1).first().copied() else {
            return Belongs::No;
        };
        at = (child, first.node);
    }
    let (rule, node) = at;
    let code = match node.suffix {
        Some(suffix) => from_capitalised(suffix),
        None => {
            let name = node.value.get("resourceType").and_then(Value::as_str);
            name.map(str::to_owned)
        }
    };
    match code {
        Some(code) if !rule.types.is_empty() => rule.type_of(&code).is_some().into(),
        _ => Belongs::Perhaps,
    }
}
