//! A registry as an operator has it, and hospitals that want to join it.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part of the house"
)]

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use federation_protocol::directory::{
    Certificate, Directory, Endpoints, KeyStatement, MemberDescription, Membership, Names, Profile,
    ProtocolRange, Reading, Root, Status,
};
use federation_protocol::jws::PayloadHash;
use federation_protocol::keys::{KeyUse, SealSecretKey, SecretKey, Sign};
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;
use federation_service::clock::{Clock, SystemClock};
use federation_service::outbound::OutboundRules;
use federation_service::peer_client::Fetched;
use federation_service::registry_client::{RegistryClient, fetch_root_by_pin};
use federation_service::tls::TlsIdentity;
use musubi_registry::Config;

pub const REGISTRY: &str = "urn:musubi:registry:test";
const DAY: i64 = 86_400;
const DEADLINE: Duration = Duration::from_secs(5);

/// A registry's folder and keys, made by the real program.
pub struct House {
    pub folder: tempfile::TempDir,
    pub pin: PayloadHash,
}

impl House {
    /// `port` 0 lets the system choose when an in-process registry starts.
    pub fn new(port: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_musubi-registry"))
            .args(["init", "--id", REGISTRY, "-o", "json"])
            .args(["--allow-cidr", "127.0.0.0/8", "--bind"])
            .arg(format!("127.0.0.1:{port}"))
            .args([
                "--url",
                &format!("https://127.0.0.1:{}", if port == 0 { 9000 } else { port }),
            ])
            .arg("--dir")
            .arg(folder.path().join("registry"))
            .arg("--approver-key")
            .arg(folder.path().join("approver.pem"))
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let made: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let pin = made["root_sha256"].as_str().unwrap().parse().unwrap();
        Self { folder, pin }
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub fn config_file(&self) -> PathBuf {
        self.path("registry/registry.toml")
    }

    pub fn config(&self) -> Config {
        Config::load(&self.config_file()).unwrap()
    }

    pub fn database(&self) -> PathBuf {
        self.path("registry/registry.db")
    }

    /// Runs a command of the real program.
    pub fn command(&self, arguments: &[&str]) -> Output {
        self.prepare(arguments).output().unwrap()
    }

    pub fn prepare(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_musubi-registry"));
        command
            .args(arguments)
            .arg("--config")
            .arg(self.config_file());
        command
    }

    /// Runs a command that must succeed, and returns what it printed as JSON.
    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let arguments = [arguments, &["-o", "json"]].concat();
        let output = self.command(&arguments);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Admits a hospital the way an operator does.
    pub fn add(&self, hospital: &Hospital) -> serde_json::Value {
        self.json(&[
            "member",
            "add",
            self.describe(hospital).to_str().unwrap(),
            "--approver-key",
            self.path("approver.pem").to_str().unwrap(),
        ])
    }

    /// Writes a hospital's description file.
    pub fn describe(&self, hospital: &Hospital) -> PathBuf {
        let path = self.path(&format!("{}.jws", hospital.id.code()));
        std::fs::write(&path, hospital.description()).unwrap();
        path
    }
}

/// What an operator reads when a command failed: exit code and standard error.
pub fn failure(output: &Output) -> (i32, String) {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(
        said.lines().any(|line| line.starts_with("next: ")),
        "no next line: {said}"
    );
    (output.status.code().unwrap(), said)
}

/// A hospital's node, as far as it describes itself.
pub struct Hospital {
    pub id: MemberId,
    pub host: String,
    pub sign: SecretKey,
    pub consent: SecretKey,
    pub seal: SealSecretKey,
    pub endpoint: String,
    pub described_at: Timestamp,
}

impl Hospital {
    /// Fictional: Minato, Yukimi, Shirakaba. `seed` makes its keys.
    pub fn new(code: &str, seed: u8) -> Self {
        Self {
            id: MemberId::from_code(code).unwrap(),
            host: "127.0.0.1".to_owned(),
            sign: SecretKey::from_seed([seed; 32]),
            consent: SecretKey::from_seed([seed.wrapping_add(100); 32]),
            seal: SealSecretKey::from_bytes([seed; 32]),
            endpoint: format!("https://127.0.0.1:{}", 9100 + u16::from(seed)),
            described_at: SystemClock.now(),
        }
    }

    pub fn profile(&self) -> Profile {
        let (from, until) = (
            self.described_at.plus_seconds(-60),
            self.described_at.plus_seconds(90 * DAY),
        );
        let identity = TlsIdentity::generate(&self.host, from, until).unwrap();
        Profile {
            id: self.id.clone(),
            names: Names {
                ja: "みなと病院".into(),
                kana: "ミナトビョウイン".into(),
                en: "Minato".into(),
            },
            region: "01".into(),
            phone: None,
            operator: self.id.code().into(),
            endpoints: Endpoints {
                federation: self.endpoint.clone(),
            },
            keys: vec![
                KeyStatement::of(KeyUse::Sign, &self.sign.public(), from, until),
                KeyStatement::of(KeyUse::Consent, &self.consent.public(), from, until),
                KeyStatement::of_seal(self.seal.public(), from, until),
            ],
            certificates: vec![Certificate::from_der(identity.certificate_der().unwrap())],
            protocol: ProtocolRange { min: 1, max: 1 },
            capabilities: Vec::new(),
        }
    }

    pub fn description(&self) -> String {
        let others: [&dyn Sign; 1] = [&self.consent];
        MemberDescription::new(self.profile(), "test 1", [7; 16], self.described_at)
            .sign(&self.sign, &others)
    }
}

/// A node at the door of a registry: knows the URL and the pin, believes nothing else.
pub struct Node {
    pub root: Root,
    pub client: RegistryClient,
}

pub fn loopback() -> OutboundRules {
    OutboundRules::new(["127.0.0.0/8".parse().unwrap()])
}

impl Node {
    pub async fn joins(url: &str, pin: &PayloadHash, now: Timestamp) -> Self {
        let root = fetch_root_by_pin(url, &loopback(), DEADLINE).await.unwrap();
        let root = Root::pinned(&root, pin, Reading::Fresh, now).unwrap();
        let named = &root.document().registry.certificates;
        let client = RegistryClient::new(url, named, &loopback()).unwrap();
        Self { root, client }
    }

    pub async fn status(&self, now: Timestamp) -> Status {
        let status = text(self.client.status(None, DEADLINE).await.unwrap());
        Status::accept(&status, &self.root, None, Reading::Fresh, now).unwrap()
    }

    pub async fn directory(&self, previous: Option<&Directory>, now: Timestamp) -> Directory {
        let directory = text(self.client.directory(None, None, DEADLINE).await.unwrap());
        Directory::accept(&directory, &self.root, previous, Reading::Fresh, now).unwrap()
    }

    pub async fn membership(&self, now: Timestamp) -> Membership {
        let directory = self.directory(None, now).await;
        Membership::new(self.root.clone(), directory, self.status(now).await).unwrap()
    }
}

pub fn text(fetched: Fetched) -> String {
    match fetched {
        Fetched::Document { body, .. } => String::from_utf8(body.to_vec()).unwrap(),
        Fetched::NotModified => panic!("not modified"),
    }
}

/// Waits until `holds`, at most half a minute; returns how long it took.
pub async fn eventually(mut holds: impl AsyncFnMut() -> bool) -> Duration {
    let watch = federation_service::clock::Stopwatch::start();
    while !holds().await {
        assert!(watch.elapsed() < Duration::from_secs(30), "waited in vain");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    watch.elapsed()
}
