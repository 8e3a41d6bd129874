//! Status lists: one bit for each token that a home node issued, set when it is revoked.
//!
//! Source: IETF OAuth Token Status List; PROTOCOL section 6.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::{Deserialize, Serialize};

use crate::base64url;
use crate::issuers::Issuers;
use crate::json;
use crate::jws::{self, Compact, JwsError};
use crate::keys::Sign;
use crate::member::MemberId;
use crate::time::Timestamp;
use crate::verified::Verified;

/// `typ` of a status list token.
pub const STATUS_LIST_TYP: &str = "statuslist+jwt";
/// Its media type.
pub const STATUS_LIST_MEDIA_TYPE: &str = "application/statuslist+jwt";
/// The fewest bits of a list: in fewer, a bit would point at its person.
pub const FEWEST_SLOTS: usize = 1 << 17;
/// The most bits of a list that is read: 512 KiB once it is unpacked.
pub const MOST_SLOTS: usize = 1 << 22;
/// Seconds after which a responder fetches again.
pub const TTL_SECONDS: i64 = 30;
/// Seconds from `iat` to `exp`, after which a responder refuses.
pub const LIFE_SECONDS: i64 = 240;
/// The most bytes of a list in transport: a list without any pattern does not pack.
pub const LONGEST_JWT: usize = 1_100_000;

const SKEW_SECONDS: i64 = 60;

/// The bits of one list, at the home node that issues it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusList {
    bytes: Vec<u8>,
}

/// The list has fewer than [`FEWEST_SLOTS`] or more than [`MOST_SLOTS`] bits, or the bit is
/// outside it.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("outside the status list")]
pub struct OutsideList;

impl StatusList {
    /// A list of `slots` bits (a multiple of eight), none set.
    ///
    /// # Errors
    /// [`OutsideList`].
    pub fn new(slots: usize) -> Result<Self, OutsideList> {
        if (FEWEST_SLOTS..=MOST_SLOTS).contains(&slots) && slots.is_multiple_of(8) {
            Ok(Self {
                bytes: vec![0; slots / 8],
            })
        } else {
            Err(OutsideList)
        }
    }

    /// Sets a bit: revoked. There is no way back.
    ///
    /// # Errors
    /// [`OutsideList`].
    pub fn set(&mut self, idx: u64) -> Result<(), OutsideList> {
        let (at, mask) = place(idx).ok_or(OutsideList)?;
        *self.bytes.get_mut(at).ok_or(OutsideList)? |= mask;
        Ok(())
    }

    /// A bit; `None` outside the list.
    #[must_use]
    pub fn bit(&self, idx: u64) -> Option<bool> {
        let (at, mask) = place(idx)?;
        self.bytes.get(at).map(|byte| byte & mask != 0)
    }

    /// The list as a signed token: `sub` is the URI that tokens name, `iat` is `now`, `ttl` 30,
    /// `exp` 240 s later.
    #[must_use]
    pub fn sign(&self, uri: &str, key: &dyn Sign, now: Timestamp) -> String {
        let claims = Claims {
            sub: uri.to_owned(),
            iat: now,
            exp: now.plus_seconds(LIFE_SECONDS),
            ttl: TTL_SECONDS,
            status_list: Packed {
                bits: 1,
                lst: self.pack(),
            },
        };
        let payload = serde_json::to_vec(&claims).unwrap_or_default();
        jws::sign_compact(STATUS_LIST_TYP, &payload, key)
    }

    /// base64url(zlib(bytes)).
    fn pack(&self) -> String {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        let written = encoder
            .write_all(&self.bytes)
            .and_then(|()| encoder.finish());
        // Writing into memory does not fail.
        base64url::encode(written.unwrap_or_default())
    }

    /// Unpacks at most [`MOST_SLOTS`] bits: what is packed small can be large.
    fn unpack(lst: &str) -> Option<Self> {
        let packed = base64url::decode(lst).ok()?;
        let most = MOST_SLOTS / 8;
        let mut bytes = Vec::new();
        let limit = u64::try_from(most).ok()?.saturating_add(1);
        ZlibDecoder::new(packed.as_slice())
            .take(limit)
            .read_to_end(&mut bytes)
            .ok()?;
        (bytes.len() <= most).then_some(Self { bytes })
    }
}

/// The byte of a bit, and the bit in it: from the least significant one.
fn place(idx: u64) -> Option<(usize, u8)> {
    let at = usize::try_from(idx / 8).ok()?;
    let bit = u32::try_from(idx % 8).ok()?;
    Some((at, 1_u8.checked_shl(bit)?))
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    iat: Timestamp,
    exp: Timestamp,
    ttl: i64,
    status_list: Packed,
}

#[derive(Serialize, Deserialize)]
struct Packed {
    bits: u32,
    lst: String,
}

/// A status list that its issuer signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusListToken {
    /// Its name: what tokens say as `uri`.
    pub uri: String,
    /// When it was made.
    pub issued_at: Timestamp,
    /// Until when it says anything.
    pub expires_at: Timestamp,
    /// Seconds after which it is fetched again.
    pub ttl_seconds: i64,
    list: StatusList,
}

impl StatusListToken {
    /// Whether the bit is set (revoked); `None` outside the list, which says nothing good.
    #[must_use]
    pub fn bit(&self, idx: u64) -> Option<bool> {
        self.list.bit(idx)
    }
}

/// Why a status list is not believed; in the order of the checks.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatusListError {
    /// Not a JWS of its type.
    #[error("not a status list: {0}")]
    Form(#[from] JwsError),
    /// The issuer takes no part, or the key is none of its `consent` keys.
    #[error("the status list's issuer or key is not known")]
    Issuer,
    /// The signature does not fit.
    #[error("the status list's signature does not fit")]
    Signature,
    /// The claims do not fit, or the list is not one bit a token, or is too large unpacked.
    #[error("the status list does not fit its schema")]
    Schema,
    /// It is another list.
    #[error("the status list is another one")]
    OtherList,
    /// It is from the future, over, or would live longer than 240 s.
    #[error("the status list is not valid now")]
    Time,
}

/// Opens the status list at `uri` of `issuer`.
///
/// Claims beyond those of the standard that we read are ignored, as it asks. Nothing is unpacked
/// before the signature is checked, and then at most [`MOST_SLOTS`] bits.
///
/// # Errors
/// [`StatusListError`]; for the asker all of them mean `token_status_unavailable`.
pub fn verify_status_list(
    jwt: &str,
    issuer: &MemberId,
    uri: &str,
    issuers: &dyn Issuers,
    now: Timestamp,
) -> Result<Verified<StatusListToken>, StatusListError> {
    let jws = Compact::parse(jwt.trim_ascii_end(), STATUS_LIST_TYP, LONGEST_JWT)?;
    let Some(_takes_part) = issuers.endpoint(issuer, now) else {
        return Err(StatusListError::Issuer);
    };
    // `iat` is believed only once the signature fits; a list is so young that now is near enough.
    let key = issuers
        .consent_key(issuer, &jws.kid, now)
        .ok_or(StatusListError::Issuer)?;
    jws.verify(key).or(Err(StatusListError::Signature))?;
    let claims: Claims = json::parse_as(&jws.payload).or(Err(StatusListError::Schema))?;
    if claims.sub != uri {
        return Err(StatusListError::OtherList);
    }
    let life = claims.exp.seconds_since(claims.iat);
    let is_ahead = claims.iat > now.plus_seconds(SKEW_SECONDS);
    if is_ahead || now >= claims.exp || !(1..=LIFE_SECONDS).contains(&life) {
        return Err(StatusListError::Time);
    }
    let list = StatusList::unpack(&claims.status_list.lst)
        .filter(|_| claims.status_list.bits == 1 && (1..=LIFE_SECONDS).contains(&claims.ttl))
        .ok_or(StatusListError::Schema)?;
    Ok(Verified::new(StatusListToken {
        uri: claims.sub,
        issued_at: claims.iat,
        expires_at: claims.exp,
        ttl_seconds: claims.ttl,
        list,
    }))
}

#[cfg(test)]
mod tests;
