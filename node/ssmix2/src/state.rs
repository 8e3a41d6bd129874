//! What to do about a file, given what was known of it. The flag is state: files change it by being
//! renamed, so an importer scans again instead of waiting for new names.

use std::time::SystemTime;

use crate::name::Flag;

/// A file as it stands. An importer stores it beside the file's stem
/// ([`crate::FileName::stem`]) and the key of the unit that it put in.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The flag in its name.
    pub flag: Flag,
    /// Bytes.
    pub size: u64,
    /// When the file system last saw it written, where it tells.
    pub modified: Option<SystemTime>,
}

/// What an importer does about a file.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Read it, and let its chapter replace what its key put in, unless that precedes it.
    Read,
    /// Nothing to do.
    Leave,
    /// `1` became `2`: the file no longer speaks for its unit. Its successor, a new file of flag
    /// `1` with the same patient, day, kind and order, replaces the unit when it is read. Until
    /// then what the file put in stays: the successor may be one that cannot be read.
    Retire,
    /// `1` or `2` became `0`: take back what its unit put in. Other files of flag `1` with the same key
    /// (the admission of a discharge that was deleted) are to be read again.
    Withdraw,
}

impl State {
    /// What to do, given the state at the last scan; none if the file is new. A file that the last
    /// scan saw and this one does not has no state and no step: the standard deletes by renaming,
    /// so a missing file is a broken mount before it is a deletion.
    #[must_use]
    pub fn step_from(self, before: Option<Self>) -> Step {
        match (before.map(|before| before.flag), self.flag) {
            (Some(Flag::Current), Flag::Current) if before == Some(self) => Step::Leave,
            (_, Flag::Current) => Step::Read,
            (Some(Flag::Current), Flag::History) => Step::Retire,
            (Some(Flag::Current | Flag::History), Flag::Deleted) => Step::Withdraw,
            (_, Flag::History | Flag::Deleted) => Step::Leave,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn file(flag: Flag, size: u64) -> State {
        State {
            flag,
            size,
            modified: None,
        }
    }

    #[test]
    fn a_file_is_followed_through_its_renamings() {
        let current = file(Flag::Current, 1);
        let history = file(Flag::History, 1);
        let deleted = file(Flag::Deleted, 1);
        assert_eq!(current.step_from(None), Step::Read);
        assert_eq!(current.step_from(Some(current)), Step::Leave);
        assert_eq!(history.step_from(Some(current)), Step::Retire);
        assert_eq!(deleted.step_from(Some(history)), Step::Withdraw);
        assert_eq!(history.step_from(Some(history)), Step::Leave);
        assert_eq!(deleted.step_from(Some(current)), Step::Withdraw);
        assert_eq!(current.step_from(Some(history)), Step::Read);
        assert_eq!(history.step_from(None), Step::Leave);
        assert_eq!(deleted.step_from(None), Step::Leave);
    }

    #[test]
    fn a_file_written_again_is_read_again() {
        let longer = file(Flag::Current, 2);
        assert_eq!(longer.step_from(Some(file(Flag::Current, 1))), Step::Read);
    }
}
