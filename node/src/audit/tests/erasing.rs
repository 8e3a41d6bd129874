use super::*;
use crate::database::testing::on_each_async;

const YEAR: i64 = 365 * 86_400;

#[actix_web::test]
async fn what_was_erased_at_the_end_of_retention_leaves_its_place_in_the_tree() {
    on_each_async(async |database| {
        let house = House::in_database(database);
        house.lines(1, 20).await;
        house.checkpoints.seal().await.unwrap();
        house.clock.set(at(6 * YEAR));
        let now = at(6 * YEAR);
        assert_eq!(house.audit.count_erasable(at(11)).await.unwrap(), 10);
        let erased = house
            .audit
            .erase(at(11), Some(5 * YEAR), now, "it-1")
            .await
            .unwrap();
        assert_eq!(erased, 10);
        house.checkpoints.seal().await.unwrap();
        let report = house.verify().await;
        assert_eq!(report.problems, []);
        assert_eq!((report.size, report.erased), (21, 10));
        let lines = house.audit.list(Filter::default()).await.unwrap();
        let erased: Vec<_> = lines.iter().filter(|line| line.kind == "erased").collect();
        assert_eq!(erased.len(), 10);
        for line in erased {
            assert_eq!(
                (line.exchange.as_ref(), line.patient, line.shown),
                (None, None, None)
            );
            assert_eq!(line.detail, serde_json::json!({}));
        }
        assert_eq!(lines[20].kind, "erasure");
        assert_eq!(lines[20].detail["lines"], 10);
        // What is left is as safe as before.
        house
            .attack("UPDATE audit_line SET at = at - 1 WHERE seq = 4")
            .await;
        assert_eq!(house.verify().await.problems[0].fault, Fault::Leaf);
    })
    .await;
}

#[actix_web::test]
async fn nothing_is_erased_that_the_settings_want_kept() {
    on_each_async(async |database| {
        let house = House::in_database(database);
        house.lines(1, 20).await;
        house.checkpoints.seal().await.unwrap();
        let now = at(6 * YEAR);
        let early = house.audit.erase(at(11), Some(7 * YEAR), now, "it-1").await;
        assert!(matches!(early, Err(AuditError::Retention)));
        let ever = house.audit.erase(at(11), None, now, "it-1").await;
        assert!(matches!(ever, Err(AuditError::Retention)));
        let lines = house.audit.list(Filter::default()).await.unwrap();
        assert!(lines.len() == 20 && lines.iter().all(|line| line.kind == "disclosure"));
    })
    .await;
}

#[actix_web::test]
async fn what_was_erased_before_it_was_sealed_is_sealed_all_the_same() {
    on_each_async(async |database| {
        let house = House::in_database(database);
        house.lines(1, 3).await;
        let now = at(6 * YEAR);
        house
            .audit
            .erase(at(11), Some(5 * YEAR), now, "it-1")
            .await
            .unwrap();
        house.checkpoints.seal().await.unwrap();
        assert_eq!(house.verify().await.problems, []);
    })
    .await;
}
