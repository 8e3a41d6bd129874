//! The Parameters of a `$match`, understood or refused.

use serde_json::Value;

use super::person::Person;
use crate::records::strict::{strict, text};
use crate::records::{DraftError, RecordsError};

/// Matches of an answer when `count` does not say.
const DEFAULT_COUNT: usize = 10;
/// The most matches of an answer, whatever `count` says.
const MOST_MATCHES: usize = 100;

/// Who is asked for, and how many answers are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchQuestion {
    person: Person,
    count: usize,
    only_certain: bool,
}

/// Why Parameters are no question. Never repeats their content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct ParametersError {
    /// The element at fault, as a FHIRPath.
    pub expression: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl MatchQuestion {
    /// Reads a Parameters resource: `resource` (a Patient, a part of one too), `count`,
    /// `onlyCertainMatches`.
    ///
    /// # Errors
    /// `Draft` for what is not JSON that we take, `Parameters` for all else.
    ///
    /// Source: FHIR R4, OperationDefinition/Patient-match.
    pub fn parse(body: &[u8]) -> Result<Self, RecordsError> {
        let value = strict(text(body).map_err(DraftError::from)?).map_err(DraftError::from)?;
        if value.get("resourceType").and_then(Value::as_str) != Some("Parameters") {
            return refused("Parameters", "wanted: a Parameters resource");
        }
        let listed = value.get("parameter").and_then(Value::as_array);
        let (mut person, mut count, mut only_certain) = (None, None, None);
        for (place, parameter) in listed.into_iter().flatten().enumerate() {
            let at = |member: &str| format!("Parameters.parameter[{place}]{member}");
            match parameter.get("name").and_then(Value::as_str) {
                Some("resource") => once(&mut person, asked(parameter, &at)?, &at)?,
                Some("count") => once(&mut count, number(parameter, &at)?, &at)?,
                Some("onlyCertainMatches") => once(&mut only_certain, flag(parameter, &at)?, &at)?,
                _ => {
                    let reason = "wanted: resource, count or onlyCertainMatches";
                    return refused(&at(".name"), reason);
                }
            }
        }
        let Some(person) = person else {
            return refused("Parameters.parameter", "the parameter resource is missing");
        };
        Ok(Self {
            person,
            count: count.unwrap_or(DEFAULT_COUNT).min(MOST_MATCHES),
            only_certain: only_certain.unwrap_or(false),
        })
    }

    pub(super) fn person(&self) -> &Person {
        &self.person
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn only_certain(&self) -> bool {
        self.only_certain
    }
}

fn refused<T>(expression: &str, reason: &'static str) -> Result<T, RecordsError> {
    Err(ParametersError {
        expression: expression.to_owned(),
        reason,
    }
    .into())
}

fn once<T>(
    place: &mut Option<T>,
    value: T,
    at: &impl Fn(&str) -> String,
) -> Result<(), RecordsError> {
    if place.replace(value).is_some() {
        return refused(&at(""), "the same parameter twice");
    }
    Ok(())
}

fn asked(parameter: &Value, at: &impl Fn(&str) -> String) -> Result<Person, RecordsError> {
    let patient = parameter.get("resource");
    let kind = patient.and_then(|patient| patient.get("resourceType"));
    let (Some(patient), Some("Patient")) = (patient, kind.and_then(Value::as_str)) else {
        return refused(&at(".resource"), "wanted: a Patient");
    };
    let person = Person::of_patient(patient);
    if person.is_nobody() {
        let reason = "wanted: an identifier, a name or a birth date to match by";
        return refused(&at(".resource"), reason);
    }
    Ok(person)
}

fn number(parameter: &Value, at: &impl Fn(&str) -> String) -> Result<usize, RecordsError> {
    let number = parameter.get("valueInteger").and_then(Value::as_u64);
    let number = number.and_then(|number| usize::try_from(number).ok());
    match number.filter(|number| *number > 0) {
        Some(number) => Ok(number),
        None => refused(&at(".value"), "wanted: an integer from 1"),
    }
}

fn flag(parameter: &Value, at: &impl Fn(&str) -> String) -> Result<bool, RecordsError> {
    match parameter.get("valueBoolean").and_then(Value::as_bool) {
        Some(flag) => Ok(flag),
        None => refused(&at(".value"), "wanted: a boolean"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use serde_json::json;

    use super::*;

    fn parse(parameters: &Value) -> Result<MatchQuestion, RecordsError> {
        let body = json!({"resourceType": "Parameters", "parameter": parameters});
        MatchQuestion::parse(body.to_string().as_bytes())
    }

    fn patient() -> Value {
        json!({"name": "resource", "resource": {
            "resourceType": "Patient", "birthDate": "1960-05"
        }})
    }

    #[test]
    fn what_is_not_said_has_a_default_and_too_much_is_cut() {
        let plain = parse(&json!([patient()])).unwrap();
        assert_eq!((plain.count(), plain.only_certain()), (10, false));
        let said = parse(&json!([
            {"name": "onlyCertainMatches", "valueBoolean": true}, patient(),
            {"name": "count", "valueInteger": 5_000}
        ]));
        let said = said.unwrap();
        assert_eq!((said.count(), said.only_certain()), (100, true));
    }

    #[test]
    fn each_fault_is_named_where_it_is() {
        let first = "Parameters.parameter[0]";
        for (parameters, expression) in [
            (json!([]), "Parameters.parameter".to_owned()),
            (
                json!([patient(), patient()]),
                "Parameters.parameter[1]".to_owned(),
            ),
            (json!([{"name": "colour"}]), format!("{first}.name")),
            (json!([{}]), format!("{first}.name")),
            (json!([{"name": "resource"}]), format!("{first}.resource")),
            (
                json!([{"name": "resource", "resource": {"resourceType": "Person"}}]),
                format!("{first}.resource"),
            ),
            (
                json!([{"name": "resource", "resource": {
                    "resourceType": "Patient", "gender": "female", "birthDate": "soon"
                }}]),
                format!("{first}.resource"),
            ),
            (
                json!([{"name": "count", "valueInteger": 0}]),
                format!("{first}.value"),
            ),
            (
                json!([{"name": "count", "valueString": "1"}]),
                format!("{first}.value"),
            ),
            (
                json!([{"name": "onlyCertainMatches"}]),
                format!("{first}.value"),
            ),
        ] {
            let told = parse(&parameters).unwrap_err().told();
            assert_eq!((told.status, told.code), (400, "invalid"));
            assert_eq!(told.expression.as_deref(), Some(expression.as_str()));
        }
        let other = MatchQuestion::parse(b"{\"resourceType\":\"Patient\"}").unwrap_err();
        assert_eq!(other.told().expression.as_deref(), Some("Parameters"));
        assert_eq!(
            MatchQuestion::parse(b"[").unwrap_err().told().code,
            "structure"
        );
    }
}
