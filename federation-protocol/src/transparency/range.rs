//! The right edge of a growing tree: all that is needed to append.

use super::hash::{TreeHash, node_hash};

/// The tree of the first `size` leaves, as the hashes of its largest complete subtrees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompactRange {
    size: u64,
    /// From the left: one for each set bit of `size`, the highest first.
    hashes: Vec<TreeHash>,
}

/// The number of hashes does not fit the size.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the hashes are not those of a tree of this size")]
pub struct RangeError;

impl CompactRange {
    /// The edge that was kept: one hash for each set bit of `size`, the largest subtree first.
    ///
    /// # Errors
    /// [`RangeError`]: more or fewer.
    pub fn of(size: u64, hashes: Vec<TreeHash>) -> Result<Self, RangeError> {
        if u32::try_from(hashes.len()) == Ok(size.count_ones()) {
            Ok(Self { size, hashes })
        } else {
            Err(RangeError)
        }
    }

    /// How many leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Which complete subtrees the edge of a tree of `size` leaves is made of, as level and index:
    /// what [`CompactRange::of`] wants, in that order.
    pub fn subtrees(size: u64) -> impl Iterator<Item = (u32, u64)> {
        (0..u64::BITS)
            .rev()
            .filter(move |level| size >> level & 1 == 1)
            .map(move |level| (level, (size >> level) - 1))
    }

    /// Appends a leaf. `completed` is told each subtree that is complete with it, as level, index
    /// and hash, the leaf itself (level 0) first.
    pub fn append(&mut self, leaf: TreeHash, mut completed: impl FnMut(u32, u64, TreeHash)) {
        let (mut level, mut index, mut hash) = (0_u32, self.size, leaf);
        completed(level, index, hash);
        while index & 1 == 1
            && let Some(left) = self.hashes.pop()
        {
            hash = node_hash(&left, &hash);
            level += 1;
            index >>= 1;
            completed(level, index, hash);
        }
        self.hashes.push(hash);
        self.size += 1;
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> TreeHash {
        let mut edge = self.hashes.iter().rev();
        match edge.next() {
            None => TreeHash::of_nothing(),
            Some(last) => edge.fold(*last, |right, left| node_hash(left, &right)),
        }
    }
}
