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

mod rotated {
    use std::sync::Arc;

    use federation_protocol::directory::KeyStatement;
    use federation_protocol::time::Timestamp;
    use federation_service::clock::ManualClock;

    use super::*;

    const YEAR: i64 = 365 * 86_400;

    fn clock() -> (Arc<ManualClock>, SharedClock) {
        let clock = ManualClock::at(Timestamp::from_unix_seconds(1_782_864_000));
        let shared: SharedClock = Arc::<ManualClock>::clone(&clock);
        (clock, shared)
    }

    fn statement(key: &SecretKey, from: Timestamp, until: Timestamp) -> KeyStatement {
        KeyStatement::of(KeyUse::Sign, &key.public(), from, until)
    }

    /// A folder whose `sign` key gives way in ten minutes and ends in an hour.
    fn rotating() -> (
        tempfile::TempDir,
        PathBuf,
        Keys,
        SecretKey,
        Vec<KeyStatement>,
    ) {
        let (state, directory, keys) = made();
        let (_, shared) = clock();
        let now = shared.now();
        let new = keys.next(KeyUse::Sign, &|_| false).unwrap();
        let listed = vec![
            statement(
                &keys.sign(),
                now.plus_seconds(-600),
                now.plus_seconds(3_600),
            ),
            statement(&new, now.plus_seconds(600), now.plus_seconds(YEAR)),
        ];
        (state, directory, keys, new, listed)
    }

    #[test]
    fn the_newest_listed_key_signs_once_every_clock_has_reached_it() {
        let (_state, _directory, keys, new, listed) = rotating();
        let (clock, shared) = clock();
        let old = keys.sign().kid().clone();
        keys.sign.follow(listed, &shared);
        assert_eq!(*keys.sign().kid(), old);
        clock.advance(659);
        assert_eq!(
            *keys.sign().kid(),
            old,
            "a peer's clock may be a minute behind"
        );
        clock.advance(1);
        assert_eq!(keys.sign().kid(), new.kid());
        assert!(
            keys.sign_as(&old).is_some(),
            "what is bound to it is used with it"
        );
        clock.advance(3_600);
        assert!(keys.sign_as(&old).is_none(), "it has ended");
        assert_eq!(keys.sign().kid(), new.kid());
    }

    #[test]
    fn a_key_that_no_peer_knows_never_signs() {
        let (_state, directory, keys, new, mut listed) = rotating();
        let (clock, shared) = clock();
        listed.truncate(1);
        keys.sign.follow(listed, &shared);
        clock.advance(3_000);
        assert_ne!(keys.sign().kid(), new.kid());
        assert!(keys.sign_as(new.kid()).is_none());
        assert!(keys.have_rotated().unwrap());
        assert_ne!(Keys::load(&directory).unwrap().sign().kid(), new.kid());
    }

    #[test]
    fn a_replacement_of_a_revoked_key_signs_at_once() {
        let (_state, _directory, keys, new, _) = rotating();
        let (_, shared) = clock();
        let now = shared.now();
        let revoked = keys.sign().kid().clone();
        let listed = vec![statement(&new, now, now.plus_seconds(YEAR))];
        keys.sign.follow(listed, &shared);
        assert_eq!(keys.sign().kid(), new.kid());
        assert!(keys.sign_as(&revoked).is_none());
    }

    #[test]
    fn a_new_key_is_its_owners_alone_and_an_unlisted_one_is_taken_again() {
        let (_state, directory, keys, new, _) = rotating();
        let file = directory.join(format!("sign.{}.pem", new.kid()));
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            keys.next(KeyUse::Sign, &|_| false).unwrap().kid(),
            new.kid()
        );
        let another = keys.next(KeyUse::Sign, &|kid| kid == new.kid()).unwrap();
        assert_ne!(another.kid(), new.kid());
        assert!(matches!(
            keys.next(KeyUse::Recovery, &|_| false),
            Err(KeysError::Use(KeyUse::Recovery))
        ));
    }

    #[test]
    fn a_listed_key_that_cannot_be_opened_leaves_the_old_one_signing() {
        let (_state, directory, keys, new, listed) = rotating();
        let (clock, shared) = clock();
        let old = keys.sign().kid().clone();
        let file = directory.join(format!("sign.{}.pem", new.kid()));
        fs::write(&file, b"half a k").unwrap();
        keys.sign.follow(listed.clone(), &shared);
        clock.advance(1_000);
        assert_eq!(*keys.sign().kid(), old);
        // Half of it is what a killed attempt leaves; another one makes a whole key.
        assert!(keys.next(KeyUse::Sign, &|_| false).unwrap().kid() != new.kid());
        let other = SecretKey::from_seed([9; 32]).to_pkcs8_pem().unwrap();
        fs::write(&file, other.as_bytes()).unwrap();
        keys.sign.follow(listed.clone(), &shared);
        assert_eq!(
            *keys.sign().kid(),
            old,
            "the file holds another key than its name says"
        );
        fs::write(&file, new.to_pkcs8_pem().unwrap().as_bytes()).unwrap();
        keys.sign.follow(listed, &shared);
        assert_eq!(keys.sign().kid(), new.kid());
    }
}
