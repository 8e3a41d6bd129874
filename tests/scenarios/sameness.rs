//! Denial tells nothing: for a linked patient, what is not there, what a reservation holds back and
//! what a label filters are one and the same answer, to the byte.
//!
//! Only signature, date, trace and exchange id may differ (PROTOCOL section 4, "One answer for
//! nothing here").

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use federation_protocol::consent::{Provision, ProvisionType};
use federation_service::clock::Stopwatch;
use scenarios::{Envoy, Hospital, Reply, Store, Town, charts};

const TYPES: [&str; 8] = [
    "AllergyIntolerance",
    "Condition",
    "DiagnosticReport",
    "Immunization",
    "MedicationRequest",
    "Observation",
    "Procedure",
    "Specimen",
];
const CATEGORIES: &str = "lab rx allergy condition procedure imaging";
/// Patients of Yukimi about whom nothing may be told, each for another reason.
const HIDDEN: [&str; 3] = ["absent", "denied", "filtered"];

/// Four patients of Yukimi, all linked, all of whom let Shirakaba see what is Normal.
struct Scene {
    town: Town,
    tokens: BTreeMap<&'static str, String>,
}

impl Scene {
    async fn set(store: Store) -> Self {
        Self::set_in(Town::start(&["minato", "yukimi", "shirakaba"], store).await).await
    }

    async fn set_in(town: Town) -> Self {
        let mut tokens = BTreeMap::new();
        for id in ["absent", "denied", "filtered", "shown"] {
            let chart = charts::patient(id, "佐藤", "花");
            town.at("minato").load(std::slice::from_ref(&chart)).await;
            let rest = match id {
                "absent" => Vec::new(),
                "filtered" => charts::one_of_each(id)
                    .into_iter()
                    .map(charts::psychiatric)
                    .collect(),
                _ => charts::one_of_each(id),
            };
            town.at("yukimi").load(&[vec![chart], rest].concat()).await;
            let person = town.person(id, "minato", &["yukimi"]).await;
            let mut given = town.tokens(&person, "shirakaba", CATEGORIES).await;
            tokens.insert(id, given.remove("yukimi").unwrap());
        }
        let deny = Provision::any(ProvisionType::Deny);
        town.at("yukimi").reserve("denied", deny).await;
        Self { town, tokens }
    }

    fn shirakaba(&self) -> Envoy {
        self.town.at("shirakaba").envoy()
    }

    async fn ask(&self, envoy: &Envoy, patient: &str, question: &str) -> Reply {
        let yukimi = self.town.at("yukimi");
        let token = &self.tokens[patient];
        envoy.ask(yukimi, token, question, self.town.now()).await
    }

    async fn batch(&self, envoy: &Envoy, patient: &str, questions: &[&str]) -> Reply {
        let yukimi = self.town.at("yukimi");
        let now = self.town.now();
        let draft = envoy.batch(yukimi, &self.tokens[patient], questions, now);
        envoy.send(yukimi, &envoy.sign(draft, now)).await
    }
}

/// Every answer is the first one again.
fn are_one(replies: &[Reply], question: &str) {
    for (reply, patient) in replies.iter().zip(HIDDEN) {
        assert_eq!(reply.status, 200, "{question}, {patient}: {}", reply.code());
        assert_eq!(reply.told(), replies[0].told(), "{question}, {patient}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn absent_denied_and_filtered_are_one_answer_for_each_type_and_parameter() {
    for store in Store::each() {
        let scene = Scene::set(store).await;
        let envoy = scene.shirakaba();
        for kind in TYPES {
            let shown = scene.ask(&envoy, "shown", kind).await;
            assert_eq!(
                shown.resources().len(),
                1,
                "there is something to hide: {kind}"
            );
            let mut questions: Vec<String> = ["", "?_count=1", "?_count=1000"]
                .map(|parameters| format!("{kind}{parameters}"))
                .to_vec();
            questions.extend(["absent", "denied", "filtered"].map(|patient| {
                let ids: Vec<_> = (1..=8).map(|one| format!("{patient}-{one}")).collect();
                format!("{kind}?_id={}", ids.join(","))
            }));
            for question in &questions {
                let mut replies = Vec::new();
                for patient in HIDDEN {
                    replies.push(scene.ask(&envoy, patient, question).await);
                }
                are_one(&replies, question);
                assert!(replies[0].resources().is_empty());
                assert!(replies[0].json().get("total").is_none());
                assert!(replies[0].json().get("link").is_none());
            }
        }
        scene.town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn absent_denied_and_filtered_are_one_answer_to_every_filter() {
    let scene = Scene::set(Store::Sqlite).await;
    let envoy = scene.shirakaba();
    for question in [
        "Observation?date=ge2026-01-01&date=le2026-12-31",
        "Observation?date=2026-04-01&_count=1",
        "Observation?code=3D046000001906202",
        "Observation?category=laboratory",
        "Observation?status=final",
        "Condition?code=E11",
        "MedicationRequest?status=active",
        "DiagnosticReport?category=LAB&status=final",
        "Procedure?date=lt2027",
    ] {
        let shown = scene.ask(&envoy, "shown", question).await;
        assert_eq!(shown.resources().len(), 1, "{question} {}", shown.code());
        let mut replies = Vec::new();
        for patient in HIDDEN {
            replies.push(scene.ask(&envoy, patient, question).await);
        }
        are_one(&replies, question);
    }
    scene.town.stop().await;
}

/// `denial-bench` does it ten thousand times each, and looks at the times too.
#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_answers_in_any_order_are_one() {
    let scene = Scene::set(Store::Sqlite).await;
    let envoy = scene.shirakaba();
    let mut first = None;
    for round in 0..100 {
        // Each of the three at each place.
        for at in 0..HIDDEN.len() {
            let patient = HIDDEN[(round * 2 + at) % HIDDEN.len()];
            let told = scene.ask(&envoy, patient, "Observation").await.told();
            let first = first.get_or_insert_with(|| told.clone());
            assert_eq!(told, *first, "{patient}");
        }
    }
    scene.town.stop().await;
}

/// Whatever the reason, and whatever the question: no earlier than a step.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_shows_nothing_waits_for_its_step() {
    let step = Duration::from_millis(200);
    let prepare = |hospital: &Hospital| {
        hospital.set("federation", "empty_answer_step = \"200ms\"");
    };
    let town = Town::prepared(&["minato", "yukimi", "shirakaba"], Store::Sqlite, prepare).await;
    let scene = Scene::set_in(town).await;
    let envoy = scene.shirakaba();
    for patient in HIDDEN {
        let watch = Stopwatch::start();
        let reply = scene.ask(&envoy, patient, "Observation").await;
        assert_eq!(reply.status, 200);
        assert!(watch.elapsed() >= step, "{patient}");
        let watch = Stopwatch::start();
        scene.batch(&envoy, patient, &TYPES).await;
        assert!(watch.elapsed() >= step, "{patient}, a batch");
    }
    scene.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn absent_denied_and_filtered_are_one_answer_to_a_whole_chart_in_a_batch() {
    for store in Store::each() {
        let scene = Scene::set(store).await;
        let envoy = scene.shirakaba();
        for questions in [&TYPES[..], &["Observation?_count=1", "Observation"]] {
            let mut replies = Vec::new();
            for patient in HIDDEN {
                replies.push(scene.batch(&envoy, patient, questions).await);
            }
            are_one(&replies, "batch");
        }
        scene.town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn absent_denied_and_filtered_are_one_answer_to_a_cursor() {
    let scene = Scene::set(Store::Sqlite).await;
    let more = ["2026-04-02", "2026-04-03"].map(|day| {
        let id = format!("shown-{day}");
        charts::hba1c(&id, "shown", day, "7.00")
    });
    scene.town.at("yukimi").load(&more).await;
    let envoy = scene.shirakaba();
    let first = scene.ask(&envoy, "shown", "Observation?_count=1").await;
    let next = first.json()["link"][0]["url"].as_str().unwrap().to_owned();
    let cursor = next.split_once("_cursor=").unwrap().1;
    // Somebody else's place in somebody else's chart is a place in none of these.
    let question = format!("Observation?_count=1&_cursor={cursor}");
    assert_eq!(
        scene
            .ask(&envoy, "shown", &question)
            .await
            .resources()
            .len(),
        1
    );
    let mut replies = Vec::new();
    for patient in HIDDEN {
        replies.push(scene.ask(&envoy, patient, &question).await);
    }
    for reply in &replies {
        assert_eq!(reply.told(), replies[0].told());
        assert!(reply.resources().is_empty());
    }
    scene.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_tells_nothing_of_what_was_left_out_between_its_entries() {
    let scene = Scene::set(Store::Sqlite).await;
    let yukimi = scene.town.at("yukimi");
    // Shown has four results; Filtered the same four, and psychiatric ones between them.
    for patient in ["shown", "filtered"] {
        let results = (2..5).map(|day| (day, format!("2026-04-0{day}")));
        for (number, day) in results {
            let id = format!("{patient}-r{number}");
            yukimi
                .load(&[charts::hba1c(&id, patient, &day, "7.00")])
                .await;
            if patient == "filtered" {
                let hidden = charts::hba1c(&format!("{id}h"), patient, &day, "7.00");
                yukimi.load(&[charts::psychiatric(hidden)]).await;
            }
        }
    }
    let envoy = scene.shirakaba();
    for count in [1, 2, 3] {
        let mut shapes = Vec::new();
        for patient in ["shown", "filtered"] {
            let question = format!("Observation?date=ge2026-04-02&_count={count}");
            let mut shape = Vec::new();
            let mut at = question.clone();
            loop {
                let reply = scene.ask(&envoy, patient, &at).await;
                assert_eq!(reply.status, 200);
                let text = String::from_utf8(reply.body.clone()).unwrap();
                // Ids differ by the patient's name alone.
                let chart = format!("Patient/{patient}");
                let ids = format!("{patient}-r");
                let length = text.replace(&chart, "").replace(&ids, "").len();
                shape.push((reply.resources().len(), length));
                let Some(next) = reply.json()["link"][0]["url"].as_str().map(str::to_owned) else {
                    break;
                };
                let cursor = next.split_once("_cursor=").unwrap().1.to_owned();
                at = format!("{question}&_cursor={cursor}");
            }
            assert_eq!(shape.iter().map(|(entries, _)| entries).sum::<usize>(), 3);
            shapes.push(shape);
        }
        assert_eq!(shapes[0], shapes[1], "_count={count}");
    }
    scene.town.stop().await;
}

/// The server draws the order of header lines anew for each answer, from nothing that is in it. If
/// it ever stops to, the order has to be the same.
#[tokio::test(flavor = "multi_thread")]
async fn the_order_of_the_headers_tells_nothing() {
    let scene = Scene::set(Store::Sqlite).await;
    let envoy = scene.shirakaba();
    let mut orders: BTreeMap<&str, BTreeSet<Vec<String>>> = BTreeMap::new();
    for _ in 0..24 {
        for patient in HIDDEN {
            let reply = scene.ask(&envoy, patient, "Observation").await;
            let names = reply.headers.into_iter().map(|(name, _)| name).collect();
            orders.entry(patient).or_default().insert(names);
        }
    }
    let fixed = orders.values().any(|orders| orders.len() == 1);
    if fixed {
        assert_eq!(orders["denied"], orders["absent"]);
        assert_eq!(orders["filtered"], orders["absent"]);
    }
    let sorted = orders.values().flatten().map(|order| {
        let mut names = order.clone();
        names.sort();
        names
    });
    assert_eq!(sorted.collect::<BTreeSet<_>>().len(), 1, "one set of names");
    scene.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_responders_own_audit_tells_what_was_withheld() {
    let scene = Scene::set(Store::Sqlite).await;
    let envoy = scene.shirakaba();
    for patient in HIDDEN {
        scene.ask(&envoy, patient, "Observation").await;
    }
    let lines = scene.town.at("yukimi").audit().await;
    let disclosures = lines.iter().filter(|line| line.kind == "disclosure");
    let told: Vec<_> = disclosures
        .map(|line| (line.outcome.as_str(), line.shown, line.withheld))
        .collect();
    let nothing = |withheld| ("ok", Some(0), Some(withheld));
    assert_eq!(told, [nothing(0), nothing(1), nothing(1)]);
    scene.town.stop().await;
}
