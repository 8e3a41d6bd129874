//! When a person may read what the laboratory found: at once, or after the time that the hospital gives
//! its doctors to speak first.
//!
//! The time runs from when this version of the result was written here, so that a result that was
//! announced and then found waits from then on, and so does a corrected one. What waits is not there:
//! neither found nor counted, read or listed. That something waits is told of nothing in particular,
//! as a placeholder would also tell, by going away or by staying, what a doctor holds back for good.

use std::time::Duration;

use federation_protocol::category::Category;
use federation_protocol::consent::ResourceFacts;
use federation_protocol::time::Timestamp;

/// How long laboratory results wait before the person they are about may read them. By default not
/// at all.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct LabRelease {
    delay_seconds: i64,
}

impl LabRelease {
    /// Results wait for `delay` after they were written.
    #[must_use]
    pub fn after(delay: Duration) -> Self {
        Self {
            delay_seconds: i64::try_from(delay.as_secs()).unwrap_or(i64::MAX),
        }
    }

    /// What waits at `now`; `None` where nothing does.
    pub(super) fn hold(self, now: Timestamp) -> Option<Hold> {
        let since = now.plus_seconds(self.delay_seconds.saturating_neg());
        (self.delay_seconds > 0).then_some(Hold { since })
    }
}

/// What of a chart waits for the doctor's word.
#[derive(Copy, Clone, Debug)]
pub(super) struct Hold {
    /// Whatever was written after this.
    since: Timestamp,
}

impl Hold {
    /// Whether a resource that was written at `written` waits.
    pub(super) fn covers(self, facts: &ResourceFacts, written: Timestamp) -> bool {
        // What the laboratory found in genes is `Genomic` before it is `Lab`.
        let found = matches!(facts.category, Category::Lab | Category::Genomic);
        found && written > self.since
    }
}
