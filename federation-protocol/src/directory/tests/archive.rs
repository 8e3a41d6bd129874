//! What the archive may say.

use super::replacement::{after, before};
use super::*;
use crate::keys::KeyId;
use crate::time::Timestamp;

const DAY: i64 = 86_400;

fn old_key() -> SecretKey {
    SecretKey::from_seed([80; 32])
}

fn archived(revoked_at: Option<Timestamp>) -> ArchivedKey {
    ArchivedKey {
        member: minato().id,
        key_use: KeyUse::Sign,
        kid: old_key().kid().clone(),
        x: old_key().public().x(),
        not_before: NOW.plus_seconds(-2_000),
        not_after: NOW.plus_seconds(-1_000),
        revoked_at,
    }
}

fn with(key: ArchivedKey) -> Result<Directory, AcceptError> {
    let registry = registry();
    let mut document = registry.directory_document();
    document.archive.push(key);
    accept(&registry, &document, None)
}

/// Minato's `sign` key as it would stand in the archive.
fn listed_key(directory: &Directory, not_after: Timestamp) -> ArchivedKey {
    let minato = minato();
    let kid: &KeyId = minato.sign.kid();
    let key = directory.chain(&minato.id).unwrap().find(kid).unwrap();
    ArchivedKey {
        member: minato.id,
        key_use: KeyUse::Sign,
        kid: key.statement.kid.clone(),
        x: key.statement.x.clone(),
        not_before: key.statement.not_before,
        not_after,
        revoked_at: None,
    }
}

fn another_past(kid: &KeyId) -> AcceptError {
    AcceptError::Archive(kid.clone())
}

#[test]
fn an_archived_key_proves_what_it_signed_then_and_nothing_new() {
    let at = |directory: &Directory, seconds: i64| {
        let signer = directory.signer_at(old_key().kid(), NOW.plus_seconds(seconds));
        signer.map(|(member, _)| member)
    };
    let retired = with(archived(None)).unwrap();
    assert_eq!(at(&retired, -1_500), Some(minato().id));
    assert_eq!(at(&retired, -999), None);
    let revoked = with(archived(Some(NOW.plus_seconds(-1_400)))).unwrap();
    assert_eq!(at(&revoked, -1_500), Some(minato().id));
    assert_eq!(at(&revoked, -1_400), None);

    let registry = registry();
    let mut document = registry.directory_document();
    document.archive.push(archived(None));
    let signed = document.sign(&registry.directory);
    let root = registry.accepted_root();
    let directory = Directory::accept(&signed.jws, &root, None, Reading::Fresh, NOW).unwrap();
    let status = registry
        .status_document(&signed, 1)
        .sign(&registry.status)
        .jws;
    let status = Status::accept(&status, &root, None, Reading::Fresh, NOW).unwrap();
    let membership = Membership::new(root, directory, status).unwrap();
    let key = membership.key(old_key().kid()).unwrap();
    assert!(!key.may(KeyUse::Sign, NOW.plus_seconds(-1_500)));
}

#[test]
fn a_key_that_still_counts_cannot_come_out_of_the_archive() {
    let mut thiefs = archived(None);
    thiefs.not_after = NOW.plus_seconds(DAY);
    refused(with(thiefs), another_past(old_key().kid()));
    let mut other = archived(None);
    other.x = yukimi().sign.public().x();
    refused(with(other), another_past(old_key().kid()));
}

#[test]
fn nothing_enters_the_archive_that_was_never_listed() {
    let registry = registry();
    let first = before(&registry);
    let result = after(&registry, &first, |document| {
        document.archive.push(archived(None))
    });
    refused(result, another_past(old_key().kid()));
}

#[test]
fn a_key_enters_the_archive_with_the_past_that_it_had() {
    let registry = registry();
    let first = before(&registry);
    let next = |change: &dyn Fn(&mut ArchivedKey)| {
        let mut key = listed_key(&first, NOW);
        change(&mut key);
        after(&registry, &first, |document| document.archive.push(key))
    };
    let kid = minato().sign.kid().clone();
    assert!(next(&|_| ()).is_ok());
    refused(next(&|key| key.member = yukimi().id), another_past(&kid));
    refused(next(&|key| key.key_use = KeyUse::Log), another_past(&kid));
    refused(
        next(&|key| key.not_before = NOW.plus_seconds(-DAY)),
        another_past(&kid),
    );
    let denied = |key: &mut ArchivedKey| key.not_after = NOW.plus_seconds(-7 * DAY);
    refused(next(&denied), another_past(&kid));
    let denied = |key: &mut ArchivedKey| key.revoked_at = Some(NOW.plus_seconds(-7 * DAY));
    refused(next(&denied), another_past(&kid));
}

#[test]
fn nothing_leaves_the_archive_and_no_revocation_is_taken_back() {
    let registry = registry();
    let first = before(&registry);
    let kid = minato().sign.kid().clone();
    let second = after(&registry, &first, |document| {
        let mut key = listed_key(&first, NOW);
        key.revoked_at = Some(NOW);
        document.archive.push(key);
    })
    .unwrap();
    let lost = after(&registry, &second, |document| document.archive.clear());
    refused(lost, another_past(&kid));
    let revived = after(&registry, &second, |document| {
        document.archive[0].revoked_at = None
    });
    refused(revived, another_past(&kid));
    assert!(after(&registry, &second, |_| ()).is_ok());
}

#[test]
fn a_key_that_operators_revoked_counts_no_more_though_the_entry_lists_it() {
    let registry = registry();
    let first = before(&registry);
    let second = after(&registry, &first, |document| {
        let mut key = listed_key(&first, NOW);
        key.revoked_at = Some(NOW);
        document.archive.push(key);
    })
    .unwrap();
    let kid = minato().sign.kid().clone();
    assert!(second.signer_at(&kid, NOW.plus_seconds(-1)).is_some());
    assert!(second.signer_at(&kid, NOW).is_none());
    let chain = second.chain(&minato().id).unwrap();
    assert_eq!(chain.counting(KeyUse::Sign, NOW).count(), 0);
}
