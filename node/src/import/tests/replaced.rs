//! Files that were replaced: renamed to 2, with a new one in their place or not.

use super::trees::{ADMISSION, Filed, Storage, problem};
use super::*;
use crate::database::testing::on_each_async;

const ALLERGY: &str = "IAM|1|DA^^HL70127|1^PENICILLIN^99XYZ|SV||A";

/// One patient's basic data, problems and allergies, as the first or the next message of each.
fn filed(second: u8) -> [Filed; 3] {
    ["ADT-00", "PPR-01", "ADT-61"].map(|kind| Filed::of(kind, second))
}

/// What a house holds once it took the first message of each.
async fn taken(
    house: &House,
    storage: &Storage,
    [basic, list, allergies]: [&Filed; 3],
) -> BTreeMap<String, i32> {
    storage.write(basic, "ADT^A08", &[]);
    storage.write(list, "PPR^ZD1", &[&problem("P1", "1")]);
    storage.write(allergies, "ADT^A60", &[ALLERGY]);
    house.tree(storage.root(), Manner::Anew).await;
    house.held().await
}

#[tokio::test]
async fn a_successor_that_cannot_be_read_takes_nothing_away() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let storage = Storage::new();
        let ([basic, list, allergies], next) = (filed(0), filed(1));
        let before = taken(&house, &storage, [&basic, &list, &allergies]).await;
        assert_eq!(before.len(), 3);

        for (old, new) in [&basic, &list, &allergies].into_iter().zip(&next) {
            storage.rename(old, 1, 2);
            storage.write_unreadable(new, "ADT^A08");
        }
        let (rehearsed, _) = house.tree(storage.root(), Manner::Rehearsed).await;
        for _ in 0..2 {
            let (report, _) = house.tree(storage.root(), Manner::Anew).await;
            assert_eq!((report.deleted, report.waiting), (0, 3));
            assert_eq!(report.quarantined, 3);
            assert_eq!(house.held().await, before);
        }
        assert_eq!((rehearsed.deleted, rehearsed.waiting), (0, 3));

        // One successor is mended, one of the old files deleted after all.
        storage.write(&next[1], "PPR^ZD1", &[&problem("P2", "2")]);
        storage.rename(&allergies, 2, 0);
        let (rehearsed, _) = house.tree(storage.root(), Manner::Rehearsed).await;
        let (report, _) = house.tree(storage.root(), Manner::Anew).await;
        assert_eq!((report.created, report.deleted, report.waiting), (1, 2, 1));
        assert_eq!((rehearsed.deleted, rehearsed.waiting), (2, 1));
        storage.write(&next[0], "ADT^A08", &["ZZZ|mended"]);
        let (report, _) = house.tree(storage.root(), Manner::Anew).await;
        assert_eq!((report.deleted, report.waiting), (0, 0));
        let left = house.counts().await;
        let expected = [("Condition", 1), ("Patient", 1)].map(|(kind, n)| (kind.to_owned(), n));
        assert_eq!(left, BTreeMap::from(expected));
    })
    .await;
}

#[tokio::test]
async fn nor_does_one_about_another_patient_or_in_another_folder_or_none_at_all() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let storage = Storage::new();
        let ([basic, list, allergies], next) = (filed(0), filed(1));
        let before = taken(&house, &storage, [&basic, &list, &allergies]).await;

        storage.write_about("00079014", &next[0], "ADT^A08", &[]);
        storage.write(&next[1], "PPR^ZD1", &[&problem("P2", "2")]);
        let astray = storage.place(&next[1], 1);
        let name = astray.file_name().unwrap();
        std::fs::rename(&astray, storage.place(&allergies, 1).with_file_name(name)).unwrap();
        for old in [&basic, &list, &allergies] {
            storage.rename(old, 1, 2);
        }
        let (report, heard) = house.tree(storage.root(), Manner::Anew).await;
        assert_eq!((report.deleted, report.waiting), (0, 3));
        assert!(
            heard
                .refused
                .iter()
                .any(|one| one.reason.contains("folders"))
        );
        assert_eq!(house.held().await, before);

        let aside = storage.place(&allergies, 1).with_file_name(name);
        std::fs::rename(aside, astray).unwrap();
        storage.rename(&allergies, 2, 1);
        let (report, _) = house.tree(storage.root(), Manner::Anew).await;
        assert_eq!((report.created, report.deleted, report.waiting), (1, 1, 1));
    })
    .await;
}

#[tokio::test]
async fn a_discharge_whose_successor_cannot_be_read_is_not_taken_for_none() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let storage = Storage::new();
        let [admission, corrected] = [8, 9].map(|second| Filed::of("ADT-22", second));
        let [discharge, next] = [0, 1].map(|second| Filed::of("ADT-52", second));
        let ended = format!("{ADMISSION}|20260401160000");
        storage.write(&admission, "ADT^A01", &[ADMISSION]);
        storage.write(&discharge, "ADT^A03", &[&ended]);
        house.tree(storage.root(), Manner::Anew).await;

        storage.rename(&discharge, 1, 2);
        storage.write_unreadable(&next, "ADT^A03");
        let (report, _) = house.tree(storage.root(), Manner::Anew).await;
        assert_eq!(report.waiting, 1);
        assert_eq!(house.only("Encounter").await.0["status"], "finished");

        // It was never discharged: the admission speaks again.
        storage.rename(&discharge, 2, 0);
        storage.rename(&next, 1, 0);
        house.tree(storage.root(), Manner::Anew).await;
        assert_eq!(house.only("Encounter").await.0["status"], "arrived");

        // An admission that is replaced by one at another time is another one.
        storage.rename(&admission, 1, 2);
        let later = ADMISSION.replace("20260401140000", "20260401143000");
        storage.write(&corrected, "ADT^A01", &[&later]);
        let (report, _) = house.tree(storage.root(), Manner::Anew).await;
        assert_eq!((report.created, report.deleted, report.waiting), (1, 1, 0));
        assert_eq!(house.counts().await["Encounter"], 1);
    })
    .await;
}
