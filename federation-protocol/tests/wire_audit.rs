//! Section 5 of `docs/WIRE.md`: checkpoints and what a witness is handed.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use federation_protocol::accesses::{Access, AccessAct, AccessQuestion, AccessReport, LogEntry};
use federation_protocol::digest::content_digest;
use federation_protocol::keys::SecretKey;
use federation_protocol::link::PatientHandle;
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::receipts::{Day, Prefix, ReceiptSet, ReceiptsQuestion};
use federation_protocol::sample::{NOW, REGISTRY};
use federation_protocol::signature::ExchangeId;
use federation_protocol::transparency::{
    Checkpoint, Submission, TreeHash, WitnessReply, consistency_proof, cosign, inclusion_proof,
    leaf_hash, root,
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

#[test]
fn who_looked_is_asked_for_and_told_as_the_document_shows() {
    let log = SecretKey::from_seed([1; 32]);
    let entries: Vec<LogEntry> = (0_u8..5)
        .map(|number| LogEntry {
            at: NOW.plus_seconds(i64::from(number)).micros(),
            line: [number; 32],
            seq: i64::from(number) + 1,
        })
        .collect();
    let leaves: Vec<TreeHash> = entries
        .iter()
        .map(|entry| leaf_hash(entry.to_string().as_bytes()))
        .collect();
    let mut nodes = leaves.as_slice();
    let origin = "urn:musubi:member:0110000002";
    let checkpoint = Checkpoint {
        origin: origin.to_owned(),
        size: 5,
        root: root(&mut nodes, 5).unwrap(),
    };
    let texts = |hashes: Vec<TreeHash>| hashes.iter().map(ToString::to_string).collect();
    let question = AccessQuestion {
        patient: PatientHandle::from_bytes([7; 16]),
        since: NOW.plus_seconds(-365 * 86_400),
        known: 2,
    };
    let report = AccessReport {
        checkpoint: checkpoint.sign(&log, &log.public()).to_string(),
        consistency: texts(consistency_proof(&mut nodes, 2, 5).unwrap()),
        accesses: vec![Access {
            entry: entries.get(3).unwrap().to_string(),
            place: 3,
            path: texts(inclusion_proof(&mut nodes, 3, 5).unwrap()),
            act: AccessAct::Disclosure,
            role: "physician".into(),
            actor: Some("dr-0042".into()),
            member: Some(MemberId::from_code("0110000003").unwrap()),
            purpose: Some(Purpose::Treat),
            outcome: "ok".into(),
            types: vec!["Observation".into()],
            shown: Some(12),
        }],
        more: false,
    };
    let known = Checkpoint {
        origin: origin.to_owned(),
        size: 2,
        root: root(&mut nodes, 2).unwrap(),
    };
    let read = AccessReport::from_json(&serde_json::to_vec(&report).unwrap()).unwrap();
    assert!(read.verify(origin, [&log.public()], Some(&known)).is_ok());
    check(&[
        ("access-question", pretty(&question)),
        ("access-report", pretty(&report)),
    ]);
}
