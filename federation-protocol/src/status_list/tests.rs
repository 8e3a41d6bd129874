#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use super::*;
use crate::keys::{PublicKey, SecretKey};
use crate::vectors;

const URI: &str = "https://h.example.jp/federation/v1/status-lists/1";

struct One(MemberId, SecretKey, PublicKey);

impl Issuers for One {
    fn endpoint(&self, member: &MemberId, _now: Timestamp) -> Option<&str> {
        (*member == self.0).then_some("https://h.example.jp")
    }

    fn consent_key(&self, member: &MemberId, kid: &str, _at: Timestamp) -> Option<&PublicKey> {
        (*member == self.0 && kid == self.1.kid().as_str()).then_some(&self.2)
    }

    fn have_one_operator(&self, _one: &MemberId, _other: &MemberId) -> bool {
        false
    }
}

fn home() -> One {
    let key = SecretKey::from_seed([6; 32]);
    let public = key.public();
    One(MemberId::from_code("0110000001").unwrap(), key, public)
}

fn now() -> Timestamp {
    Timestamp::from_unix_seconds(1_782_864_000)
}

fn open(jwt: &str, seconds_later: i64) -> Result<Verified<StatusListToken>, StatusListError> {
    let home = home();
    verify_status_list(jwt, &home.0, URI, &home, now().plus_seconds(seconds_later))
}

fn signed(claims: &serde_json::Value) -> String {
    jws::sign_compact(STATUS_LIST_TYP, claims.to_string().as_bytes(), &home().1)
}

#[test]
fn a_list_says_what_was_set() {
    let mut list = StatusList::new(FEWEST_SLOTS).unwrap();
    list.set(7).unwrap();
    list.set(131_071).unwrap();
    let opened = open(&list.sign(URI, &home().1, now()), 0).unwrap();
    let bits = [0, 7, 8, 131_071, 131_072, u64::MAX].map(|idx| opened.bit(idx));
    assert_eq!(
        bits,
        [Some(false), Some(true), Some(false), Some(true), None, None]
    );
    assert_eq!(
        (opened.ttl_seconds, opened.expires_at),
        (30, now().plus_seconds(240))
    );
}

#[test]
fn a_list_is_believed_for_240_seconds() {
    let jwt = StatusList::new(FEWEST_SLOTS)
        .unwrap()
        .sign(URI, &home().1, now());
    assert!(open(&jwt, 239).is_ok() && open(&jwt, -60).is_ok());
    assert_eq!(open(&jwt, 240).unwrap_err(), StatusListError::Time);
    assert_eq!(open(&jwt, -61).unwrap_err(), StatusListError::Time);
}

#[test]
fn another_list_key_or_signature_is_refused() {
    let (list, home) = (StatusList::new(FEWEST_SLOTS).unwrap(), home());
    let other = list.sign(
        "https://h.example.jp/federation/v1/status-lists/2",
        &home.1,
        now(),
    );
    assert_eq!(open(&other, 0).unwrap_err(), StatusListError::OtherList);
    let stranger = list.sign(URI, &SecretKey::from_seed([9; 32]), now());
    assert_eq!(open(&stranger, 0).unwrap_err(), StatusListError::Issuer);
    let jwt = list.sign(URI, &home.1, now());
    let elsewhere = MemberId::from_code("0110000009").unwrap();
    let refused = verify_status_list(&jwt, &elsewhere, URI, &home, now());
    assert_eq!(refused.unwrap_err(), StatusListError::Issuer);
    let (signed, signature) = jwt.rsplit_once('.').unwrap();
    let bent = format!(
        "{signed}.{}",
        base64url::encode([&[0_u8; 32][..], &[1; 32]].concat())
    );
    assert_ne!(signature.len(), 0);
    assert_eq!(open(&bent, 0).unwrap_err(), StatusListError::Signature);
}

#[test]
fn a_bomb_is_not_unpacked() {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![0_u8; 1 << 20];
    for _ in 0..64 {
        encoder.write_all(&zeros).unwrap();
    }
    let lst = base64url::encode(encoder.finish().unwrap());
    assert!(lst.len() < 100_000);
    let seconds = now().unix_seconds();
    let bomb = signed(&serde_json::json!({
        "sub": URI, "iat": seconds, "exp": seconds + 240, "ttl": 30,
        "status_list": {"bits": 1, "lst": lst},
    }));
    assert_eq!(open(&bomb, 0).unwrap_err(), StatusListError::Schema);
}

#[test]
fn only_one_bit_a_short_life_and_a_ttl_are_taken() {
    let seconds = now().unix_seconds();
    let claims = |exp: i64, ttl: i64, bits: u32| {
        signed(&serde_json::json!({
            "sub": URI, "iat": seconds, "exp": exp, "ttl": ttl, "iss": "beyond what we read",
            "status_list": {"bits": bits, "lst": "eNrbuRgAAhcBXQ"},
        }))
    };
    assert!(open(&claims(seconds + 240, 30, 1), 0).is_ok());
    for jwt in [claims(seconds + 240, 30, 2), claims(seconds + 240, 0, 1)] {
        assert_eq!(open(&jwt, 0).unwrap_err(), StatusListError::Schema);
    }
    assert_eq!(
        open(&claims(seconds + 241, 30, 1), 0).unwrap_err(),
        StatusListError::Time
    );
}

/// The bytes of the draft's first example: 0xb9 0xa3.
#[test]
fn the_drafts_short_example() {
    let list = StatusList::unpack("eNrbuRgAAhcBXQ").unwrap();
    assert_eq!(list.bytes, [0xb9, 0xa3]);
    assert_eq!(list.bit(0), Some(true));
    assert_eq!(list.bit(1), Some(false));
}

/// Appendix "Test vectors for Status List encoding", one bit: 2^20 bits, eleven of them set.
#[test]
fn the_drafts_long_vector() {
    let Some(text) = vectors::read("vectors/status-list/status_list_encoding1_long_json.md") else {
        return;
    };
    let json: String = text.split_whitespace().collect();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let list = StatusList::unpack(json["lst"].as_str().unwrap()).unwrap();
    let set: Vec<u64> = (0..1 << 20).filter(|idx| list.bit(*idx).unwrap()).collect();
    assert_eq!(
        set,
        [
            0, 1_993, 25_460, 159_495, 495_669, 554_353, 645_645, 723_232, 854_545, 934_534,
            1_000_345
        ]
    );
    let mut ours = StatusList::new(1 << 20).unwrap();
    set.into_iter().for_each(|idx| ours.set(idx).unwrap());
    assert_eq!(StatusList::unpack(&ours.pack()).unwrap(), list);
}

#[test]
fn too_small_or_uneven_a_list_is_not_made() {
    for slots in [0, 8, FEWEST_SLOTS - 8, FEWEST_SLOTS + 1, MOST_SLOTS + 8] {
        assert_eq!(StatusList::new(slots), Err(OutsideList));
    }
    assert!(StatusList::new(MOST_SLOTS).is_ok());
}

/// The largest list that can be made, without any pattern, still fits the transport bound.
#[test]
fn a_list_without_pattern_fits_in_transport() {
    let mut list = StatusList::new(MOST_SLOTS).unwrap();
    let mut state = 1_u64;
    for byte in &mut list.bytes {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        *byte = state.to_be_bytes()[0];
    }
    let jwt = list.sign(URI, &home().1, now());
    assert!(jwt.len() <= LONGEST_JWT, "{}", jwt.len());
    assert!(open(&jwt, 0).is_ok());
}

proptest::proptest! {
    #[test]
    fn opening_a_list_never_panics(
        text in "[A-Za-z0-9_.=-]{0,200}",
        payload in ".{0,200}",
        lst in "[A-Za-z0-9_-]{0,80}",
        bits in 0_u32..9,
        times in (0_i64.., 0_i64.., 0_i64..),
    ) {
        let claims = serde_json::json!({
            "sub": URI, "iat": times.0, "exp": times.1, "ttl": times.2,
            "status_list": {"bits": bits, "lst": lst},
        });
        for jwt in [text, jws::sign_compact(STATUS_LIST_TYP, payload.as_bytes(), &home().1), signed(&claims)] {
            let _ = open(&jwt, 0);
        }
        let _ = StatusList::unpack(&lst).map(|list| list.bit(times.0.unsigned_abs()));
    }
}
