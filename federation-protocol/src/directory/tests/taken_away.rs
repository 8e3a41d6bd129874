//! An online key that root took away: what it said last binds nobody to its numbers and states.

use super::*;

/// Root 2 of the sample registry: other keys for directory and status.
fn recovered(registry: &SampleRegistry) -> (Root, SampleRegistry) {
    let first = registry.accepted_root();
    let mut after = SampleRegistry::of([]);
    after.members.clone_from(&registry.members);
    after.directory = SecretKey::from_seed([61; 32]);
    after.status = SecretKey::from_seed([62; 32]);
    let mut document = after.root_document();
    document.seq = 2;
    document.prev = Some(first.hash());
    let signed = document.sign(&[&registry.root]);
    let root = first.successor(signed.jws.as_bytes(), Reading::Fresh, NOW);
    (root.unwrap(), after)
}

fn first_status(registry: &SampleRegistry) -> StatusDocument {
    let directory = registry.directory_document().sign(&registry.directory);
    registry.status_document(&directory, 1)
}

#[test]
fn numbers_that_a_stolen_status_key_used_up_bind_nobody_once_root_took_it_away() {
    let registry = registry();
    let mut last = first_status(&registry);
    last.seq = u64::MAX;
    let said = last.sign(&registry.status);
    let thiefs = Status::accept(
        &said.jws,
        &registry.accepted_root(),
        None,
        Reading::Fresh,
        NOW,
    );
    let thiefs = thiefs.unwrap();
    let (root, after) = recovered(&registry);
    let honest = first_status(&after).sign(&after.status).jws;
    let status = Status::accept(&honest, &root, Some(&thiefs), Reading::Fresh, NOW);
    assert_eq!(status.unwrap().document().seq, 1);
    // Under the old root it is still the last word, and the old key has none under the new one.
    let again = first_status(&registry).sign(&registry.status).jws;
    let old = registry.accepted_root();
    let result = Status::accept(&again, &old, Some(&thiefs), Reading::Fresh, NOW);
    assert!(matches!(result, Err(AcceptError::Rollback { .. })));
    let result = Status::accept(&again, &root, None, Reading::Fresh, NOW);
    refused(result, AcceptError::KeyNotDelegated);
}

#[test]
fn memberships_that_a_stolen_directory_key_ended_go_on_once_root_took_it_away() {
    let mut registry = registry();
    let mut first = registry.directory_document();
    first.seq = 1_000;
    registry.members[0].1 = MemberState::Revoked;
    first.members = registry.directory_document().members;
    let thiefs = accept(&registry, &first, None).unwrap();
    registry.members[0].1 = MemberState::Active;

    let (root, after) = recovered(&registry);
    let honest = after.directory_document();
    let judged = |document: &DirectoryDocument, root: &Root, previous: &Directory| {
        let signed = document.sign(&after.directory);
        Directory::accept(&signed.jws, root, Some(previous), Reading::Fresh, NOW)
    };
    let directory = judged(&honest, &root, &thiefs).unwrap();
    assert_eq!(directory.document().seq, honest.seq);
    let status = first_status(&after).sign(&after.status).jws;
    let status = Status::accept(&status, &root, None, Reading::Fresh, NOW).unwrap();
    // Between root and directory the thief's stands, and is no split view.
    assert!(Membership::new(root.clone(), thiefs.clone(), status.clone()).is_ok());
    let membership = Membership::new(root.clone(), directory.clone(), status).unwrap();
    assert_eq!(
        membership.state(&minato().id, NOW),
        Some(MemberState::Active)
    );

    // What approvers signed stays bound: nobody is dropped, no entry is swapped.
    let mut shorter = honest.clone();
    shorter.members.remove(0);
    let result = judged(&shorter, &root, &thiefs);
    refused(result, AcceptError::MemberLost(minato().id));
    // And from here on numbers and states count again.
    let mut next = honest.clone();
    next.seq += 2;
    let result = judged(&next, &root, &directory);
    assert!(matches!(result, Err(AcceptError::Gap { .. })));
}
