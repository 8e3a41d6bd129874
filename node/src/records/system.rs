//! One name for each code system: JP Core 1.1.2 spells many as OIDs, 1.2.0 as URLs.
//!
//! Used for the index and for the query, never for what is stored.

use fhir_validation::system::canonical;
use sha2::{Digest, Sha256};

/// 64 bits that stand for `system|code` in the index.
pub(super) fn hash_coded(system: &str, code: &str) -> i64 {
    hash(&[b"s", canonical(system).as_bytes(), code.as_bytes()])
}

/// 64 bits that stand for `code` in whatever system.
pub(super) fn hash_code(code: &str) -> i64 {
    hash(&[b"c", code.as_bytes()])
}

/// 64 bits of SHA-256 over the parts and their lengths.
pub(super) fn hash(parts: &[&[u8]]) -> i64 {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        digest.update(part);
    }
    let digest = digest.finalize();
    digest
        .first_chunk::<8>()
        .map_or(0, |first| i64::from_be_bytes(*first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_one_system() {
        assert_eq!(
            hash_coded("urn:oid:1.2.392.200119.4.504", "3D0460000"),
            hash_coded(
                "http://medis.or.jp/CodeSystem/master-JLAC10-17digits",
                "3D0460000"
            ),
        );
        assert_eq!(canonical("urn:oid:1.2.3"), "urn:oid:1.2.3");
        assert_ne!(hash_coded("a", "b"), hash_coded("a", "c"));
        assert_ne!(hash_coded("", "b"), hash_code("b"));
        assert_ne!(hash(&[b"a", b"bc"]), hash(&[b"ab", b"c"]));
    }
}
