//! Evaluating an expression on an element.

use serde_json::Value;

use super::item::{Item, Node};
use super::{Expression, operators};

/// How often evaluating may step on for one invariant.
const MAX_STEPS: usize = 200_000;

/// What an invariant says of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It holds, or has nothing to say here.
    Holds,
    /// It is false.
    Broken,
    /// It needs what the JSON does not tell, or too many steps.
    Open,
}

/// The resources around an element.
#[derive(Clone, Copy)]
pub(crate) struct Context<'v> {
    /// The resource that the element belongs to.
    pub(crate) resource: &'v Value,
    /// The resource that contains that one, or itself.
    pub(crate) root: &'v Value,
}

/// The collection could not be told.
#[derive(Debug)]
pub(super) struct Open;

pub(super) type Collection<'v> = Result<Vec<Item<'v>>, Open>;

pub(super) struct Evaluation<'v> {
    context: Context<'v>,
    steps: usize,
    most: usize,
}

impl Expression {
    /// Evaluates an invariant on one element, in no more than so many steps. Tells how many it took.
    pub(crate) fn judge(
        &self,
        node: Node<'_>,
        context: Context<'_>,
        steps: usize,
    ) -> (Verdict, usize) {
        let mut evaluation = Evaluation {
            context,
            steps: 0,
            most: steps.min(MAX_STEPS),
        };
        let result = evaluation.of(self, &[Item::Node(node)]);
        let verdict = match result.and_then(|items| operators::truth(&items)) {
            Ok(Some(false)) => Verdict::Broken,
            Ok(_) => Verdict::Holds,
            Err(Open) => Verdict::Open,
        };
        (verdict, evaluation.steps)
    }
}

impl<'v> Evaluation<'v> {
    /// The expression on the whole collection `this`.
    pub(super) fn of(&mut self, expression: &Expression, this: &[Item<'v>]) -> Collection<'v> {
        self.spend(1 + this.len())?;
        Ok(match expression {
            Expression::Text(text) => vec![Item::Text(text.clone().into())],
            Expression::Whole(number) => vec![Item::Number(operators::float(*number))],
            Expression::Decimal(number) => vec![Item::Number(*number)],
            Expression::Bool(bool) => vec![Item::Bool(*bool)],
            Expression::Nothing => Vec::new(),
            Expression::This => this.to_vec(),
            Expression::Resource => vec![Item::Node(Node::of(self.context.resource))],
            Expression::RootResource => vec![Item::Node(Node::of(self.context.root))],
            Expression::Member(left, name) => {
                let mut found = Vec::new();
                for item in self.of(left, this)? {
                    if let Item::Node(node) = item {
                        node.member(name, &mut found);
                    }
                }
                found
            }
            Expression::Call(left, function, arguments) => {
                let left = self.of(left, this)?;
                return self.call(*function, left, arguments, this);
            }
            Expression::Matches(left, pattern) => {
                let left = self.of(left, this)?;
                let text = operators::single(&left)?.and_then(Item::text);
                text.map(|text| Item::Bool(pattern.is_match(text)))
                    .into_iter()
                    .collect()
            }
            Expression::OfType(left, wanted) => {
                let mut found = self.of(left, this)?;
                let mut open = false;
                found.retain(|item| {
                    is(item, wanted).unwrap_or_else(|| {
                        open = true;
                        false
                    })
                });
                return if open { Err(Open) } else { Ok(found) };
            }
            Expression::Is(left, wanted) => {
                let left = self.of(left, this)?;
                match operators::single(&left)? {
                    Some(item) => vec![Item::Bool(is(item, wanted).ok_or(Open)?)],
                    None => Vec::new(),
                }
            }
            Expression::Index(left, index) => {
                let left = self.of(left, this)?;
                let index = self.of(index, this)?;
                let index = operators::single(&index)?.and_then(Item::number);
                let index = index.and_then(operators::position).ok_or(Open)?;
                left.into_iter().nth(index).into_iter().collect()
            }
            Expression::Binary(operator, left, right) => {
                let left = self.of(left, this)?;
                if let Some(decided) = operators::decided(*operator, &left)? {
                    return Ok(vec![Item::Bool(decided)]);
                }
                let right = self.of(right, this)?;
                return operators::apply(*operator, left, &right);
            }
        })
    }

    /// Counts work that is not an expression of its own.
    pub(super) fn spend(&mut self, steps: usize) -> Result<(), Open> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > self.most {
            Err(Open)
        } else {
            Ok(())
        }
    }
}

fn is(item: &Item<'_>, wanted: &str) -> Option<bool> {
    match item {
        Item::Node(node) => node.is(wanted),
        Item::Bool(_) => Some(wanted.eq_ignore_ascii_case("boolean")),
        Item::Text(_) => Some(wanted.eq_ignore_ascii_case("string")),
        Item::Number(_) => None,
    }
}
