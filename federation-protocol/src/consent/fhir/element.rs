//! Elements of a FHIR resource, each with its path: read by what they must be, never by guessing.

use serde_json::{Map, Value};

use crate::consent::{ConsentError, FhirTime, Period};

use super::Parsed;

/// A list longer than this is nobody's decision.
const LONGEST_LIST: usize = 64;
const LONGEST_TEXT: usize = 256;

/// An element and where it stands.
pub(super) struct At<'v> {
    pub(super) path: String,
    pub(super) value: &'v Value,
}

/// The members of an object, all of them known.
pub(super) struct Fields<'a, 'v> {
    pub(super) at: &'a At<'v>,
    pub(super) map: &'v Map<String, Value>,
}

impl<'v> Fields<'_, 'v> {
    pub(super) fn get(&self, name: &str) -> Option<At<'v>> {
        let value = self.map.get(name)?;
        Some(At {
            path: format!("{}.{name}", self.at.path),
            value,
        })
    }

    pub(super) fn need(&self, name: &str) -> Parsed<At<'v>> {
        let path = || format!("{}.{name}", self.at.path);
        self.get(name).ok_or_else(|| ConsentError {
            path: path(),
            problem: "is missing".into(),
        })
    }

    pub(super) fn each<T>(
        &self,
        name: &str,
        read: impl Fn(&At<'v>) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        self.get(name).map_or(Ok(Vec::new()), |list| {
            list.list()?.iter().map(read).collect()
        })
    }
}

impl<'v> At<'v> {
    pub(super) fn wrong(&self, problem: &str) -> ConsentError {
        ConsentError {
            path: self.path.clone(),
            problem: problem.to_owned(),
        }
    }

    pub(super) fn object(&self, known: &[&str]) -> Parsed<Fields<'_, 'v>> {
        let map = self
            .value
            .as_object()
            .ok_or_else(|| self.wrong("expected an object"))?;
        match map.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(self.wrong(&format!("the element {name:?} is not understood here"))),
            None => Ok(Fields { at: self, map }),
        }
    }

    pub(super) fn list(&self) -> Parsed<Vec<At<'v>>> {
        match self.value.as_array() {
            Some(items) if (1..=LONGEST_LIST).contains(&items.len()) => Ok(items
                .iter()
                .enumerate()
                .map(|(at, value)| At {
                    path: format!("{}[{at}]", self.path),
                    value,
                })
                .collect()),
            _ => Err(self.wrong("expected a list of 1 to 64 elements")),
        }
    }

    pub(super) fn text(&self) -> Parsed<&'v str> {
        match self.value.as_str() {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(self.wrong("expected a text that is not empty")),
        }
    }

    pub(super) fn is(&self, expected: &str) -> Parsed<()> {
        if self.text()? == expected {
            Ok(())
        } else {
            Err(self.wrong(&format!("expected {expected}")))
        }
    }

    pub(super) fn coding(&self) -> Parsed<(&'v str, &'v str)> {
        let fields =
            self.object(&["id", "system", "version", "code", "display", "userSelected"])?;
        Ok((fields.need("system")?.text()?, fields.need("code")?.text()?))
    }

    /// A CodeableConcept that has this coding.
    pub(super) fn concept(&self, system: &str, code: &str) -> Parsed<()> {
        for coding in self
            .object(&["id", "coding", "text"])?
            .need("coding")?
            .list()?
        {
            if coding.coding()? == (system, code) {
                return Ok(());
            }
        }
        Err(self.wrong(&format!("expected {code} of {system}")))
    }

    /// What a Reference names: its literal reference, or the value of its identifier.
    pub(super) fn target(&self) -> Parsed<&'v str> {
        let fields = self.object(&["id", "reference", "type", "identifier", "display"])?;
        let named = match (fields.get("reference"), fields.get("identifier")) {
            (Some(literal), None) => literal,
            (None, Some(identifier)) => identifier
                .object(&["use", "type", "system", "value"])?
                .need("value")?,
            _ => return Err(self.wrong("expected either a reference or an identifier")),
        };
        let target = named.text()?;
        if target.len() > LONGEST_TEXT {
            return Err(named.wrong("is too long"));
        }
        Ok(target)
    }

    /// A Reference to one of these types, by its `type` or its literal reference.
    pub(super) fn reference(&self, types: &[&str]) -> Parsed<&'v str> {
        let target = self.target()?;
        let fields = self.object(&["id", "reference", "type", "identifier", "display"])?;
        let named = match fields.get("type") {
            Some(kind) => kind.text()?,
            None => target.split('/').rev().nth(1).unwrap_or_default(),
        };
        if types.contains(&named) {
            Ok(target)
        } else {
            Err(self.wrong(&format!("expected a reference to {}", types.join(" or "))))
        }
    }

    pub(super) fn period(&self) -> Parsed<Period> {
        let fields = self.object(&["start", "end"])?;
        let end = |name| {
            let Some(at) = fields.get(name) else {
                return Ok(None);
            };
            let time = FhirTime::parse(at.text()?);
            time.map(Some).map_err(|error| at.wrong(&error.to_string()))
        };
        let period = Period {
            start: end("start")?,
            end: end("end")?,
        };
        if period.is_odd() {
            return Err(self.wrong("expected a start or an end, and the end not before the start"));
        }
        Ok(period)
    }
}
