//! One hospital is down: its silence is said, and the others' data is shown all the same.

use std::io::Read as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use federation_protocol::keys::KeyUse;
use federation_service::clock::Stopwatch;
use federation_service::tls::{TlsIdentity, federation_acceptor};
use musubi_node::identity::Role;
use musubi_node::keys::NodePublicKey;
use scenarios::envoy::resources;
use scenarios::{Hospital, Store, Town, charts};
use serde_json::Value;

use crate::program;

/// The promise: a silent hospital is named within this time.
const PROMISED: Duration = Duration::from_secs(10);
/// What `musubi-node` ends with when some of the answer is missing.
const PARTIAL: i32 = 7;

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_hospital_is_named_as_silent_beside_the_others_data() {
    let (mut town, grant) = town_with_grant().await;
    town.at_mut("yukimi").stop().await;
    let process = program().serve(town.at("yukimi")).await;
    let (_, whole) = town
        .at("shirakaba")
        .ask(&grant, "dr-1", "Observation")
        .await;
    assert_eq!(
        (resources(&whole).len(), &whole["total"]),
        (2, &Value::from(2))
    );

    process.kill_nine();

    yukimi_is_silent(&town, &grant, "unreachable", "killed").await;
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hospital_that_takes_connections_and_says_nothing_is_silent() {
    let (mut town, grant) = town_with_grant().await;
    town.at_mut("yukimi").stop().await;
    // Connections wait in the listener's queue: they are made, and nothing ever comes.
    let _mute = TcpListener::bind(federation_address(town.at("yukimi"))).unwrap();

    yukimi_is_silent(&town, &grant, "unreachable", "mute before TLS").await;
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hospital_that_takes_the_question_and_never_answers_is_silent() {
    let (mut town, grant) = town_with_grant().await;
    town.at_mut("yukimi").stop().await;
    swallow_questions(town.at("yukimi"));

    yukimi_is_silent(&town, &grant, "timeout", "mute after TLS").await;
    town.stop().await;
}

/// Shirakaba holds a grant over Minato and Yukimi, each with a result. In real time, so that any
/// of them can be a process of its own.
async fn town_with_grant() -> (Town, String) {
    let names = ["minato", "yukimi", "shirakaba"];
    let town = Town::in_real_time(&names, Store::Sqlite).await;
    for name in ["minato", "yukimi"] {
        town.at(name)
            .load(&[
                charts::patient("hana", "佐藤", "花"),
                charts::hba1c(&format!("{name}-1"), "hana", "2026-05-01", "7.20"),
            ])
            .await;
    }
    let hana = town.person("hana", "minato", &["minato", "yukimi"]).await;
    let grant = town
        .grant(&hana, "shirakaba", "lab rx allergy condition")
        .await;
    (town, grant)
}

fn federation_address(hospital: &Hospital) -> SocketAddr {
    hospital.config().federation.bind
}

/// With the hospital's own certificate; reads whatever comes, until the test's process ends.
fn swallow_questions(hospital: &Hospital) {
    let tls = hospital.config().federation.tls;
    let identity = TlsIdentity::from_pem_files(&tls.certificate, &tls.key).unwrap();
    let acceptor = federation_acceptor(&identity).unwrap().build();
    let listener = TcpListener::bind(federation_address(hospital)).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (acceptor, stream): (_, TcpStream) = (acceptor.clone(), stream.unwrap());
            std::thread::spawn(move || {
                if let Ok(mut stream) = acceptor.accept(stream) {
                    let mut swallowed = [0; 4_096];
                    while stream.read(&mut swallowed).is_ok_and(|read| read > 0) {}
                }
            });
        }
    });
}

/// Asks over the hospital listener and with `musubi-node ask`; both say that Yukimi is silent.
async fn yukimi_is_silent(town: &Town, grant: &str, code: &str, how: &str) {
    let watch = Stopwatch::start();
    let (status, answer) = town.at("shirakaba").ask(grant, "dr-1", "Observation").await;
    let named_after = watch.elapsed();

    assert_eq!(status, 200, "{answer}");
    assert!(named_after < PROMISED, "{named_after:?}");
    assert_eq!(answer["total"], Value::Null, "{answer}");
    let first = &answer["entry"][0]["resource"];
    assert_eq!(
        first["issue"][0]["details"]["text"],
        "1 of 2 hospitals answered"
    );
    silence_is_an_entry(town, &answer, code);
    let shown: Vec<Value> = resources(&answer)
        .iter()
        .map(|one| one["id"].clone())
        .collect();
    assert_eq!(shown, ["minato-1"]);
    manifest_says_so(
        town,
        first["extension"][0]["valueString"].as_str().unwrap(),
        code,
    );

    let said_after = the_program_says_so(town, grant, code).await;
    println!("{how}: named as silent after {named_after:.1?}; `ask`, four types: {said_after:.1?}");
}

fn silence_is_an_entry(town: &Town, answer: &Value, code: &str) {
    let silent: Vec<&Value> = answer["entry"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["search"]["mode"] == "outcome")
        .filter(|entry| entry["resource"]["meta"]["source"].is_string())
        .collect();
    let [silent] = silent.as_slice() else {
        panic!("one entry for one silent hospital: {answer}");
    };
    let silent = &silent["resource"];
    assert_eq!(silent["resourceType"], "OperationOutcome");
    assert_eq!(silent["meta"]["source"], town.at("yukimi").id().as_str());
    assert_eq!(silent["issue"][0]["severity"], "error");
    assert_eq!(silent["issue"][0]["details"]["coding"][0]["code"], code);
}

/// Under the asking hospital's own signature.
fn manifest_says_so(town: &Town, manifest: &str, code: &str) {
    let shirakaba = town.at("shirakaba");
    let (signed, signature) = manifest.rsplit_once('.').unwrap();
    let signature: [u8; 64] = URL_SAFE_NO_PAD
        .decode(signature)
        .unwrap()
        .try_into()
        .unwrap();
    let keys = shirakaba.envoy().keys.public_keys();
    let verifies = keys.iter().any(|key| match key {
        NodePublicKey::Signing(KeyUse::Sign, key) => {
            key.verify(signed.as_bytes(), &signature).is_ok()
        }
        _ => false,
    });
    assert!(verifies, "by shirakaba's key for signing");
    let (_, claims) = signed.split_once('.').unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert_eq!((&claims["answered"], &claims["of"]), (&1.into(), &2.into()));
    let asked = |name: &str| {
        let id = town.at(name).id().as_str();
        let all = claims["asked"].as_array().unwrap();
        all.iter().find(|one| one["member"] == id).unwrap().clone()
    };
    assert_eq!(asked("minato")["outcome"], "answered");
    assert_eq!(asked("minato")["entries"], 1);
    assert_eq!(asked("yukimi")["outcome"], "silent");
    assert_eq!(asked("yukimi")["code"], code);
    assert_eq!(asked("yukimi")["digest"], Value::Null);
}

/// `musubi-node ask`, with the types that it asks for when none are named.
async fn the_program_says_so(town: &Town, grant: &str, code: &str) -> Duration {
    let shirakaba = town.at("shirakaba");
    let token = town.folder().join("dr-1.token");
    std::fs::write(&token, shirakaba.token(Role::Physician, "dr-1").await).unwrap();
    let words = [
        "ask",
        "--grant",
        grant,
        "--token-file",
        token.to_str().unwrap(),
    ];
    let watch = Stopwatch::start();
    let asked = program().node_later(shirakaba, &words).await;
    let said_after = watch.elapsed();

    let (table, told) = (
        String::from_utf8_lossy(&asked.stdout),
        String::from_utf8_lossy(&asked.stderr),
    );
    assert_eq!(asked.status.code(), Some(PARTIAL), "{table}{told}");
    assert!(said_after < PROMISED, "{said_after:?}\n{table}");
    assert!(told.contains("1 of 2 hospitals answered"), "{told}");
    assert!(told.contains("next: "), "{told}");
    let row = |hospital: &str| {
        let row = table
            .lines()
            .find(|line| line.contains(hospital) && line.contains("Observation"));
        row.unwrap_or_else(|| panic!("{hospital} is in the table: {table}"))
            .to_owned()
    };
    assert!(row("minato").contains("answered"), "{table}");
    let silent = row("yukimi");
    assert!(silent.contains("silent"), "{table}");
    // Asked so often in vain, it may be left alone by now.
    assert!(
        silent.contains(code) || silent.contains("resting"),
        "{table}"
    );
    said_after
}
