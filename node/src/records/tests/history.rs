use super::*;
use crate::database::testing::on_each_async;

impl House {
    async fn past(&self, permit: &Permit, of: HistoryOf, pairs: &[(&str, &str)]) -> HistoryPage {
        let query = HistoryQuery::parse(of, pairs).unwrap();
        self.records.history(permit, &query).await.unwrap()
    }

    /// Every page, one after another.
    pub(super) async fn whole_past(
        &self,
        permit: &Permit,
        of: HistoryOf,
        count: &str,
    ) -> Vec<String> {
        let mut told = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut pairs = vec![("_count", count)];
            pairs.extend(cursor.as_deref().map(|cursor| ("_cursor", cursor)));
            let page = self.past(permit, of.clone(), &pairs).await;
            told.extend(page.entries.iter().map(said));
            match page.next {
                Some(next) => cursor = Some(next),
                None => return told,
            }
        }
    }
}

fn said(past: &Past) -> String {
    format!("{}/{} {:?}", past.address, past.version, past.outcome)
}

fn of(text: &str) -> HistoryOf {
    match text.split_once('/') {
        Some(_) => HistoryOf::One(address(text)),
        None => HistoryOf::Kind(ResourceType::named(text).unwrap()),
    }
}

#[tokio::test]
async fn a_history_tells_what_was_done_newest_first() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&patient("p")).await;
        house.put(&lab("o", "p", "old", "2026-01-01")).await;
        house.put(&lab("o", "p", "new", "2026-01-01")).await;
        let at = address("Observation/o");
        house
            .records
            .delete(&house.permit, &at, None)
            .await
            .unwrap();
        house.put(&lab("o", "p", "again", "2026-01-01")).await;
        let page = house.past(&house.permit, of("Observation/o"), &[]).await;
        let told: Vec<_> = page.entries.iter().map(said).collect();
        assert_eq!(
            told,
            [
                "Observation/o/4 Created",
                "Observation/o/3 Deleted",
                "Observation/o/2 Updated",
                "Observation/o/1 Created",
            ]
        );
        let raws: Vec<_> = page.entries.iter().map(|past| &past.raw).collect();
        assert!(raws[0].as_ref().unwrap().contains("again"));
        assert!(raws[1].is_none());
        assert!(raws[3].as_ref().unwrap().contains("old"));
        assert!(!page.entries[3].id_given_here);
        let of_kind = house.whole_past(&house.permit, of("Patient"), "50").await;
        assert_eq!(of_kind, ["Patient/p/1 Created"]);
        let all = house
            .whole_past(&house.permit, HistoryOf::System, "2")
            .await;
        assert_eq!(all.len(), 5);
        assert_eq!(all[4], "Patient/p/1 Created");
        let query = HistoryQuery::parse::<&str, &str>(of("Patient/none"), &[]).unwrap();
        let none = house.records.history(&house.permit, &query).await;
        assert!(matches!(none, Err(RecordsError::NotFound)));
        let kind = ResourceType::named("Patient").unwrap();
        let made =
            house
                .records
                .create(&house.permit, kind, b"{\"resourceType\":\"Patient\"}", None);
        let made = HistoryOf::One(made.await.unwrap().address);
        assert!(house.past(&house.permit, made, &[]).await.entries[0].id_given_here);
    })
    .await;
}

#[tokio::test]
async fn pages_of_a_history_part_it_while_others_write() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&patient("p")).await;
        for n in 0..12 {
            house
                .put(&lab(&format!("o{}", n % 4), "p", "c", "2026-01-01"))
                .await;
        }
        for (history, count) in [(HistoryOf::System, "1"), (of("Observation"), "5")] {
            let before = house
                .whole_past(&house.permit, history.clone(), "1000")
                .await;
            let mut paged = Vec::new();
            let mut cursor: Option<String> = None;
            loop {
                let mut pairs = vec![("_count", count)];
                pairs.extend(cursor.as_deref().map(|cursor| ("_cursor", cursor)));
                let page = house.past(&house.permit, history.clone(), &pairs).await;
                paged.extend(page.entries.iter().map(said));
                // What was newest becomes a former version, and newer ones come.
                house.put(&lab("o0", "p", "c", "2026-01-01")).await;
                house.put(&lab("o1", "p", "c", "2026-01-01")).await;
                match page.next {
                    Some(next) => cursor = Some(next),
                    None => break,
                }
            }
            assert_eq!(paged, before);
        }
    })
    .await;
}

#[tokio::test]
async fn a_history_is_narrowed_by_time() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        for _ in 0..3 {
            house.put(&patient("p")).await;
            house.clock.advance(60);
        }
        // Written at 00:00, 00:01 and 00:02 of the day.
        let told = async |name: &str, value: &str| {
            let page = house
                .past(&house.permit, of("Patient/p"), &[(name, value)])
                .await;
            let versions: Vec<_> = page.entries.iter().map(|past| past.version).collect();
            versions
        };
        assert_eq!(told("_since", "2026-07-01T00:01:00Z").await, [3, 2]);
        assert_eq!(told("_since", "2026-07-01T00:03:00Z").await, [0; 0]);
        assert_eq!(told("_at", "2026-07-01T00:01:30Z").await, [2]);
        assert_eq!(told("_at", "2026-06-30T00:00:00Z").await, [0; 0]);
        assert_eq!(told("_at", "2026").await, [3, 2, 1]);
        for wrong in [
            ("_since", "now"),
            ("_count", "0"),
            ("_sort", "x"),
            ("_cursor", "mine"),
        ] {
            let asked = HistoryQuery::parse(of("Patient/p"), &[wrong]);
            let refused = match asked {
                Ok(query) => house
                    .records
                    .history(&house.permit, &query)
                    .await
                    .unwrap_err(),
                Err(refused) => refused,
            };
            assert_eq!(refused.told().status, 400, "{wrong:?}");
        }
        let twice = [("_since", "2026"), ("_since", "2026")];
        assert!(HistoryQuery::parse(HistoryOf::System, &twice).is_err());
    })
    .await;
}

#[tokio::test]
async fn a_person_sees_of_the_past_what_they_see_of_now() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&patient("p")).await;
        house.put(&patient("q")).await;
        // It stood in q's chart first, then in p's.
        house.put(&lab("moved", "q", "c", "2026-01-01")).await;
        house.put(&lab("moved", "p", "c", "2026-01-01")).await;
        house
            .put(&untold(lab("untold", "p", "c", "2026-01-01")))
            .await;
        let untold_at = address("Observation/untold");
        house
            .records
            .delete(&house.permit, &untold_at, None)
            .await
            .unwrap();
        // Said openly once, marked, and deleted.
        house.put(&lab("marked", "p", "c", "2026-01-01")).await;
        house
            .put(&untold(lab("marked", "p", "c", "2026-01-01")))
            .await;
        let marked_at = address("Observation/marked");
        house
            .records
            .delete(&house.permit, &marked_at, None)
            .await
            .unwrap();
        house.put(&lab("gone", "p", "c", "2026-01-01")).await;
        let gone_at = address("Observation/gone");
        house
            .records
            .delete(&house.permit, &gone_at, None)
            .await
            .unwrap();

        let own = own_permit(&house, "Patient/p").await;
        let expected = [
            "Observation/gone/2 Deleted",
            "Observation/gone/1 Created",
            "Observation/moved/2 Updated",
            "Patient/p/1 Created",
        ];
        for count in ["1", "2", "1000"] {
            assert_eq!(
                house.whole_past(&own, HistoryOf::System, count).await,
                expected
            );
        }
        let query = |at: &str| HistoryQuery::parse::<&str, &str>(of(at), &[]).unwrap();
        for hidden in ["Observation/untold", "Observation/marked", "Patient/q"] {
            let refused = house.records.history(&own, &query(hidden)).await;
            assert!(matches!(refused, Err(RecordsError::NotFound)), "{hidden}");
        }
        let filtered = house
            .past(&own, of("Observation/gone"), &[("_since", "2030")])
            .await;
        assert_eq!(filtered.entries.len(), 0);
        // A page filled by the last permitted version has no next, though withheld ones follow.
        let page = house
            .past(&own, of("Observation"), &[("_count", "3")])
            .await;
        assert_eq!((page.entries.len(), page.next), (3, None));
        let former = house.records.vread(&own, &marked_at, 1).await;
        assert!(matches!(former, Err(RecordsError::NotFound)));
    })
    .await;
}
