//! What an export is asked to give: parsed once at the door, kept as it was asked, and parsed the
//! same way again when the job goes on after a restart.

use federation_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::records::{Address, Handling, QueryError, ResourceType, SearchQuery, form_pairs};

/// The most `_typeFilter` queries of one export.
const MOST_FILTERS: usize = 32;
/// The most patients that one export may name.
const MOST_PATIENTS: usize = 10_000;

/// What NDJSON is called.
const NDJSON: [&str; 3] = ["application/fhir+ndjson", "application/ndjson", "ndjson"];

/// What says how a page of a search looks means nothing in a `_typeFilter`.
const OF_A_PAGE: [&str; 6] = [
    "_count",
    "_cursor",
    "_elements",
    "_sort",
    "_summary",
    "_total",
];

/// What stands outside of charts and is exported where a chart refers to it.
///
/// Never what may name other people: Person, Group, Appointment, Provenance and the like.
const BESIDE_CHARTS: [&str; 14] = [
    "ActivityDefinition",
    "Device",
    "DeviceDefinition",
    "Endpoint",
    "HealthcareService",
    "Location",
    "Medication",
    "Organization",
    "OrganizationAffiliation",
    "PlanDefinition",
    "Practitioner",
    "PractitionerRole",
    "Questionnaire",
    "Substance",
];

/// Whether resources of this type are exported where a chart refers to them.
pub(super) fn stands_beside_charts(kind: ResourceType) -> bool {
    BESIDE_CHARTS.contains(&kind.name())
}

/// What an export is asked to give.
#[derive(Debug, Clone)]
pub struct Asked {
    as_sent: AsSent,
    /// Only what was written at this moment or later.
    pub since: Option<Timestamp>,
    /// Only these types; `None`: all.
    pub(super) kinds: Option<Vec<ResourceType>>,
    /// Of a type that is named here, only what one of its searches finds.
    pub filters: Vec<SearchQuery>,
    elements: Vec<(Option<ResourceType>, String)>,
    /// Only these patients' charts.
    pub(super) patients: Option<Vec<Address>>,
    /// What was asked and not understood, where the caller was lenient.
    pub notes: Vec<String>,
}

/// Decoded name–value pairs, as they are kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct AsSent {
    pairs: Vec<(String, String)>,
    lenient: bool,
}

/// Why an export cannot be asked for like this. Names parameters, never their values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AskedError {
    /// No export has this parameter here.
    #[error("unknown parameter `{0}` of an export")]
    Unknown(String),
    /// Its value cannot be read as what it wants.
    #[error("value of `{parameter}`: {reason}")]
    Value {
        /// The parameter.
        parameter: &'static str,
        /// What was wanted.
        reason: &'static str,
    },
    /// A `_typeFilter` is no search.
    #[error("`_typeFilter`: {0}")]
    Filter(#[from] QueryError),
    /// The body is no Parameters resource of this operation.
    #[error("the body is no Parameters resource with a name and a value each")]
    Parameters,
}

impl Asked {
    /// Reads the parameters of a kick-off by GET, decoded.
    ///
    /// # Errors
    /// [`AskedError`]; under lenient handling not for what is not known.
    ///
    /// Source: Bulk Data Access 2.0.0, section "Query Parameters".
    pub fn by_query(pairs: Vec<(String, String)>, handling: Handling) -> Result<Self, AskedError> {
        match pairs.iter().find(|(name, _)| name == "patient") {
            Some((name, _)) => Err(AskedError::Unknown(name.clone())),
            None => Self::read(pairs, handling),
        }
    }

    /// Reads the Parameters resource of a kick-off by POST.
    ///
    /// # Errors
    /// As [`Asked::by_query`]; `Parameters`.
    pub fn by_parameters(body: &[u8], handling: Handling) -> Result<Self, AskedError> {
        let body: Value = serde_json::from_slice(body).map_err(|_not| AskedError::Parameters)?;
        let kind = body.get("resourceType").and_then(Value::as_str);
        if kind != Some("Parameters") {
            return Err(AskedError::Parameters);
        }
        let parameters = body.get("parameter").and_then(Value::as_array);
        let pairs = parameters.into_iter().flatten().map(pair_of);
        let pairs: Option<Vec<_>> = pairs.collect();
        Self::read(pairs.ok_or(AskedError::Parameters)?, handling)
    }

    /// Reads what was kept.
    pub(super) fn of_kept(text: &str) -> Option<Self> {
        let AsSent { pairs, lenient } = serde_json::from_str(text).ok()?;
        let handling = match lenient {
            true => Handling::Lenient,
            false => Handling::Strict,
        };
        Self::read(pairs, handling).ok()
    }

    /// The text that is kept.
    pub(super) fn kept(&self) -> String {
        serde_json::to_string(&self.as_sent).unwrap_or_default()
    }

    fn read(pairs: Vec<(String, String)>, handling: Handling) -> Result<Self, AskedError> {
        let mut asked = Self {
            as_sent: AsSent {
                pairs: Vec::new(),
                lenient: handling == Handling::Lenient,
            },
            since: None,
            kinds: None,
            filters: Vec::new(),
            elements: Vec::new(),
            patients: None,
            notes: Vec::new(),
        };
        for (name, value) in &pairs {
            asked.take(name, value)?;
        }
        asked.as_sent.pairs = pairs;
        if asked.filters.iter().any(|one| !asked.wants(one.kind())) {
            return Err(wrong("_typeFilter", "of a type that `_type` leaves out"));
        }
        Ok(asked)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), AskedError> {
        match name {
            "_outputFormat" => format(value),
            "_since" => self.take_since(value),
            "_type" => self.take_kinds(value),
            "_typeFilter" => self.take_filters(value),
            "_elements" => self.take_elements(value),
            "patient" => self.take_patient(value),
            other => {
                let name: String = other.chars().take(64).collect();
                self.overlook(AskedError::Unknown(name))
            }
        }
    }

    /// Leaves something out, if that may be.
    fn overlook(&mut self, error: AskedError) -> Result<(), AskedError> {
        if self.as_sent.lenient {
            self.notes.push(error.to_string());
            Ok(())
        } else {
            Err(error)
        }
    }

    fn take_since(&mut self, value: &str) -> Result<(), AskedError> {
        // The `+` of an offset that was not escaped arrives as a space.
        let read = Timestamp::parse_rfc3339(&value.replace(' ', "+"));
        let since = read.map_err(|_not| wrong("_since", "wanted: an instant"))?;
        match self.since.replace(since) {
            None => Ok(()),
            Some(_) => Err(wrong("_since", "only once")),
        }
    }

    fn take_kinds(&mut self, value: &str) -> Result<(), AskedError> {
        let mut kinds = self.kinds.take().unwrap_or_default();
        for name in value.split(',').map(str::trim) {
            match ResourceType::named(name) {
                Some(kind) if kind.in_a_chart() || stands_beside_charts(kind) => kinds.push(kind),
                _ => self.overlook(wrong("_type", "a type that is not exported here"))?,
            }
        }
        self.kinds = Some(kinds);
        Ok(())
    }

    fn take_filters(&mut self, value: &str) -> Result<(), AskedError> {
        for query in queries(value) {
            let (kind, pairs) = query.split_once('?').unwrap_or((query, ""));
            let kind = ResourceType::named(kind);
            let kind = kind.ok_or_else(|| wrong("_typeFilter", "wanted: Type?parameter=value"))?;
            let pairs = form_pairs(pairs);
            if pairs.iter().any(|(name, _)| is_of_a_page(name)) {
                let reason = "what shapes a page has no meaning in an export";
                return Err(wrong("_typeFilter", reason));
            }
            let handling = match self.as_sent.lenient {
                true => Handling::Lenient,
                false => Handling::Strict,
            };
            let filter = SearchQuery::parse_as(kind, &pairs, handling)?;
            self.notes.extend(filter.ignored());
            if self.filters.len() >= MOST_FILTERS {
                return Err(wrong("_typeFilter", "too many of them"));
            }
            self.filters.push(filter);
        }
        Ok(())
    }

    fn take_elements(&mut self, value: &str) -> Result<(), AskedError> {
        for element in value
            .split(',')
            .map(str::trim)
            .filter(|one| !one.is_empty())
        {
            let (kind, name) = match element.split_once('.') {
                Some((kind, name)) => (Some(kind), name),
                None => (None, element),
            };
            let kind = kind.map(|kind| {
                let unknown = || wrong("_elements", "wanted: element or Type.element");
                ResourceType::named(kind).ok_or_else(unknown)
            });
            self.elements.push((kind.transpose()?, name.to_owned()));
        }
        Ok(())
    }

    fn take_patient(&mut self, value: &str) -> Result<(), AskedError> {
        let reason = "wanted: references to Patient";
        let patient = Address::parse(value).filter(|one| one.kind.name() == "Patient");
        let patients = self.patients.get_or_insert_default();
        if patients.len() >= MOST_PATIENTS {
            return Err(wrong("patient", "too many of them"));
        }
        patients.push(patient.ok_or_else(|| wrong("patient", reason))?);
        Ok(())
    }

    /// Whether resources of this type are wanted.
    #[must_use]
    pub fn wants(&self, kind: ResourceType) -> bool {
        self.kinds
            .as_ref()
            .is_none_or(|kinds| kinds.contains(&kind))
    }

    /// Whether anything is wanted that stands outside of charts.
    pub(super) fn looks_beside_charts(&self) -> bool {
        ResourceType::all().any(|kind| stands_beside_charts(kind) && self.wants(kind))
    }

    /// The types whose resources in charts are looked at, in the order of the work.
    pub(super) fn walked(&self) -> Vec<ResourceType> {
        let beside = self.looks_beside_charts();
        ResourceType::all()
            .filter(|kind| kind.in_a_chart() && (beside || self.wants(*kind)))
            .collect()
    }

    /// The elements that resources of this type are cut to; empty: they stay whole.
    pub(super) fn elements_of(&self, kind: ResourceType) -> Vec<String> {
        let of_it = |of: &Option<ResourceType>| of.is_none_or(|of| of == kind);
        let elements = self.elements.iter().filter(|(of, _)| of_it(of));
        elements.map(|(_, name)| name.clone()).collect()
    }
}

fn wrong(parameter: &'static str, reason: &'static str) -> AskedError {
    AskedError::Value { parameter, reason }
}

fn format(value: &str) -> Result<(), AskedError> {
    // An unescaped `+` of `fhir+ndjson` arrives as a space.
    let value = value.trim().replace(' ', "+");
    if NDJSON.contains(&value.as_str()) {
        Ok(())
    } else {
        Err(wrong("_outputFormat", "only NDJSON is written here"))
    }
}

fn is_of_a_page(name: &str) -> bool {
    let (name, _modifier) = name.split_once(':').unwrap_or((name, ""));
    OF_A_PAGE.contains(&name) || matches!(name, "_include" | "_revinclude")
}

/// `Type?…,Type?…`: a comma begins a query where a type and `?` follow; any other belongs to a value.
fn queries(value: &str) -> Vec<&str> {
    let begins = |text: &str| {
        let (name, _) = text.split_once('?').unwrap_or((text, ""));
        ResourceType::named(name).is_some()
    };
    let mut found = Vec::new();
    let (mut from, mut at) = (0, 0);
    while let Some(comma) = value.get(at..).and_then(|rest| rest.find(',')) {
        let comma = at.saturating_add(comma);
        at = comma.saturating_add(1);
        if value.get(at..).is_some_and(begins) {
            found.extend(value.get(from..comma));
            from = at;
        }
    }
    found.extend(value.get(from..));
    found
}

/// A parameter's name and its one value, as text.
fn pair_of(parameter: &Value) -> Option<(String, String)> {
    let members = parameter.as_object()?;
    let name = members.get("name")?.as_str()?;
    let (_, value) = members
        .iter()
        .find(|(member, _)| member.starts_with("value"))?;
    let text = match value {
        Value::String(text) => text.clone(),
        reference => reference.get("reference")?.as_str()?.to_owned(),
    };
    Some((name.to_owned(), text))
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests fail by panicking"
    )]
    use serde_json::json;

    use super::*;

    fn asked(pairs: &[(&str, &str)], handling: Handling) -> Result<Asked, AskedError> {
        let owned = pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        Asked::by_query(owned.collect(), handling)
    }

    fn strictly(pairs: &[(&str, &str)]) -> Result<Asked, AskedError> {
        asked(pairs, Handling::Strict)
    }

    #[test]
    fn every_spelling_of_ndjson_is_taken_and_nothing_else() {
        for good in [
            "application/fhir+ndjson",
            "application/fhir ndjson",
            "ndjson",
        ] {
            assert!(strictly(&[("_outputFormat", good)]).is_ok(), "{good}");
        }
        assert!(strictly(&[("_outputFormat", "text/csv")]).is_err());
    }

    #[test]
    fn what_is_not_understood_is_refused_or_told() {
        for (name, value) in [
            ("includeAssociatedData", "x"),
            ("_type", "Unicorn"),
            ("_type", "Patient,Person"),
            ("_typeFilter", "Observation?colour=red"),
        ] {
            assert!(strictly(&[(name, value)]).is_err(), "{name}={value}");
            let lenient = asked(&[(name, value)], Handling::Lenient).unwrap();
            assert_eq!(lenient.notes.len(), 1, "{name}={value}");
            assert_eq!(
                Asked::of_kept(&lenient.kept()).unwrap().notes,
                lenient.notes
            );
        }
        for (name, value) in [
            ("_since", "yesterday"),
            ("_typeFilter", "Patient?_sort=_id"),
        ] {
            assert!(
                asked(&[(name, value)], Handling::Lenient).is_err(),
                "{name}={value}"
            );
        }
    }

    #[test]
    fn type_filters_are_searches_of_types_that_are_wanted() {
        let filter = "Observation?status=final,amended&code=a%2Cb,Patient?gender=female";
        let both = strictly(&[("_typeFilter", filter)]).unwrap();
        let kinds: Vec<_> = both.filters.iter().map(|one| one.kind().name()).collect();
        assert_eq!(kinds, ["Observation", "Patient"]);
        assert!(strictly(&[("_type", "Patient"), ("_typeFilter", filter)]).is_err());
    }

    #[test]
    fn nothing_is_wanted_of_a_type_that_was_not_asked_for() {
        let observation = ResourceType::named("Observation").unwrap();
        let only = strictly(&[("_type", "Observation")]).unwrap();
        assert_eq!(only.walked(), [observation]);
        let practitioners = strictly(&[("_type", "Practitioner")]).unwrap();
        assert!(!practitioners.wants(observation));
        assert!(practitioners.walked().contains(&observation));
    }

    #[test]
    fn a_parameters_resource_asks_like_a_query_and_may_name_patients() {
        let body = json!({"resourceType": "Parameters", "parameter": [
            {"name": "_since", "valueInstant": "2026-07-01T09:00:00+09:00"},
            {"name": "_type", "valueString": "Patient"},
            {"name": "patient", "valueReference": {"reference": "Patient/hana"}}
        ]});
        let read =
            |body: &Value| Asked::by_parameters(body.to_string().as_bytes(), Handling::Strict);
        let by_body = read(&body).unwrap();
        let by_query = strictly(&[
            ("_since", "2026-07-01T09:00:00 09:00"),
            ("_type", "Patient"),
        ]);
        assert_eq!(by_body.since, by_query.unwrap().since);
        assert_eq!(by_body.patients.unwrap()[0].to_string(), "Patient/hana");
        assert!(strictly(&[("patient", "Patient/hana")]).is_err());
        assert!(read(&json!({"resourceType": "Patient"})).is_err());
        let nested = json!({"resourceType": "Parameters", "parameter": [{"name": "_type"}]});
        assert!(read(&nested).is_err());
    }
}
