//! Escape sequences inside a piece.

use super::Delimiters;
use crate::text;

/// The text with its escapes resolved. A backslash that begins no sequence (a yen sign to its
/// writer) and sequences of unknown meaning stay as they were sent.
///
/// Source: HL7 v2.5 section 2.7.
pub(super) fn resolve(raw: &str, delimiters: Delimiters) -> String {
    let mut resolved = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once(delimiters.escape) {
        resolved.push_str(before);
        let sequence = after.split_once(delimiters.escape);
        match sequence.and_then(|(name, behind)| Some((meaning(name, delimiters)?, behind))) {
            Some((meaning, behind)) => {
                resolved.push_str(&meaning);
                rest = behind;
            }
            None => {
                resolved.push(delimiters.escape);
                rest = after;
            }
        }
    }
    resolved.push_str(rest);
    resolved.retain(|sign| !sign.is_control() || matches!(sign, '\n' | '\r' | '\t'));
    resolved
}

fn meaning(name: &str, delimiters: Delimiters) -> Option<String> {
    let sign = match name {
        "F" => delimiters.field,
        "S" => delimiters.component,
        "T" => delimiters.subcomponent,
        "R" => delimiters.repetition,
        "E" => delimiters.escape,
        ".br" | ".sp" | ".ce" => '\n',
        "H" | "N" | ".fi" | ".nf" => return Some(String::new()),
        _ => return hexadecimal(name.strip_prefix('X')?),
    };
    Some(sign.to_string())
}

/// Bytes in the encodings that files are in.
fn hexadecimal(digits: &str) -> Option<String> {
    if digits.is_empty() || !digits.is_ascii() {
        return None;
    }
    let pairs = digits.as_bytes().chunks(2);
    let bytes: Option<Vec<u8>> = pairs
        .map(|pair| {
            let pair = std::str::from_utf8(pair)
                .ok()
                .filter(|pair| pair.len() == 2)?;
            u8::from_str_radix(pair, 16).ok()
        })
        .collect();
    text::decode(&bytes?).ok().map(|(text, _)| text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    fn resolved(raw: &str) -> String {
        resolve(raw, Delimiters::declared("|^~\\&|").unwrap())
    }

    #[test]
    fn the_standards_escapes_are_resolved() {
        assert_eq!(resolved("a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f"), "a|b^c&d~e\\f");
        assert_eq!(resolved("1\\.br\\2\\H\\3\\N\\"), "1\n23");
        assert_eq!(resolved("\\X41\\\\X1B244234411B2842\\"), "A漢");
    }

    #[test]
    fn what_is_no_escape_stays() {
        assert_eq!(resolved("\\1,000 と \\2,000"), "\\1,000 と \\2,000");
        assert_eq!(resolved("\\Z1\\\\XZZ\\\\X4\\"), "\\Z1\\\\XZZ\\\\X4\\");
        assert_eq!(resolved("end\\"), "end\\");
    }

    #[test]
    fn control_signs_are_taken_off() {
        assert_eq!(resolved("a\\X00\\b\\X0A\\c\u{1}"), "ab\nc");
    }
}
