//! The mark that something was verified: made only by verifying, in this crate.

use std::ops::Deref;

/// A value whose proof was checked: a request whose signature fits its bytes, a token of the
/// patient's home node, a directory of the pinned registry.
///
/// Only the verifying functions of this crate make one, so whoever holds one need not ask again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value without its mark.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
