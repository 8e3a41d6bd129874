//! The emergency room's only SQL: second factors, counts, accesses, notices.

pub(super) mod accesses;
pub(super) mod factor;
pub(super) mod notices;

use crate::database::DatabaseError;

/// A stored value that this room did not write like this: only an edited table holds one.
fn unreadable(what: &str, of: &str) -> DatabaseError {
    let message = format!("{what} of {of} cannot be read");
    DatabaseError::Query(diesel::result::Error::DeserializationError(message.into()))
}
