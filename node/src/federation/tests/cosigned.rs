//! Where others' logs were, when two programs on one database cosign at once.

use federation_protocol::sample::NOW;
use federation_protocol::transparency::leaf_hash;

use crate::database::testing::on_each_async;
use crate::federation::cosigning::{Witnessed, witnessed};
use crate::federation::store;

fn at(size: u64, root: &str) -> Witnessed {
    Witnessed {
        origin: "urn:musubi:member:0110000001".to_owned(),
        size,
        root: leaf_hash(root.as_bytes()),
        cosigned_at: NOW,
    }
}

#[actix_web::test]
async fn a_log_goes_on_only_from_where_it_was_when_it_was_judged() {
    on_each_async(async |database| {
        let keep = async |before: Option<Witnessed>, now: Witnessed| {
            let kept = database.transact(move |connection| {
                store::witnessed::keep(connection, before.as_ref(), &now)
            });
            kept.await
        };
        keep(None, at(5, "five")).await.unwrap();
        keep(Some(at(5, "five")), at(10, "ten")).await.unwrap();
        // Judged before the other was kept: another truth of what follows five.
        for (before, now) in [
            (Some(at(5, "five")), at(12, "another twelve")),
            (Some(at(10, "another ten")), at(12, "another twelve")),
            (None, at(12, "another twelve")),
        ] {
            assert!(keep(before, now).await.is_err());
        }
        assert_eq!(witnessed(&database).await.unwrap(), [at(10, "ten")]);
    })
    .await;
}
