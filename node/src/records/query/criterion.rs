//! One criterion of a search, `name:modifier.chain=value`, understood or refused.

use fhir_search_parameters::ParameterType;

use super::QueryError;
use super::condition::{
    Chain, Component, Condition, Has, Look, Rows, Test, TypedIdentifier, Verify,
};
use super::values::{
    Token, alternatives, date_test, measure_test, split, text, token, unescaped, whole_text,
};
use crate::records::fold::LONGEST;
use crate::records::own::OwnParameters;
use crate::records::system::{hash_code, hash_coded};
use crate::records::types::{Parameter, Role};
use crate::records::{Address, LogicalId, ResourceType};

/// The most alternatives of one value.
const MOST_VALUES: usize = 256;
/// The most references that one chain follows.
const MOST_LINKS: usize = 3;
/// Why a text cannot be looked for.
const NO_TEXT: &str = "no letter or digit in it";

/// Reads one criterion.
pub(super) fn criterion(
    own: &OwnParameters,
    kind: ResourceType,
    name: &str,
    value: &str,
) -> Result<Condition, QueryError> {
    linked(own, kind, name, value, 0)
}

/// A comparison of the clinical date of whatever type.
pub(super) fn clinical_date(value: &str) -> Result<Condition, QueryError> {
    let tests = alternatives(value)
        .iter()
        .map(|value| date_test(value))
        .collect();
    let wrong = QueryError::Value {
        parameter: "date",
        reason: "wanted: a date or date-time, perhaps with a prefix",
    };
    Option::<Vec<_>>::map(tests, Condition::When).ok_or(wrong)
}

fn linked(
    own: &OwnParameters,
    kind: ResourceType,
    name: &str,
    value: &str,
    links: usize,
) -> Result<Condition, QueryError> {
    if links > MOST_LINKS {
        return Err(QueryError::TooMuch);
    }
    if let Some(rest) = name.strip_prefix("_has:") {
        return has(own, kind, name, (rest, value), links);
    }
    let (head, chain) = match name.split_once('.') {
        Some((head, chain)) => (head, Some(chain)),
        None => (name, None),
    };
    let (bare, modifier) = match head.split_once(':') {
        Some((bare, modifier)) => (bare, Some(modifier)),
        None => (head, None),
    };
    let by = own
        .parameter(kind, bare)?
        .filter(|by| by.role != Role::Refused)
        .ok_or_else(|| unknown(kind, name))?;
    match chain {
        Some(chain) => chained(own, by, modifier, (chain, value), links),
        None => plain(kind, by, modifier, value),
    }
}

fn unknown(kind: ResourceType, name: &str) -> QueryError {
    QueryError::UnknownParameter {
        kind,
        parameter: name.chars().filter(|c| !c.is_control()).take(64).collect(),
    }
}

/// `_has:Type:reference:criterion`
fn has(
    own: &OwnParameters,
    kind: ResourceType,
    name: &str,
    (rest, value): (&str, &str),
    links: usize,
) -> Result<Condition, QueryError> {
    let mut parts = rest.splitn(3, ':');
    let (Some(from), Some(by), Some(inner)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(unknown(kind, name));
    };
    let from = ResourceType::named(from).ok_or_else(|| unknown(kind, name))?;
    let by = own
        .parameter(from, by)?
        .filter(|by| by.definition.kind() == ParameterType::Reference)
        .ok_or_else(|| unknown(from, by))?;
    Ok(Condition::Has(Has {
        of: kind,
        kind: from,
        by,
        inner: Box::new(linked(own, from, inner, value, links.saturating_add(1))?),
    }))
}

/// `subject:Patient.name`, or without the type: then of each type that a target may have and that
/// has such a parameter.
fn chained(
    own: &OwnParameters,
    by: &'static Parameter,
    modifier: Option<&str>,
    (chain, value): (&str, &str),
    links: usize,
) -> Result<Condition, QueryError> {
    if by.definition.kind() != ParameterType::Reference {
        return Err(QueryError::NoReference(by.definition.code()));
    }
    let kinds: Vec<ResourceType> = match modifier {
        Some(name) => {
            vec![ResourceType::named(name).ok_or(QueryError::Modifier(by.definition.code()))?]
        }
        None => target_types(by).collect(),
    };
    let mut to = Vec::new();
    let mut refused = None;
    for kind in kinds {
        match linked(own, kind, chain, value, links.saturating_add(1)) {
            Ok(condition) => to.push((kind, condition)),
            Err(early @ QueryError::TooEarly { .. }) => return Err(early),
            Err(error) => refused = Some(error),
        }
    }
    match (to.is_empty(), refused) {
        (true, Some(error)) => Err(error),
        (true, None) => Err(QueryError::NoReference(by.definition.code())),
        (false, _) => Ok(Condition::Chain(Chain { by, to })),
    }
}

pub(super) fn target_types(by: &'static Parameter) -> impl Iterator<Item = ResourceType> {
    by.definition
        .targets()
        .iter()
        .filter_map(|name| ResourceType::named(name))
}

fn plain(
    kind: ResourceType,
    by: &'static Parameter,
    modifier: Option<&str>,
    value: &str,
) -> Result<Condition, QueryError> {
    let reader = Reader { kind, by };
    if modifier == Some("missing") {
        return reader.missing(value);
    }
    let values = alternatives(value);
    if values.len() > MOST_VALUES {
        return Err(QueryError::TooMuch);
    }
    if values.iter().any(String::is_empty) {
        return Err(reader.wrong("an empty value"));
    }
    reader.read(modifier, &values)
}

/// Reads values for one parameter.
pub(super) struct Reader {
    kind: ResourceType,
    pub(super) by: &'static Parameter,
}

impl Reader {
    pub(super) fn wrong(&self, reason: &'static str) -> QueryError {
        QueryError::Value {
            parameter: self.by.definition.code(),
            reason,
        }
    }

    pub(super) fn each<T>(
        &self,
        values: &[String],
        reason: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, QueryError> {
        let read = |value: &String| read(value).ok_or_else(|| self.wrong(reason));
        values.iter().map(read).collect()
    }

    pub(super) fn look(&self, look: Look) -> Condition {
        Condition::Verify(Verify { by: self.by, look })
    }

    fn read(&self, modifier: Option<&str>, values: &[String]) -> Result<Condition, QueryError> {
        let code = self.by.definition.code();
        if self.by.role == Role::Own {
            return match (modifier, code) {
                (None, "_id") => self.ids(values).map(Condition::Id),
                (None, _) => self.dates(values).map(Condition::Updated),
                _ => Err(QueryError::Modifier(code)),
            };
        }
        match self.by.definition.kind() {
            ParameterType::Token => self.token(modifier, values),
            ParameterType::String => self.string(modifier, values),
            ParameterType::Uri => self.uri(modifier, values),
            ParameterType::Reference => self.reference(modifier, values),
            ParameterType::Composite if modifier.is_none() => self.composite(values),
            ParameterType::Date if modifier.is_none() => {
                Ok(Rows::of(self.by, Test::Date(self.dates(values)?)))
            }
            ParameterType::Number if modifier.is_none() => Ok(Rows::of(
                self.by,
                Test::Measure(self.measures(values, false)?),
            )),
            ParameterType::Quantity if modifier.is_none() => Ok(Rows::of(
                self.by,
                Test::Measure(self.measures(values, true)?),
            )),
            _ => Err(QueryError::Modifier(code)),
        }
    }

    fn missing(&self, value: &str) -> Result<Condition, QueryError> {
        let missing = match value {
            "true" => true,
            "false" => false,
            _ => return Err(self.wrong("wanted: true or false")),
        };
        if matches!(self.by.role, Role::Own | Role::Composite) {
            return Err(QueryError::Modifier(self.by.definition.code()));
        }
        Ok(self.look(Look::Missing(missing)))
    }

    fn ids(&self, values: &[String]) -> Result<Vec<LogicalId>, QueryError> {
        self.each(values, "no id", LogicalId::parse)
    }

    fn dates(&self, values: &[String]) -> Result<Vec<super::condition::DateTest>, QueryError> {
        let reason = "wanted: a date or date-time, perhaps with eq, ne, gt, lt, ge, le, sa, eb or \
                      ap before it";
        self.each(values, reason, date_test)
    }

    fn measures(
        &self,
        values: &[String],
        unit: bool,
    ) -> Result<Vec<super::condition::MeasureTest>, QueryError> {
        let reason = if unit {
            "wanted: number, number|system|code or number||code, perhaps with a prefix"
        } else {
            "wanted: a number, perhaps with a prefix"
        };
        self.each(values, reason, |value| measure_test(value, unit))
    }

    fn token(&self, modifier: Option<&str>, values: &[String]) -> Result<Condition, QueryError> {
        let bare = self.by.definition.bare_code();
        match modifier {
            None => self.tokens(values, bare),
            Some("not") => Ok(Condition::Not(Box::new(self.tokens(values, bare)?))),
            Some("text") => Ok(self.look(Look::Display(self.beginnings(values)?))),
            Some("of-type") => self.of_type(values),
            Some(_) => Err(QueryError::Modifier(self.by.definition.code())),
        }
    }

    fn tokens(&self, values: &[String], bare: bool) -> Result<Condition, QueryError> {
        let reason = "wanted: code, system|code, |code or system|";
        let mut hashes = Vec::new();
        let mut systems = Vec::new();
        for value in self.each(values, reason, |value| token(value, bare))? {
            match value {
                Token::Hash(hash) => hashes.push(hash),
                Token::System(system) => systems.push(system),
            }
        }
        let mut any = Vec::new();
        if !hashes.is_empty() {
            any.push(Rows::of(self.by, Test::Token(hashes)));
        }
        if !systems.is_empty() {
            any.push(self.look(Look::System(systems)));
        }
        Ok(one_or_any(any))
    }

    fn of_type(&self, values: &[String]) -> Result<Condition, QueryError> {
        let read = |value: &str| match &*split(value, '|') {
            [system, code, value] if !code.is_empty() && !value.is_empty() => {
                Some(TypedIdentifier {
                    kind: hash_coded(&unescaped(system), &unescaped(code)),
                    value: unescaped(value),
                })
            }
            _ => None,
        };
        let typed = self.each(values, "wanted: system|code|value", read)?;
        let values = typed.iter().map(|one| hash_code(&one.value)).collect();
        Ok(Condition::All(vec![
            Rows::of(self.by, Test::Token(values)),
            self.look(Look::OfType(typed)),
        ]))
    }

    fn beginnings(&self, values: &[String]) -> Result<Vec<String>, QueryError> {
        self.each(values, NO_TEXT, text)
    }

    fn string(&self, modifier: Option<&str>, values: &[String]) -> Result<Condition, QueryError> {
        let beginning = || self.beginnings(values).map(Test::Beginning);
        let whole = || self.each(values, NO_TEXT, whole_text);
        match modifier {
            None => {
                let (rows, whole) = (Rows::of(self.by, beginning()?), whole()?);
                // What is longer than the index keeps is looked at whole.
                let longer = whole.iter().any(|text| text.chars().count() > LONGEST);
                let look = longer.then(|| self.look(Look::Beginning(whole)));
                Ok(all_of(rows, look))
            }
            Some("contains") => {
                let parts = whole()?;
                let rows = Rows::of(self.by, Test::Containing(parts.clone()));
                Ok(all_of(rows, Some(self.look(Look::Containing(parts)))))
            }
            Some("exact") => {
                let exact = values.iter().map(|value| unescaped(value)).collect();
                let mut all = vec![self.look(Look::Exactly(exact))];
                // A text of punctuation alone has no row.
                all.extend(beginning().ok().map(|test| Rows::of(self.by, test)));
                Ok(Condition::All(all))
            }
            Some(_) => Err(QueryError::Modifier(self.by.definition.code())),
        }
    }

    fn uri(&self, modifier: Option<&str>, values: &[String]) -> Result<Condition, QueryError> {
        let uris = || values.iter().map(|value| unescaped(value));
        match modifier {
            None => {
                let hashes = uris().map(|uri| hash_code(&uri)).collect();
                Ok(Rows::of(self.by, Test::Token(hashes)))
            }
            Some("below") => Ok(self.look(Look::Below(uris().collect()))),
            Some("above") => Ok(self.look(Look::Above(uris().collect()))),
            Some(_) => Err(QueryError::Modifier(self.by.definition.code())),
        }
    }

    /// `code$value`: the rows of each component, then the components of one element together.
    fn composite(&self, values: &[String]) -> Result<Condition, QueryError> {
        let reason = "wanted: one value for each component, with $ between them";
        let mut any = Vec::new();
        let mut together = Vec::new();
        for value in values {
            let parts = split(value, '$');
            let definitions = self.by.definition.components();
            if parts.len() != definitions.len() || parts.iter().any(String::is_empty) {
                return Err(self.wrong(reason));
            }
            let mut rows = Vec::new();
            let mut components = Vec::new();
            for ((place, part), definition) in parts.iter().enumerate().zip(definitions) {
                let bare = definition.element_types() == ["code"];
                let test = component_test(definition.kind(), bare, part)
                    .ok_or_else(|| self.wrong("a component's value cannot be read"))?;
                if let Some(by) = self.indexed(definition.url()) {
                    rows.push(Rows::of(by, test.clone()));
                }
                components.push(Component { place, test });
            }
            together.push(components);
            any.push(Condition::All(rows));
        }
        Ok(Condition::All(vec![
            one_or_any(any),
            self.look(Look::Together(together)),
        ]))
    }

    /// The parameter whose rows a component's values are among.
    fn indexed(&self, url: &str) -> Option<&'static Parameter> {
        let kind = self.kind.parameters().iter();
        kind.filter(|by| matches!(by.role, Role::Indexed | Role::SameAs | Role::Together(_)))
            .find(|by| by.definition.url() == url)
    }
}

fn component_test(kind: ParameterType, bare: bool, value: &str) -> Option<Test> {
    Some(match kind {
        ParameterType::Token => match token(value, bare)? {
            Token::Hash(hash) => Test::Token(vec![hash]),
            Token::System(_) => return None,
        },
        ParameterType::Date => Test::Date(vec![date_test(value)?]),
        ParameterType::String => Test::Beginning(vec![text(value)?]),
        ParameterType::Number => Test::Measure(vec![measure_test(value, false)?]),
        ParameterType::Quantity => Test::Measure(vec![measure_test(value, true)?]),
        ParameterType::Uri => Test::Token(vec![hash_code(&unescaped(value))]),
        ParameterType::Reference => match Address::parse(&unescaped(value)) {
            Some(address) => Test::Target(vec![address]),
            None => Test::Token(vec![hash_code(&unescaped(value))]),
        },
        ParameterType::Composite | ParameterType::Special => return None,
    })
}

/// Rows, and a look at what they lead to if there must be one.
fn all_of(rows: Condition, look: Option<Condition>) -> Condition {
    match look {
        Some(look) => Condition::All(vec![rows, look]),
        None => rows,
    }
}

pub(super) fn one_or_any(mut any: Vec<Condition>) -> Condition {
    match any.pop() {
        Some(only) if any.is_empty() => only,
        Some(last) => {
            any.push(last);
            Condition::Any(any)
        }
        None => Condition::Any(any),
    }
}
