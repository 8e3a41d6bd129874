//! The number that two people compare by telephone before anybody signs.

use crate::digest::sha256;
use crate::directory::Profile;

/// Groups of five digits.
const GROUPS: usize = 6;

/// Thirty digits that stand for all keys and certificates of a member: `12345 67890 …`, about 100
/// bits, so nobody makes other keys with the same number.
///
/// SHA-256 of `musubi-comparison-1`, the member's id, every `use kid` of its keys and every
/// certificate's fingerprint, these two lists in byte order, 0x00 between all; then six times five
/// bytes, big-endian, modulo 100 000.
///
/// Source: PROTOCOL section 3, step 4.
#[must_use]
pub fn comparison_number(profile: &Profile) -> String {
    let mut keys: Vec<String> = profile
        .keys
        .iter()
        .map(|key| format!("{} {}", key.key_use.as_str(), key.kid))
        .collect();
    keys.sort_unstable();
    let mut certificates: Vec<String> = profile
        .certificates
        .iter()
        .map(|certificate| certificate.fingerprint().to_string())
        .collect();
    certificates.sort_unstable();
    let head = ["musubi-comparison-1".to_owned(), profile.id.to_string()];
    let told: Vec<String> = head.into_iter().chain(keys).chain(certificates).collect();
    let hash = sha256(told.join("\0").as_bytes());
    let groups: Vec<String> = hash
        .chunks_exact(5)
        .take(GROUPS)
        .map(|bytes| {
            let number = bytes
                .iter()
                .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
            format!("{:05}", number % 100_000)
        })
        .collect();
    groups.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::Certificate;
    use crate::sample::SampleMember;

    #[test]
    fn any_other_key_or_certificate_is_another_number() {
        let minato = SampleMember::new("0110000001", 10).profile();
        let number = comparison_number(&minato);
        assert_eq!((number.len(), number.split(' ').count()), (35, 6));

        let mut turned = minato.clone();
        turned.keys.reverse();
        assert_eq!(comparison_number(&turned), number, "order does not matter");

        let mut other = minato.clone();
        other.certificates = vec![Certificate::from_der(b"another".to_vec())];
        assert_ne!(comparison_number(&other), number);
        let mut fewer = minato.clone();
        fewer.keys.pop();
        assert_ne!(comparison_number(&fewer), number);
        let other = SampleMember::new("0110000001", 11).profile();
        assert_ne!(comparison_number(&other), number);
    }
}
