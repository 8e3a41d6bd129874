//! Links of a search from one resource to another (chains and `_has`), followed where the database
//! must not do it alone: the permit hides something, or the resource itself must be looked at.

use super::query::SearchQuery;
use super::query::condition::{Chain, Condition, Has, Rows, Test};
use super::reads::Reads;
use super::search::{Reach, Search};
use super::sorted::Place;
use super::types::Parameter;
use super::{Entry, Records, RecordsError, ResourceType};

/// The most resources that one link may lead to where each must be judged.
const MOST_LINKED: usize = 1_024;
impl Records {
    /// Where the permit hides anything, a link is followed only to and from what it shows: a search
    /// must not tell by its matches what a read would not. What they led through is added to
    /// `through`.
    pub(super) async fn links_followed(
        &self,
        reads: &mut impl Reads,
        reach: &impl Reach,
        mut query: SearchQuery,
        through: &mut Vec<Place>,
    ) -> Result<SearchQuery, RecordsError> {
        let in_memory = |one: &Condition| one.follows_links() && one.needs_a_look();
        let every = !reach.sees_everything();
        for condition in &mut query.conditions {
            if condition.follows_links() && (every || in_memory(condition)) {
                let kind = query.kind;
                *condition = self
                    .link_followed(reads, reach, kind, condition.clone(), through)
                    .await?;
            }
        }
        Ok(query)
    }

    async fn link_followed(
        &self,
        reads: &mut impl Reads,
        reach: &impl Reach,
        searched: ResourceType,
        condition: Condition,
        through: &mut Vec<Place>,
    ) -> Result<Condition, RecordsError> {
        match condition {
            Condition::Chain(Chain { by, to }) => {
                let mut any = Vec::new();
                for (kind, inner) in to {
                    let found = self
                        .all_matching(reads, reach, kind, inner, through)
                        .await?;
                    any.extend(leading_to(by, found));
                }
                Ok(Condition::Any(any))
            }
            Condition::Has(Has {
                kind, by, inner, ..
            }) => {
                let found = self
                    .all_matching(reads, reach, kind, *inner, through)
                    .await?;
                let mut ids = Vec::new();
                for entry in found {
                    ids.extend(entry.leads_to(by, searched));
                }
                Ok(Condition::Id(ids))
            }
            // The parser makes no link within another condition. If it did, the database would follow
            // it past the permit.
            other if other.follows_links() && !reach.sees_everything() => {
                Err(RecordsError::TooWide)
            }
            other => Ok(other),
        }
    }

    /// Every permitted match of a link's inner condition.
    async fn all_matching(
        &self,
        reads: &mut impl Reads,
        reach: &impl Reach,
        kind: ResourceType,
        inner: Condition,
        through: &mut Vec<Place>,
    ) -> Result<Vec<Entry>, RecordsError> {
        let mut query = SearchQuery::of_everything(kind);
        query.conditions.push(inner);
        // A link within a link.
        let query = Box::pin(self.links_followed(reads, reach, query, through)).await?;
        let search = Search::resumed(query, MOST_LINKED, reach, None);
        let found = self.run(reads, search, reach).await?;
        if found.next.is_some() {
            return Err(RecordsError::TooWide);
        }
        through.extend(found.entries.iter().map(Place::of));
        Ok(found.entries)
    }
}

/// A reference to one of these, by a parameter.
fn leading_to(by: &'static Parameter, found: Vec<Entry>) -> Vec<Condition> {
    let charts = |entry: &Entry| by.is_told_by_the_chart(entry.address.kind);
    let (patients, others): (Vec<Entry>, Vec<Entry>) = found.into_iter().partition(charts);
    let mut any = Vec::new();
    if !patients.is_empty() {
        let ids = patients.into_iter().map(|entry| entry.address.id);
        any.push(Condition::Chart(ids.collect()));
    }
    if !others.is_empty() {
        let targets = others.into_iter().map(|entry| entry.address);
        any.push(Rows::of(by, Test::Target(targets.collect())));
    }
    any
}
