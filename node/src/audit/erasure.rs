//! The end of retention: what a line said goes, that there was a line stays.

use federation_protocol::time::Timestamp;

use super::store::erasure;
use super::{Audit, AuditError, Kind, Line, append};
use crate::database::DatabaseError;

impl Audit {
    /// How many lines before `before` still say something.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn count_erasable(&self, before: Timestamp) -> Result<i64, DatabaseError> {
        self.database
            .read(move |connection| erasure::count_erasable(connection, before.micros()))
            .await
    }

    /// Erases what the lines before `before` say; how many. Their numbers, times and leaves stay,
    /// and the erasure is a line of its own. Lines of earlier programs that were never sealed are left
    /// as they are.
    ///
    /// `keep_seconds` is what the settings want kept at the least; `None`: everything, for ever.
    ///
    /// # Errors
    /// `Retention`, `Database`; then nothing was erased.
    pub async fn erase(
        &self,
        before: Timestamp,
        keep_seconds: Option<i64>,
        now: Timestamp,
        by: &str,
    ) -> Result<usize, AuditError> {
        let kept_since = keep_seconds.map(|seconds| now.plus_seconds(seconds.saturating_neg()));
        if kept_since.is_none_or(|since| before > since) {
            return Err(AuditError::Retention);
        }
        let by = by.to_owned();
        self.database
            .transact(move |connection| {
                erasure::allow(connection, before.micros(), now.micros())?;
                let erased = erasure::erase(connection, before.micros())?;
                let line = Line::new(Kind::Erasure, now, "admin")
                    .actor_id(&by)
                    .detail("before", before.micros().to_string())
                    .detail("lines", erased);
                append(connection, &line)?;
                Ok(erased)
            })
            .await
    }
}
