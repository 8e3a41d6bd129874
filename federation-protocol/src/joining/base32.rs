//! Crockford's base32 in lower case: letters that nobody confuses, one word for a double click, and
//! no character that mail programs break a line at.
//!
//! Source: <https://www.crockford.com/base32.html>.

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Bytes in letters, five bits each; the last letter is filled up with zero bits.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(8).div_ceil(5));
    let (mut held, mut bits) = (0_u32, 0_u32);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.extend(letter(held >> bits));
        }
    }
    if bits > 0 {
        text.extend(letter(held << (5 - bits)));
    }
    text
}

fn letter(value: u32) -> Option<char> {
    let place = usize::try_from(value & 31).ok()?;
    ALPHABET.get(place).map(|letter| char::from(*letter))
}

/// The bytes that [`encode`] writes this way, and no other spelling of them but for case, `o` for
/// zero, `i` and `l` for one. None for anything else.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len().saturating_mul(5) / 8);
    let (mut held, mut bits) = (0_u32, 0_u32);
    for letter in text.bytes() {
        let letter = match letter.to_ascii_lowercase() {
            b'o' => b'0',
            b'i' | b'l' => b'1',
            other => other,
        };
        let value = ALPHABET.iter().position(|known| *known == letter)?;
        held = ((held << 5) | u32::try_from(value).ok()?) & 0xFFFF;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((held >> bits) & 0xFF).ok()?);
        }
    }
    // No letter too many, and nothing in the bits that fill up the last one.
    let filled = held & ((1_u32 << bits) - 1);
    (bits < 5 && filled == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_look_alike_are_one() {
        assert_eq!(encode(&[0, 1, 255]), "000zy");
        assert_eq!(decode("OoOZY"), Some(vec![0, 1, 255]));
        for wrong in ["000zz", "0", "000zy0", "000u0", "00-00", "あ"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_back(bytes in proptest::collection::vec(0_u8.., 0..200)) {
            proptest::prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }

        #[test]
        fn reading_never_panics_and_takes_one_spelling(text in "[0-9a-z]{0,60}") {
            if let Some(bytes) = decode(&text) {
                let plain = text.replace('o', "0").replace(['i', 'l'], "1");
                proptest::prop_assert_eq!(encode(&bytes), plain);
            }
        }
    }
}
