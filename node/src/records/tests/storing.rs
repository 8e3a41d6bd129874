use diesel::connection::SimpleConnection;

use super::*;
use crate::database::testing::{on_each, on_each_async};

/// Full-width digits, number forms, escapes, a kanji beyond the BMP and a variation selector.
const ODD: &str = "{\r\n\t\"resourceType\" : \"Observation\", \"id\": \"x.1\", \"status\":\"final\",\
    \"valueQuantity\":{\"value\":1.50, \"low\": 1e2},\"note\":[{\"text\":\"１２３ 𠮷 葛\u{e0100}\
    \\u00e9\\/ ﾔﾏﾀﾞ\"}], \"meta\" : {\"profile\":[\"p\"],\"versionId\":\"77\"} }";

#[tokio::test]
async fn every_byte_but_id_and_meta_comes_back() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let written = house.put_text(&address("Observation/x.1"), ODD).await;
        assert_eq!((written.version, written.outcome), (1, Outcome::Created));
        let entry = house
            .records
            .read(&house.permit, &written.address)
            .await
            .unwrap();
        let outside = |text: &str| testing::outside_id_and_meta(text).unwrap();
        assert_eq!(outside(&entry.raw), outside(ODD));
        assert!(entry.raw.contains(
            "{\"versionId\":\"1\",\"lastUpdated\":\"2026-07-01T00:00:00.000Z\",\"profile\":[\"p\"]}"
        ));
    })
    .await;
}

#[tokio::test]
async fn versions_are_kept_and_deletion_is_a_version() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&patient("p")).await;
        let at = address("Observation/o");
        house.put(&lab("o", "p", "3D046", "2026-01-01")).await;
        house.clock.advance(1);
        let second = house.put(&lab("o", "p", "3A015", "2026-02-01")).await;
        assert_eq!((second.version, second.outcome), (2, Outcome::Updated));
        let deleted = house
            .records
            .delete(&house.permit, &at, None)
            .await
            .unwrap();
        assert_eq!((deleted.version, deleted.outcome), (3, Outcome::Deleted));
        let gone = house.records.read(&house.permit, &at).await;
        assert!(matches!(gone, Err(RecordsError::Deleted)));
        let version = async |n| house.records.vread(&house.permit, &at, n).await;
        assert!(version(1).await.unwrap().raw.contains("3D046"));
        let two = version(2).await.unwrap();
        assert!(two.raw.contains("3A015"));
        assert_eq!(
            two.last_updated,
            Timestamp::from_unix_seconds(1_782_864_001)
        );
        assert!(matches!(version(3).await, Err(RecordsError::Deleted)));
        assert!(matches!(version(4).await, Err(RecordsError::NotFound)));
        let again = house
            .records
            .delete(&house.permit, &at, None)
            .await
            .unwrap();
        assert_eq!(again.outcome, Outcome::Absent);
        let back = house.put(&lab("o", "p", "3D046", "2026-01-01")).await;
        assert_eq!((back.version, back.outcome), (4, Outcome::Created));
        assert_eq!(house.find("Observation", &[("patient", "p")]).await, ["o"]);
    })
    .await;
}

#[tokio::test]
async fn a_changed_resource_is_found_only_by_what_it_says_now() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&patient("p")).await;
        house.put(&patient("q")).await;
        let before = index_rows(&house).await;
        house.put(&lab("o", "p", "old", "2026-01-01")).await;
        house.put(&lab("o", "q", "new", "2026-02-01")).await;
        assert_eq!(house.find("Observation", &[("code", "old")]).await, [""; 0]);
        assert_eq!(house.find("Observation", &[("code", "new")]).await, ["o"]);
        assert_eq!(
            house.find("Observation", &[("patient", "p")]).await,
            [""; 0]
        );
        assert_eq!(house.find("Observation", &[("patient", "q")]).await, ["o"]);
        house
            .records
            .delete(&house.permit, &address("Observation/o"), None)
            .await
            .unwrap();
        assert_eq!(index_rows(&house).await, before);
    })
    .await;
}

#[tokio::test]
async fn if_match_lets_only_one_of_two_writers_through() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let at = address("Patient/p");
        house.put(&patient("p")).await;
        let body = patient("p").to_string();
        let update = async |version| {
            house
                .records
                .update(&house.permit, &at, body.as_bytes(), Some(version))
                .await
        };
        assert_eq!(update(1).await.unwrap().version, 2);
        assert!(matches!(
            update(1).await,
            Err(RecordsError::VersionConflict)
        ));
        let stale = house.records.delete(&house.permit, &at, Some(1)).await;
        assert!(matches!(stale, Err(RecordsError::VersionConflict)));
        let none = address("Patient/none");
        let absent = house.records.delete(&house.permit, &none, Some(1)).await;
        assert!(matches!(absent, Err(RecordsError::VersionConflict)));
        assert_eq!(
            house
                .records
                .read(&house.permit, &at)
                .await
                .unwrap()
                .version,
            2
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_conditional_creates_at_once_make_one_resource() {
    on_each_async(async |database| {
        let house = Arc::new(House::open(database).await);
        let jobs: Vec<_> = (0..32)
            .map(|_| {
                let house = Arc::clone(&house);
                tokio::spawn(async move {
                    let kind = ResourceType::named("Patient").unwrap();
                    let query = Criteria::parse(kind, "identifier=urn:p|one").unwrap();
                    let body = patient("ignored")
                        .to_string()
                        .replace("\"ignored\"", "\"one\"");
                    let create =
                        house
                            .records
                            .create(&house.permit, kind, body.as_bytes(), Some(&query));
                    create.await.unwrap()
                })
            })
            .collect();
        let mut written = Vec::new();
        for job in jobs {
            written.push(job.await.unwrap());
        }
        let created = written
            .iter()
            .filter(|one| one.outcome == Outcome::Created)
            .count();
        assert_eq!(created, 1);
        assert!(written.iter().all(|one| one.address == written[0].address));
        assert_eq!(
            house
                .find("Patient", &[("identifier", "urn:p|one")])
                .await
                .len(),
            1
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_updates_at_once_under_if_match_lose_none() {
    on_each_async(async |database| {
        let house = Arc::new(House::open(database).await);
        let at = address("Patient/p");
        let mut counted = patient("p");
        counted["multipleBirthInteger"] = json!(0);
        house.put(&counted).await;
        let jobs: Vec<_> = (0..32)
            .map(|_| {
                let (house, at) = (Arc::clone(&house), at.clone());
                tokio::spawn(async move { raise(&house, &at).await })
            })
            .collect();
        for job in jobs {
            job.await.unwrap();
        }
        let entry = house.records.read(&house.permit, &at).await.unwrap();
        let counted: Value = serde_json::from_str(&entry.raw).unwrap();
        assert_eq!(
            (entry.version, counted["multipleBirthInteger"].clone()),
            (33, json!(32))
        );
    })
    .await;
}

/// Reads, adds one, writes what was read, until nobody else was there before.
async fn raise(house: &House, at: &Address) {
    loop {
        let entry = house.records.read(&house.permit, at).await.unwrap();
        let mut next: Value = serde_json::from_str(&entry.raw).unwrap();
        next["multipleBirthInteger"] = json!(next["multipleBirthInteger"].as_i64().unwrap() + 1);
        let (body, version) = (next.to_string(), Some(entry.version));
        let update = house
            .records
            .update(&house.permit, at, body.as_bytes(), version);
        match update.await {
            Ok(_) => return,
            Err(RecordsError::VersionConflict) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn created_ids_are_ours_and_bodies_are_checked() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let kind = ResourceType::named("Patient").unwrap();
        let create =
            async |body: &[u8]| house.records.create(&house.permit, kind, body, None).await;
        let made = create(patient("theirs").to_string().as_bytes())
            .await
            .unwrap();
        assert_eq!(
            uuid::Uuid::parse_str(made.address.id.as_str())
                .unwrap()
                .get_version_num(),
            7
        );
        let deep = format!("{{\"resourceType\":\"Patient\",\"x\":{}", "[".repeat(5_000));
        for bad in [
            b"".as_slice(),
            b"{\"resourceType\":\"Patient\"",
            b"{\"resourceType\":\"Observation\"}",
            b"{\"resourceType\":\"Patient\",\"id\":\"a b\"}",
            b"{\"resourceType\":\"Patient\",\"resourceType\":\"Patient\"}",
            b"{\"resourceType\":\"Patient\",\"n\":\"\\ud800\"}",
            b"{\"resourceType\":\"Patient\",\"n\":\"\xff\"}",
            b"[]",
            deep.as_bytes(),
        ] {
            let refused = create(bad).await.unwrap_err();
            assert!(matches!(refused, RecordsError::Draft(_)), "{refused}");
            assert_eq!(refused.told().status, 400);
        }
        let nul = "{\"resourceType\":\"Patient\",\"name\":[{\"text\":\"a\\u0000b\"}]}";
        create(nul.as_bytes()).await.unwrap();
        let other = house
            .records
            .update(
                &house.permit,
                &address("Patient/b"),
                patient("a").to_string().as_bytes(),
                None,
            )
            .await;
        assert!(matches!(
            other,
            Err(RecordsError::Draft(DraftError::OtherId))
        ));
    })
    .await;
}

#[tokio::test]
async fn what_is_referred_to_may_come_later() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&lab("o", "late", "c", "2026-01-01")).await;
        let missing = house
            .records
            .read(&house.permit, &address("Patient/late"))
            .await;
        assert!(matches!(missing, Err(RecordsError::NotFound)));
        let first = house.put(&patient("late")).await;
        assert_eq!((first.version, first.outcome), (1, Outcome::Created));
        assert_eq!(
            house.find("Observation", &[("patient", "late")]).await,
            ["o"]
        );
        assert_eq!(house.find("Patient", &[("_id", "late")]).await, ["late"]);
    })
    .await;
}

#[test]
fn the_index_is_made_anew_when_resources_are_read_differently() {
    on_each(|database| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let house = runtime.block_on(House::open(database));
        let before = runtime.block_on(async {
            house.put(&patient("p")).await;
            for n in 0..30 {
                house
                    .put(&lab(&format!("o{n}"), "p", "c", "2026-01-01"))
                    .await;
            }
            house.put(&lab("o0", "p", "d", "2026-01-02")).await;
            index_rows(&house).await
        });
        let spoiled = house.database.transact_blocking(store::spoil_index);
        spoiled.unwrap();
        assert_eq!(runtime.block_on(index_rows(&house)), 0);
        let own: MemberId = MINATO.parse().unwrap();
        Records::open(
            house.database.clone(),
            house.clock.clone(),
            &own,
            Validator::off(),
        )
        .unwrap();
        assert_eq!(runtime.block_on(index_rows(&house)), before);
        let found = runtime.block_on(house.find("Observation", &[("patient", "p"), ("code", "c")]));
        assert_eq!(found.len(), 29);
    });
}

#[test]
fn an_index_that_lost_rows_is_made_anew_when_told_to() {
    on_each(|database| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let house = runtime.block_on(House::open(database));
        let before = runtime.block_on(async {
            house.put(&patient("p")).await;
            house.put(&lab("o", "p", "c", "2026-01-01")).await;
            index_rows(&house).await
        });
        let lost = house.database.transact_blocking(store::spoil_index);
        lost.unwrap();
        crate::records::reindex(&house.database).unwrap();
        assert_eq!(runtime.block_on(index_rows(&house)), before);
    });
}

#[test]
fn making_the_index_anew_may_take_longer_than_a_question() {
    let Some(scratch) = crate::database::testing::postgres() else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let house = runtime.block_on(House::open(scratch.database.clone()));
    let before = runtime.block_on(async {
        house.put(&patient("p")).await;
        index_rows(&house).await
    });
    let slowly = |connection: &mut HospitalConnection| {
        connection.batch_execute(
            "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql \
               AS 'BEGIN PERFORM pg_sleep(0.1); RETURN NULL; END'; \
             CREATE TRIGGER slowly BEFORE DELETE ON ix_token \
               FOR EACH STATEMENT EXECUTE FUNCTION slowly(); \
             SET LOCAL statement_timeout = '20ms'",
        )?;
        store::reindex(connection)
    };
    house.database.transact_blocking(slowly).unwrap();
    assert_eq!(runtime.block_on(index_rows(&house)), before);
}
