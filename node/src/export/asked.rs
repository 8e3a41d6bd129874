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
    /// `_elements`, as a search of each type that it is about would have it.
    shapes: Vec<SearchQuery>,
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
    /// `_elements` names what is no element.
    #[error("`_elements`: {0}")]
    Elements(QueryError),
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
            shapes: Vec::new(),
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
        if !self.shapes.is_empty() {
            return Err(wrong("_elements", "only once"));
        }
        let mut named = Vec::new();
        for element in value
            .split(',')
            .map(str::trim)
            .filter(|one| !one.is_empty())
        {
            let (kind, name) = match element.split_once('.') {
                Some((kind, name)) => (ResourceType::named(kind), name),
                None => (None, element),
            };
            if kind.is_none() && element.contains('.') {
                return Err(wrong("_elements", "wanted: element or Type.element"));
            }
            named.push((kind, name));
        }
        for kind in ResourceType::all() {
            let own = named
                .iter()
                .filter(|(of, _)| of.is_none_or(|of| of == kind));
            let names: Vec<&str> = own.map(|(_, name)| *name).collect();
            if !names.is_empty() {
                let shape = [("_elements", names.join(","))];
                let shape = SearchQuery::parse(kind, &shape).map_err(AskedError::Elements)?;
                self.shapes.push(shape);
            }
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

    /// What resources of this type are cut to; `None`: they stay whole.
    pub(super) fn shape_of(&self, kind: ResourceType) -> Option<&SearchQuery> {
        self.shapes.iter().find(|shape| shape.kind() == kind)
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
mod tests;
