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
    let entry = replaced(&registry).signed(ENTRY_TYP, &minato().recovery);
    let second = after(&registry, &first, |document| {
        document.members[0].entry = entry
    });
    assert_ne!(kid_of(&second.unwrap()), kid_of(&first));
}

#[test]
fn a_stolen_sign_key_moves_neither_certificates_nor_the_address_nor_a_key() {
    let registry = registry();
    let first = before(&registry);
    let changed = |change: fn(&mut Profile)| {
        let mut profile = minato().profile();
        change(&mut profile);
        let entry = Entry {
            version: 2,
            ..registry.entry(&profile)
        };
        entry.sign(&[&registry.approver])
    };
    let thiefs: [fn(&mut Profile); 4] = [
        |profile| profile.certificates = yukimi().profile().certificates,
        |profile| profile.endpoints.federation = "https://thief.example".to_owned(),
        |profile| profile.keys[0] = SampleMember::new("0110000001", 11).profile().keys[0].clone(),
        |profile| profile.capabilities.push("emergency".to_owned()),
    ];
    for change in thiefs {
        for key in [&minato().sign, &minato().consent] {
            let entry = changed(change).signed(ENTRY_TYP, key);
            let result = after(&registry, &first, |document| {
                document.members[0].entry = entry
            });
            refused(result, not_held());
        }
        let entry = changed(change).signed(ENTRY_TYP, &minato().recovery);
        let rightly = after(&registry, &first, |document| {
            document.members[0].entry = entry
        });
        assert!(rightly.is_ok());
    }
}

#[test]
fn a_replacement_that_the_member_did_not_sign_is_refused() {
    let registry = registry();
    let first = before(&registry);
    let by_others: [&dyn Sign; 5] = [
        &minato().sign,
        &minato().consent,
        &yukimi().sign,
        &yukimi().recovery,
        &registry.directory,
    ];
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
    let new = replaced(&registry).signed(ENTRY_TYP, &minato().recovery);
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

#[test]
fn a_hold_is_not_shortened_by_dating_ahead_by_another_number_or_by_leaving_it_out() {
    let registry = registry();
    let first = before(&registry);
    let hold = Pending {
        in_force_at: NOW.plus_seconds(HOLD_SECONDS),
        entry: replaced(&registry),
    };
    let held = after(&registry, &first, |document| {
        document.members[0].pending = Some(hold.clone());
    })
    .unwrap();
    let in_force = |before: &Directory, iat: Timestamp| {
        after(&registry, before, |document| {
            document.iat = iat;
            document.exp = iat.plus_seconds(86_400);
            document.members[0].entry = replaced(&registry);
            document.members[0].pending = None;
        })
    };
    // Taken off the list, it has not been held: a day later it does not count.
    let silent = after(&registry, &held, |document| {
        document.iat = NOW.plus_seconds(60);
        document.members[0].pending = None;
    })
    .unwrap();
    assert_eq!(silent.held().count(), 0);
    refused(
        in_force(&silent, NOW.plus_seconds(HOLD_SECONDS + 60)),
        not_held(),
    );
    // Listed anew it is held anew.
    let again = after(&registry, &silent, |document| {
        document.iat = NOW.plus_seconds(120);
        document.members[0].pending = Some(hold.clone());
    });
    refused(again, not_held());
    // A directory of tomorrow is read tomorrow.
    let mut document = DirectoryDocument {
        seq: held.document().seq + 1,
        prev: Some(held.hash()),
        iat: NOW.plus_seconds(HOLD_SECONDS),
        exp: NOW.plus_seconds(HOLD_SECONDS + 86_400),
        ..held.document().clone()
    };
    document.members[0].entry = replaced(&registry);
    document.members[0].pending = None;
    let jws = document.sign(&registry.directory).jws;
    let root = registry.accepted_root();
    for reading in [Reading::Fresh, Reading::Stored] {
        let result = Directory::accept(&jws, &root, Some(&held), reading, NOW);
        refused(result, AcceptError::NotYetValid);
    }
}

/// Minato's request with some changes to what is listed of it, signed with its recovery key.
fn request(change: impl FnOnce(&mut Profile), description: Option<String>) -> ReplacementRequest {
    let mut profile = minato().profile();
    change(&mut profile);
    let entry = Entry::new("urn:musubi:registry:sample", 2, profile, NOW);
    ReplacementRequest::new(&entry, &minato().recovery, description)
}

#[test]
fn a_request_without_new_keys_needs_no_proof_and_is_read_as_it_was_written() {
    let certificates = yukimi().profile().certificates;
    let made = request(
        |profile| profile.certificates.clone_from(&certificates),
        None,
    );
    let read = ReplacementRequest::read(&format!("\n {} \n", made.to_json())).unwrap();
    assert_eq!(read, made);
    let entry = read.check(&minato().profile()).unwrap();
    assert_eq!(entry.member.certificates, certificates);
}

#[test]
fn a_request_that_nobody_may_make_is_refused() {
    let before = minato().profile();
    let refusal = |made: ReplacementRequest| made.check(&before).unwrap_err();
    let others = yukimi().profile().keys[0].clone();
    let with_others_key = |profile: &mut Profile| profile.keys.push(others.clone());
    assert_eq!(
        refusal(request(with_others_key, None)),
        ReplacementError::NoProof
    );
    // A key under another use is a new key.
    let renamed = |profile: &mut Profile| profile.keys[1].key_use = KeyUse::Sign;
    assert_eq!(refusal(request(renamed, None)), ReplacementError::NoProof);
    let elsewhere = |profile: &mut Profile| profile.id = yukimi().id;
    assert_eq!(
        refusal(request(elsewhere, None)),
        ReplacementError::OtherMember
    );
    let (_, described) = description();
    let text = described.sign(&minato().sign, &[&minato().consent, &minato().recovery]);
    let changed = |profile: &mut Profile| profile.region = "other".to_owned();
    assert_eq!(
        refusal(request(changed, Some(text.clone()))),
        ReplacementError::OtherProfile
    );
    assert!(matches!(
        refusal(request(with_others_key, Some("x.y.z".to_owned()))),
        ReplacementError::Description(_)
    ));
    assert!(request(|_| {}, Some(text)).check(&before).is_ok());
    for text in ["", "{}", "[]", "{\"entry\":1}", "{\"entry\":{},\"x\":1}"] {
        assert_eq!(
            ReplacementRequest::read(text).unwrap_err(),
            ReplacementError::Schema
        );
    }
}

proptest! {
    #[test]
    fn reading_a_request_never_panics_and_takes_only_what_it_can_write(
        at in 0_usize..20_000,
        with in any::<char>(),
    ) {
        let mut text: Vec<char> = request(|_| {}, None).to_json().chars().collect();
        let at = at % text.len();
        text[at] = with;
        let text: String = text.into_iter().collect();
        if let Ok(read) = ReplacementRequest::read(&text) {
            prop_assert_eq!(ReplacementRequest::read(&read.to_json()).unwrap(), read.clone());
            let _judged = read.check(&minato().profile());
        }
    }
}
