//! What a person's home is told of an emergency access at a hospital that they are linked with.

use super::{Reason, closed};
use crate::link::PatientHandle;
use crate::member::MemberId;
use crate::signature::ExchangeId;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The body of `POST /federation/v1/notices`: somebody looked at this person's records here in an
/// emergency. It counts only from the member that the handle's link names as responder; whoever
/// sends it is told the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmergencyNotice {
    /// The responder's own id of the access, a UUIDv7, the same each time it is told.
    pub id: String,
    /// Whose records.
    pub patient: PatientHandle,
    /// The member that asked.
    pub asker: MemberId,
    /// The asker's own id of the practitioner.
    pub practitioner: String,
    /// Why, as the practitioner said.
    pub reason: Reason,
    /// When, seconds since 1970 UTC.
    pub at: i64,
    /// How many resources were given out.
    pub shown: u32,
}

/// The body is no notice.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a notice of an emergency access")]
pub struct NoticeError;

impl EmergencyNotice {
    /// Reads the body: closed schema.
    ///
    /// # Errors
    /// [`NoticeError`].
    pub fn from_json(body: &[u8]) -> Result<Self, NoticeError> {
        let notice: Self = closed(body).ok_or(NoticeError)?;
        let named = (1..=128).contains(&notice.practitioner.len())
            && !notice.practitioner.chars().any(char::is_control);
        let is_id = notice.id.parse::<ExchangeId>().is_ok();
        if named && is_id && notice.reason.is_told() {
            Ok(notice)
        } else {
            Err(NoticeError)
        }
    }

    /// When, as a moment.
    #[must_use]
    pub const fn moment(&self) -> Timestamp {
        Timestamp::from_unix_seconds(self.at)
    }
}
