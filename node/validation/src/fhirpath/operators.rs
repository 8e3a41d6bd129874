//! What stands between two collections.

use std::cmp::Ordering;

use serde_json::Value;

use super::Operator;
use super::eval::{Collection, Open};
use super::item::Item;
use crate::date;

/// The truth of a collection: empty is no truth, and a single element is true.
pub(super) fn truth(items: &[Item<'_>]) -> Result<Option<bool>, Open> {
    Ok(single(items)?.map(|item| item.bool().unwrap_or(true)))
}

/// The only item of a collection, or none.
pub(super) fn single<'i, 'v>(items: &'i [Item<'v>]) -> Result<Option<&'i Item<'v>>, Open> {
    match items {
        [] => Ok(None),
        [item] => Ok(Some(item)),
        _ => Err(Open),
    }
}

/// A count as a number of FHIRPath; beyond 2^32 there is nothing to count.
pub(super) fn float(number: i64) -> f64 {
    let small = i32::try_from(number).map(f64::from);
    small.unwrap_or(if number < 0 { f64::MIN } else { f64::MAX })
}

/// A number as a position in a list.
pub(super) fn position(number: f64) -> Option<usize> {
    let whole = number.fract().abs() < f64::EPSILON && (0.0..1e9).contains(&number);
    // `format` of a small whole number has only digits.
    whole.then(|| format!("{number:.0}").parse().ok()).flatten()
}

/// What the left side alone decides.
pub(super) fn decided(operator: Operator, left: &[Item<'_>]) -> Result<Option<bool>, Open> {
    let (decisive, answer) = match operator {
        Operator::And => (false, false),
        Operator::Or => (true, true),
        Operator::Implies => (false, true),
        _ => return Ok(None),
    };
    Ok((truth(left)? == Some(decisive)).then_some(answer))
}

pub(super) fn apply<'v>(
    operator: Operator,
    mut left: Vec<Item<'v>>,
    right: &[Item<'v>],
) -> Collection<'v> {
    let answer = match operator {
        Operator::Union => {
            for item in right {
                if !left.iter().any(|known| known.same(item)) {
                    left.push(item.clone());
                }
            }
            return Ok(left);
        }
        Operator::Plus | Operator::Minus => return sum(operator, &left, right),
        Operator::Concatenate => {
            let text = |items: &[Item<'v>]| -> Result<String, Open> {
                let text = single(items)?.and_then(Item::text);
                Ok(text.unwrap_or_default().to_owned())
            };
            let joined = text(&left)? + &text(right)?;
            return Ok(vec![Item::Text(joined.into())]);
        }
        Operator::In => includes(right, &left)?,
        Operator::Contains => includes(&left, right)?,
        Operator::Equal => equal(&left, right),
        Operator::NotEqual => equal(&left, right).map(|equal| !equal),
        Operator::Less => order(&left, right)?.map(Ordering::is_lt),
        Operator::LessOrEqual => order(&left, right)?.map(Ordering::is_le),
        Operator::Greater => order(&left, right)?.map(Ordering::is_gt),
        Operator::GreaterOrEqual => order(&left, right)?.map(Ordering::is_ge),
        Operator::And => and(truth(&left)?, truth(right)?),
        Operator::Or => or(truth(&left)?, truth(right)?),
        Operator::Implies => or(truth(&left)?.map(|l| !l), truth(right)?),
        Operator::Xor => truth(&left)?.zip(truth(right)?).map(|(l, r)| l != r),
    };
    Ok(answer.map(Item::Bool).into_iter().collect())
}

fn and(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn or(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    and(left.map(|l| !l), right.map(|r| !r)).map(|neither| !neither)
}

fn includes(list: &[Item<'_>], wanted: &[Item<'_>]) -> Result<Option<bool>, Open> {
    Ok(single(wanted)?.map(|wanted| list.iter().any(|item| item.same(wanted))))
}

fn equal(left: &[Item<'_>], right: &[Item<'_>]) -> Option<bool> {
    if left.is_empty() || right.is_empty() {
        return None;
    }
    let same = || left.iter().zip(right).all(|(l, r)| l.same(r));
    Some(left.len() == right.len() && same())
}

fn sum<'v>(operator: Operator, left: &[Item<'v>], right: &[Item<'v>]) -> Collection<'v> {
    let (Some(left), Some(right)) = (single(left)?, single(right)?) else {
        return Ok(Vec::new());
    };
    if let (Some(left), Some(right)) = (left.number(), right.number()) {
        let right = if operator == Operator::Minus {
            -right
        } else {
            right
        };
        return Ok(vec![Item::Number(left + right)]);
    }
    match (operator, left.text(), right.text()) {
        (Operator::Plus, Some(left), Some(right)) => {
            Ok(vec![Item::Text(format!("{left}{right}").into())])
        }
        _ => Err(Open),
    }
}

/// Numbers, moments, texts, and quantities of one unit; no order where they cannot be compared.
fn order(left: &[Item<'_>], right: &[Item<'_>]) -> Result<Option<Ordering>, Open> {
    let (Some(left), Some(right)) = (single(left)?, single(right)?) else {
        return Ok(None);
    };
    if let (Some(left), Some(right)) = (left.number(), right.number()) {
        return Ok(left.partial_cmp(&right));
    }
    if let (Some(left), Some(right)) = (left.text(), right.text()) {
        let dates = date::is_date_time(left) && date::is_date_time(right);
        return Ok(if dates {
            date::compare(left, right)
        } else {
            Some(left.cmp(right))
        });
    }
    match (left, right) {
        (Item::Node(left), Item::Node(right)) => quantities(left.value, right.value).ok_or(Open),
        _ => Err(Open),
    }
}

fn quantities(left: &Value, right: &Value) -> Option<Option<Ordering>> {
    let unit = |value: &Value| value.get("code").or_else(|| value.get("unit")).cloned();
    let value = |value: &Value| value.get("value")?.as_f64();
    if !left.is_object() || !right.is_object() {
        return None;
    }
    if unit(left) != unit(right) {
        return Some(None);
    }
    Some(value(left)?.partial_cmp(&value(right)?))
}
