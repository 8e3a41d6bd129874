//! Uploads: looked at, chosen from, saved once, undone.

use super::*;
use crate::database::testing::on_each_async;

#[actix_web::test]
async fn nothing_is_saved_before_the_person_has_seen_it_and_a_second_upload_adds_nothing() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        let id = site.send(&site.hana, &export()).await.unwrap();
        let ready = site.rested(&site.hana, &id).await;
        assert_eq!(ready.state, State::Ready);
        let report = ready.report.unwrap();
        let held: Vec<_> = report
            .held
            .iter()
            .map(|held| (held.kind.as_str(), held.count, held.first.as_str()))
            .collect();
        assert_eq!(
            held,
            [
                ("blood-pressure", 1, "2026-01-14"),
                ("heart-rate", 1, "2026-01-14"),
                ("body-mass", 2, "2023-01-14"),
            ]
        );
        assert_eq!(report.skipped["type"], 1);
        assert!(site.observations(&site.hana).await.is_empty());

        let choice = Choice {
            from: None,
            to: None,
            ..report.proposed()
        };
        site.health.save(&site.hana, &id, choice).await.unwrap();
        let saved = site.rested(&site.hana, &id).await;
        assert_eq!(saved.state, State::Saved, "{:?}", saved.reason);
        assert_eq!((saved.counts.saved, saved.counts.duplicates), (4, 0));
        assert_eq!(site.observations(&site.hana).await.len(), 4);
        // Its file is gone.
        site.emptied().await;

        let again = site.bring(&site.hana, &export()).await;
        assert_eq!((again.counts.saved, again.counts.duplicates), (0, 4));
        assert_eq!(site.observations(&site.hana).await.len(), 4);
    })
    .await;
}

#[actix_web::test]
async fn only_the_chosen_kinds_and_days_are_saved_and_a_year_is_proposed() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        let id = site.send(&site.hana, &export()).await.unwrap();
        let ready = site.rested(&site.hana, &id).await;
        let mut choice = ready.report.unwrap().proposed();
        assert_eq!(choice.from.as_ref().unwrap().as_str(), "2025-01-14");
        choice.kinds.retain(|kind| kind == "body-mass");
        site.health.save(&site.hana, &id, choice).await.unwrap();
        let saved = site.rested(&site.hana, &id).await;
        assert_eq!((saved.counts.saved, saved.counts.outside), (1, 3));
        let all = site.observations(&site.hana).await;
        assert_eq!(all[0]["valueQuantity"]["value"], 61.51);
        // What was chosen once is chosen.
        let late = site.health.save(
            &site.hana,
            &id,
            Choice {
                kinds: vec![],
                from: None,
                to: None,
            },
        );
        assert!(matches!(late.await, Err(HealthError::State)));
    })
    .await;
}

#[actix_web::test]
async fn undoing_an_upload_deletes_what_it_brought_and_nothing_else() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        let first = site
            .bring(
                &site.hana,
                &xml(&[record("BodyMass", "kg", "61.5", "x", AT)]),
            )
            .await;
        let more = [
            record("BodyMass", "kg", "61.5", "x", AT),
            record("BodyMass", "kg", "62.5", "y", AT),
        ];
        let second = site.bring(&site.hana, &xml(&more)).await;
        assert_eq!((second.counts.saved, second.counts.duplicates), (1, 1));
        site.health.undo(&site.hana, &second.id).await.unwrap();
        let undone = site.rested(&site.hana, &second.id).await;
        assert_eq!(undone.state, State::Undone);
        let left = site.observations(&site.hana).await;
        assert_eq!(left.len(), 1);
        assert_eq!(left[0]["valueQuantity"]["value"], 61.5);
        // Undone twice is nothing, and the same file can be brought in again.
        assert!(matches!(
            site.health.undo(&site.hana, &second.id).await,
            Err(HealthError::State)
        ));
        assert_eq!(site.bring(&site.hana, &xml(&more)).await.counts.saved, 1);
        let _ = first;
    })
    .await;
}

#[actix_web::test]
async fn a_day_s_total_grows_with_a_later_export_and_never_shrinks() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        let steps = |count: &str| xml(&[record("StepCount", "count", count, "iPhone", AT)]);
        site.bring(&site.hana, &steps("1000")).await;
        assert_eq!(site.bring(&site.hana, &steps("4000")).await.counts.saved, 1);
        assert_eq!(
            site.bring(&site.hana, &steps("2000"))
                .await
                .counts
                .duplicates,
            1
        );
        let all = site.observations(&site.hana).await;
        assert_eq!(all.len(), 1);
        assert_eq!(all[0]["valueQuantity"]["value"], 4000);
    })
    .await;
}

#[actix_web::test]
async fn who_brought_it_and_where_from_stands_beside_it_and_no_name_of_a_device() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        let upload = site.bring(&site.hana, &export()).await;
        let all = site.all("Provenance").await;
        assert_eq!(all.len(), 1);
        assert_eq!(all[0]["agent"][0]["who"]["reference"], "Patient/hana");
        assert_eq!(all[0]["target"].as_array().unwrap().len(), 4);
        let source = &all[0]["entity"][0]["what"]["identifier"];
        assert_eq!(source["value"], upload.id.as_str());
        for resource in site.observations(&site.hana).await {
            let text = resource.to_string();
            assert!(!text.contains("花子") && !text.contains("OMRON"), "{text}");
        }
    })
    .await;
}

#[actix_web::test]
async fn an_upload_is_nobody_else_s_and_two_people_do_not_share_measurements() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        let hana = site.bring(&site.hana, &export()).await;
        let not_found = |done: Result<(), HealthError>| {
            assert!(matches!(done, Err(HealthError::NotFound)));
        };
        let choice = Choice {
            kinds: vec!["body-mass".into()],
            from: None,
            to: None,
        };
        not_found(site.health.upload(&site.taro, &hana.id).await.map(drop));
        not_found(site.health.save(&site.taro, &hana.id, choice).await);
        not_found(site.health.undo(&site.taro, &hana.id).await);
        not_found(site.health.discard(&site.taro, &hana.id).await);
        assert!(site.health.uploads(&site.taro).await.unwrap().is_empty());
        let taro = site.bring(&site.taro, &export()).await;
        assert_eq!(taro.counts.saved, 4);
        assert_eq!(site.observations(&site.hana).await.len(), 4);
        // Staff have no measurements of their own here.
        let physician = Caller::Physician { id: "dr-1".into() };
        assert!(matches!(
            site.health.receive(&physician).await.map(drop),
            Err(HealthError::Access(_))
        ));
    })
    .await;
}

#[actix_web::test]
async fn what_cannot_be_read_says_why_and_leaves_nothing_behind() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        for (bytes, reason) in [
            (b"hello".as_slice(), "format"),
            (b"PK\x03\x04 and no more".as_slice(), "broken"),
            (b"<HealthData><Record".as_slice(), "broken"),
            (b"{\"data\":{}}".as_slice(), "format"),
        ] {
            let id = site.send(&site.hana, bytes).await.unwrap();
            let ended = site.rested(&site.hana, &id).await;
            assert_eq!(ended.state, State::Failed);
            assert_eq!(ended.reason.as_deref(), Some(reason));
        }
        let nothing = site.send(&site.hana, b"").await;
        assert!(matches!(nothing, Err(HealthError::Incomplete)));
        let large = vec![b' '; (4 << 20) + 1];
        let large = site.send(&site.hana, &large).await;
        assert!(matches!(large, Err(HealthError::TooLarge)));
        site.emptied().await;
    })
    .await;
}

#[actix_web::test]
async fn a_newer_upload_takes_the_place_of_one_that_waits() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        let old = site.send(&site.hana, &export()).await.unwrap();
        assert_eq!(site.rested(&site.hana, &old).await.state, State::Ready);
        let new = site.send(&site.hana, &export()).await.unwrap();
        assert_eq!(site.rested(&site.hana, &new).await.state, State::Ready);
        let old = site.rested(&site.hana, &old).await;
        assert_eq!(old.reason.as_deref(), Some("replaced"));
        site.health.discard(&site.hana, &new).await.unwrap();
        site.emptied().await;
    })
    .await;
}

#[actix_web::test]
async fn what_a_fall_broke_off_is_gone_on_with_and_counted_once() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        let id = site.send(&site.hana, &export()).await.unwrap();
        let ready = site.rested(&site.hana, &id).await;
        let file = site.folder.path().join("vitals").join(id.as_str());
        let bytes = std::fs::read(&file).unwrap();
        let choice = Choice {
            from: None,
            to: None,
            ..ready.report.unwrap().proposed()
        };
        site.health.save(&site.hana, &id, choice).await.unwrap();
        site.rested(&site.hana, &id).await;
        site.emptied().await;
        // As if it had fallen after the last batch: saved, but not said so.
        std::fs::write(&file, bytes).unwrap();
        site.health
            .step(&id, (State::Saved, State::Saving))
            .await
            .unwrap();
        let abandoned = site.health.receive(&site.taro).await.unwrap().id().clone();
        std::fs::write(site.folder.path().join("vitals").join("a name"), b"").unwrap();

        site.health.go_on().await.unwrap();
        let saved = site.rested(&site.hana, &id).await;
        assert_eq!(saved.state, State::Saved);
        assert_eq!((saved.counts.saved, saved.counts.duplicates), (4, 0));
        assert_eq!(site.observations(&site.hana).await.len(), 4);
        let abandoned = site.rested(&site.taro, &abandoned).await;
        assert_eq!(abandoned.reason.as_deref(), Some("incomplete"));
        site.health.stop().await;
    })
    .await;
}

#[actix_web::test]
async fn the_disk_is_bounded_whoever_sends() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        let id = site.send(&site.hana, &export()).await.unwrap();
        assert_eq!(site.rested(&site.hana, &id).await.state, State::Ready);
        // As if it were as large as all uploads may be together.
        site.home
            .database
            .transact(move |connection| {
                Ok::<_, HealthError>(store::set_bytes(connection, &id, 8 << 20)?)
            })
            .await
            .unwrap();
        let full = site.health.receive(&site.taro).await;
        assert!(matches!(full.map(drop), Err(HealthError::Full)));
    })
    .await;
}

#[actix_web::test]
async fn every_upload_is_in_the_audit_under_the_person_and_says_nothing_that_was_measured() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        let upload = site.bring(&site.hana, &export()).await;
        let lines = site.audit.list(Filter::default()).await.unwrap();
        let ours: Vec<_> = lines
            .iter()
            .filter(|line| line.detail.to_string().contains("record_vitals"))
            .collect();
        assert!(!ours.is_empty());
        for line in ours {
            assert_eq!(line.actor_role, "person");
            let said = line.detail.to_string();
            assert!(said.contains(upload.id.as_str()));
            assert!(!said.contains("61.5") && !said.contains("花子"));
        }
    })
    .await;
}
