use std::path::{Path, PathBuf};

use super::*;
use crate::database::testing::on_each_async;

async fn load(house: &House, paths: &[&Path], format: LoadFormat) -> LoadReport {
    let paths: Vec<PathBuf> = paths.iter().map(|path| path.to_path_buf()).collect();
    house
        .records
        .load(&house.permit, &paths, format, &mut |_| {})
        .await
        .unwrap()
}

#[tokio::test]
async fn a_second_run_changes_nothing_and_bad_lines_stop_nobody() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let folder = tempfile::tempdir().unwrap();
        let mut lines = String::new();
        for n in 0..1_000 {
            lines.push_str(&lab(&format!("o{n}"), "p", "c", "2026-01-01").to_string());
            lines.push_str("\r\n");
        }
        lines.push_str("\n{\"resourceType\":\"Unicorn\"}\n{\"resourceType\":\"Patient\",\n");
        // The same resource twice in one batch: the later one counts.
        lines.push_str(&lab("o7", "p", "again", "2026-01-01").to_string());
        std::fs::write(folder.path().join("b.ndjson"), lines).unwrap();
        std::fs::write(folder.path().join("a.json"), patient("p").to_string()).unwrap();
        std::fs::write(folder.path().join("c.txt"), "not looked at").unwrap();
        let first = load(&house, &[folder.path()], LoadFormat::Auto).await;
        assert_eq!((first.files, first.created, first.updated), (2, 1_001, 1));
        let refused: Vec<_> = first.refused.iter().map(|refused| refused.line).collect();
        assert_eq!(refused, [Some(1_002), Some(1_003)]);
        assert_eq!(
            house
                .find("Observation", &[("patient", "p"), ("code", "again")])
                .await,
            ["o7"]
        );
        let again = load(&house, &[folder.path()], LoadFormat::Auto).await;
        // The line that was said differently twice is said differently twice again.
        assert_eq!(
            (again.created, again.updated, again.unchanged),
            (0, 2, 1_000)
        );
    })
    .await;
}

#[tokio::test]
async fn bundles_are_taken_whole_or_not_at_all() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let folder = tempfile::tempdir().unwrap();
        let good = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
            {"resource": patient("p"), "request": {"method": "PUT", "url": "Patient/p"}},
            {"resource": lab("o", "p", "c", "2026"),
             "request": {"method": "PUT", "url": "Observation/o"}}
        ]});
        let mut bad = good.clone();
        bad["entry"][1]["request"]["method"] = json!("PATCH");
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("bad.json"), bad.to_string()).unwrap();
        std::fs::write(
            path("good.json"),
            serde_json::to_string_pretty(&good).unwrap(),
        )
        .unwrap();
        let report = load(&house, &[&path("bad.json")], LoadFormat::Auto).await;
        assert_eq!((report.created, report.refused.len()), (0, 1));
        let report = load(&house, &[&path("good.json")], LoadFormat::Bundle).await;
        assert_eq!((report.created, report.refused.len()), (2, 0));
        let report = load(&house, &[&path("good.json")], LoadFormat::Auto).await;
        assert_eq!((report.created, report.unchanged), (0, 2));
        let missing = house
            .records
            .load(
                &house.permit,
                &[path("none.json")],
                LoadFormat::Auto,
                &mut |_| {},
            )
            .await;
        assert!(matches!(missing, Err(LoadError::File { .. })));
    })
    .await;
}
