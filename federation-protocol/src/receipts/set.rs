//! One end's receipts of one day.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::{
    BUCKETS, DEEPEST, Day, MOST_ITEMS, Prefix, Receipt, ReceiptsQuestion, ReceiptsReply, SetDigest,
    place,
};
use crate::digest::from_field;
use crate::signature::ExchangeId;

/// So many receipts of one day are held; a day with more is not compared.
pub const MOST_RECEIPTS: usize = 1_000_000;

/// What one end holds of a day's exchanges with one other.
#[derive(Clone, Debug)]
pub struct ReceiptSet {
    day: Day,
    held: BTreeMap<(ExchangeId, [u8; 32]), Held>,
}

#[derive(Copy, Clone, Debug)]
struct Held {
    place: [u8; DEEPEST],
    open: bool,
}

impl ReceiptSet {
    /// Nothing yet.
    #[must_use]
    pub const fn new(day: Day) -> Self {
        Self {
            day,
            held: BTreeMap::new(),
        }
    }

    /// The day.
    #[must_use]
    pub const fn day(&self) -> Day {
        self.day
    }

    /// How many receipts there are, open ones too.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Adds what is held of an exchange; `digest` is its request's `Content-Digest`. A retry has the
    /// id of the first attempt: settled is what either settled. What is none of this day, or no
    /// digest, is not added: it is missing.
    pub fn add(&mut self, exchange: ExchangeId, digest: &str, open: bool) {
        let Some(digest) = from_field("sha-256", digest.as_bytes()) else {
            return;
        };
        if !self.day.has(exchange) {
            return;
        }
        let held = self.held.entry((exchange, digest));
        held.and_modify(|held| held.open &= open).or_insert(Held {
            place: place(exchange),
            open,
        });
    }

    /// The receipts below a prefix, ascending.
    pub(super) fn below(&self, prefix: &Prefix) -> impl Iterator<Item = Receipt> {
        self.at(prefix).map(|(receipt, _)| receipt)
    }

    fn at(&self, prefix: &Prefix) -> impl Iterator<Item = (Receipt, [u8; DEEPEST])> {
        let held = self.held.iter();
        let below = held.filter(|(_, held)| held.place.starts_with(prefix.bytes()));
        below.map(|((exchange, digest), held)| {
            let receipt = Receipt {
                exchange: *exchange,
                digest: *digest,
                open: held.open,
            };
            (receipt, held.place)
        })
    }

    /// How many are settled below a prefix, and their digest.
    #[must_use]
    pub fn settled(&self, prefix: &Prefix) -> (u64, SetDigest) {
        let mut sum = Sum::default();
        self.below(prefix).for_each(|receipt| sum.add(&receipt));
        sum.end()
    }

    /// The digests of the buckets below a prefix; empty below the deepest.
    pub(super) fn buckets(&self, prefix: &Prefix) -> Vec<SetDigest> {
        if prefix.is_deepest() {
            return Vec::new();
        }
        let mut sums = vec![Sum::default(); BUCKETS];
        for (receipt, place) in self.at(prefix) {
            let next = place.get(prefix.len()).copied().unwrap_or_default();
            if let Some(sum) = sums.get_mut(usize::from(next)) {
                sum.add(&receipt);
            }
        }
        sums.into_iter().map(|sum| sum.end().1).collect()
    }

    /// The reply to a question about this set's day: each receipt where they are few, else buckets.
    #[must_use]
    pub fn reply(&self, question: &ReceiptsQuestion) -> ReceiptsReply {
        let prefix = &question.prefix;
        let (count, digest) = self.settled(prefix);
        let first: Vec<Receipt> = self.below(prefix).take(MOST_ITEMS + 1).collect();
        let are_few = first.len() <= MOST_ITEMS || prefix.is_deepest();
        let items = first.into_iter().take(MOST_ITEMS).collect();
        ReceiptsReply {
            day: question.day,
            prefix: prefix.clone(),
            count,
            digest,
            items: are_few.then_some(items),
            buckets: (!are_few).then(|| self.buckets(prefix)),
        }
    }
}

/// Count and digest of the settled among `items`.
pub(super) fn of_items(items: &[Receipt]) -> (u64, SetDigest) {
    let mut sum = Sum::default();
    items.iter().for_each(|item| sum.add(item));
    sum.end()
}

#[derive(Clone, Default)]
struct Sum {
    count: u64,
    hash: Sha256,
}

impl Sum {
    fn add(&mut self, receipt: &Receipt) {
        if receipt.open {
            return;
        }
        self.count = self.count.saturating_add(1);
        self.hash.update(receipt.exchange.to_bytes());
        self.hash.update(receipt.digest);
    }

    fn end(self) -> (u64, SetDigest) {
        (self.count, SetDigest(self.hash.finalize().into()))
    }
}
