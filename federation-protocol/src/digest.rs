//! `Content-Digest`: what binds a body to the signature over its headers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// SHA-256 of some bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The field value for a body: `sha-256=:…:`.
///
/// Source: RFC 9530 section 2.
#[must_use]
pub fn content_digest(body: &[u8]) -> String {
    to_field("sha-256", &sha256(body))
}

/// The field is not exactly one `sha-256`, or the body is another.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the content digest does not fit the body")]
pub struct DigestMismatch;

/// Checks a body against its `Content-Digest`: exactly one member, `sha-256`, no parameters.
///
/// # Errors
/// [`DigestMismatch`].
pub fn check_content_digest(field: &[u8], body: &[u8]) -> Result<(), DigestMismatch> {
    match from_field::<32>("sha-256", field) {
        Some(digest) if digest == sha256(body) => Ok(()),
        _ => Err(DigestMismatch),
    }
}

/// An RFC 9651 dictionary of one member, a byte sequence: `key=:base64:`.
pub(crate) fn to_field(key: &str, bytes: &[u8]) -> String {
    let mut field = String::with_capacity(key.len() + 3 + bytes.len().div_ceil(3) * 4);
    field.push_str(key);
    field.push_str("=:");
    STANDARD.encode_string(bytes, &mut field);
    field.push(':');
    field
}

/// The bytes of such a dictionary, in its one canonical spelling only: no second member, no
/// parameters, no second base64 form of the same bytes (an attacker's free bits).
pub(crate) fn from_field<const N: usize>(key: &str, field: &[u8]) -> Option<[u8; N]> {
    let value = field
        .strip_prefix(key.as_bytes())?
        .strip_prefix(b"=:")?
        .strip_suffix(b":")?;
    let mut bytes = [0_u8; N];
    match STANDARD.decode_slice(value, &mut bytes) {
        Ok(length) if length == N => Some(bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_rfc_9530_is_made() {
        // RFC 9530 appendix B.1.
        let digest = content_digest(b"{\"hello\": \"world\"}\n");
        assert_eq!(
            digest,
            "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
        );
        assert_eq!(
            check_content_digest(digest.as_bytes(), b"{\"hello\": \"world\"}\n"),
            Ok(())
        );
        assert_eq!(
            check_content_digest(digest.as_bytes(), b"{}"),
            Err(DigestMismatch)
        );
    }

    #[test]
    fn exactly_one_sha_256_is_taken() {
        let right = content_digest(b"");
        for field in [
            String::new(),
            format!("{right}, {right}"),
            format!("{right}, sha-512=:AA==:"),
            format!("{right};a"),
            right.replace("sha-256", "sha-512"),
            right.replace(':', "\""),
            right.replace("=:", ":"),
            format!("sha-256=({})", right.trim_start_matches("sha-256=")),
        ] {
            assert_eq!(
                check_content_digest(field.as_bytes(), b""),
                Err(DigestMismatch),
                "{field}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn reading_a_digest_never_panics(field in proptest::collection::vec(0_u8.., 0..80)) {
            let _ = check_content_digest(&field, b"");
        }
    }
}
