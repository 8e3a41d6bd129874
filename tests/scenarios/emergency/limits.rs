//! How often, and how long without the registry.

use scenarios::Store;
use scenarios::emergency::{Authenticator, described, question};
use serde_json::json;

use super::{HANA, HOUR, ids, town};

#[tokio::test(flavor = "multi_thread")]
async fn the_twenty_first_question_of_a_member_is_refused_misses_counted_also_after_a_restart() {
    for store in Store::each() {
        let (mut town, _hana) = town(store).await;
        let envoy = town.at("shirakaba").envoy();
        let now = town.now();
        for _ in 0..20 {
            let reply = envoy
                .asks_urgently(town.at("yukimi"), "ダレカ サン", now)
                .await;
            assert_eq!(reply.status, 200, "{}", reply.code());
        }
        let limited = (429, "btg_rate_limited".to_owned());
        let reply = envoy.asks_urgently(town.at("yukimi"), HANA, now).await;
        assert_eq!((reply.status, reply.code()), limited);
        town.restart("yukimi").await;
        let reply = envoy.asks_urgently(town.at("yukimi"), HANA, now).await;
        assert_eq!((reply.status, reply.code()), limited);
        town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sixth_question_of_a_practitioner_is_refused_before_anybody_is_asked() {
    let (town, _hana) = town(Store::Sqlite).await;
    let shirakaba = town.at("shirakaba");
    let phone = Authenticator::enrolled(shirakaba, "dr-1").await;
    let mut body = question(&described(HANA));
    body["hospitals"] = json!([town.at("yukimi").id().as_str()]);
    body["code"] = json!(phone.code(town.now()));
    let (status, found) = shirakaba.ask_urgently("dr-1", &body).await;
    assert_eq!(status, 200, "{found}");
    // The same code again is none.
    let (status, refused) = shirakaba.ask_urgently("dr-1", &body).await;
    assert_eq!(
        (status, &refused["code"]),
        (403, &json!("second_factor_wrong"))
    );
    body.as_object_mut().unwrap().remove("code");
    for _ in 0..3 {
        let (status, _) = shirakaba.ask_urgently("dr-1", &body).await;
        assert_eq!(status, 200);
    }
    // As a stream it counts like any other.
    let stream = shirakaba.watch_urgently("dr-1", &body).await;
    for said in [
        "event: asked",
        "event: part",
        "event: manifest",
        "\"id\":\"allergy\"",
    ] {
        assert!(stream.contains(said), "{said}: {stream}");
    }
    let (status, refused) = shirakaba.ask_urgently("dr-1", &body).await;
    assert_eq!(
        (status, &refused["code"]),
        (429, &json!("btg_rate_limited"))
    );
    assert_eq!(town.at("yukimi").reviews("officer").await.len(), 5);

    // Another physician has a day of their own, and needs a factor of their own.
    let (status, refused) = shirakaba.ask_urgently("dr-2", &body).await;
    assert_eq!(
        (status, &refused["code"]),
        (403, &json!("btg_not_permitted"))
    );
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_registry_emergencies_go_on_for_72_hours_and_no_longer() {
    let (mut town, _hana) = town(Store::Sqlite).await;
    town.lose_registry().await;
    let shirakaba = town.at("shirakaba");
    let phone = Authenticator::enrolled(shirakaba, "dr-1").await;
    let mut body = question(&described(HANA));
    body["hospitals"] = json!([town.at("yukimi").id().as_str()]);
    for hours in [0, 48] {
        town.clock.advance(hours * HOUR);
        body["code"] = json!(phone.code(town.now()));
        let (status, found) = shirakaba.ask_urgently("dr-1", &body).await;
        assert_eq!(status, 200, "{found}");
        assert_eq!(ids(&found), super::FLOOR, "{hours}");
    }
    let lines = town.at("yukimi").audit().await;
    let last = lines
        .iter()
        .rfind(|line| line.kind == "disclosure")
        .unwrap();
    assert_eq!(last.detail["stale"], true);
    town.clock.advance(25 * HOUR);
    body["code"] = json!(phone.code(town.now()));
    let (status, refused) = shirakaba.ask_urgently("dr-1", &body).await;
    assert_eq!(
        (status, &refused["code"]),
        (503, &json!("directory_expired"))
    );
    let (envoy, now) = (shirakaba.envoy(), town.now());
    let reply = envoy.asks_urgently(town.at("yukimi"), HANA, now).await;
    assert_eq!(reply.code(), "directory_expired");
    town.stop().await;
}
