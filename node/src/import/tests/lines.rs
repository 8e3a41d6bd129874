use super::*;
use crate::database::testing::on_each_async;

/// NDJSON of `count` results, with a line that is no JSON, one of no type that is served, and an
/// empty one in the middle.
fn export(count: i32) -> String {
    let mut text = String::new();
    for n in 0..count {
        if n == count / 2 {
            text.push_str("{\"resourceType\":\"Observation\",\n\n{\"resourceType\":\"Unicorn\"}\n");
        }
        text.push_str(&format!("{}\n", lab(&format!("o{n}"), n)));
    }
    text
}

#[tokio::test]
async fn bad_lines_are_named_and_stop_nobody() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.ndjson");
        std::fs::write(&file, export(40)).unwrap();

        let (report, heard) = house.lines(&file, Manner::Anew).await;

        assert_eq!((report.created, report.refused, report.lines), (40, 2, 43));
        assert_eq!(
            report.profiles,
            BTreeMap::from([("urn:lab".to_owned(), 40)])
        );
        let places: Vec<&str> = heard.refused.iter().map(|one| one.place.as_str()).collect();
        assert_eq!(places, ["line 21", "line 23"]);
        assert!(
            heard.refused[0]
                .reason
                .contains("line 1, column 30: it ends too early")
        );
        assert!(heard.refused[1].reason.contains("resourceType"));
        let kept: Vec<String> = house
            .quarantine()
            .await
            .into_iter()
            .map(|one| one.0)
            .collect();
        assert_eq!(kept, places);
        assert_eq!(house.held().await.len(), 40);

        // Mended and imported again: nothing is in quarantine any more, nothing is written twice.
        std::fs::write(
            &file,
            export(40)
                .replace("Unicorn\"", "Patient\",\"id\":\"p\"")
                .replace("\"Observation\",\n\n", "\"Patient\"}\n\n"),
        )
        .unwrap();
        let (again, _) = house.lines(&file, Manner::Anew).await;
        assert_eq!((again.created, again.updated, again.unchanged), (2, 0, 40));
        assert!(house.quarantine().await.is_empty());
        let (third, _) = house.lines(&file, Manner::Anew).await;
        assert_eq!((third.created, third.updated, third.unchanged), (0, 0, 42));
        assert!(house.held().await.values().all(|version| *version == 1));
    })
    .await;
}

#[tokio::test]
async fn an_import_that_is_stopped_anywhere_loses_nothing_and_repeats_nothing() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let folder = tempfile::tempdir().unwrap();
        for stop in 1..=4 {
            let file = folder.path().join(format!("{stop}.ndjson"));
            let text = export(40).replace("\"id\":\"o", &format!("\"id\":\"s{stop}-"));
            std::fs::write(&file, text).unwrap();
            let (stopped, at) = (house.clone(), file.clone());
            let broken = tokio::spawn(async move {
                let mut heard = Heard {
                    breaks_off_after: Some(stop),
                    ..Heard::default()
                };
                let import = &stopped.import;
                let result = import
                    .lines(&stopped.permit, &at, Manner::Anew, &mut heard)
                    .await;
                result.is_ok()
            });
            assert!(broken.await.unwrap_err().is_panic());
            let stored = house.held().await;
            let here = |address: &&String| address.contains(&format!("/s{stop}-"));
            let before = stored.keys().filter(here).count();
            assert!((5..40).contains(&before), "{before}");

            let (resumed, _) = house.lines(&file, Manner::Resumed).await;

            assert_eq!(resumed.created, 40 - u64::try_from(before).unwrap());
            assert_eq!((resumed.updated, resumed.unchanged), (0, 0));
            let stored = house.held().await;
            assert_eq!(stored.keys().filter(here).count(), 40);
            assert!(stored.values().all(|version| *version == 1));
            assert_eq!(house.quarantine().await.len(), 2 * stop);
            assert_eq!(resumed.quarantined, 2);
            let (done, _) = house.lines(&file, Manner::Resumed).await;
            assert_eq!((done.lines, done.left), (0, 1));
        }
    })
    .await;
}

#[tokio::test]
async fn a_file_that_is_another_one_now_is_not_resumed() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.ndjson");
        std::fs::write(&file, export(40)).unwrap();
        house.lines(&file, Manner::Anew).await;
        std::fs::write(&file, export(41)).unwrap();
        let mut heard = Heard::default();
        let import = &house.import;
        let refused = import
            .lines(&house.permit, &file, Manner::Resumed, &mut heard)
            .await;
        assert!(matches!(refused, Err(ImportError::Changed(_))));
        let stdin = import
            .lines(&house.permit, Path::new("-"), Manner::Resumed, &mut heard)
            .await;
        assert!(matches!(stdin, Err(ImportError::NotResumable)));
        let missing = folder.path().join("none.ndjson");
        let missing = import
            .lines(&house.permit, &missing, Manner::Anew, &mut heard)
            .await;
        assert!(matches!(missing, Err(ImportError::File { .. })));
    })
    .await;
}

#[tokio::test]
async fn of_two_imports_of_one_file_the_earlier_one_ends() {
    on_each_async(async |database| {
        struct Interrupting(House, std::path::PathBuf, bool);
        impl Watcher for Interrupting {
            fn reached(&mut self, _: &Reached<'_>) {
                if std::mem::take(&mut self.2) {
                    let (house, file) = (self.0.clone(), self.1.clone());
                    let other = std::thread::spawn(move || {
                        let runtime = tokio::runtime::Builder::new_current_thread().build();
                        runtime.unwrap().block_on(house.lines(&file, Manner::Anew));
                    });
                    other.join().unwrap();
                }
            }
            fn refused(&mut self, _: &Refusal) {}
        }
        let house = House::open(database).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.ndjson");
        std::fs::write(&file, export(40)).unwrap();
        let mut watcher = Interrupting(house.clone(), file.clone(), true);
        let import = &house.import;
        let earlier = import
            .lines(&house.permit, &file, Manner::Anew, &mut watcher)
            .await;
        assert!(matches!(earlier, Err(ImportError::Displaced)));
        assert_eq!(house.held().await.len(), 40);
    })
    .await;
}

#[tokio::test]
async fn a_rehearsal_tells_and_writes_nothing() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.ndjson"), export(40)).unwrap();
        std::fs::write(folder.path().join("b.txt"), "not looked at").unwrap();
        let (report, heard) = house.lines(folder.path(), Manner::Rehearsed).await;
        assert_eq!((report.created, report.refused), (40, 2));
        assert_eq!(heard.refused.len(), 2);
        assert!(house.held().await.is_empty());
        assert!(house.quarantine().await.is_empty());
        let (report, _) = house.lines(folder.path(), Manner::Anew).await;
        assert_eq!((report.files, report.created), (1, 40));
        let (report, _) = house.lines(folder.path(), Manner::Rehearsed).await;
        assert_eq!((report.created, report.unchanged), (0, 40));
    })
    .await;
}

#[tokio::test]
async fn the_audit_tells_how_much_was_imported_and_nothing_of_it() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.ndjson");
        std::fs::write(&file, export(40)).unwrap();
        house.lines(&file, Manner::Anew).await;
        let lines = house.audit().await;
        assert_eq!(lines.len(), 2, "the permit's, and the import's");
        let said = &lines[1].detail;
        assert_eq!(
            (&said["created"], &said["refused"]),
            (&json!(40), &json!(2))
        );
        // What changes nothing needs no witness.
        house.lines(&file, Manner::Anew).await;
        assert_eq!(house.audit().await.len(), 2);
    })
    .await;
}
