//! What an operator types, and what the program answers when it must say no.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    reason = "tests fail by panicking"
)]

mod house;

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use federation_protocol::keys::SecretKey;
use federation_service::clock::{Clock as _, SystemClock};
use house::{Hospital, House, failure};

const MINATO: &str = "0110000001";
const MINATO_ID: &str = "urn:musubi:member:0110000001";

fn mode(house: &House, file: &str) -> u32 {
    std::fs::metadata(house.path(file))
        .unwrap()
        .permissions()
        .mode()
        & 0o777
}

/// `member add` of a description, with an approver key.
fn add(house: &House, description: &str, key: &str) -> (i32, String) {
    let path = house.path("description.jws");
    std::fs::write(&path, description).unwrap();
    let output = house.command(&[
        "member",
        "add",
        path.to_str().unwrap(),
        "--approver-key",
        house.path(key).to_str().unwrap(),
    ]);
    failure(&output)
}

#[test]
fn init_hands_out_the_approver_key_and_keeps_the_rest_to_its_owner() {
    let house = House::new(0);
    for key in [
        "approver.pem",
        "root.pem",
        "registry/keys/directory.pem",
        "registry/keys/status.pem",
        "registry/keys/probe.pem",
        "registry/tls/key.pem",
        "registry/registry.db",
    ] {
        assert_eq!(mode(&house, key), 0o600, "{key}");
    }
    assert_eq!(mode(&house, "registry"), 0o700);
    let kid = |file| {
        let pem = std::fs::read_to_string(house.path(file)).unwrap();
        SecretKey::from_pkcs8_pem(&pem).unwrap().kid().clone()
    };
    let (approver, root) = (kid("approver.pem"), kid("root.pem"));
    for entry in walk(&house.path("registry")) {
        if let Ok(text) = std::fs::read_to_string(&entry) {
            let held = SecretKey::from_pkcs8_pem(&text).map(|key| key.kid().clone());
            assert!(
                held != Ok(approver.clone()) && held != Ok(root.clone()),
                "{entry:?}"
            );
        }
    }
    let left: Vec<_> = std::fs::read_dir(house.folder.path()).unwrap().collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| {
            if path.is_dir() {
                walk(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[test]
fn init_never_writes_over_anything() {
    let house = House::new(0);
    let before = std::fs::read(house.path("approver.pem")).unwrap();
    let init = |dir: &str, key: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_musubi-registry"))
            .args([
                "init",
                "--id",
                house::REGISTRY,
                "--url",
                "https://127.0.0.1:9000",
                "--dir",
            ])
            .arg(house.path(dir))
            .arg("--approver-key")
            .arg(house.path(key))
            .output()
            .unwrap();
        failure(&output)
    };
    assert_eq!(init("registry", "other.pem").0, 1);
    assert_eq!(init("another", "approver.pem").0, 1);
    // root.pem, beside the approver's key, is there already.
    assert_eq!(init("another", "other.pem").0, 1);
    assert_eq!(std::fs::read(house.path("approver.pem")).unwrap(), before);
    assert!(!house.path("another").exists() && !house.path("other.pem").exists());
    let (code, said) = init("another", "another/approver.pem");
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("would lie inside"), "{said}");
}

#[test]
fn a_member_is_added_once_and_its_keys_are_its_own() {
    let house = House::new(0);
    let minato = Hospital::new(MINATO, 1);
    house.add(&minato);

    let (code, said) = add(&house, &minato.description(), "approver.pem");
    assert_eq!(code, 1);
    assert!(said.contains("is a member already"), "{said}");

    let imitator = Hospital {
        sign: SecretKey::from_seed([1; 32]),
        ..Hospital::new("0110000002", 2)
    };
    let (code, said) = add(&house, &imitator.description(), "approver.pem");
    assert_eq!(code, 1);
    assert!(said.contains(&format!("is a key of {MINATO_ID}")), "{said}");
    assert_eq!(house.json(&["member", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_description_that_is_not_in_order_is_refused() {
    let house = House::new(0);
    let minato = || Hospital::new(MINATO, 1);
    let good = minato().description();

    let (code, said) = add(&house, "{}", "approver.pem");
    assert!(
        code == 3 && said.contains("not a member description"),
        "{said}"
    );
    let mut altered = good.clone().into_bytes();
    altered[good.rfind('.').unwrap() - 20] ^= 1;
    let (code, said) = add(&house, &String::from_utf8(altered).unwrap(), "approver.pem");
    assert_eq!(code, 3, "{said}");

    let elsewhere = Hospital {
        host: "minato.example".into(),
        ..minato()
    };
    let (code, said) = add(&house, &elsewhere.description(), "approver.pem");
    assert!(
        code == 3 && said.contains("does not name the endpoint's host 127.0.0.1"),
        "{said}"
    );
    let plain = Hospital {
        endpoint: "http://127.0.0.1:9101".into(),
        ..minato()
    };
    let (code, said) = add(&house, &plain.description(), "approver.pem");
    assert!(code == 3 && said.contains("endpoint"), "{said}");
    let early = Hospital {
        described_at: minato().described_at.plus_seconds(3_600),
        ..minato()
    };
    let (code, said) = add(&house, &early.description(), "approver.pem");
    assert!(code == 3 && said.contains("in the future"), "{said}");
    let late = Hospital {
        described_at: minato().described_at.plus_seconds(-100 * 86_400),
        ..minato()
    };
    let (code, said) = add(&house, &late.description(), "approver.pem");
    assert!(code == 3 && said.contains("signing keys"), "{said}");

    assert!(
        house
            .json(&["member", "list"])
            .as_array()
            .unwrap()
            .is_empty()
    );
    house.add(&minato());
}

#[test]
fn only_the_approver_that_root_names_adds_a_member() {
    let house = House::new(0);
    let minato = Hospital::new(MINATO, 1);
    // The root key is a key of this registry, but not one that makes members.
    let (code, said) = add(&house, &minato.description(), "root.pem");
    assert!(code == 4 && said.contains("too few approvers"), "{said}");
    let (code, said) = add(&house, &minato.description(), "registry/keys/directory.pem");
    assert!(code == 4 && said.contains("too few approvers"), "{said}");
    std::fs::set_permissions(
        house.path("approver.pem"),
        std::fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    let (code, said) = add(&house, &minato.description(), "approver.pem");
    assert!(code == 78 && said.contains("0644"), "{said}");
}

#[test]
fn a_member_takes_only_the_steps_that_its_life_knows() {
    let house = House::new(0);
    house.add(&Hospital::new(MINATO, 1));
    let (code, said) = failure(&house.command(&["member", "resume", MINATO_ID]));
    assert!(
        code == 1 && said.contains("is active: it cannot become active"),
        "{said}"
    );
    house.json(&["member", "suspend", MINATO_ID]);
    let (code, said) = failure(&house.command(&["member", "suspend", MINATO_ID]));
    assert!(
        code == 1 && said.contains("is suspended: it cannot become suspended"),
        "{said}"
    );
    let stranger = "urn:musubi:member:0110000009";
    let (code, said) = failure(&house.command(&["member", "suspend", stranger]));
    assert!(code == 1 && said.contains("is not a member"), "{said}");
    let usage = house.command(&["member", "suspend", "minato"]);
    assert_eq!(usage.status.code(), Some(2));
}

#[test]
fn a_wrong_configuration_ends_with_78() {
    let house = House::new(0);
    let output = house
        .prepare(&["run"])
        .env("MUSUBI_REGISTRY_HTTP__BINDD", "127.0.0.1:1")
        .output()
        .unwrap();
    let (code, said) = failure(&output);
    assert!(
        code == 78 && said.contains("did you mean `http.bind`?"),
        "{said}"
    );
    std::fs::remove_file(house.path("registry/keys/status.pem")).unwrap();
    let (code, said) = failure(&house.command(&["run"]));
    assert!(code == 78 && said.contains("status.pem"), "{said}");
    std::fs::remove_file(house.config_file()).unwrap();
    assert_eq!(failure(&house.command(&["run"])).0, 78);
}

#[test]
fn a_certificate_that_root_does_not_name_is_not_served() {
    let (house, other) = (House::new(0), House::new(0));
    for file in ["registry/tls/certificate.pem", "registry/tls/key.pem"] {
        std::fs::copy(other.path(file), house.path(file)).unwrap();
    }
    let (code, said) = failure(&house.command(&["run"]));
    assert!(
        code == 78 && said.contains("not the one that root names"),
        "{said}"
    );
}

#[test]
fn a_directory_is_shown_and_judged() {
    let house = House::new(0);
    assert_eq!(failure(&house.command(&["directory", "show"])).0, 1);
    house.add(&Hospital::new(MINATO, 1));
    let table = house.command(&["directory", "show"]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(
        table.contains(&format!("{MINATO_ID}  active  みなと病院")),
        "{table}"
    );

    let verdict = house.json(&["directory", "verify"]);
    assert_eq!(
        (&verdict["accepted"], &verdict["directory"]["members"]),
        (&true.into(), &1.into())
    );
    assert_eq!(verdict["root_sha256"], house.pin.to_string());

    let raw = house.command(&["directory", "show", "--raw"]).stdout;
    let file = house.path("directory.jws");
    std::fs::write(&file, &raw).unwrap();
    house.json(&["directory", "verify", file.to_str().unwrap()]);
    let mut altered = raw;
    let middle = altered.len() / 2;
    altered[middle] = if altered[middle] == b'A' { b'B' } else { b'A' };
    std::fs::write(&file, altered).unwrap();
    let (code, said) = failure(&house.command(&["directory", "verify", file.to_str().unwrap()]));
    assert!(
        code == 3 && said.contains("every node would refuse this"),
        "{said}"
    );
}

#[tokio::test]
async fn what_another_registry_serves_is_judged_by_its_pin() {
    let house = House::new(0);
    let clock = federation_service::clock::SystemClock::shared();
    let registry = musubi_registry::Registry::start(house.config(), clock).unwrap();
    let verify = |pin: String| {
        let mut command = house.prepare(&["directory", "verify", "-o", "json"]);
        command.args(["--url", registry.url(), "--root-sha256", &pin]);
        tokio::task::spawn_blocking(move || command.output().unwrap())
    };
    let output = verify(house.pin.to_string()).await.unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let (code, said) = failure(&verify("A".repeat(43)).await.unwrap());
    assert!(code == 3 && said.contains("not the pinned root"), "{said}");
    let nobody = house
        .prepare(&["directory", "verify", "--url", "https://127.0.0.1:1"])
        .output();
    assert_eq!(failure(&nobody.unwrap()).0, 5);
    registry.stop().await;
}

#[tokio::test]
async fn it_ends_when_the_service_manager_asks() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let house = House::new(port);
    let mut registry = house
        .prepare(&["run"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let url = format!("https://127.0.0.1:{port}");
    let listens = async || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
    house::eventually(listens).await;
    // A node with an idle connection does not hold up the end.
    let now = SystemClock.now();
    let node = house::Node::joins(&url, &house.pin, now).await;
    node.status(now).await;

    let id = rustix::process::Pid::from_child(&registry);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();

    let ended = async || {
        registry
            .try_wait()
            .unwrap()
            .is_some_and(|status| status.success())
    };
    house::eventually(ended).await;
}

#[test]
fn each_command_helps_with_an_example() {
    for words in [
        vec!["init"],
        vec!["run"],
        vec!["member", "add"],
        vec!["member", "list"],
        vec!["member", "show"],
        vec!["member", "suspend"],
        vec!["member", "resume"],
        vec!["member", "maintain"],
        vec!["member", "revoke"],
        vec!["invite"],
        vec!["application", "list"],
        vec!["application", "show"],
        vec!["application", "probe"],
        vec!["application", "approve"],
        vec!["application", "return"],
        vec!["application", "reject"],
        vec!["application", "export"],
        vec!["application", "sign"],
        vec!["root", "show"],
        vec!["root", "draft"],
        vec!["root", "sign"],
        vec!["root", "rotate"],
        vec!["root", "new-key"],
        vec!["directory", "show"],
        vec!["directory", "verify"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_musubi-registry"))
            .args(&words)
            .arg("--help")
            .output()
            .unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success());
        let example = format!("musubi-registry {}", words.join(" "));
        assert!(
            help.contains("Example") && help.contains(&example),
            "{help}"
        );
    }
}
