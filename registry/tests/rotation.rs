//! Root rotated: more keys, other keys, and four eyes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    reason = "tests fail by panicking"
)]

mod house;

use std::time::Duration;

use federation_protocol::directory::{AcceptError, Directory, Reading, Status};
use federation_service::clock::{Clock as _, SystemClock};
use federation_service::registry_client::{RootContact, fetch_roots_from_pin};
use house::{Hospital, House, Node, eventually, failure, loopback};
use musubi_registry::{Registry, RunningRegistry};

const DEADLINE: Duration = Duration::from_secs(5);

fn started() -> (House, RunningRegistry) {
    let house = House::new(0);
    let registry = Registry::start(house.config(), SystemClock::shared()).unwrap();
    (house, registry)
}

fn at(house: &House, file: &str) -> String {
    house.path(file).to_str().unwrap().to_owned()
}

/// Drafts and signs the next root; the signed file.
fn signed(house: &House, name: &str, changes: &[&str], keys: &[&str]) -> String {
    let (draft, out) = (
        at(house, &format!("{name}.json")),
        at(house, &format!("{name}-signed.json")),
    );
    let drafted = house.command(&[&["root", "draft", "--out", &draft], changes].concat());
    assert!(
        drafted.status.success(),
        "{}",
        String::from_utf8_lossy(&drafted.stderr)
    );
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_musubi-registry"));
    command.args(["root", "sign", &draft, "--out", &out]);
    for key in keys {
        command.args(["--root-key", &at(house, key)]);
    }
    let signed = command.output().unwrap();
    assert!(
        signed.status.success(),
        "{}",
        String::from_utf8_lossy(&signed.stderr)
    );
    out
}

fn new_key(house: &House, file: &str) -> String {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_musubi-registry"))
        .args(["root", "new-key", "-o", "json", "--out", &at(house, file)])
        .output()
        .unwrap();
    let made: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    made["x"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn nodes_follow_root_over_several_rotations_and_from_an_older_pin() {
    let (house, registry) = started();
    let now = SystemClock.now();
    let node = Node::joins(registry.url(), &house.pin, now).await;
    // A new root key takes over from the old one.
    let x = new_key(&house, "root2.pem");
    let old = house.json(&["root", "show"])["root"]["keys"][0].clone();
    let changes = [
        "--add-root-key",
        &x,
        "--remove-root-key",
        old.as_str().unwrap(),
    ];
    let second = signed(&house, "second", &changes, &["root.pem", "root2.pem"]);
    house.json(&["root", "rotate", &second]);
    let third = signed(&house, "third", &[], &["root2.pem"]);
    house.json(&["root", "rotate", &third]);

    let contact = RootContact::new(registry.url(), &loopback()).unwrap();
    let mut newest = contact.newest(DEADLINE).await.unwrap();
    eventually(async || {
        newest = contact.newest(DEADLINE).await.unwrap();
        federation_protocol::directory::Root::claimed_seq(&newest) == Some(3)
    })
    .await;
    let chain = contact
        .successors(&node.root, newest, now, DEADLINE)
        .await
        .unwrap();
    assert_eq!(chain.len(), 2);
    let rules = loopback();
    let from_pin = fetch_roots_from_pin(registry.url(), &house.pin, &rules, now, DEADLINE);
    let seqs: Vec<_> = from_pin
        .await
        .unwrap()
        .iter()
        .map(|(root, _)| root.document().seq)
        .collect();
    assert_eq!(seqs, [1, 2, 3]);
    // Another pin is another registry, however far one walks back.
    let other = federation_protocol::jws::PayloadHash::of(b"other");
    let refused = fetch_roots_from_pin(registry.url(), &other, &loopback(), now, DEADLINE).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("not the pinned root")));
    registry.stop().await;
}

#[tokio::test]
async fn other_online_keys_sign_from_the_next_root_on_without_a_restart() {
    let (house, registry) = started();
    let node = Node::joins(registry.url(), &house.pin, SystemClock.now()).await;
    let online = |said: &serde_json::Value| said["online"].clone();
    let before = online(&house.json(&["root", "show"]));
    let file = signed(&house, "stolen", &["--new-online-keys"], &["root.pem"]);
    let (rotated, after) = (
        house.json(&["root", "rotate", &file]),
        at(&house, "registry/keys"),
    );
    assert_ne!(online(&rotated), before);
    assert_eq!(online(&rotated).as_array().unwrap().len(), 3);
    let left = std::fs::read_dir(after).unwrap();
    let mut left: Vec<_> = left.map(|file| file.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["directory.pem", "probe.pem", "status.pem"]);

    // The old root knows none of what is served now; the new one all.
    eventually(async || {
        let status = node.client.status(None, DEADLINE).await.unwrap();
        let (status, now) = (house::text(status), SystemClock.now());
        let old = Status::accept(&status, &node.root, None, Reading::Fresh, now);
        old.is_err_and(|error| error == AcceptError::KeyNotDelegated)
    })
    .await;
    let now = SystemClock.now();
    let rules = loopback();
    let roots = fetch_roots_from_pin(registry.url(), &house.pin, &rules, now, DEADLINE).await;
    let (root, _) = roots.unwrap().pop().unwrap();
    let next = Node { root, ..node };
    assert_eq!(next.membership(now).await.root().document().seq, 2);
    registry.stop().await;
}

#[tokio::test]
async fn only_the_old_threshold_makes_the_next_root() {
    let (house, registry) = started();
    let x = new_key(&house, "thief.pem");
    let old = house.json(&["root", "show"])["root"]["keys"][0].clone();
    let takeover = [
        "--add-root-key",
        &x,
        "--remove-root-key",
        old.as_str().unwrap(),
    ];
    for (name, keys) in [
        ("by-the-thief", &["thief.pem"][..]),
        ("by-the-approver", &["approver.pem", "thief.pem"]),
        ("without-the-new-key", &["root.pem"]),
    ] {
        let file = signed(&house, name, &takeover, keys);
        let (exit, said) = failure(&house.command(&["root", "rotate", &file]));
        assert!(
            exit == 4 && said.contains("no node would take this"),
            "{name}: {said}"
        );
    }
    assert_eq!(house.json(&["root", "show"])["seq"], 1);
    registry.stop().await;
}

#[tokio::test]
async fn an_approver_is_replaced_without_asking_any_member_and_two_sign_from_then_on() {
    let (house, registry) = started();
    let now = SystemClock.now();
    house.add(&Hospital::new("0110000001", 1));
    let node = Node::joins(registry.url(), &house.pin, now).await;
    // Another process wrote the member: what is served follows it, and is what the next one follows.
    eventually(async || {
        let status = node.status(SystemClock.now()).await;
        status.document().directory.seq == 2
    })
    .await;
    let before = node.directory(None, SystemClock.now()).await;
    let x = new_key(&house, "approver2.pem");
    let changes = ["--add-approver", &x, "--approver-threshold", "2"];
    let file = signed(&house, "four-eyes", &changes, &["root.pem"]);
    // Under the new root the old entry has too few signatures: the new approver adds theirs.
    let (exit, said) = failure(&house.command(&["root", "rotate", &file]));
    assert!(exit == 3 && said.contains("too few approvers"), "{said}");
    let key = at(&house, "approver2.pem");
    house.json(&["root", "rotate", &file, "--approver-key", &key]);

    let mut chain = Vec::new();
    eventually(async || {
        let rules = loopback();
        let roots = fetch_roots_from_pin(registry.url(), &house.pin, &rules, now, DEADLINE);
        chain = roots.await.unwrap();
        chain.len() == 2
    })
    .await;
    let root = chain.pop().unwrap().0;
    // The directory that a node follows: the same member, the same statement, two signatures.
    let mut accepted = None;
    eventually(async || {
        let fetched = node.client.directory(None, None, DEADLINE).await.unwrap();
        let next = Directory::accept(
            &house::text(fetched),
            &root,
            Some(&before),
            Reading::Fresh,
            SystemClock.now(),
        );
        accepted = next.ok();
        accepted.is_some()
    })
    .await;
    assert_eq!(accepted.unwrap().document().members.len(), 1);

    // One approver alone adds nobody any more.
    let yukimi = Hospital::new("0110000002", 2);
    let description = house.describe(&yukimi);
    let add = [
        "member",
        "add",
        description.to_str().unwrap(),
        "--approver-key",
    ];
    let (exit, said) =
        failure(&house.command(&[&add[..], &[&at(&house, "approver.pem")]].concat()));
    assert!(exit == 4 && said.contains("too few approvers"), "{said}");
    let (one, two) = (at(&house, "approver.pem"), at(&house, "approver2.pem"));
    house.json(&[&add[..], &[&one, "--approver-key", &two]].concat());
    registry.stop().await;
}
