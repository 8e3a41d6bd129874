//! `doctor` of both programs, as processes beside running nodes: a healthy town has no problem, and
//! each failure, really provoked, has its code.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use federation_protocol::jws::PayloadHash;
use federation_protocol::member::MemberState;
use federation_service::clock::{Clock as _, ManualClock, SystemClock};
use federation_service::tls::TlsIdentity;
use musubi_node::config::Config;
use musubi_node::keys::Keys;
use scenarios::{Hospital, Store, Town};
use serde_json::Value;

use crate::program;

const DAY: i64 = 86_400;
const LOOPBACK: &str = "127.0.0.0/8";

/// What a doctor said.
struct Said {
    exit: i32,
    report: Value,
}

impl Said {
    fn of(output: &Output) -> Self {
        let text = String::from_utf8_lossy(&output.stdout);
        let report = serde_json::from_str(&text);
        Self {
            exit: output.status.code().unwrap(),
            report: report
                .unwrap_or_else(|_| panic!("{text}\n{}", String::from_utf8_lossy(&output.stderr))),
        }
    }

    /// The code of a check; of one about `member`, where that is not empty.
    fn of_member(&self, check: &str, member: &str) -> &str {
        let mut findings = self.report["findings"].as_array().unwrap().iter();
        let found = findings.find(|one| {
            let subject = one["subject"].as_str().unwrap_or_default();
            one["check"] == check && subject.contains(member)
        });
        let found = found.unwrap_or_else(|| panic!("no {check} {member}: {:#}", self.report));
        found["code"].as_str().unwrap()
    }

    fn code(&self, check: &str) -> &str {
        self.of_member(check, "")
    }

    /// Exit code 3, and this problem with its cause and what mends it.
    fn has_problem(&self, check: &str, code: &str) {
        assert_eq!(self.code(check), code, "{:#}", self.report);
        assert_eq!(self.exit, 3, "{:#}", self.report);
        let mut findings = self.report["findings"].as_array().unwrap().iter();
        let found = findings.find(|one| one["code"] == code).unwrap();
        assert_eq!(found["verdict"], "problem", "{code}");
        for text in ["cause", "mend"] {
            assert!(!found[text].as_str().unwrap().is_empty(), "{code}: {text}");
        }
    }

    /// Every code that is not well, sorted.
    fn bad(&self) -> Vec<&str> {
        let findings = self.report["findings"].as_array().unwrap().iter();
        let bad = findings.filter(|one| one["verdict"] != "ok");
        let mut codes: Vec<_> = bad.map(|one| one["code"].as_str().unwrap()).collect();
        codes.sort_unstable();
        codes
    }
}

async fn doctor(hospital: &Hospital, words: &[&str]) -> Said {
    let words = [&["doctor", "-o", "json", "--quiet"], words].concat();
    Said::of(&program().node_later(hospital, &words).await)
}

async fn registry_doctor(town: &Town, words: &[&str]) -> Said {
    let words = [
        &["doctor", "-o", "json", "--quiet", "--allow-cidr", LOOPBACK],
        words,
    ]
    .concat();
    Said::of(&program().registry_later(town, &words).await)
}

fn folder(hospital: &Hospital) -> std::path::PathBuf {
    hospital.config_file().parent().unwrap().to_owned()
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Puts another certificate and key in the place of a hospital's own.
fn show_another_certificate(hospital: &Hospital, from_days: i64, until_days: i64) {
    let now = SystemClock.now();
    let made = TlsIdentity::generate(
        "127.0.0.1",
        now.plus_seconds(from_days * DAY),
        now.plus_seconds(until_days * DAY),
    );
    let tls = hospital.config().federation.tls;
    for file in [&tls.certificate, &tls.key] {
        fs::remove_file(file).unwrap();
    }
    made.unwrap().write_pem(&tls.certificate, &tls.key).unwrap();
}

/// Writes nonsense over the last quarter of a database's file.
fn damage(config: &Config) {
    let path = config.database.as_str().strip_prefix("sqlite:").unwrap();
    let mut bytes = fs::read(path).unwrap();
    let from = bytes.len() / 4_096 * 3 / 4 * 4_096;
    bytes[from..].fill(0xff);
    fs::write(path, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_town_has_no_problem_on_either_database() {
    for store in Store::each() {
        let town = Town::in_real_time(&["minato", "yukimi", "shirakaba"], store).await;
        town.settle().await;
        let minato = town.at("minato");

        let said = doctor(minato, &[]).await;

        assert_eq!(said.exit, 0, "{:#}", said.report);
        // What every new node is told; a strict look ends with 3 for it.
        assert_eq!(
            said.bad(),
            [
                "backup-none",
                "keys-without-passphrase",
                "recovery-key-here"
            ]
        );
        for check in ["dns", "tcp", "tls", "echo", "clock", "policy"] {
            let check = format!("peer.{check}");
            for peer in ["yukimi", "shirakaba"] {
                assert_eq!(said.of_member(&check, peer), "well", "{check} {peer}");
            }
        }
        assert_eq!(said.code("own.echo"), "well");
        assert_eq!(said.code("registry.clock"), "well");
        let strict = doctor(minato, &["--strict"]).await;
        assert_eq!(strict.exit, 3);

        let one = doctor(minato, &["--peer", "0110000002"]).await;
        assert_eq!(one.exit, 0);
        assert_eq!(one.of_member("peer.echo", "yukimi"), "well");
        let unknown = doctor(minato, &["--peer", "0110000099"]).await;
        unknown.has_problem("peers", "peer-unknown");

        let said = registry_doctor(&town, &[]).await;
        assert_eq!((said.exit, said.bad()), (0, vec![]), "{:#}", said.report);
        for member in ["minato", "yukimi", "shirakaba"] {
            assert_eq!(said.of_member("member.tls", member), "well");
        }
        town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doctor_speaks_japanese_and_english_and_tells_what_it_looks_at() {
    let town = Town::in_real_time(&["minato"], Store::Sqlite).await;
    for (language, word, progress) in [
        ("ja", "バックアップがありません", "… 名簿の写し"),
        ("en", "no backup in", "… directory copy"),
    ] {
        let words = ["doctor", "--lang", language];
        let output = program().node_later(town.at("minato"), &words).await;
        let text = String::from_utf8(output.stdout).unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(word), "{text}");
        assert!(text.contains("musubi-node backup create"), "{text}");
        assert!(told.contains(progress), "{told}");
    }
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_in_the_house_is_found_without_a_running_node() {
    let mut town = Town::in_real_time(&["minato"], Store::Sqlite).await;
    town.at_mut("minato").stop().await;
    let minato = town.at("minato");
    let home = folder(minato);
    let keys = minato.config().state_dir.join("keys");

    let said = doctor(minato, &[]).await;
    assert_eq!(said.exit, 0, "{:#}", said.report);
    assert_eq!(said.code("own.running"), "node-not-running");
    assert_eq!(said.code("own.tls"), "not-tried");

    set_mode(&keys.join("sign.pem"), 0o644);
    doctor(minato, &[]).await.has_problem("keys", "keys-mode");
    set_mode(&keys.join("sign.pem"), 0o600);

    fs::rename(keys.join("sign.pem"), home.join("away")).unwrap();
    doctor(minato, &[])
        .await
        .has_problem("keys", "keys-missing");
    fs::write(keys.join("sign.pem"), "no key").unwrap();
    set_mode(&keys.join("sign.pem"), 0o600);
    doctor(minato, &[])
        .await
        .has_problem("keys", "keys-malformed");
    fs::rename(home.join("away"), keys.join("sign.pem")).unwrap();

    fs::rename(&keys, home.join("listed")).unwrap();
    Keys::create(&keys).unwrap();
    doctor(minato, &[])
        .await
        .has_problem("directory.keys", "keys-not-listed");
    fs::remove_dir_all(&keys).unwrap();
    fs::rename(home.join("listed"), &keys).unwrap();

    let full = doctor(minato, &["--min-free", "1000000000GiB"]).await;
    full.has_problem("disk", "disk-full");

    program().node_later(minato, &["backup", "create"]).await;
    assert_eq!(doctor(minato, &[]).await.code("backup"), "well");

    let tls = minato.config().federation.tls;
    set_mode(&tls.key, 0o640);
    doctor(minato, &[])
        .await
        .has_problem("certificate", "keys-mode");
    show_another_certificate(minato, -1, 10);
    let said = doctor(minato, &[]).await;
    assert_eq!(said.code("certificate"), "certificate-ends-soon");
    said.has_problem("directory.certificate", "certificate-not-listed");
    show_another_certificate(minato, -30, -1);
    doctor(minato, &[])
        .await
        .has_problem("certificate", "certificate-expired");

    let elsewhere = "endpoint = \"https://127.0.0.1:1\"";
    minato.set("federation", elsewhere);
    doctor(minato, &[])
        .await
        .has_problem("directory.own", "endpoint-differs");

    damage(&minato.config());
    let said = doctor(minato, &[]).await;
    let found = [said.code("database"), said.code("database.soundness")];
    assert!(
        found.contains(&"database-unsound") || found.contains(&"database-closed"),
        "{:#}",
        said.report
    );

    minato.set("federation", "rate_per_secnd = 3");
    let said = doctor(minato, &[]).await;
    said.has_problem("config", "config-unknown-key");
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_a_newer_or_older_program_are_told_and_left_as_they_are() {
    for store in Store::each() {
        let mut town = Town::in_real_time(&["minato"], store).await;
        town.at_mut("minato").stop().await;
        let minato = town.at("minato");
        let mut database = minato.other_connection();
        if store == Store::Sqlite {
            // The last threads of the node may still be closing the file.
            database.run("PRAGMA busy_timeout = 10000");
        }

        database.run("INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')");
        doctor(minato, &[])
            .await
            .has_problem("database.schema", "database-newer");

        database.run("DELETE FROM __diesel_schema_migrations WHERE version = '9999'");
        database.run(
            "DELETE FROM __diesel_schema_migrations WHERE version = \
             (SELECT MAX(version) FROM __diesel_schema_migrations)",
        );
        for _ in 0..2 {
            // The second time as the first: nothing was brought up to date.
            let said = doctor(minato, &[]).await;
            assert_eq!(said.code("database.schema"), "database-older");
        }
        minato.set("database", "url = \"postgres://nobody@127.0.0.1:1/none\"");
        doctor(minato, &[])
            .await
            .has_problem("database", "database-closed");
        town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_peer_is_found_at_the_step_where_it_is() {
    let mut town = Town::in_real_time(&["minato", "yukimi"], Store::Sqlite).await;
    town.settle().await;

    // Clocks apart by half a minute: a warning; by two: signatures are refused.
    for (seconds, echo, clock, exit) in [
        (30, "well", "clock-off", 0),
        (120, "echo-time-refused", "clock-far", 3),
    ] {
        town.at_mut("yukimi").stop().await;
        let shifted = ManualClock::at(SystemClock.now().plus_seconds(seconds));
        town.at_mut("yukimi").start(shifted).await;
        let said = doctor(town.at("minato"), &["--peer", "0110000002"]).await;
        assert_eq!(said.code("peer.echo"), echo, "{:#}", said.report);
        assert_eq!(said.code("peer.clock"), clock, "{:#}", said.report);
        assert_eq!(said.exit, exit, "{:#}", said.report);
    }

    town.at_mut("yukimi").stop().await;
    let said = doctor(town.at("minato"), &[]).await;
    said.has_problem("peer.tcp", "connection-refused");
    assert_eq!(said.code("peer.dns"), "well");
    assert_eq!(said.code("peer.tls"), "not-tried");
    assert_eq!(said.code("peer.echo"), "not-tried");
    assert_eq!(said.code("peer.policy"), "well");
    let registry = registry_doctor(&town, &[]).await;
    assert_eq!(
        registry.of_member("member.tcp", "yukimi"),
        "connection-refused"
    );
    assert_eq!(registry.of_member("member.tls", "minato"), "well");
    assert_eq!(registry.exit, 3);

    show_another_certificate(town.at("yukimi"), -1, 100);
    town.restart("yukimi").await;
    let said = doctor(town.at("minato"), &[]).await;
    said.has_problem("peer.tls", "certificate-other");
    assert_eq!(said.code("peer.echo"), "not-tried");
    let registry = registry_doctor(&town, &[]).await;
    assert_eq!(
        registry.of_member("member.tls", "yukimi"),
        "certificate-other"
    );
    // At home it is the certificate that is not the listed one.
    let said = doctor(town.at("yukimi"), &[]).await;
    said.has_problem("directory.certificate", "certificate-not-listed");

    town.suspend("yukimi");
    town.settle_until("yukimi", MemberState::Suspended).await;
    let said = doctor(town.at("minato"), &[]).await;
    assert_eq!(said.code("peer.policy"), "peer-not-taking-part");
    let said = doctor(town.at("yukimi"), &[]).await;
    said.has_problem("registry.own-state", "own-not-active");
    assert_eq!(said.code("directory.own"), "own-not-active");
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_in_a_network_that_is_not_allowed_is_not_called() {
    let town = Town::in_real_time(&["minato", "yukimi"], Store::Sqlite).await;
    town.settle().await;
    let minato = town.at("minato");
    minato.set("federation", "allow_cidrs = [\"10.0.0.0/8\"]");
    let said = doctor(minato, &[]).await;
    said.has_problem("peer.dns", "address-refused");
    assert_eq!(said.code("registry.dns"), "address-refused");
    // Our own address is ours to call.
    assert_eq!(said.code("own.echo"), "well", "{:#}", said.report);
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_at_the_registry_is_found_from_both_sides() {
    let mut town = Town::in_real_time(&["minato"], Store::Sqlite).await;
    town.settle().await;
    let keys = town.folder().join("registry/keys/status.pem");

    set_mode(&keys, 0o644);
    let said = registry_doctor(&town, &[]).await;
    assert_eq!((said.bad(), said.exit), (vec!["keys-mode"], 3));
    set_mode(&keys, 0o600);
    another_root_is_told(town.at("minato")).await;
    let said = registry_doctor(&town, &["--min-free", "1000000000000000"]).await;
    said.has_problem("disk", "disk-full");
    town.lose_registry().await;

    let said = doctor(town.at("minato"), &[]).await;
    said.has_problem("registry.tcp", "connection-refused");
    assert_eq!(said.code("registry.root"), "not-tried");
    assert_eq!(said.code("own.echo"), "well");
    let said = registry_doctor(&town, &[]).await;
    assert_eq!(said.code("running"), "registry-not-running");
    town.stop().await;
}

/// The pin is another: what is stored does not fit it, and neither does what the registry says.
async fn another_root_is_told(minato: &Hospital) {
    let was = fs::read(minato.config_file()).unwrap();
    let pin = PayloadHash::of(b"another root");
    minato.set("registry", &format!("root_sha256 = \"{pin}\""));
    doctor(minato, &[])
        .await
        .has_problem("directory.stored", "directory-damaged");
    let elsewhere = folder(minato).join("new-state");
    fs::create_dir(&elsewhere).unwrap();
    let keys = minato.config().state_dir.join("keys");
    std::os::unix::fs::symlink(keys, elsewhere.join("keys")).unwrap();
    minato.set("state", "dir = \"new-state\"");
    let said = doctor(minato, &[]).await;
    said.has_problem("registry.root", "root-other");
    assert_eq!(said.code("registry.status"), "not-tried");
    fs::write(minato.config_file(), was).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_whose_clock_is_ahead_is_found_out() {
    let town = Town::start(&["minato"], Store::Sqlite).await;
    town.clock.advance(180);
    let mut code = String::new();
    for _ in 0..50 {
        code = doctor(town.at("minato"), &[])
            .await
            .code("registry.status")
            .to_owned();
        if code == "registry-clock-ahead" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(code, "registry-clock-ahead");
    let registry = registry_doctor(&town, &[]).await;
    registry.has_problem("clock", "clock-behind-ledger");
    town.stop().await;
}
