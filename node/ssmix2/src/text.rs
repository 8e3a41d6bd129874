//! A file's bytes as text. Owns the choice of the encoding and the signs that Windows spells
//! otherwise. Decoding comes before splitting, always: the second byte of a kanji may be `^`, `|`,
//! `~`, `&` or `\`.
//!
//! The escape sequences decide, not MSH-18, whose spelling varies and which is sometimes wrong.
//! The tables are encoding_rs's. Its ISO-2022-JP decoder is not used: as browsers must, it refuses
//! two escape sequences in a row (which every writer that encodes field by field produces), does not
//! know JIS X 0212, and makes `‾` of the `~` behind `ESC ( J`. So the sequences are resolved here,
//! into EUC-JP, which has the same tables without state.

use encoding_rs::{EUC_JP, Encoding as Table, SHIFT_JIS};

const ESC: u8 = 0x1b;

/// How a file was found to be written.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// What the standard prescribes; plain ASCII too.
    Iso2022Jp,
    Utf8,
    ShiftJis,
}

/// The bytes are in none of the encodings that occur in the field.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Undecodable;

/// The text and how it was written. A byte order mark is dropped; nothing else is.
pub(crate) fn decode(bytes: &[u8]) -> Result<(String, Encoding), Undecodable> {
    if bytes.contains(&ESC) {
        let euc = resolve_escapes(bytes)?;
        return Ok((of_table(EUC_JP, &euc)?, Encoding::Iso2022Jp));
    }
    if bytes.is_ascii() {
        let text = bytes.iter().map(|byte| char::from(*byte)).collect();
        return Ok((text, Encoding::Iso2022Jp));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            let text = text.strip_prefix('\u{feff}').unwrap_or(text);
            Ok((text.to_owned(), Encoding::Utf8))
        }
        Err(_) => Ok((of_table(SHIFT_JIS, bytes)?, Encoding::ShiftJis)),
    }
}

fn of_table(table: &'static Table, bytes: &[u8]) -> Result<String, Undecodable> {
    let text = table.decode_without_bom_handling_and_without_replacement(bytes);
    let text = text.ok_or(Undecodable)?;
    Ok(text.chars().map(as_jis).collect())
}

/// Six signs of JIS X 0208 that the tables of the web map as Windows does. With these, `−` decodes
/// to U+2212, as JIS and HL7 Japan have it.
const fn as_jis(sign: char) -> char {
    match sign {
        '\u{ff0d}' => '\u{2212}',
        '\u{ff5e}' => '\u{301c}',
        '\u{2225}' => '\u{2016}',
        '\u{ffe0}' => '\u{a2}',
        '\u{ffe1}' => '\u{a3}',
        '\u{ffe2}' => '\u{ac}',
        same => same,
    }
}

/// Which character set the escape sequences have called in.
#[derive(Copy, Clone)]
enum Called {
    Ascii,
    Kana,
    Jis0208,
    Jis0212,
}

/// ISO-2022-JP as EUC-JP. A line's end returns to ASCII, said or not.
fn resolve_escapes(bytes: &[u8]) -> Result<Vec<u8>, Undecodable> {
    let mut called = Called::Ascii;
    let mut euc = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, after @ ..] = rest {
        rest = after;
        match (*first, called) {
            (ESC, _) => (called, rest) = call(after)?,
            (b'\r' | b'\n', _) => {
                called = Called::Ascii;
                euc.push(*first);
            }
            (0x0e | 0x0f | 0x80.., _) => return Err(Undecodable),
            (byte, Called::Ascii) => euc.push(byte),
            (byte @ 0x21..=0x5f, Called::Kana) => euc.extend([0x8e, byte | 0x80]),
            (byte @ 0x21..=0x7e, Called::Jis0208 | Called::Jis0212) => {
                let [second @ 0x21..=0x7e, after @ ..] = rest else {
                    return Err(Undecodable);
                };
                if matches!(called, Called::Jis0212) {
                    euc.push(0x8f);
                }
                euc.extend([byte | 0x80, *second | 0x80]);
                rest = after;
            }
            _ => return Err(Undecodable),
        }
    }
    Ok(euc)
}

/// `ESC ( J`, JIS Roman, is taken for ASCII: writers use it to come back from kanji, and mean the
/// delimiters behind it.
fn call(after: &[u8]) -> Result<(Called, &[u8]), Undecodable> {
    match after {
        [b'(', b'B' | b'J', rest @ ..] => Ok((Called::Ascii, rest)),
        [b'(', b'I', rest @ ..] => Ok((Called::Kana, rest)),
        [b'$', b'@' | b'B', rest @ ..] => Ok((Called::Jis0208, rest)),
        [b'$', b'(', b'D', rest @ ..] => Ok((Called::Jis0212, rest)),
        _ => Err(Undecodable),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use proptest::prelude::*;

    use super::*;

    fn decoded(bytes: &[u8]) -> String {
        decode(bytes).unwrap().0
    }

    #[test]
    fn bytes_that_look_like_delimiters_are_half_of_a_kanji() {
        // Second bytes 5E, 7C, 7E, 26 and 5C: `^`, `|`, `~`, `&` and `\`.
        let bytes = b"\x1b$B8^F|;~0&K\\\x1b(B^x";
        assert_eq!(decoded(bytes), "五日時愛本^x");
    }

    #[test]
    fn minus_and_wave_dash_are_those_of_jis() {
        assert_eq!(decoded(b"\x1b$B!]!A\x1b(B"), "\u{2212}\u{301c}");
        assert_eq!(decoded(b"\x81\x7c"), "\u{2212}");
        assert_eq!(decoded("\u{ff0d}".as_bytes()), "\u{ff0d}");
    }

    #[test]
    fn sequences_in_a_row_mean_the_last_one() {
        assert_eq!(
            decoded(b"a\x1b$B\x1b(B\x1b$B4A\x1b(B\x1b$B;z\x1b(Bb"),
            "a漢字b"
        );
    }

    #[test]
    fn roman_keeps_the_delimiters() {
        assert_eq!(decoded(b"\x1b$B4A\x1b(J~\\^\x1b(B"), "漢~\\^");
    }

    #[test]
    fn kana_and_supplementary_kanji_are_read() {
        assert_eq!(decoded(b"\x1b(I6E\x1b(B"), "ｶﾅ");
        assert_eq!(decoded(b"\x1b$(D0!\x1b(B"), "丂");
    }

    #[test]
    fn a_line_end_returns_to_ascii() {
        assert_eq!(decoded(b"\x1b$B4A\rPID|"), "漢\rPID|");
    }

    #[test]
    fn utf8_and_shift_jis_are_told_apart() {
        assert_eq!(
            decode("\u{feff}漢字".as_bytes()),
            Ok(("漢字".into(), Encoding::Utf8))
        );
        assert_eq!(
            decode(b"\x8a\xbf\x8e\x9a"),
            Ok(("漢字".into(), Encoding::ShiftJis))
        );
        assert_eq!(decode(b"PID"), Ok(("PID".into(), Encoding::Iso2022Jp)));
    }

    #[test]
    fn what_is_cut_or_mixed_is_undecodable() {
        for bytes in [
            &b"\x1b$B4\x1b(B"[..],
            b"\x1b$B4",
            b"\x1b",
            b"\x1b%G",
            b"\x1b$B4A\x1b(B\x8a\xbf",
            b"\x1b$B4A\x0e",
            b"\xff\xff",
            b"\x1b$B-\"\x1b(B\x1b$B}~\x1b(B",
        ] {
            assert_eq!(decode(bytes), Err(Undecodable), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(
            prop_oneof![Just(ESC), Just(b'$'), Just(b'B'), Just(b'('), 0_u8..], 0..80))
        {
            let _ = decode(&bytes);
        }
    }
}
