//! Break-glass, from the question to the notice, the review and the block; and ways round it.

use std::time::Duration;

use federation_protocol::consent::{Provision, ProvisionType};
use musubi_node::identity::Role;
use scenarios::emergency::{Authenticator, described, question};
use scenarios::{Hospital, Patient, Store, Town, charts};
use serde_json::{Value, json};

mod attacks;
mod limits;
mod sameness;

const HOUR: i64 = 3_600;
const HANA: &str = "サトウ ハナ";

/// A Patient with a kana name beside the other.
fn patient(id: &str, kana: &str) -> Value {
    let mut patient = charts::patient(id, "佐藤", "花");
    let (family, given) = kana.split_once(' ').unwrap();
    patient["name"].as_array_mut().unwrap().push(json!({
        "use": "official", "family": family, "given": [given],
    }));
    patient
}

/// What the floor opens of Hana, and what it does not.
fn chart() -> Vec<Value> {
    let allergy = json!({
        "resourceType": "AllergyIntolerance", "id": "allergy",
        "patient": { "reference": "Patient/hana" },
        "code": { "text": "ペニシリン" }, "recordedDate": "2018-02-01",
    });
    vec![
        patient("hana", HANA),
        allergy,
        charts::condition("diabetes", "hana", "E11"),
        charts::prescription("drug", "hana", "2026-05-01", "メトホルミン"),
        charts::hba1c("lab", "hana", "2026-05-01", "7.20"),
        charts::blood_pressure("vital", "hana", "2026-05-01"),
        charts::condition("depression", "hana", "F32"),
        charts::psychiatric(charts::hba1c("lab-psy", "hana", "2026-05-01", "7.10")),
    ]
}

fn who_asks(hospital: &Hospital) {
    if hospital.name() == "shirakaba" {
        hospital.set("emergency", "ask = \"on\"");
    }
}

/// Hana is at home in Minato and linked with Yukimi, who has her chart; Shirakaba may ask in an
/// emergency, Minato may not.
async fn town(store: Store) -> (Town, Patient) {
    peopled(Town::prepared(&["minato", "yukimi", "shirakaba"], store, who_asks).await).await
}

async fn peopled(town: Town) -> (Town, Patient) {
    town.at("minato").load(&[patient("hana", HANA)]).await;
    town.at("yukimi").load(&chart()).await;
    let hana = town.person("hana", "minato", &["yukimi"]).await;
    (town, hana)
}

/// By a clock that goes on between two looks at it.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_comes_with_the_question_counts_for_it() {
    let names = ["minato", "yukimi", "shirakaba"];
    let town = Town::prepared_in_real_time(&names, Store::Sqlite, who_asks).await;
    let (town, _) = peopled(town).await;
    let shirakaba = town.at("shirakaba");
    let app = Authenticator::enrolled(shirakaba, "dr-1").await;
    let mut urgent = question(&described(HANA));
    urgent["code"] = json!(app.code(town.now()));
    let (status, answer) = shirakaba.ask_urgently("dr-1", &urgent).await;
    assert_eq!(status, 200, "{answer}");
    town.stop().await;
}

fn ids(bundle: &Value) -> Vec<String> {
    let mut ids: Vec<String> = scenarios::envoy::resources(bundle)
        .iter()
        .map(|one| one["id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    ids
}

const FLOOR: [&str; 4] = ["allergy", "diabetes", "drug", "lab"];

async fn notices_come(town: &Town, hana: &Patient, count: usize) -> Vec<Value> {
    for _ in 0..240 {
        let notices = town.notices(hana).await;
        if notices.len() >= count {
            return notices;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    panic!("no notice within 60 s");
}

/// Every node knows what the registry says now: it looks ten times a second whether it is late.
async fn fresh(town: &Town) {
    for _ in 0..200 {
        town.settle().await;
        let mut nodes = town.hospitals.values().map(scenarios::Hospital::node);
        if nodes.all(|node| node.federation().ready().is_ok()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the registry says nothing new");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_opens_the_floor_is_written_down_told_reviewed_and_blocks_until_it_is() {
    for store in Store::each() {
        let (town, hana) = town(store).await;
        let (shirakaba, yukimi) = (town.at("shirakaba"), town.at("yukimi"));
        let phone = Authenticator::enrolled(shirakaba, "dr-1").await;
        let mut body = question(&described(HANA));

        // Without the second factor nothing is asked.
        let (status, refused) = shirakaba.ask_urgently("dr-1", &body).await;
        assert_eq!(
            (status, &refused["code"]),
            (403, &json!("btg_not_permitted"))
        );

        body["code"] = json!(phone.code(town.now()));
        let (status, found) = shirakaba.ask_urgently("dr-1", &body).await;
        assert_eq!(status, 200, "{found}");
        assert_eq!(ids(&found), FLOOR);
        let said = &found["entry"][0]["resource"]["issue"][0]["details"]["text"];
        assert_eq!(said, "2 of 2 hospitals answered");

        // Written down at both ends, as break-glass.
        for (hospital, kind) in [(shirakaba, "query"), (yukimi, "disclosure")] {
            let lines = hospital.audit().await;
            let line = lines
                .iter()
                .find(|line| {
                    line.kind == kind
                        && line.shown == Some(4)
                        && line.purpose.as_deref() == Some("BTG")
                })
                .unwrap();
            assert_eq!(line.actor_id.as_deref(), Some("dr-1"));
            assert!(!line.detail.to_string().contains("搬送"), "ids only");
        }

        // Told to the person, by the home and by Yukimi.
        let notices = notices_come(&town, &hana, 2).await;
        let from = |name: &str| {
            let id = town.at(name).id().as_str();
            notices.iter().find(|one| one["hospital"] == id).unwrap()
        };
        assert_eq!(from("yukimi")["shown"], 4);
        assert_eq!(from("minato")["shown"], 0);
        assert_eq!(from("yukimi")["asked_by"], shirakaba.id().as_str());
        assert_eq!(from("yukimi")["reason"]["code"], "unconscious");

        // A review at each end; nobody but an officer sees it.
        assert_eq!(yukimi.reviews("officer").await.len(), 1);
        let reviews = shirakaba.reviews("officer").await;
        assert_eq!((reviews.len(), &reviews[0]["shown"]), (1, &json!(4)));
        let physician = shirakaba.token(Role::Physician, "dr-1").await;
        let (status, _) = shirakaba.get("/api/v1/emergency/reviews", &physician).await;
        assert_eq!(status, 403);

        // 72 hours later it blocks, until somebody else has looked.
        town.clock.advance(72 * HOUR + 1);
        fresh(&town).await;
        body["code"] = json!(phone.code(town.now()));
        let (status, refused) = shirakaba.ask_urgently("dr-1", &body).await;
        assert_eq!((status, &refused["code"]), (403, &json!("btg_review_open")));
        let id = reviews[0]["id"].as_str().unwrap();
        let (status, _) = shirakaba.close_review("dr-1", id).await;
        assert_eq!(status, 403, "not by the practitioner");
        let (status, closed) = shirakaba.close_review("officer", id).await;
        assert_eq!(status, 204, "{closed}");
        body.as_object_mut().unwrap().remove("code");
        let (status, found) = shirakaba.ask_urgently("dr-1", &body).await;
        assert_eq!(status, 200, "{found}");
        assert_eq!(ids(&found), FLOOR);
        town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_takes_from_an_emergency_and_the_persons_word_for_emergencies_adds() {
    for store in Store::each() {
        let (town, _hana) = town(store).await;
        let (yukimi, now) = (town.at("yukimi"), town.now());
        let envoy = town.at("shirakaba").envoy();
        let opened = async || {
            let reply = envoy.asks_urgently(yukimi, HANA, now).await;
            assert_eq!(reply.status, 200, "{}", reply.code());
            let mut all = Vec::new();
            for entry in reply.json()["entry"].as_array().unwrap() {
                all.extend(ids(&entry["resource"]));
            }
            all.sort();
            all
        };
        assert_eq!(opened().await, FLOOR);
        let mut more = Provision::any(ProvisionType::Permit);
        more.purposes = vec![federation_protocol::purpose::Purpose::Btg];
        more.criteria.labels = ["N", "R"].iter().try_fold(
            federation_protocol::consent::LabelTerms::default(),
            |terms, word| terms.with_word(word),
        );
        yukimi.reserve("hana", more).await;
        let all = opened().await;
        assert!(all.contains(&"depression".to_owned()) && all.contains(&"lab-psy".to_owned()));
        assert!(!all.contains(&"vital".to_owned()), "vital was not said");
        yukimi
            .reserve("hana", Provision::any(ProvisionType::Deny))
            .await;
        assert_eq!(opened().await, Vec::<String>::new());
        town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_insured_identifier_with_its_branch_finds_one_of_a_family_and_tells_who_has_no_home() {
    let (town, _hana) = town(Store::Sqlite).await;
    let (yukimi, now) = (town.at("yukimi"), town.now());
    let member = "http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID";
    let mut mai = patient("mai", "サトウ マイ");
    mai["identifier"].as_array_mut().unwrap().push(json!({
        "system": member, "value": "00012345:あい:187:02",
    }));
    let mut yui = patient("yui", "サトウ ユイ");
    yui["identifier"].as_array_mut().unwrap().push(json!({
        "system": member, "value": "00012345:あい:187:03",
    }));
    let lab = charts::hba1c("mai-lab", "mai", "2026-05-01", "6.10");
    yukimi.load(&[mai, yui, lab]).await;
    let envoy = town.at("shirakaba").envoy();
    let ask = async |insured: &str| {
        let body = question(&json!({ "insured": insured }));
        let draft = envoy.emergency(yukimi, &body, now);
        envoy.send(yukimi, &envoy.sign(draft, now)).await
    };
    let reply = ask("00012345:あい:187:02").await;
    assert!(String::from_utf8(reply.body).unwrap().contains("mai-lab"));
    let family = ask("00012345:あい:187:").await;
    assert_eq!(family.code(), "query_not_allowed");
    let nobody = ask("00012345:あい:187:04").await;
    assert!(!String::from_utf8(nobody.body).unwrap().contains("mai-lab"));

    // Mai has no home: what happened is kept where it happened, for the next visit.
    let chart = yukimi.chart("mai").await;
    let told = yukimi.rooms().emergency.told_of_chart(chart).await.unwrap();
    assert_eq!((told.len(), told[0].shown), (1, 1));
    let config = yukimi.config_file();
    let config = config.to_str().unwrap().to_owned();
    let said = std::thread::spawn(move || {
        [
            vec!["person", "notices", "--patient", "mai"],
            vec!["emergency", "reviews", "list", "-o", "json"],
            vec![
                "access",
                "create",
                "--role",
                "physician",
                "--id",
                "dr-9",
                "--second-factor",
            ],
        ]
        .map(|mut words| {
            words.extend(["--config", &config]);
            let all = std::iter::once("musubi-node").chain(words);
            let code = musubi_node::commands::main(all.map(std::ffi::OsString::from));
            format!("{code:?}")
        })
    });
    let success = format!("{:?}", std::process::ExitCode::SUCCESS);
    assert!(said.join().unwrap().iter().all(|one| *one == success));
    town.stop().await;
}

/// Runs a command beside the running nodes; its exit code.
async fn command(words: Vec<String>) -> String {
    let all = std::iter::once("musubi-node".to_owned()).chain(words);
    let all: Vec<std::ffi::OsString> = all.map(Into::into).collect();
    let ran = std::thread::spawn(move || format!("{:?}", musubi_node::commands::main(all)));
    tokio::task::spawn_blocking(move || ran.join().unwrap())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_asks_with_the_code_and_is_refused_without() {
    let (town, _hana) = town(Store::Sqlite).await;
    let shirakaba = town.at("shirakaba");
    let phone = Authenticator::enrolled(shirakaba, "dr-1").await;
    let file = town.folder().join("dr-1.token");
    std::fs::write(&file, shirakaba.token(Role::Physician, "dr-1").await).unwrap();
    let config = shirakaba.config_file();
    let ask = |more: &[&str]| {
        let words = [
            "emergency",
            "ask",
            "--config",
            config.to_str().unwrap(),
            "--token-file",
            file.to_str().unwrap(),
            "--kana",
            HANA,
            "--birth-date",
            "1958-03-14",
            "--sex",
            "female",
            "--reason",
            "unconscious",
            "--text",
            scenarios::emergency::REASON,
        ];
        let all = words.iter().chain(more).map(|word| (*word).to_owned());
        command(all.collect())
    };
    let code = |number: u8| format!("{:?}", std::process::ExitCode::from(number));
    assert_eq!(ask(&[]).await, code(6), "no second factor");
    let shown = phone.code(town.now());
    assert_eq!(ask(&["--code", &shown, "-o", "json"]).await, code(0));
    assert_eq!(ask(&[]).await, code(0), "good for 15 minutes");
    let yukimi = town.at("yukimi");
    assert_eq!(yukimi.reviews("officer").await.len(), 2);
    // Nobody is asked where one that is named is no member.
    let nobody = ["--hospitals", "0110000099"];
    assert_eq!(ask(&nobody).await, code(1));
    let reviews = shirakaba.reviews("officer").await;
    let id = reviews[0]["id"].as_str().unwrap();
    let close = |by: &str| {
        let words = ["emergency", "reviews", "close", id, "--by", by, "--note"];
        let more = ["救急記録と照合", "--config", config.to_str().unwrap()];
        let all = words.iter().chain(&more).map(|word| (*word).to_owned());
        command(all.collect())
    };
    assert_eq!(close("dr-1").await, code(1), "not one's own");
    assert_eq!(close("officer").await, code(0));
    assert_eq!(shirakaba.reviews("officer").await.len(), 1);
    town.stop().await;
}
