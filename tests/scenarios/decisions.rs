//! What the person decided is what leaves, whichever way it is asked for.

use std::collections::BTreeSet;

use federation_protocol::category::Scope;
use federation_protocol::consent::{
    Actor, Criteria, LabelTerms, Practitioner, Provision, ProvisionType,
};
use federation_protocol::member::MemberState;
use musubi_node::identity::Role;
use scenarios::{Patient, Reply, Store, Town, charts};
use serde_json::{Value, json};

/// Stands in every resource that must not leave.
const SECRET: &str = "himitsu";
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

fn secret(mut resource: Value) -> Value {
    let id = format!("{SECRET}-{}", resource["id"].as_str().unwrap());
    resource["id"] = json!(id);
    resource["note"] = json!([{ "text": SECRET }]);
    resource
}

/// Hana is at home in Minato; Yukimi has `chart` of hers.
async fn town(store: Store, chart: &[Value]) -> (Town, Patient) {
    let town = Town::start(&["minato", "yukimi", "shirakaba"], store).await;
    let patient = charts::patient("hana", "佐藤", "花");
    town.at("minato").load(std::slice::from_ref(&patient)).await;
    town.at("yukimi").load(&[&[patient], chart].concat()).await;
    let hana = town.person("hana", "minato", &["yukimi"]).await;
    (town, hana)
}

async fn ask(town: &Town, token: &str, question: &str) -> Reply {
    let envoy = town.at("shirakaba").envoy();
    envoy
        .ask(town.at("yukimi"), token, question, town.now())
        .await
}

fn ids(reply: &Reply) -> BTreeSet<String> {
    assert_eq!(reply.status, 200, "{}", reply.code());
    let ids = reply.resources();
    ids.iter()
        .map(|one| one["id"].as_str().unwrap().to_owned())
        .collect()
}

fn only(classes: &str) -> Criteria {
    let words = classes.split_whitespace();
    Criteria {
        classes: Some(words.map(|word| word.parse().unwrap()).collect::<Scope>()),
        ..Criteria::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn psychiatric_records_leave_only_where_the_person_said_so() {
    for store in Store::each() {
        let chart = [
            charts::condition("diabetes", "hana", "E11"),
            charts::condition("depression", "hana", "F32"),
        ];
        let (town, hana) = town(store, &chart).await;
        let tokens = town.tokens(&hana, "shirakaba", "condition").await;
        let shown = ids(&ask(&town, &tokens["yukimi"], "Condition").await);
        assert_eq!(shown, ["diabetes".to_owned()].into());

        let mut decision = town.decision(&hana, "shirakaba", "condition").await;
        decision.labels = LabelTerms::default()
            .with_word("N")
            .and_then(|terms| terms.with_word("PSY"))
            .unwrap();
        let code = town.code_for(&hana, decision).await;
        let envoy = town.at("shirakaba").envoy();
        let home = town.at("minato");
        let reply = envoy.redeem(home, &code, "condition", town.now()).await;
        let shown = ids(&ask(&town, &reply.tokens[0].token, "Condition").await);
        assert_eq!(shown.len(), 2, "{shown:?}");
        // The first token says what it said.
        let shown = ids(&ask(&town, &tokens["yukimi"], "Condition").await);
        assert_eq!(shown, ["diabetes".to_owned()].into());
        town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_has_ended_shows_nothing_any_more() {
    let chart = [charts::hba1c("a", "hana", "2026-05-01", "7.20")];
    let (town, hana) = town(Store::Sqlite, &chart).await;
    let mut decision = town.decision(&hana, "shirakaba", "lab").await;
    decision.ends_at = town.now().plus_seconds(120);
    let code = town.code_for(&hana, decision).await;
    let (home, asker) = (town.at("minato"), town.at("shirakaba"));
    let (status, granted) = asker.redeem(home, &code, "dr-1", &["lab"]).await;
    assert_eq!(status, 201, "{granted}");
    let grant = granted["grant"].as_str().unwrap();
    let (_, found) = asker.ask(grant, "dr-1", "Observation").await;
    assert_eq!(scenarios::envoy::resources(&found).len(), 1, "{found}");

    town.clock.advance(181);
    town.settle_until("yukimi", MemberState::Active).await;
    let (status, found) = asker.ask(grant, "dr-1", "Observation").await;
    let shown = found["entry"].to_string();
    assert!(!shown.contains("\"Observation\""), "{status} {found}");
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_at_the_responder_takes_away_and_never_gives() {
    for store in Store::each() {
        let chart = [
            charts::hba1c("lab", "hana", "2026-05-01", "7.20"),
            charts::condition("diabetes", "hana", "E11"),
            charts::prescription("drug", "hana", "2026-05-01", "メトホルミン"),
            charts::condition("depression", "hana", "F32"),
        ];
        let (town, hana) = town(store, &chart).await;
        let tokens = town.tokens(&hana, "shirakaba", "lab condition").await;
        let token = &tokens["yukimi"];
        let all = async || {
            let mut all = BTreeSet::new();
            for kind in ["Observation", "Condition"] {
                all.extend(ids(&ask(&town, token, kind).await));
            }
            all
        };
        assert_eq!(all().await, ["diabetes", "lab"].map(str::to_owned).into());

        // A local permit widens nothing, neither a label nor a category.
        let mut permit = Provision::any(ProvisionType::Permit);
        permit.criteria = only("lab condition rx");
        town.at("yukimi").reserve("hana", permit).await;
        assert_eq!(all().await, ["diabetes", "lab"].map(str::to_owned).into());
        let rx = ask(&town, token, "MedicationRequest").await;
        assert_eq!(rx.code(), "scope_not_granted");

        let mut deny = Provision::any(ProvisionType::Deny);
        deny.criteria = only("condition");
        town.at("yukimi").reserve("hana", deny).await;
        assert_eq!(all().await, ["lab"].map(str::to_owned).into());

        // Against this asker alone, and against everything.
        let mut deny = Provision::any(ProvisionType::Deny);
        deny.actors = vec![Actor::Organization(town.at("shirakaba").id().clone())];
        town.at("yukimi").reserve("hana", deny).await;
        assert_eq!(all().await, BTreeSet::new());
        town.stop().await;
    }
}

/// A chart where little may leave (Normal lab results and diagnoses) and much may not: other
/// categories, labels, another's chart, and what hides inside what may.
async fn guarded(store: Store) -> (Town, String) {
    let plain = [
        charts::hba1c("lab-1", "hana", "2026-05-01", "7.20"),
        charts::hba1c("lab-2", "hana", "2026-06-01", "7.00"),
        charts::condition("diabetes", "hana", "E11"),
    ];
    let mut hidden: Vec<Value> = charts::one_of_each("hana")
        .into_iter()
        .map(|one| secret(charts::psychiatric(one)))
        .collect();
    hidden.extend([
        secret(charts::prescription("rx", "hana", "2026-05-01", "drug")),
        secret(charts::blood_pressure("bp", "hana", "2026-05-01")),
        secret(charts::condition("depression", "hana", "F32")),
        secret(charts::condition("hiv", "hana", "B24")),
    ]);
    // What may leave, but for what it contains.
    let mut of_a_diagnosis = charts::hba1c("c1", "hana", "2026-05-02", "7.10");
    of_a_diagnosis["contained"] = json!([{
        "resourceType": "Condition", "id": "in", "code": { "text": SECRET, "coding": [{
            "system": "http://hl7.org/fhir/sid/icd-10", "code": "F32",
        }] },
        "subject": { "reference": "Patient/hana" },
    }]);
    let mut of_a_drug = charts::condition("c2", "hana", "E11");
    of_a_drug["contained"] = json!([{
        "resourceType": "MedicationRequest", "id": "in", "status": "active", "intent": "order",
        "medicationCodeableConcept": { "text": SECRET },
        "subject": { "reference": "Patient/hana" },
    }]);
    hidden.extend([secret(of_a_diagnosis), secret(of_a_drug)]);
    let (town, hana) = town(store, &[plain.to_vec(), hidden].concat()).await;
    let taro = [
        charts::patient("taro", "鈴木", "太郎"),
        secret(charts::hba1c("taro", "taro", "2026-05-01", "5.50")),
        secret(charts::condition("taro-c", "taro", "E11")),
    ];
    let yukimi = town.at("yukimi");
    yukimi.load(&taro).await;
    let staff = yukimi.token(Role::Physician, "dr-y").await;
    for kind in TYPES {
        let (status, own) = yukimi
            .get(&format!("/fhir/{kind}?patient=hana"), &staff)
            .await;
        assert!(
            own.to_string().contains(SECRET),
            "{status}: there is some {kind} to hide"
        );
    }
    let mut tokens = town.tokens(&hana, "shirakaba", "lab condition").await;
    (town, tokens.remove("yukimi").unwrap())
}

fn keeps_the_secret(reply: &Reply, question: &str) {
    let text = String::from_utf8(reply.body.clone()).unwrap();
    assert!(!text.contains(SECRET), "{question}: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outside_the_decision_leaves_by_any_parameter() {
    for store in Store::each() {
        let (town, token) = guarded(store).await;
        let hidden_ids = [
            "rx",
            "bp",
            "depression",
            "hiv",
            "c1",
            "c2",
            "taro",
            "taro-c",
            "hana-1",
            "hana-2",
        ];
        let hidden_ids = hidden_ids.map(|id| format!("{SECRET}-{id}")).join(",");
        let parameters = [
            String::new(),
            "_count=1000".to_owned(),
            format!("_id={hidden_ids}"),
            format!("_id={hidden_ids}&_count=1000"),
            "code=F32,B24,E11,3D046000001906202,85354-9".to_owned(),
            "code=F32".to_owned(),
            "category=vital-signs,laboratory,LAB".to_owned(),
            "date=ge1900".to_owned(),
            "date=ge2026-04-01&date=le2026-05-01".to_owned(),
            "status=active,final,completed".to_owned(),
        ];
        for kind in TYPES {
            for parameter in &parameters {
                let question = format!("{kind}?{parameter}");
                let reply = ask(&town, &token, &question).await;
                assert!([200, 400, 403].contains(&reply.status), "{}", reply.status);
                keeps_the_secret(&reply, &question);
            }
        }
        let seen = [
            ids(&ask(&town, &token, "Observation").await),
            ids(&ask(&town, &token, "Condition").await),
        ];
        assert_eq!(seen[0], ["lab-1", "lab-2"].map(str::to_owned).into());
        assert_eq!(seen[1], ["diabetes"].map(str::to_owned).into());
        town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outside_the_decision_leaves_by_a_batch_or_page_by_page() {
    for store in Store::each() {
        let (town, token) = guarded(store).await;
        let (envoy, yukimi, now) = (town.at("shirakaba").envoy(), town.at("yukimi"), town.now());
        let draft = envoy.batch(yukimi, &token, &TYPES, now);
        let reply = envoy.send(yukimi, &envoy.sign(draft, now)).await;
        assert_eq!(reply.status, 200, "{}", reply.code());
        keeps_the_secret(&reply, "batch");
        let answers = reply.json()["entry"].as_array().unwrap().clone();
        let shown = answers
            .iter()
            .map(|answer| scenarios::envoy::resources(&answer["resource"]).len());
        assert_eq!(
            shown.sum::<usize>(),
            3,
            "of the two kinds that were granted"
        );

        let mut seen = BTreeSet::new();
        let mut question = "Observation?_count=1".to_owned();
        for _page in 0..8 {
            let reply = ask(&town, &token, &question).await;
            keeps_the_secret(&reply, &question);
            seen.extend(ids(&reply));
            let next = reply.json()["link"][0]["url"].as_str().map(str::to_owned);
            let Some(next) = next else { break };
            let cursor = next.split_once("_cursor=").unwrap().1;
            question = format!("Observation?_count=1&_cursor={cursor}");
        }
        assert_eq!(seen, ["lab-1", "lab-2"].map(str::to_owned).into());
        town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_for_one_practitioner_is_no_decision_for_another() {
    let chart = [charts::hba1c("a", "hana", "2026-05-01", "7.20")];
    let (town, hana) = town(Store::Sqlite, &chart).await;
    let mut decision = town.decision(&hana, "shirakaba", "lab").await;
    decision.practitioner = Some(Practitioner {
        id: "dr-1".to_owned(),
        role: "physician".to_owned(),
    });
    let code = town.code_for(&hana, decision).await;
    let (home, asker) = (town.at("minato"), town.at("shirakaba"));
    let (status, refused) = asker.redeem(home, &code, "dr-2", &["lab"]).await;
    assert_ne!(status, 201, "{refused}");
    let (status, granted) = asker.redeem(home, &code, "dr-1", &["lab"]).await;
    assert_eq!(status, 201, "{granted}");
    let grant = granted["grant"].as_str().unwrap();
    let (status, _) = asker.ask(grant, "dr-2", "Observation").await;
    assert_ne!(status, 200, "a grant is its holder's");
    town.stop().await;
}
