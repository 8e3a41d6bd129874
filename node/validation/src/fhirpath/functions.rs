//! The functions of the subset.

use super::eval::{Collection, Evaluation, Open};
use super::item::Item;
use super::operators::{float, position, single, truth};
use super::{Expression, Function};

impl<'v> Evaluation<'v> {
    /// The function on `left`; `outer` is what its plain arguments are applied to.
    pub(super) fn call(
        &mut self,
        function: Function,
        left: Vec<Item<'v>>,
        arguments: &[Expression],
        outer: &[Item<'v>],
    ) -> Collection<'v> {
        let bool = |truth: bool| Ok(vec![Item::Bool(truth)]);
        match function {
            Function::Trace => Ok(left),
            Function::Empty => bool(left.is_empty()),
            Function::Count => Ok(vec![Item::Number(count(left.len()))]),
            Function::Not => Ok(truth(&left)?.map(|t| Item::Bool(!t)).into_iter().collect()),
            Function::HasValue => bool(single(&left)?.is_some_and(has_value)),
            Function::First => Ok(left.into_iter().take(1).collect()),
            Function::Tail => Ok(left.into_iter().skip(1).collect()),
            Function::Last => Ok(left.into_iter().last().into_iter().collect()),
            Function::Single => single(&left).map(|item| item.cloned().into_iter().collect()),
            Function::Children => self.below(&left, false),
            Function::Descendants => self.below(&left, true),
            Function::Distinct => self.distinct(left),
            Function::IsDistinct => {
                let before = left.len();
                bool(self.distinct(left)?.len() == before)
            }
            Function::Iif => {
                let [condition, yes, no @ ..] = arguments else {
                    return Err(Open);
                };
                let holds = truth(&self.of(condition, &left)?)?.unwrap_or(false);
                match (holds, no) {
                    (true, _) => self.of(yes, &left),
                    (false, [no]) => self.of(no, &left),
                    (false, _) => Ok(Vec::new()),
                }
            }
            Function::Exists => match arguments {
                [condition] => bool(!self.filter(left, condition)?.is_empty()),
                _ => bool(!left.is_empty()),
            },
            Function::Where | Function::Select | Function::All => {
                let [argument] = arguments else {
                    return Err(Open);
                };
                match function {
                    Function::Where => self.filter(left, argument),
                    Function::All => {
                        let all = left.len();
                        bool(self.filter(left, argument)?.len() == all)
                    }
                    _ => self.select(left, argument),
                }
            }
            Function::Intersect | Function::Combine => {
                let [argument] = arguments else {
                    return Err(Open);
                };
                let other = self.of(argument, outer)?;
                self.spend(left.len() * other.len())?;
                let mut left = left;
                if function == Function::Combine {
                    left.extend(other);
                } else {
                    left.retain(|item| other.iter().any(|o| o.same(item)));
                }
                Ok(left)
            }
            _ => self.of_text(function, &left, arguments, outer),
        }
    }

    fn filter(&mut self, left: Vec<Item<'v>>, condition: &Expression) -> Collection<'v> {
        let mut kept = Vec::new();
        for item in left {
            let holds = self.of(condition, std::slice::from_ref(&item))?;
            if truth(&holds)? == Some(true) {
                kept.push(item);
            }
        }
        Ok(kept)
    }

    fn select(&mut self, left: Vec<Item<'v>>, projection: &Expression) -> Collection<'v> {
        let mut found = Vec::new();
        for item in left {
            found.extend(self.of(projection, &[item])?);
        }
        Ok(found)
    }

    fn below(&mut self, left: &[Item<'v>], all: bool) -> Collection<'v> {
        let mut found = Vec::new();
        let mut level = left.to_vec();
        while !level.is_empty() {
            let mut next = Vec::new();
            for item in &level {
                if let Item::Node(node) = item {
                    node.children(&mut next);
                }
            }
            self.spend(next.len())?;
            found.extend(next.iter().cloned());
            level = if all { next } else { Vec::new() };
        }
        Ok(found)
    }

    fn distinct(&mut self, left: Vec<Item<'v>>) -> Collection<'v> {
        let mut found: Vec<Item<'v>> = Vec::new();
        for item in left {
            self.spend(found.len())?;
            if !found.iter().any(|known| known.same(&item)) {
                found.push(item);
            }
        }
        Ok(found)
    }

    /// The functions of a single text.
    fn of_text(
        &mut self,
        function: Function,
        left: &[Item<'v>],
        arguments: &[Expression],
        outer: &[Item<'v>],
    ) -> Collection<'v> {
        let Some(text) = single(left)? else {
            return Ok(Vec::new());
        };
        if function == Function::ToText {
            return as_text(text).map(|text| vec![Item::Text(text.into())]);
        }
        let text = text.text().ok_or(Open)?;
        let mut values = Vec::new();
        for argument in arguments {
            let value = self.of(argument, outer)?;
            values.push(single(&value)?.cloned().ok_or(Open)?);
        }
        let first = values.first();
        let word = || first.and_then(Item::text).ok_or(Open);
        let place = |item: Option<&Item<'v>>| item.and_then(Item::number).and_then(position);
        let answer = match function {
            Function::StartsWith => Item::Bool(text.starts_with(word()?)),
            Function::EndsWith => Item::Bool(text.ends_with(word()?)),
            Function::Contains => Item::Bool(text.contains(word()?)),
            Function::Length => Item::Number(count(text.chars().count())),
            Function::IndexOf => Item::Number(match text.find(word()?) {
                Some(at) => count(text.get(..at).unwrap_or_default().chars().count()),
                None => -1.0,
            }),
            Function::Substring => {
                let start = place(first).ok_or(Open)?;
                let length = place(values.get(1)).unwrap_or(usize::MAX);
                if start >= text.chars().count() {
                    return Ok(Vec::new());
                }
                let part: String = text.chars().skip(start).take(length).collect();
                Item::Text(part.into())
            }
            Function::ToInteger => match text.parse::<i32>() {
                Ok(number) => Item::Number(f64::from(number)),
                Err(_no_number) => return Ok(Vec::new()),
            },
            _ => return Err(Open),
        };
        Ok(vec![answer])
    }
}

fn count(length: usize) -> f64 {
    i64::try_from(length).map_or(f64::MAX, float)
}

fn has_value(item: &Item<'_>) -> bool {
    match item {
        Item::Node(node) => {
            !(node.value.is_null() || node.value.is_object() || node.value.is_array())
        }
        _ => true,
    }
}

fn as_text(item: &Item<'_>) -> Result<String, Open> {
    match item {
        Item::Text(text) => Ok(text.to_string()),
        Item::Bool(bool) => Ok(bool.to_string()),
        Item::Number(number) => Ok(number.to_string()),
        Item::Node(node) => match node.value {
            serde_json::Value::String(text) => Ok(text.clone()),
            serde_json::Value::Number(number) => Ok(number.to_string()),
            serde_json::Value::Bool(bool) => Ok(bool.to_string()),
            _ => Err(Open),
        },
    }
}
