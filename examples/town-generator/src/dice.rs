//! Chance that can be told again: every number here follows from a key.
//!
//! ChaCha with eight rounds (crate `chacha20`), keyed with (seed, topic, whom, where): its output is
//! fixed by the algorithm, the same on every machine and in every version, and two keys have
//! nothing to do with each other, so that any patient can be made without those before.
//! Never asks the operating system for randomness.

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng as _, SeedableRng as _};

/// What the dice are thrown for: a new question never changes the answers to the others.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Topic {
    Hospital,
    Person,
    Illness,
    Course,
    Chart,
}

impl Topic {
    const fn key(self) -> u64 {
        match self {
            Self::Hospital => 1,
            Self::Person => 2,
            Self::Illness => 3,
            Self::Course => 4,
            Self::Chart => 5,
        }
    }
}

/// A row of choices that is never empty.
#[derive(Debug)]
pub(crate) struct Choice<T: 'static>(pub(crate) T, pub(crate) &'static [T]);

pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// The dice of one question of the town with this seed, about `whom` and, if it matters, `place`.
    pub(crate) fn of(seed: u64, topic: Topic, whom: u64, place: u64) -> Self {
        let mut key = [0; 32];
        let parts = [seed, topic.key(), whom, place];
        for (slot, part) in key.chunks_exact_mut(8).zip(parts) {
            slot.copy_from_slice(&part.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(key))
    }

    /// A number from 0 up to, not including, `limit`.
    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        let scaled = u64::from(self.0.next_u32()) * u64::from(limit);
        u32::try_from(scaled >> 32).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: i32, high: i32) -> i32 {
        let width = high.abs_diff(low).saturating_add(1);
        low.saturating_add_unsigned(self.below(width))
    }

    /// True in `permille` of a thousand cases.
    pub(crate) fn chance(&mut self, permille: u32) -> bool {
        self.below(1000) < permille
    }

    pub(crate) fn pick<T>(&mut self, from: &'static Choice<T>) -> &'static T {
        let Choice(first, others) = from;
        let count = u32::try_from(others.len()).unwrap_or(0);
        let chosen = usize::try_from(self.below(count.saturating_add(1))).unwrap_or(0);
        chosen
            .checked_sub(1)
            .and_then(|index| others.get(index))
            .unwrap_or(first)
    }

    /// At least 0, less than 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        f64::from(self.0.next_u32()) / 4_294_967_296.0
    }

    /// About a bell curve around 0 with deviation 1, never beyond 3.5: four throws added, because
    /// sums are the same on every machine and logarithms are not.
    pub(crate) fn bell(&mut self) -> f64 {
        let thrown: f64 = (0..4).map(|_| self.fraction()).sum();
        (thrown - 2.0) * 1.732
    }

    /// A number around `middle`, with this deviation.
    pub(crate) fn around(&mut self, middle: f64, deviation: f64) -> f64 {
        middle + deviation * self.bell()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    #[test]
    fn the_algorithm_is_pinned() {
        let mut dice = Dice::of(7, Topic::Person, 1, 0);
        let thrown: Vec<u32> = (0..4).map(|_| dice.below(1_000_000)).collect();
        assert_eq!(thrown, PINNED);
    }

    const PINNED: [u32; 4] = [923_183, 223_728, 893_254, 19_854];

    #[test]
    fn each_part_of_the_key_changes_the_throw() {
        let keys = [(7, 1, 0), (8, 1, 0), (7, 2, 0), (7, 1, 1)];
        let mut thrown: Vec<u32> = keys
            .map(|(seed, whom, place)| {
                Dice::of(seed, Topic::Chart, whom, place).below(1_000_000_000)
            })
            .to_vec();
        thrown.push(Dice::of(7, Topic::Course, 1, 0).below(1_000_000_000));
        thrown.sort_unstable();
        thrown.dedup();
        assert_eq!(thrown.len(), 5);
    }

    #[test]
    fn throws_stay_within_their_bounds_and_reach_them() {
        static LETTERS: Choice<char> = Choice('a', &['b', 'c']);
        let mut dice = Dice::of(1, Topic::Chart, 1, 1);
        let numbers: Vec<i32> = (0..500).map(|_| dice.between(-2, 2)).collect();
        assert_eq!(*numbers.iter().min().unwrap(), -2);
        assert_eq!(*numbers.iter().max().unwrap(), 2);
        let letters: String = (0..200).map(|_| dice.pick(&LETTERS)).collect();
        assert!(
            ['a', 'b', 'c']
                .iter()
                .all(|letter| letters.contains(*letter))
        );
        assert!((0..500).all(|_| dice.bell().abs() < 3.5));
    }
}
