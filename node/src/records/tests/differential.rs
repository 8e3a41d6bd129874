//! Thousands of random searches: both databases find the same, and what a reading of the JSON by
//! other code finds. Another seed each time; `MUSUBI_SEARCH_SEED` asks one again.

#![allow(
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a seed is shown and asked for"
)]

mod asks;
mod naive;
mod town;

use std::collections::BTreeSet;

use proptest::strategy::{Strategy, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;
use crate::database::testing::on_each_async;
use asks::{Ask, KINDS};
use town::Known;

const SEARCHES: usize = 1_500;

pub(super) fn sample<S: Strategy>(runner: &mut TestRunner, strategy: &S) -> S::Value {
    strategy.new_tree(runner).unwrap().current()
}

/// Draws from one seed.
struct Draw(TestRunner);

impl Draw {
    fn of(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        Self(TestRunner::new_with_rng(Config::default(), rng))
    }

    /// Below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        sample(&mut self.0, &(0..bound))
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn chance(&mut self, of_ten: usize) -> bool {
        self.below(10) < of_ten
    }
}

/// One search.
struct Search {
    kind: &'static str,
    asks: Vec<Ask>,
    count: usize,
    sort: Option<&'static str>,
    beside: Option<&'static str>,
}

impl Search {
    fn draw(draw: &mut Draw) -> Self {
        let kind = KINDS[draw.one(&[0, 0, 0, 1, 1, 2, 3, 4, 5])];
        let asks = (0..=draw.below(3)).map(|_| asks::ask(draw, kind)).collect();
        let sorts = [
            "_id",
            "-_id",
            "_lastUpdated",
            "-_lastUpdated",
            asks::date_of(kind),
        ];
        let beside = asks::beside(kind);
        Self {
            kind,
            asks,
            count: draw.one(&[1, 2, 3, 5, 8, 50, 1_000]),
            sort: draw.chance(3).then(|| draw.one(&sorts)),
            beside: (draw.chance(3) && !beside.is_empty()).then(|| draw.one(beside)),
        }
    }

    fn pairs(&self) -> Vec<(String, String)> {
        let asked = self.asks.iter();
        let mut pairs: Vec<_> = asked
            .map(|ask| (ask.name.clone(), ask.value.clone()))
            .collect();
        pairs.push(("_count".to_owned(), self.count.to_string()));
        pairs.extend(self.sort.map(|sort| ("_sort".to_owned(), sort.to_owned())));
        let beside = self.beside.and_then(|beside| beside.split_once('='));
        pairs.extend(beside.map(|(name, value)| (name.to_owned(), value.to_owned())));
        pairs
    }

    /// What is meant.
    fn expected<'t>(&self, town: &'t [Known]) -> Vec<&'t Known> {
        let of_kind = town
            .iter()
            .filter(|one| one.value["resourceType"] == self.kind);
        of_kind
            .filter(|one| self.asks.iter().all(|ask| (ask.means)(one, town)))
            .collect()
    }
}

/// All pages of a search: the ids in order, and of each page its ids with what stands beside it.
async fn pages(house: &House, search: &Search) -> (Vec<String>, Vec<(Vec<String>, Vec<String>)>) {
    let pairs = search.pairs();
    let (mut all, mut pages, mut cursor) = (Vec::new(), Vec::new(), None::<String>);
    loop {
        let mut asked: Vec<(&str, &str)> = pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        asked.extend(cursor.as_deref().map(|cursor| ("_cursor", cursor)));
        let page = house.page(search.kind, &asked).await;
        let page = page.unwrap_or_else(|error| panic!("{} {pairs:?}: {error}", search.kind));
        assert!(page.entries.len() <= search.count, "{pairs:?}");
        let ids: Vec<_> = page
            .entries
            .iter()
            .map(|one| one.address.id.to_string())
            .collect();
        let beside = page.included.iter().map(|one| one.address.to_string());
        all.extend(ids.iter().cloned());
        pages.push((ids, beside.collect()));
        match page.next {
            Some(next) => cursor = Some(next),
            None => return (all, pages),
        }
    }
}

/// Whether these are in the order that was asked for, seen from the JSON.
fn is_in_order(search: &Search, sort: &str, ids: &[String], town: &[Known]) {
    let (name, descending) = match sort.strip_prefix('-') {
        Some(name) => (name, true),
        None => (sort, false),
    };
    let key = |id: &String| {
        let one = town.iter().find(|one| one.is(search.kind, id)).unwrap();
        match name {
            "_id" => (0, 0, id.clone()),
            "_lastUpdated" => (0, one.at, String::new()),
            _ => match naive::date_of(search.kind, &one.value) {
                // The chart's own order goes by where a stretch begins.
                Some((lo, _)) if name == "date" => (0, lo, String::new()),
                Some((lo, hi)) => (0, if descending { hi } else { lo }, String::new()),
                None => (1, 0, String::new()),
            },
        }
    };
    for pair in ids.windows(2) {
        let (one, other) = (key(&pair[0]), key(&pair[1]));
        let good = if descending {
            one.0 < other.0 || (one.0 == other.0 && (&other.1, &other.2) <= (&one.1, &one.2))
        } else {
            one <= other
        };
        assert!(good, "{} {:?}: {pair:?}", search.kind, search.pairs());
    }
}

#[tokio::test]
async fn random_searches_find_on_each_database_what_a_naive_reading_finds() {
    let asked = std::env::var("MUSUBI_SEARCH_SEED").ok();
    let seed = asked.map_or_else(
        || {
            let mut bytes = [0; 8];
            getrandom::fill(&mut bytes).unwrap();
            u64::from_le_bytes(bytes)
        },
        |seed| seed.parse().unwrap(),
    );
    eprintln!("MUSUBI_SEARCH_SEED={seed}");
    let mut draw = Draw::of(seed);
    let town = town::draw(&mut draw);
    let searches: Vec<Search> = (0..SEARCHES).map(|_| Search::draw(&mut draw)).collect();
    let expected: Vec<_> = searches.iter().map(|one| one.expected(&town)).collect();
    let any = expected.iter().filter(|found| !found.is_empty()).count();
    assert!(any > SEARCHES / 5, "{any} searches find anything");
    on_each_async(async |database| {
        let house = House::open(database).await;
        for one in &town {
            house
                .clock
                .set(Timestamp::from_unix_seconds(one.at / 1_000_000));
            house.put(&one.value).await;
        }
        for (search, expected) in searches.iter().zip(&expected) {
            let (all, pages) = pages(&house, search).await;
            let found: BTreeSet<_> = all.iter().cloned().collect();
            let wanted: BTreeSet<_> = expected.iter().map(|one| one.id()).collect();
            let asked = search.pairs();
            assert_eq!(found, wanted, "{} {asked:?} seed {seed}", search.kind);
            assert_eq!(
                found.len(),
                all.len(),
                "{} {asked:?} seed {seed}",
                search.kind
            );
            if let Some(sort) = search.sort {
                is_in_order(search, sort, &all, &town);
            }
            for (ids, beside) in &pages {
                let beside: BTreeSet<_> = beside.iter().cloned().collect();
                let of = search
                    .beside
                    .map(|how| asks::stands_beside(how, search.kind, ids, &town));
                assert_eq!(
                    beside,
                    of.unwrap_or_default(),
                    "{} {asked:?} seed {seed}",
                    search.kind
                );
            }
        }
    })
    .await;
}
