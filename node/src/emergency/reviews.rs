//! The privacy officers' list: every emergency access, at both ends, until somebody has looked at it.

use super::accesses::{Access, Closing};
use super::{Emergency, store};
use crate::audit::{self, Kind, Line};
use crate::database::DatabaseError;

/// The fewest characters of a note.
const SHORTEST_NOTE: usize = 5;
/// The most characters.
const LONGEST_NOTE: usize = 2_000;

/// Why a review was not closed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReviewError {
    /// No access has this id.
    #[error("no emergency access with this id")]
    Unknown,
    /// It is closed already.
    #[error("this review was closed before")]
    Closed,
    /// Nobody reviews their own access.
    #[error("nobody reviews their own access")]
    Own,
    /// It is not said what was found.
    #[error("a note of {SHORTEST_NOTE} to {LONGEST_NOTE} characters is needed: what was found")]
    Note,
    /// It is not said who closes it.
    #[error("who closes a review must have a staff id")]
    Nameless,
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl Emergency {
    /// Accesses with their reviews, newest first; those that nobody closed only, if `open`.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn reviews(&self, open: bool) -> Result<Vec<Access>, DatabaseError> {
        self.parts
            .database
            .read(move |connection| store::accesses::list(connection, open))
            .await
    }

    /// Closes a review as the officer `by`, who is not the practitioner that it is about.
    ///
    /// # Errors
    /// `Nameless`, `Note`, `Unknown`, `Own`, `Closed`, `Database`.
    pub async fn close(&self, id: &str, by: &str, note: &str) -> Result<(), ReviewError> {
        let note = note.trim();
        if by.is_empty() {
            return Err(ReviewError::Nameless);
        }
        if !(SHORTEST_NOTE..=LONGEST_NOTE).contains(&note.chars().count()) {
            return Err(ReviewError::Note);
        }
        let (id, me) = (id.to_owned(), self.parts.me.clone());
        let closing = Closing {
            at: self.parts.clock.now(),
            by: by.to_owned(),
            note: note.to_owned(),
        };
        self.parts
            .database
            .transact(move |connection| {
                let access = store::accesses::find(connection, &id)?.ok_or(ReviewError::Unknown)?;
                if access.asker == me && access.practitioner == closing.by {
                    return Err(ReviewError::Own);
                }
                if access.closing.is_some() {
                    return Err(ReviewError::Closed);
                }
                store::accesses::close(connection, &id, &closing)?;
                let line = Line::new(Kind::Emergency, closing.at, "auditor")
                    .actor_id(&closing.by)
                    .outcome("review_closed")
                    .detail("access", id.as_str());
                audit::append(connection, &line)?;
                Ok(())
            })
            .await
    }
}
