//! The file of a form, as its bytes arrive: the first part that has a file name is handed on, other
//! parts are passed over. Names and types that a sender claims are not looked at.
//!
//! Source: RFC 7578, RFC 2046 section 5.1.

/// Why a form is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// The largest head of a part, in bytes.
const MOST_HEAD: usize = 8 << 10;
/// The longest boundary, by RFC 2046.
const LONGEST_BOUNDARY: usize = 70;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before the first boundary, or in a part that is passed over.
    Elsewhere,
    /// Behind a boundary: either more, or the end.
    Boundary,
    Head,
    /// At the beginning of the file.
    Empty,
    File,
    End,
}

/// A form on its way in.
#[derive(Debug)]
pub(super) struct Form {
    /// What parts two parts: CR LF, two dashes, the boundary.
    line: Vec<u8>,
    waiting: Vec<u8>,
    at: At,
    has_file: bool,
}

impl Form {
    /// A form of this `Content-Type`; `None` where it is no form with files.
    pub(super) fn of(content_type: &str) -> Option<Result<Self, Malformed>> {
        let (kind, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
        if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
            return None;
        }
        let boundary = parameters.split(';').find_map(|one| {
            let (name, value) = one.split_once('=')?;
            name.trim()
                .eq_ignore_ascii_case("boundary")
                .then(|| value.trim().trim_matches('"'))
        });
        let lawful = |boundary: &&str| {
            (1..=LONGEST_BOUNDARY).contains(&boundary.len())
                && boundary
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic() || byte == b' ')
        };
        let made = boundary.filter(lawful).map(|boundary| Self {
            line: format!("\r\n--{boundary}").into_bytes(),
            // The first boundary stands at the very beginning.
            waiting: b"\r\n".to_vec(),
            at: At::Elsewhere,
            has_file: false,
        });
        Some(made.ok_or(Malformed))
    }

    /// Takes some bytes; those of them, and of those before, that are the file's.
    ///
    /// # Errors
    /// [`Malformed`].
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
        self.waiting.extend_from_slice(bytes);
        let mut file = Vec::new();
        while self.advance(&mut file)? {}
        Ok(file)
    }

    /// Whether the file was there, and the form is whole.
    pub(super) fn is_whole(&self) -> bool {
        self.has_file && self.at == At::End
    }

    /// One step; `false` where more bytes are needed for the next.
    fn advance(&mut self, file: &mut Vec<u8>) -> Result<bool, Malformed> {
        match self.at {
            At::Elsewhere | At::File => {
                let found = find(&self.waiting, &self.line);
                // What may be the beginning of a boundary waits.
                let certain = found.unwrap_or_else(|| {
                    let held = self.line.len().saturating_sub(1);
                    self.waiting.len().saturating_sub(held)
                });
                let passed = self.cut(certain);
                if self.at == At::File {
                    file.extend_from_slice(&passed);
                }
                if found.is_none() {
                    return Ok(false);
                }
                self.cut(self.line.len());
                self.at = At::Boundary;
                Ok(true)
            }
            // The line end that closes the head may be that of the next boundary.
            At::Empty if self.waiting.len() < self.line.len() => Ok(false),
            At::Empty => {
                if !self.waiting.starts_with(&self.line) {
                    self.cut(2);
                }
                self.at = At::File;
                Ok(true)
            }
            At::Boundary => self.behind_boundary(),
            At::Head => {
                let Some(end) = find(&self.waiting, b"\r\n\r\n") else {
                    let fits = self.waiting.len() <= MOST_HEAD;
                    return if fits { Ok(false) } else { Err(Malformed) };
                };
                let head = self.cut(end);
                self.cut(2);
                let is_file = !self.has_file && names_a_file(&head);
                self.has_file |= is_file;
                self.at = if is_file { At::Empty } else { At::Elsewhere };
                Ok(true)
            }
            At::End => {
                self.waiting.clear();
                Ok(false)
            }
        }
    }

    fn behind_boundary(&mut self) -> Result<bool, Malformed> {
        match self.waiting.get(..2) {
            None => Ok(false),
            Some(b"--") => {
                self.at = At::End;
                Ok(true)
            }
            Some(b"\r\n") => {
                self.cut(2);
                self.at = At::Head;
                Ok(true)
            }
            Some(_other) => Err(Malformed),
        }
    }

    /// Takes so many waiting bytes.
    fn cut(&mut self, count: usize) -> Vec<u8> {
        let count = count.min(self.waiting.len());
        let rest = self.waiting.split_off(count);
        std::mem::replace(&mut self.waiting, rest)
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// Whether a part's head has a `filename` that is not empty.
fn names_a_file(head: &[u8]) -> bool {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let mut lines = head.lines();
    lines.any(|line| {
        line.starts_with("content-disposition:")
            && line.split(';').any(|one| {
                one.trim_start().starts_with("filename") && !one.trim_end().ends_with("\"\"")
            })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use proptest::prelude::*;

    use super::*;

    const KIND: &str = "multipart/form-data; boundary=----x7";

    fn form(file: &[u8]) -> Vec<u8> {
        let head = "------x7\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhi\r\n\
                    ------x7\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../../e.zip\"\r\n\
                    Content-Type: application/zip\r\n\r\n";
        [head.as_bytes(), file, b"\r\n------x7--\r\n"].concat()
    }

    fn read(bytes: &[u8], piece: usize) -> Result<(Vec<u8>, bool), Malformed> {
        let mut form = Form::of(KIND).unwrap()?;
        let mut file = Vec::new();
        for some in bytes.chunks(piece.max(1)) {
            file.extend(form.take(some)?);
        }
        Ok((file, form.is_whole()))
    }

    #[test]
    fn only_a_form_with_files_is_one() {
        assert!(Form::of("application/zip").is_none());
        for broken in [
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=\"\"",
        ] {
            assert!(Form::of(broken).unwrap().is_err(), "{broken}");
        }
    }

    #[test]
    fn a_form_that_breaks_off_is_not_whole() {
        let whole = form(b"PK");
        let (_, is_whole) = read(&whole, 7).unwrap();
        assert!(is_whole);
        let cut = whole.get(..whole.len() - 8).unwrap();
        assert!(!read(cut, 7).unwrap().1);
        let none = b"------x7\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\"\r\n\r\n\r\n------x7--\r\n";
        assert!(!read(none, 7).unwrap().1);
        assert!(read(b"------x7XX", 3).is_err());
        let endless = [b"------x7\r\nA: ".as_slice(), &[b'a'; 10_000]].concat();
        assert!(read(&endless, 100).is_err());
    }

    proptest! {
        #[test]
        fn the_file_comes_out_as_it_went_in_however_it_is_cut(
            file in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..300),
                "[\r\n-]{0,40}(--x7|\r\n-----)?[a-z]{0,5}".prop_map(String::into_bytes),
            ],
            piece in 1_usize..40,
        ) {
            prop_assume!(find(&[b"\r\n", file.as_slice()].concat(), b"\r\n------x7").is_none());
            let (read, is_whole) = read(&form(&file), piece).unwrap();
            prop_assert!(is_whole);
            prop_assert_eq!(read, file);
        }

        #[test]
        fn whatever_arrives_nothing_panics(
            bytes in proptest::collection::vec(any::<u8>(), 0..400), piece in 1_usize..40
        ) {
            let _ = read(&bytes, piece);
            let _ = read(&[b"------x7\r\n".as_slice(), &bytes].concat(), piece);
        }
    }
}
