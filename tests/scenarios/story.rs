//! One question, three hospitals: what the whole is for.

use scenarios::envoy::resources;
use scenarios::{Store, Town, charts};

#[tokio::test(flavor = "multi_thread")]
async fn a_physician_sees_what_two_other_hospitals_know() {
    for store in Store::each() {
        let town = Town::start(&["minato", "yukimi", "shirakaba"], store).await;
        for (name, day) in [
            ("minato", "2026-05-01"),
            ("yukimi", "2026-06-01"),
            ("shirakaba", "2026-07-01"),
        ] {
            let id = format!("{name}-1");
            town.at(name)
                .load(&[
                    charts::patient("hana", "佐藤", "花"),
                    charts::hba1c(&id, "hana", day, "7.20"),
                ])
                .await;
        }
        let hana = town.person("hana", "minato", &["minato", "yukimi"]).await;
        let grant = town.grant(&hana, "shirakaba", "lab").await;

        let (status, found) = town
            .at("shirakaba")
            .ask(&grant, "dr-1", "Observation")
            .await;

        assert_eq!(status, 200, "{found}");
        let ids: Vec<_> = resources(&found)
            .iter()
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(ids.len(), 2, "{found}");
        assert!(ids.contains(&"minato-1".to_owned()) && ids.contains(&"yukimi-1".to_owned()));
        town.stop().await;
    }
}
