//! CPace over ristretto255 with SHA-512, initiator and responder, with key confirmation: two who
//! hold the same small secret come to the same key; who guesses wrong learns that, and no more.
//!
//! Source: draft-irtf-cfrg-cpace-21 sections 6 to 8, 9.4 and appendix A.

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha512};
use zeroize::Zeroizing;

const DSI: &[u8] = b"CPaceRistretto255";
const DSI_ISK: &[u8] = b"CPaceRistretto255_ISK";
const DSI_MAC: &[u8] = b"CPaceMac";
/// Block of SHA-512: the secret fills the first one up.
const BLOCK: usize = 128;

/// One side's share with the data it vouches for.
pub(super) struct Share<'a> {
    pub(super) point: &'a [u8; 32],
    pub(super) vouched: &'a [u8],
}

/// The generator that a secret, the channel and the session make.
pub(super) fn generator(secret: &[u8], channel: &[u8], session: &[u8]) -> RistrettoPoint {
    let text = generator_string(secret, channel, session);
    RistrettoPoint::from_uniform_bytes(&Sha512::digest(text.as_slice()).into())
}

fn generator_string(secret: &[u8], channel: &[u8], session: &[u8]) -> Zeroizing<Vec<u8>> {
    let before = with_length(secret).len() + with_length(DSI).len() + 1;
    let padding = vec![0; BLOCK.saturating_sub(before)];
    Zeroizing::new(in_a_row(&[DSI, secret, &padding, channel, session]))
}

/// The other side's point times our scalar; `None` for what is no point, or the neutral one.
pub(super) fn multiplied(scalar: &Scalar, point: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
    let point = CompressedRistretto(*point).decompress()?;
    let product = Zeroizing::new(point * scalar);
    (!product.is_identity()).then(|| Zeroizing::new(product.compress().to_bytes()))
}

/// The key that both come to.
pub(super) fn key(
    session: &[u8],
    product: &[u8; 32],
    initiator: &Share<'_>,
    responder: &Share<'_>,
) -> Zeroizing<[u8; 64]> {
    let mut hash = Sha512::new();
    let head = Zeroizing::new(in_a_row(&[DSI_ISK, session, product.as_slice()]));
    hash.update(head.as_slice());
    for share in [initiator, responder] {
        hash.update(in_a_row(&[share.point.as_slice(), share.vouched]));
    }
    Zeroizing::new(hash.finalize().into())
}

/// What proves to the other side that this one, of `share`, has come to the same key.
pub(super) fn confirmation(session: &[u8], key: &[u8; 64], share: &Share<'_>) -> [u8; 64] {
    let mut hash = Sha512::new();
    for part in [DSI_MAC, session, key.as_slice()] {
        hash.update(part);
    }
    let mac_key: Zeroizing<[u8; 64]> = Zeroizing::new(hash.finalize().into());
    // HMAC takes a key of any length: the fallback is never taken, and equals no proof.
    let Ok(mac) = Hmac::<Sha512>::new_from_slice(mac_key.as_slice()) else {
        return [0; 64];
    };
    mac.chain_update(in_a_row(&[share.point.as_slice(), share.vouched]))
        .finalize()
        .into_bytes()
        .into()
}

/// `lv_cat`: each part behind its length.
pub(super) fn in_a_row(parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().flat_map(|part| with_length(part)).collect()
}

/// `prepend_len`: the length in LEB128, then the bytes.
fn with_length(part: &[u8]) -> Vec<u8> {
    let mut all = Vec::with_capacity(part.len() + 2);
    let mut left = part.len();
    loop {
        let low = u8::try_from(left & 0x7f).unwrap_or_default();
        left >>= 7;
        all.push(if left == 0 { low } else { low | 0x80 });
        if left == 0 {
            break;
        }
    }
    all.extend_from_slice(part);
    all
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests fail by panicking"
    )]

    use super::*;

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        let digits: Vec<u8> = text
            .chars()
            .map(|digit| u8::try_from(digit.to_digit(16).unwrap()).unwrap())
            .collect();
        let bytes: Vec<u8> = digits.chunks(2).map(|two| two[0] * 16 + two[1]).collect();
        bytes.try_into().unwrap()
    }

    /// Appendix B.3 of the draft.
    #[test]
    fn the_published_vectors_come_out() {
        let channel = b"\x0bA_initiator\x0bB_responder";
        let session: [u8; 16] = hex("7e4b4791d6a8ef019b936c79fb7f2c57");
        let base = generator(b"Password", channel, &session);
        let wanted = "222b6b195fe84b1652badb6f6a3ae3d24341e7306967f0b8115b40d5698c7e56";
        assert_eq!(base.compress().to_bytes(), hex::<32>(wanted));
        let scalar = |text| Scalar::from_bytes_mod_order(hex(text));
        let a = scalar("da3d23700a9e5699258aef94dc060dfda5ebb61f02a5ea77fad53f4ff0976d08");
        let b = scalar("d2316b454718c35362d83d69df6320f38578ed5984651435e2949762d900b80d");
        let [ours, theirs] = [a, b].map(|scalar| (base * scalar).compress().to_bytes());
        let wanted = "d6bac480f2c386c394efc7c47adb9925dcd2630b64f240c50f8d0eec482b9157";
        assert_eq!(ours, hex::<32>(wanted));
        let wanted = "3ea7e0b19560d7c0b0f5734f63b955286dfa8232b5ebe63324e2d9e7433f7258";
        assert_eq!(theirs, hex::<32>(wanted));
        let product = multiplied(&a, &theirs).unwrap();
        assert_eq!(product, multiplied(&b, &ours).unwrap());
        let wanted = "80b69a8a76457ab6a4d7f887a4bf6b55a2f80ac19c333f917a05fc9887c8b40f";
        assert_eq!(*product, hex::<32>(wanted));
        let shares = [
            Share {
                point: &ours,
                vouched: b"ADa",
            },
            Share {
                point: &theirs,
                vouched: b"ADb",
            },
        ];
        let wanted = "b69effbf61b51d56401c0f65601abe428de8206feaaf0e32198896dcae7b35cd\
                      2b38950a39dfd5d4a79164614c2984f7daa460b588c1e80c3fa2068af7900447";
        let key = key(&session, &product, &shares[0], &shares[1]);
        assert_eq!(*key, hex::<64>(wanted));
    }

    #[test]
    fn what_is_no_point_or_the_neutral_one_makes_no_key() {
        let wanted = "2b3c6b8c4f3800e7aef6864025b4ed79bd599117e427c41bd47d93d654b4a51c";
        let scalar = Scalar::from(7_u8);
        assert_eq!(multiplied(&scalar, &hex(wanted)), None);
        assert_eq!(multiplied(&scalar, &[0; 32]), None);
    }

    #[test]
    fn lengths_stand_in_front_as_leb128() {
        assert_eq!(
            in_a_row(&[b"1234", b"5", b"", b"678"]),
            b"\x041234\x015\x00\x03678"
        );
        assert_eq!(with_length(&[0; 128])[..2], [0x80, 0x01]);
    }
}
