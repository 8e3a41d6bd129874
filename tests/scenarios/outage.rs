//! The registry is away, lies, or forgets: how far the nodes go on without it.

use federation_protocol::member::MemberState;
use musubi_node::audit::Kind;
use scenarios::{Patient, Store, Town, charts};
use serde_json::Value;

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;

async fn asked_town(store: Store) -> (Town, Patient) {
    let town = Town::start(&["minato", "yukimi"], store).await;
    let chart = [
        charts::patient("hana", "佐藤", "花"),
        charts::hba1c("lab-1", "hana", "2026-05-01", "7.20"),
    ];
    town.at("minato").load(&chart).await;
    let hana = town.person("hana", "minato", &["minato"]).await;
    (town, hana)
}

/// The refusal code of an echo from one hospital to another; empty when it is answered.
async fn echo(town: &Town, from: &str, to: &str) -> String {
    let (envoy, now) = (town.at(from).envoy(), town.now());
    let parcel = envoy.sign(envoy.echo(town.at(to), now), now);
    envoy.send(town.at(to), &parcel).await.code()
}

/// The same for another purpose than treatment.
async fn echo_for(town: &Town, purpose: &str) -> String {
    let (envoy, now) = (town.at("yukimi").envoy(), town.now());
    let mut draft = envoy.echo(town.at("minato"), now);
    draft.purpose = purpose.parse().unwrap();
    let parcel = envoy.sign(draft, now);
    envoy.send(town.at("minato"), &parcel).await.code()
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_registry_is_down_care_goes_on_as_far_as_the_protocol_says() {
    for store in Store::each() {
        let (mut town, hana) = asked_town(store).await;
        town.lose_registry().await;

        // Ten minutes: everything.
        town.clock.advance(10 * MINUTE);
        for purpose in ["TREAT", "HRESCH", "PATRQT"] {
            assert_eq!(echo_for(&town, purpose).await, "", "{purpose}");
        }
        // Half an hour: treatment between members already known, and the audit says so.
        town.clock.advance(20 * MINUTE);
        for (purpose, refusal) in [
            ("TREAT", ""),
            ("ETREAT", ""),
            ("PATRQT", "directory_expired"),
            ("HRESCH", "directory_expired"),
            ("PUBHLTH", "directory_expired"),
        ] {
            assert_eq!(echo_for(&town, purpose).await, refusal, "{purpose}");
        }
        let grant = town.grant(&hana, "yukimi", "lab").await;
        let (status, answer) = town.at("yukimi").ask(&grant, "dr-1", "Observation").await;
        assert_eq!(
            (status, scenarios::envoy::resources(&answer).len()),
            (200, 1)
        );
        for (hospital, kind) in [("minato", Kind::Disclosure), ("yukimi", Kind::Query)] {
            let lines = town.at(hospital).audit().await;
            let last = lines
                .iter()
                .rfind(|line| line.kind == kind.as_str())
                .unwrap();
            assert_eq!(last.detail["stale"], Value::Bool(true), "{hospital}");
        }
        // 25 hours: not even treatment.
        town.clock.advance(25 * HOUR - 30 * MINUTE);
        assert_eq!(echo_for(&town, "TREAT").await, "directory_expired");
        // 73 hours: nothing.
        town.clock.advance(48 * HOUR);
        assert_eq!(echo_for(&town, "TREAT").await, "directory_expired");
        town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_cannot_reach_the_registry_hears_of_a_suspension_from_a_neighbour() {
    for store in Store::each() {
        let mut town = Town::start(&["minato", "yukimi", "kiri"], store).await;
        // Yukimi's way to the registry breaks; Minato still hears it.
        let nowhere = format!(
            "url = \"https://127.0.0.1:{}\"",
            scenarios::town::free_port()
        );
        town.at("yukimi").set("registry", &nowhere);
        town.restart("yukimi").await;
        town.suspend("kiri");
        for _ in 0..100 {
            let minato = town.at("minato").node().federation().directory();
            minato.poll().await.unwrap();
            let membership = minato.membership().unwrap();
            if membership.state(town.at("kiri").id(), town.now()) == Some(MemberState::Suspended) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        // Chance decides which neighbour is asked first; what it has is taken only if it is newer.
        let yukimi = town.at("yukimi").node().federation().directory();
        for _ in 0..50 {
            yukimi.poll().await.unwrap();
            let membership = yukimi.membership().unwrap();
            if membership.state(town.at("kiri").id(), town.now()) == Some(MemberState::Suspended) {
                break;
            }
        }
        assert_eq!(echo(&town, "kiri", "yukimi").await, "member_suspended");
        town.stop().await;
    }
}

/// Which alarms a hospital's audit holds.
async fn alarms(town: &Town, name: &str) -> Vec<String> {
    let lines = town.at(name).audit().await;
    let directory = lines
        .into_iter()
        .filter(|line| line.kind == Kind::Directory.as_str());
    directory.map(|line| line.outcome).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_with_two_faces_is_found_out_by_neighbours_that_compare() {
    for store in Store::each() {
        let mut town = Town::start(&["minato", "yukimi", "kiri"], store).await;
        // A copy of the registry, with its keys, goes its own way: Yukimi is shown that one.
        let other = town.two_faced_registry().await;
        let elsewhere = format!("url = \"{}\"", other.url());
        town.at("yukimi").set("registry", &elsewhere);
        town.restart("yukimi").await;
        town.suspend("kiri");
        let maintenance = ["member", "maintain", town.at("kiri").id().as_str()];
        town.other_registry_command(&maintenance);
        let (one, two) = (town.at("minato"), town.at("yukimi"));
        for hospital in [one, two] {
            let directory = hospital.node().federation().directory();
            let before = directory.position().seq;
            for _ in 0..100 {
                directory.poll().await.unwrap();
                if directory.position().seq > before {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            assert!(directory.position().seq > before);
        }
        for _ in 0..20 {
            let _split = two.node().federation().directory().compare().await;
            if !alarms(&town, "yukimi").await.is_empty() {
                break;
            }
        }
        assert_eq!(alarms(&town, "yukimi").await, ["split_view"]);
        other.stop().await;
        town.stop().await;
    }
}
