//! Every door of a node by every kind of caller: who gets in where, as one reviewed table.

use musubi_node::identity::Role;
use reqwest::{Method, Response};
use scenarios::{Store, Town, charts};

/// Methods and paths of the hospital and patient listeners, and one that is nowhere.
const ROUTES: [(&str, &str); 25] = [
    ("GET", "/livez"),
    ("HEAD", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/nowhere"),
    ("GET", "/fhir/metadata"),
    ("GET", "/fhir/Patient/hana"),
    ("HEAD", "/fhir/Patient/hana"),
    ("GET", "/fhir/Observation?patient=hana"),
    ("GET", "/fhir/Observation/lab-1/_history/1"),
    ("GET", "/fhir/Observation/lab-1/_history"),
    ("GET", "/fhir/Observation/_history"),
    ("GET", "/fhir/_history"),
    ("GET", "/fhir/Patient/hana/$everything"),
    ("POST", "/fhir/Observation/_search"),
    ("PUT", "/fhir/Observation/new-1"),
    ("PATCH", "/fhir/Observation/lab-1"),
    ("DELETE", "/fhir/Observation/none"),
    ("POST", "/fhir"),
    ("GET", "/fhir/Consent?patient=hana"),
    ("GET", "/api/v1/grants"),
    ("POST", "/api/v1/grants"),
    ("GET", "/federated/none/fhir/Observation"),
    ("GET", "/api/v1/consents/none/arrivals"),
    ("GET", "/api/v1/links"),
    ("DELETE", "/api/v1/links/none"),
];

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_through_a_door_that_is_not_theirs() {
    let town = Town::start(&["minato"], Store::Sqlite).await;
    let minato = town.at("minato");
    let chart = [
        charts::patient("hana", "佐藤", "花"),
        charts::hba1c("lab-1", "hana", "2026-05-01", "7.20"),
    ];
    minato.load(&chart).await;
    let hana = town.person("hana", "minato", &[]).await;
    let until = town.now().plus_seconds(3_600);
    let rooms = minato.rooms();
    let person = rooms
        .linkage
        .person(&hana.person.parse().unwrap())
        .await
        .unwrap();
    let own = rooms
        .identity
        .create_for_person(person.id, person.patient, until)
        .await
        .unwrap();
    let mut callers = vec![
        ("stranger", String::new()),
        ("forged", format!("mbt_{}", "A".repeat(43))),
        ("person", own.1.reveal().to_owned()),
    ];
    for role in [
        Role::Physician,
        Role::System,
        Role::Registrar,
        Role::Auditor,
        Role::Admin,
    ] {
        callers.push((role.as_str(), minato.token(role, "someone-1").await));
    }

    let mut table = String::new();
    for (listener, address) in [
        ("hospital", minato.node().addresses().hospital),
        ("patient", minato.node().addresses().patient),
    ] {
        for (method, path) in ROUTES {
            table.push_str(&format!("{listener:<9}{method:<7}{path:<38}"));
            for (_, token) in &callers {
                let status = knock(address, method, path, token).await;
                table.push_str(&format!(" {status}"));
            }
            table.push('\n');
        }
    }
    town.stop().await;

    let heads: Vec<_> = callers.iter().map(|(name, _)| *name).collect();
    insta::assert_snapshot!(format!("{}\n{table}", heads.join(" ")));
}

async fn knock(address: std::net::SocketAddr, method: &str, path: &str, token: &str) -> u16 {
    let method: Method = method.parse().unwrap();
    let mut request =
        reqwest::Client::new().request(method.clone(), format!("http://{address}{path}"));
    if !token.is_empty() {
        request = request.bearer_auth(token);
    }
    let body = match (method.as_str(), path) {
        ("PUT", _) => charts::hba1c("new-1", "hana", "2026-05-02", "6.90").to_string(),
        ("POST", "/fhir") => charts::bundle(&[]).to_string(),
        ("POST", _) => String::new(),
        _ => return told(path, request.send().await.unwrap()).await,
    };
    let kind = match path.ends_with("_search") {
        true => "application/x-www-form-urlencoded",
        false => "application/fhir+json",
    };
    let sent = request.header("content-type", kind).body(body).send().await;
    told(path, sent.unwrap()).await
}

/// The status. On FHIR's paths every refusal is an OperationOutcome.
async fn told(path: &str, reply: Response) -> u16 {
    let status = reply.status().as_u16();
    let kind = reply.headers().get("content-type").cloned();
    let body = reply.bytes().await.unwrap();
    if path.starts_with("/fhir") && status >= 400 {
        let kind = kind.unwrap();
        assert!(kind.to_str().unwrap().starts_with("application/fhir+json"));
        if !body.is_empty() {
            let outcome: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(outcome["resourceType"], "OperationOutcome", "{path}");
        }
    }
    status
}
