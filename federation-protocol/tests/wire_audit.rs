//! Section 5 of `docs/WIRE.md`: checkpoints and what a witness is handed.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use federation_protocol::keys::SecretKey;
use federation_protocol::sample::{NOW, REGISTRY};
use federation_protocol::transparency::{
    Checkpoint, Submission, TreeHash, consistency_proof, cosign, leaf_hash, root,
};

mod wire_document;

use wire_document::check;

#[test]
fn checkpoints_are_written_as_the_document_shows() {
    let (log, registry) = (SecretKey::from_seed([1; 32]), SecretKey::from_seed([3; 32]));
    let leaves: Vec<TreeHash> = (0_u8..5).map(|n| leaf_hash(&[n])).collect();
    let mut nodes = leaves.as_slice();
    let checkpoint = Checkpoint {
        origin: "urn:musubi:member:0110000001".to_owned(),
        size: 5,
        root: root(&mut nodes, 5).unwrap(),
    };
    let note = checkpoint.sign(&log, &log.public());
    let submission = Submission {
        old_size: 2,
        proof: consistency_proof(&mut nodes, 2, 5).unwrap(),
        note: note.clone(),
    };
    let mut cosigned = note;
    let line = cosign(&cosigned.text, REGISTRY, &registry, &registry.public(), NOW);
    cosigned.signatures.push(line);
    check(&[
        ("checkpoint", cosigned.to_string()),
        ("submission", submission.to_string()),
    ]);
}
