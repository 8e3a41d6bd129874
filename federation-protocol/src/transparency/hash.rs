//! Hashes of leaves and inner nodes.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// Keeps a leaf from passing as a node.
const LEAF: [u8; 1] = [0];
/// Keeps a node from passing as a leaf.
const NODE: [u8; 1] = [1];

/// A SHA-256 in the tree; as text base64 (RFC 4648 section 4), as C2SP writes it.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeHash([u8; 32]);

/// The text is not 32 bytes in canonical base64.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 32 bytes in base64")]
pub struct HashError;

impl TreeHash {
    /// The root of the tree without leaves.
    ///
    /// Source: RFC 9162 section 2.1.1.
    #[must_use]
    pub fn of_nothing() -> Self {
        Self(Sha256::digest([]).into())
    }

    /// A hash that was computed before.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The hash of a leaf.
///
/// Source: RFC 9162 section 2.1.1.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> TreeHash {
    let hash = Sha256::new().chain_update(LEAF).chain_update(entry);
    TreeHash(hash.finalize().into())
}

/// The hash of the node above two subtrees.
///
/// Source: RFC 9162 section 2.1.1.
#[must_use]
pub fn node_hash(left: &TreeHash, right: &TreeHash) -> TreeHash {
    let hash = Sha256::new()
        .chain_update(NODE)
        .chain_update(left.0)
        .chain_update(right.0);
    TreeHash(hash.finalize().into())
}

impl fmt::Display for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for TreeHash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        let mut bytes = [0_u8; 32];
        match STANDARD.decode_slice(text, &mut bytes) {
            Ok(32) => Ok(Self(bytes)),
            _ => Err(HashError),
        }
    }
}
