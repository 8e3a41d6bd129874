//! Fixed values and patterns. Two spellings of one system are one value.

use serde_json::Value;

use crate::system;

/// Whether the value is exactly the fixed one.
pub(super) fn equals(fixed: &Value, found: &Value) -> bool {
    match (fixed, found) {
        (Value::Object(fixed), Value::Object(found)) => {
            let same = |(name, value): (&String, &Value)| {
                found.get(name).is_some_and(|found| equals(value, found))
            };
            fixed.len() == found.len() && fixed.iter().all(same)
        }
        (Value::Array(fixed), Value::Array(found)) => {
            fixed.len() == found.len() && fixed.iter().zip(found).all(|(a, b)| equals(a, b))
        }
        _ => same(fixed, found),
    }
}

/// Whether the value has at least what the pattern has.
pub(super) fn matches(pattern: &Value, found: &Value) -> bool {
    match (pattern, found) {
        (Value::Object(pattern), Value::Object(found)) => pattern.iter().all(|(name, value)| {
            let found = found.get(name);
            found.is_some_and(|found| matches(value, found))
        }),
        (Value::Array(pattern), Value::Array(found)) => {
            let has = |wanted: &Value| found.iter().any(|found| matches(wanted, found));
            pattern.iter().all(has)
        }
        _ => same(pattern, found),
    }
}

fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(one), Value::String(other)) => system::same(one, other),
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pattern_asks_for_less_than_a_fixed_value() {
        let wanted = json!({"coding": [{"code": "a"}]});
        let found = json!({"coding": [{"code": "b"}, {"code": "a", "display": "A"}], "text": "t"});
        assert!(matches(&wanted, &found));
        assert!(!equals(&wanted, &found));
        assert!(equals(&json!({"value": 1}), &json!({"value": 1.0})));
        assert!(!matches(&json!({"coding": [{"code": "c"}]}), &found));
    }

    #[test]
    fn both_spellings_of_a_system_are_the_fixed_value() {
        let url = json!("http://jpfhir.jp/fhir/core/mhlw/IdSystem/Medication-RPGroupNumber");
        assert!(equals(&url, &json!("urn:oid:1.2.392.100495.20.3.81")));
        assert!(!equals(&url, &json!("urn:oid:1.2.392.100495.20.3.82")));
    }
}
