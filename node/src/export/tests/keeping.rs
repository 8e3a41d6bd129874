//! Whose exports they are, how much room they take, how long they stay.

use super::*;

async fn complete(site: &Site) -> JobId {
    let (job, permit) = site.accepted(Scope::Everyone, asked(&[])).await;
    let id = job.id.clone();
    to_the_end(site.run(job, permit)).await;
    id
}

fn patients() -> FileName {
    FileName::parse("Patient.1.ndjson").unwrap()
}

#[actix_web::test]
async fn nobody_but_who_asked_fetches_a_file_and_each_fetch_is_in_the_audit() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        ward(&site).await;
        let id = complete(&site).await;
        let other = Caller::System { id: "ris".into() };
        let admin = Caller::Admin { id: None };
        let physician = Caller::Physician { id: "dr".into() };
        for (caller, known) in [(&other, false), (&admin, true), (&physician, false)] {
            assert_eq!(site.exports.status(caller, &id).await.is_ok(), known);
            let refused = site.exports.download(caller, &id, patients()).await;
            assert!(refused.is_err(), "{caller:?}");
        }
        for caller in [&other, &physician] {
            assert!(site.exports.cancel(caller, &id).await.is_err());
        }
        let download = site
            .exports
            .download(&his(), &id, patients())
            .await
            .unwrap();
        assert!(download.bytes > 0);
        let lines = site.audited().await;
        let last = lines.last().unwrap();
        assert_eq!(last.actor_id.as_deref(), Some("his"));
        assert_eq!(last.detail["act"], "download");
        assert_eq!(last.detail["file"], "Patient.1.ndjson");
        assert_eq!(last.detail["job"], id.as_str());
        let complete = lines
            .iter()
            .find(|line| line.outcome == "complete")
            .unwrap();
        assert_eq!(complete.shown, Some(11));

        site.exports.cancel(&admin, &id).await.unwrap();
        assert!(site.exports.status(&his(), &id).await.is_err());
    })
    .await;
}

#[actix_web::test]
async fn only_a_system_exports() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        for caller in [
            Caller::Admin { id: None },
            Caller::Physician { id: "dr".into() },
            Caller::Auditor { id: None },
        ] {
            let refused = site
                .exports
                .accept(&caller, Scope::Everyone, asked(&[]), String::new())
                .await;
            assert_eq!(refused.unwrap_err().told().status, 403);
        }
        assert!(
            site.audited()
                .await
                .iter()
                .all(|line| line.outcome == "forbidden")
        );
    })
    .await;
}

#[actix_web::test]
async fn a_cancelled_export_stops_and_leaves_no_file() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        ward(&site).await;
        let (job, permit) = site.accepted(Scope::Everyone, asked(&[])).await;
        let id = job.id.clone();
        let mut run = site.run(
            job.clone(),
            site.exports.desk.permit_again(&job).await.unwrap(),
        );
        while site.lines(&id).await.0.is_empty() {
            run.step().await.unwrap();
        }
        site.exports.cancel(&his(), &id).await.unwrap();
        assert!(!site.folder.path().join(id.as_str()).exists());
        // The work notices by itself, and removes what it wrote meanwhile.
        site.exports.begin(job, permit);
        site.exports.stop().await;
        assert!(!site.folder.path().join(id.as_str()).exists());
        assert!(site.exports.status(&his(), &id).await.is_err());
    })
    .await;
}

#[actix_web::test]
async fn no_more_exports_are_made_at_once_than_the_settings_allow() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        let begun = site.accepted(Scope::Everyone, asked(&[])).await;
        site.accepted(Scope::Everyone, asked(&[])).await;
        let again = async || {
            let url = String::new();
            let desk = &site.exports.desk;
            desk.accept(&his(), Scope::Everyone, asked(&[]), url).await
        };
        assert!(matches!(again().await, Err(ExportError::Busy)));
        site.exports.cancel(&his(), &begun.0.id).await.unwrap();
        assert!(again().await.is_ok());
    })
    .await;
}

#[actix_web::test]
async fn an_export_that_does_not_fit_ends_and_gives_its_room_back() {
    on_each_async(async |database| {
        let mut site = Site::on(database).await;
        ward(&site).await;
        let narrow = ExportSettings {
            max_disk: 600,
            ..limits(&site.folder)
        };
        site.restarted(narrow);
        let url = String::new();
        let id = site
            .exports
            .accept(&his(), Scope::Everyone, asked(&[]), url)
            .await
            .unwrap();
        assert_eq!(site.ended(&id).await, Status::Ended { full: true });
        site.exports.stop().await;
        assert!(!site.folder.path().join(id.as_str()).exists());
        let bytes = site
            .database
            .read(|connection| Ok::<_, ExportError>(store::bytes_of_all(connection)?));
        assert_eq!(bytes.await.unwrap(), 0);
        let last = site.audited().await.pop().unwrap();
        assert_eq!((last.outcome.as_str(), last.shown), ("full", None));

        let none = ExportSettings {
            max_disk: 0,
            ..limits(&site.folder)
        };
        site.restarted(none);
        let url = String::new();
        let refused = site
            .exports
            .accept(&his(), Scope::Everyone, asked(&[]), url)
            .await;
        assert!(matches!(refused, Err(ExportError::Full)));
    })
    .await;
}

#[actix_web::test]
async fn expired_exports_and_files_of_nobody_are_swept() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        ward(&site).await;
        let id = complete(&site).await;
        let orphan = site.folder.path().join(JobId::random().as_str());
        std::fs::create_dir(&orphan).unwrap();
        let foreign = site.folder.path().join("not-ours");
        std::fs::create_dir(&foreign).unwrap();

        site.clock.advance(3_599);
        site.exports.desk.sweep().await.unwrap();
        assert!(site.folder.path().join(id.as_str()).exists());
        assert!(!orphan.exists() && foreign.exists());
        site.exports
            .download(&his(), &id, patients())
            .await
            .unwrap();

        site.clock.advance(1);
        // Not before it is swept only.
        assert!(
            site.exports
                .download(&his(), &id, patients())
                .await
                .is_err()
        );
        site.exports.desk.sweep().await.unwrap();
        assert!(!site.folder.path().join(id.as_str()).exists());
        assert!(site.exports.status(&his(), &id).await.is_err());
    })
    .await;
}

#[actix_web::test]
async fn a_file_that_grew_long_is_followed_by_another() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        ward(&site).await;
        let id = complete(&site).await;
        let (_, names) = site.lines(&id).await;
        let observations = names.iter().filter(|name| name.starts_with("Observation."));
        let observations: Vec<_> = observations.collect();
        assert_eq!(
            observations,
            ["Observation.1.ndjson", "Observation.2.ndjson"]
        );
    })
    .await;
}
