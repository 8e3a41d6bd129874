//! The fourteen checks of PROTOCOL section 4, each provoked on a real node.
//!
//! What fails in checks 1 to 8 is counted and never written down; what fails from check 9 on is one
//! audit line, and its answer is signed.

use federation_protocol::keys::{KeyId, KeyUse, SecretKey, Sign};
use federation_protocol::member::MemberState;
use federation_protocol::signature::RequestDraft;
use reqwest::{Client, Method};
use scenarios::envoy::{Parcel, nobody, send, stranger};
use scenarios::{Envoy, Store, Town, Witness, charts};

const HEADERS_AT_MOST: usize = 32 * 1024;
const BODY_AT_MOST: usize = 256 * 1024;

/// Minato asks Yukimi; Shirakaba stands by.
async fn town(store: Store) -> Town {
    Town::start(&["minato", "yukimi", "shirakaba"], store).await
}

fn echo(town: &Town, envoy: &Envoy) -> Parcel {
    let now = town.now();
    envoy.sign(envoy.echo(town.at("yukimi"), now), now)
}

/// Sends what fails in check 1: who sent it is not asked yet.
async fn refused_by_form(town: &Town, parcel: &Parcel, status: u16, code: &'static str) {
    let (minato, yukimi) = (town.at("minato").envoy(), town.at("yukimi"));
    let witness = Witness::of(yukimi, code, None).await;
    let reply = minato.send(yukimi, parcel).await;
    witness.saw_it_only_counted(status, &reply).await;
}

/// Sends what fails in checks 4 to 8 over Minato's connection.
async fn refused_by_door(town: &Town, parcel: &Parcel, status: u16, code: &'static str) {
    let (minato, yukimi) = (town.at("minato").envoy(), town.at("yukimi"));
    let witness = Witness::of(yukimi, code, Some(&minato.id)).await;
    let reply = minato.send(yukimi, parcel).await;
    witness.saw_it_only_counted(status, &reply).await;
}

async fn passes(town: &Town, parcel: &Parcel) {
    let reply = town
        .at("minato")
        .envoy()
        .send(town.at("yukimi"), parcel)
        .await;
    assert_eq!(reply.status, 200, "{}", reply.code());
}

#[tokio::test(flavor = "multi_thread")]
async fn check_1_a_path_or_method_that_does_not_exist_is_not_found() {
    let town = town(Store::Sqlite).await;
    let right = echo(&town, &town.at("minato").envoy());
    for (method, path) in [
        (Method::GET, "/federation/v1/echo"),
        (Method::PUT, "/federation/v1/echo"),
        (Method::POST, "/federation/v1/echo?a=b"),
        (Method::POST, "/federation/v1/ech%6f"),
        (Method::POST, "/federation/v1/fhir/Observation"),
        (Method::POST, "/federation/v2/echo"),
        (Method::POST, "/"),
    ] {
        let mut wrong = right.clone();
        wrong.method = method;
        path.clone_into(&mut wrong.path);
        refused_by_form(&town, &wrong, 404, "not_found").await;
    }
    passes(&town, &right).await;
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_1_another_version_is_not_spoken() {
    let town = town(Store::Sqlite).await;
    let right = echo(&town, &town.at("minato").envoy());
    for wrong in [
        right.clone().with_header("fed-version", "2"),
        right.clone().without_header("fed-version"),
        right.clone().and_header("fed-version", "2"),
    ] {
        refused_by_form(&town, &wrong, 426, "version_unsupported").await;
    }
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_1_oversized_headers_and_bodies_are_refused() {
    let town = town(Store::Sqlite).await;
    let minato = town.at("minato").envoy();
    let right = echo(&town, &minato);
    let long = right
        .clone()
        .and_header("x-long", &"a".repeat(HEADERS_AT_MOST));
    refused_by_form(&town, &long, 431, "headers_too_large").await;

    let now = town.now();
    let sized = |bytes: usize| {
        let draft = RequestDraft {
            body: format!("{{{}}}", " ".repeat(bytes - 2)).into_bytes(),
            ..minato.echo(town.at("yukimi"), now)
        };
        minato.sign(draft, now)
    };
    refused_by_form(&town, &sized(BODY_AT_MOST + 1), 413, "request_too_large").await;
    passes(&town, &sized(BODY_AT_MOST)).await;
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_1_another_media_type_or_a_coding_is_refused() {
    let town = town(Store::Sqlite).await;
    let right = echo(&town, &town.at("minato").envoy());
    for wrong in [
        right.clone().with_header("content-type", "text/plain"),
        right
            .clone()
            .with_header("content-type", "application/fhir+json"),
        right.clone().without_header("content-type"),
        right.clone().and_header("content-encoding", "gzip"),
    ] {
        refused_by_form(&town, &wrong, 415, "media_type_unsupported").await;
    }
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_2_a_certificate_that_is_no_members_is_unknown() {
    let town = town(Store::Sqlite).await;
    let yukimi = town.at("yukimi");
    let right = echo(&town, &town.at("minato").envoy());
    let clients: [Client; 2] = [nobody(), stranger(town.now())];
    for client in clients {
        let witness = Witness::of(yukimi, "key_unknown", None).await;
        let reply = send(&client, yukimi, &right).await;
        witness.saw_it_only_counted(401, &reply).await;
    }
    passes(&town, &right).await;
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_3_a_member_that_asks_too_often_is_told_when_to_come_again() {
    let mut town = town(Store::Sqlite).await;
    town.at("yukimi").set("federation", "rate_per_second = 1");
    town.at("yukimi").set("federation", "rate_burst = 2");
    town.restart("yukimi").await;
    let (minato, yukimi) = (town.at("minato").envoy(), town.at("yukimi"));
    let witness = Witness::of(yukimi, "rate_limited", Some(&minato.id)).await;

    let parcels: Vec<Parcel> = (0..16).map(|_| echo(&town, &minato)).collect();
    let sent = parcels.iter().map(|parcel| minato.send(yukimi, parcel));
    let replies = futures_util::future::join_all(sent).await;

    let (refused, answered): (Vec<_>, Vec<_>) =
        replies.iter().partition(|reply| reply.status == 429);
    assert!(answered.iter().all(|reply| reply.status == 200));
    assert!(
        answered.len() >= 2 && refused.len() >= 2,
        "{}",
        refused.len()
    );
    for reply in &refused {
        assert_eq!(reply.code(), "rate_limited");
        assert_eq!(reply.header("retry-after"), Some("1"));
        assert_eq!(reply.header("signature"), None);
    }
    assert_eq!(witness.counted(), refused.len() as u64);
    let written = witness.written().await;
    assert_eq!(written.len(), answered.len(), "only echoes: {written:?}");

    let shirakaba = town.at("shirakaba").envoy();
    let other = shirakaba.send(yukimi, &echo(&town, &shirakaba)).await;
    assert_eq!(other.status, 200, "another member has a rate of its own");
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_4_a_signature_not_built_as_the_protocol_fixes_it_is_refused() {
    let town = town(Store::Sqlite).await;
    let minato = town.at("minato").envoy();
    let key = minato.keys.sign();
    let right = echo(&town, &minato);
    let input = right.header("signature-input").to_owned();
    let other_label = |header: &str| header.replacen("fed=", "sig1=", 1);
    let wrong = [
        right.clone().without_header("signature"),
        right.clone().without_header("signature-input"),
        right.clone().without_header("traceparent"),
        right.clone().without_header("content-digest"),
        right
            .clone()
            .and_header("fed-to", "urn:musubi:member:0110000003"),
        right.clone().with_header("fed-exchange", "1"),
        right.clone().with_header("fed-timeout", "08000"),
        right
            .clone()
            .with_header("signature-input", &other_label(&input)),
        // Two signatures, the second a copy.
        right.clone().with_header(
            "signature-input",
            &format!("{input}, {}", other_label(&input)),
        ),
        // A component left out, one that is not fixed, two exchanged, each signed over as it stands.
        right.clone().signed_again(key, " \"traceparent\")", ")"),
        right
            .clone()
            .signed_again(key, "\"traceparent\")", "\"traceparent\" \"date\")"),
        right
            .clone()
            .signed_again(key, "\"@method\" \"@path\"", "\"@path\" \"@method\""),
        right.clone().signed_again(key, ";alg=\"ed25519\"", ""),
        right
            .clone()
            .signed_again(key, "alg=\"ed25519\"", "alg=\"hmac-sha256\""),
        right
            .clone()
            .signed_again(key, "musubi-request-1", "musubi-request-2"),
        right.clone().signed_again(key, ";nonce=\"", ";nonce=\"A"),
    ];
    for parcel in &wrong {
        refused_by_door(&town, parcel, 401, "signature_params_invalid").await;
    }
    passes(&town, &right).await;
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_5_a_clock_that_is_61_seconds_off_is_told_the_time_here() {
    let town = town(Store::Sqlite).await;
    let minato = town.at("minato").envoy();
    let now = town.now();
    let at = |offset: i64| {
        let then = now.plus_seconds(offset);
        minato.sign(minato.echo(town.at("yukimi"), now), then)
    };
    // A window without length leaves nothing but the skew.
    let at_once = |offset: i64| {
        let created = now.plus_seconds(offset).unix_seconds();
        let (old, new) = (
            format!("expires={}", created + 60),
            format!("expires={created}"),
        );
        at(offset).signed_again(minato.keys.sign(), &old, &new)
    };
    let too_long = {
        let created = now.unix_seconds();
        let (old, new) = (
            format!("expires={}", created + 60),
            format!("expires={}", created + 61),
        );
        at(0).signed_again(minato.keys.sign(), &old, &new)
    };
    for wrong in [at(61), at_once(61), at_once(-61), at(-121), too_long] {
        refused_by_door(&town, &wrong, 401, "signature_time_invalid").await;
        let reply = minato.send(town.at("yukimi"), &wrong).await;
        assert_eq!(
            reply.json()["time"],
            now.to_string(),
            "it says what time it is here"
        );
        assert!(reply.header("date").is_some());
    }
    for right in [at(60), at_once(60), at_once(-60), at(-120), at(0)] {
        passes(&town, &right).await;
    }
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_6_a_key_that_the_member_may_not_sign_with_is_unknown() {
    let town = town(Store::Sqlite).await;
    let (minato, shirakaba) = (town.at("minato").envoy(), town.at("shirakaba").envoy());
    let now = town.now();
    let draft = || minato.echo(town.at("yukimi"), now);
    let in_the_name_of_another = RequestDraft {
        from: shirakaba.id.clone(),
        ..draft()
    };
    let consent = minato.keys.signer(KeyUse::Consent).unwrap();
    for wrong in [
        Envoy::sign_with(&SecretKey::from_seed([7; 32]), draft(), now),
        Envoy::sign_with(consent, draft(), now),
        Envoy::sign_with(shirakaba.keys.sign(), draft(), now),
        minato.sign(in_the_name_of_another.clone(), now),
        // Rightly signed by Shirakaba, over Minato's connection.
        shirakaba.sign(in_the_name_of_another, now),
    ] {
        refused_by_door(&town, &wrong, 401, "key_unknown").await;
    }
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_6_a_suspended_member_is_refused_until_it_takes_part_again() {
    let town = town(Store::Sqlite).await;
    let minato = town.at("minato").envoy();
    passes(&town, &echo(&town, &minato)).await;
    town.suspend("minato");
    town.settle_until("minato", MemberState::Suspended).await;
    refused_by_door(&town, &echo(&town, &minato), 403, "member_suspended").await;
    town.resume("minato");
    town.settle_until("minato", MemberState::Active).await;
    passes(&town, &echo(&town, &minato)).await;
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_6_a_directory_that_is_too_old_judges_nobody() {
    let town = town(Store::Sqlite).await;
    town.clock.advance(4 * 86_400);
    let late = echo(&town, &town.at("minato").envoy());
    refused_by_door(&town, &late, 503, "directory_expired").await;
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_7_a_request_to_another_member_is_misdirected() {
    let town = town(Store::Sqlite).await;
    let minato = town.at("minato").envoy();
    let now = town.now();
    let elsewhere = minato.sign(minato.echo(town.at("shirakaba"), now), now);
    refused_by_door(&town, &elsewhere, 421, "wrong_member").await;
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_8_a_body_changed_by_one_byte_is_refused() {
    let town = town(Store::Sqlite).await;
    let minato = town.at("minato").envoy();
    let now = town.now();
    let draft = RequestDraft {
        body: br#"{"echo":"hello"}"#.to_vec(),
        ..minato.echo(town.at("yukimi"), now)
    };
    let right = minato.sign(draft, now);
    for at in [0, 9, 15] {
        let mut changed = right.clone();
        changed.body[at] ^= 1;
        refused_by_door(&town, &changed, 400, "digest_mismatch").await;
    }
    let mut longer = right.clone();
    longer.body.push(b' ');
    refused_by_door(&town, &longer, 400, "digest_mismatch").await;
    passes(&town, &right).await;
    town.stop().await;
}

/// Signs with one key and names another.
struct Forger {
    named: KeyId,
    key: SecretKey,
}

impl Sign for Forger {
    fn kid(&self) -> &KeyId {
        &self.named
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_9_a_signature_that_does_not_fit_is_written_down_and_answered_signed() {
    for store in Store::each() {
        let town = town(store).await;
        let (minato, yukimi) = (town.at("minato").envoy(), town.at("yukimi"));
        let now = town.now();
        let forger = Forger {
            named: minato.keys.sign().kid().clone(),
            key: SecretKey::from_seed([7; 32]),
        };
        let right = echo(&town, &minato);
        for wrong in [
            Envoy::sign_with(&forger, minato.echo(yukimi, now), now),
            right.clone().with_header("fed-purpose", "ETREAT"),
            right
                .clone()
                .with_header("fed-actor", "id=\"dr-2\", role=\"physician\""),
        ] {
            let witness = Witness::of(yukimi, "signature_invalid", Some(&minato.id)).await;
            let reply = minato.send(yukimi, &wrong).await;
            let line = witness.saw_it_written(401, &reply).await;
            assert_eq!(line.actor_role, "unknown", "who asked is not known");
            assert_eq!(line.actor_id, None);
            let exchange = wrong.binding.exchange.to_string();
            assert_eq!(line.exchange.as_deref(), Some(exchange.as_str()));
            assert!(reply.verifies(&wrong.binding, town.at("minato"), now));
        }
        town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_10_the_same_signed_request_passes_once_also_after_a_restart() {
    for store in Store::each() {
        let mut town = town(store).await;
        let minato = town.at("minato").envoy();
        let parcel = echo(&town, &minato);
        passes(&town, &parcel).await;
        let again = async |town: &Town| {
            let yukimi = town.at("yukimi");
            let witness = Witness::of(yukimi, "replay_detected", Some(&minato.id)).await;
            let reply = minato.send(yukimi, &parcel).await;
            let line = witness.saw_it_written(401, &reply).await;
            assert_eq!(line.actor_id.as_deref(), Some("dr-1"));
            assert!(reply.verifies(&parcel.binding, town.at("minato"), town.now()));
        };
        again(&town).await;
        town.restart("yukimi").await;
        again(&town).await;
        again(&town).await;
        // Until the last moment at which its time would still do.
        town.clock.advance(120);
        town.restart("yukimi").await;
        again(&town).await;
        town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_10_of_64_copies_at_once_exactly_one_passes() {
    for store in Store::each() {
        let town = town(store).await;
        let (minato, yukimi) = (town.at("minato").envoy(), town.at("yukimi"));
        let witness = Witness::of(yukimi, "replay_detected", Some(&minato.id)).await;
        let parcel = echo(&town, &minato);
        // Some over one connection, some over connections of their own.
        let envoys = [town.at("minato").envoy(), town.at("minato").envoy()];
        let sent = (0..64).map(|at: usize| envoys[at % 2].send(yukimi, &parcel));
        let replies = futures_util::future::join_all(sent).await;
        let passed = replies.iter().filter(|reply| reply.status == 200).count();
        let replayed = replies
            .iter()
            .filter(|reply| reply.code() == "replay_detected");
        assert_eq!((passed, replayed.count()), (1, 63));
        assert_eq!(witness.counted(), 63);
        let written = witness.written().await;
        assert_eq!(written.len(), 64, "each is a line");
        assert_eq!(written.iter().filter(|line| line.kind == "echo").count(), 1);
        town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_11_a_question_outside_the_list_is_refused_never_trimmed() {
    let town = asked_town(Store::Sqlite).await;
    let (minato, yukimi) = (town.at("minato").envoy(), town.at("yukimi"));
    let token = token(&town).await;
    let now = town.now();
    let form = |question: &str| minato.sign(minato.search(yukimi, &token, question, now), now);
    let batch = |urls: &[&str]| minato.sign(minato.batch(yukimi, &token, urls, now), now);
    for wrong in [
        form("Observation?patient=hana"),
        form("Observation?_include=Observation:subject"),
        form("Observation?code:not=1"),
        form("Observation?_count=1001"),
        form("Observation?_count=0"),
        form("Observation?code=1&code=2"),
        form("Observation?date=yesterday"),
        form("Observation?_cursor=AAAA"),
        form("Patient"),
        form("Encounter?status=finished"),
        batch(&["Observation", "Patient"]),
        batch(&["Observation", "Observation?_sort=date"]),
        batch(&["Observation/yukimi-1"]),
        batch(&[]),
    ] {
        let witness = Witness::of(yukimi, "query_not_allowed", Some(&minato.id)).await;
        let reply = minato.send(yukimi, &wrong).await;
        let line = witness.saw_it_written(400, &reply).await;
        assert_eq!(line.shown, None);
        assert_eq!(reply.json()["resourceType"], "OperationOutcome");
        assert!(reply.verifies(&wrong.binding, town.at("minato"), now));
    }
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_12_a_request_without_a_right_token_is_refused_signed() {
    let town = asked_town(Store::Sqlite).await;
    let (minato, yukimi) = (town.at("minato").envoy(), town.at("yukimi"));
    let now = town.now();
    let wrong = minato.sign(minato.search(yukimi, "a.b.c", "Observation", now), now);
    let witness = Witness::of(yukimi, "token_malformed", Some(&minato.id)).await;
    let reply = minato.send(yukimi, &wrong).await;
    witness.saw_it_written(401, &reply).await;
    assert!(reply.verifies(&wrong.binding, town.at("minato"), now));
    // Without a token, or with one where it does not belong, the signature is not built as fixed.
    let bare = wrong.clone().without_header("fed-consent");
    refused_by_door(&town, &bare, 401, "signature_params_invalid").await;
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_13_the_decision_shows_fewer_entries_and_the_audit_counts_both() {
    for store in Store::each() {
        let town = asked_town(store).await;
        let (minato, yukimi) = (town.at("minato").envoy(), town.at("yukimi"));
        let token = token(&town).await;
        let (witness, now) = (Witness::of(yukimi, "", None).await, town.now());
        let reply = minato.ask(yukimi, &token, "Condition", now).await;
        assert_eq!(reply.status, 200, "{}", reply.code());
        let ids: Vec<_> = reply
            .resources()
            .iter()
            .map(|one| one["id"].clone())
            .collect();
        assert_eq!(ids, ["diabetes"]);
        let written = witness.written().await;
        assert_eq!(written.len(), 1);
        assert_eq!(written[0].kind, "disclosure");
        assert_eq!((written[0].shown, written[0].withheld), (Some(1), Some(1)));
        assert_eq!(written[0].actor_id.as_deref(), Some("dr-1"));
        town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_14_what_cannot_be_written_down_is_not_answered() {
    for store in Store::each() {
        let town = asked_town(store).await;
        let (minato, yukimi) = (town.at("minato").envoy(), town.at("yukimi"));
        let token = token(&town).await;
        let now = town.now();
        let mut database = yukimi.other_connection();
        let questions = [
            minato.search(yukimi, &token, "Observation", now),
            minato.batch(yukimi, &token, &["Observation"], now),
            minato.search(yukimi, "a.b.c", "Observation", now),
            minato.echo(yukimi, now),
        ];
        let parcels = questions.map(|draft| minato.sign(draft, now));

        database.break_audit();
        for parcel in &parcels {
            let witness = Witness::of(yukimi, "audit_unavailable", Some(&minato.id)).await;
            let reply = minato.send(yukimi, parcel).await;
            assert_eq!(
                (reply.status, reply.code().as_str()),
                (503, "audit_unavailable")
            );
            assert!(reply.resources().is_empty());
            assert!(reply.verifies(&parcel.binding, town.at("minato"), now));
            assert_eq!(witness.counted(), 1);
            assert!(witness.written().await.is_empty());
        }
        database.mend_audit();

        let reply = minato.ask(yukimi, &token, "Observation", now).await;
        assert_eq!(reply.resources().len(), 1, "it goes on as before");
        let spent = minato.send(yukimi, &parcels[0]).await;
        assert_eq!(
            spent.code(),
            "replay_detected",
            "what was refused is asked anew"
        );
        town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_14_a_database_that_another_process_holds_answers_nothing() {
    let town = asked_town(Store::Sqlite).await;
    let (minato, yukimi) = (town.at("minato").envoy(), town.at("yukimi"));
    let token = token(&town).await;
    let mut database = yukimi.other_connection();
    database.run("BEGIN EXCLUSIVE");
    let reply = minato.ask(yukimi, &token, "Observation", town.now()).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (503, "audit_unavailable")
    );
    database.run("ROLLBACK");
    let reply = minato.ask(yukimi, &token, "Observation", town.now()).await;
    assert_eq!(reply.resources().len(), 1);
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_replayed_to_another_question_does_not_verify() {
    let town = asked_town(Store::Sqlite).await;
    let (minato, yukimi) = (town.at("minato").envoy(), town.at("yukimi"));
    let token = token(&town).await;
    let now = town.now();
    let ask = async |question: &str| {
        let parcel = minato.sign(minato.search(yukimi, &token, question, now), now);
        let reply = minato.send(yukimi, &parcel).await;
        (parcel, reply)
    };
    let (first, answer) = ask("Observation").await;
    let (second, _) = ask("Observation").await;
    let verifies = |parcel: &Parcel| answer.verifies(&parcel.binding, town.at("minato"), now);
    assert!(verifies(&first));
    assert!(
        !verifies(&second),
        "the same question asked again is another question"
    );
    let mut moved = second.clone();
    moved.binding.exchange = first.binding.exchange;
    assert!(!verifies(&moved));
    let mut changed = answer.clone();
    let last = changed.body.len() - 1;
    changed.body[last] = b' ';
    assert!(!changed.verifies(&first.binding, town.at("minato"), now));
    town.stop().await;
}

/// Hana, at home in Minato, has charts at Minato and Yukimi: a lab result, a diagnosis that anyone
/// may know and one that is psychiatric.
async fn asked_town(store: Store) -> Town {
    let town = town(store).await;
    for name in ["minato", "yukimi"] {
        town.at(name)
            .load(&[
                charts::patient("hana", "佐藤", "花"),
                charts::hba1c(&format!("{name}-1"), "hana", "2026-05-01", "7.20"),
                charts::condition("diabetes", "hana", "E11"),
                charts::condition("depression", "hana", "F32"),
            ])
            .await;
    }
    town
}

/// Minato's token for Yukimi, of lab and conditions, with the evidence that a home node needs.
async fn token(town: &Town) -> String {
    let hana = town.person("hana", "minato", &["yukimi"]).await;
    let mut tokens = town.tokens(&hana, "minato", "lab condition").await;
    tokens.remove("yukimi").unwrap()
}
