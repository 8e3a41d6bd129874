//! A hospital changes its TLS certificate while everybody goes on asking: nobody restarts, and no
//! question fails.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use federation_protocol::directory::{Certificate, Entry, Profile, ReplacementRequest};
use federation_protocol::keys::{Fingerprint, SecretKey};
use federation_service::clock::{Clock as _, SystemClock};
use federation_service::tls::TlsIdentity;
use musubi_node::identity::Role;
use scenarios::{Hospital, Patient, Store, Town, charts};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::program;

/// So far the clock is moved at once: well within what two clocks may differ, so that a question which
/// is on its way meanwhile is not taken for an old one.
const STEP_SECONDS: i64 = 20;

/// Minato and Yukimi, each with a person whom the other's physician may ask about.
async fn town(store: Store) -> (Town, [Patient; 2]) {
    let town = Town::start(&["minato", "yukimi"], store).await;
    let mut people = Vec::new();
    for (name, id) in [("minato", "hana"), ("yukimi", "ken")] {
        let chart = [
            charts::patient(id, "佐藤", "花"),
            charts::hba1c(&format!("lab-{id}"), id, "2026-05-01", "7.20"),
        ];
        town.at(name).load(&chart).await;
        people.push(town.person(id, name, &[name]).await);
    }
    (town, people.try_into().ok().unwrap())
}

/// Physicians who ask and ask, in both directions, until they are told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    failed: Arc<Mutex<Vec<String>>>,
    asking: Vec<JoinHandle<()>>,
}

impl Load {
    async fn begin(town: &Town, people: &[Patient; 2]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let answered = Arc::<AtomicUsize>::default();
        let failed = Arc::<Mutex<Vec<String>>>::default();
        let mut asking = Vec::new();
        for (asker, person) in [("yukimi", &people[0]), ("minato", &people[1])] {
            let grant = town.grant(person, asker, "lab").await;
            let token = town.at(asker).token(Role::Physician, "dr-1").await;
            let url = format!(
                "{}/federated/{grant}/fhir/Observation",
                town.at(asker).staff_url()
            );
            for _ in 0..2 {
                let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
                let (url, token, failed) = (url.clone(), token.clone(), Arc::clone(&failed));
                asking.push(tokio::spawn(async move {
                    ask_on(&url, &token, &stop, &answered, &failed).await
                }));
            }
        }
        Self {
            stop,
            answered,
            failed,
            asking,
        }
    }

    /// So many more questions are answered.
    async fn goes_on_for(&self, questions: usize) {
        let until = self.answered.load(Ordering::SeqCst) + questions;
        for _ in 0..3_000 {
            if self.answered.load(Ordering::SeqCst) >= until {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!(
            "nobody is answered any more: {:?}",
            self.failed.lock().unwrap()
        );
    }

    /// How many were answered, and what failed.
    async fn ends(self) -> (usize, Vec<String>) {
        self.stop.store(true, Ordering::SeqCst);
        for asking in self.asking {
            asking.await.unwrap();
        }
        let failed = std::mem::take(&mut *self.failed.lock().unwrap());
        (self.answered.load(Ordering::SeqCst), failed)
    }
}

async fn ask_on(
    url: &str,
    token: &str,
    stop: &AtomicBool,
    answered: &AtomicUsize,
    failed: &Mutex<Vec<String>>,
) {
    let client = reqwest::Client::new();
    while !stop.load(Ordering::SeqCst) {
        let reply = client.get(url).bearer_auth(token).send().await.unwrap();
        let status = reply.status();
        let answer: Value = reply.json().await.unwrap_or_default();
        // A hospital that does not answer is said in the answer.
        let whole = scenarios::envoy::resources(&answer).len() == 1
            && answer.to_string().contains("1 of 1 hospitals answered");
        match status.is_success() && whole {
            true => drop(answered.fetch_add(1, Ordering::SeqCst)),
            false => failed.lock().unwrap().push(format!("{status}: {answer}")),
        }
    }
}

/// What a hospital's federation listener shows who connects anew.
async fn shown(hospital: &Hospital) -> Fingerprint {
    let client = reqwest::Client::builder()
        .tls_info(true)
        .tls_danger_accept_invalid_certs(true)
        .build()
        .unwrap();
    let url = format!("{}/livez", hospital.peer_url());
    let reply = client.get(url).send().await.unwrap();
    let info = reply.extensions().get::<reqwest::tls::TlsInfo>().unwrap();
    Fingerprint::of_certificate(info.peer_certificate().unwrap())
}

async fn shows(hospital: &Hospital, certificate: &Certificate) {
    for _ in 0..100 {
        if shown(hospital).await == certificate.fingerprint() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!(
        "{} does not show {}",
        hospital.name(),
        certificate.fingerprint()
    );
}

/// A member as the others have it listed.
fn listed(town: &Town, name: &str) -> (Profile, u64, String) {
    let membership = town
        .at("yukimi")
        .node()
        .federation()
        .directory()
        .membership();
    let membership = membership.unwrap();
    let member = membership.member(town.at(name).id()).unwrap();
    let registry = membership.registry().to_owned();
    ((**member).clone(), member.version(), registry)
}

/// The registry replaces Minato's entry by one with these certificates, signed by its recovery key.
async fn list_certificates(town: &Town, certificates: Vec<Certificate>) {
    let minato = town.at("minato");
    let (mut profile, version, registry) = listed(town, "minato");
    profile.certificates = certificates;
    let pem = std::fs::read_to_string(minato.config().state_dir.join("keys/recovery.pem")).unwrap();
    let recovery = SecretKey::from_pkcs8_pem(&pem).unwrap();
    let entry = Entry::new(&registry, version + 1, profile, SystemClock.now());
    let request = ReplacementRequest::new(&entry, &recovery, None);
    replace(town, &request.to_json(), version + 1).await;
}

async fn replace(town: &Town, request: &str, version: u64) {
    let file = town.folder().join("entry.json");
    std::fs::write(&file, request).unwrap();
    let approver = town.folder().join("approver.pem");
    let words = [
        "member",
        "replace",
        file.to_str().unwrap(),
        "--approver-key",
        approver.to_str().unwrap(),
    ];
    let said = program().registry_later(town, &words).await;
    assert!(
        said.status.success(),
        "{}",
        String::from_utf8_lossy(&said.stderr)
    );
    for _ in 0..200 {
        town.settle().await;
        if listed(town, "minato").1 == version {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("version {version} is not listed");
}

async fn typed(hospital: &Hospital, words: &[&str]) -> (i32, String) {
    let output = program().node_later(hospital, words).await;
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(text).unwrap(),
    )
}

fn on_disk(hospital: &Hospital) -> (Certificate, Option<Certificate>) {
    let config = hospital.config();
    musubi_node::federation::certificates::on_disk(&config.federation.tls, &config.passphrase)
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_changed_under_load_and_no_question_fails() {
    for store in Store::each() {
        let (town, people) = town(store).await;
        let load = Load::begin(&town, &people).await;
        load.goes_on_for(20).await;
        let minato = town.at("minato");
        let (old, _) = on_disk(minato);
        let (exit, said) = typed(minato, &["certificate", "new"]).await;
        assert_eq!(exit, 0, "{said}");
        let next = on_disk(minato).1.unwrap();

        // Listed beside the old one: not shown yet, because a peer may not have heard of it.
        list_certificates(&town, vec![old.clone(), next.clone()]).await;
        load.goes_on_for(20).await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(shown(minato).await, old.fingerprint());

        // Ten minutes later every peer has: shown to who comes, and shown to whom it goes.
        for _ in 0..=(600 / STEP_SECONDS) {
            town.clock.advance(STEP_SECONDS);
            town.settle().await;
            load.goes_on_for(12).await;
        }
        shows(minato, &next).await;
        load.goes_on_for(40).await;

        // The old one leaves the directory, and then the disk.
        list_certificates(&town, vec![next.clone()]).await;
        load.goes_on_for(40).await;
        let tls = minato.config().federation.tls;
        for (from, to) in [
            (tls.next().certificate, &tls.certificate),
            (tls.next().key, &tls.key),
        ] {
            std::fs::rename(from, to).unwrap();
            tokio::time::sleep(Duration::from_millis(1_200)).await;
        }
        assert_eq!(shown(minato).await, next.fingerprint());
        load.goes_on_for(20).await;

        let (answered, failed) = load.ends().await;
        println!(
            "{store:?}: {answered} questions answered, {} failed",
            failed.len()
        );
        assert_eq!(
            failed,
            Vec::<String>::new(),
            "of {}",
            answered + failed.len()
        );
        town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_changes_the_certificate_with_five_commands() {
    let town = Town::in_real_time(&["minato", "yukimi"], Store::Sqlite).await;
    town.settle().await;
    let minato = town.at("minato");
    let (old, _) = on_disk(minato);
    let (exit, said) = typed(minato, &["certificate", "request", "--drop-old"]).await;
    assert!(exit == 1 && said.contains("certificate new"), "{said}");
    assert_eq!(typed(minato, &["certificate", "new"]).await.0, 0);
    let (exit, said) = typed(minato, &["certificate", "new"]).await;
    assert!(exit == 1 && said.contains("is there already"), "{said}");
    let next = on_disk(minato).1.unwrap();

    // A key that is not the listed recovery key signs no request as one.
    let sign = minato.config().state_dir.join("keys/sign.pem");
    let words = [
        "certificate",
        "request",
        "--recovery-key",
        sign.to_str().unwrap(),
    ];
    let (exit, said) = typed(minato, &words).await;
    assert!(exit == 4 && said.contains("not the recovery key"), "{said}");

    let file = town.folder().join("request.json");
    let words = ["certificate", "request", "--out", file.to_str().unwrap()];
    let (exit, said) = typed(minato, &words).await;
    assert!(exit == 0 && !said.contains("24 hours"), "{said}");
    let request = std::fs::read_to_string(&file).unwrap();
    replace(&town, &request, 2).await;
    let names: Vec<_> = listed(&town, "minato").0.certificates;
    assert_eq!(names, [old, next.clone()]);
    // Not yet for ten minutes: the old one is neither left out nor dropped.
    let words = ["certificate", "request", "--drop-old"];
    let (exit, said) = typed(minato, &words).await;
    assert!(exit == 75 && said.contains("not shown yet"), "{said}");
    let (exit, said) = typed(minato, &["certificate", "drop"]).await;
    assert!(exit == 1 && said.contains("still lists"), "{said}");

    // Listed alone, it is shown at once: nobody would believe the old one.
    list_certificates(&town, vec![next.clone()]).await;
    shows(minato, &next).await;
    let (exit, said) = typed(minato, &["certificate", "list", "-o", "json"]).await;
    assert_eq!(exit, 0, "{said}");
    let (exit, said) = typed(minato, &["certificate", "drop"]).await;
    assert_eq!(exit, 0, "{said}");
    assert_eq!(on_disk(minato), (next.clone(), None));
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(shown(minato).await, next.fingerprint());
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_killed_while_it_dropped_the_old_certificate_starts_with_the_next() {
    let mut town = Town::in_real_time(&["minato", "yukimi"], Store::Sqlite).await;
    town.settle().await;
    let minato = town.at("minato");
    assert_eq!(typed(minato, &["certificate", "new"]).await.0, 0);
    let next = on_disk(minato).1.unwrap();
    list_certificates(&town, vec![next.clone()]).await;
    // The certificate had been moved, the key had not.
    let tls = minato.config().federation.tls;
    std::fs::rename(tls.next().certificate, &tls.certificate).unwrap();
    town.restart("minato").await;
    let minato = town.at("minato");
    assert_eq!(shown(minato).await, next.fingerprint());
    let (exit, said) = typed(minato, &["certificate", "drop"]).await;
    assert_eq!(exit, 0, "{said}");
    assert!(!tls.next().key.exists());
    TlsIdentity::from_pem_files(&tls.certificate, &tls.key).unwrap();
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_of_the_hospital_listener_is_shown_without_a_restart() {
    let made = || {
        let now = SystemClock.now();
        TlsIdentity::generate("127.0.0.1", now, now.plus_seconds(86_400)).unwrap()
    };
    let first = made();
    let town = Town::prepared(&["minato"], Store::Sqlite, |hospital| {
        let folder = hospital.config_file().parent().unwrap().to_owned();
        let at = |name: &str| folder.join(name);
        first.write_pem(&at("staff.crt"), &at("staff.key")).unwrap();
        hospital.set(
            "hospital",
            "tls_certificate_file = \"staff.crt\"\ntls_key_file = \"staff.key\"",
        );
    })
    .await;
    let minato = town.at("minato");
    let folder = minato.config_file().parent().unwrap().to_owned();
    let seen = async || {
        let client = reqwest::Client::builder()
            .tls_info(true)
            .tls_danger_accept_invalid_certs(true)
            .build()
            .unwrap();
        let url = format!("https://{}/livez", minato.config().hospital.bind);
        let reply = client.get(url).send().await.unwrap();
        let info = reply.extensions().get::<reqwest::tls::TlsInfo>().unwrap();
        Fingerprint::of_certificate(info.peer_certificate().unwrap())
    };
    assert_eq!(seen().await, first.fingerprint().unwrap());
    let (second, at) = (made(), |name: &str| folder.join(name));
    second.write_pem(&at("new.crt"), &at("new.key")).unwrap();
    for (from, to) in [("new.crt", "staff.crt"), ("new.key", "staff.key")] {
        std::fs::rename(at(from), at(to)).unwrap();
        assert!(
            [first.fingerprint().unwrap(), second.fingerprint().unwrap()].contains(&seen().await)
        );
    }
    for _ in 0..100 {
        if seen().await == second.fingerprint().unwrap() {
            return town.stop().await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the renewed certificate is not shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_sealed_keys_serves_and_one_without_the_passphrase_does_not_start() {
    let word = "a passphrase of this test";
    let mut town = Town::prepared(&["minato", "yukimi"], Store::Sqlite, |hospital| {
        let file = hospital.config_file().with_file_name("passphrase");
        std::fs::write(&file, format!("{word}\n")).unwrap();
        let narrow = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o600);
        std::fs::set_permissions(&file, narrow).unwrap();
        hospital.set("keys", "passphrase_file = \"passphrase\"");
    })
    .await;
    // The town was made plain: a finding, and no failure.
    let (_, said) = typed(town.at("minato"), &["doctor", "-o", "json", "--quiet"]).await;
    assert!(said.contains("keys-plain"), "{said}");
    assert_eq!(typed(town.at("minato"), &["keys", "encrypt"]).await.0, 0);
    let (_, said) = typed(town.at("minato"), &["doctor", "-o", "json", "--quiet"]).await;
    assert!(!said.contains("keys-plain"), "{said}");
    let folder: PathBuf = town.at("minato").config().state_dir;
    for file in [
        "keys/sign.pem",
        "keys/code.key",
        "keys/seal.pem",
        "tls/federation.key",
    ] {
        let held = std::fs::read_to_string(folder.join(file)).unwrap();
        assert!(
            held.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"),
            "{file}"
        );
    }
    town.restart("minato").await;
    town.settle().await;
    let (yukimi, now) = (town.at("yukimi").envoy(), town.now());
    let parcel = yukimi.sign(yukimi.echo(town.at("minato"), now), now);
    assert_eq!(yukimi.send(town.at("minato"), &parcel).await.status, 200);

    town.at_mut("minato").stop().await;
    let minato = town.at("minato");
    let passphrase = minato.config_file().with_file_name("passphrase");
    let starts = async || typed(minato, &["run"]).await;
    std::fs::write(&passphrase, "a passphrase of another\n").unwrap();
    let (exit, said) = starts().await;
    assert!(
        exit == 78 && said.contains("not opened by the passphrase"),
        "{said}"
    );
    let narrow = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o640);
    std::fs::set_permissions(&passphrase, narrow).unwrap();
    let (exit, said) = starts().await;
    assert!(exit == 78 && said.contains("chmod 0600"), "{said}");
    std::fs::remove_file(&passphrase).unwrap();
    let (exit, said) = starts().await;
    assert!(exit == 78 && said.contains("passphrase"), "{said}");
    let text = std::fs::read_to_string(minato.config_file()).unwrap();
    let mut table: BTreeMap<String, toml::Value> = toml::from_str(&text).unwrap();
    table.remove("keys");
    std::fs::write(minato.config_file(), toml::to_string(&table).unwrap()).unwrap();
    let (exit, said) = starts().await;
    assert!(
        exit == 78 && said.contains("no passphrase is set"),
        "{said}"
    );
    assert!(!said.contains(word));
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hospital_on_new_hardware_comes_back_with_its_recovery_key_and_new_keys_of_everything() {
    let mut town = Town::in_real_time(&["minato", "yukimi"], Store::Sqlite).await;
    town.settle().await;
    town.at_mut("minato").stop().await;
    let config = town.at("minato").config();
    let (keys, tls) = (config.state_dir.join("keys"), config.federation.tls);
    let recovery = town.folder().join("recovery.pem");
    std::fs::rename(keys.join("recovery.pem"), &recovery).unwrap();
    std::fs::remove_dir_all(&keys).unwrap();
    musubi_node::keys::Keys::create(&keys).unwrap();
    for file in [&tls.certificate, &tls.key] {
        std::fs::remove_file(file).unwrap();
    }
    let now = SystemClock.now();
    let made = TlsIdentity::generate("127.0.0.1", now, now.plus_seconds(86_400)).unwrap();
    made.write_pem(&tls.certificate, &tls.key).unwrap();

    let file = town.folder().join("request.json");
    let words = [
        "certificate",
        "request",
        "--recovery-key",
        recovery.to_str().unwrap(),
        "--out",
        file.to_str().unwrap(),
    ];
    let (exit, said) = typed(town.at("minato"), &words).await;
    assert_eq!(exit, 0, "{said}");
    replace(&town, &std::fs::read_to_string(&file).unwrap(), 2).await;
    let clock = town.shared_clock();
    town.at_mut("minato").start(clock).await;
    town.settle().await;

    let (minato, now) = (town.at("minato").envoy(), town.now());
    let parcel = minato.sign(minato.echo(town.at("yukimi"), now), now);
    let reply = minato.send(town.at("yukimi"), &parcel).await;
    assert_eq!((reply.status, reply.code().as_str()), (200, ""));
    town.stop().await;
}
