//! Rotations and revocations: who may, when, and what nobody may make of them.

use super::replacement::{after, before};
use super::*;

const DAY: i64 = 86_400;
const YEAR: i64 = 365 * DAY;

fn new_key() -> SecretKey {
    SecretKey::from_seed([90; 32])
}

fn chain(directory: &Directory) -> &KeyChain {
    directory.chain(&minato().id).unwrap()
}

/// Minato's next rotation of its `sign` key to `new`, as a rightful node makes it at `NOW`.
fn rotation(directory: &Directory, new: &SecretKey) -> Rotation {
    let chain = chain(directory);
    Rotation {
        ver: 1,
        iss: crate::sample::REGISTRY.into(),
        member: minato().id,
        entry: chain.entry(),
        number: chain.next_number(),
        iat: NOW,
        old: EndingKey {
            kid: minato().sign.kid().clone(),
            not_after: NOW.plus_seconds(7 * DAY),
        },
        new: KeyStatement::of(
            KeyUse::Sign,
            &new.public(),
            NOW.plus_seconds(600),
            NOW.plus_seconds(YEAR),
        ),
    }
}

fn revocation(directory: &Directory, kids: &[&SecretKey], new: &[KeyStatement]) -> KeyRevocation {
    let chain = chain(directory);
    KeyRevocation {
        ver: 1,
        iss: crate::sample::REGISTRY.into(),
        member: minato().id,
        entry: chain.entry(),
        number: chain.next_number(),
        iat: NOW,
        revoked: kids.iter().map(|key| key.kid().clone()).collect(),
        replaced_by: new.to_vec(),
    }
}

fn at_once(key_use: KeyUse, key: &SecretKey) -> KeyStatement {
    KeyStatement::of(key_use, &key.public(), NOW, NOW.plus_seconds(YEAR))
}

/// The directory after `last` with these changes on Minato's entry.
fn listing(
    registry: &SampleRegistry,
    last: &Directory,
    changes: Vec<General>,
) -> Result<Directory, AcceptError> {
    after(registry, last, |document| {
        document.members[0].key_changes = changes
    })
}

fn blamed(error: KeyChangeError) -> AcceptError {
    AcceptError::KeyChange {
        member: minato().id,
        error,
    }
}

fn counting(directory: &Directory, at: i64) -> Vec<String> {
    let keys = chain(directory).counting(KeyUse::Sign, NOW.plus_seconds(at));
    keys.map(|key| key.kid.to_string()).collect()
}

#[test]
fn a_rotation_overlaps_and_then_the_old_key_ends() {
    let registry = registry();
    let first = before(&registry);
    let said = rotation(&first, &new_key()).sign(&minato().sign, &new_key());
    let second = listing(&registry, &first, vec![said]).unwrap();
    let (old, new) = (minato().sign.kid().to_string(), new_key().kid().to_string());
    assert_eq!(counting(&second, 0), std::slice::from_ref(&old));
    assert_eq!(counting(&second, 600), [old.clone(), new.clone()]);
    assert_eq!(counting(&second, 7 * DAY), [old, new.clone()]);
    assert_eq!(counting(&second, 7 * DAY + 1), [new]);
    let kid = minato().sign.kid().clone();
    let then = second.signer_at(&kid, NOW.plus_seconds(7 * DAY));
    assert_eq!(then.map(|(member, _)| member), Some(minato().id));
    assert!(
        second
            .signer_at(&kid, NOW.plus_seconds(7 * DAY + 1))
            .is_none()
    );
}

#[test]
fn a_document_without_key_changes_is_written_as_before() {
    let document = registry().directory_document();
    let text = serde_json::to_string(&document).unwrap();
    assert!(!text.contains("key_changes"));
}

#[test]
fn neither_key_rotates_alone_and_nobody_signs_along() {
    let registry = registry();
    let first = before(&registry);
    let said = rotation(&first, &new_key());
    let (old, new, third) = (&minato().sign, &new_key(), &yukimi().sign);
    let unsigned = General::new(&super::super::payload(&said));
    let by = |keys: &[&dyn Sign]| {
        keys.iter()
            .fold(unsigned.clone(), |jws, key| jws.signed(ROTATION_TYP, *key))
    };
    let tried: [&[&dyn Sign]; 7] = [
        &[old],
        &[new],
        &[new, third],
        &[old, third],
        &[&registry.directory, new],
        &[&registry.approver, new],
        &[old, new, third],
    ];
    for keys in tried {
        let result = listing(&registry, &first, vec![by(keys)]);
        refused(result, blamed(KeyChangeError::Signature));
    }
    assert!(listing(&registry, &first, vec![by(&[new, old])]).is_ok());
}

#[test]
fn a_thief_of_the_sign_key_gets_no_other_use() {
    let registry = registry();
    let first = before(&registry);
    for key_use in [KeyUse::Recovery, KeyUse::Consent, KeyUse::Log] {
        let mut said = rotation(&first, &new_key());
        said.new.key_use = key_use;
        let jws = said.sign(&minato().sign, &new_key());
        let result = listing(&registry, &first, vec![jws]);
        refused(
            result,
            blamed(KeyChangeError::NewKey(new_key().kid().clone())),
        );
    }
    let mut said = rotation(&first, &new_key());
    said.old.kid = minato().recovery.kid().clone();
    said.new.key_use = KeyUse::Recovery;
    let jws = said.sign(&minato().sign, &new_key());
    refused(
        listing(&registry, &first, vec![jws]),
        blamed(KeyChangeError::Use(KeyUse::Recovery)),
    );
    let jws = said.sign(&minato().recovery, &new_key());
    refused(
        listing(&registry, &first, vec![jws]),
        blamed(KeyChangeError::Use(KeyUse::Recovery)),
    );
    let revoked = revocation(&first, &[&minato().consent], &[]);
    refused(
        listing(&registry, &first, vec![revoked.sign(&minato().sign, &[])]),
        blamed(KeyChangeError::Signature),
    );
}

#[test]
fn the_bounds_of_a_rotation_are_judged_by_every_node() {
    let registry = registry();
    let first = before(&registry);
    let with = |change: &dyn Fn(&mut Rotation)| {
        let mut said = rotation(&first, &new_key());
        change(&mut said);
        listing(
            &registry,
            &first,
            vec![said.sign(&minato().sign, &new_key())],
        )
    };
    let times = || blamed(KeyChangeError::Times);
    assert!(with(&|_| ()).is_ok());
    refused(
        with(&|said| said.new.not_before = NOW.plus_seconds(599)),
        times(),
    );
    refused(
        with(&|said| said.old.not_after = NOW.plus_seconds(7 * DAY + 1)),
        times(),
    );
    refused(
        with(&|said| said.old.not_after = NOW.plus_seconds(599)),
        times(),
    );
    refused(
        with(&|said| said.new.not_after = NOW.plus_seconds(1_000 * DAY + 1)),
        times(),
    );
    let kid = new_key().kid().clone();
    refused(
        with(&|said| said.new.not_after = said.new.not_before),
        blamed(KeyChangeError::NewKey(kid.clone())),
    );
    refused(
        with(&|said| said.new.x = yukimi().sign.public().x()),
        blamed(KeyChangeError::NewKey(kid)),
    );
    refused(with(&|said| said.number = 2), blamed(KeyChangeError::Order));
    refused(
        with(&|said| said.iss.push('x')),
        blamed(KeyChangeError::Issuer),
    );
    refused(
        with(&|said| said.member = yukimi().id),
        blamed(KeyChangeError::Member),
    );
    refused(with(&|said| said.ver = 2), blamed(KeyChangeError::Schema));
    let other = crate::jws::PayloadHash::of(b"another");
    refused(
        with(&|said| said.entry = other),
        blamed(KeyChangeError::Entry),
    );
}

#[test]
fn a_rotation_is_listed_when_it_is_made_and_not_back_dated() {
    let registry = registry();
    let first = before(&registry);
    let made = |seconds: i64| {
        let mut said = rotation(&first, &new_key());
        said.iat = NOW.plus_seconds(seconds);
        said.new.not_before = said.iat.plus_seconds(600);
        said.old.not_after = said.iat.plus_seconds(7 * DAY);
        listing(
            &registry,
            &first,
            vec![said.sign(&minato().sign, &new_key())],
        )
    };
    assert!(made(-300).is_ok() && made(60).is_ok());
    refused(made(-301), blamed(KeyChangeError::NotFresh));
    refused(made(61), blamed(KeyChangeError::NotFresh));
}

#[test]
fn a_key_gives_way_once_and_no_key_comes_twice() {
    let registry = registry();
    let first = before(&registry);
    let said = rotation(&first, &new_key()).sign(&minato().sign, &new_key());
    let second = listing(&registry, &first, vec![said.clone()]).unwrap();
    let third_key = SecretKey::from_seed([91; 32]);
    let again = rotation(&second, &third_key).sign(&minato().sign, &third_key);
    refused(
        listing(&registry, &second, vec![said.clone(), again]),
        blamed(KeyChangeError::OldKey(minato().sign.kid().clone())),
    );
    for taken in [&minato().sign, &minato().consent] {
        let said = rotation(&first, taken).sign(&minato().sign, taken);
        assert!(listing(&registry, &first, vec![said]).is_err());
    }
    let yukimis = rotation(&first, &yukimi().sign).sign(&minato().sign, &yukimi().sign);
    assert!(matches!(
        listing(&registry, &first, vec![yukimis]),
        Err(AcceptError::Twice(_))
    ));
}

#[test]
fn a_key_that_operators_revoked_rotates_no_more_though_it_claims_an_earlier_moment() {
    let registry = registry();
    let first = before(&registry);
    let stopped = |kid: &crate::keys::KeyId| {
        let key = chain(&first).find(kid).unwrap().statement.clone();
        after(&registry, &first, |document| {
            document.archive.push(ArchivedKey {
                member: minato().id,
                key_use: key.key_use,
                kid: key.kid,
                x: key.x,
                not_before: key.not_before,
                not_after: key.not_after,
                revoked_at: Some(NOW),
            });
        })
        .unwrap()
    };
    let earlier = NOW.plus_seconds(-60);
    let (sign, recovery) = (minato().sign.kid().clone(), minato().recovery.kid().clone());
    let second = stopped(&sign);
    let mut said = rotation(&second, &new_key());
    said.iat = earlier;
    said.old.not_after = NOW.plus_seconds(DAY);
    let said = said.sign(&minato().sign, &new_key());
    refused(
        listing(&registry, &second, vec![said]),
        blamed(KeyChangeError::OldKey(sign)),
    );
    let second = stopped(&recovery);
    let mut said = revocation(&second, &[&minato().consent], &[]);
    said.iat = earlier;
    let said = said.sign(&minato().recovery, &[]);
    refused(
        listing(&registry, &second, vec![said]),
        blamed(KeyChangeError::OldKey(recovery)),
    );
}

#[test]
fn a_suspended_member_rotates_nothing_and_its_recovery_key_still_revokes() {
    let mut registry = registry();
    registry.members[0].1 = MemberState::Suspended;
    let first = before(&registry);
    let said = rotation(&first, &new_key()).sign(&minato().sign, &new_key());
    refused(
        listing(&registry, &first, vec![said]),
        blamed(KeyChangeError::State),
    );
    let revoked = revocation(&first, &[&minato().sign], &[]).sign(&minato().recovery, &[]);
    assert!(listing(&registry, &first, vec![revoked]).is_ok());
}

#[test]
fn a_key_change_neither_vanishes_nor_moves() {
    let registry = registry();
    let first = before(&registry);
    let one = rotation(&first, &new_key()).sign(&minato().sign, &new_key());
    let second = listing(&registry, &first, vec![one.clone()]).unwrap();
    let revoked = revocation(&second, &[&new_key()], &[]).sign(&minato().recovery, &[]);
    let third = listing(&registry, &second, vec![one.clone(), revoked.clone()]).unwrap();
    let other_key = SecretKey::from_seed([92; 32]);
    let other = rotation(&first, &other_key).sign(&minato().sign, &other_key);
    for (changes, error) in [
        (vec![], KeyChangeError::Lost),
        (vec![one.clone()], KeyChangeError::Lost),
        (vec![other], KeyChangeError::Lost),
        (vec![revoked.clone(), one.clone()], KeyChangeError::Order),
        (vec![one.clone(), one.clone()], KeyChangeError::Order),
    ] {
        refused(listing(&registry, &third, changes), blamed(error));
    }
    assert!(listing(&registry, &third, vec![one, revoked]).is_ok());
}

#[test]
fn a_rotation_falls_with_its_entry_and_does_not_come_back() {
    let registry = registry();
    let first = before(&registry);
    let said = rotation(&first, &new_key()).sign(&minato().sign, &new_key());
    let second = listing(&registry, &first, vec![said.clone()]).unwrap();
    let again = Entry {
        version: 2,
        ..registry.entry(&minato().profile())
    };
    let again = again
        .sign(&[&registry.approver])
        .signed(ENTRY_TYP, &minato().recovery);
    let replace = |changes: Vec<General>| {
        after(&registry, &second, |document| {
            document.members[0].entry = again.clone();
            document.members[0].key_changes = changes;
        })
    };
    refused(replace(vec![said]), blamed(KeyChangeError::Entry));
    let third = replace(Vec::new()).unwrap();
    assert!(chain(&third).find(new_key().kid()).is_none());
}

#[test]
fn the_recovery_key_revokes_and_replaces_at_once() {
    let registry = registry();
    let first = before(&registry);
    let new = at_once(KeyUse::Sign, &new_key());
    let said = revocation(&first, &[&minato().sign], &[new]);
    let second = listing(
        &registry,
        &first,
        vec![said.sign(&minato().recovery, &[&new_key()])],
    )
    .unwrap();
    assert_eq!(counting(&second, 0), [new_key().kid().to_string()]);
    let old = minato().sign.kid().clone();
    assert!(second.signer_at(&old, NOW.plus_seconds(-1)).is_some());
    assert!(second.signer_at(&old, NOW).is_none());

    // A thief's rotation falls the same way.
    let thiefs = SecretKey::from_seed([93; 32]);
    let stolen = rotation(&first, &thiefs).sign(&minato().sign, &thiefs);
    let second = listing(&registry, &first, vec![stolen.clone()]).unwrap();
    let new = at_once(KeyUse::Sign, &new_key());
    let said = revocation(&second, &[&minato().sign, &thiefs], &[new]);
    let said = said.sign(&minato().recovery, &[&new_key()]);
    let third = listing(&registry, &second, vec![stolen, said]).unwrap();
    assert_eq!(counting(&third, 600), [new_key().kid().to_string()]);
}

#[test]
fn a_revocation_is_bounded_to_what_recovery_may() {
    let registry = registry();
    let first = before(&registry);
    let tried = |said: &KeyRevocation, by: &dyn Sign, replacing: &[&dyn Sign]| {
        listing(&registry, &first, vec![said.sign(by, replacing)])
    };
    let (recovery, new) = (&minato().recovery, &new_key());
    let sign = at_once(KeyUse::Sign, new);
    let kid = || new.kid().clone();

    let said = revocation(&first, &[&minato().sign], std::slice::from_ref(&sign));
    refused(
        tried(&said, recovery, &[]),
        blamed(KeyChangeError::Signature),
    );
    refused(tried(&said, new, &[]), blamed(KeyChangeError::Signature));
    refused(
        tried(&said, &registry.directory, &[new]),
        blamed(KeyChangeError::Signature),
    );
    let said = revocation(&first, &[&minato().consent], std::slice::from_ref(&sign));
    refused(
        tried(&said, recovery, &[new]),
        blamed(KeyChangeError::NewKey(kid())),
    );
    let said = revocation(
        &first,
        &[&minato().recovery],
        &[at_once(KeyUse::Recovery, new)],
    );
    refused(
        tried(&said, recovery, &[new]),
        blamed(KeyChangeError::Use(KeyUse::Recovery)),
    );
    let said = revocation(&first, &[], &[]);
    refused(tried(&said, recovery, &[]), blamed(KeyChangeError::Schema));
    let said = revocation(&first, &[&yukimi().sign], &[]);
    let other = KeyChangeError::OldKey(yukimi().sign.kid().clone());
    refused(tried(&said, recovery, &[]), blamed(other));
    let said = revocation(&first, &[&minato().sign, &minato().sign], &[]);
    let twice = KeyChangeError::OldKey(minato().sign.kid().clone());
    refused(tried(&said, recovery, &[]), blamed(twice));
    let later = KeyStatement {
        not_before: NOW.plus_seconds(1),
        ..sign
    };
    let said = revocation(&first, &[&minato().sign], &[later]);
    refused(
        tried(&said, recovery, &[new]),
        blamed(KeyChangeError::Times),
    );
}

#[test]
fn a_revoked_key_rotates_no_more_and_vouches_for_no_entry() {
    let registry = registry();
    let first = before(&registry);
    let said = revocation(&first, &[&minato().sign], &[]).sign(&minato().recovery, &[]);
    let second = listing(&registry, &first, vec![said.clone()]).unwrap();
    let stolen = rotation(&second, &new_key()).sign(&minato().sign, &new_key());
    let old = KeyChangeError::OldKey(minato().sign.kid().clone());
    refused(listing(&registry, &second, vec![said, stolen]), blamed(old));
    let entry = Entry {
        version: 2,
        ..registry.entry(&SampleMember::new("0110000001", 11).profile())
    };
    let entry = entry
        .sign(&[&registry.approver])
        .signed(ENTRY_TYP, &minato().sign);
    let result = after(&registry, &second, |document| {
        document.members[0].entry = entry;
        document.members[0].key_changes.clear();
    });
    refused(result, AcceptError::NotHeld(minato().id));
}

/// What a node knows after a directory with these changes, one status of it.
fn membership(changes: Vec<General>, change: impl FnOnce(&mut StatusDocument)) -> Membership {
    let registry = registry();
    let mut document = registry.directory_document();
    document.iat = NOW;
    document.members[0].key_changes = changes;
    let signed = document.sign(&registry.directory);
    let root = registry.accepted_root();
    let directory = Directory::accept(&signed.jws, &root, None, Reading::Fresh, NOW).unwrap();
    let mut status = registry.status_document(&signed, 1);
    change(&mut status);
    let status = status.sign(&registry.status).jws;
    let status = Status::accept(&status, &root, None, Reading::Fresh, NOW).unwrap();
    Membership::new(root, directory, status).unwrap()
}

#[test]
fn everything_that_reads_a_members_keys_reads_the_rotated_ones() {
    let first = before(&registry());
    let said = rotation(&first, &new_key()).sign(&minato().sign, &new_key());
    let rotated = membership(vec![said.clone()], |_| ());
    let may = |membership: &Membership, key: &SecretKey, at: i64| {
        let key = membership.key(key.kid()).unwrap();
        key.may(KeyUse::Sign, NOW.plus_seconds(at))
    };
    assert!(may(&rotated, &minato().sign, 7 * DAY) && !may(&rotated, &minato().sign, 7 * DAY + 1));
    assert!(!may(&rotated, &new_key(), 599) && may(&rotated, &new_key(), 600));
    let named = rotated.member(&minato().id).unwrap();
    let count = |at: i64| named.keys_for(KeyUse::Sign, NOW.plus_seconds(at)).count();
    assert_eq!((count(0), count(600), count(8 * DAY)), (1, 2, 1));

    let stopped = membership(vec![said], |status| {
        status.revoked = vec![new_key().kid().clone()]
    });
    assert!(!may(&stopped, &new_key(), 600));
    let id = minato().id;
    let mut left = stopped.keys_of(&id, KeyUse::Sign, NOW.plus_seconds(600));
    assert_eq!(left.next().unwrap().kid, *minato().sign.kid());
    assert!(left.next().is_none());
}

proptest! {
    #[test]
    fn reading_a_key_change_never_panics_and_takes_only_what_it_writes_back(
        bytes in proptest::collection::vec(0_u8.., 0..200),
        json in "[\\[{}\\]\":,a-z0-9]{0,80}",
    ) {
        for bytes in [bytes.as_slice(), json.as_bytes()] {
            let _ = General::parse(bytes, LONGEST_KEY_CHANGE).map(|jws| KeyChange::read(&jws));
            for typ in [ROTATION_TYP, KEY_REVOCATION_TYP] {
                let jws = General::new(bytes).signed(typ, &minato().sign);
                if let Ok(read) = KeyChange::read(&jws) {
                    let again = match &read {
                        KeyChange::Rotation(said) => said.sign(&minato().sign, &new_key()),
                        KeyChange::Revocation(said) => said.sign(&minato().recovery, &[]),
                    };
                    prop_assert_eq!(KeyChange::read(&again), Ok(read));
                }
            }
        }
    }

    #[test]
    fn no_times_of_a_rotation_leave_the_member_without_a_key_or_outlive_the_bounds(
        lead in -1_000_i64..2_000, overlap in 0_i64..(9 * DAY), life in 0_i64..(1_200 * DAY),
    ) {
        let registry = registry();
        let first = before(&registry);
        let mut said = rotation(&first, &new_key());
        said.new.not_before = NOW.plus_seconds(lead);
        said.new.not_after = NOW.plus_seconds(life);
        said.old.not_after = NOW.plus_seconds(overlap);
        let jws = said.sign(&minato().sign, &new_key());
        if let Ok(second) = listing(&registry, &first, vec![jws]) {
            prop_assert!(lead >= 600 && overlap <= 7 * DAY && life <= 1_000 * DAY);
            for at in [0, lead - 1, lead, overlap, overlap + 1, life] {
                prop_assert!(!counting(&second, at).is_empty(), "no key at {}", at);
            }
        }
    }

    #[test]
    fn one_changed_byte_of_a_rotation_is_refused(at in 0_usize..10_000, with in 1_u8..) {
        let registry = registry();
        let first = before(&registry);
        let said = rotation(&first, &new_key()).sign(&minato().sign, &new_key());
        let mut bytes = said.to_json().into_bytes();
        let at = at % bytes.len();
        bytes[at] ^= with;
        if let Ok(jws) = General::parse(&bytes, LONGEST_KEY_CHANGE) {
            prop_assert!(listing(&registry, &first, vec![jws]).is_err());
        }
    }
}
