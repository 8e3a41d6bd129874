//! Who may replace a member's entry, and when.

use super::*;
use crate::keys::KeyId;

/// The directory after [`before`], with one change.
pub(super) fn after(
    registry: &SampleRegistry,
    before: &Directory,
    change: impl FnOnce(&mut DirectoryDocument),
) -> Result<Directory, AcceptError> {
    let mut document = DirectoryDocument {
        seq: before.document().seq + 1,
        prev: Some(before.hash()),
        iat: NOW,
        ..before.document().clone()
    };
    change(&mut document);
    let jws = document.sign(&registry.directory).jws;
    let now = document.iat;
    Directory::accept(
        &jws,
        &registry.accepted_root(),
        Some(before),
        Reading::Stored,
        now,
    )
}

pub(super) fn before(registry: &SampleRegistry) -> Directory {
    accept(registry, &registry.directory_document(), None).unwrap()
}

/// Minato's entry with new keys, version 2, approved.
fn replaced(registry: &SampleRegistry) -> General {
    let new = SampleMember::new("0110000001", 11);
    let entry = Entry {
        version: 2,
        ..registry.entry(&new.profile())
    };
    entry.sign(&[&registry.approver])
}

fn kid_of(directory: &Directory) -> KeyId {
    let entry = &directory.document().members[0].entry;
    let open = entry.open(ENTRY_TYP).unwrap();
    let entry: Entry = serde_json::from_slice(&open.payload).unwrap();
    entry.member.keys[0].kid.clone()
}

fn not_held() -> AcceptError {
    AcceptError::NotHeld(minato().id)
}

#[test]
fn nobody_disappears_from_the_list() {
    let registry = registry();
    let first = before(&registry);
    let result = after(&registry, &first, |document| {
        drop(document.members.remove(0))
    });
    refused(result, AcceptError::MemberLost(minato().id));
}

#[test]
fn nobody_returns_from_a_final_state() {
    let mut registry = registry();
    registry.members[0].1 = MemberState::Withdrawn;
    let first = before(&registry);
    let result = after(&registry, &first, |document| {
        document.members[0].state = MemberState::Active
    });
    refused(result, AcceptError::MemberLost(minato().id));
}

#[test]
fn a_member_may_be_added_with_an_approved_entry() {
    let registry = registry();
    let first = before(&registry);
    let new = SampleMember::new("0110000003", 30);
    let entry = registry.entry(&new.profile()).sign(&[&registry.approver]);
    let listed = ListedMember {
        state: MemberState::Active,
        since: NOW,
        entry,
        key_changes: Vec::new(),
        pending: None,
    };
    let second = after(&registry, &first, |document| document.members.push(listed)).unwrap();
    assert_eq!(second.document().members.len(), 3);
}

#[test]
fn a_replacement_that_the_member_signed_counts_at_once() {
    let registry = registry();
    let first = before(&registry);
    for key in [&minato().sign, &minato().recovery] {
        let entry = replaced(&registry).signed(ENTRY_TYP, key);
        let second = after(&registry, &first, |document| {
            document.members[0].entry = entry
        });
        assert_ne!(kid_of(&second.unwrap()), kid_of(&first));
    }
}

#[test]
fn a_replacement_that_the_member_did_not_sign_is_refused() {
    let registry = registry();
    let first = before(&registry);
    let by_others: [&dyn Sign; 3] = [&minato().consent, &yukimi().sign, &registry.directory];
    let mut tried = vec![replaced(&registry)];
    tried.extend(by_others.map(|key| replaced(&registry).signed(ENTRY_TYP, key)));
    for entry in tried {
        let result = after(&registry, &first, |document| {
            document.members[0].entry = entry
        });
        refused(result, not_held());
    }
}

#[test]
fn an_old_entry_never_returns() {
    let registry = registry();
    let first = before(&registry);
    let old = first.document().members[0].entry.clone();
    let new = replaced(&registry).signed(ENTRY_TYP, &minato().sign);
    let second = after(&registry, &first, |document| {
        document.members[0].entry = new
    })
    .unwrap();
    let result = after(&registry, &second, |document| {
        document.members[0].entry = old
    });
    refused(result, not_held());
}

#[test]
fn an_unsigned_replacement_counts_after_a_day_on_hold() {
    let registry = registry();
    let first = before(&registry);
    let hold = |from: i64| Pending {
        in_force_at: NOW.plus_seconds(from),
        entry: replaced(&registry),
    };
    let short = after(&registry, &first, |document| {
        document.members[0].pending = Some(hold(HOLD_SECONDS - 1));
    });
    refused(short, not_held());

    let second = after(&registry, &first, |document| {
        document.members[0].pending = Some(hold(HOLD_SECONDS));
    });
    let second = second.unwrap();
    assert_eq!(second.held().count(), 1, "an alarm at every node");
    assert_eq!(
        kid_of(&second),
        kid_of(&first),
        "the old entry stays in force"
    );

    let swap = |iat: i64| {
        after(&registry, &second, |document| {
            document.iat = NOW.plus_seconds(iat);
            document.exp = document.iat.plus_seconds(86_400);
            document.members[0].entry = replaced(&registry);
            document.members[0].pending = None;
        })
    };
    refused(swap(HOLD_SECONDS - 1), not_held());
    assert_ne!(kid_of(&swap(HOLD_SECONDS).unwrap()), kid_of(&first));

    let shortened = after(&registry, &second, |document| {
        document.iat = NOW.plus_seconds(60);
        document.members[0].pending = Some(hold(HOLD_SECONDS - 60));
    });
    refused(shortened, not_held());
}

#[test]
fn a_suspended_member_is_replaced_at_once() {
    let mut registry = registry();
    registry.members[0].1 = MemberState::Suspended;
    let first = before(&registry);
    let entry = replaced(&registry);
    let second = after(&registry, &first, |document| {
        document.members[0].entry = entry
    });
    assert_ne!(kid_of(&second.unwrap()), kid_of(&first));
}

#[test]
fn a_hold_is_for_the_same_member_and_a_higher_version() {
    let registry = registry();
    let first = before(&registry);
    let same_version = registry
        .entry(&minato().profile())
        .sign(&[&registry.approver]);
    let other = Entry {
        version: 2,
        ..registry.entry(&yukimi().profile())
    };
    for entry in [same_version, other.sign(&[&registry.approver])] {
        let pending = Pending {
            in_force_at: NOW.plus_seconds(HOLD_SECONDS),
            entry,
        };
        let result = after(&registry, &first, |document| {
            document.members[0].pending = Some(pending);
        });
        refused(result, not_held());
    }
}
