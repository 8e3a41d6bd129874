//! Section 5 of `docs/WIRE.md`: checkpoints and what a witness is handed.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use federation_protocol::digest::content_digest;
use federation_protocol::keys::SecretKey;
use federation_protocol::receipts::{Day, Prefix, ReceiptSet, ReceiptsQuestion};
use federation_protocol::sample::{NOW, REGISTRY};
use federation_protocol::signature::ExchangeId;
use federation_protocol::transparency::{
    Checkpoint, Submission, TreeHash, WitnessReply, consistency_proof, cosign, leaf_hash, root,
};

mod wire_document;

use wire_document::{check, pretty};

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
    let (member, name) = (
        SecretKey::from_seed([2; 32]),
        "urn:musubi:member:0110000002",
    );
    let line = cosign(&cosigned.text, name, &member, &member.public(), NOW);
    let replies = [
        WitnessReply::Cosigned(line.to_string()),
        WitnessReply::Size(4),
        WitnessReply::Inconsistent(2),
    ];
    let replies = replies.map(|reply| serde_json::to_string(&reply).unwrap());
    check(&[
        ("checkpoint", cosigned.to_string()),
        ("submission", submission.to_string()),
        (
            "witness-question",
            String::from_utf8(submission.to_json()).unwrap(),
        ),
        ("witness-replies", replies.join("\n")),
    ]);
}

#[test]
fn receipts_are_asked_for_and_told_as_the_document_shows() {
    let mut set = ReceiptSet::new(Day::of(NOW));
    for (number, body) in [(1, "code=4548-4"), (2, ""), (3, "date=ge2026-01-01")] {
        let exchange = ExchangeId::new(NOW, [number; 10]);
        set.add(exchange, &content_digest(body.as_bytes()), number == 3);
    }
    let question = ReceiptsQuestion {
        day: Day::of(NOW),
        prefix: Prefix::default(),
    };
    check(&[
        (
            "receipts-question",
            serde_json::to_string(&question).unwrap(),
        ),
        ("receipts-reply", pretty(&set.reply(&question))),
    ]);
}
