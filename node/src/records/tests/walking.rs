//! Charts read piece by piece, as they stood at one commit.

use std::collections::HashSet;

use federation_protocol::category::Category;
use federation_service::clock::Clock as _;

use super::judging::Peer;
use super::*;
use crate::database::testing::on_each_async;
use crate::records::search::Reach;

fn kind(name: &str) -> ResourceType {
    ResourceType::named(name).unwrap()
}

async fn everything(house: &House) -> Walk {
    Walk {
        mark: house.records.mark(&house.permit).await.unwrap(),
        charts: Charts::Every,
        since: None,
        filters: Vec::new(),
        looks_further: false,
        at_once: 500,
    }
}

/// The texts of what is wanted, and what was deleted, over all pieces.
async fn walked(
    house: &House,
    reach: &impl Reach,
    name: &str,
    walk: &Walk,
) -> (Vec<Value>, Vec<String>) {
    let (mut found, mut deleted, mut behind) = (Vec::new(), Vec::new(), None);
    loop {
        let piece = house.records.walk_as(reach, kind(name), walk, behind);
        let piece = piece.await.unwrap();
        assert!(piece.found.len() <= walk.at_once);
        let wanted = piece.found.iter().filter(|seen| seen.wanted);
        found.extend(wanted.map(|seen| serde_json::from_str(&seen.line(None)).unwrap()));
        deleted.extend(piece.deleted.iter().map(ToString::to_string));
        match piece.next {
            Some(id) => behind = Some(id),
            None => return (found, deleted),
        }
    }
}

async fn ids(house: &House, name: &str, walk: &Walk) -> Vec<String> {
    let (found, _) = walked(house, &house.permit, name, walk).await;
    found
        .iter()
        .map(|one| one["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn what_is_written_after_the_mark_is_walked_as_it_was() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        for id in ["p", "q"] {
            house.put(&patient(id)).await;
        }
        for id in ["changed", "deleted", "left", "moved"] {
            house.put(&lab(id, "p", "before", "2026-01-01")).await;
        }
        house
            .put(&lab("was-gone", "p", "before", "2026-01-01"))
            .await;
        let gone = address("Observation/was-gone");
        house
            .records
            .delete(&house.permit, &gone, None)
            .await
            .unwrap();
        let walk = everything(&house).await;
        let mut of_p = walk.clone();
        let p = house
            .records
            .charts(&house.permit, vec![address("Patient/p")]);
        of_p.charts = p.await.unwrap();

        house.put(&lab("changed", "p", "after", "2026-02-02")).await;
        house.put(&lab("changed", "p", "later", "2026-02-02")).await;
        house.put(&lab("moved", "q", "after", "2026-02-02")).await;
        house.put(&lab("new", "p", "after", "2026-02-02")).await;
        house
            .put(&lab("was-gone", "p", "after", "2026-02-02"))
            .await;
        let deleted = address("Observation/deleted");
        house
            .records
            .delete(&house.permit, &deleted, None)
            .await
            .unwrap();

        for walk in [walk, of_p] {
            let (found, _) = walked(&house, &house.permit, "Observation", &walk).await;
            let told: Vec<_> = found
                .iter()
                .map(|one| {
                    (
                        one["id"].as_str().unwrap(),
                        &one["code"]["coding"][0]["code"],
                    )
                })
                .collect();
            let before = json!("before");
            let expected = ["changed", "deleted", "left", "moved"].map(|id| (id, &before));
            assert_eq!(told, expected);
        }
    })
    .await;
}

#[tokio::test]
async fn pieces_of_every_size_add_up_to_the_same() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&patient("p")).await;
        for number in 0..23 {
            house
                .put(&lab(&format!("l{number}"), "p", "c", "2026-01-01"))
                .await;
        }
        // In no chart: in no walk.
        house
            .put(
                &json!({"resourceType": "Observation", "id": "nobody", "status": "final",
                         "code": {"text": "x"}}),
            )
            .await;
        let mut walk = everything(&house).await;
        let whole = ids(&house, "Observation", &walk).await;
        assert_eq!(whole.len(), 23);
        assert_eq!(whole.iter().collect::<HashSet<_>>().len(), 23);
        for at_once in [1, 2, 7, 16, 17, 23, 24] {
            walk.at_once = at_once;
            assert_eq!(ids(&house, "Observation", &walk).await, whole);
        }
    })
    .await;
}

#[tokio::test]
async fn since_a_moment_only_what_changed_is_wanted_and_what_was_deleted_is_told() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&patient("p")).await;
        for id in ["changed", "gone", "old"] {
            house.put(&lab(id, "p", "c", "2026-01-01")).await;
        }
        house.clock.advance(60);
        let since = house.clock.now();
        house.put(&lab("changed", "p", "c2", "2026-01-01")).await;
        let gone = address("Observation/gone");
        house
            .records
            .delete(&house.permit, &gone, None)
            .await
            .unwrap();

        let mut walk = everything(&house).await;
        walk.since = Some(since);
        for looks_further in [false, true] {
            walk.looks_further = looks_further;
            assert_eq!(ids(&house, "Observation", &walk).await, ["changed"]);
            let (_, deleted) = walked(&house, &house.permit, "Observation", &walk).await;
            assert_eq!(deleted, ["Observation/gone"]);
        }
        walk.since = None;
        let (_, deleted) = walked(&house, &house.permit, "Observation", &walk).await;
        assert!(deleted.is_empty());
    })
    .await;
}

#[tokio::test]
async fn filters_are_searches_and_any_of_them_will_do() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        for id in ["p", "q"] {
            house.put(&patient(id)).await;
        }
        house.put(&lab("glucose", "p", "g", "2026-01-01")).await;
        house.put(&lab("sodium", "p", "na", "2026-03-01")).await;
        house.put(&lab("other", "q", "na", "2026-01-01")).await;
        let filter =
            |pairs: &[(&str, &str)]| SearchQuery::parse(kind("Observation"), pairs).unwrap();
        let mut walk = everything(&house).await;
        walk.filters = vec![
            filter(&[("code", "g")]),
            filter(&[("patient.identifier", "urn:p|q"), ("date", "lt2026-02-01")]),
        ];
        assert_eq!(
            ids(&house, "Observation", &walk).await,
            ["glucose", "other"]
        );
        // Of a type without a filter everything is wanted.
        assert_eq!(ids(&house, "Patient", &walk).await, ["p", "q"]);
    })
    .await;
}

#[tokio::test]
async fn what_a_permit_does_not_allow_is_not_walked_and_leads_nowhere() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        for id in ["p", "q"] {
            house.put(&patient(id)).await;
        }
        house
            .put(&json!({"resourceType": "Practitioner", "id": "dr"}))
            .await;
        house.put(&lab("shown", "p", "c", "2026-01-01")).await;
        house.put(&lab("of-another", "q", "c", "2026-01-01")).await;
        let mut sensitive = lab("sensitive", "p", "c", "2026-01-01");
        sensitive["performer"] = json!([{"display": "雪見病院 精神科"}]);
        house.put(&sensitive).await;
        let mut holds = lab("holds", "p", "c", "2026-01-01");
        holds["contained"] = json!([{"resourceType": "Condition", "id": "c",
                                     "subject": {"reference": "Patient/p"}}]);
        house.put(&holds).await;
        house
            .put(&prescription("drug", "p", "m", "2026-01-01"))
            .await;
        let mut walk = everything(&house).await;
        walk.since = Some(Timestamp::from_unix_seconds(0));
        let gone = address("Observation/shown-no-more");
        house
            .put(&lab("shown-no-more", "p", "c", "2026-01-01"))
            .await;
        house
            .records
            .delete(&house.permit, &gone, None)
            .await
            .unwrap();
        walk.mark = house.records.mark(&house.permit).await.unwrap();

        let chart = house.records.chart_of(&address("Patient/p")).await.unwrap();
        let peer = Peer {
            chart: chart.unwrap(),
            categories: vec![Category::Lab],
        };
        let (found, deleted) = walked(&house, &peer, "Observation", &walk).await;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0]["id"], "shown");
        assert!(deleted.is_empty(), "what is gone cannot be judged");
        let (found, _) = walked(&house, &peer, "MedicationRequest", &walk).await;
        assert!(found.is_empty());
        let beside = vec![
            address("Practitioner/dr"),
            address("Observation/of-another"),
        ];
        let seen = house
            .records
            .beside_charts_as(&peer, beside.clone(), &walk)
            .await;
        assert!(seen.unwrap().is_empty());

        // The house itself sees all of them, but another's chart is not beside charts.
        assert_eq!(ids(&house, "Observation", &walk).await.len(), 4);
        let seen = house
            .records
            .beside_charts(&house.permit, beside, &walk)
            .await;
        assert_eq!(seen.unwrap().len(), 1);

        // Marked since, it is marked as it was before, too.
        let mut marked = lab("shown", "p", "c", "2026-01-01");
        marked["performer"] = json!([{"display": "雪見病院 精神科"}]);
        house.put(&marked).await;
        let (found, _) = walked(&house, &peer, "Observation", &walk).await;
        assert!(found.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_line_has_no_line_end_within_and_keeps_its_numbers() {
    let scratch = crate::database::testing::sqlite();
    let house = House::open(scratch.database.clone()).await;
    house.put(&patient("p")).await;
    let text = "{\n  \"resourceType\": \"Observation\",\r\n  \"id\": \"l\", \"status\": \"final\",\n\
                \"subject\": {\"reference\": \"Patient/p\"},\n\"code\": {\"text\": \"a\\nb\"},\n\
                \"valueQuantity\": {\"value\": 7.20}\n}\n";
    house.put_text(&address("Observation/l"), text).await;
    let walk = everything(&house).await;
    let piece = house
        .records
        .walk(&house.permit, kind("Observation"), &walk, None);
    let piece = piece.await.unwrap();
    let line = piece.found[0].line(None);
    assert_eq!(line.matches('\n').count(), 1);
    assert!(line.ends_with('\n') && !line.contains('\r'));
    assert!(line.contains("7.20") && line.contains("a\\nb"));
    let shape = [("_elements", "valueQuantity")];
    let shape = SearchQuery::parse(kind("Observation"), &shape).unwrap();
    let cut = piece.found[0].line(Some(&shape));
    assert!(cut.contains("7.20") && cut.contains("SUBSETTED") && !cut.contains("subject"));
}
