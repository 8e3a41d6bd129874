//! What is asked of `$everything`: in the address, or as Parameters.

use serde_json::Value;

use super::super::date::{Span, UNDATED};
use super::super::history::{Paging, moment, once};
use super::super::interaction::Pairs;
use super::super::strict::strict;
use super::super::{
    Address, DraftError, Entry, ParametersError, QueryError, RecordsError, ResourceType,
};

/// `$everything` as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EverythingQuery {
    pub(super) of: Address,
    /// `start` and `end`.
    pub(super) during: Option<Span>,
    /// Microseconds UTC.
    pub(super) since: Option<i64>,
    /// Empty: every type.
    pub(super) kinds: Vec<ResourceType>,
    pub(super) count: usize,
    pub(super) cursor: Option<String>,
    pub(super) fingerprint: i64,
}

impl EverythingQuery {
    /// Reads `start`, `end` (of a Patient alone), `_since`, `_type`, `_count` and `_cursor`.
    ///
    /// # Errors
    /// `Query` for a value that is none, `Unsupported` for anything else.
    pub fn parse<N: AsRef<str>, V: AsRef<str>>(
        of: Address,
        pairs: &[(N, V)],
    ) -> Result<Self, RecordsError> {
        let mut asked = Paging::default();
        let (mut start, mut end, mut since) = (None, None, None);
        let mut kinds = Vec::new();
        let of_patient = of.kind.name() == "Patient";
        for (name, value) in pairs {
            let (name, value) = (name.as_ref(), value.as_ref());
            match name {
                "start" if of_patient => once(&mut start, "start", moment("start", value)?)?,
                "end" if of_patient => once(&mut end, "end", moment("end", value)?)?,
                "_since" => once(&mut since, "_since", moment("_since", value)?.lo)?,
                "_type" => {
                    for name in value.split(',') {
                        kinds.push(ResourceType::named(name).ok_or(QueryError::Value {
                            parameter: "_type",
                            reason: "wanted: types that are served here",
                        })?);
                    }
                }
                _ if asked.takes(name, value)? => continue,
                _ => {
                    return Err(RecordsError::Unsupported(
                        "a parameter of $everything that is not start, end, _since, _type or _count",
                    ));
                }
            }
            asked.mark(name, value);
        }
        if kinds.len() > ResourceType::all().count() {
            return Err(QueryError::TooMuch.into());
        }
        Ok(Self {
            during: Span::between(start, end),
            since,
            kinds,
            count: asked.count(),
            fingerprint: asked.fingerprint(&format!("{of}/$everything")),
            cursor: asked.cursor,
            of,
        })
    }

    pub(super) fn lists(&self, entry: &Entry) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&entry.address.kind)
    }

    pub(super) fn wants(&self, entry: &Entry) -> bool {
        let written = entry.last_updated.micros();
        self.lists(entry) && self.since.is_none_or(|since| written >= since)
    }

    /// Whether care at this time is wanted; what has no date is, whatever the time.
    pub(super) fn wants_care_at(&self, when: Span) -> bool {
        when.lo == UNDATED
            || self
                .during
                .is_none_or(|Span { lo, hi }| when.lo <= hi && when.hi >= lo)
    }
}

/// The parameters in a Parameters resource, as an address would have them.
///
/// # Errors
/// `Draft` for what is not JSON that we take, `Parameters` for what is no list of names with a value
/// each.
///
/// Source: FHIR R4 operations, section "request".
pub(in crate::records) fn pairs_of(body: &str) -> Result<Pairs, RecordsError> {
    let value = strict(body).map_err(DraftError::from)?;
    if value.get("resourceType").and_then(Value::as_str) != Some("Parameters") {
        return refused("Parameters".to_owned(), "wanted: a Parameters resource");
    }
    let listed = value
        .get("parameter")
        .map_or(Some(&[][..]), |listed| listed.as_array().map(Vec::as_slice));
    let Some(listed) = listed else {
        return refused("Parameters.parameter".to_owned(), "wanted: a list");
    };
    let pairs = listed.iter().enumerate().map(|(place, parameter)| {
        let wrong = || format!("Parameters.parameter[{place}]");
        pair_of(parameter).map_or_else(|| refused(wrong(), "wanted: a name and one value"), Ok)
    });
    pairs.collect()
}

/// A name and its one value, which is a text or a number.
fn pair_of(parameter: &Value) -> Option<(String, String)> {
    let members = parameter.as_object()?;
    let name = members.get("name")?.as_str()?.to_owned();
    let mut values = members
        .iter()
        .filter(|(member, _)| member.starts_with("value"));
    let value = match (values.next()?, values.next()) {
        ((_, Value::String(text)), None) => text.clone(),
        ((_, Value::Number(number)), None) => number.to_string(),
        _ => return None,
    };
    Some((name, value))
}

fn refused<T>(expression: String, reason: &'static str) -> Result<T, RecordsError> {
    Err(ParametersError { expression, reason }.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parameters_say_what_an_address_says() {
        let body = "{\"resourceType\":\"Parameters\",\"parameter\":[\
            {\"name\":\"start\",\"valueDate\":\"2026-02-01\"},\
            {\"name\":\"_type\",\"valueCode\":\"Observation\"},\
            {\"name\":\"_type\",\"valueCode\":\"Encounter\"},\
            {\"name\":\"_count\",\"valueInteger\":2}]}";
        let by_address = [
            ("start", "2026-02-01"),
            ("_type", "Observation,Encounter"),
            ("_count", "2"),
        ];
        let of = || Address::parse("Patient/p").unwrap();
        let posted = EverythingQuery::parse(of(), &pairs_of(body).unwrap()).unwrap();
        let got = EverythingQuery::parse(of(), &by_address).unwrap();
        assert_eq!(
            (posted.kinds, posted.during, posted.count),
            (got.kinds, got.during, got.count)
        );
        let nothing = pairs_of("{\"resourceType\":\"Parameters\"}").unwrap();
        assert_eq!(nothing, []);
    }

    #[test]
    fn what_are_no_parameters_is_refused_at_its_place() {
        for (body, status, place) in [
            ("{", 400, None),
            ("{\"resourceType\":\"Patient\"}", 400, Some("Parameters")),
            (
                "{\"resourceType\":\"Parameters\",\"parameter\":{}}",
                400,
                Some("Parameters.parameter"),
            ),
            (
                "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"start\"}]}",
                400,
                Some("Parameters.parameter[0]"),
            ),
            (
                "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"start\",\
                \"valueDate\":\"2026\",\"valueString\":\"2026\"}]}",
                400,
                Some("Parameters.parameter[0]"),
            ),
        ] {
            let told = pairs_of(body).unwrap_err().told();
            assert_eq!(
                (told.status, told.expression.as_deref()),
                (status, place),
                "{body}"
            );
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(name in any::<String>(), value in any::<String>(), body in any::<String>()) {
            let _ = pairs_of(&body);
            let parameters = serde_json::json!({"resourceType": "Parameters", "parameter": [
                {"name": name, "valueString": value}
            ]});
            let pairs = pairs_of(&parameters.to_string());
            let of = Address::parse("Patient/p").unwrap();
            let _ = pairs.and_then(|pairs| EverythingQuery::parse(of, &pairs));
        }
    }
}
