//! The consent room's only SQL: directives, visit codes, tokens.

pub(super) mod codes;
pub(super) mod directives;
pub(super) mod outbox;
pub(super) mod paper;
pub(super) mod pending;
pub(super) mod revoked;
pub(super) mod tokens;

use crate::database::DatabaseError;

/// A stored value that this room did not write like this: only an edited table holds one. Better no
/// answer than one without it.
pub(super) fn unreadable(what: &str, of: &str) -> DatabaseError {
    let message = format!("{what} of {of} cannot be read");
    DatabaseError::Query(diesel::result::Error::DeserializationError(message.into()))
}
