#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    reason = "tests fail by panicking"
)]

//! A node's database through the command line alone: what an operator types, in order.

use std::path::{Path, PathBuf};

use super::*;
use crate::database::Kind;
use crate::database::testing::{Empty, empty};

#[test]
fn every_command_and_option_is_one_of_its_kind() {
    <Cli as clap::CommandFactory>::command().debug_assert();
}

/// A node that `init` made, with one chart, on a database of the kind.
struct Node {
    folder: tempfile::TempDir,
    _database: Empty,
}

/// The exit code, 0 for success.
fn typed(words: &[&str]) -> u8 {
    let cli = Cli::try_parse_from([&["musubi-node"], words].concat()).unwrap();
    obey(&cli.command)
        .err()
        .map_or(0, |failure| failure.exit.code())
}

impl Node {
    fn made(kind: Kind) -> Option<Self> {
        let database = empty(kind)?;
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("node");
        let pin = "A".repeat(43);
        let made = typed(&[
            "init",
            "--dir",
            dir.to_str().unwrap(),
            "--member",
            "0110000001",
            "--name",
            "港病院",
            "--registry",
            "https://127.0.0.1:9000",
            "--root-sha256",
            &pin,
            "--endpoint",
            "https://127.0.0.1:9443",
            "--database",
            &database.url,
        ]);
        assert_eq!(made, 0);
        let node = Self {
            folder,
            _database: database,
        };
        node.load("p-1");
        Some(node)
    }

    fn load(&self, patient: &str) {
        let file = self.folder.path().join("chart.ndjson");
        std::fs::write(
            &file,
            format!("{{\"resourceType\":\"Patient\",\"id\":\"{patient}\"}}\n"),
        )
        .unwrap();
        assert_eq!(self.types("load", &[file.to_str().unwrap()]), 0);
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("node/node.toml")
    }

    fn types(&self, command: &str, rest: &[&str]) -> u8 {
        let config = self.config();
        let words: Vec<&str> = command.split(' ').collect();
        typed(&[&words[..], &["--config", config.to_str().unwrap()], rest].concat())
    }

    fn holds(&self, patient: &str) -> bool {
        let args = ConfigArgs {
            config: self.config(),
        };
        chart(&rooms(&args).unwrap(), patient).is_ok()
    }
}

fn on_each_kind(test: impl Fn(&Node)) {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        if let Some(node) = Node::made(kind) {
            test(&node);
        }
    }
}

fn backups(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap();
    let files = files.map(|entry| entry.unwrap().path());
    files
        .filter(|file| file.extension().unwrap() != "json")
        .collect()
}

#[test]
fn an_operator_backs_up_verifies_and_goes_back() {
    on_each_kind(|node| {
        let out = node.folder.path().join("nas");
        std::fs::create_dir(&out).unwrap();
        assert_eq!(
            node.types("backup create", &["--out", out.to_str().unwrap()]),
            0
        );
        let backups = backups(&out);
        assert_eq!(backups.len(), 1);
        let file = backups[0].to_str().unwrap();
        assert_eq!(typed(&["backup", "verify", file]), 0);
        node.load("p-2");

        assert_eq!(node.types("backup restore", &[file]), 1);
        assert!(node.holds("p-2"));

        assert_eq!(
            node.types("backup restore", &[file, "--force", "-o", "json"]),
            0
        );
        assert!(node.holds("p-1"));
        assert!(!node.holds("p-2"));

        let mut bytes = std::fs::read(file).unwrap();
        bytes[100] ^= 1;
        std::fs::write(file, bytes).unwrap();
        assert_eq!(typed(&["backup", "verify", file]), 3);
        assert_eq!(node.types("backup restore", &[file, "--force"]), 3);
    });
}

#[test]
fn nobody_restores_or_reindexes_under_a_node_that_runs() {
    on_each_kind(|node| {
        let out = node.folder.path().join("backup");
        let out = out.to_str().unwrap();
        let args = ConfigArgs {
            config: node.config(),
        };
        let running = rooms(&args).unwrap();
        assert_eq!(node.types("backup create", &["--out", out]), 0);
        assert_eq!(node.types("backup restore", &[out, "--force"]), 75);
        assert_eq!(node.types("database reindex", &[]), 75);
        drop(running);
        assert_eq!(node.types("database reindex", &[]), 0);
        assert_eq!(node.types("backup restore", &[out, "--force"]), 0);
    });
}

#[test]
fn the_default_folder_holds_no_more_backups_than_the_settings_want() {
    let node = Node::made(Kind::Sqlite).unwrap();
    let text = std::fs::read_to_string(node.config()).unwrap();
    let folder = node.folder.path().join("kept");
    let backup = format!("[backup]\ndir = \"{}\"\nkeep = 1\n", folder.display());
    std::fs::write(node.config(), text + &backup).unwrap();
    std::fs::create_dir(&folder).unwrap();
    let earlier = folder.join("musubi-0110000001-20260101T000000Z.sqlite");
    std::fs::write(&earlier, "").unwrap();
    assert_eq!(node.types("backup create", &[]), 0);
    assert!(!earlier.exists());
    assert_eq!(backups(&folder).len(), 1);
}

/// A package of one profile of Patient that asks for a photo.
fn package() -> Vec<u8> {
    let profile = "{\"resourceType\":\"StructureDefinition\",\"url\":\"http://minato.example/Shown\",\
        \"kind\":\"resource\",\"derivation\":\"constraint\",\"type\":\"Patient\",\"snapshot\":{\"element\":[\
        {\"id\":\"Patient\"},{\"id\":\"Patient.photo\",\"min\":1,\"max\":\"*\"}]}}";
    let mut archive = tar::Builder::new(Vec::new());
    let mut head = tar::Header::new_gnu();
    head.set_size(profile.len().try_into().unwrap());
    head.set_mode(0o644);
    archive
        .append_data(
            &mut head,
            "package/StructureDefinition-shown.json",
            profile.as_bytes(),
        )
        .unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, &archive.into_inner().unwrap()).unwrap();
    packed.finish().unwrap()
}

#[test]
fn an_added_package_is_known_from_the_next_start_and_a_broken_one_stops_it() {
    let node = Node::made(Kind::Sqlite).unwrap();
    let file = node.folder.path().join("shown.tgz");
    std::fs::write(&file, package()).unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(node.types("profiles add", &[file]), 1, "it has no manifest");
    let named = [file, "--name", "minato.shown", "--version", "3"];
    assert_eq!(node.types("profiles add", &named), 0);
    assert_eq!(node.types("profiles list", &["-o", "json"]), 0);
    assert_eq!(node.types("check-config", &[]), 0);

    let text = std::fs::read_to_string(node.config()).unwrap();
    std::fs::write(node.config(), text + "[records]\nvalidation = \"strict\"\n").unwrap();
    let chart = node.folder.path().join("shown.ndjson");
    let claim = "{\"resourceType\":\"Patient\",\"id\":\"p-2\",\
        \"meta\":{\"profile\":[\"http://minato.example/Shown\"]}}\n";
    std::fs::write(&chart, claim).unwrap();
    assert_eq!(node.types("load", &[chart.to_str().unwrap()]), 7);
    assert!(!node.holds("p-2"));

    let profiles = Config::load(&node.config()).unwrap().records.profiles;
    let broken = profiles.join("broken.tgz");
    std::fs::write(&broken, "no archive").unwrap();
    let args = ConfigArgs {
        config: node.config(),
    };
    let Err(failure) = rooms(&args) else {
        panic!("it was opened");
    };
    assert_eq!(failure.exit, Exit::Config);
    assert!(
        failure.message.contains("broken.tgz"),
        "{}",
        failure.message
    );
    assert_eq!(node.types("check-config", &[]), 78);
    assert_eq!(node.types("profiles list", &[]), 78);
}

#[test]
fn what_an_import_does_not_take_is_in_a_file_and_in_quarantine() {
    on_each_kind(|node| {
        let path = |name: &str| node.folder.path().join(name).display().to_string();
        let (export, errors) = (path("export.ndjson"), path("errors.csv"));
        let lines = "{\"resourceType\":\"Patient\",\"id\":\"p-2\"}\n{}\n";
        std::fs::write(&export, lines).unwrap();
        let ndjson = [export.as_str(), "--format", "ndjson"];
        let with = |rest: &[&str]| node.types("import", &[&ndjson[..], rest].concat());

        assert_eq!(with(&["--dry-run"]), 3);
        assert!(!node.holds("p-2"));
        assert_eq!(with(&["--errors", &errors, "-o", "json"]), 3);
        assert!(node.holds("p-2"));
        let csv = std::fs::read_to_string(&errors).unwrap();
        let rows: Vec<&str> = csv.lines().collect();
        assert_eq!((rows.len(), rows[0]), (2, "source,place,reason,detail"));
        assert!(rows[1].contains("export.ndjson\",\"line 2\",\"resourceType"));
        assert_eq!(node.types("import quarantine list", &["-o", "json"]), 0);

        assert_eq!(with(&["--resume"]), 3, "done, and not whole");
        std::fs::write(&export, lines.replace("{}\n", "")).unwrap();
        assert_eq!(with(&["--resume"]), 1, "another file");
        assert_eq!(with(&[]), 0);
        assert_eq!(with(&["--watch"]), 1, "for trees only");
    });
}

#[test]
fn a_storage_tree_is_that_of_the_node_unless_another_institution_is_named() {
    on_each_kind(|node| {
        let folder = node.folder.path().join("storage/000/790/00079013/-/ADT-00");
        std::fs::create_dir_all(&folder).unwrap();
        let file = "00079013_-_ADT-00_999999999999999_20260401103059000_-_1";
        let message = "MSH|^~\\&|HIS|MINATO|GW|RCV|20260401103059||ADT^A08|1|P|2.5\r\
                       PID|0001||00079013^^^^PI||YUKIMI^HANA^^^^^L^P||19750828|F\r";
        std::fs::write(folder.join(file), message).unwrap();
        let root = node.folder.path().join("storage").display().to_string();
        let tree = [root.as_str(), "--format", "ss-mix2"];
        let with = |rest: &[&str]| node.types("import", &[&tree[..], rest].concat());
        assert_eq!(with(&[]), 0);
        assert!(node.holds("0110000001.00079013"));
        assert_eq!(with(&["--institution", "0110000002"]), 0);
        assert!(node.holds("0110000002.00079013"));
        assert_eq!(with(&["--institution", "9910000002"]), 78);
    });
}

#[test]
fn a_database_is_measured_checked_and_vacuumed() {
    on_each_kind(|node| {
        assert_eq!(node.types("database size", &["-o", "json"]), 0);
        assert_eq!(node.types("database check", &[]), 0);
        assert_eq!(node.types("database vacuum", &[]), 0);
        assert!(node.holds("p-1"));
    });
}

#[test]
fn an_operator_lets_staff_and_people_in() {
    on_each_kind(|node| {
        let add = |role, id, ttl| {
            let name = [
                "--role",
                role,
                "--id",
                id,
                "--name",
                "佐藤 健",
                "--ttl",
                ttl,
            ];
            node.types("staff add", &name)
        };
        assert_eq!(add("admin", "admin-1", "1h"), 0);
        assert_eq!(add("system", "ehr", "1h"), 1);
        assert_eq!(add("nobody", "x", "1h"), 1);
        assert_eq!(add("physician", "dr-0042", "5m"), 1);
        assert_eq!(node.types("staff list", &["-o", "json"]), 0);
        let one = ["--id", "admin-1"];
        assert_eq!(node.types("staff setup-link", &one), 0);
        assert_eq!(node.types("staff setup-link", &["--id", "nobody"]), 1);
        assert_eq!(node.types("staff end-sessions", &one), 0);
        assert_eq!(node.types("staff end-sessions", &["--id", "nobody"]), 1);
        assert_eq!(node.types("staff disable", &one), 0);
        assert_eq!(node.types("staff setup-link", &one), 1);

        let code = |patient| node.types("person enroll", &["--patient", patient, "--code"]);
        assert_eq!(code("p-1"), 1, "nobody knows when they were born");
        let chart = node.folder.path().join("born.ndjson");
        let born = r#"{"resourceType":"Patient","id":"p-2","birthDate":"1957-04-01"}"#;
        std::fs::write(&chart, format!("{born}\n")).unwrap();
        assert_eq!(node.types("load", &[chart.to_str().unwrap()]), 0);
        assert_eq!(code("p-2"), 0);
        assert_eq!(code("p-2"), 0, "a new phone");

        let key = node.folder.path().join("ehr.pub");
        let pair = openssl::pkey::PKey::generate_ed25519().unwrap();
        std::fs::write(&key, pair.public_key_to_pem().unwrap()).unwrap();
        let key = ["--system", "ehr", "--key", key.to_str().unwrap()];
        assert_eq!(node.types("staff system-key add", &key), 0);
        assert_eq!(node.types("staff system-key list", &[]), 0);
        assert_eq!(node.types("staff system-key end", &["nobody"]), 1);
    });
}
