//! `$validate`: what is asked, and the verdict.
//!
//! Source: FHIR R4 OperationDefinition Resource-validate.

use fhir_validation::{Issue, IssueCode, Severity};
use serde_json::Value;

use crate::access::Permit;
use crate::records::interaction::Pairs;
use crate::records::strict::strict;
use crate::records::{Address, DraftError, Records, RecordsError, ResourceType};

/// What is to be judged, by what.
#[derive(Debug, Default)]
pub(in crate::records) struct Asked {
    /// `None`: what is stored at the address.
    resource: Option<Value>,
    mode: Option<Mode>,
    profile: Option<String>,
}

/// What somebody means to do with the resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Create,
    Update,
    Delete,
    /// Judge what is stored by a profile.
    Profile,
}

impl Asked {
    /// Reads the parameters of the address, and the body where there is one: the resource itself,
    /// or Parameters.
    ///
    /// # Errors
    /// `Draft` for what is not JSON, or a resource of another type than `kind`; `Unsupported`.
    pub(in crate::records) fn parse(
        kind: ResourceType,
        pairs: &Pairs,
        body: Option<&str>,
    ) -> Result<Self, RecordsError> {
        let mut asked = Self::default();
        for (name, value) in pairs {
            asked.take(name, Some(value))?;
        }
        if let Some(body) = body {
            let value = strict(body).map_err(DraftError::from)?;
            if type_of(&value) == Some("Parameters") {
                asked.take_parameters(&value)?;
            } else {
                asked.resource = Some(value);
            }
        }
        match asked.resource.as_ref().map(type_of) {
            Some(None) => Err(DraftError::Type.into()),
            Some(Some(named)) if named != kind.name() => Err(DraftError::OtherType(kind).into()),
            _ => Ok(asked),
        }
    }

    fn take_parameters(&mut self, parameters: &Value) -> Result<(), RecordsError> {
        let list = parameters.get("parameter").and_then(Value::as_array);
        for parameter in list.into_iter().flatten() {
            let word = |member: &str| parameter.get(member).and_then(Value::as_str);
            match word("name").unwrap_or_default() {
                "resource" => self.resource = parameter.get("resource").cloned(),
                name => {
                    let forms = ["valueCode", "valueUri", "valueCanonical", "valueString"];
                    self.take(name, forms.into_iter().find_map(word))?;
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, name: &str, value: Option<&str>) -> Result<(), RecordsError> {
        match (name, value) {
            ("mode", Some(value)) if self.mode.is_none() => {
                let mode = Mode::named(value);
                let unknown = "a mode but create, update, delete and profile";
                self.mode = Some(mode.ok_or(RecordsError::Unsupported(unknown))?);
            }
            ("profile", Some(value)) if self.profile.is_none() => {
                self.profile = Some(value.to_owned());
            }
            _ => {
                let once = "$validate takes resource, mode and profile, each once and with a value";
                return Err(RecordsError::Unsupported(once));
            }
        }
        Ok(())
    }
}

impl Mode {
    fn named(word: &str) -> Option<Self> {
        Some(match word {
            "create" => Self::Create,
            "update" => Self::Update,
            "delete" => Self::Delete,
            "profile" => Self::Profile,
            _ => return None,
        })
    }
}

impl Records {
    /// All that is to be said about a resource: one that was brought along, or the one at
    /// `address`. Writes nothing.
    ///
    /// # Errors
    /// `NotFound` and `Deleted` for what is stored; `Unsupported` where the question lacks what it
    /// needs, or names a profile that is not known here; `Database`.
    pub(in crate::records) async fn validate(
        &self,
        permit: &Permit,
        address: Option<&Address>,
        asked: Asked,
    ) -> Result<Vec<Issue>, RecordsError> {
        if let Some(profile) = &asked.profile
            && !self.validator.knows(profile)
        {
            return Err(RecordsError::Unsupported(UNKNOWN_PROFILE));
        }
        let resource = match (asked.mode, asked.resource) {
            (Some(Mode::Delete | Mode::Profile), _) | (_, None) => {
                let address = address.ok_or(RecordsError::Unsupported(NO_RESOURCE))?;
                let entry = self.read(permit, address).await?;
                strict(&entry.raw).map_err(DraftError::from)?
            }
            (_, Some(resource)) => resource,
        };
        let mut issues = match asked.mode {
            // Nothing that is stored must stay because of something else.
            Some(Mode::Delete) => Vec::new(),
            _ => self.validator.verdict(&resource, asked.profile.as_deref()),
        };
        if asked.mode == Some(Mode::Update) {
            let address = address.ok_or(RecordsError::Unsupported(NO_ADDRESS))?;
            issues.extend(other_id(&resource, address));
        }
        Ok(told_once(issues))
    }
}

const UNKNOWN_PROFILE: &str = "a profile that is not known to this node";
const NO_RESOURCE: &str = "$validate without a resource, but at {type}/{id}";
const NO_ADDRESS: &str = "$validate with mode update, but at {type}/{id}";

fn type_of(resource: &Value) -> Option<&str> {
    resource.get("resourceType").and_then(Value::as_str)
}

/// An update names the address it is for.
fn other_id(resource: &Value, address: &Address) -> Option<Issue> {
    let id = resource.get("id").and_then(Value::as_str);
    (id != Some(address.id.as_str())).then(|| Issue {
        severity: Severity::Error,
        code: IssueCode::Value,
        expression: format!("{}.id", address.kind),
        message: DraftError::OtherId.to_string(),
    })
}

/// A profile may be claimed and asked for: what it demands is said once.
fn told_once(issues: Vec<Issue>) -> Vec<Issue> {
    let mut once = Vec::with_capacity(issues.len());
    for issue in issues {
        if !once.contains(&issue) {
            once.push(issue);
        }
    }
    once
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    fn asked(pairs: &[(&str, &str)], body: Option<&str>) -> Result<Asked, u16> {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let kind = ResourceType::named("Patient").unwrap();
        Asked::parse(kind, &pairs.collect(), body).map_err(|error| error.told().status)
    }

    #[test]
    fn what_is_no_question_is_refused() {
        for (pairs, body) in [
            (vec![("mode", "think")], None),
            (vec![("colour", "red")], None),
            (vec![("mode", "create"), ("mode", "create")], None),
            (vec![], Some("{")),
            (vec![], Some("[]")),
            (vec![], Some("{}")),
            (vec![], Some("{\"resourceType\":\"Basic\"}")),
            (
                vec![],
                Some("{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"profile\"}]}"),
            ),
        ] {
            assert_eq!(asked(&pairs, body).unwrap_err(), 400, "{pairs:?} {body:?}");
        }
    }

    #[test]
    fn parameters_are_as_good_as_the_address() {
        let body = "{\"resourceType\":\"Parameters\",\"parameter\":[\
            {\"name\":\"mode\",\"valueCode\":\"update\"},\
            {\"name\":\"profile\",\"valueUri\":\"urn:p\"},\
            {\"name\":\"resource\",\"resource\":{\"resourceType\":\"Patient\"}}]}";
        let by_parameters = asked(&[], Some(body)).unwrap();
        let plain = Some("{\"resourceType\":\"Patient\"}");
        let by_address = asked(&[("mode", "update"), ("profile", "urn:p")], plain).unwrap();
        assert_eq!(format!("{by_parameters:?}"), format!("{by_address:?}"));
    }
}
