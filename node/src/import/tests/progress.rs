//! How far an import says that it is.

use super::*;
use crate::database::testing::on_each_async;

fn lines(name: &str, count: i32) -> String {
    let each = (0..count).map(|n| format!("{}\n", lab(&format!("{name}{n}"), n)));
    each.collect()
}

#[tokio::test]
async fn a_folder_of_files_is_one_way_and_what_was_done_before_is_given() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let folder = tempfile::tempdir().unwrap();
        let sizes = [("a", 20), ("b", 30)].map(|(name, count)| {
            let text = lines(name, count);
            std::fs::write(folder.path().join(format!("{name}.ndjson")), &text).unwrap();
            u64::try_from(text.len()).unwrap()
        });
        let all: u64 = sizes.iter().sum();
        let (stopped, at) = (house.clone(), folder.path().to_owned());
        let broken = tokio::spawn(async move {
            let mut heard = Heard {
                breaks_off_after: Some(5),
                ..Heard::default()
            };
            let import = &stopped.import;
            let done = import.lines(&stopped.permit, &at, Manner::Anew, &mut heard);
            done.await.is_ok()
        });
        assert!(broken.await.unwrap_err().is_panic());

        let (_, heard) = house.lines(folder.path(), Manner::Resumed).await;
        let (mut before, first) = (0, heard.reached[0]);
        for (done, given, of) in heard.reached {
            assert!(given > sizes[0] && given < all, "{given}");
            assert_eq!(given, first.1);
            assert!(done > before.max(given), "{done}");
            assert_eq!(of, Some(all));
            before = done;
        }
        assert_eq!(before, all);
        let (_, heard) = house.lines(folder.path(), Manner::Anew).await;
        assert!(
            heard
                .reached
                .iter()
                .all(|(_, given, of)| (*given, *of) == (0, Some(all)))
        );
        assert_eq!(heard.reached.last().unwrap().0, all);
    })
    .await;
}

#[tokio::test]
async fn what_does_not_conform_is_counted_by_profile_and_fault() {
    on_each_async(async |database| {
        let house = House::warning(database).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.ndjson");
        let mut odd = [lab("x", 1), lab("y", 2), lab("z", 3)];
        for one in &mut odd[..2] {
            one["status"] = json!("done");
        }
        std::fs::write(&file, odd.map(|one| one.to_string()).join("\n")).unwrap();
        let (rehearsed, _) = house.lines(&file, Manner::Rehearsed).await;
        let (report, _) = house.lines(&file, Manner::Anew).await;
        assert_eq!((report.created, report.not_conforming()), (3, 2));
        assert_eq!(report.not_conforming, rehearsed.not_conforming);
        let faults: Vec<&String> = report.not_conforming.keys().collect();
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].starts_with("urn:lab: Observation.status: "));
        let line = house.audit().await.pop().unwrap();
        assert_eq!(line.detail["not_conforming"], json!(2));
    })
    .await;
}

#[tokio::test]
async fn a_file_of_the_wrong_format_fills_no_quarantine() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.ndjson");
        std::fs::write(&file, "not JSON\n".repeat(50)).unwrap();
        for _ in 0..2 {
            let (report, heard) = house.lines(&file, Manner::Anew).await;
            assert_eq!((report.refused, report.quarantined), (50, 50));
            assert_eq!(heard.refused.len(), 50);
            assert_eq!(house.quarantine().await.len(), 30);
        }
        let source = file.canonicalize().unwrap().display().to_string();
        assert_eq!(
            house.import.unlisted().await.unwrap(),
            [(source.clone(), 20)]
        );
        let cleared = house.import.clear_quarantine(Some("another")).await;
        assert_eq!(cleared.unwrap(), 0);
        let cleared = house.import.clear_quarantine(Some(&source)).await;
        assert_eq!(cleared.unwrap(), 50);
        house.lines(&file, Manner::Anew).await;
        assert_eq!(house.import.clear_quarantine(None).await.unwrap(), 50);
        assert!(house.quarantine().await.is_empty());
        assert_eq!(house.import.unlisted().await.unwrap(), []);
    })
    .await;
}
