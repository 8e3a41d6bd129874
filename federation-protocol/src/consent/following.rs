//! Whether a token still follows from the person's directives: exactly, over every resource that
//! there could be.
//!
//! Rules look at a resource through its category, its labels, where its date lies between the edges
//! of their periods, and which of the things that they name it is or belongs to. So there are only
//! so many kinds of resources that any rule can tell apart, and one of each is asked about.

use std::collections::BTreeSet;

use crate::category::{Category, Scope};
use crate::label::Labels;
use crate::time::Timestamp;

use super::decision::bar;
use super::{
    Context, Criteria, DataMeaning, Directive, LabelTerms, Period, ProvisionType, Residual,
    ResourceFacts, Span, decide,
};

/// Kinds of resources that are asked about at most. Beyond it the token ends: what cannot be
/// checked is not let out.
const MOST_CASES: usize = 1 << 17;
/// Moments in a token's life at which a period begins or ends, looked at at most.
const MOST_MOMENTS: usize = 64;
/// Sets of named things are all tried up to so many; of each there are two to that power.
const MOST_NAMED: usize = 12;

/// What a token lets out that the directives do not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// A resource of this kind, from this moment on.
    Of {
        /// When, within the token's life.
        at: Timestamp,
        /// The resource: an example.
        facts: Box<ResourceFacts>,
    },
    /// The rules tell more kinds of resources apart than can be asked about.
    Unknown,
}

/// The first thing found that a token (`scope` and `residual`) lets out to `context` while the
/// directives `home` do not, between `context.at` and the token's end `until`; `None` when the
/// token follows from them in everything.
///
/// Source: CONSENT section 3; PROTOCOL section 6.
#[must_use]
pub fn first_loss(
    scope: Scope,
    residual: &Residual,
    home: &[Directive],
    context: &Context,
    until: Timestamp,
) -> Option<Loss> {
    let mut context = context.clone();
    for _ in 0..MOST_MOMENTS {
        let Some(kinds) = Kinds::told_apart(scope, residual, home, &context) else {
            return Some(Loss::Unknown);
        };
        let lost = kinds.find(|facts| {
            bar(context.purpose, facts).is_none()
                && residual.permits(facts)
                && !decide(home, &[], &context, facts)
        });
        if let Some(facts) = lost {
            let facts = Box::new(facts);
            return Some(Loss::Of {
                at: context.at,
                facts,
            });
        }
        let changes = home.iter().filter_map(|one| one.changes_after(context.at));
        match changes.min() {
            Some(next) if next < until => context.at = next,
            _nothing_changes => return None,
        }
    }
    Some(Loss::Unknown)
}

/// One of each kind of resource that some rules tell apart, element by element.
struct Kinds {
    categories: Vec<Category>,
    labels: Vec<Labels>,
    dates: Vec<Option<Span>>,
    ids: Vec<String>,
    related: Vec<Vec<String>>,
    authors: Vec<Vec<String>>,
}

impl Kinds {
    fn told_apart(
        scope: Scope,
        residual: &Residual,
        home: &[Directive],
        context: &Context,
    ) -> Option<Self> {
        let provisions = home
            .iter()
            .filter(|one| one.is_in_force(context.at))
            .flat_map(Directive::provisions)
            .filter(|one| one.speaks_of(context))
            .map(|one| &one.criteria);
        let criteria: Vec<&Criteria> = residual.criteria().chain(provisions).collect();
        let kinds = Self {
            categories: scope.iter().collect(),
            labels: labels(&criteria),
            dates: dates(&criteria),
            ids: ids(&criteria),
            related: sets(&criteria, DataMeaning::Related)?,
            authors: sets(&criteria, DataMeaning::Authoredby)?,
        };
        kinds.count().filter(|count| *count <= MOST_CASES)?;
        Some(kinds)
    }

    fn count(&self) -> Option<usize> {
        self.categories
            .len()
            .checked_mul(self.labels.len())?
            .checked_mul(self.dates.len())?
            .checked_mul(self.ids.len())?
            .checked_mul(self.related.len())?
            .checked_mul(self.authors.len())
    }

    fn find(&self, wanted: impl Fn(&ResourceFacts) -> bool) -> Option<ResourceFacts> {
        for id in &self.ids {
            for related in &self.related {
                for authors in &self.authors {
                    let named = ResourceFacts {
                        id: id.clone(),
                        category: Category::Other,
                        labels: Labels::NONE,
                        date: None,
                        authors: authors.clone(),
                        related: related.clone(),
                    };
                    let found = self.find_named(named, &wanted);
                    if found.is_some() {
                        return found;
                    }
                }
            }
        }
        None
    }

    fn find_named(
        &self,
        mut facts: ResourceFacts,
        wanted: impl Fn(&ResourceFacts) -> bool,
    ) -> Option<ResourceFacts> {
        for category in &self.categories {
            for labels in &self.labels {
                for date in &self.dates {
                    facts.category = *category;
                    facts.labels = *labels;
                    facts.date = *date;
                    if wanted(&facts) {
                        return Some(facts);
                    }
                }
            }
        }
        None
    }
}

/// One of each set of labels that the rules tell apart. Those without NOPAT come first, so that one
/// stands for both where no rule looks at it.
fn labels(criteria: &[&Criteria]) -> Vec<Labels> {
    let terms: Vec<LabelTerms> = criteria.iter().filter_map(|one| one.labels).collect();
    let mut seen = BTreeSet::new();
    let distinct = (0..64).map(Labels::from_bits).filter(|labels| {
        let matches = terms.iter().map(|it| {
            let by = |kind| it.matches(kind, *labels);
            (by(ProvisionType::Permit), by(ProvisionType::Deny))
        });
        seen.insert(matches.collect::<Vec<_>>())
    });
    distinct.collect()
}

/// No date, and one of each stretch that the rules tell apart.
fn dates(criteria: &[&Criteria]) -> Vec<Option<Span>> {
    let periods: Vec<&Period> = criteria
        .iter()
        .filter_map(|one| one.data_period.as_ref())
        .collect();
    let edges: BTreeSet<Timestamp> = periods.iter().flat_map(|one| one.edges()).collect();
    let Some(first) = edges.first() else {
        return vec![None];
    };
    let before = Timestamp::from_micros(first.micros().saturating_sub(1));
    let points: Vec<Timestamp> = std::iter::once(before)
        .chain(edges.iter().copied())
        .collect();
    let spans = points.iter().enumerate().flat_map(|(at, first)| {
        let lasts = points.iter().skip(at);
        lasts.map(|last| Span::new(*first, *last))
    });
    let mut seen = BTreeSet::new();
    let distinct = spans.filter(|span: &Span| {
        let inside = periods.iter().map(|it| (it.covers(*span), it.meets(*span)));
        seen.insert(inside.collect::<Vec<_>>())
    });
    std::iter::once(None).chain(distinct.map(Some)).collect()
}

/// An id that nothing names, and one of each set of rules that name one.
fn ids(criteria: &[&Criteria]) -> Vec<String> {
    let itself = [DataMeaning::Instance, DataMeaning::Related];
    let mut ids = vec![String::new()];
    ids.extend(one_of_each(criteria, &itself));
    ids
}

/// Every set of the things that rules name with this meaning.
fn sets(criteria: &[&Criteria], meaning: DataMeaning) -> Option<Vec<Vec<String>>> {
    let named = one_of_each(criteria, &[meaning]);
    if named.len() > MOST_NAMED {
        return None;
    }
    let mut sets = vec![Vec::new()];
    for one in named {
        let with: Vec<Vec<String>> = sets
            .iter()
            .map(|set| [set.as_slice(), std::slice::from_ref(&one)].concat())
            .collect();
        sets.extend(with);
    }
    Some(sets)
}

/// Of the references with these meanings, one for each set of rules that name it: others that the
/// same rules name say nothing more.
fn one_of_each(criteria: &[&Criteria], meanings: &[DataMeaning]) -> Vec<String> {
    let named = |one: &Criteria| -> BTreeSet<String> {
        let data = one.data.iter().filter(|it| meanings.contains(&it.meaning));
        data.map(|it| it.reference.clone()).collect()
    };
    let by_rule: Vec<BTreeSet<String>> = criteria.iter().map(|one| named(one)).collect();
    let all: BTreeSet<&String> = by_rule.iter().flatten().collect();
    let mut seen = BTreeSet::new();
    let distinct = all.into_iter().filter(|reference| {
        let rules: Vec<bool> = by_rule.iter().map(|it| it.contains(*reference)).collect();
        seen.insert(rules)
    });
    distinct.cloned().collect()
}
