//! A member's entry is replaced: at once with its recovery key's signature, after 24 hours without,
//! and never by one approver alone where two are asked.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    reason = "tests fail by panicking"
)]

mod house;

use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use federation_protocol::directory::{
    Certificate, Directory, Entry, HOLD_SECONDS, KeyStatement, MemberDescription, Profile,
    ReplacementRequest,
};
use federation_protocol::joining::comparison_number;
use federation_protocol::keys::{KeyUse, SecretKey, Sign};
use federation_protocol::member::MemberState;
use federation_protocol::time::Timestamp;
use federation_service::clock::{Clock, SystemClock};
use federation_service::tls::TlsIdentity;
use house::{Hospital, House, Node, REGISTRY, eventually, failure};
use musubi_registry::{Registry, RunningRegistry};

const MINATO: &str = "urn:musubi:member:0110000001";

/// The machine's clock, so many seconds ahead: commands live in the present, the registry where the
/// test moved it.
#[derive(Default)]
struct Ahead(AtomicI64);

impl Ahead {
    fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock
            .now()
            .plus_seconds(self.0.load(Ordering::SeqCst))
    }
}

/// A registry with Minato as a member, whose recovery key is in its safe.
struct Town {
    house: House,
    registry: RunningRegistry,
    clock: Arc<Ahead>,
    minato: Hospital,
    recovery: SecretKey,
    /// What approvers signed of it.
    profile: Profile,
}

impl Town {
    async fn start() -> Self {
        let house = House::new(0);
        let clock = Arc::new(Ahead::default());
        let time: federation_service::clock::SharedClock = Arc::<Ahead>::clone(&clock);
        let registry = Registry::start(house.config(), time).unwrap();
        let minato = Hospital::new("0110000001", 1);
        let recovery = SecretKey::from_seed([201; 32]);
        let mut profile = minato.profile();
        let first = profile.keys[0].clone();
        profile.keys.push(KeyStatement::of(
            KeyUse::Recovery,
            &recovery.public(),
            first.not_before,
            first.not_after,
        ));
        let town = Self {
            house,
            registry,
            clock,
            minato,
            recovery,
            profile,
        };
        let description = town.write("minato.jws", &town.description(&town.profile));
        town.house.json(&[
            "member",
            "add",
            &description,
            "--approver-key",
            &town.at("approver.pem"),
        ]);
        town.serves(2).await;
        town
    }

    fn at(&self, file: &str) -> String {
        self.house.path(file).to_str().unwrap().to_owned()
    }

    fn write(&self, file: &str, text: &str) -> String {
        std::fs::write(self.house.path(file), text).unwrap();
        self.at(file)
    }

    fn description(&self, profile: &Profile) -> String {
        let others: [&dyn Sign; 2] = [&self.minato.consent, &self.recovery];
        MemberDescription::new(profile.clone(), "test 1", [7; 16], SystemClock.now())
            .sign(&self.minato.sign, &others)
    }

    /// The profile with a new certificate.
    fn renewed(&self) -> Profile {
        let now = SystemClock.now();
        let made = TlsIdentity::generate("127.0.0.1", now, now.plus_seconds(9_999_999)).unwrap();
        let mut profile = self.profile.clone();
        for key in &mut profile.keys {
            key.not_before = now.plus_seconds(-10); // a description dates every key anew
        }
        let der = made.certificate_der().unwrap();
        profile.certificates.push(Certificate::from_der(der));
        profile
    }

    /// The file of a request that `key` signed.
    fn request(&self, profile: &Profile, version: u64, key: &dyn Sign) -> String {
        let entry = Entry::new(REGISTRY, version, profile.clone(), SystemClock.now());
        let request = ReplacementRequest::new(&entry, key, None);
        self.write(&format!("request-{version}.json"), &request.to_json())
    }

    fn replace(&self, file: &str, more: &[&str]) -> Output {
        self.house
            .command(&[&["member", "replace", file, "-o", "json"], more].concat())
    }

    fn approved(&self, file: &str, profile: &Profile) -> serde_json::Value {
        let (key, number) = (self.at("approver.pem"), comparison_number(profile));
        let output = self.replace(file, &["--approver-key", &key, "--fingerprint", &number]);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    async fn node(&self) -> Node {
        Node::joins(self.registry.url(), &self.house.pin, self.clock.now()).await
    }

    /// Waits until the registry serves this directory, and accepts it as nodes do that know none.
    async fn serves(&self, seq: u64) -> Directory {
        let node = self.node().await;
        let mut found = None;
        eventually(async || {
            let served = node.directory(None, self.clock.now()).await;
            let is_it = served.document().seq >= seq;
            found = Some(served);
            is_it
        })
        .await;
        found.unwrap()
    }

    /// What the entry in force names, by the registry's own word.
    fn certificates(&self) -> usize {
        let shown = self.house.json(&["member", "show", MINATO]);
        shown["certificates"].as_array().unwrap().len()
    }
}

#[tokio::test]
async fn what_the_recovery_key_signed_counts_from_the_next_directory_on() {
    let town = Town::start().await;
    let before = town.serves(2).await;
    let profile = town.renewed();
    let file = town.request(&profile, 2, &town.recovery);
    // Nobody is asked for digits: the recovery key has spoken.
    let output = town.replace(&file, &["--approver-key", &town.at("approver.pem")]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["state"], "in-force");
    assert_eq!(town.certificates(), 2);

    town.serves(3).await;
    let node = town.node().await;
    let after = node.directory(Some(&before), town.clock.now()).await;
    assert_eq!(after.held().count(), 0);
    // The same request once more is about an entry that is in force no more.
    let (exit, said) = failure(&town.replace(&file, &["--approver-key", &town.at("approver.pem")]));
    assert!(exit == 3 && said.contains("version 2"), "{said}");
    town.registry.stop().await;
}

#[tokio::test]
async fn what_nobody_at_the_hospital_signed_is_listed_at_once_and_counts_after_a_day() {
    let town = Town::start().await;
    let before = town.serves(2).await;
    let profile = town.renewed();
    let file = town.write("new.jws", &town.description(&profile));
    let said = town.approved(&file, &profile);
    assert_eq!(said["state"], "held");
    let held = town.serves(3).await;
    let node = town.node().await;
    let held_by_a_node = node.directory(Some(&before), town.clock.now()).await;
    assert_eq!(held_by_a_node.held().count(), 1, "an alarm at every node");
    assert_eq!(town.certificates(), 1, "the old entry is in force");
    let shown = town.house.json(&["member", "show", MINATO]);
    assert_eq!(shown["replacement"]["in_force_at"], said["in_force_at"]);
    let listed = town.house.json(&["member", "list"]);
    assert_eq!(listed[0]["replacement"]["in_force_at"], said["in_force_at"]);
    // Typed once more, the day does not begin anew; another one does not push it aside.
    assert_eq!(
        town.approved(&file, &profile)["in_force_at"],
        said["in_force_at"]
    );
    let other = town.renewed();
    let elsewhere = town.write("other.jws", &town.description(&other));
    let (key, number) = (town.at("approver.pem"), comparison_number(&other));
    let more = ["--approver-key", &key, "--fingerprint", &number];
    let (exit, said) = failure(&town.replace(&elsewhere, &more));
    assert!(exit == 1 && said.contains("--cancel"), "{said}");

    // An hour before its time the date alone asks for nothing; then the registry does it by itself.
    town.clock.advance(HOLD_SECONDS - 3_600);
    let remade = town.serves(held.document().seq).await;
    assert_eq!(remade.held().count(), 1);
    town.clock.advance(3_601);
    let after = town.serves(held.document().seq + 1).await;
    eventually(async || town.certificates() == 2).await;
    assert_eq!(after.held().count(), 0);
    let shown = town.house.json(&["member", "show", MINATO]);
    let since = town.profile.keys[0].not_before.unix_seconds();
    let since = Timestamp::from_unix_seconds(since).to_string();
    assert_eq!(
        shown["keys"][0]["not_before"], since,
        "what it signed before still counts"
    );
    town.registry.stop().await;
}

#[tokio::test]
async fn what_is_on_hold_is_taken_back_before_it_counts() {
    let town = Town::start().await;
    let profile = town.renewed();
    let file = town.write("new.jws", &town.description(&profile));
    town.approved(&file, &profile);
    let output = town
        .house
        .command(&["member", "replace", "--cancel", MINATO]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let after = town.serves(4).await;
    assert_eq!(after.held().count(), 0);
    town.clock.advance(HOLD_SECONDS + 60);
    town.serves(5).await;
    assert_eq!(town.certificates(), 1);
    let (exit, said) = failure(
        &town
            .house
            .command(&["member", "replace", "--cancel", MINATO]),
    );
    assert!(exit == 1 && said.contains("no replacement"), "{said}");
    town.registry.stop().await;
}

#[tokio::test]
async fn a_stolen_sign_key_does_not_spare_the_day_and_a_suspension_does() {
    let town = Town::start().await;
    let profile = town.renewed();
    let file = town.request(&profile, 2, &town.minato.sign);
    assert_eq!(town.approved(&file, &profile)["state"], "held");
    town.house
        .json(&["member", "suspend", MINATO, "--reason", "keys stolen"]);
    assert_eq!(town.approved(&file, &profile)["state"], "in-force");
    assert_eq!(town.certificates(), 2);
    let served = town.serves(5).await;
    assert_eq!(served.document().members[0].state, MemberState::Suspended);
    town.registry.stop().await;
}

#[tokio::test]
async fn a_key_that_leaves_the_entry_stays_in_the_archive() {
    let town = Town::start().await;
    town.house
        .json(&["member", "suspend", MINATO, "--reason", "keys stolen"]);
    let mut profile = town.profile.clone();
    let gone = profile
        .keys
        .iter()
        .position(|key| key.key_use == KeyUse::Consent);
    let gone = profile.keys.remove(gone.unwrap());
    let file = town.request(&profile, 2, &town.minato.sign);
    town.approved(&file, &profile);
    let served = town.serves(4).await;
    let archived = &served.document().archive;
    assert_eq!((archived.len(), &archived[0].kid), (1, &gone.kid));
    assert!(archived[0].not_after <= served.document().iat);
    town.registry.stop().await;
}

#[tokio::test]
async fn a_request_that_is_not_in_order_replaces_nothing() {
    let town = Town::start().await;
    let key = town.at("approver.pem");
    let stranger = SecretKey::from_seed([99; 32]);
    std::fs::write(
        town.house.path("stranger.pem"),
        &*stranger.to_pkcs8_pem().unwrap(),
    )
    .unwrap();
    std::os::unix::fs::PermissionsExt::set_mode(
        &mut std::fs::metadata(town.house.path("stranger.pem"))
            .unwrap()
            .permissions(),
        0o600,
    );
    let refused = |file: &str, more: &[&str]| failure(&town.replace(file, more));
    let rightly = town.request(&town.renewed(), 2, &town.recovery);
    let (exit, said) = refused(&rightly, &[]);
    assert!(exit == 4 && said.contains("too few approvers"), "{said}");
    let (exit, _) = refused(
        &town.request(&town.renewed(), 3, &town.recovery),
        &["--approver-key", &key],
    );
    assert_eq!(exit, 3, "a version that does not follow");
    let mut with_key = town.renewed();
    with_key
        .keys
        .push(Hospital::new("0110000002", 2).profile().keys[0].clone());
    let (exit, said) = refused(
        &town.request(&with_key, 2, &town.recovery),
        &["--approver-key", &key],
    );
    assert!(
        exit == 3 && said.contains("without the description"),
        "{said}"
    );
    let mut elsewhere = town.renewed();
    elsewhere.endpoints.federation = "https://thief.example".to_owned();
    let (exit, said) = refused(
        &town.request(&elsewhere, 2, &town.recovery),
        &["--approver-key", &key],
    );
    assert!(
        exit == 3 && said.contains("subject alternative name"),
        "{said}"
    );
    let (exit, _) = refused(
        &town.write("nonsense", "{\"entry\":7}"),
        &["--approver-key", &key],
    );
    assert_eq!(exit, 3);
    assert_eq!(town.certificates(), 1);
    town.registry.stop().await;
}

/// Root asks for two approvers from here on: `approver.pem` and `approver2.pem`.
fn ask_for_two(house: &House) {
    let path = |file: &str| house.path(file).to_str().unwrap().to_owned();
    let second = SecretKey::from_seed([77; 32]);
    let file = house.path("approver2.pem");
    std::fs::write(&file, &*second.to_pkcs8_pem().unwrap()).unwrap();
    let narrow = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o600);
    std::fs::set_permissions(&file, narrow).unwrap();
    let (draft, signed) = (path("draft.json"), path("root.json"));
    let done = |words: &[&str]| {
        let output = house.command(words);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    let x = second.public().x();
    done(&[
        "root",
        "draft",
        "--add-approver",
        &x,
        "--approver-threshold",
        "2",
        "--out",
        &draft,
    ]);
    let by_root = Command::new(env!("CARGO_BIN_EXE_musubi-registry"))
        .args([
            "root",
            "sign",
            &draft,
            "--root-key",
            &path("root.pem"),
            "--out",
            &signed,
        ])
        .output()
        .unwrap();
    assert!(
        by_root.status.success(),
        "{}",
        String::from_utf8_lossy(&by_root.stderr)
    );
    let second = path("approver2.pem");
    done(&["root", "rotate", &signed, "--approver-key", &second]);
}

#[tokio::test]
async fn two_approvers_on_two_machines_replace_an_entry_and_one_alone_does_not() {
    let town = Town::start().await;
    ask_for_two(&town.house);
    let profile = town.renewed();
    let file = town.request(&profile, 2, &town.recovery);
    // The first signs at the registry: the entry waits, and nobody is alarmed.
    assert_eq!(town.approved(&file, &profile)["state"], "waiting");
    assert_eq!(
        town.approved(&file, &profile)["signatures"],
        1,
        "the same one twice is one"
    );
    assert_eq!(town.certificates(), 1);
    // The second on a machine that has neither the registry's folder nor its settings.
    let (statement, signed) = (town.at("statement.json"), town.at("signed.json"));
    let exported = town.replace(&file, &["--export", &statement]);
    assert!(
        exported.status.success(),
        "{}",
        String::from_utf8_lossy(&exported.stderr)
    );
    let number = comparison_number(&profile);
    let elsewhere = Command::new(env!("CARGO_BIN_EXE_musubi-registry"))
        .args(["application", "sign", &statement, "--out", &signed])
        .args([
            "--approver-key",
            &town.at("approver2.pem"),
            "--fingerprint",
            &number,
        ])
        .output()
        .unwrap();
    assert!(
        elsewhere.status.success(),
        "{}",
        String::from_utf8_lossy(&elsewhere.stderr)
    );
    // A statement about something else is not taken for it.
    let other = town.write("other.json", "{\"payload\":\"e30\",\"signatures\":[]}");
    let (exit, _) = failure(&town.replace(&file, &["--statement", &other]));
    assert_eq!(exit, 3);

    let output = town.replace(&file, &["--statement", &signed]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(town.certificates(), 2);
    town.registry.stop().await;
}

#[tokio::test]
async fn online_keys_are_sealed_and_the_registry_starts_with_the_passphrase_alone() {
    let town = Town::start().await;
    town.registry.stop().await;
    let house = &town.house;
    let (exit, said) = failure(&house.command(&["keys", "encrypt"]));
    assert!(exit == 78 && said.contains("openssl rand"), "{said}");
    let word = "a passphrase of this test";
    let with = |word: &str, words: &[&str]| {
        let mut command = house.prepare(words);
        command.env("MUSUBI_REGISTRY_KEYS__PASSPHRASE", word);
        command.output().unwrap()
    };
    assert!(with(word, &["keys", "encrypt"]).status.success());
    for file in [
        "keys/directory.pem",
        "keys/status.pem",
        "keys/probe.pem",
        "tls/key.pem",
    ] {
        let text = std::fs::read_to_string(house.path("registry").join(file)).unwrap();
        assert!(
            text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"),
            "{file}"
        );
    }
    let suspend = ["member", "suspend", MINATO];
    let (exit, said) = failure(&house.command(&suspend));
    assert!(
        exit == 78 && said.contains("no passphrase is set"),
        "{said}"
    );
    let (exit, said) = failure(&with("a passphrase of another", &suspend));
    assert!(
        exit == 78 && said.contains("not opened by the passphrase"),
        "{said}"
    );
    assert!(with(word, &suspend).status.success());

    // From a file, as the service manager lends it; one that others can read is refused.
    let file = house.path("passphrase");
    std::fs::write(&file, format!("{word}\n")).unwrap();
    let mode = |bits| {
        let narrow = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(bits);
        std::fs::set_permissions(&file, narrow).unwrap();
    };
    let mut settings = std::fs::read_to_string(house.config_file()).unwrap();
    settings.push_str(&format!(
        "\n[keys]\npassphrase_file = \"{}\"\n",
        file.display()
    ));
    std::fs::write(house.config_file(), settings).unwrap();
    mode(0o644);
    let (exit, said) = failure(&house.command(&["member", "resume", MINATO]));
    assert!(exit == 78 && said.contains("chmod 0600"), "{said}");
    mode(0o600);
    let registry = Registry::start(house.config(), SystemClock::shared()).unwrap();
    registry.stop().await;
}
