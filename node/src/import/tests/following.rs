//! A tree that changes between two scans.

use super::trees::{ADMISSION, Filed, PATIENT, Storage, problem};
use super::*;
use crate::database::testing::on_each_async;

fn codes(conditions: &BTreeMap<String, i32>) -> usize {
    let kinds = conditions.keys();
    kinds.filter(|one| one.starts_with("Condition/")).count()
}

#[tokio::test]
async fn an_unchanged_tree_is_read_once() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let storage = Storage::new();
        storage.write(&Filed::of("ADT-00", 0), "ADT^A08", &[]);
        storage.write(&Filed::of("PPR-01", 0), "PPR^ZD1", &[&problem("P1", "1")]);
        storage.write(&Filed::of("OMD", 0), "OMD^O03", &[]);
        let (first, _) = house.tree(storage.root(), Manner::Anew).await;
        assert_eq!((first.files, first.created, first.refused), (2, 2, 0));
        assert_eq!(first.skipped, BTreeMap::from([("OMD".to_owned(), 1)]));
        let (again, _) = house.tree(storage.root(), Manner::Anew).await;
        assert_eq!((again.files, again.left), (0, 2));
        assert_eq!(again.created + again.updated + again.unchanged, 0);
        assert!(house.held().await.values().all(|version| *version == 1));
    })
    .await;
}

#[tokio::test]
async fn an_update_replaces_what_the_file_before_it_put_in() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let storage = Storage::new();
        let (old, new) = (Filed::of("PPR-01", 0), Filed::of("PPR-01", 1));
        let (p1, p2, p3) = (problem("P1", "1"), problem("P2", "2"), problem("P3", "3"));
        storage.write(&old, "PPR^ZD1", &[&p1, &p2]);
        house.tree(storage.root(), Manner::Anew).await;
        let before = house.held().await;
        assert_eq!(codes(&before), 2);

        storage.rename(&old, 1, 2);
        storage.write(&new, "PPR^ZD1", &[&p2, &p3]);
        let (rehearsed, _) = house.tree(storage.root(), Manner::Rehearsed).await;
        assert_eq!(house.held().await, before);
        let (report, _) = house.tree(storage.root(), Manner::Anew).await;

        assert_eq!((report.created, report.deleted), (1, 1));
        assert_eq!((rehearsed.created, rehearsed.deleted), (1, 1));
        let after = house.held().await;
        assert_eq!(codes(&after), 2);
        assert_eq!(
            before.keys().filter(|one| after.contains_key(*one)).count(),
            1
        );
        let (again, _) = house.tree(storage.root(), Manner::Anew).await;
        assert_eq!((again.files, again.deleted), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn a_deletion_at_the_source_is_a_deletion_here() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let storage = Storage::new();
        let (basic, list) = (Filed::of("ADT-00", 0), Filed::of("PPR-01", 0));
        storage.write(&basic, "ADT^A08", &[]);
        storage.write(&list, "PPR^ZD1", &[&problem("P1", "1")]);
        house.tree(storage.root(), Manner::Anew).await;
        storage.rename(&list, 1, 0);
        let (rehearsed, _) = house.tree(storage.root(), Manner::Rehearsed).await;
        let (report, _) = house.tree(storage.root(), Manner::Anew).await;
        assert_eq!((rehearsed.deleted, report.deleted), (1, 1));
        assert_eq!(
            house.counts().await,
            BTreeMap::from([("Patient".to_owned(), 1)])
        );
        // And back: a file may be undeleted.
        storage.rename(&list, 0, 1);
        house.tree(storage.root(), Manner::Anew).await;
        assert_eq!(codes(&house.held().await), 1);
        // A file that is missing was not deleted: a mount may be broken.
        std::fs::remove_file(storage.place(&list, 1)).unwrap();
        let (report, _) = house.tree(storage.root(), Manner::Anew).await;
        assert_eq!(report.deleted, 0);
        assert_eq!(codes(&house.held().await), 1);
    })
    .await;
}

#[tokio::test]
async fn a_discharge_updates_its_admission_and_takes_it_back_when_deleted() {
    admitted_and_discharged(Filed::of("ADT-22", 9), Filed::of("ADT-52", 0)).await;
}

#[tokio::test]
async fn so_it_does_where_names_tell_no_milliseconds() {
    let (admission, discharge) = (Filed::of("ADT-22", 9), Filed::of("ADT-52", 0));
    admitted_and_discharged(
        admission.told_to_the_second(),
        discharge.told_to_the_second(),
    )
    .await;
}

async fn admitted_and_discharged(admission: Filed, discharge: Filed) {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let storage = Storage::new();
        let ended = format!("{ADMISSION}|20260401160000");
        storage.write(&admission, "ADT^A01", &[ADMISSION]);
        house.tree(storage.root(), Manner::Anew).await;
        assert_eq!(house.only("Encounter").await.0["status"], "arrived");

        storage.write(&discharge, "ADT^A03", &[&ended]);
        house.tree(storage.root(), Manner::Anew).await;
        let (encounter, version) = house.only("Encounter").await;
        assert_eq!((&encounter["status"], version), (&json!("finished"), 2));

        // The admission written again does not undo the discharge.
        storage.write(&admission, "ADT^A01", &[ADMISSION, "ZZZ|1"]);
        let (report, _) = house.tree(storage.root(), Manner::Anew).await;
        assert_eq!(report.files, 1);
        assert_eq!(house.only("Encounter").await.0["status"], "finished");

        storage.rename(&discharge, 1, 0);
        let (rehearsed, _) = house.tree(storage.root(), Manner::Rehearsed).await;
        assert_eq!((rehearsed.updated, rehearsed.deleted), (1, 0));
        house.tree(storage.root(), Manner::Anew).await;
        assert_eq!(house.only("Encounter").await.0["status"], "arrived");
        storage.rename(&admission, 1, 0);
        house.tree(storage.root(), Manner::Anew).await;
        assert!(house.held().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_message_about_another_patient_is_quarantined_until_it_is_mended() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let storage = Storage::new();
        let file = Filed::of("ADT-00", 0);
        storage.write_about("00079014", &file, "ADT^A08", &[]);
        let (report, heard) = house.tree(storage.root(), Manner::Anew).await;
        assert_eq!((report.created, report.refused), (0, 1));
        assert!(heard.refused[0].reason.contains("another patient"));
        assert!(heard.refused[0].place.ends_with("_-"), "no flag");
        assert!(house.held().await.is_empty());
        // It is not read again as long as it is the same.
        let (again, _) = house.tree(storage.root(), Manner::Anew).await;
        assert_eq!((again.files, again.refused, again.quarantined), (0, 0, 1));
        assert_eq!(house.quarantine().await.len(), 1);

        storage.write(&file, "ADT^A08", &["ZZZ|mended"]);
        house.tree(storage.root(), Manner::Anew).await;
        assert_eq!(
            house.counts().await,
            BTreeMap::from([("Patient".to_owned(), 1)])
        );
        assert!(house.quarantine().await.is_empty());

        // What was said once stays when its file can no longer be read.
        storage.write_about("00079014", &file, "ADT^A08", &[]);
        house.tree(storage.root(), Manner::Anew).await;
        assert_eq!(house.quarantine().await.len(), 1);
        assert_eq!(
            house.counts().await,
            BTreeMap::from([("Patient".to_owned(), 1)])
        );
    })
    .await;
}

#[tokio::test]
async fn what_does_not_belong_in_a_tree_is_named_at_each_scan() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let storage = Storage::new();
        storage.write(&Filed::of("ADT-00", 0), "ADT^A08", &[]);
        std::fs::write(storage.root().join("readme.txt"), "hello").unwrap();
        for _ in 0..2 {
            let (report, heard) = house.tree(storage.root(), Manner::Anew).await;
            assert_eq!(report.refused, 1);
            assert_eq!(heard.refused[0].place, "readme.txt");
        }
        let gone = storage.root().join("gone");
        let (mut heard, number) = (Heard::default(), institution());
        let import = &house.import;
        let refused = import
            .tree(&house.permit, &gone, &number, Manner::Anew, &mut heard)
            .await;
        assert!(matches!(refused, Err(ImportError::File { .. })));
    })
    .await;
}

#[tokio::test]
async fn a_scan_that_is_stopped_anywhere_is_finished_by_the_next() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let storage = Storage::new();
        for second in 0..40 {
            storage.write(&Filed::of("OMP-01", second), "RDE^O11", &[]);
            let file = Filed::about("00079014", "ADT-12", second);
            storage.write(&file, "ADT^A04", &["PV1|0001|O|01^^^^^C"]);
        }
        storage.write(&Filed::about(PATIENT, "ADT-00", 0), "ADT^A08", &[]);
        let (stopped, root) = (house.clone(), storage.root().to_owned());
        let broken = tokio::spawn(async move {
            let mut heard = Heard {
                breaks_off_after: Some(2),
                ..Heard::default()
            };
            let (import, number) = (&stopped.import, institution());
            let result = import
                .tree(&stopped.permit, &root, &number, Manner::Anew, &mut heard)
                .await;
            result.is_ok()
        });
        assert!(broken.await.unwrap_err().is_panic());
        let (rest, _) = house.tree(storage.root(), Manner::Anew).await;
        assert_eq!((rest.left, rest.files), (32, 81 - 32));
        let held = house.held().await;

        let elsewhere = House::open(crate::database::testing::sqlite().database.clone()).await;
        elsewhere.tree(storage.root(), Manner::Anew).await;
        let whole = elsewhere.held().await;
        assert_eq!(
            held.keys().collect::<Vec<_>>(),
            whole.keys().collect::<Vec<_>>()
        );
    })
    .await;
}

#[tokio::test]
async fn nothing_is_deleted_while_files_are_renamed_under_the_walk() {
    /// Renames the current list and writes its successor behind the walk's back, once.
    struct Renaming<'s>(&'s Storage, Option<[Filed; 2]>);
    impl Watcher for Renaming<'_> {
        fn reached(&mut self, _: &Reached<'_>) {
            if let Some([current, next]) = self.1.take() {
                self.0.rename(&current, 1, 2);
                self.0.write(&next, "PPR^ZD1", &[&problem("P1", "1")]);
            }
        }
        fn refused(&mut self, refusal: &Refusal) {
            panic!("{refusal:?}");
        }
    }
    on_each_async(async |database| {
        let house = House::open(database).await;
        let storage = Storage::new();
        let [old, current, next] = [40, 41, 42].map(|second| Filed::of("PPR-01", second));
        storage.write(&old, "PPR^ZD1", &[&problem("P1", "1")]);
        house.tree(storage.root(), Manner::Anew).await;
        for second in 0..40 {
            let former = Filed::of("PPR-01", second);
            storage.write(&former, "PPR^ZD1", &[]);
            storage.rename(&former, 1, 2);
        }
        storage.rename(&old, 1, 2);
        storage.write(&current, "PPR^ZD1", &[&problem("P1", "1")]);

        let mut renaming = Renaming(&storage, Some([current, next]));
        let (import, number) = (&house.import, institution());
        let report = import
            .tree(
                &house.permit,
                storage.root(),
                &number,
                Manner::Anew,
                &mut renaming,
            )
            .await;

        assert_eq!(report.unwrap().deleted, 0);
        assert_eq!(codes(&house.held().await), 1);
        let (report, _) = house.tree(storage.root(), Manner::Anew).await;
        assert_eq!((report.files, report.unchanged), (1, 1));
        assert!(house.held().await.values().all(|version| *version == 1));
    })
    .await;
}
