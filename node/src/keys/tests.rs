#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    reason = "tests fail by panicking"
)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::*;

fn made() -> (tempfile::TempDir, PathBuf, Keys) {
    let state = tempfile::tempdir().unwrap();
    let directory = state.path().join("keys");
    let keys = Keys::create(&directory).unwrap();
    (state, directory, keys)
}

#[test]
fn loading_gives_the_keys_that_were_made() {
    let (_state, directory, made) = made();
    let loaded = Keys::load(&directory).unwrap();
    assert_eq!(made.sign().kid(), loaded.sign().kid());
    assert_eq!(made.consent().kid(), loaded.consent().kid());
    assert_eq!(made.seal.kid(), loaded.seal.kid());
    assert_eq!(
        made.code_digest("0123456789"),
        loaded.code_digest("0123456789")
    );
    assert_ne!(
        made.code_digest("0123456789"),
        made.code_digest("0123456788")
    );
    assert_eq!(loaded.public_keys().len(), 5);
}

#[test]
fn files_are_for_their_owner_alone() {
    let (_state, directory, _keys) = made();
    assert_eq!(
        fs::metadata(&directory).unwrap().permissions().mode() & 0o777,
        0o700
    );
    for entry in fs::read_dir(&directory).unwrap() {
        assert_eq!(
            entry.unwrap().metadata().unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}

#[test]
fn a_file_that_the_group_can_read_is_refused_and_the_error_names_the_remedy() {
    let (_state, directory, _keys) = made();
    let path = directory.join(CONSENT_FILE);
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    let refused = Keys::load(&directory).err().unwrap();
    assert!(matches!(refused, KeysError::Mode { mode: 0o640, .. }));
    assert!(refused.to_string().contains("chmod 0600"));
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
    assert!(
        Keys::load(&directory)
            .err()
            .unwrap()
            .to_string()
            .contains("chmod 0700")
    );
}

#[test]
fn keys_are_never_overwritten() {
    let (_state, directory, keys) = made();
    assert!(matches!(
        Keys::create(&directory),
        Err(KeysError::Exists(_))
    ));
    assert_eq!(
        Keys::load(&directory).unwrap().sign().kid(),
        keys.sign().kid()
    );
}

#[test]
fn the_recovery_key_may_be_offline_and_no_other_may() {
    let (_state, directory, _keys) = made();
    fs::remove_file(directory.join(RECOVERY_FILE)).unwrap();
    let keys = Keys::load(&directory).unwrap();
    assert!(keys.signer(KeyUse::Recovery).is_none());
    fs::remove_file(directory.join(SIGN_FILE)).unwrap();
    assert!(matches!(
        Keys::load(&directory),
        Err(KeysError::File { .. })
    ));
}

#[test]
fn what_is_sealed_to_another_key_is_not_opened() {
    let (_state, _directory, keys) = made();
    assert!(keys.opener(keys.seal.kid()).is_some());
    assert!(keys.opener(keys.sign().kid()).is_none());
}

#[test]
fn a_damaged_file_is_said_to_be_damaged() {
    let (_state, directory, _keys) = made();
    fs::write(directory.join(LOG_FILE), b"\xff not a key").unwrap();
    assert!(matches!(
        Keys::load(&directory),
        Err(KeysError::Malformed(_))
    ));
}
