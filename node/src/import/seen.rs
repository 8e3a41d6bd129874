//! SS-MIX2 files with flag 1 as they were last seen.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ssmix2::{Flag, Precedence, State, StoredFile};

/// A file that speaks for a unit, or is in quarantine; or one that spoke until it was renamed to 2,
/// as long as the file that replaces it was not read. Files with other flags are not remembered: they
/// say nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SeenFile {
    /// Its name without the flag.
    pub(super) stem: String,
    /// 1, or 2.
    pub(super) flag: Flag,
    /// Its folder below the root.
    pub(super) folder: String,
    pub(super) size: u64,
    /// Nanoseconds since 1970, where the file system tells.
    pub(super) modified: Option<i64>,
    /// The key of the unit that it speaks for; none in quarantine.
    pub(super) unit: Option<String>,
    pub(super) precedence: Precedence,
}

impl SeenFile {
    /// A file of the walk through `root`, not yet read.
    pub(super) fn of(file: &StoredFile, root: &Path) -> Self {
        let state = file.state();
        let folder = file.path.parent().and_then(|at| at.strip_prefix(root).ok());
        Self {
            stem: file.name.stem(),
            flag: Flag::Current,
            folder: folder.unwrap_or(Path::new("")).display().to_string(),
            size: state.size,
            modified: state.modified.and_then(nanoseconds),
            unit: None,
            precedence: Precedence {
                step: 0,
                occurrence: file.name.occurrence().to_owned(),
            },
        }
    }

    /// Its state when it was seen.
    pub(super) fn state(&self) -> State {
        State {
            flag: self.flag,
            size: self.size,
            modified: self.modified.and_then(moment),
        }
    }

    /// This file, speaking for the unit that it spoke for before.
    pub(super) fn speaking_as(self, before: Option<Self>) -> Self {
        match before {
            Some(before) => Self {
                unit: before.unit,
                precedence: before.precedence,
                ..self
            },
            None => self,
        }
    }

    /// This file, renamed to 2.
    pub(super) fn retired(self) -> Self {
        Self {
            flag: Flag::History,
            ..self
        }
    }

    /// Patient, day, kind and order: the file that replaces this one has the same.
    pub(super) fn slot(&self) -> &str {
        slot(&self.stem)
    }

    /// Where it lay, with flag 1.
    pub(super) fn path(&self, root: &Path) -> PathBuf {
        root.join(&self.folder).join(self.name())
    }

    /// Its name, with flag 1.
    pub(super) fn name(&self) -> String {
        format!("{}_{}", self.stem, Flag::Current.as_str())
    }

    /// Its path below the root, without the flag.
    pub(super) fn place(&self) -> String {
        format!("{}/{}", self.folder, self.stem)
    }
}

/// What a stem says before its occurrence and its department.
pub(super) fn slot(stem: &str) -> &str {
    let end = stem.rmatch_indices('_').nth(1).map(|(at, _)| at);
    end.and_then(|end| stem.get(..end)).unwrap_or(stem)
}

fn nanoseconds(at: SystemTime) -> Option<i64> {
    match at.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).ok(),
        Err(before) => i64::try_from(before.duration().as_nanos())
            .ok()
            .and_then(i64::checked_neg),
    }
}

fn moment(nanoseconds: i64) -> Option<SystemTime> {
    let apart = Duration::from_nanos(nanoseconds.unsigned_abs());
    if nanoseconds < 0 {
        UNIX_EPOCH.checked_sub(apart)
    } else {
        UNIX_EPOCH.checked_add(apart)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_has_the_slot_of_what_it_replaces() {
        let (old, new) = (
            "0079013_-_PPR-01_000000011000354_20260401103000000_01",
            "0079013_-_PPR-01_000000011000354_20260402090000000_-",
        );
        assert_eq!(slot(old), "0079013_-_PPR-01_000000011000354");
        assert_eq!(slot(old), slot(new));
    }

    #[test]
    fn a_time_of_change_is_kept_to_the_nanosecond() {
        for at in [0, 1, -1, 1_775_000_000_123_456_789, -86_400_000_000_001] {
            assert_eq!(moment(at).and_then(nanoseconds), Some(at));
        }
    }
}
