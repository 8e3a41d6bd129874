#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "tests fail by panicking"
)]

use proptest::prelude::*;

use super::*;
use crate::keys::SecretKey;
use crate::transparency::{inclusion_proof, root};

const ORIGIN: &str = "urn:musubi:member:0110000002";

fn key() -> SecretKey {
    SecretKey::from_seed([9; 32])
}

fn entry(seq: i64) -> LogEntry {
    LogEntry {
        at: 1_782_864_000_000_000 + seq,
        line: [u8::try_from(seq).unwrap(); 32],
        seq,
    }
}

fn leaves(count: i64) -> Vec<TreeHash> {
    (0..count)
        .map(|seq| leaf_hash(entry(seq).to_string().as_bytes()))
        .collect()
}

/// The hospital's report of the lines `told` of a log of `count` lines, to who knows `known`.
fn report(count: i64, told: &[i64], known: u64) -> AccessReport {
    let leaves = leaves(count);
    let mut tree = leaves.as_slice();
    let size = u64::try_from(count).unwrap();
    let checkpoint = Checkpoint {
        origin: ORIGIN.into(),
        size,
        root: root(&mut tree, size).unwrap(),
    };
    let note = checkpoint.sign(&key(), &key().public());
    let consistency = crate::transparency::consistency_proof(&mut tree, known, size).unwrap();
    AccessReport {
        checkpoint: note.to_string(),
        consistency: consistency.iter().map(ToString::to_string).collect(),
        accesses: told
            .iter()
            .map(|seq| {
                let place = u64::try_from(*seq).unwrap();
                let path = inclusion_proof(&mut tree, place, size).unwrap();
                Access {
                    entry: entry(*seq).to_string(),
                    place,
                    path: path.iter().map(ToString::to_string).collect(),
                    act: AccessAct::Disclosure,
                    role: "physician".into(),
                    actor: Some("dr-0042".into()),
                    member: Some(MemberId::from_code("0110000001").unwrap()),
                    purpose: Some(Purpose::Treat),
                    outcome: "ok".into(),
                    types: vec!["Observation".into()],
                    shown: Some(3),
                }
            })
            .collect(),
        more: false,
    }
}

fn verified(report: &AccessReport, known: Option<&Checkpoint>) -> Result<u64, ReportError> {
    let key = key().public();
    report
        .verify(ORIGIN, [&key], known)
        .map(|checkpoint| checkpoint.size)
}

fn checkpoint(count: i64) -> Checkpoint {
    let text = SignedNote::parse(report(count, &[], 0).checkpoint.as_bytes()).unwrap();
    Checkpoint::parse(&text.text).unwrap()
}

#[test]
fn what_stands_in_the_log_is_proved_and_read_back() {
    let report = report(13, &[12, 7, 0], 0);
    let again = AccessReport::from_json(&serde_json::to_vec(&report).unwrap()).unwrap();
    assert_eq!(again, report);
    assert_eq!(verified(&again, None), Ok(13));
    assert_eq!(
        report.accesses[0].at().unwrap().micros(),
        1_782_864_000_000_012
    );
}

#[test]
fn an_act_that_is_not_in_the_log_or_is_told_twice_proves_nothing() {
    let lie = Err(ReportError::NotInTheLog);
    let mut invented = report(13, &[12], 0);
    invented.accesses[0].entry = entry(99).to_string();
    assert_eq!(verified(&invented, None), lie);
    let mut moved = report(13, &[12], 0);
    moved.accesses[0].place = 11;
    assert_eq!(verified(&moved, None), lie);
    let mut twice = report(13, &[12], 0);
    let again = twice.accesses[0].clone();
    twice.accesses.push(again);
    assert_eq!(verified(&twice, None), lie);
}

#[test]
fn a_checkpoint_of_another_log_or_key_proves_nothing() {
    let report = report(13, &[12], 0);
    let other = SecretKey::from_seed([8; 32]).public();
    let forged = report.verify(ORIGIN, [&other], None);
    assert_eq!(forged.unwrap_err(), ReportError::Checkpoint);
    let key = key().public();
    let foreign = report.verify("urn:musubi:member:0110000003", [&key], None);
    assert_eq!(foreign.unwrap_err(), ReportError::Checkpoint);
}

#[test]
fn a_log_that_was_cut_or_changed_behind_what_was_seen_proves_nothing() {
    assert_eq!(
        verified(&report(13, &[12], 5), Some(&checkpoint(5))),
        Ok(13)
    );
    assert_eq!(verified(&report(5, &[], 5), Some(&checkpoint(5))), Ok(5));
    let changed = Err(ReportError::Changed);
    let shorter = report(4, &[], 0);
    assert_eq!(verified(&shorter, Some(&checkpoint(5))), changed);
    let mut another = checkpoint(5);
    another.root = TreeHash::of_nothing();
    assert_eq!(verified(&report(13, &[], 5), Some(&another)), changed);
}

#[test]
fn a_report_out_of_bounds_is_not_read() {
    let read =
        |report: &AccessReport| AccessReport::from_json(&serde_json::to_vec(report).unwrap());
    let sound = report(13, &[12], 0);
    let mut long = sound.clone();
    long.accesses = vec![sound.accesses[0].clone(); MOST_ACCESSES + 1];
    assert!(read(&long).is_err());
    let mut deep = sound.clone();
    deep.accesses[0].path = vec![TreeHash::of_nothing().to_string(); MOST_HASHES + 1];
    assert!(read(&deep).is_err());
    let mut worded = sound.clone();
    worded.accesses[0].role = "x".repeat(LONGEST_WORD + 1);
    assert!(read(&worded).is_err());
    let mut respelt = sound.clone();
    respelt.accesses[0].entry.push(' ');
    assert!(read(&respelt).is_err());
    assert!(AccessReport::from_json(b"[]").is_err());
    assert!(read(&sound).is_ok());
}

proptest! {
    #[test]
    fn an_entry_is_read_only_as_it_is_written(at in 0_i64.., seq in 0_i64.., line in any::<[u8; 32]>(), text in ".{0,80}") {
        let entry = LogEntry { at, line, seq };
        prop_assert_eq!(LogEntry::parse(&entry.to_string()), Some(entry));
        if let Some(read) = LogEntry::parse(&text) {
            prop_assert_eq!(read.to_string(), text);
        }
    }
}
