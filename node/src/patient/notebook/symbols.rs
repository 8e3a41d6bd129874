//! The records as QR codes: as few as hold them, none so dense that an old phone cannot read it from
//! another's screen.

use super::lines::{Code, Line};
use crate::pages::qr;

/// The most bytes in one symbol. At level M this is version 19 of 40: 93 modules a side, more than
/// three points each on a screen 360 points wide.
const MOST_BYTES: usize = 600;
/// More symbols than this nobody scans one after another.
const MOST_SYMBOLS: usize = 20;

/// QR codes to be shown one after another.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::patient) enum Symbols {
    /// The codes as SVG, in order.
    Codes(Vec<String>),
    /// More than anybody would scan: the file is the way.
    TooMany,
}

/// The symbols of `records`; the first of them is the version. `id` is 14 digits that the parts of one
/// notebook share.
///
/// Source: JAHIS 電子版お薬手帳データフォーマット仕様書, splitting: each part begins with the version record and
/// ends with record 911.
pub(in crate::patient) fn symbols(records: &[Line], id: &str) -> Symbols {
    let Some(parts) = parts(records, id) else {
        return Symbols::TooMany;
    };
    let codes: Option<Vec<String>> = parts.iter().map(|part| qr(part)).collect();
    codes.map_or(Symbols::TooMany, Symbols::Codes)
}

/// The bytes of each symbol; `None` if they would be too many.
pub(super) fn parts(records: &[Line], id: &str) -> Option<Vec<Vec<u8>>> {
    let (version, body) = records.split_first()?;
    let whole = super::file(records);
    if whole.len() <= MOST_BYTES {
        return Some(vec![whole]);
    }
    let around = version
        .bytes()
        .len()
        .saturating_add(control(id, 999, 999).bytes().len());
    let room = MOST_BYTES.saturating_sub(around.saturating_add(4));
    let mut chunks: Vec<Vec<&Line>> = vec![Vec::new()];
    let mut used = 0_usize;
    for record in body {
        let length = record.bytes().len().saturating_add(2);
        if used.saturating_add(length) > room && used > 0 {
            chunks.push(Vec::new());
            used = 0;
        }
        used = used.saturating_add(length);
        chunks.last_mut()?.push(record);
    }
    let count = chunks.len();
    if count > MOST_SYMBOLS {
        return None;
    }
    let part = |(at, chunk): (usize, Vec<&Line>)| {
        let mut part = vec![version.clone()];
        part.extend(chunk.into_iter().cloned());
        part.push(control(id, count, at.saturating_add(1)));
        super::file(&part)
    };
    Some(chunks.into_iter().enumerate().map(part).collect())
}

/// Record 911: which part of how many.
fn control(id: &str, count: usize, at: usize) -> Line {
    Line::of("911")
        .code(Code::bytes(14), id)
        .code(Code::bytes(3), &count.to_string())
        .code(Code::bytes(3), &at.to_string())
}
