//! HL7 v2.5 messages, split where they are asked and never copied. Owns delimiters and escapes;
//! knows no segment's meaning.
//!
//! Ours, because no crate serves: `hl7-parser` (Apache-2.0, last release 2025-02) silently drops
//! everything behind the first line that it cannot parse, which would lose a patient's results;
//! it decodes no `\X..\`, builds the whole tree of every message and bounds nothing. `rust-hl7`
//! calls itself experimental. `hl7v2` is AGPL.

mod escape;

/// More than any message of a hospital has; a text with more is not read. The limits keep what is
/// made of a message in proportion to it: an order's fields go into each of its results.
const MAX_SEGMENTS: usize = 20_000;
const MAX_REPETITIONS: usize = 20_000;
/// Of all segments but OBX and NTE, which hold texts.
const MAX_SEGMENT_BYTES: usize = 64 << 10;

/// Why a text is no message.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotHl7;

/// The five signs that MSH declares.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
struct Delimiters {
    field: char,
    component: char,
    repetition: char,
    escape: char,
    subcomponent: char,
}

impl Delimiters {
    /// From the line behind `MSH`. What MSH-2 leaves out is as usual.
    fn declared(after_msh: &str) -> Option<Self> {
        let mut signs = after_msh.chars();
        let field = signs.next()?;
        let mut declared = signs.take_while(|sign| *sign != field);
        let mut next = |usual: char| declared.next().unwrap_or(usual);
        let found = Self {
            field,
            component: next('^'),
            repetition: next('~'),
            escape: next('\\'),
            subcomponent: next('&'),
        };
        found.are_distinct_signs().then_some(found)
    }

    fn are_distinct_signs(self) -> bool {
        let all = [
            self.field,
            self.component,
            self.repetition,
            self.escape,
            self.subcomponent,
        ];
        let mut distinct = all.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        distinct.len() == all.len() && all.iter().all(char::is_ascii_punctuation)
    }
}

/// A message: its segments in order.
#[derive(Debug)]
pub(crate) struct Message<'t> {
    segments: Vec<Segment<'t>>,
    /// Lines that are no segment: text that a sender broke without escaping.
    stray_lines: usize,
}

impl<'t> Message<'t> {
    /// Splits a decoded text. Segments end with CR, CRLF or LF.
    pub(crate) fn parse(text: &'t str) -> Result<Self, NotHl7> {
        let framed = |sign: char| matches!(sign, '\u{b}' | '\u{1c}' | '\r' | '\n' | ' ');
        let text = text.trim_matches(framed);
        let delimiters = text.strip_prefix("MSH").ok_or(NotHl7)?;
        let delimiters = Delimiters::declared(delimiters).ok_or(NotHl7)?;
        if text.matches(delimiters.repetition).count() > MAX_REPETITIONS {
            return Err(NotHl7);
        }
        let mut message = Self {
            segments: Vec::new(),
            stray_lines: 0,
        };
        for line in text.split(['\r', '\n']).filter(|line| !line.is_empty()) {
            match Segment::of(line, delimiters) {
                Some(segment) => message.segments.push(segment),
                None => message.stray_lines += 1,
            }
            if message.segments.len() > MAX_SEGMENTS || is_overlong(line) {
                return Err(NotHl7);
            }
        }
        Ok(message)
    }

    pub(crate) fn segments(&self) -> &[Segment<'t>] {
        &self.segments
    }

    pub(crate) fn first(&self, name: &str) -> Option<Segment<'t>> {
        first(&self.segments, name)
    }

    pub(crate) const fn stray_lines(&self) -> usize {
        self.stray_lines
    }
}

fn is_overlong(line: &str) -> bool {
    line.len() > MAX_SEGMENT_BYTES && !line.starts_with("OBX") && !line.starts_with("NTE")
}

/// The first segment of this name.
pub(crate) fn first<'t>(segments: &[Segment<'t>], name: &str) -> Option<Segment<'t>> {
    all(segments, name).next()
}

/// The segments of this name.
pub(crate) fn all<'s, 't>(
    segments: &'s [Segment<'t>],
    name: &'s str,
) -> impl Iterator<Item = Segment<'t>> {
    let named = move |segment: &&Segment<'t>| segment.name == name;
    segments.iter().filter(named).copied()
}

/// The runs of segments that begin with one of this name; what stands before the first is in none.
pub(crate) fn groups<'s, 't>(
    segments: &'s [Segment<'t>],
    start: &str,
) -> impl Iterator<Item = &'s [Segment<'t>]> {
    let runs = segments.chunk_by(move |_, next| next.name != start);
    runs.filter(move |run| run.first().is_some_and(|segment| segment.name == start))
}

/// One segment.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Segment<'t> {
    pub(crate) name: &'t str,
    fields: &'t str,
    delimiters: Delimiters,
}

impl<'t> Segment<'t> {
    fn of(line: &'t str, delimiters: Delimiters) -> Option<Self> {
        let (name, fields) = line.split_once(delimiters.field).unwrap_or((line, ""));
        let named = name.len() == 3
            && name
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        named.then_some(Self {
            name,
            fields,
            delimiters,
        })
    }

    /// Field `number` as the standard counts; empty if the segment is shorter. MSH-1 is the field
    /// delimiter itself and cannot be asked for.
    pub(crate) fn field(self, number: usize) -> Piece<'t> {
        let before = if self.name == "MSH" { 2 } else { 1 };
        let at = number.checked_sub(before);
        let mut fields = self.fields.split(self.delimiters.field);
        let raw = at.and_then(|at| fields.nth(at)).unwrap_or_default();
        Piece {
            raw,
            delimiters: self.delimiters,
        }
    }

    /// The first component of the field's first repetition: what a field of one value says.
    pub(crate) fn text(self, number: usize) -> Option<String> {
        self.field(number).component(1).text()
    }
}

/// A field, a repetition, a component or a sub-component.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Piece<'t> {
    raw: &'t str,
    delimiters: Delimiters,
}

impl<'t> Piece<'t> {
    const fn with(self, raw: &'t str) -> Self {
        Self {
            raw,
            delimiters: self.delimiters,
        }
    }

    /// Whether nothing was sent.
    pub(crate) fn is_empty(self) -> bool {
        self.raw.is_empty()
    }

    /// Of a field: its repetitions, empty ones left out.
    pub(crate) fn repeats(self) -> impl Iterator<Item = Self> {
        self.all_repeats().filter(|piece| !piece.is_empty())
    }

    /// Of a field: its repetitions, where their place means something.
    pub(crate) fn all_repeats(self) -> impl Iterator<Item = Self> {
        let raw = self.raw.split(self.delimiters.repetition);
        raw.map(move |raw| self.with(raw))
    }

    /// Of a field or a repetition: component `number`, counted from 1; of the first repetition.
    pub(crate) fn component(self, number: usize) -> Self {
        let first = self.raw.split(self.delimiters.repetition).next();
        let mut parts = first.unwrap_or_default().split(self.delimiters.component);
        let raw = number.checked_sub(1).and_then(|at| parts.nth(at));
        self.with(raw.unwrap_or_default())
    }

    /// Of a component: sub-component `number`, counted from 1.
    pub(crate) fn sub(self, number: usize) -> Self {
        let mut parts = self.raw.split(self.delimiters.subcomponent);
        let raw = number.checked_sub(1).and_then(|at| parts.nth(at));
        self.with(raw.unwrap_or_default())
    }

    /// A component with its sub-components in the places of components: `a&b&c` as `a^b^c`.
    pub(crate) fn lowered(self) -> Self {
        let delimiters = Delimiters {
            component: self.delimiters.subcomponent,
            subcomponent: self.delimiters.component,
            ..self.delimiters
        };
        Self {
            raw: self.raw,
            delimiters,
        }
    }

    /// The whole piece as text, escapes resolved, padding and signs that no text may hold taken
    /// off. None if nothing is left, and for HL7's null `""`, which says that there is no value.
    pub(crate) fn text(self) -> Option<String> {
        if self.raw == "\"\"" {
            return None;
        }
        let text = escape::resolve(self.raw, self.delimiters);
        let trimmed = text.trim_matches([' ', '\t', '\r', '\n']);
        (!trimmed.trim().is_empty()).then(|| trimmed.to_owned())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    const TEXT: &str = "MSH|^~\\&|HIS|雪見\rPID|1||0007^^^^PI~8||雪見^花^^^^^L^I~ユキミ^ハナ^^^^^L^P\r\n\
                        OBX|1|ST|||\"\"|a&b&c|  - \nORC|NW\rOBX|2\rORC|CA\r";

    #[test]
    fn pieces_are_counted_as_the_standard_counts() {
        let message = Message::parse(TEXT).unwrap();
        assert_eq!(message.first("MSH").unwrap().text(4).unwrap(), "雪見");
        let pid = message.first("PID").unwrap();
        assert_eq!(pid.text(3).unwrap(), "0007");
        assert_eq!(pid.field(3).component(5).text().unwrap(), "PI");
        let kana = pid.field(5).repeats().nth(1).unwrap();
        assert_eq!(kana.component(2).text().unwrap(), "ハナ");
        assert_eq!(pid.text(99), None);
        let obx = message.first("OBX").unwrap();
        assert_eq!(obx.field(6).component(1).sub(3).text().unwrap(), "c");
        assert_eq!(
            obx.field(6)
                .component(1)
                .lowered()
                .component(2)
                .text()
                .unwrap(),
            "b"
        );
        assert_eq!(obx.text(5), None);
        assert_eq!(obx.text(7).unwrap(), "-");
    }

    #[test]
    fn groups_begin_with_their_segment() {
        let message = Message::parse(TEXT).unwrap();
        let orders: Vec<Vec<&str>> = groups(message.segments(), "ORC")
            .map(|run| run.iter().map(|segment| segment.name).collect())
            .collect();
        assert_eq!(orders, [vec!["ORC", "OBX"], vec!["ORC"]]);
    }

    #[test]
    fn a_broken_line_loses_nothing_behind_it() {
        let message = Message::parse("MSH|^~\\&|\rNTE|1||broken\nhere\rOBX|1\r").unwrap();
        assert_eq!(message.stray_lines(), 1);
        assert!(message.first("OBX").is_some());
    }

    #[test]
    fn what_would_grow_without_bound_is_no_message() {
        let of = |line: &str| Message::parse(&format!("MSH|^~\\&|\r{line}")).is_ok();
        assert!(of(&format!("OBX|1|{}", "x".repeat(MAX_SEGMENT_BYTES))));
        assert!(!of(&format!("ORC|1|{}", "x".repeat(MAX_SEGMENT_BYTES))));
        assert!(!of(&format!("OBX|{}", "~".repeat(MAX_REPETITIONS))));
        assert!(of(&"OBX|\r".repeat(MAX_SEGMENTS - 1)));
        assert!(!of(&"OBX|\r".repeat(MAX_SEGMENTS)));
    }

    #[test]
    fn delimiters_are_those_that_msh_declares() {
        let message = Message::parse("MSH*:;!@*\rPID***a:b;c").unwrap();
        let field = message.first("PID").unwrap().field(3);
        assert_eq!(field.component(2).text().unwrap(), "b");
        for text in ["", "PID|1", "MSH", "MSHa^~\\&a", "MSH|^^\\&|", "MSH|||"] {
            let expected = text == "MSH|||";
            assert_eq!(Message::parse(text).is_ok(), expected, "{text}");
        }
    }
}
