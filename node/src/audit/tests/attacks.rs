//! What somebody who has the database in their hands can do, and how `verify` names it.

use federation_protocol::transparency::{TreeHash, WitnessRefusal, judge_submission};

use super::super::store::{committed, tree};
use super::*;
use crate::database::testing::on_each_async;

/// Twenty lines under two checkpoints of ten.
async fn two_checkpoints(database: Database) -> House {
    let house = House::in_database(database);
    for from in [1, 11] {
        house.lines(from, 10).await;
        house.checkpoints.seal().await.unwrap();
    }
    let report = house.verify().await;
    assert_eq!((report.size, report.checkpoints), (20, 2));
    assert_eq!(report.problems, []);
    house
}

/// After this attack the first bad entry is this one.
async fn is_named(sql: &'static str, place: u64, fault: Fault) {
    on_each_async(async |database| {
        let house = two_checkpoints(database).await;
        house.attack(sql).await;
        let report = house.verify().await;
        let first = report.problems.first();
        let first = first.unwrap_or_else(|| panic!("nothing was found: {sql}"));
        assert_eq!((first.place, first.fault), (place, fault), "{sql}");
    })
    .await;
}

#[actix_web::test]
async fn a_changed_line_is_named() {
    for sql in [
        "UPDATE audit_line SET outcome = 'on' WHERE seq = 5",
        "UPDATE audit_line SET shown = 4 WHERE seq = 5",
        "UPDATE audit_line SET patient = NULL WHERE seq = 5",
        "UPDATE audit_line SET detail = '{\"second\":6}' WHERE seq = 5",
        "UPDATE audit_line SET at = at + 1 WHERE seq = 5",
        "UPDATE audit_line SET salt = (SELECT salt FROM audit_line WHERE seq = 6) WHERE seq = 5",
        "UPDATE audit_line SET salt = NULL WHERE seq = 5",
        "UPDATE audit_line SET commitment = NULL WHERE seq = 5",
    ] {
        is_named(sql, 4, Fault::Changed).await;
    }
}

#[actix_web::test]
async fn a_line_that_took_the_words_of_another_is_named() {
    let sql = "UPDATE audit_line SET outcome = 'on' WHERE seq = 9; \
               UPDATE audit_line SET commitment = (SELECT commitment FROM audit_line WHERE seq = 6) \
               WHERE seq = 5";
    is_named(sql, 4, Fault::Changed).await;
}

#[actix_web::test]
async fn a_removed_line_is_named() {
    is_named("DELETE FROM audit_line WHERE seq = 7", 6, Fault::Removed).await;
    let with_its_leaf =
        "DELETE FROM audit_line WHERE seq = 7; DELETE FROM audit_leaf WHERE seq = 7";
    is_named(with_its_leaf, 6, Fault::NoLeaf).await;
    let closed_up = "DELETE FROM audit_line WHERE seq = 20; DELETE FROM audit_leaf WHERE seq = 20";
    is_named(closed_up, 19, Fault::Truncated).await;
}

#[actix_web::test]
async fn lines_in_another_order_are_named() {
    let leaves = "UPDATE audit_leaf SET seq = -1 WHERE seq = 3; \
                  UPDATE audit_leaf SET seq = 3 WHERE seq = 4; \
                  UPDATE audit_leaf SET seq = 4 WHERE seq = -1";
    is_named(leaves, 2, Fault::Leaf).await;
    let lines = "UPDATE audit_line SET seq = -1 WHERE seq = 3; \
                 UPDATE audit_line SET seq = 3 WHERE seq = 4; \
                 UPDATE audit_line SET seq = 4 WHERE seq = -1";
    is_named(lines, 2, Fault::Leaf).await;
    // With their leaves: each pair is right, the root is not.
    let both = "UPDATE audit_leaf SET place = -1 WHERE seq = 3; \
                UPDATE audit_leaf SET place = 2 WHERE seq = 4; \
                UPDATE audit_leaf SET place = 3 WHERE seq = 3";
    is_named(both, 0, Fault::Root).await;
}

#[actix_web::test]
async fn a_cut_off_end_is_named() {
    let tail = "DELETE FROM audit_line WHERE seq > 15; DELETE FROM audit_leaf WHERE seq > 15";
    is_named(tail, 15, Fault::Truncated).await;
    let checkpoint = "DELETE FROM audit_checkpoint WHERE size = 20";
    is_named(checkpoint, 10, Fault::Unsigned).await;
}

#[actix_web::test]
async fn a_forged_checkpoint_is_named() {
    let other = "UPDATE audit_checkpoint SET note = replace(note, '0110000001', '0110000002') \
                 WHERE size = 10";
    is_named(other, 9, Fault::Signature).await;
    let junk = "UPDATE audit_checkpoint SET note = '' WHERE size = 20";
    is_named(junk, 19, Fault::Signature).await;
    let moved = "DELETE FROM audit_checkpoint WHERE size = 10; \
                 UPDATE audit_checkpoint SET size = 10 WHERE size = 20";
    is_named(moved, 9, Fault::Signature).await;
}

#[actix_web::test]
async fn a_line_that_was_emptied_without_an_erasure_is_named() {
    let sql = "UPDATE audit_line SET kind = 'erased', exchange = NULL, peer = NULL, \
               actor_role = '', actor_id = NULL, purpose = NULL, patient = NULL, person = NULL, \
               outcome = '', shown = NULL, withheld = NULL, detail = '{}', salt = NULL \
               WHERE seq = 5";
    is_named(sql, 4, Fault::ErasedUnlawfully).await;
    let with_a_row = "INSERT INTO audit_erasure VALUES (9000000000000000, 1); \
               UPDATE audit_line SET kind = 'erased', exchange = NULL, peer = NULL, \
               actor_role = '', actor_id = NULL, purpose = NULL, patient = NULL, person = NULL, \
               outcome = '', shown = NULL, withheld = NULL, detail = '{}', salt = NULL \
               WHERE seq = 5";
    is_named(with_a_row, 4, Fault::ErasedUnlawfully).await;
}

/// The dearest attack without the log's key: line, commitment and leaf all fit each other again.
#[actix_web::test]
async fn a_line_that_was_rewritten_with_its_leaf_is_narrowed_down_to_its_checkpoint() {
    on_each_async(async |database| {
        let house = two_checkpoints(database).await;
        house
            .attack("UPDATE audit_line SET outcome = 'on' WHERE seq = 15")
            .await;
        let leaf = house
            .database
            .read(|connection| {
                let row = store::find(connection, 15)?.unwrap();
                let salt = row.salt.clone().unwrap();
                let commitment = committed(&row.body(), &salt)?;
                Ok::<_, DatabaseError>((commitment, seal::leaf(15, row.at, &commitment)))
            })
            .await
            .unwrap();
        let sql = |table: &str, column: &str, bytes: &[u8; 32]| {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let literal = match house.database.kind() {
                crate::database::Kind::Sqlite => format!("X'{hex}'"),
                crate::database::Kind::Postgres => format!("decode('{hex}', 'hex')"),
            };
            format!("UPDATE {table} SET {column} = {literal} WHERE seq = 15;")
        };
        let commitment = sql("audit_line", "commitment", &leaf.0);
        let leaf = sql("audit_leaf", "hash", leaf.1.bytes());
        house.attack(&format!("{commitment} {leaf}")).await;
        let report = house.verify().await;
        let [problem] = report.problems.as_slice() else {
            panic!("{report:?}");
        };
        assert_eq!(
            (problem.place, problem.last, problem.fault),
            (10, 19, Fault::Root)
        );
    })
    .await;
}

#[actix_web::test]
async fn a_line_that_was_put_between_the_old_ones_is_named() {
    let scratch = crate::database::testing::sqlite();
    let house = two_checkpoints(scratch.database.clone()).await;
    house
        .attack(
            "INSERT INTO audit_line (seq, at, kind, actor_role, outcome, detail) \
             VALUES (0, 5, 'read', 'physician', 'ok', '{}')",
        )
        .await;
    let report = house.verify().await;
    assert_eq!(report.problems.len(), 1, "{report:?}");
    assert_eq!(report.problems[0].seq, Some(0));
    assert_eq!(report.problems[0].fault, Fault::Stray);
}

/// An older copy of the whole fits itself: only a witness knows better.
#[actix_web::test]
async fn an_older_copy_of_the_whole_is_refused_by_the_witness() {
    on_each_async(async |database| {
        let house = two_checkpoints(database).await;
        let key = house.checkpoints.public();
        let first = house.checkpoints.submission(0).await.unwrap().unwrap();
        let seen = judge_submission(&first, ME, [&key], None).unwrap();
        assert_eq!(seen.size, 20);
        let last = Some((seen.size, seen.root));
        house
            .attack(
                "DELETE FROM audit_line WHERE seq > 10; DELETE FROM audit_leaf WHERE seq > 10; \
                 DELETE FROM audit_node WHERE level > 0; DELETE FROM audit_checkpoint WHERE size > 10",
            )
            .await;
        let report = house.verify().await;
        assert_eq!((report.size, report.problems.as_slice()), (10, [].as_slice()));
        let older = house.checkpoints.submission(0).await.unwrap().unwrap();
        let refused = judge_submission(&older, ME, [&key], last);
        assert_eq!(refused.unwrap_err(), WitnessRefusal::OldSize { size: 20 });
        assert!(house.checkpoints.submission(20).await.unwrap().is_none());
        // Grown past it with other lines it is no continuation.
        house.lines(900, 30).await;
        house.checkpoints.seal().await.unwrap();
        let grown = house.checkpoints.submission(20).await.unwrap().unwrap();
        let refused = judge_submission(&grown, ME, [&key], last);
        assert_eq!(refused.unwrap_err(), WitnessRefusal::Inconsistent);
        // It is left to the log's own eyes that the roots differ.
        let root = house.checkpoints.root_at(20).await.unwrap().unwrap();
        assert_ne!(Some((20, root)), last);
    })
    .await;
}

#[actix_web::test]
async fn fsck_says_which_trigger_is_gone_and_which_numbers_and_nodes() {
    on_each_async(async |database| {
        let house = two_checkpoints(database).await;
        let sound = house.audit.fsck().await.unwrap();
        assert!(sound.is_sound(), "{sound:?}");
        house
            .attack("DELETE FROM audit_line WHERE seq = 7; UPDATE audit_node SET place = 5")
            .await;
        let found = house.audit.fsck().await.unwrap();
        assert!(!found.is_sound());
        let text = |words: &str| found.findings.iter().any(|one| one.text.contains(words));
        assert!(text("the trigger audit_line_no_"), "{found:?}");
        assert!(text("after line 6 1 numbers are missing"), "{found:?}");
        assert!(text("node 0 of level 4 is missing or wrong"), "{found:?}");
    })
    .await;
}

#[actix_web::test]
async fn a_tree_whose_nodes_are_gone_is_not_sealed_further() {
    on_each_async(async |database| {
        let house = two_checkpoints(database).await;
        house.attack("DELETE FROM audit_node").await;
        house.lines(40, 3).await;
        let error = house.checkpoints.seal().await.unwrap_err();
        assert!(matches!(error, AuditError::Tree(_)), "{error}");
        let extent = house.database.read(tree::extent).await.unwrap();
        assert_eq!(extent.0, 20);
        assert_ne!(
            TreeHash::of_nothing(),
            house.checkpoints.root_at(10).await.unwrap().unwrap()
        );
    })
    .await;
}
