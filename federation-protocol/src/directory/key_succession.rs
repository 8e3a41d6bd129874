//! What may follow on a directory, as far as keys go: key changes are made just before they are
//! listed and never vanish; the archive is a past that really was.
//!
//! This is what a stolen online key meets: it cannot invent a key, take one out of the past, move a
//! key's end, or put an old rotation in force again.

use std::collections::HashSet;

use crate::keys::{KeyId, KeyUse, PublicKey, SealPublicKey};
use crate::member::MemberId;
use crate::time::Timestamp;

use super::document::{Accepted, ArchivedKey, Directory, DirectoryDocument};
use super::key_chain::TakenChange;
use super::key_change::{KEY_CHANGE_SECONDS, KeyChange, KeyChangeError};
use super::{AcceptError, SKEW_SECONDS};

/// The archive by itself: each key once, each over or revoked. What still counts stands in an entry.
pub(super) fn check_archive(document: &DirectoryDocument) -> Result<(), AcceptError> {
    let mut seen = HashSet::new();
    for key in &document.archive {
        let over = key.not_after <= document.iat || key.revoked_at.is_some();
        if !over || !is_itself(key) || !seen.insert(&key.kid) {
            return Err(AcceptError::Archive(key.kid.clone()));
        }
    }
    Ok(())
}

fn is_itself(key: &ArchivedKey) -> bool {
    let kid = match key.key_use {
        KeyUse::Seal => SealPublicKey::from_x(&key.x).map(|key| key.kid()),
        _ => PublicKey::from_x(&key.x).map(|key| key.kid()),
    };
    kid.is_ok_and(|kid| kid == key.kid)
}

/// Judges the key changes and the archive of `next` by what was accepted before.
pub(super) fn check(next: &Directory, previous: &Directory) -> Result<(), AcceptError> {
    for (id, after) in next.entries() {
        let before = previous.accepted(id);
        let blame = |error| AcceptError::KeyChange {
            member: id.clone(),
            error,
        };
        let known = known_changes(before, after).map_err(blame)?;
        let revoked = previous.document().revoked();
        for TakenChange { by, said, .. } in after.chain.changes().iter().skip(known) {
            check_new(said, before, after, next.document().iat).map_err(blame)?;
            // Operators were quicker: the key may claim a moment before that.
            if revoked.contains_key(by) {
                return Err(blame(KeyChangeError::OldKey(by.clone())));
            }
            if let Some(old) = retired_key(said, previous) {
                return Err(blame(KeyChangeError::NewKey(old.clone())));
            }
        }
    }
    check_past(next, previous)
}

/// A new key that is an old one: it retired before, here or elsewhere.
fn retired_key<'a>(change: &'a KeyChange, previous: &Directory) -> Option<&'a KeyId> {
    let archive = &previous.document().archive;
    let mut kids = change.new_keys().map(|key| &key.kid);
    kids.find(|kid| archive.iter().any(|old| old.kid == **kid))
}

/// How many of the changes were listed before: all that were must stand there still, in their order.
fn known_changes(before: Option<&Accepted>, after: &Accepted) -> Result<usize, KeyChangeError> {
    let Some(before) = before.filter(|before| before.hash == after.hash) else {
        return Ok(0);
    };
    let (old, new) = (before.chain.changes(), after.chain.changes());
    let kept = old.iter().zip(new).all(|(old, new)| old.hash == new.hash);
    if kept && old.len() <= new.len() {
        Ok(old.len())
    } else {
        Err(KeyChangeError::Lost)
    }
}

/// A change that is listed for the first time.
fn check_new(
    change: &KeyChange,
    before: Option<&Accepted>,
    after: &Accepted,
    listed_at: Timestamp,
) -> Result<(), KeyChangeError> {
    let age = listed_at.seconds_since(change.iat());
    if !(-SKEW_SECONDS..=KEY_CHANGE_SECONDS).contains(&age) {
        return Err(KeyChangeError::NotFresh);
    }
    let states = [Some(after.state), before.map(|before| before.state)];
    let mut states = states.into_iter().flatten();
    let allowed = states.all(|state| change.is_allowed_in(state));
    if allowed {
        Ok(())
    } else {
        Err(KeyChangeError::State)
    }
}

fn check_past(next: &Directory, previous: &Directory) -> Result<(), AcceptError> {
    let (was, is) = (&previous.document().archive, &next.document().archive);
    let earliest = earliest_revocation(next, previous);
    for key in is {
        let rightly = match was.iter().find(|old| old.kid == key.kid) {
            Some(old) => same_past(old, key) && may_be_revoked(old, key, next, earliest),
            None => was_listed(key, next, previous, earliest),
        };
        if !rightly {
            return Err(AcceptError::Archive(key.kid.clone()));
        }
    }
    let kept: HashSet<&KeyId> = is.iter().map(|key| &key.kid).collect();
    match was.iter().find(|old| !kept.contains(&old.kid)) {
        Some(lost) => Err(AcceptError::Archive(lost.kid.clone())),
        None => Ok(()),
    }
}

/// Nobody may say today that a key was revoked last year: what it signed since would be denied.
fn earliest_revocation(next: &Directory, previous: &Directory) -> Timestamp {
    let made_late = next.document().iat.plus_seconds(-KEY_CHANGE_SECONDS);
    let earliest = previous.document().iat.min(made_late);
    earliest.plus_seconds(-SKEW_SECONDS)
}

fn same_past(old: &ArchivedKey, key: &ArchivedKey) -> bool {
    let without_revocation = |key: &ArchivedKey| ArchivedKey {
        revoked_at: None,
        ..key.clone()
    };
    without_revocation(old) == without_revocation(key)
}

fn may_be_revoked(
    old: &ArchivedKey,
    key: &ArchivedKey,
    next: &Directory,
    earliest: Timestamp,
) -> bool {
    match (old.revoked_at, key.revoked_at) {
        (old, new) if old == new => true,
        (None, Some(at)) => is_revoked_rightly(&key.member, &key.kid, at, next, earliest),
        _ => false,
    }
}

/// A key enters the archive as it was listed, and ends there no earlier than it did.
fn was_listed(
    key: &ArchivedKey,
    next: &Directory,
    previous: &Directory,
    earliest: Timestamp,
) -> bool {
    let listed = [next, previous]
        .into_iter()
        .find_map(|directory| directory.chain(&key.member)?.find(&key.kid));
    listed.is_some_and(|listed| {
        let said = &listed.statement;
        let itself = said.key_use == key.key_use && said.x == key.x;
        let begins = said.not_before == key.not_before;
        let ends = key.not_after <= said.not_after && key.not_after >= said.not_after.min(earliest);
        let revoked = key
            .revoked_at
            .is_none_or(|at| is_revoked_rightly(&key.member, &key.kid, at, next, earliest));
        itself && begins && ends && revoked
    })
}

/// Either the member itself said so, at that moment; or it happened just now.
fn is_revoked_rightly(
    member: &MemberId,
    kid: &KeyId,
    at: Timestamp,
    next: &Directory,
    earliest: Timestamp,
) -> bool {
    let latest = next.document().iat.plus_seconds(KEY_CHANGE_SECONDS);
    let chain = next.chain(member);
    let own_word = chain.is_some_and(|chain| {
        chain.changes().iter().any(|taken| match &taken.said {
            KeyChange::Rotation(_) => false,
            KeyChange::Revocation(said) => said.iat == at && said.revoked.contains(kid),
        })
    });
    own_word || (earliest..=latest).contains(&at)
}
