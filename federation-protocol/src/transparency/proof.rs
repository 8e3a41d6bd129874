//! Judging proofs: who verifies has roots and sizes, and nothing of the tree.

use super::hash::{TreeHash, node_hash};

/// Why a proof proves nothing.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf lies outside the tree, or the old tree is the larger or empty.
    #[error("the sizes do not fit each other")]
    Size,
    /// More or fewer hashes than such a proof has.
    #[error("the proof has too many or too few hashes")]
    Length,
    /// What the proof leads to is another root.
    #[error("the proof leads to another root")]
    Root,
}

/// Checks that `leaf` is leaf `index` of the tree of `size` leaves with this root.
///
/// # Errors
/// [`ProofError`].
///
/// Source: RFC 9162 section 2.1.3.2.
pub fn verify_inclusion(
    leaf: &TreeHash,
    index: u64,
    size: u64,
    proof: &[TreeHash],
    root: &TreeHash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Size);
    }
    let mut at = Walk::from(index, size);
    let mut hash = *leaf;
    for sibling in proof {
        hash = match at.step()? {
            Side::Left => node_hash(sibling, &hash),
            Side::Right => node_hash(&hash, sibling),
        };
    }
    at.is_at_the_root()?;
    fits(&hash, root)
}

/// Checks that the tree of `old` leaves is the beginning of the tree of `new` leaves. Two trees of
/// one size are consistent when their roots are the same and the proof is empty.
///
/// # Errors
/// [`ProofError`]; `Size` also for `old` 0 with a larger `new`: an empty tree begins every tree, and
/// whoever wants that proved has asked the wrong question.
///
/// Source: RFC 9162 section 2.1.4.2.
pub fn verify_consistency(
    old: u64,
    new: u64,
    proof: &[TreeHash],
    old_root: &TreeHash,
    new_root: &TreeHash,
) -> Result<(), ProofError> {
    if old == new {
        return match proof {
            [] if old == 0 => fits(old_root, &TreeHash::of_nothing())
                .and_then(|()| fits(new_root, &TreeHash::of_nothing())),
            [] => fits(old_root, new_root),
            _ => Err(ProofError::Length),
        };
    }
    if old == 0 || old > new {
        return Err(ProofError::Size);
    }
    let (seed, rest) = if old.is_power_of_two() {
        (old_root, proof)
    } else {
        proof.split_first().ok_or(ProofError::Length)?
    };
    let mut at = Walk::from(old - 1, new);
    at.skip_complete();
    let (mut old_hash, mut new_hash) = (*seed, *seed);
    for hash in rest {
        match at.step()? {
            Side::Left => {
                old_hash = node_hash(hash, &old_hash);
                new_hash = node_hash(hash, &new_hash);
            }
            Side::Right => new_hash = node_hash(&new_hash, hash),
        }
    }
    at.is_at_the_root()?;
    fits(&old_hash, old_root)?;
    fits(&new_hash, new_root)
}

fn fits(computed: &TreeHash, root: &TreeHash) -> Result<(), ProofError> {
    if computed == root {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

/// On which side of the path the next hash of a proof stands.
enum Side {
    Left,
    Right,
}

/// The way from a node up to the root: `fn` and `sn` of the RFC.
struct Walk {
    node: u64,
    last: u64,
}

impl Walk {
    const fn from(index: u64, size: u64) -> Self {
        Self {
            node: index,
            last: size - 1,
        }
    }

    fn up(&mut self) {
        self.node >>= 1;
        self.last >>= 1;
    }

    /// Up past every level where the node is the right child of a complete subtree.
    fn skip_complete(&mut self) {
        while self.node & 1 == 1 {
            self.up();
        }
    }

    fn step(&mut self) -> Result<Side, ProofError> {
        if self.last == 0 {
            return Err(ProofError::Length);
        }
        let side = if self.node & 1 == 1 || self.node == self.last {
            while self.node & 1 == 0 && self.node != 0 {
                self.up();
            }
            Side::Left
        } else {
            Side::Right
        };
        self.up();
        Ok(side)
    }

    const fn is_at_the_root(&self) -> Result<(), ProofError> {
        if self.last == 0 {
            Ok(())
        } else {
            Err(ProofError::Length)
        }
    }
}
