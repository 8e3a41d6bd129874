//! A registry at work, judged by the rules that every node judges by.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    clippy::print_stdout,
    reason = "tests fail by panicking, and say what they measured"
)]

mod house;
#[path = "../../federation-protocol/tests/wire_document/mod.rs"]
mod wire_document;

use std::sync::Arc;
use std::time::Duration;

use federation_protocol::directory::{
    AcceptError, Directory, Entry, EntryError, Freshness, ListedMember, Reading, Status,
};
use federation_protocol::keys::{KeyUse, SecretKey};
use federation_protocol::member::MemberState;
use federation_service::clock::{Clock, ManualClock, SystemClock};
use federation_service::peer_client::Fetched;
use house::{Hospital, House, Node, eventually, text};
use musubi_registry::{Registry, RunningRegistry};

const DEADLINE: Duration = Duration::from_secs(5);
const AHEAD_SECONDS: i64 = 30;
const MINATO: &str = "0110000001";
const MINATO_ID: &str = "urn:musubi:member:0110000001";

/// A house, its registry running in this process, and the clock it goes by. It stands still, ahead
/// of the operator's commands, which go by the machine's: a registry makes anew what seems to have
/// been made in the future.
fn started() -> (House, RunningRegistry, Arc<ManualClock>) {
    let house = House::new(0);
    let clock = ManualClock::at(SystemClock.now().plus_seconds(AHEAD_SECONDS));
    let registry = Registry::start(house.config(), clock.clone()).unwrap();
    assert_eq!(registry.root_sha256(), house.pin.to_string());
    (house, registry, clock)
}

#[tokio::test]
async fn a_member_that_was_added_is_one_that_every_node_accepts() {
    let (house, registry, clock) = started();
    let node = Node::joins(registry.url(), &house.pin, clock.now()).await;
    let empty = node.directory(None, clock.now()).await;
    assert_eq!(
        (empty.document().seq, empty.document().members.len()),
        (1, 0)
    );

    let minato = Hospital::new(MINATO, 1);
    let added = house.add(&minato);
    assert_eq!(
        (&added["id"], &added["state"]),
        (&MINATO_ID.into(), &"active".into())
    );

    eventually(async || node.status(clock.now()).await.document().directory.seq == 2).await;
    let directory = node.directory(Some(&empty), clock.now()).await;
    assert_eq!(directory.document().prev, Some(empty.hash()));
    let membership = node.membership(clock.now()).await;
    assert_eq!(
        membership.state(&minato.id, clock.now()),
        Some(MemberState::Active)
    );
    let key = membership.key(minato.sign.kid()).unwrap();
    assert!(key.may(KeyUse::Sign, clock.now()) && *key.member == minato.id);
    let old = text(
        node.client
            .directory(Some(1), None, DEADLINE)
            .await
            .unwrap(),
    );
    let old = Directory::accept(&old, &node.root, None, Reading::Stored, clock.now()).unwrap();
    assert_eq!(old.hash(), empty.hash());
    registry.stop().await;
}

#[tokio::test]
async fn a_suspension_typed_in_another_process_is_served_by_the_one_that_runs() {
    let (house, registry, clock) = started();
    let minato = Hospital::new(MINATO, 1);
    house.add(&minato);
    let node = Node::joins(registry.url(), &house.pin, clock.now()).await;

    let reason = ["--reason", "key may be stolen"];
    house.json(&[["member", "suspend"].as_slice(), &[MINATO_ID], &reason].concat());
    let suspended =
        async || node.status(clock.now()).await.document().suspended == [minato.id.clone()];
    let took = eventually(suspended).await;
    println!("suspended after {} ms", took.as_millis());
    let membership = node.membership(clock.now()).await;
    assert_eq!(
        membership.state(&minato.id, clock.now()),
        Some(MemberState::Suspended)
    );

    house.json(&["member", "resume", MINATO_ID]);
    eventually(async || {
        node.status(clock.now())
            .await
            .document()
            .suspended
            .is_empty()
    })
    .await;
    let membership = node.membership(clock.now()).await;
    assert_eq!(
        membership.state(&minato.id, clock.now()),
        Some(MemberState::Active)
    );

    let shown = house.json(&["member", "show", MINATO_ID]);
    let steps: Vec<_> = shown["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|h| &h["to"])
        .collect();
    let life = ["applied", "probation", "active", "suspended", "active"];
    assert_eq!(steps, life);
    assert_eq!(shown["history"][3]["reason"], "key may be stolen");
    registry.stop().await;
}

#[tokio::test]
async fn the_status_is_remade_each_minute_and_the_directory_each_day() {
    let (house, registry, clock) = started();
    let node = Node::joins(registry.url(), &house.pin, clock.now()).await;
    let first = node.directory(None, clock.now()).await;
    let status = node.status(clock.now()).await.document().seq;

    clock.advance(59);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(node.status(clock.now()).await.document().seq, status);
    clock.advance(1);
    eventually(async || node.status(clock.now()).await.document().seq == status + 1).await;
    assert_eq!(
        node.directory(Some(&first), clock.now()).await.hash(),
        first.hash()
    );

    // The status of yesterday has ended, so what is fetched is asked for its seq only when it is
    // today's.
    clock.advance(86_400);
    eventually(async || {
        let status = text(node.client.status(None, DEADLINE).await.unwrap());
        Status::accept(&status, &node.root, None, Reading::Fresh, clock.now())
            .is_ok_and(|status| status.document().directory.seq == 2)
    })
    .await;
    let second = node.directory(Some(&first), clock.now()).await;
    assert_eq!(
        (second.document().seq, second.document().prev),
        (2, Some(first.hash()))
    );
    registry.stop().await;
}

#[tokio::test]
async fn a_clock_that_was_ahead_leaves_no_status_from_the_future() {
    let (house, registry, clock) = started();
    let node = Node::joins(registry.url(), &house.pin, clock.now()).await;
    let right = clock.now();
    clock.advance(7_200);
    eventually(async || {
        let status = text(node.client.status(None, DEADLINE).await.unwrap());
        Status::accept(&status, &node.root, None, Reading::Fresh, right)
            .is_err_and(|error| error == AcceptError::NotYetValid)
    })
    .await;

    clock.set(right);

    eventually(async || {
        let status = text(node.client.status(None, DEADLINE).await.unwrap());
        Status::accept(&status, &node.root, None, Reading::Fresh, right).is_ok()
    })
    .await;
    registry.stop().await;
}

#[tokio::test]
async fn without_its_registry_a_status_ends_after_ten_minutes() {
    let (house, registry, clock) = started();
    let node = Node::joins(registry.url(), &house.pin, clock.now()).await;
    let membership = node.membership(clock.now()).await;
    let status = text(node.client.status(None, DEADLINE).await.unwrap());
    let accept = |now| Status::accept(&status, &node.root, None, Reading::Fresh, now).map(|_| ());
    registry.stop().await;

    let made = membership.status().document().iat;
    assert_eq!(accept(made.plus_seconds(660)), Ok(()));
    assert_eq!(accept(made.plus_seconds(661)), Err(AcceptError::Expired));
    assert_eq!(
        membership.freshness(made.plus_seconds(600)),
        Freshness::Current
    );
    assert_eq!(
        membership.freshness(made.plus_seconds(601)),
        Freshness::Stale
    );
}

#[tokio::test]
async fn an_entry_that_no_approver_signed_reaches_no_node() {
    use diesel::prelude::*;

    let (house, registry, clock) = started();
    let minato = Hospital::new(MINATO, 1);
    house.add(&minato);
    let node = Node::joins(registry.url(), &house.pin, clock.now()).await;
    eventually(async || node.status(clock.now()).await.document().directory.seq == 2).await;

    // Whoever stole the server writes a member into the database, signed by a key of his own.
    let thief = SecretKey::from_seed([66; 32]);
    let forged = Entry::new(house::REGISTRY, 1, minato.profile(), clock.now()).sign(&[&thief]);
    let mut database = SqliteConnection::establish(house.database().to_str().unwrap()).unwrap();
    diesel::sql_query("UPDATE member SET entry = ?")
        .bind::<diesel::sql_types::Text, _>(forged.to_json())
        .execute(&mut database)
        .unwrap();

    // The registry itself does not publish it, says so, and goes on with what must go on.
    let http = stranger();
    eventually(async || ready(&http, registry.url()).await["status"] == "DEGRADED").await;
    assert_eq!(node.directory(None, clock.now()).await.document().seq, 2);
    house.json(&["member", "suspend", MINATO_ID]);
    eventually(async || {
        !node
            .status(clock.now())
            .await
            .document()
            .suspended
            .is_empty()
    })
    .await;
    assert_eq!(node.directory(None, clock.now()).await.document().seq, 2);
    let (code, said) = house::failure(
        &house.command(&[
            "member",
            "add",
            house
                .describe(&Hospital::new("0110000002", 2))
                .to_str()
                .unwrap(),
            "--approver-key",
            house.path("approver.pem").to_str().unwrap(),
        ]),
    );
    assert_eq!(code, 3, "{said}");
    assert_eq!(house.json(&["member", "list"]).as_array().unwrap().len(), 1);

    // And if he signs the directory himself, with the online key that lies there, nodes refuse it.
    let previous = node.directory(None, clock.now()).await;
    let mut document = previous.document().clone();
    document.seq += 1;
    document.prev = Some(previous.hash());
    document.members = vec![ListedMember {
        entry: forged,
        ..document.members.remove(0)
    }];
    let pem = std::fs::read_to_string(house.path("registry/keys/directory.pem")).unwrap();
    let signed = document.sign(&SecretKey::from_pkcs8_pem(&pem).unwrap());
    let refusal = Directory::accept(
        &signed.jws,
        &node.root,
        Some(&previous),
        Reading::Fresh,
        clock.now(),
    );
    assert!(matches!(
        refusal.unwrap_err(),
        AcceptError::Entry {
            error: EntryError::TooFewApprovers,
            ..
        }
    ));
    registry.stop().await;
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let (house, registry, clock) = started();
    let node = Node::joins(registry.url(), &house.pin, clock.now()).await;
    let Fetched::Document {
        etag: Some(etag), ..
    } = node.client.status(None, DEADLINE).await.unwrap()
    else {
        panic!("no ETag");
    };
    let again = node.client.status(Some(&etag), DEADLINE).await.unwrap();
    assert!(matches!(again, Fetched::NotModified));

    clock.advance(60);
    eventually(async || {
        let newer = node.client.status(Some(&etag), DEADLINE).await.unwrap();
        matches!(newer, Fetched::Document { .. })
    })
    .await;

    let http = stranger();
    let root = format!("{}/v1/root", registry.url());
    let answer = http.get(&root).send().await.unwrap();
    let etag = answer.headers()["etag"].to_str().unwrap().to_owned();
    for (asked, expected) in [
        (etag.clone(), 304),
        (format!("\"other\", W/{etag}"), 304),
        ("*".to_owned(), 304),
        ("\"other\"".to_owned(), 200),
    ] {
        let answer = http
            .get(&root)
            .header("if-none-match", &asked)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), expected, "{asked}");
        assert_eq!(answer.headers()["etag"], etag.as_str());
    }
    registry.stop().await;
}

#[tokio::test]
async fn each_document_says_what_it_is_and_how_long_it_may_be_kept() {
    let (_house, registry, _clock) = started();
    let http = stranger();
    for (path, kind, kept) in [
        ("/v1/root", "application/jose+json", "no-cache"),
        (
            "/v1/directory",
            "application/musubi-directory+jwt",
            "no-cache",
        ),
        (
            "/v1/directory/1",
            "application/musubi-directory+jwt",
            "public, max-age=31536000, immutable",
        ),
        ("/v1/status", "application/musubi-status+jwt", "no-cache"),
        ("/livez", "application/json", "no-store"),
        ("/readyz", "application/json", "no-store"),
    ] {
        let url = format!("{}{path}", registry.url());
        let get = http.get(&url).send().await.unwrap();
        assert_eq!(get.status(), 200, "{path}");
        let headers = get.headers().clone();
        let body = get.bytes().await.unwrap();
        let head = http.head(&url).send().await.unwrap();
        assert_eq!(head.status(), 200, "{path}");
        for headers in [&headers, head.headers()] {
            assert_eq!(headers["content-type"], kind, "{path}");
            assert_eq!(headers["cache-control"], kept, "{path}");
            assert_eq!(
                headers["content-length"],
                body.len().to_string().as_str(),
                "{path}"
            );
        }
        assert!(head.bytes().await.unwrap().is_empty());
    }
    registry.stop().await;
}

#[tokio::test]
async fn a_stranger_gets_one_answer_to_everything_else() {
    let (_house, registry, _clock) = started();
    let http = stranger();
    let mut answers = Vec::new();
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/v1"),
        ("GET", "/v1/status/"),
        ("GET", "/v1/directory/"),
        ("GET", "/v1/directory/0"),
        ("GET", "/v1/directory/01"),
        ("GET", "/v1/directory/+1"),
        ("GET", "/v1/directory/2"),
        ("GET", "/v1/directory/18446744073709551616"),
        ("GET", "/v1/directory/1/members"),
        ("GET", "/v1/directory/%31"),
        ("GET", "/metrics"),
        ("POST", "/v1/status"),
        ("DELETE", "/v1/directory/1"),
        ("PUT", "/v1/members/urn:musubi:member:0110000001/keys"),
        ("OPTIONS", "/v1/root"),
        ("BREW", "/livez"),
    ] {
        let url = format!("{}{path}", registry.url());
        let answer = http
            .request(method.parse().unwrap(), url)
            .send()
            .await
            .unwrap();
        let mut headers = answer.headers().clone();
        headers.remove("date");
        answers.push((
            path,
            answer.status(),
            headers,
            answer.bytes().await.unwrap(),
        ));
    }
    assert_eq!(answers[0].1, 404);
    for (path, status, headers, body) in &answers {
        assert_eq!(
            (status, headers, body),
            (&answers[0].1, &answers[0].2, &answers[0].3),
            "{path}"
        );
    }
    let body: serde_json::Value = serde_json::from_slice(&answers[0].3).unwrap();
    assert_eq!(body["code"], "not_found");
    registry.stop().await;
}

#[tokio::test]
async fn the_examples_of_the_wire_document_are_what_is_served() {
    let (_house, registry, _clock) = started();
    let http = stranger();
    let mut examples = Vec::new();
    for (name, path) in [
        ("registry-not-found", "/v1/members"),
        ("registry-status", "/v1/status"),
        ("registry-ready", "/readyz"),
    ] {
        let answer = http
            .get(format!("{}{path}", registry.url()))
            .send()
            .await
            .unwrap();
        let first = format!("GET {path}\n\n{:?} {}", answer.version(), answer.status());
        // Keys, and with them the status, are new in each run; its length and hash are cut.
        let shown = |name: &str, value: &str| match (path, name) {
            ("/v1/status", "etag" | "content-length") => "…".to_owned(),
            _ => value.to_owned(),
        };
        let mut headers: Vec<(String, String)> = answer
            .headers()
            .iter()
            .filter(|(name, _)| *name != "date")
            .map(|(name, value)| {
                (
                    name.to_string(),
                    shown(name.as_str(), value.to_str().unwrap()),
                )
            })
            .collect();
        headers.sort();
        let body = match path {
            "/v1/status" => "eyJhbGciOiJFZDI1NTE5Iiwi…".into(),
            _ => answer.text().await.unwrap(),
        };
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()))
            .collect();
        examples.push((name, wire_document::http(&first, &headers, body.as_bytes())));
    }
    wire_document::check(&examples);
    registry.stop().await;
}

/// Somebody with a web client who trusts whatever certificate is shown.
fn stranger() -> reqwest::Client {
    reqwest::Client::builder()
        .danger_accept_invalid_certs(true)
        .no_proxy()
        .build()
        .unwrap()
}

async fn ready(http: &reqwest::Client, url: &str) -> serde_json::Value {
    let answer = http.get(format!("{url}/readyz")).send().await.unwrap();
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}
