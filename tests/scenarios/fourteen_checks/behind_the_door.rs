//! Checks 9 to 14: each failure is one audit line and a signed answer.

use federation_protocol::keys::{KeyId, SecretKey, Sign};
use scenarios::envoy::Parcel;
use scenarios::{Envoy, Store, Town, Witness, charts};

use super::{echo, passes, refused_by_door, town};

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
        form("Observation?_revinclude=Encounter:diagnosis"),
        form("Observation?subject:Patient.name=a"),
        form("Observation?code:below=1"),
        form("Observation?_total=accurate"),
        form("Observation?_count=1001"),
        form("Observation?_count=0"),
        form("Observation?_sort=date&_sort=code"),
        form("Observation?date=yesterday"),
        form("Observation?_cursor=AAAA"),
        form("Patient"),
        form("Encounter?status=finished"),
        batch(&["Observation", "Patient"]),
        batch(&["Observation", "Observation?_summary=count"]),
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
