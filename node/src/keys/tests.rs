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
use std::path::PathBuf;

use federation_service::key_file::{Sealed, plain_files, seal_files};

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
    assert!(matches!(
        refused,
        KeysError::File(KeyFileError::Mode { mode: 0o640, .. })
    ));
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
        Err(KeysError::File(KeyFileError::Exists(_)))
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
        Err(KeysError::File(KeyFileError::File { .. }))
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
        Err(KeysError::File(KeyFileError::Malformed(_)))
    ));
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::from_variable(text, "test").unwrap()
}

/// Every file of a folder with what it holds.
fn held(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = fs::read_dir(directory).unwrap();
    let files = files.map(|entry| entry.unwrap().path());
    let mut held: Vec<_> = files
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    held.sort();
    held
}

#[test]
fn keys_that_are_made_with_a_passphrase_never_lie_plain() {
    let state = tempfile::tempdir().unwrap();
    let directory = state.path().join("keys");
    let right = passphrase("a passphrase of this test");
    let made = Keys::create_sealed(&directory, Some(&right)).unwrap();
    assert_eq!(plain_files(&directory, &[]).unwrap(), Vec::<PathBuf>::new());
    for (path, bytes) in held(&directory) {
        assert!(
            bytes.starts_with(b"-----BEGIN ENCRYPTED"),
            "{}",
            path.display()
        );
    }
    let opened = Keys::open(&directory, Some(&right)).unwrap();
    assert_eq!(opened.sign().kid(), made.sign().kid());
    assert_eq!(
        opened.code_digest("0123456789"),
        made.code_digest("0123456789")
    );

    let refused = |error: KeysError| error.to_string();
    let without = Keys::open(&directory, None).err().map(refused).unwrap();
    assert!(without.contains("keys.passphrase_file"), "{without}");
    let other = passphrase("a passphrase of another");
    let wrong = Keys::open(&directory, Some(&other))
        .err()
        .map(refused)
        .unwrap();
    assert!(wrong.contains("not opened by the passphrase"), "{wrong}");
}

#[test]
fn plain_keys_are_sealed_once_and_open_as_before() {
    let (state, directory, made) = made();
    let right = passphrase("a passphrase of this test");
    let tls = state.path().join("federation.key");
    fs::copy(directory.join(SIGN_FILE), &tls).unwrap();
    let others = [tls];
    assert_eq!(plain_files(&directory, &others).unwrap().len(), 7);

    let done = seal_files(&directory, &others, None, &right).unwrap();
    assert!(done.iter().all(|(_, what)| *what == Sealed::Newly) && done.len() == 7);
    assert_eq!(plain_files(&directory, &others).unwrap().len(), 0);
    let opened = Keys::open(&directory, Some(&right)).unwrap();
    assert_eq!(opened.seal.kid(), made.seal.kid());
    assert_eq!(opened.public_keys().len(), 5);

    let again = seal_files(&directory, &others, None, &right).unwrap();
    assert!(again.iter().all(|(_, what)| *what == Sealed::Already));
}

#[test]
fn a_passphrase_is_changed_and_the_old_one_opens_nothing() {
    let (_state, directory, made) = made();
    let (old, new) = (
        passphrase("the passphrase before"),
        passphrase("the passphrase after"),
    );
    seal_files(&directory, &[], None, &old).unwrap();
    let done = seal_files(&directory, &[], Some(&old), &new).unwrap();
    assert!(done.iter().all(|(_, what)| *what == Sealed::Anew));
    assert!(Keys::open(&directory, Some(&old)).is_err());
    assert_eq!(
        Keys::open(&directory, Some(&new)).unwrap().log().kid(),
        made.log().kid()
    );
    // Whoever has neither passphrase changes nothing.
    let before = held(&directory);
    let stranger = passphrase("a passphrase of another");
    assert!(seal_files(&directory, &[], None, &stranger).is_err());
    assert!(seal_files(&directory, &[], Some(&stranger), &stranger).is_err());
    assert_eq!(held(&directory), before);
}

#[test]
fn whatever_moment_it_was_killed_at_the_same_command_finishes_the_work() {
    let (_state, directory, made) = made();
    let (old, new) = (
        passphrase("the passphrase before"),
        passphrase("the passphrase after"),
    );
    seal_files(&directory, &[], None, &old).unwrap();
    let before = held(&directory);
    seal_files(&directory, &[], Some(&old), &new).unwrap();
    let after = held(&directory);
    for done in 0..=before.len() {
        // Killed after so many files, and while the draft of the next was written.
        for (path, bytes) in after.iter().take(done).chain(before.iter().skip(done)) {
            fs::write(path, bytes).unwrap();
        }
        fs::write(directory.join("sign.pem.sealing"), "half of").unwrap();
        let again = seal_files(&directory, &[], Some(&old), &new).unwrap();
        let anew = again.iter().filter(|(_, what)| *what == Sealed::Anew);
        assert_eq!(anew.count(), before.len() - done);
        let opened = Keys::open(&directory, Some(&new)).unwrap();
        assert_eq!(opened.sign().kid(), made.sign().kid());
        assert!(!directory.join("sign.pem.sealing").exists());
    }
}
