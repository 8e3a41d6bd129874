//! What is written to a folder.

use serde_json::Value;
use town_generator::{Enough, Order};

use crate::{SEED, lines, town, word};

#[test]
fn files_hold_the_charts_and_the_list_names_them() {
    let folder = tempfile::tempdir().unwrap();
    let order = Order {
        seed: SEED,
        enough: Enough::Patients(40),
        hospitals: 3,
        only: None,
    };
    let mut heard = 0;
    let tally = order.to_folder(folder.path(), &mut |_| heard += 1).unwrap();
    assert_eq!((tally.patients, heard), (40, 40));

    let list = std::fs::read_to_string(folder.path().join("town.json")).unwrap();
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["counts"]["resources"], tally.resources);
    assert_eq!(list["residents"].as_array().unwrap().len(), 40);
    let mut bytes = 0;
    for (file, hospital) in list["files"].as_array().unwrap().iter().zip(1..) {
        let text = std::fs::read_to_string(folder.path().join(word(file, "/file"))).unwrap();
        assert_eq!(text.lines().collect::<Vec<_>>(), lines(&town(40), hospital));
        assert_eq!(file["resources"], text.lines().count());
        bytes += text.len();
    }
    assert_eq!(list["counts"]["bytes"], bytes);
}

#[test]
fn a_single_hospital_is_the_same_as_in_the_whole_town() {
    let folder = tempfile::tempdir().unwrap();
    let order = Order {
        seed: SEED,
        enough: Enough::Patients(30),
        hospitals: 3,
        only: Some(2),
    };
    order.to_folder(folder.path(), &mut |_| {}).unwrap();
    let text = std::fs::read_to_string(folder.path().join("hospital-00002.ndjson")).unwrap();
    assert_eq!(text.lines().collect::<Vec<_>>(), lines(&town(30), 2));
    assert!(!folder.path().join("hospital-00001.ndjson").exists());
}

#[test]
fn about_as_many_resources_as_were_ordered_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let order = Order {
        seed: SEED,
        enough: Enough::Resources(5_000),
        hospitals: 3,
        only: None,
    };
    let tally = order.to_folder(folder.path(), &mut |_| {}).unwrap();
    assert!(
        (5_000..5_600).contains(&tally.resources),
        "{}",
        tally.resources
    );
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let order = Order {
        seed: SEED,
        enough: Enough::Patients(1),
        hospitals: 1,
        only: None,
    };
    let below = file.path().join("town");
    let failure = order.to_folder(&below, &mut |_| {}).unwrap_err();
    assert_eq!(failure.file, below);
}
