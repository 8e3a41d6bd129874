//! Codes of a second factor. Pure: a secret, a time step, a code.
//!
//! Source: RFC 6238 with RFC 4226: HMAC-SHA-1, six digits, steps of 30 s, which is what every
//! authenticator app takes without being told.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;

/// How long a code is shown, seconds.
const STEP_SECONDS: i64 = 30;
/// Codes of this many steps before and after now are taken: phones' clocks are not exact.
const AROUND: i64 = 1;
const DIGITS: usize = 6;
const MODULUS: u32 = 1_000_000;

/// The step at a moment, unix seconds.
pub(super) const fn step_at(unix_seconds: i64) -> i64 {
    unix_seconds.div_euclid(STEP_SECONDS)
}

/// The newest step around now, and after `last`, whose code this is. Every step is compared, so
/// that the time it takes does not tell which one it was.
pub(super) fn step_of(secret: &[u8], code: &str, now_step: i64, last: i64) -> Option<i64> {
    let steps = now_step.saturating_sub(AROUND)..=now_step.saturating_add(AROUND);
    let mut found = None;
    for step in steps {
        let right = code_at(secret, step)
            .is_some_and(|expected| bool::from(expected.as_bytes().ct_eq(code.as_bytes())));
        if right && step > last {
            found = Some(step);
        }
    }
    found
}

/// The code of a step.
pub(super) fn code_at(secret: &[u8], step: i64) -> Option<String> {
    let mac = Hmac::<Sha1>::new_from_slice(secret).ok()?;
    let hash = mac.chain_update(step.to_be_bytes()).finalize().into_bytes();
    let offset = usize::from(hash.last()? & 0x0f);
    let four: [u8; 4] = hash.get(offset..)?.get(..4)?.try_into().ok()?;
    let number = (u32::from_be_bytes(four) & 0x7fff_ffff) % MODULUS;
    Some(format!("{number:0DIGITS$}"))
}

/// What an authenticator app scans or is typed: `otpauth://totp/…`.
///
/// Source: the Key URI format that Google Authenticator published and every other app reads.
pub(super) fn uri(secret: &[u8], issuer: &str, holder: &str) -> String {
    let (issuer, holder) = (percent(issuer), percent(holder));
    format!(
        "otpauth://totp/{issuer}:{holder}?secret={}&issuer={issuer}",
        base32(secret)
    )
}

fn percent(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    let each = text.bytes().map(|byte| match plain(&byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    each.collect()
}

/// RFC 4648 section 6, without padding.
fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::with_capacity(bytes.len().saturating_mul(8).div_ceil(5));
    let (mut held, mut bits) = (0_u32, 0_u32);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits = bits.saturating_add(8);
        while bits >= 5 {
            bits = bits.saturating_sub(5);
            text.extend(sign(ALPHABET, held >> bits));
        }
        // What is left are at most four bits.
        held &= 0x0f;
    }
    if bits > 0 {
        text.extend(sign(ALPHABET, held << 5_u32.saturating_sub(bits)));
    }
    text
}

fn sign(alphabet: &[u8; 32], number: u32) -> Option<char> {
    let place = usize::try_from(number & 0x1f).ok()?;
    alphabet.get(place).copied().map(char::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    /// RFC 6238 appendix B, SHA-1, the last six of its eight digits.
    #[test]
    fn the_codes_are_those_of_the_rfc() {
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code_at(SECRET, step_at(seconds)).as_deref(), Some(code));
        }
    }

    #[test]
    fn a_code_counts_one_step_early_or_late_and_once() {
        let now = step_at(1_111_111_111);
        let code = |step| code_at(SECRET, step).unwrap_or_default();
        for near in [-1, 0, 1] {
            assert_eq!(step_of(SECRET, &code(now + near), now, 0), Some(now + near));
        }
        for far in [-2, 2] {
            assert_eq!(step_of(SECRET, &code(now + far), now, 0), None);
        }
        assert_eq!(step_of(SECRET, &code(now), now, now), None, "taken before");
        assert_eq!(step_of(SECRET, &code(now - 1), now, now), None, "older");
        assert_eq!(step_of(SECRET, &code(now + 1), now, now), Some(now + 1));
        for wrong in ["", "05047", "0504711", "050472", "０５０４７１"] {
            assert_eq!(step_of(SECRET, wrong, now, 0), None, "{wrong}");
        }
    }

    #[test]
    fn an_app_reads_the_secret_from_the_uri() {
        let uri = uri(SECRET, "港病院", "dr-1");
        assert_eq!(
            uri,
            "otpauth://totp/%E6%B8%AF%E7%97%85%E9%99%A2:dr-1?secret=\
             GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=%E6%B8%AF%E7%97%85%E9%99%A2"
        );
        // RFC 4648 section 10.
        for (bytes, text) in [("f", "MY"), ("fo", "MZXQ"), ("foobar", "MZXW6YTBOI")] {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
    }
}
