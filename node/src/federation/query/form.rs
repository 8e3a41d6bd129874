//! `application/x-www-form-urlencoded`, strictly.

use super::QueryError;

/// Name and value pairs of an `application/x-www-form-urlencoded` text, strictly: percent signs
/// stand before two hexadecimal digits, and the result is UTF-8.
///
/// # Errors
/// [`QueryError::Form`].
pub fn form_pairs(form: &[u8]) -> Result<Vec<(String, String)>, QueryError> {
    if form.is_empty() {
        return Ok(Vec::new());
    }
    form.split(|byte| *byte == b'&')
        .map(|pair| {
            let mut parts = pair.splitn(2, |byte| *byte == b'=');
            match (parts.next(), parts.next()) {
                (Some(name), Some(value)) => Ok((decode(name)?, decode(value)?)),
                _ => Err(QueryError::Form),
            }
        })
        .collect()
}

fn decode(text: &[u8]) -> Result<String, QueryError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let high = rest
                    .next()
                    .and_then(|digit| hex(*digit))
                    .ok_or(QueryError::Form)?;
                let low = rest
                    .next()
                    .and_then(|digit| hex(*digit))
                    .ok_or(QueryError::Form)?;
                bytes.push(high * 16 + low);
            }
            0x21..=0x7e => bytes.push(*byte),
            _ => return Err(QueryError::Form),
        }
    }
    String::from_utf8(bytes).map_err(|_ignored| QueryError::Form)
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

pub(super) fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut out, byte| {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    out.push(char::from(byte));
                }
                _ => {
                    let _ = write!(out, "%{byte:02X}");
                }
            }
            out
        })
}
