//! The archive of the next directory: every key that was listed and counts no more.

use std::collections::HashMap;

use federation_protocol::directory::{
    ArchivedKey, ChainKey, DirectoryDocument, KeyChain, ListedMember, RevokedElsewhere,
};
use federation_protocol::keys::KeyId;
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;

/// What stood in the archive, and each key that `next` lists no more, that ended, or was revoked.
pub(super) fn filled(
    last: Option<&DirectoryDocument>,
    next: &DirectoryDocument,
    revoked: &RevokedElsewhere,
) -> Vec<ArchivedKey> {
    let mut archive = last.map(|last| last.archive.clone()).unwrap_or_default();
    for key in &mut archive {
        key.revoked_at = key.revoked_at.or(revoked.get(&key.kid).copied());
    }
    let listed = keys_of(&next.members, revoked);
    let before = last.map(|last| keys_of(&last.members, revoked));
    let mut past: Vec<(MemberId, ArchivedKey)> = Vec::new();
    for (kid, (member, key)) in before.iter().flatten().chain(&listed) {
        let gone = !listed.contains_key(kid);
        let over = key.statement.not_after < next.iat;
        let known = archive.iter().any(|old| old.kid == *kid)
            || past.iter().any(|(_, old)| old.kid == *kid);
        if !known && (gone || over || key.revoked_at.is_some()) {
            past.push((member.clone(), archived(member, key, next.iat)));
        }
    }
    // The maps have no order; the document has one.
    past.sort_by(|(one, a), (other, b)| (one, a.kid.as_str()).cmp(&(other, b.kid.as_str())));
    archive.extend(past.into_iter().map(|(_, key)| key));
    archive
}

fn archived(member: &MemberId, key: &ChainKey, now: Timestamp) -> ArchivedKey {
    let said = &key.statement;
    ArchivedKey {
        member: member.clone(),
        key_use: said.key_use,
        kid: said.kid.clone(),
        x: said.x.clone(),
        not_before: said.not_before,
        not_after: match key.revoked_at {
            Some(_) => said.not_after,
            None => said.not_after.min(now),
        },
        revoked_at: key.revoked_at,
    }
}

/// Every key that these members list, ended and revoked ones too. An entry that cannot be read lists
/// none: the document that holds it is refused anyway.
fn keys_of(
    members: &[ListedMember],
    revoked: &RevokedElsewhere,
) -> HashMap<KeyId, (MemberId, ChainKey)> {
    let mut keys = HashMap::new();
    for listed in members {
        let chain = KeyChain::read(&listed.entry, &listed.key_changes, revoked);
        let Ok(Some(chain)) = chain else { continue };
        for key in chain.keys() {
            let owned = (chain.member().clone(), key.clone());
            keys.insert(key.statement.kid.clone(), owned);
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests fail by panicking"
    )]
    use federation_protocol::directory::Entry;
    use federation_protocol::sample::{NOW, SampleMember, SampleRegistry};

    use super::*;

    const YEAR: i64 = 365 * 86_400;

    fn minato() -> SampleMember {
        SampleMember::new("0110000001", 10)
    }

    fn kids(archive: &[ArchivedKey]) -> Vec<String> {
        let mut kids: Vec<_> = archive.iter().map(|key| key.kid.to_string()).collect();
        kids.sort();
        kids
    }

    /// A directory of Minato alone, and one a moment later.
    fn two() -> (SampleRegistry, DirectoryDocument, DirectoryDocument) {
        let registry = SampleRegistry::of([minato().profile()]);
        let last = registry.directory_document();
        let next = DirectoryDocument {
            iat: NOW,
            ..last.clone()
        };
        (registry, last, next)
    }

    #[test]
    fn what_is_listed_and_counts_is_not_archived() {
        let (_, last, next) = two();
        assert!(filled(Some(&last), &next, &HashMap::new()).is_empty());
        assert!(filled(None, &next, &HashMap::new()).is_empty());
    }

    #[test]
    fn the_keys_of_a_replaced_entry_end_when_they_disappear() {
        let (registry, last, mut next) = two();
        let new = SampleMember::new("0110000001", 11);
        let entry = Entry {
            version: 2,
            ..registry.entry(&new.profile())
        };
        next.members[0].entry = entry.sign(&[&registry.approver]);
        let archive = filled(Some(&last), &next, &HashMap::new());
        let mut gone: Vec<_> = minato()
            .profile()
            .keys
            .iter()
            .map(|key| key.kid.to_string())
            .collect();
        gone.sort();
        assert_eq!(kids(&archive), gone);
        assert!(
            archive
                .iter()
                .all(|key| key.not_after == NOW && key.revoked_at.is_none())
        );
    }

    #[test]
    fn an_ended_and_a_revoked_key_are_archived_once_and_for_ever() {
        let (_, last, mut next) = two();
        let kid = minato().sign.kid().clone();
        let revoked = HashMap::from([(kid.clone(), NOW)]);
        next.archive = filled(Some(&last), &next, &revoked);
        assert_eq!(kids(&next.archive), [kid.to_string()]);
        assert_eq!(next.archive[0].revoked_at, Some(NOW));

        let later = DirectoryDocument {
            iat: NOW.plus_seconds(2 * YEAR),
            ..next.clone()
        };
        let archive = filled(Some(&next), &later, &revoked);
        assert_eq!(archive.len(), 4, "all have ended by then");
        let again = DirectoryDocument { archive, ..later };
        assert_eq!(filled(Some(&again), &again, &revoked), again.archive);
    }
}
