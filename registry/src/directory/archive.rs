//! Keys that a replaced entry no longer names: kept for ever, so that old evidence still verifies.
//!
//! Source: PROTOCOL section 1.

use std::collections::HashSet;

use federation_protocol::directory::{ArchivedKey, DirectoryDocument, ListedMember, Profile};
use federation_protocol::keys::KeyId;

use crate::members::profile_of;

/// The archive of the directory that follows `said`: what was there, and each key that `next` lists no
/// more. It counted until now at the latest.
pub(super) fn of(said: &DirectoryDocument, next: &DirectoryDocument) -> Vec<ArchivedKey> {
    let mut archive = said.archive.clone();
    let listed: HashSet<KeyId> = profiles(&next.members)
        .flat_map(|profile| profile.keys)
        .map(|key| key.kid)
        .collect();
    let mut known: HashSet<KeyId> = archive.iter().map(|key| key.kid.clone()).collect();
    for profile in profiles(&said.members) {
        for key in profile.keys {
            if listed.contains(&key.kid) || !known.insert(key.kid.clone()) {
                continue;
            }
            archive.push(ArchivedKey {
                member: profile.id.clone(),
                key_use: key.key_use,
                kid: key.kid,
                x: key.x,
                not_before: key.not_before,
                not_after: key.not_after.min(next.iat),
                revoked_at: None,
            });
        }
    }
    archive
}

fn profiles(members: &[ListedMember]) -> impl Iterator<Item = Profile> {
    members
        .iter()
        .filter_map(|listed| profile_of(&listed.entry))
}
