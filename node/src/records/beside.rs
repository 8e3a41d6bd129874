//! What stands beside the matches of a page: what they refer to, and what refers to them.
//!
//! Each is judged by the same permit as a match: what may not be shown is not there.

use std::collections::HashSet;

use fhir_search_parameters::ParameterType;

use super::query::condition::{Condition, Rows, Test};
use super::query::{Include, SearchQuery};
use super::search::{Reach, Search};
use super::strict::strict;
use super::types::{Parameter, Role};
use super::values::{self, Target};
use super::{Address, Entry, Records, RecordsError, permitted, store, within_reach};
use crate::database::Rid;

/// The most resources beside the matches of one page.
const MOST_INCLUDED: usize = 1_000;
/// How often `:iterate` goes on.
const MOST_STEPS: usize = 8;

/// What was found beside a page.
#[derive(Debug, Default)]
pub(super) struct Beside {
    pub(super) entries: Vec<Entry>,
    /// There was more than one page may carry.
    pub(super) cut: bool,
}

impl Records {
    /// Everything that a page's includes ask for.
    pub(super) async fn beside(
        &self,
        reach: &impl Reach,
        matches: &[Entry],
        includes: &[Include],
    ) -> Result<Beside, RecordsError> {
        let mut known: HashSet<Address> = matches.iter().map(|one| one.address.clone()).collect();
        let mut found = Beside::default();
        let mut from: Vec<Entry> = matches.to_vec();
        for step in 0..MOST_STEPS {
            let mut new = Vec::new();
            for include in includes.iter().filter(|one| step == 0 || one.iterate) {
                let more = if include.reverse {
                    self.referring(reach, &from, include).await?
                } else {
                    self.referred(reach, &from, include, &known).await?
                };
                for entry in more {
                    if known.len() >= matches.len().saturating_add(MOST_INCLUDED) {
                        found.cut = true;
                    } else if known.insert(entry.address.clone()) {
                        new.push(entry);
                    }
                }
            }
            if new.is_empty() || found.cut {
                found.entries.extend(new);
                break;
            }
            found.entries.extend(new.iter().cloned());
            from = new;
        }
        Ok(found)
    }

    /// What these refer to.
    async fn referred(
        &self,
        reach: &impl Reach,
        from: &[Entry],
        include: &Include,
        known: &HashSet<Address>,
    ) -> Result<Vec<Entry>, RecordsError> {
        let mut wanted = Vec::new();
        for entry in from.iter().filter(|one| one.address.kind == include.from) {
            for target in targets(entry, include) {
                if !known.contains(&target) && !wanted.contains(&target) {
                    wanted.push(target);
                }
            }
        }
        let stored = self
            .database
            .read(move |connection| {
                let mut found = Vec::new();
                for address in wanted.iter().take(MOST_INCLUDED.saturating_add(1)) {
                    found.extend(store::read(connection, address)?);
                }
                Ok::<_, RecordsError>(found)
            })
            .await?;
        let shown = stored.into_iter().filter_map(|stored| {
            let charted = within_reach(reach, Rid(stored.patient)).is_ok();
            let living = charted && !stored.deleted;
            let entry = Entry::of_stored(stored, &self.own).filter(|_| living)?;
            permitted(reach, entry).ok()
        });
        Ok(shown.collect())
    }

    /// What refers to these.
    async fn referring(
        &self,
        reach: &impl Reach,
        to: &[Entry],
        include: &Include,
    ) -> Result<Vec<Entry>, RecordsError> {
        let addresses: Vec<Address> = to
            .iter()
            .map(|entry| entry.address.clone())
            .filter(|address| include.to.is_none_or(|kind| kind == address.kind))
            .collect();
        let mut found = Vec::new();
        for by in references(include) {
            let Some(condition) = referring_to(by, &addresses) else {
                continue;
            };
            let mut query = SearchQuery::of_everything(include.from);
            query.conditions.push(condition);
            let search = Search::resumed(query, MOST_INCLUDED, reach, None);
            found.extend(self.run(search, reach).await?.0);
        }
        Ok(found)
    }
}

fn references(include: &Include) -> impl Iterator<Item = &'static Parameter> {
    let all = include.from.parameters().iter();
    let one = include.by;
    // `*` is every reference that FHIR and JP Core define.
    let every =
        all.filter(move |by| one.is_none() && by.definition.kind() == ParameterType::Reference);
    one.into_iter().chain(every)
}

fn referring_to(by: &'static Parameter, addresses: &[Address]) -> Option<Condition> {
    let (patients, others): (Vec<&Address>, Vec<&Address>) = addresses
        .iter()
        .partition(|address| by.role == Role::Chart && address.kind.name() == "Patient");
    let mut any = Vec::new();
    if !patients.is_empty() {
        let ids = patients.into_iter().map(|address| address.id.clone());
        any.push(Condition::Chart(ids.collect()));
    }
    if !others.is_empty() {
        let others = others.into_iter().cloned().collect();
        any.push(Rows::of(by, Test::Target(others)));
    }
    match any.pop() {
        Some(only) if any.is_empty() => Some(only),
        Some(last) => {
            any.push(last);
            Some(Condition::Any(any))
        }
        None => None,
    }
}

/// Where the references of an entry lead.
fn targets(entry: &Entry, include: &Include) -> Vec<Address> {
    let mut found = Vec::new();
    let Ok(value) = strict(&entry.raw) else {
        return found;
    };
    for by in references(include) {
        by.definition.elements(&value, &mut |element| {
            if let Some(Target::Here(target)) = values::target(element.value)
                && include.to.is_none_or(|kind| kind == target.kind)
            {
                found.push(target);
            }
        });
    }
    found
}
