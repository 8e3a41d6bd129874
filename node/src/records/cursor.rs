//! Where a page ended, sealed: a peer learns neither our row numbers nor how many rows it was not
//! shown, and cannot make a cursor of its own.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use federation_protocol::time::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use crate::database::DatabaseError;

/// How long a cursor can be used.
pub(super) const LIFE_SECONDS: i64 = 15 * 60;

/// No trail: the search follows no links.
pub(super) const NO_TRAIL: i64 = 0;

const NONCE: usize = 12;
const PLAIN: usize = 48;
const TAG: usize = 16;

/// The place behind the last entry of a page, and what the whole search is seen as of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) date: i64,
    pub(super) rid: i64,
    /// The newest commit that the first page saw.
    pub(super) txn: i64,
}

/// What a cursor holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) position: Position,
    /// Where the links are kept that the search goes on along; [`NO_TRAIL`] where it follows none.
    pub(super) trail: i64,
    /// The time that it was sealed under: the first page's, where it was handed on from page to page.
    pub(super) begun: Timestamp,
}

/// Why a cursor opens no page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// Not one of ours, or of another search.
    #[error("the cursor belongs to no such search")]
    Foreign,
    /// Older than 15 minutes. Cursors of before a restart of the node look foreign.
    #[error("the cursor has expired; search again from the first page")]
    Expired,
}

/// Seals cursors; made anew with each start of the node.
#[derive(Clone)]
pub(super) struct Seal {
    stream: [u8; 32],
    proof: [u8; 32],
}

impl Seal {
    pub(super) fn from_seed(seed: [u8; 32]) -> Self {
        let part = |name: &[u8]| {
            Sha256::new()
                .chain_update(seed)
                .chain_update(name)
                .finalize()
        };
        Self {
            stream: part(b"stream").into(),
            proof: part(b"proof").into(),
        }
    }

    /// [`Seal::seal`] under a fresh nonce, for a search that goes on along the links of a trail; of
    /// [`NO_TRAIL`] where it follows none.
    ///
    /// # Errors
    /// The machine gives no random numbers.
    pub(super) fn sealed(
        &self,
        position: Position,
        trail: i64,
        fingerprint: i64,
        now: Timestamp,
    ) -> Result<String, DatabaseError> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_no_entropy| DatabaseError::Closed)?;
        Ok(self.seal_on(position, trail, fingerprint, now, nonce))
    }

    /// A number that nobody guesses.
    ///
    /// # Errors
    /// The machine gives no random numbers.
    pub(super) fn random(&self) -> Result<i64, DatabaseError> {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).map_err(|_no_entropy| DatabaseError::Closed)?;
        Ok(i64::from_be_bytes(bytes))
    }

    pub(super) fn seal(
        &self,
        position: Position,
        fingerprint: i64,
        now: Timestamp,
        nonce: [u8; NONCE],
    ) -> String {
        self.seal_on(position, NO_TRAIL, fingerprint, now, nonce)
    }

    fn seal_on(
        &self,
        position: Position,
        trail: i64,
        fingerprint: i64,
        now: Timestamp,
        nonce: [u8; NONCE],
    ) -> String {
        let Position { date, rid, txn } = position;
        let numbers = [date, rid, txn, trail, fingerprint, now.unix_seconds()];
        let plain: Vec<u8> = numbers
            .iter()
            .flat_map(|number| number.to_be_bytes())
            .collect();
        let mut cursor = nonce.to_vec();
        cursor.extend(
            plain
                .iter()
                .zip(self.keystream(&nonce))
                .map(|(byte, key)| byte ^ key),
        );
        cursor.extend_from_slice(&self.tag(&cursor));
        URL_SAFE_NO_PAD.encode(cursor)
    }

    pub(super) fn open(
        &self,
        cursor: &str,
        fingerprint: i64,
        now: Timestamp,
    ) -> Result<Position, CursorError> {
        Ok(self.opened(cursor, fingerprint, now)?.position)
    }

    /// All that a cursor holds.
    pub(super) fn opened(
        &self,
        cursor: &str,
        fingerprint: i64,
        now: Timestamp,
    ) -> Result<Opened, CursorError> {
        let bytes = URL_SAFE_NO_PAD
            .decode(cursor)
            .map_err(|_not| CursorError::Foreign)?;
        let (body, tag) = bytes
            .len()
            .checked_sub(TAG)
            .and_then(|at| bytes.split_at_checked(at))
            .ok_or(CursorError::Foreign)?;
        if body.len() != NONCE + PLAIN || !bool::from(self.tag(body).ct_eq(tag)) {
            return Err(CursorError::Foreign);
        }
        let (nonce, sealed) = body.split_at_checked(NONCE).ok_or(CursorError::Foreign)?;
        let plain: Vec<u8> = sealed
            .iter()
            .zip(self.keystream(nonce))
            .map(|(byte, key)| byte ^ key)
            .collect();
        let numbers: Vec<i64> = plain
            .as_chunks::<8>()
            .0
            .iter()
            .map(|eight| i64::from_be_bytes(*eight))
            .collect();
        let &[date, rid, txn, trail, made_for, made_at] = numbers.as_slice() else {
            return Err(CursorError::Foreign);
        };
        if made_for != fingerprint {
            return Err(CursorError::Foreign);
        }
        let begun = Timestamp::from_unix_seconds(made_at);
        if now.seconds_since(begun) > LIFE_SECONDS {
            return Err(CursorError::Expired);
        }
        Ok(Opened {
            position: Position { date, rid, txn },
            trail,
            begun,
        })
    }

    /// As many bytes as a cursor has, by SHA-256 in counter mode.
    fn keystream(&self, nonce: &[u8]) -> Vec<u8> {
        (0..=1_u8)
            .flat_map(|block| {
                let digest = Sha256::new()
                    .chain_update(self.stream)
                    .chain_update(nonce)
                    .chain_update([block])
                    .finalize();
                <[u8; 32]>::from(digest)
            })
            .take(PLAIN)
            .collect()
    }

    /// A keyed digest; the length of what it covers is fixed, so nothing can be appended.
    fn tag(&self, body: &[u8]) -> [u8; TAG] {
        let digest: [u8; 32] = Sha256::new()
            .chain_update(self.proof)
            .chain_update(body)
            .finalize()
            .into();
        digest.first_chunk().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

    #[test]
    fn a_cursor_serves_its_own_search_for_a_quarter_of_an_hour() {
        let seal = Seal::from_seed([1; 32]);
        let position = Position {
            date: i64::MIN,
            rid: 7,
            txn: 9,
        };
        let cursor = seal.seal(position, 42, NOW, [5; NONCE]);
        assert_eq!(seal.open(&cursor, 42, NOW), Ok(position));
        assert_eq!(seal.open(&cursor, 43, NOW), Err(CursorError::Foreign));
        let late = NOW.plus_seconds(LIFE_SECONDS + 1);
        assert_eq!(seal.open(&cursor, 42, late), Err(CursorError::Expired));
        assert_eq!(
            Seal::from_seed([2; 32]).open(&cursor, 42, NOW),
            Err(CursorError::Foreign)
        );
    }

    proptest! {
        #[test]
        fn nothing_else_opens(text in any::<String>(), at in 0..76_usize, flip in 1..=255_u8) {
            let seal = Seal::from_seed([1; 32]);
            prop_assert!(seal.open(&text, 42, NOW).is_err());
            let position = Position { date: 1, rid: 7, txn: 9 };
            let cursor = seal.seal(position, 42, NOW, [5; NONCE]);
            let mut bytes = URL_SAFE_NO_PAD.decode(cursor).unwrap();
            *bytes.get_mut(at).unwrap() ^= flip;
            prop_assert!(seal.open(&URL_SAFE_NO_PAD.encode(bytes), 42, NOW).is_err());
        }
    }
}
