use diesel::RunQueryDsl as _;
use federation_protocol::base64url;
use federation_protocol::jcs;
use federation_protocol::transparency::{
    Checkpoint, CompactRange, TreeHash, leaf_hash, verify_checkpoint, verify_consistency,
    verify_inclusion,
};
use sha2::{Digest as _, Sha256};

use super::super::store::tree;
use super::*;
use crate::database::testing::on_each_async;

async fn newest(house: &House) -> Checkpoint {
    let note = house.checkpoints.newest().await.unwrap().unwrap();
    let key = house.checkpoints.public();
    verify_checkpoint(&note, ME, [&key]).unwrap().into_inner()
}

/// The root over every stored leaf, computed without the stored nodes.
async fn root_from_scratch(house: &House) -> TreeHash {
    let rows = house
        .database
        .read(|connection| tree::leaves(connection, 0, i64::MAX))
        .await
        .unwrap();
    let mut range = CompactRange::default();
    for (leaf, _) in rows {
        range.append(tree::hash_of(&leaf.hash).unwrap(), |_, _, _| ());
    }
    range.root()
}

#[actix_web::test]
async fn every_line_is_sealed_a_thousand_under_each_checkpoint() {
    on_each_async(async |database| {
        let house = House::in_database(database);
        assert_eq!(house.checkpoints.newest().await.unwrap(), None);
        assert_eq!(
            house.checkpoints.seal().await.unwrap(),
            Sealed { lines: 0, size: 0 }
        );
        house.lines(1, 2_300).await;
        assert_eq!(house.checkpoints.waiting().await.unwrap(), 2_300);
        let sealed = house.checkpoints.seal().await.unwrap();
        assert_eq!(
            sealed,
            Sealed {
                lines: 2_300,
                size: 2_300
            }
        );
        assert_eq!(house.checkpoints.waiting().await.unwrap(), 0);
        let report = house.verify().await;
        assert_eq!((report.size, report.checkpoints), (2_300, 3));
        assert_eq!(report.problems, []);
        assert_eq!(newest(&house).await.root, root_from_scratch(&house).await);
        assert!(house.audit.fsck().await.unwrap().is_sound());
        // Nothing new, nothing signed.
        house.checkpoints.seal().await.unwrap();
        assert_eq!(house.verify().await.checkpoints, 3);
    })
    .await;
}

#[actix_web::test]
async fn each_checkpoint_is_proved_to_continue_every_earlier_one() {
    on_each_async(async |database| {
        let house = House::in_database(database);
        let mut earlier = Vec::new();
        for step in [1, 2, 5, 9, 16, 17, 50] {
            house.lines(100, step).await;
            house.checkpoints.seal().await.unwrap();
            let now = newest(&house).await;
            for old in &earlier {
                let Checkpoint { size, root, .. } = old;
                let shown = house.checkpoints.submission(*size).await.unwrap().unwrap();
                verify_consistency(*size, now.size, &shown.proof, root, &now.root).unwrap();
                assert_eq!(house.checkpoints.root_at(*size).await.unwrap(), Some(*root));
            }
            earlier.push(now);
        }
        assert!(house.checkpoints.submission(101).await.unwrap().is_none());
    })
    .await;
}

#[actix_web::test]
async fn lines_of_an_earlier_program_are_sealed_as_they_stand() {
    on_each_async(async |database| {
        let house = House::in_database(database);
        let old = "INSERT INTO audit_line (at, kind, actor_role, outcome, detail) \
                   VALUES (5, 'read', 'physician', 'ok', '{\"act\":\"read\"}')";
        let inserted: Result<(), DatabaseError> = house
            .database
            .transact(move |connection| {
                for _ in 0..3 {
                    diesel::sql_query(old).execute(connection)?;
                }
                Ok(())
            })
            .await;
        inserted.unwrap();
        house.lines(1, 2).await;
        assert_eq!(house.checkpoints.seal().await.unwrap().size, 5);
        let report = house.verify().await;
        assert_eq!(
            (report.size, report.problems.as_slice()),
            (5, [].as_slice())
        );
        house
            .attack("UPDATE audit_line SET outcome = 'no' WHERE seq = 1")
            .await;
        assert_eq!(house.verify().await.problems[0].place, 0);
    })
    .await;
}

/// Two programs on one PostgreSQL database, or a command beside the node.
#[actix_web::test]
async fn two_programs_that_seal_at_once_make_one_tree() {
    on_each_async(async |database| {
        let house = House::in_database(database);
        house.lines(1, 700).await;
        let other = house.other_program();
        let (one, other) = tokio::join!(house.checkpoints.seal(), other.seal());
        assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
        house.checkpoints.seal().await.unwrap();
        let report = house.verify().await;
        assert_eq!(
            (report.size, report.problems.as_slice()),
            (700, [].as_slice())
        );
    })
    .await;
}

/// What an auditor does who has the line, its proof and a checkpoint, and not this program.
#[actix_web::test]
async fn a_line_is_proved_with_nothing_but_what_is_handed_over() {
    on_each_async(async |database| {
        let house = House::in_database(database);
        house.lines(1, 21).await;
        house.checkpoints.seal().await.unwrap();
        let proved = house.audit.prove(13).await.unwrap();
        let proof = proved.proof;
        let text = |name: &str| proof[name].as_str().unwrap().to_owned();
        let mut hashed = base64url::decode(text("salt")).unwrap();
        hashed.extend(jcs::canonical(&proof["line"]).unwrap().bytes());
        let commitment = base64url::encode(Sha256::digest(hashed));
        assert_eq!(commitment, text("commitment"));
        assert!(text("entry").contains(&commitment));
        let path = proof["path"].as_array().unwrap().iter();
        let path: Vec<TreeHash> = path
            .map(|one| one.as_str().unwrap().parse().unwrap())
            .collect();
        let key = house.checkpoints.public();
        let head = verify_checkpoint(&proved.checkpoint, ME, [&key]).unwrap();
        let place = proof["place"].as_u64().unwrap();
        let leaf = leaf_hash(text("entry").as_bytes());
        verify_inclusion(&leaf, place, head.size, &path, &head.root).unwrap();
        let missing = house.audit.prove(22).await.unwrap_err();
        assert!(matches!(missing, AuditError::NoLine(22)));
    })
    .await;
}
