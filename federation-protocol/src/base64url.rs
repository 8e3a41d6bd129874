//! base64url as JWS wants it: no padding, no line breaks, exactly one spelling for each value.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The text is not base64url, or not the one canonical spelling of its bytes, or not of the
/// expected length.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not canonical base64url")]
pub struct Base64UrlError;

/// Bytes as base64url without padding.
#[must_use]
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Bytes of a base64url text without padding.
///
/// # Errors
/// Padding, foreign characters, or set bits behind the last byte.
///
/// Source: RFC 7515 section 2; RFC 4648 section 3.5.
pub fn decode(text: impl AsRef<[u8]>) -> Result<Vec<u8>, Base64UrlError> {
    match URL_SAFE_NO_PAD.decode(text) {
        Ok(bytes) => Ok(bytes),
        Err(_) => Err(Base64UrlError),
    }
}

/// Exactly `N` bytes of a base64url text, without allocating.
///
/// # Errors
/// As [`decode`], and another length.
pub fn decode_array<const N: usize>(text: impl AsRef<[u8]>) -> Result<[u8; N], Base64UrlError> {
    let mut bytes = [0_u8; N];
    match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
        Ok(length) if length == N => Ok(bytes),
        _ => Err(Base64UrlError),
    }
}

/// [`decode_array`] for serde fields: `#[serde(with = "base64url::array")]`.
pub mod array {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes the one spelling.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer, const N: usize>(
        bytes: &[u8; N],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::encode(bytes))
    }

    /// Reads the one spelling of exactly `N` bytes.
    ///
    /// # Errors
    /// Anything else.
    pub fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
        deserializer: D,
    ) -> Result<[u8; N], D::Error> {
        super::decode_array(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_one_spelling() {
        assert_eq!(decode("AQ"), Ok(vec![1]));
        for text in ["AQ==", "AR", "AQ\n", " AQ", "A", "+w", "/w", "AQ="] {
            assert_eq!(decode(text), Err(Base64UrlError), "{text}");
        }
        assert_eq!(decode_array::<2>("AQ"), Err(Base64UrlError));
        assert_eq!(decode_array::<0>("AQ"), Err(Base64UrlError));
        assert_eq!(decode_array::<1>("AQ"), Ok([1]));
        assert_eq!(decode_array::<1>("AR"), Err(Base64UrlError));
    }
}
