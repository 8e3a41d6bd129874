use super::*;
use crate::database::testing::on_each_async;

fn bundle(method: &str, ids: &[&str]) -> String {
    let entry = |id: &&str| {
        let url = match method {
            "POST" => "Observation".to_owned(),
            _ => format!("Observation/{id}"),
        };
        json!({"resource": lab(id, 7), "request": {"method": method, "url": url}})
    };
    let entries: Vec<Value> = ids.iter().map(entry).collect();
    json!({"resourceType": "Bundle", "type": "transaction", "entry": entries}).to_string()
}

#[tokio::test]
async fn a_bundle_is_taken_once_and_a_bad_one_stops_nobody() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text);
        write("a.json", &bundle("POST", &["x", "y"])).unwrap();
        write("b.json", &bundle("TRACE", &["z"])).unwrap();
        write(
            "c.json",
            "{\"resourceType\":\"Bundle\",\"type\":\"transaction\"",
        )
        .unwrap();
        write("d.json", &lab("d", 1).to_string()).unwrap();
        write("e.ndjson", "not looked at").unwrap();

        let (report, heard) = house.bundles(folder.path(), Manner::Anew).await;

        assert_eq!((report.files, report.created, report.refused), (4, 3, 2));
        assert!(heard.refused[0].source.ends_with("/b.json"));
        assert!(heard.refused[1].source.ends_with("/c.json"));
        assert_eq!(heard.refused[0].place, "file");
        assert_eq!(house.quarantine().await.len(), 2);
        // A POST names no id: only the memory of the bundle keeps it from being done twice.
        let before = house.held().await;
        let (again, _) = house.bundles(folder.path(), Manner::Anew).await;
        assert_eq!((again.left, again.created, again.unchanged), (1, 0, 1));
        assert_eq!(house.held().await, before);

        write("b.json", &bundle("PUT", &["z"])).unwrap();
        write("c.json", &bundle("PUT", &["z"])).unwrap();
        let (mended, _) = house.bundles(folder.path(), Manner::Anew).await;
        assert_eq!((mended.created, mended.refused), (1, 0));
        let left = house.quarantine().await;
        assert!(left.is_empty(), "{left:?}");
    })
    .await;
}

#[tokio::test]
async fn a_rehearsed_bundle_is_not_remembered() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.json");
        std::fs::write(&file, bundle("PUT", &["x", "y"])).unwrap();
        let (report, _) = house.bundles(&file, Manner::Rehearsed).await;
        assert_eq!(report.created, 2);
        assert!(house.held().await.is_empty());
        let (report, _) = house.bundles(&file, Manner::Anew).await;
        assert_eq!((report.created, report.left), (2, 0));
    })
    .await;
}

#[tokio::test]
async fn a_report_of_bundles_tells_profiles_and_quarantine() {
    on_each_async(async |database| {
        let house = House::warning(database).await;
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text);
        write(
            "a.json",
            &bundle("PUT", &["x", "y"]).replace("final", "done"),
        )
        .unwrap();
        for name in ["b.json", "c.json"] {
            write(name, &bundle("TRACE", &["z"])).unwrap();
        }
        let (report, _) = house.bundles(folder.path(), Manner::Anew).await;
        assert_eq!(report.profiles, BTreeMap::from([("urn:lab".to_owned(), 2)]));
        assert_eq!(report.not_conforming(), 2);
        assert_eq!((report.refused, report.quarantined), (2, 2));
        let (again, _) = house.bundles(folder.path(), Manner::Anew).await;
        assert_eq!((again.left, again.not_conforming()), (1, 0));
    })
    .await;
}

#[tokio::test]
async fn what_another_server_found_or_collected_is_taken_and_a_history_is_not() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let folder = tempfile::tempdir().unwrap();
        let typed = |kind: &str, text: String| {
            let file = folder.path().join(format!("{kind}.json"));
            let kind = format!("\"type\":\"{kind}\"");
            std::fs::write(file, text.replace("\"type\":\"transaction\"", &kind)).unwrap();
        };
        let held = |ids: &[&str]| {
            let entries: Vec<Value> = ids
                .iter()
                .map(|id| {
                    let url = format!("https://yukimi.example/fhir/Observation/{id}");
                    json!({"fullUrl": url, "resource": lab(id, 7)})
                })
                .collect();
            json!({"resourceType": "Bundle", "type": "transaction", "entry": entries}).to_string()
        };
        typed("batch", bundle("PUT", &["a", "b"]));
        typed("collection", held(&["c"]));
        typed("searchset", held(&["d", "e"]));
        typed("history", held(&["f"]));
        typed("document", held(&["g"]));
        let (report, heard) = house.bundles(folder.path(), Manner::Anew).await;
        assert_eq!((report.created, report.refused), (5, 2));
        let told = heard.refused.iter().map(|one| one.reason.as_str());
        for reason in told {
            assert!(reason.contains("NDJSON"), "{reason}");
        }
        let held: Vec<String> = house.held().await.into_keys().collect();
        let there = ["a", "b", "c", "d", "e"].map(|id| format!("Observation/{id}"));
        assert_eq!(held, there);
        let (again, _) = house.bundles(folder.path(), Manner::Anew).await;
        assert_eq!((again.left, again.created), (3, 0));
    })
    .await;
}
