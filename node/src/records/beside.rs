//! What stands beside the matches of a page: what they refer to, and what refers to them.
//!
//! Each is judged by the same permit as a match: what may not be shown is not there.

use std::collections::HashSet;

use fhir_search_parameters::ParameterType;

use super::query::condition::{Condition, Rows, Test};
use super::query::{Include, SearchQuery};
use super::reads::Reads;
use super::search::{Reach, Search};
use super::strict::strict;
use super::types::Parameter;
use super::values::{self, Target};
use super::{Address, Entry, Records, RecordsError, is_listed, permitted, store, within_reach};
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
    /// What of the chart stood there and was not permitted.
    pub(super) withheld: usize,
}

impl Records {
    /// Everything that a page's includes ask for.
    pub(super) async fn beside(
        &self,
        reads: &mut impl Reads,
        reach: &impl Reach,
        matches: &[Entry],
        includes: &[Include],
    ) -> Result<Beside, RecordsError> {
        let mut known: HashSet<Address> = matches.iter().map(|one| one.address.clone()).collect();
        let mut found = Beside::default();
        let mut from: Vec<Entry> = matches.to_vec();
        for step in 0..=MOST_STEPS {
            let mut new = Vec::new();
            for include in includes.iter().filter(|one| step == 0 || one.iterate) {
                let more = if include.reverse {
                    self.referring(reads, reach, &from, include).await?
                } else {
                    self.referred(reads, reach, &from, include, &known).await?
                };
                found.cut |= more.cut;
                found.withheld = found.withheld.saturating_add(more.withheld);
                for entry in more.entries {
                    if known.len() >= matches.len().saturating_add(MOST_INCLUDED) {
                        found.cut = true;
                    } else if known.insert(entry.address.clone()) {
                        new.push(entry);
                    }
                }
            }
            // Looked for once more than is shown, to tell whether there is more.
            if step == MOST_STEPS && !new.is_empty() {
                found.cut = true;
                break;
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
        reads: &mut impl Reads,
        reach: &impl Reach,
        from: &[Entry],
        include: &Include,
        known: &HashSet<Address>,
    ) -> Result<Beside, RecordsError> {
        let mut found = Beside::default();
        let (mut seen, mut wanted) = (HashSet::new(), Vec::new());
        for entry in from.iter().filter(|one| one.address.kind == include.from) {
            let mut targets = targets(entry, include);
            targets.retain(|target| !known.contains(target) && seen.insert(target.clone()));
            wanted.extend(targets);
        }
        // Counted by what refers, there or not: the cut tells nothing of what is withheld.
        found.cut = wanted.len() > MOST_INCLUDED;
        wanted.truncate(MOST_INCLUDED);
        let stored = reads
            .read(move |connection| {
                let mut found = Vec::new();
                for address in &wanted {
                    found.extend(store::read(connection, address)?);
                }
                Ok(found)
            })
            .await?;
        for stored in stored {
            let charted = within_reach(reach, Rid(stored.patient)).is_ok();
            let living = charted && !stored.deleted;
            let Some(entry) = Entry::of_stored(stored, &self.own).filter(|_| living) else {
                continue;
            };
            let listed = is_listed(reach, &entry);
            match permitted(reach, entry) {
                Ok(entry) => found.entries.push(entry),
                Err(_) if listed => found.withheld = found.withheld.saturating_add(1),
                Err(_) => {}
            }
        }
        Ok(found)
    }

    /// What refers to these.
    async fn referring(
        &self,
        reads: &mut impl Reads,
        reach: &impl Reach,
        to: &[Entry],
        include: &Include,
    ) -> Result<Beside, RecordsError> {
        let addresses: Vec<Address> = to
            .iter()
            .map(|entry| entry.address.clone())
            .filter(|address| include.to.is_none_or(|kind| kind == address.kind))
            .collect();
        let mut found = Beside::default();
        for by in references(include) {
            let Some(condition) = referring_to(by, &addresses) else {
                continue;
            };
            let mut query = SearchQuery::of_everything(include.from);
            query.conditions.push(condition);
            let search = Search::resumed(query, MOST_INCLUDED, reach, None);
            let some = self.run(reads, search, reach).await?;
            found.entries.extend(some.entries);
            found.cut |= some.next.is_some();
            found.withheld = found.withheld.saturating_add(some.withheld);
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
        .partition(|address| by.is_told_by_the_chart(address.kind));
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
