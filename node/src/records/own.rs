//! Search parameters that the hospital defined itself, by SearchParameter resources written like any
//! other: `active` ones are used, once what was here before is read for them.
//!
//! The database knows them: whichever program writes a resource reads it for them in the same
//! transaction, so a definition is never older or newer than the rows of the index. They are asked
//! for only where a search names something that FHIR and JP Core do not.

mod definition;
mod indexing;

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use fhir_search_parameters::{Catalogue, ParameterType, SearchParameter};
use serde_json::{Value, json};

use super::query::{Handling, QueryError, SearchQuery};
use super::types::{Parameter, Role};
use super::{Records, RecordsError, ResourceType, store};
use crate::database::HospitalConnection;

pub use definition::DefinitionRefused;
pub(super) use definition::{Defined, defined_by};
pub(crate) use indexing::Indexing;

/// The own parameters in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct OwnParameters {
    all: Vec<OwnParameter>,
}

/// One own parameter of one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OwnParameter {
    pub(super) kind: ResourceType,
    pub(super) by: &'static Parameter,
    /// How far older resources have been read for it; `None`: all of them.
    pub(super) reading: Option<Reading>,
}

/// How far the reading of older resources is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    /// The row number up to which they have been read.
    pub(super) to: i64,
    /// The last row number there is.
    pub(super) of: i64,
}

impl Reading {
    /// Hundredths, never all of them.
    fn percent(self) -> i64 {
        let done = self.to.saturating_mul(100).checked_div(self.of);
        done.unwrap_or(0).clamp(0, 99)
    }
}

impl OwnParameters {
    /// None at all: what FHIR and JP Core define.
    pub(super) const NONE: Self = Self { all: Vec::new() };

    pub(super) fn of(all: Vec<OwnParameter>) -> Self {
        Self { all }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How far the reading of older resources is, of each that it is not done for.
    pub(super) fn readings(&self) -> impl Iterator<Item = Reading> {
        self.all.iter().filter_map(|own| own.reading)
    }

    /// Those for which it stands at this row number.
    pub(super) fn reading_from(&self, to: i64) -> impl Iterator<Item = &OwnParameter> {
        let stands = move |own: &&OwnParameter| own.reading.is_some_and(|one| one.to == to);
        self.all.iter().filter(stands)
    }

    /// Those of a type, for the index.
    pub(super) fn of_type(&self, kind: ResourceType) -> Vec<&'static Parameter> {
        let of = self.all.iter().filter(|own| own.kind == kind);
        of.map(|own| own.by).collect()
    }

    /// The parameter of that name, FHIR's and JP Core's first, then the latest own one.
    ///
    /// # Errors
    /// `TooEarly` for an own one that older resources are still being read for.
    pub(super) fn parameter(
        &self,
        kind: ResourceType,
        name: &str,
    ) -> Result<Option<&'static Parameter>, QueryError> {
        if let Some(shipped) = kind.parameter(name) {
            return Ok(Some(shipped));
        }
        let mut named = self.all.iter();
        let Some(own) = named.find(|own| own.kind == kind && own.by.definition.code() == name)
        else {
            return Ok(None);
        };
        match own.reading {
            Some(reading) => Err(QueryError::TooEarly {
                parameter: own.by.definition.code(),
                percent: reading.percent(),
            }),
            None => Ok(Some(own.by)),
        }
    }

    /// Adds those that can be asked for to a CapabilityStatement.
    pub(super) fn list_in(&self, statement: &mut Value) {
        let resources = statement.pointer_mut("/rest/0/resource");
        let Some(resources) = resources.and_then(Value::as_array_mut) else {
            return;
        };
        for own in self.all.iter().filter(|own| own.reading.is_none()) {
            let named =
                |one: &&mut Value| one.get("type").and_then(Value::as_str) == Some(own.kind.name());
            let resource = resources.iter_mut().find(named);
            let listed = resource.and_then(|one| one.get_mut("searchParam")?.as_array_mut());
            if let Some(listed) = listed {
                let definition = own.by.definition;
                listed.push(json!({
                    "name": definition.code(),
                    "definition": definition.url(),
                    "type": definition.kind().as_str()
                }));
            }
        }
    }
}

/// A parameter as the rest of this room has them, from what the database keeps of its definition.
/// `None` where this program cannot read it, which an older or newer one could.
///
/// The definition is made once in the life of the process: there are no more of them than numbers
/// that were given out.
pub(super) fn parameter(
    slot: i16,
    kind: ResourceType,
    definition: &str,
) -> Option<&'static Parameter> {
    type Made = HashMap<(i16, ResourceType, String), Option<&'static Parameter>>;
    static MADE: LazyLock<Mutex<Made>> = LazyLock::new(Mutex::default);
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (slot, kind, definition.to_owned());
    *made
        .entry(key)
        .or_insert_with(|| made_of(slot, kind, definition))
}

fn made_of(slot: i16, kind: ResourceType, definition: &str) -> Option<&'static Parameter> {
    let definition: Value = serde_json::from_str(definition).ok()?;
    let code = definition.get("code")?.as_str()?;
    let catalogue = Catalogue::shipped().extended([&definition]).ok()?;
    let found: SearchParameter = (**catalogue.named(kind.name(), code)?).clone();
    let role = match found.kind() {
        ParameterType::Composite => Role::Composite,
        _ => Role::Indexed,
    };
    Some(Box::leak(Box::new(Parameter {
        slot,
        role,
        definition: Box::leak(Box::new(found)),
    })))
}

/// A search as far as it can be read before the own parameters are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// By what FHIR and JP Core define alone.
    Shipped(Box<SearchQuery>),
    /// It names something that they do not.
    Own,
}

impl Asked {
    /// # Errors
    /// Whatever own parameters cannot mend.
    pub(super) fn parse(
        kind: ResourceType,
        pairs: &[(String, String)],
    ) -> Result<Self, QueryError> {
        match SearchQuery::parse(kind, pairs) {
            Ok(query) => Ok(Self::Shipped(Box::new(query))),
            Err(error) if error.may_be_own() => Ok(Self::Own),
            Err(error) => Err(error),
        }
    }

    /// Reads it whole, by the own parameters that are in force on this connection.
    ///
    /// # Errors
    /// `Query`, also for a parameter that cannot be asked for yet; `Database`.
    pub(super) fn read(
        &self,
        connection: &mut HospitalConnection,
        kind: ResourceType,
        pairs: &[(String, String)],
    ) -> Result<SearchQuery, RecordsError> {
        match self {
            Self::Shipped(query) => Ok(SearchQuery::clone(query)),
            Self::Own => {
                let own = store::own_parameters(connection)?;
                Ok(SearchQuery::parse_with(
                    &own,
                    kind,
                    pairs,
                    Handling::Strict,
                )?)
            }
        }
    }
}

impl Records {
    /// Reads a search that may name own parameters.
    ///
    /// # Errors
    /// `Query`, also for a parameter that cannot be asked for yet; `Database`.
    pub(super) async fn query<N, V>(
        &self,
        kind: ResourceType,
        pairs: &[(N, V)],
        handling: Handling,
    ) -> Result<SearchQuery, RecordsError>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        match SearchQuery::parse_as(kind, pairs, handling) {
            Ok(query) if query.ignored().next().is_none() => Ok(query),
            shipped => {
                let own = self.own_parameters().await?;
                if own.is_empty() {
                    return Ok(shipped?);
                }
                Ok(SearchQuery::parse_with(&own, kind, pairs, handling)?)
            }
        }
    }

    /// The own parameters in force now.
    pub(super) async fn own_parameters(&self) -> Result<OwnParameters, RecordsError> {
        let living = |connection: &mut _| Ok::<_, RecordsError>(store::own_parameters(connection)?);
        self.database.read(living).await
    }
}
