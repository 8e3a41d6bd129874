//! Roots and proofs, from the hashes of complete subtrees wherever they are kept.

use super::hash::{TreeHash, node_hash};

/// Where the hashes of complete subtrees come from: memory, or a table.
pub trait Nodes {
    /// Why a hash could not be had.
    type Error: From<MissingNode>;

    /// The hash over the 2^`level` leaves that begin with leaf `index` × 2^`level`.
    ///
    /// # Errors
    /// It cannot be had.
    fn node(&mut self, level: u32, index: u64) -> Result<TreeHash, Self::Error>;
}

/// A hash was asked for that lies outside the tree.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the tree has no complete subtree {index} at level {level}")]
pub struct MissingNode {
    /// Which level: 0 are the leaves.
    pub level: u32,
    /// Which of that level, from the left.
    pub index: u64,
}

/// All leaves in memory; inner nodes are computed.
impl Nodes for &[TreeHash] {
    type Error = MissingNode;

    fn node(&mut self, level: u32, index: u64) -> Result<TreeHash, MissingNode> {
        if level == 0 {
            let leaf = usize::try_from(index)
                .ok()
                .and_then(|index| self.get(index));
            return leaf.copied().ok_or(MissingNode { level, index });
        }
        let left = index.checked_mul(2).ok_or(MissingNode { level, index })?;
        let below = level.saturating_sub(1);
        let (one, other) = (self.node(below, left)?, self.node(below, left | 1)?);
        Ok(node_hash(&one, &other))
    }
}

/// The root of the first `size` leaves.
///
/// # Errors
/// A hash could not be had.
///
/// Source: RFC 9162 section 2.1.1.
pub fn root<N: Nodes>(nodes: &mut N, size: u64) -> Result<TreeHash, N::Error> {
    if size == 0 {
        return Ok(TreeHash::of_nothing());
    }
    subtree(nodes, 0, size)
}

/// The proof that leaf `index` stands in the tree of `size` leaves.
///
/// # Errors
/// There is no such leaf, or a hash could not be had.
///
/// Source: RFC 9162 section 2.1.3.1.
pub fn inclusion_proof<N: Nodes>(
    nodes: &mut N,
    index: u64,
    size: u64,
) -> Result<Vec<TreeHash>, N::Error> {
    if index >= size {
        return Err(MissingNode { level: 0, index }.into());
    }
    let (mut start, mut end) = (0, size);
    // From the root down; the proof is told from the leaf up.
    let mut siblings = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            siblings.push(subtree(nodes, middle, end)?);
            end = middle;
        } else {
            siblings.push(subtree(nodes, start, middle)?);
            start = middle;
        }
    }
    siblings.reverse();
    Ok(siblings)
}

/// The proof that the tree of `old` leaves is the beginning of that of `new`. Empty when `old` is
/// 0 or `new`: there is nothing to prove.
///
/// # Errors
/// `old` is the larger, or a hash could not be had.
///
/// Source: RFC 9162 section 2.1.4.1.
pub fn consistency_proof<N: Nodes>(
    nodes: &mut N,
    old: u64,
    new: u64,
) -> Result<Vec<TreeHash>, N::Error> {
    if old > new {
        let (level, index) = (0, old.saturating_sub(1));
        return Err(MissingNode { level, index }.into());
    }
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let (mut start, mut end) = (0, new);
    let mut hashes = Vec::new();
    // Down to the subtree that ends where the old tree ended.
    while end != old {
        let middle = start + split(end - start);
        if old <= middle {
            hashes.push(subtree(nodes, middle, end)?);
            end = middle;
        } else {
            hashes.push(subtree(nodes, start, middle)?);
            start = middle;
        }
    }
    // The old tree itself is known to whoever verifies.
    if start != 0 {
        hashes.push(subtree(nodes, start, end)?);
    }
    hashes.reverse();
    Ok(hashes)
}

/// The hash over leaves `start..end`; `start` is a multiple of a power of two that is not smaller
/// than the range.
fn subtree<N: Nodes>(nodes: &mut N, start: u64, end: u64) -> Result<TreeHash, N::Error> {
    let length = end - start;
    if length.is_power_of_two() {
        let level = length.trailing_zeros();
        return nodes.node(level, start >> level);
    }
    let middle = start + split(length);
    let (left, right) = (subtree(nodes, start, middle)?, subtree(nodes, middle, end)?);
    Ok(node_hash(&left, &right))
}

/// The largest power of two below `length`, which is at least 2.
const fn split(length: u64) -> u64 {
    1 << (63 - (length - 1).leading_zeros())
}
