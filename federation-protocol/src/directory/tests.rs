#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use proptest::prelude::*;

use super::*;
use crate::jws::{General, sign_compact};
use crate::keys::{KeyUse, SealPublicKey, SecretKey, Sign};
use crate::member::MemberState;
use crate::purpose::Purpose;
use crate::sample::{NOW, SampleMember, SampleRegistry};

mod archive;
mod key_changes;
mod replacement;
mod taken_away;

fn minato() -> SampleMember {
    SampleMember::new("0110000001", 10)
}

fn yukimi() -> SampleMember {
    SampleMember::new("0110000002", 20)
}

fn registry() -> SampleRegistry {
    SampleRegistry::of([minato().profile(), yukimi().profile()])
}

/// Accepts a directory payload signed with the right key.
fn accept(
    registry: &SampleRegistry,
    document: &DirectoryDocument,
    previous: Option<&Directory>,
) -> Result<Directory, AcceptError> {
    let signed = document.sign(&registry.directory);
    Directory::accept(
        &signed.jws,
        &registry.accepted_root(),
        previous,
        Reading::Fresh,
        NOW,
    )
}

#[track_caller]
fn refused<T>(result: Result<T, AcceptError>, error: AcceptError) {
    assert_eq!(result.map(|_| ()), Err(error));
}

fn root(
    registry: &SampleRegistry,
    change: impl FnOnce(&mut RootDocument),
) -> Result<Root, AcceptError> {
    let mut document = registry.root_document();
    change(&mut document);
    let signed = document.sign(&[&registry.root]);
    Root::pinned(signed.jws.as_bytes(), &signed.hash, Reading::Fresh, NOW)
}

#[test]
fn only_the_pinned_root_is_accepted() {
    let registry = registry();
    assert!(root(&registry, |_| ()).is_ok());
    let signed = registry.root_signed();
    let other = crate::jws::PayloadHash::of(b"another");
    let result = Root::pinned(signed.jws.as_bytes(), &other, Reading::Fresh, NOW);
    refused(result, AcceptError::NotPinned);
    let unsigned = registry.root_document().sign(&[&registry.approver]);
    let result = Root::pinned(unsigned.jws.as_bytes(), &unsigned.hash, Reading::Fresh, NOW);
    refused(result, AcceptError::KeyNotDelegated);
}

#[test]
fn a_root_that_cannot_be_is_refused() {
    let registry = registry();
    refused(root(&registry, |root| root.ver = 2), AcceptError::Schema);
    refused(
        root(&registry, |root| root.iss = "sample".into()),
        AcceptError::Schema,
    );
    refused(
        root(&registry, |root| root.root.threshold = 0),
        AcceptError::Schema,
    );
    refused(
        root(&registry, |root| root.approvers.threshold = 2),
        AcceptError::Schema,
    );
    refused(
        root(&registry, |root| {
            root.approvers.keys.push(root.approvers.keys[0].clone())
        }),
        AcceptError::Schema,
    );
    refused(
        root(&registry, |root| {
            root.online[0].kid = root.online[1].kid.clone()
        }),
        AcceptError::Schema,
    );
    refused(
        root(&registry, |root| root.iat = NOW.plus_seconds(61)),
        AcceptError::NotYetValid,
    );
    refused(
        root(&registry, |root| root.exp = NOW.plus_seconds(-61)),
        AcceptError::Expired,
    );
    refused(
        root(&registry, |root| root.exp = NOW.plus_seconds(400 * 86_400)),
        AcceptError::TooLongLived,
    );
}

#[test]
fn a_root_needs_its_threshold() {
    let registry = registry();
    let second = SecretKey::from_seed([77; 32]);
    let mut document = registry.root_document();
    document.root.keys.push(NamedKey::of(&second.public()));
    document.root.threshold = 2;
    let pinned = |keys: &[&dyn Sign]| {
        let signed = document.sign(keys);
        Root::pinned(signed.jws.as_bytes(), &signed.hash, Reading::Fresh, NOW)
    };
    refused(pinned(&[&registry.root]), AcceptError::KeyNotDelegated);
    assert!(pinned(&[&registry.root, &second]).is_ok());
    assert!(pinned(&[&second, &registry.approver, &registry.root]).is_ok());
}

#[test]
fn the_next_root_is_signed_by_the_one_before_and_itself() {
    let registry = registry();
    let first = registry.accepted_root();
    let new_key = SecretKey::from_seed([78; 32]);
    let next = |change: &dyn Fn(&mut RootDocument), keys: &[&dyn Sign]| {
        let mut document = registry.root_document();
        document.seq = 2;
        document.prev = Some(first.hash());
        document.root.keys = vec![NamedKey::of(&new_key.public())];
        change(&mut document);
        first.successor(document.sign(keys).jws.as_bytes(), Reading::Fresh, NOW)
    };
    let both: &[&dyn Sign] = &[&registry.root, &new_key];
    assert_eq!(next(&|_| (), both).unwrap().document().seq, 2);
    refused(next(&|_| (), &[&new_key]), AcceptError::KeyNotDelegated);
    refused(
        next(&|_| (), &[&registry.root]),
        AcceptError::KeyNotDelegated,
    );
    refused(
        next(&|root| root.prev = None, both),
        AcceptError::PreviousMismatch,
    );
    refused(
        next(&|root| root.seq = 3, both),
        AcceptError::Gap { have: 1, got: 3 },
    );
    refused(
        next(&|root| root.seq = 1, both),
        AcceptError::SplitView { seq: 1 },
    );
    refused(
        next(&|root| root.seq = 0, both),
        AcceptError::Rollback { have: 1, got: 0 },
    );
    refused(next(&|root| root.iss.push('x'), both), AcceptError::Issuer);
    let same = first.successor(registry.root_signed().jws.as_bytes(), Reading::Fresh, NOW);
    assert_eq!(same.unwrap().hash(), first.hash());
}

#[test]
fn a_directory_is_accepted_in_the_order_of_the_checks() {
    let registry = registry();
    let root = registry.accepted_root();
    let document = registry.directory_document();
    let take = |jws: &str| Directory::accept(jws, &root, None, Reading::Fresh, NOW);
    assert_eq!(
        accept(&registry, &document, None).unwrap().document(),
        &document
    );

    let payload = super::payload(&document);
    let wrong_type = sign_compact(STATUS_TYP, &payload, &registry.directory);
    refused(
        take(&wrong_type),
        AcceptError::Form(crate::jws::JwsError::Header),
    );
    for key in [&registry.status, &registry.root, &registry.approver] {
        refused(take(&document.sign(key).jws), AcceptError::KeyNotDelegated);
    }
    let jws = document.sign(&registry.directory).jws;
    let moved = DirectoryDocument {
        seq: 2,
        ..document.clone()
    }
    .sign(&registry.directory)
    .jws;
    let (moved, _) = moved.rsplit_once('.').unwrap();
    let (_, signature) = jws.rsplit_once('.').unwrap();
    refused(
        take(&format!("{moved}.{signature}")),
        AcceptError::Signature,
    );
    refused(
        take(&sign_compact(DIRECTORY_TYP, b"{}", &registry.directory)),
        AcceptError::Schema,
    );
    refused(
        accept(
            &registry,
            &DirectoryDocument {
                iss: "urn:musubi:registry:x".into(),
                ..document.clone()
            },
            None,
        ),
        AcceptError::Issuer,
    );
    refused(
        accept(
            &registry,
            &DirectoryDocument {
                iat: NOW.plus_seconds(61),
                ..document.clone()
            },
            None,
        ),
        AcceptError::NotYetValid,
    );
    refused(
        accept(
            &registry,
            &DirectoryDocument {
                exp: NOW.plus_seconds(-61),
                ..document.clone()
            },
            None,
        ),
        AcceptError::Expired,
    );
    refused(
        accept(
            &registry,
            &DirectoryDocument {
                exp: NOW.plus_seconds(32 * 86_400),
                ..document.clone()
            },
            None,
        ),
        AcceptError::TooLongLived,
    );
    let mut unknown: serde_json::Value = serde_json::to_value(&document).unwrap();
    unknown["more"] = 1.into();
    let jws = sign_compact(
        DIRECTORY_TYP,
        unknown.to_string().as_bytes(),
        &registry.directory,
    );
    refused(take(&jws), AcceptError::Schema);
    let doubled = String::from_utf8(payload)
        .unwrap()
        .replacen('{', "{\"ver\":1,", 1);
    refused(
        take(&sign_compact(
            DIRECTORY_TYP,
            doubled.as_bytes(),
            &registry.directory,
        )),
        AcceptError::Schema,
    );
}

#[test]
fn a_stored_directory_may_have_expired() {
    let registry = registry();
    let document = DirectoryDocument {
        exp: NOW.plus_seconds(-61),
        ..registry.directory_document()
    };
    let jws = document.sign(&registry.directory).jws;
    let stored = Directory::accept(&jws, &registry.accepted_root(), None, Reading::Stored, NOW);
    assert!(stored.is_ok());
}

#[test]
fn seq_rises_by_one_and_never_tells_two_stories() {
    let registry = registry();
    let mut document = registry.directory_document();
    document.seq = 5;
    let fifth = accept(&registry, &document, None).unwrap();
    assert_eq!(
        accept(&registry, &document, Some(&fifth)).unwrap().hash(),
        fifth.hash()
    );

    let next = |seq: u64, prev| {
        let document = DirectoryDocument {
            seq,
            prev,
            iat: NOW,
            ..document.clone()
        };
        accept(&registry, &document, Some(&fifth))
    };
    assert!(next(6, Some(fifth.hash())).is_ok());
    refused(next(6, None), AcceptError::PreviousMismatch);
    let other = crate::jws::PayloadHash::of(b"another");
    refused(next(6, Some(other)), AcceptError::PreviousMismatch);
    refused(
        next(7, Some(fifth.hash())),
        AcceptError::Gap { have: 5, got: 7 },
    );
    refused(next(5, None), AcceptError::SplitView { seq: 5 });
    refused(next(4, None), AcceptError::Rollback { have: 5, got: 4 });
    assert!(next(4, None).unwrap_err().is_alarm());
    assert!(!next(7, None).unwrap_err().is_alarm());
}

#[test]
fn the_online_key_cannot_add_or_change_a_member() {
    let registry = registry();
    let with_entry = |entry: General| {
        let mut document = registry.directory_document();
        document.members[0].entry = entry;
        accept(&registry, &document, None).unwrap_err()
    };
    let blamed = |error: EntryError| AcceptError::Entry {
        member: "member 0 of the list".into(),
        error,
    };
    let evil = SampleMember::new("0110000009", 90);
    let entry = registry.entry(&evil.profile());
    assert_eq!(
        with_entry(entry.sign(&[&registry.directory])),
        blamed(EntryError::TooFewApprovers)
    );
    assert_eq!(
        with_entry(entry.sign(&[&registry.root])),
        blamed(EntryError::TooFewApprovers)
    );
    let signed = entry.sign(&[&registry.approver]).to_json();
    let rightful = registry
        .entry(&minato().profile())
        .sign(&[&registry.approver])
        .to_json();
    let payload = |json: &str| {
        let value: serde_json::Value = serde_json::from_str(json).unwrap();
        value["payload"].as_str().unwrap().to_owned()
    };
    let swapped = rightful.replace(&payload(&rightful), &payload(&signed));
    let swapped = General::parse(swapped.as_bytes(), 100_000).unwrap();
    assert_eq!(with_entry(swapped), blamed(EntryError::Signature));
    let other = Entry {
        iss: "urn:musubi:registry:other".into(),
        ..entry.clone()
    };
    assert_eq!(
        with_entry(other.sign(&[&registry.approver])),
        blamed(EntryError::Issuer)
    );
    let future = Entry { ver: 2, ..entry };
    assert_eq!(
        with_entry(future.sign(&[&registry.approver])),
        blamed(EntryError::Schema)
    );
}

#[test]
fn entries_need_the_approvers_threshold() {
    let registry = registry();
    let second = SecretKey::from_seed([79; 32]);
    let mut root = registry.root_document();
    root.approvers.keys.push(NamedKey::of(&second.public()));
    root.approvers.threshold = 2;
    let entry = registry.entry(&minato().profile());
    let verify = |keys: &[&dyn Sign]| Entry::verify(&entry.sign(keys), &root).map(|_| ());
    assert_eq!(
        verify(&[&registry.approver]),
        Err(EntryError::TooFewApprovers)
    );
    assert_eq!(verify(&[&registry.approver, &second]), Ok(()));
    let twice = verify(&[&registry.approver, &registry.approver]);
    assert_eq!(twice, Err(EntryError::Form(crate::jws::JwsError::Form)));
}

#[test]
fn a_profile_that_cannot_be_is_refused() {
    let check = |change: &dyn Fn(&mut Profile)| {
        let mut profile = minato().profile();
        change(&mut profile);
        profile.check()
    };
    assert_eq!(check(&|_| ()), Ok(()));
    assert_eq!(check(&|p| p.names.ja.clear()), Err(ProfileError::Text));
    assert_eq!(check(&|p| p.names.en.push('\n')), Err(ProfileError::Text));
    assert_eq!(
        check(&|p| p.operator = "x".repeat(300)),
        Err(ProfileError::Text)
    );
    assert_eq!(
        check(&|p| p.endpoints.federation.push('/')),
        Err(ProfileError::Endpoint)
    );
    assert_eq!(
        check(&|p| p.keys[0].kid = p.keys[1].kid.clone()),
        Err(ProfileError::Keys)
    );
    assert_eq!(
        check(&|p| p.keys.push(p.keys[0].clone())),
        Err(ProfileError::Keys)
    );
    assert_eq!(
        check(&|p| p.keys.retain(|key| key.key_use != KeyUse::Sign)),
        Err(ProfileError::Keys)
    );
    assert_eq!(
        check(&|p| p.keys[0].not_after = p.keys[0].not_before),
        Err(ProfileError::Keys)
    );
    assert_eq!(
        check(&|p| p.keys[0].key_use = KeyUse::Seal),
        Err(ProfileError::Keys)
    );
    assert_eq!(
        check(&|p| p.certificates.clear()),
        Err(ProfileError::Certificates)
    );
    assert_eq!(
        check(&|p| p.certificates = vec![Certificate::from_der(Vec::new())]),
        Err(ProfileError::Certificates)
    );
    assert_eq!(check(&|p| p.protocol.min = 0), Err(ProfileError::Protocol));
    assert_eq!(check(&|p| p.protocol.max = 0), Err(ProfileError::Protocol));
}

#[test]
fn nobody_and_no_key_stands_twice() {
    let twice = SampleRegistry::of([minato().profile(), minato().profile()]);
    assert!(matches!(
        accept(&twice, &twice.directory_document(), None),
        Err(AcceptError::Twice(_))
    ));
    let mut thief = yukimi().profile();
    thief.keys = minato().profile().keys;
    let registry = SampleRegistry::of([minato().profile(), thief]);
    assert!(matches!(
        accept(&registry, &registry.directory_document(), None),
        Err(AcceptError::Twice(_))
    ));
}

#[test]
fn a_status_lives_ten_minutes_and_rises() {
    let registry = registry();
    let root = registry.accepted_root();
    let directory = registry.directory_document().sign(&registry.directory);
    let take = |document: &StatusDocument, previous: Option<&Status>, reading| {
        Status::accept(
            &document.sign(&registry.status).jws,
            &root,
            previous,
            reading,
            NOW,
        )
    };
    let document = StatusDocument {
        seq: 9,
        ..registry.status_document(&directory, 1)
    };
    let ninth = take(&document, None, Reading::Fresh).unwrap();
    let with = |seq, iat: i64, life: i64| StatusDocument {
        seq,
        iat: NOW.plus_seconds(iat),
        exp: NOW.plus_seconds(iat + life),
        ..document.clone()
    };
    assert!(take(&document, Some(&ninth), Reading::Fresh).is_ok());
    assert!(take(&with(12, 0, 600), Some(&ninth), Reading::Fresh).is_ok());
    refused(
        take(&with(8, 0, 600), Some(&ninth), Reading::Fresh),
        AcceptError::Rollback { have: 9, got: 8 },
    );
    refused(
        take(&with(9, -1, 600), Some(&ninth), Reading::Fresh),
        AcceptError::SplitView { seq: 9 },
    );
    refused(
        take(&with(9, 0, 601), None, Reading::Fresh),
        AcceptError::TooLongLived,
    );
    refused(
        take(&with(9, 0, 0), None, Reading::Fresh),
        AcceptError::TooLongLived,
    );
    refused(
        take(&with(9, -661, 600), None, Reading::Fresh),
        AcceptError::Expired,
    );
    assert!(take(&with(9, -661, 600), None, Reading::Stored).is_ok());
    let by_directory_key = document.sign(&registry.directory);
    refused(
        Status::accept(&by_directory_key.jws, &root, None, Reading::Fresh, NOW),
        AcceptError::KeyNotDelegated,
    );
}

#[test]
fn a_status_that_names_another_directory_of_this_seq_is_a_split_view() {
    let registry = registry();
    let membership = registry.membership();
    let other = DirectoryDocument {
        iat: NOW,
        ..registry.directory_document()
    };
    let signed = other.sign(&registry.directory);
    let with = |seq: u64| {
        let status = registry
            .status_document(&signed, seq)
            .sign(&registry.status);
        let root = registry.accepted_root();
        let status = Status::accept(&status.jws, &root, None, Reading::Fresh, NOW).unwrap();
        membership.with_status(status)
    };
    assert!(matches!(with(1), Err(AcceptError::SplitView { seq: 1 })));
    assert!(with(2).unwrap().is_behind());
    assert!(!membership.is_behind());
    assert!(membership.is_behind_peer(crate::signature::FedDirectory { seq: 1, status: 2 }));
}

#[test]
fn membership_knows_members_keys_and_certificates() {
    let registry = registry();
    let membership = registry.membership();
    let (minato, yukimi) = (minato(), yukimi());
    assert_eq!(membership.members().count(), 2);
    let member = membership.member(&minato.id).unwrap();
    assert_eq!(
        member.federation_endpoint(),
        "https://0110000001.example.jp"
    );
    assert_eq!(member.names.ja, "みなと病院");
    let key = membership.key(minato.consent.kid()).unwrap();
    assert_eq!((key.member, key.key_use), (&minato.id, KeyUse::Consent));
    assert!(key.may(KeyUse::Consent, NOW) && !key.may(KeyUse::Sign, NOW));
    assert!(
        membership.key(minato.seal.kid()).is_none(),
        "a seal key signs nothing"
    );
    let (kid, seal) = membership.seal_key(&minato.id, NOW).unwrap();
    assert_eq!((&kid, &seal), (minato.seal.kid(), minato.seal.public()));
    assert_eq!(
        membership.certificate_members(&yukimi.fingerprint()),
        [yukimi.id]
    );
    assert!(membership.key("nobody").is_none());
    assert_eq!(membership.position().to_string(), "1;status=1");
}

#[test]
fn the_age_of_the_status_says_what_may_be_done() {
    let membership = registry().membership();
    let at = |seconds: i64| membership.freshness(NOW.plus_seconds(seconds));
    assert_eq!((at(-60), at(600)), (Freshness::Current, Freshness::Current));
    assert_eq!((at(601), at(86_400)), (Freshness::Stale, Freshness::Stale));
    assert_eq!(
        (at(86_401), at(259_200)),
        (Freshness::EmergencyOnly, Freshness::EmergencyOnly)
    );
    assert_eq!(at(259_201), Freshness::Expired);
    assert!(Freshness::Stale.allows(Purpose::Etreat) && !Freshness::Stale.allows(Purpose::Hresch));
    assert!(!Freshness::EmergencyOnly.allows(Purpose::Etreat));
    assert!(!Freshness::Expired.allows(Purpose::Btg));
}

#[test]
fn a_suspension_in_the_status_counts_at_once_but_revives_nobody() {
    let mut registry = registry();
    registry.members[0].1 = MemberState::Revoked;
    let (minato, yukimi) = (minato().id, yukimi().id);
    let membership = registry.membership_where(|status| {
        status.suspended = vec![minato.clone(), yukimi.clone()];
    });
    assert_eq!(membership.state(&minato, NOW), Some(MemberState::Revoked));
    assert_eq!(membership.state(&yukimi, NOW), Some(MemberState::Suspended));
    assert_eq!(
        registry.membership().state(&yukimi, NOW),
        Some(MemberState::Active)
    );
}

fn description() -> (SampleMember, MemberDescription) {
    let member = minato();
    let description = MemberDescription::new(member.profile(), "musubi-node 0.1.0", [3; 16], NOW);
    (member, description)
}

#[test]
fn a_description_proves_that_the_node_has_its_keys() {
    let (member, description) = description();
    let others: [&dyn Sign; 2] = [&member.consent, &member.recovery];
    let text = description.clone().sign(&member.sign, &others);
    let read = MemberDescription::verify(&format!("{text}\n")).unwrap();
    assert_eq!(read.member, member.profile());
    assert_eq!(read.proofs.len(), 2);

    let verify = |text: String| MemberDescription::verify(&text).map(|_| ()).unwrap_err();
    let missing = description.clone().sign(&member.sign, &[&member.consent]);
    assert_eq!(verify(missing), DescriptionError::Possession);
    let foreign: [&dyn Sign; 3] = [&member.consent, &member.recovery, &yukimi().consent];
    assert_eq!(
        verify(description.clone().sign(&member.sign, &foreign)),
        DescriptionError::Possession
    );
    let by_consent = description
        .clone()
        .sign(&member.consent, &[&member.sign, &member.recovery]);
    assert_eq!(verify(by_consent), DescriptionError::Signature);
    let by_stranger = description.clone().sign(&yukimi().sign, &others);
    assert_eq!(verify(by_stranger), DescriptionError::Signature);
    let mut later = description.clone();
    later.ver = 2;
    assert_eq!(
        verify(later.sign(&member.sign, &others)),
        DescriptionError::Schema
    );
    let mut unsound = description;
    unsound.member.endpoints.federation = "http://a".into();
    assert_eq!(
        verify(unsound.sign(&member.sign, &others)),
        DescriptionError::Profile(ProfileError::Endpoint)
    );
}

#[test]
fn a_proof_of_possession_is_worth_nothing_under_another_jti() {
    let (member, description) = description();
    let stolen = description
        .clone()
        .sign(&member.sign, &[&member.consent, &member.recovery]);
    let proofs = MemberDescription::verify(&stolen).unwrap().proofs.clone();
    let mut replay = MemberDescription::new(member.profile(), "evil", [4; 16], NOW);
    replay.proofs = proofs;
    let text = sign_compact(DESCRIPTION_TYP, &super::payload(&replay), &member.sign);
    assert_eq!(
        MemberDescription::verify(&text).map(|_| ()),
        Err(DescriptionError::Possession)
    );
}

#[test]
fn a_seal_key_is_read_from_its_statement_only() {
    let profile = minato().profile();
    let seal = profile
        .keys
        .iter()
        .find(|key| key.key_use == KeyUse::Seal)
        .unwrap();
    assert_eq!(seal.public_key(), None);
    assert_eq!(seal.seal_key(), SealPublicKey::from_x(&seal.x).ok());
    assert_eq!(profile.keys[0].seal_key(), None);
}

proptest! {
    #[test]
    fn reading_a_document_never_panics(
        bytes in proptest::collection::vec(0_u8.., 0..200), text in ".{0,200}", json in "[\\[{}\\]\":,a-z0-9]{0,80}",
    ) {
        let registry = registry();
        let root = registry.accepted_root();
        let pin = root.hash();
        for bytes in [bytes.as_slice(), text.as_bytes(), json.as_bytes()] {
            let _ = Root::pinned(bytes, &pin, Reading::Fresh, NOW);
            let _ = root.successor(bytes, Reading::Fresh, NOW);
            let signed = General::new(bytes).signed(ROOT_TYP, &registry.root).to_json();
            let _ = Root::pinned(signed.as_bytes(), &crate::jws::PayloadHash::of(bytes), Reading::Fresh, NOW);
            let entry = General::new(bytes).signed(ENTRY_TYP, &registry.approver);
            let _ = Entry::verify(&entry, root.document());
            let jws = sign_compact(DIRECTORY_TYP, bytes, &registry.directory);
            let _ = Directory::accept(&jws, &root, None, Reading::Fresh, NOW);
            let jws = sign_compact(STATUS_TYP, bytes, &registry.status);
            let _ = Status::accept(&jws, &root, None, Reading::Fresh, NOW);
            let jws = sign_compact(DESCRIPTION_TYP, bytes, &minato().sign);
            let _ = MemberDescription::verify(&jws);
        }
        let _ = Directory::accept(&text, &root, None, Reading::Fresh, NOW);
        let _ = Status::accept(&text, &root, None, Reading::Fresh, NOW);
        let _ = MemberDescription::verify(&text);
    }

    #[test]
    fn one_changed_byte_of_a_directory_is_refused(at in 0_usize..100_000, with in 1_u8..) {
        let registry = registry();
        let root = registry.accepted_root();
        let mut jws = registry.directory_document().sign(&registry.directory).jws.into_bytes();
        let at = at % jws.len();
        jws[at] ^= with;
        if let Ok(jws) = String::from_utf8(jws) {
            prop_assert!(Directory::accept(&jws, &root, None, Reading::Fresh, NOW).is_err());
        }
    }
}
