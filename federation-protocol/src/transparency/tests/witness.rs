use super::super::*;
use crate::keys::SecretKey;

const ORIGIN: &str = "urn:musubi:member:0110000001";

fn log() -> SecretKey {
    SecretKey::from_seed([1; 32])
}

fn leaves(count: u8, forged: Option<u8>) -> Vec<TreeHash> {
    let leaf = |n| match forged == Some(n) {
        true => leaf_hash(b"forged"),
        false => leaf_hash(&[n]),
    };
    (0..count).map(leaf).collect()
}

fn submission(old_size: u64, leaves: &[TreeHash]) -> Submission {
    let mut nodes = leaves;
    let size = leaves.len() as u64;
    let checkpoint = Checkpoint {
        origin: ORIGIN.into(),
        size,
        root: root(&mut nodes, size).unwrap(),
    };
    Submission {
        old_size,
        proof: consistency_proof(&mut nodes, old_size.min(size), size).unwrap(),
        note: checkpoint.sign(&log(), &log().public()),
    }
}

fn judge(submission: &Submission, last: Option<&[TreeHash]>) -> Result<u64, WitnessRefusal> {
    let last = last.map(|mut leaves| {
        let size = leaves.len() as u64;
        (size, root(&mut leaves, size).unwrap())
    });
    judge_submission(submission, ORIGIN, [&log().public()], last).map(|next| next.size)
}

#[test]
fn a_log_that_only_grew_is_cosigned_again_and_again() {
    let all = leaves(12, None);
    assert_eq!(judge(&submission(0, &all[..5]), None), Ok(5));
    assert_eq!(judge(&submission(5, &all[..5]), Some(&all[..5])), Ok(5));
    assert_eq!(judge(&submission(5, &all), Some(&all[..5])), Ok(12));
}

#[test]
fn a_log_that_was_put_back_is_told_where_it_had_been() {
    let all = leaves(12, None);
    let refused = Err(WitnessRefusal::OldSize { size: 12 });
    for old in 0..=5 {
        assert_eq!(judge(&submission(old, &all[..5]), Some(&all)), refused);
    }
    // Claiming to have been there does not help a smaller log.
    let mut back = submission(5, &all[..5]);
    back.old_size = 12;
    assert_eq!(judge(&back, Some(&all)), Err(WitnessRefusal::Malformed));
}

#[test]
fn a_log_whose_past_was_changed_is_refused_whatever_it_proves() {
    let (all, forged) = (leaves(12, None), leaves(12, Some(3)));
    assert_eq!(
        judge(&submission(5, &forged), Some(&all[..5])),
        Err(WitnessRefusal::Inconsistent)
    );
    assert_eq!(
        judge(&submission(5, &forged[..5]), Some(&all[..5])),
        Err(WitnessRefusal::Fork { size: 5 })
    );
    let mut longer = submission(0, &all);
    longer.proof.push(all[0]);
    assert_eq!(judge(&longer, None), Err(WitnessRefusal::Inconsistent));
}

#[test]
fn nobody_else_moves_a_log_on() {
    let all = leaves(5, None);
    let other = SecretKey::from_seed([2; 32]).public();
    let of_all = submission(0, &all);
    let refused = |origin, key| judge_submission(&of_all, origin, [key], None).unwrap_err();
    assert_eq!(refused(ORIGIN, &other), WitnessRefusal::NotSigned);
    let elsewhere = "urn:musubi:member:0110000002";
    assert_eq!(
        refused(elsewhere, &log().public()),
        WitnessRefusal::Malformed
    );
    let nobody = judge_submission(&of_all, ORIGIN, [], None).unwrap_err();
    assert_eq!(nobody, WitnessRefusal::NotSigned);
    let statuses = [
        WitnessRefusal::NotSigned,
        WitnessRefusal::Malformed,
        WitnessRefusal::Fork { size: 1 },
        WitnessRefusal::Inconsistent,
    ];
    assert_eq!(
        statuses.map(WitnessRefusal::http_status),
        [403, 400, 409, 422]
    );
}

#[test]
fn what_members_say_to_each_other_of_their_logs_is_read_in_one_way_only() {
    let all = leaves(12, None);
    let sent = submission(5, &all);
    assert_eq!(Submission::from_json(&sent.to_json()), Ok(sent.clone()));
    let line = cosign(
        &sent.note.text,
        ORIGIN,
        &log(),
        &log().public(),
        crate::sample::NOW,
    );
    for reply in [
        WitnessReply::Cosigned(line.to_string()),
        WitnessReply::Size(7),
        WitnessReply::Inconsistent(7),
    ] {
        let written = serde_json::to_vec(&reply).unwrap();
        assert_eq!(WitnessReply::from_json(&written), Ok(reply));
    }
    let text = sent.to_string();
    for body in [
        String::new(),
        serde_json::json!([text]).to_string(),
        serde_json::json!({ "submission": text, "more": 1 }).to_string(),
        serde_json::json!({ "submission": format!("{text}\n") }).to_string(),
    ] {
        assert!(Submission::from_json(body.as_bytes()).is_err(), "{body}");
    }
    for body in [
        serde_json::json!({ "cosigned": "" }),
        serde_json::json!({ "cosigned": format!("{line}{line}") }),
        serde_json::json!({ "size": -1 }),
        serde_json::json!({ "size": 1, "inconsistent": 2 }),
        serde_json::json!(["size", 1]),
    ] {
        assert!(
            WitnessReply::from_json(body.to_string().as_bytes()).is_err(),
            "{body}"
        );
    }
}
