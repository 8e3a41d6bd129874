//! Readers that end with an error where something costs more than it may.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::rc::Rc;

/// Which bound was reached. Travels inside an [`io::Error`] through foreign readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    /// The directory of the archive.
    Directory,
    /// The bytes of XML.
    Total,
    /// The bytes of one piece of markup.
    Markup,
}

impl Bound {
    /// The bound that an error is about.
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref::<Self>().copied()
    }

    fn reached(self) -> io::Error {
        io::Error::other(self)
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("more than allowed")
    }
}

impl std::error::Error for Bound {}

/// A file of which, while a budget is set, only so many bytes can be read.
pub(crate) struct Budgeted<R> {
    inner: R,
    left: Rc<Cell<Option<u64>>>,
}

/// Lifts the budget of a [`Budgeted`].
pub(crate) struct Budget(Rc<Cell<Option<u64>>>);

impl Budget {
    pub(crate) fn lift(&self) {
        self.0.set(None);
    }
}

impl<R> Budgeted<R> {
    pub(crate) fn new(inner: R, bytes: u64) -> (Self, Budget) {
        let left = Rc::new(Cell::new(Some(bytes)));
        let budget = Budget(Rc::clone(&left));
        (Self { inner, left }, budget)
    }
}

impl<R: Read> Read for Budgeted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        if let Some(left) = self.left.get() {
            let left = left.checked_sub(size(read));
            self.left.set(Some(left.unwrap_or(0)));
            left.ok_or_else(|| Bound::Directory.reached())?;
        }
        Ok(read)
    }
}

impl<R: Seek> Seek for Budgeted<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

/// What was unpacked: not more than so many bytes.
pub(crate) struct Unpacked<R> {
    inner: R,
    left: u64,
}

impl<R> Unpacked<R> {
    pub(crate) fn new(inner: R, most: u64) -> Self {
        Self { inner, left: most }
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self
            .left
            .checked_sub(size(read))
            .ok_or_else(|| Bound::Total.reached())?;
        Ok(read)
    }
}

/// Text of which only so many bytes may go by until it is told that a piece is complete.
pub(crate) struct Pieces<R> {
    inner: R,
    since: usize,
    most: usize,
}

impl<R> Pieces<R> {
    pub(crate) fn new(inner: R, most: usize) -> Self {
        Self {
            inner,
            since: 0,
            most,
        }
    }

    /// A piece is complete.
    pub(crate) fn complete(&mut self) {
        self.since = 0;
    }
}

impl<R: Read> Read for Pieces<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer)
    }
}

impl<R: BufRead> BufRead for Pieces<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.since > self.most {
            return Err(Bound::Markup.reached());
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.since = self.since.saturating_add(amount);
        self.inner.consume(amount);
    }
}

fn size(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
