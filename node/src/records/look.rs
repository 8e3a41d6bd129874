//! Conditions judged on the resource itself: what the index does not tell, and versions that are no
//! longer in it.

use std::borrow::Cow;

use fhir_validation::system::canonical;
use serde_json::Value;

use super::date::{Span, UNDATED};
use super::extract::Extracted;
use super::fold::{folded, folded_whole, is_full};
use super::query::condition::{
    Chain, Comparison, Component, Condition, DateTest, Has, Look, MeasureTest, Rows, Test,
    TypedIdentifier, Unit, Verify,
};
use super::store::{self, Plan, Stored};
use super::strict::strict;
use super::system::hash_coded;
use super::types::{Parameter, Role};
use super::values::{self, Measure, Target};
use super::{Address, ResourceType};
use crate::database::{DatabaseError, HospitalConnection};

/// How many resources that refer to one are looked at before it counts as not found.
const MOST_LOOKED_AT: usize = 1_024;

/// A resource under judgement.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    pub(super) address: &'a Address,
    pub(super) rid: i64,
    /// The row of the patient whose chart it is in; 0 in none.
    pub(super) chart: i64,
    pub(super) value: &'a Value,
    pub(super) extracted: &'a Extracted,
    /// When this version was written, microseconds.
    pub(super) at: i64,
}

impl Subject<'_> {
    /// Whether it satisfies a condition.
    pub(super) fn satisfies(
        &self,
        connection: &mut HospitalConnection,
        condition: &Condition,
    ) -> Result<bool, DatabaseError> {
        Ok(match condition {
            Condition::Id(ids) => ids.contains(&self.address.id),
            Condition::Chart(patients) => self
                .patient()
                .is_some_and(|patient| patients.contains(&patient.id)),
            Condition::Updated(tests) => {
                let moment = Span {
                    lo: self.at,
                    hi: self.at,
                };
                tests.iter().any(|test| date_passes(test, moment))
            }
            Condition::When(tests) => {
                let when = self.extracted.when;
                tests.iter().any(|test| date_passes(test, when))
            }
            Condition::ChartRow(charts) => charts.contains(&self.chart),
            Condition::RowNumber(rids) => rids.contains(&self.rid),
            Condition::Row(Rows {
                slots,
                test: Test::TargetRow(targets),
                own,
                ..
            }) => self.refers_to_rows(connection, (slots, *own), targets)?,
            Condition::Row(rows) => self.has_row(rows),
            Condition::Not(inner) => !self.satisfies(connection, inner)?,
            Condition::Any(parts) => {
                for part in parts {
                    if self.satisfies(connection, part)? {
                        return Ok(true);
                    }
                }
                false
            }
            Condition::All(parts) => {
                for part in parts {
                    if !self.satisfies(connection, part)? {
                        return Ok(false);
                    }
                }
                true
            }
            Condition::Chain(chain) => self.follows(connection, chain)?,
            Condition::Has(has) => self.is_referred_to(connection, has)?,
            Condition::Verify(verify) => self.looks(verify),
        })
    }

    /// Whose chart it is in.
    fn patient(&self) -> Option<&Address> {
        if self.address.kind.name() == "Patient" {
            Some(self.address)
        } else {
            self.extracted.patient.as_ref()
        }
    }

    /// What its rows say; of the hospital's own parameter, what it reads.
    fn rows_of(&self, own: Option<&'static Parameter>) -> Cow<'_, Extracted> {
        match own {
            Some(by) => Cow::Owned(Extracted::by(&[by], self.value)),
            None => Cow::Borrowed(self.extracted),
        }
    }

    fn refers_to_rows(
        &self,
        connection: &mut HospitalConnection,
        (slots, own): (&[i16], Option<&'static Parameter>),
        targets: &[i64],
    ) -> Result<bool, DatabaseError> {
        let extracted = self.rows_of(own);
        for (_, target) in extracted
            .references
            .iter()
            .filter(|(slot, _)| slots.contains(slot))
        {
            let row = store::target_of(connection, target)?;
            if row.is_some_and(|row| targets.contains(&row)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn has_row(&self, rows: &Rows) -> bool {
        let of = |slot: &i16| rows.slots.contains(slot);
        let extracted = self.rows_of(rows.own);
        match &rows.test {
            Test::Token(hashes) => extracted
                .tokens
                .iter()
                .any(|(slot, hash)| of(slot) && hashes.contains(hash)),
            Test::Date(tests) => extracted
                .dates
                .iter()
                .any(|(slot, span)| of(slot) && tests.iter().any(|test| date_passes(test, *span))),
            Test::Beginning(texts) => extracted
                .texts
                .iter()
                .any(|(slot, text)| of(slot) && begins(text, texts)),
            Test::Containing(texts) => extracted
                .texts
                .iter()
                .any(|(slot, text)| of(slot) && (is_full(text) || contains(text, texts))),
            Test::Measure(tests) => extracted.measures.iter().any(|(slot, measure)| {
                of(slot) && tests.iter().any(|test| measure_passes(test, measure))
            }),
            Test::Target(targets) => extracted
                .references
                .iter()
                .any(|(slot, target)| of(slot) && targets.contains(target)),
            Test::TargetRow(_) => false,
        }
    }

    fn follows(
        &self,
        connection: &mut HospitalConnection,
        chain: &Chain,
    ) -> Result<bool, DatabaseError> {
        let slot = chain.by.slot;
        let extracted = self.rows_of((slot < 0).then_some(chain.by));
        let referred = extracted.references.iter();
        let mut targets: Vec<&Address> = referred
            .filter(|(of, _)| *of == slot)
            .map(|(_, target)| target)
            .collect();
        if chain.by.role == Role::Chart {
            targets.extend(&self.extracted.patient);
        }
        for (kind, inner) in &chain.to {
            for target in targets.iter().filter(|target| target.kind == *kind) {
                let stored = store::read(connection, target)?.filter(|stored| !stored.deleted);
                if let Some(stored) = stored
                    && stored_satisfies(connection, &stored, inner)?
                {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn is_referred_to(
        &self,
        connection: &mut HospitalConnection,
        has: &Has,
    ) -> Result<bool, DatabaseError> {
        let link = if has.by.is_told_by_the_chart(self.address.kind) {
            Condition::Chart(vec![self.address.id.clone()])
        } else {
            Rows::of(has.by, Test::Target(vec![self.address.clone()]))
        };
        let conditions = [link, (*has.inner).clone()];
        let Some(plan) = Plan::of(connection, has.kind, &conditions, None, None)? else {
            return Ok(false);
        };
        let found = store::candidates(connection, &plan, None, MOST_LOOKED_AT)?;
        if !has.inner.needs_a_look() {
            return Ok(!found.is_empty());
        }
        for stored in found {
            if stored_satisfies(connection, &stored, &has.inner)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn looks(&self, verify: &Verify) -> bool {
        let by = verify.by;
        match &verify.look {
            Look::Missing(missing) => *missing != any(by, self.value, |_| true),
            Look::Exactly(texts) => any(by, self.value, |value| {
                let mut found = false;
                values::texts(value, &mut |text| {
                    found |= texts.iter().any(|wanted| wanted == text);
                });
                found
            }),
            Look::Beginning(texts) => any_text(by, self.value, |text| begins(text, texts)),
            Look::Containing(texts) => any_text(by, self.value, |text| contains(text, texts)),
            Look::Display(texts) => any(by, self.value, |value| displays(value, texts)),
            Look::OfType(wanted) => any(by, self.value, |value| is_of_type(value, wanted)),
            Look::Identifier(hashes) => any(by, self.value, |value| {
                let mut found = false;
                if let Some(identifier) = value.get("identifier") {
                    values::token_hashes(identifier, &mut |hash| found |= hashes.contains(&hash));
                }
                found
            }),
            Look::System(systems) => any(by, self.value, |value| {
                let mut found = false;
                values::tokens(value, &mut |system, _code| {
                    let system = system.map(canonical);
                    found |= systems
                        .iter()
                        .any(|wanted| system == Some(canonical(wanted)));
                });
                found
            }),
            Look::Below(uris) => any(by, self.value, |value| {
                let uri = value.as_str().unwrap_or_default();
                uris.iter().any(|wanted| uri.starts_with(wanted.as_str()))
            }),
            Look::Above(uris) => any(by, self.value, |value| {
                let uri = value.as_str().filter(|uri| !uri.is_empty());
                uri.is_some_and(|uri| uris.iter().any(|wanted| wanted.starts_with(uri)))
            }),
            Look::Together(alternatives) => self.has_together(by, alternatives),
        }
    }

    /// Whether the components of one element pass all tests of one alternative.
    fn has_together(&self, by: &Parameter, alternatives: &[Vec<Component>]) -> bool {
        let components = by.definition.components();
        let mut found = false;
        by.definition.elements(self.value, &mut |base| {
            let passes = |part: &Component| {
                let mut passed = false;
                if let Some(component) = components.get(part.place) {
                    component.elements(base, self.value, &mut |element| {
                        passed |= value_passes(&part.test, element.value);
                    });
                }
                passed
            };
            found |= alternatives.iter().any(|parts| parts.iter().all(passes));
        });
        found
    }
}

/// Whether a stored resource, as it is now, satisfies a condition.
pub(super) fn stored_satisfies(
    connection: &mut HospitalConnection,
    stored: &Stored,
    condition: &Condition,
) -> Result<bool, DatabaseError> {
    let address = ResourceType::coded(stored.kind).zip(super::LogicalId::parse(&stored.id));
    let (Some((kind, id)), Ok(value)) = (address, strict(&stored.raw)) else {
        return Ok(false);
    };
    let address = Address { kind, id };
    let subject = Subject {
        address: &address,
        rid: stored.rid,
        chart: stored.patient,
        value: &value,
        extracted: &super::extract::extract(kind, &value),
        at: stored.at,
    };
    subject.satisfies(connection, condition)
}

fn any(by: &Parameter, resource: &Value, passes: impl Fn(&Value) -> bool) -> bool {
    let mut found = false;
    by.definition.elements(resource, &mut |element| {
        found |= passes(element.value);
    });
    found
}

/// Whether a text of the parameter, folded, passes.
fn any_text(by: &Parameter, resource: &Value, passes: impl Fn(&str) -> bool) -> bool {
    any(by, resource, |value| {
        let mut found = false;
        values::texts(value, &mut |text| found |= passes(&folded_whole(text)));
        found
    })
}

fn contains(text: &str, parts: &[String]) -> bool {
    parts.iter().any(|part| text.contains(part.as_str()))
}

fn begins(text: &str, beginnings: &[String]) -> bool {
    beginnings
        .iter()
        .any(|wanted| text.starts_with(wanted.as_str()))
}

/// The texts that people read of a CodeableConcept, Coding or Identifier.
fn displays(value: &Value, beginnings: &[String]) -> bool {
    let own = ["/text", "/display", "/type/text"]
        .into_iter()
        .filter_map(|place| value.pointer(place));
    let codings = value.get("coding").and_then(Value::as_array);
    let of_codings = codings
        .into_iter()
        .flatten()
        .filter_map(|coding| coding.get("display"));
    own.chain(of_codings)
        .filter_map(Value::as_str)
        .any(|text| begins(&folded(text), beginnings))
}

fn is_of_type(identifier: &Value, wanted: &[TypedIdentifier]) -> bool {
    let value = identifier.get("value").and_then(Value::as_str);
    let mut kinds = Vec::new();
    if let Some(kind) = identifier.get("type") {
        values::tokens(kind, &mut |system, code| {
            kinds.push(hash_coded(system.unwrap_or_default(), code));
        });
    }
    wanted
        .iter()
        .any(|one| value == Some(one.value.as_str()) && kinds.contains(&one.kind))
}

/// One element against the test of a component.
fn value_passes(test: &Test, value: &Value) -> bool {
    match test {
        Test::Token(hashes) => {
            let mut found = value
                .as_str()
                .is_some_and(|text| hashes.contains(&super::system::hash_code(text)));
            values::token_hashes(value, &mut |hash| found |= hashes.contains(&hash));
            found
        }
        Test::Date(tests) => {
            values::span(value).is_some_and(|span| tests.iter().any(|test| date_passes(test, span)))
        }
        Test::Beginning(texts) => {
            let mut found = false;
            values::texts(value, &mut |text| found |= begins(&folded(text), texts));
            found
        }
        Test::Measure(tests) => Measure::of(value)
            .is_some_and(|measure| tests.iter().any(|test| measure_passes(test, &measure))),
        Test::Target(targets) => {
            matches!(values::target(value), Some(Target::Here(target)) if targets.contains(&target))
        }
        Test::Containing(_) | Test::TargetRow(_) => false,
    }
}

fn date_passes(test: &DateTest, span: Span) -> bool {
    span.lo > UNDATED && compared(test.how, (span.lo, span.hi), (test.span.lo, test.span.hi))
}

fn measure_passes(test: &MeasureTest, measure: &Measure) -> bool {
    let edges = test.edges();
    let in_unit = match test.unit {
        Unit::Any => true,
        Unit::Coded(hash) => measure.coded == hash,
        Unit::Named(hash) => measure.code == hash || measure.unit == hash,
    };
    in_unit && compared(test.how, (measure.stretch.lo, measure.stretch.hi), edges)
}

/// One comparison of two stretches.
fn compared(how: Comparison, (lo, hi): (i64, i64), (least, greatest): (i64, i64)) -> bool {
    match how {
        Comparison::Equal => lo >= least && hi <= greatest,
        Comparison::NotEqual => lo < least || hi > greatest,
        Comparison::Approximately => lo <= greatest && hi >= least,
        Comparison::Greater => hi > greatest,
        Comparison::Less => lo < least,
        Comparison::GreaterOrEqual => hi >= least,
        Comparison::LessOrEqual => lo <= greatest,
        Comparison::StartsAfter => lo > greatest,
        Comparison::EndsBefore => hi < least,
    }
}
