//! Values of a reference parameter: an id, `Type/id`, a URL, an identifier.

use super::QueryError;
use super::condition::{Condition, Look, Rows, Test};
use super::criterion::{Reader, one_or_any, target_types};
use super::values::{Token, token, unescaped};
use crate::records::system::hash_code;
use crate::records::types::Parameter;
use crate::records::{Address, LogicalId, ResourceType};

impl Reader {
    pub(super) fn reference(
        &self,
        modifier: Option<&str>,
        values: &[String],
    ) -> Result<Condition, QueryError> {
        if modifier == Some("identifier") {
            let reason = "wanted: system|value or value";
            let read = |value: &str| match token(value, false)? {
                Token::Hash(hash) => Some(hash),
                Token::System(_) => None,
            };
            return Ok(self.look(Look::Identifier(self.each(values, reason, read)?)));
        }
        let only = match modifier {
            None => None,
            Some(name) => {
                let none = QueryError::Modifier(self.by.definition.code());
                Some(ResourceType::named(name).ok_or(none)?)
            }
        };
        let mut found = Targets::default();
        for value in values {
            self.add_target(&unescaped(value), only, &mut found)
                .ok_or_else(|| self.wrong("wanted: id, Type/id or a URL"))?;
        }
        Ok(found.condition(self.by))
    }

    /// One value of a reference parameter.
    fn add_target(
        &self,
        value: &str,
        only: Option<ResourceType>,
        found: &mut Targets,
    ) -> Option<()> {
        if let Some(id) = LogicalId::parse(value) {
            let kinds: Vec<ResourceType> = match only {
                Some(kind) => vec![kind],
                // In a chart of people, an id alone means a person.
                None if self.by.names_the_patient() => {
                    ResourceType::named("Patient").into_iter().collect()
                }
                None => target_types(self.by).collect(),
            };
            for kind in kinds {
                let id = id.clone();
                found.add(self.by, Address { kind, id });
            }
            return Some(());
        }
        if let Some(address) = Address::parse(value) {
            if only.is_some_and(|kind| kind != address.kind) {
                return None;
            }
            found.add(self.by, address);
            return Some(());
        }
        let is_url = value.contains(':') && only.is_none();
        is_url.then(|| found.elsewhere.push(hash_code(value)))
    }
}

/// The targets of one reference parameter, sorted by where they are found.
#[derive(Default)]
struct Targets {
    charts: Vec<LogicalId>,
    rows: Vec<Address>,
    elsewhere: Vec<i64>,
}

impl Targets {
    fn add(&mut self, by: &Parameter, address: Address) {
        if by.is_told_by_the_chart(address.kind) {
            self.charts.push(address.id);
        } else {
            self.rows.push(address);
        }
    }

    fn condition(self, by: &'static Parameter) -> Condition {
        let mut any = Vec::new();
        if !self.charts.is_empty() {
            any.push(Condition::Chart(self.charts));
        }
        if !self.rows.is_empty() {
            any.push(Rows::of(by, Test::Target(self.rows)));
        }
        if !self.elsewhere.is_empty() {
            any.push(Rows::of(by, Test::Token(self.elsewhere)));
        }
        one_or_any(any)
    }
}
