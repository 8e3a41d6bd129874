//! Whose the files are that a command makes: an administrator types commands as root, and the node,
//! which is another user, must be able to open what they made.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::backup::folder_of;

/// Gives a new file to the owner of the folder that it is in, where this user may do so: only root
/// may give files away, and only root needs to.
pub(super) fn belongs_to_its_folder(file: &Path) {
    let (Ok(ours), Ok(theirs)) = (file.metadata(), folder_of(file).metadata()) else {
        return;
    };
    if ours.uid() != theirs.uid() {
        let (user, group) = (Some(theirs.uid()), Some(theirs.gid()));
        // Refused to everyone but root: then the file stays with the user who made it.
        drop(std::os::unix::fs::chown(file, user, group));
    }
}
