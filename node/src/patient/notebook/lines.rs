//! One record of the format: fields in Shift_JIS, parted by commas, each cut to its length in bytes.
//!
//! No field can part itself or end its line: commas become 「，」, ends of lines a space. A character
//! that Shift_JIS (as Windows has it) lacks is written as the form that Unicode holds equal, else 〓.

use encoding_rs::SHIFT_JIS;
use unicode_normalization::UnicodeNormalization as _;

/// What stands for a character that cannot be written: the geta of printers.
const GETA: char = '〓';

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::patient) struct Line {
    text: String,
}

/// A field of any characters, at most so many bytes.
#[derive(Clone, Copy)]
pub(super) struct Text(usize);

/// A field of digits, letters, points and hyphens, at most so many bytes.
#[derive(Clone, Copy)]
pub(super) struct Code(usize);

impl Text {
    pub(super) const fn bytes(most: usize) -> Self {
        Self(most)
    }
}

impl Code {
    pub(super) const fn bytes(most: usize) -> Self {
        Self(most)
    }
}

impl Line {
    /// What every notebook begins with: format and output kind 1, to a person.
    pub(super) fn version() -> Self {
        Self::of("JAHISTC08").code(Code::bytes(1), "1")
    }

    /// A record of this number, without fields yet.
    pub(super) fn of(number: &'static str) -> Self {
        Self {
            text: number.to_owned(),
        }
    }

    /// One more field of text.
    pub(super) fn text(mut self, field: Text, said: &str) -> Self {
        self.text.push(',');
        self.text.push_str(&fitting(said, field.0));
        self
    }

    /// One more field of a code; empty where it is no code, or too long: half a code means another.
    pub(super) fn code(mut self, field: Code, said: &str) -> Self {
        let plain = said
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
        self.text.push(',');
        if plain && said.len() <= field.0 {
            self.text.push_str(said);
        }
        self
    }

    /// So many fields without anything.
    pub(super) fn empty(mut self, fields: usize) -> Self {
        self.text.extend(std::iter::repeat_n(',', fields));
        self
    }

    /// Who made the record.
    pub(super) fn made_by(self, whom: &str) -> Self {
        self.code(Code::bytes(1), whom)
    }

    /// The record in Shift_JIS, without the end of its line.
    pub(super) fn bytes(&self) -> Vec<u8> {
        SHIFT_JIS.encode(&self.text).0.into_owned()
    }

    /// The record in Unicode.
    #[cfg(test)]
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }
}

/// As much of a text as fits `most` bytes of Shift_JIS, every character one that it has.
fn fitting(said: &str, most: usize) -> String {
    let mut fitting = String::new();
    let mut length = 0_usize;
    for c in said.trim().chars().flat_map(writable) {
        let Some(bytes) = encoded(c) else {
            continue;
        };
        length = length.saturating_add(bytes);
        if length > most {
            break;
        }
        fitting.push(c);
    }
    fitting.trim_end().to_owned()
}

/// The characters that are written for one.
fn writable(c: char) -> Vec<char> {
    match c {
        ',' => vec!['，'],
        '"' => vec!['”'],
        '\r' | '\n' | '\t' => vec![' '],
        c if c.is_control() => Vec::new(),
        // A selector of a glyph: the character before it stands by itself.
        '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => Vec::new(),
        c if encoded(c).is_some() => vec![c],
        c => {
            let equal: Vec<char> = std::iter::once(c).nfkc().collect();
            let usable = |one: &char| encoded(*one).is_some() && !matches!(one, ',' | '"');
            if !equal.is_empty() && equal.iter().all(usable) {
                equal
            } else {
                vec![GETA]
            }
        }
    }
}

/// How many bytes a character has in Shift_JIS, if it has it.
fn encoded(c: char) -> Option<usize> {
    let mut buffer = [0; 4];
    let (bytes, _encoding, lost) = SHIFT_JIS.encode(c.encode_utf8(&mut buffer));
    (!lost).then_some(bytes.len())
}
