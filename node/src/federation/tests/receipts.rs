//! The comparison of a day, on both databases: what was removed at one end is named by the other.

use diesel::connection::SimpleConnection as _;
use federation_protocol::receipts::{Day, Differences, Prefix, ReceiptsQuestion, ReceiptsReply};
use federation_protocol::sample::NOW;
use federation_protocol::signature::ExchangeId;

use super::town::{Hospital, Town};
use super::*;
use crate::audit::Recorded;
use crate::database::DatabaseError;
use crate::federation::evidence::{self, EvidenceError};
use crate::federation::receipts::DayError;
use crate::federation::reconciling::{Compared, ReconcileError};

/// From the first moment of the day after on, a day is over for both.
const LATER: i64 = 300;

/// It ends when the town begins.
fn yesterday() -> Day {
    Day::of(NOW).before()
}

async fn compare(town: &Town, at: usize, with: usize) -> Differences {
    let reconciling = town.hospitals[at].federation.reconciling();
    let peer = &town.hospitals[with].me;
    reconciling.reconcile(peer, yesterday()).await.unwrap()
}

/// What somebody does who has the file, or the server.
async fn attack(hospital: &Hospital, sql: String) {
    let database = &hospital.scratch.database;
    let done = database.transact(move |connection| {
        connection.batch_execute(&sql)?;
        Ok::<_, DatabaseError>(())
    });
    done.await.unwrap();
}

/// A physician of the asker has asked the answerer so many times, and the day is over.
async fn after_a_day(town: &Town, questions: usize) -> Vec<ExchangeId> {
    town.clock.set(NOW.plus_seconds(-60));
    let grant = grant_in(town, everything(), &["lab"]).await;
    town.hospitals[ANSWERER].charts(&RESULTS).await;
    let path = format!("/federated/{grant}/fhir/Observation");
    for _ in 0..questions {
        let (status, text) = ask_http(&town.hospitals[ASKER], &path).await;
        assert!(status == 200 && text.contains("2 of 2"), "{text}");
    }
    town.clock.set(NOW.plus_seconds(LATER));
    let lines = town.hospitals[ANSWERER].lines(Kind::Disclosure).await;
    let exchanges = lines.iter().map(|line| line.exchange.as_deref().unwrap());
    exchanges
        .map(|exchange| exchange.parse().unwrap())
        .collect()
}

async fn reconciliations(hospital: &Hospital, outcome: &str) -> Vec<Recorded> {
    let lines = hospital.lines(Kind::Reconciliation).await;
    let compared = lines
        .into_iter()
        .filter(|line| line.detail["there"].is_u64());
    compared.filter(|line| line.outcome == outcome).collect()
}

#[actix_web::test]
async fn a_row_that_was_removed_at_either_end_is_named_by_the_comparison() {
    Town::on_each(3, async |town: Town| {
        let exchanges = after_a_day(&town, 3).await;
        for (at, with) in [(ASKER, ANSWERER), (ANSWERER, ASKER), (ASKER, HOME)] {
            let found = compare(&town, at, with).await;
            assert!(found.is_equal(), "{found:?}");
            assert_eq!(found.here, found.there);
            assert_eq!(found.here, if with == HOME { 1 } else { 3 });
        }
        let (lost, hidden) = (exchanges[0], exchanges[2]);
        let remove =
            |exchange| format!("DELETE FROM exchange_evidence WHERE exchange = '{exchange}'");
        attack(&town.hospitals[ASKER], remove(lost)).await;
        attack(&town.hospitals[ANSWERER], remove(hidden)).await;
        let found = compare(&town, ASKER, ANSWERER).await;
        assert_eq!(
            (found.missing_here, found.missing_there),
            (vec![lost], vec![hidden])
        );
        let found = compare(&town, ANSWERER, ASKER).await;
        assert_eq!(
            (found.missing_here, found.missing_there),
            (vec![hidden], vec![lost])
        );

        let told = reconciliations(&town.hospitals[ASKER], "differs").await;
        assert_eq!(told.len(), 1);
        assert_eq!(
            told[0].peer.as_deref(),
            Some(town.hospitals[ANSWERER].me.as_str())
        );
        assert_eq!(told[0].detail["missing_here"], lost.to_string());
        assert_eq!(told[0].detail["missing_there"], hidden.to_string());
        assert_eq!(reconciliations(&town.hospitals[ASKER], "ok").await.len(), 2);
    })
    .await;
}

#[actix_web::test]
async fn a_request_that_was_changed_and_an_answer_that_was_put_away_are_told() {
    Town::on_each(3, async |town: Town| {
        let exchanges = after_a_day(&town, 2).await;
        let set = |exchange, what| {
            format!("UPDATE exchange_evidence SET {what} WHERE exchange = '{exchange}'")
        };
        let digest = federation_protocol::digest::content_digest(b"another");
        let changed = set(exchanges[0], format!("request_digest = '{digest}'"));
        attack(&town.hospitals[ANSWERER], changed).await;
        // As if the answer had not arrived: that happens, and is counted.
        let unanswered = set(
            exchanges[1],
            "answer_base = NULL, answer_signature = NULL".to_owned(),
        );
        attack(&town.hospitals[ASKER], unanswered).await;
        let found = compare(&town, ASKER, ANSWERER).await;
        assert_eq!(found.differing, [exchanges[0]]);
        assert_eq!(found.unanswered, 1);
        assert!(found.missing_here.is_empty() && found.missing_there.is_empty());
    })
    .await;
}

#[actix_web::test]
async fn what_was_erased_at_the_end_of_retention_proves_nothing_and_is_compared_all_the_same() {
    Town::on_each(3, async |town: Town| {
        let exchanges = after_a_day(&town, 3).await;
        let asker = &town.hospitals[ASKER];
        let database = &asker.scratch.database;
        let one = exchanges[1].to_string();
        let kept = evidence::of_exchange(database, &one).await.unwrap();
        let asked_at = kept[0].at;
        assert_eq!(
            evidence::count_erasable(database, asked_at).await.unwrap(),
            0
        );
        assert_eq!(evidence::erase(database, asked_at).await.unwrap(), 0);

        // Three questions, and the grant that was asked for before them.
        let before = NOW.plus_seconds(LATER);
        let erasable = evidence::count_erasable(database, before).await.unwrap();
        assert_eq!(erasable, 4);
        assert_eq!(evidence::erase(database, before).await.unwrap(), 4);
        assert_eq!(evidence::erase(database, before).await.unwrap(), 0);
        let left = evidence::of_exchange(database, &one).await.unwrap();
        assert!(left[0].is_erased && left[0].request_digest == kept[0].request_digest);
        let refused = evidence::verify(&left[0], std::path::Path::new("/"), [0; 32], NOW);
        assert!(matches!(refused, Err(EvidenceError::Erased)), "{refused:?}");

        let found = compare(&town, ANSWERER, ASKER).await;
        assert!(found.is_equal() && found.here == 3, "{found:?}");
        let lost = exchanges[0];
        let remove = format!("DELETE FROM exchange_evidence WHERE exchange = '{lost}'");
        attack(asker, remove).await;
        let found = compare(&town, ANSWERER, ASKER).await;
        assert_eq!(found.missing_there, [lost]);
    })
    .await;
}

#[actix_web::test]
async fn a_thousand_rows_of_a_day_are_read_in_pages_and_one_is_named() {
    Town::on_each(3, async |town: Town| {
        let exchanges = after_a_day(&town, 1).await;
        let numbers = 1_u16..=1_100;
        let copies: Vec<ExchangeId> = numbers
            .map(|number| {
                let mut random = [7; 10];
                random[6..8].copy_from_slice(&number.to_be_bytes());
                ExchangeId::new(NOW.plus_seconds(-i64::from(number)), random)
            })
            .collect();
        let columns = "side, peer, at, directory, request_digest, request_base, request_signature, \
                       answer_base, answer_signature";
        let copy = |of: &[ExchangeId]| -> String {
            let copy = |id: &ExchangeId| {
                format!(
                    "INSERT INTO exchange_evidence (exchange, {columns}) SELECT '{id}', {columns} \
                         FROM exchange_evidence WHERE exchange = '{}';",
                    exchanges[0]
                )
            };
            of.iter().map(copy).collect()
        };
        attack(&town.hospitals[ASKER], copy(&copies)).await;
        attack(&town.hospitals[ANSWERER], copy(&copies[..1_099])).await;
        // Six hundred attempts of one exchange fill more than a page.
        let again: Vec<ExchangeId> = std::iter::repeat_n(copies[500], 600).collect();
        attack(&town.hospitals[ANSWERER], copy(&again)).await;
        let found = compare(&town, ASKER, ANSWERER).await;
        assert_eq!((found.here, found.there), (1_101, 1_100));
        assert_eq!(found.missing_there, [copies[1_099]]);
        assert!(found.missing_here.is_empty() && !found.more);
    })
    .await;
}

#[actix_web::test]
async fn a_day_that_is_not_over_is_compared_by_nobody() {
    let town = Town::of(2).await;
    let (asker, peer) = (&town.hospitals[0], &town.hospitals[1].me);
    let reconciling = asker.federation.reconciling();
    for (seconds, is_over) in [(0, false), (LATER - 1, false), (1, true)] {
        town.clock.advance(seconds);
        let compared = reconciling.reconcile(peer, yesterday()).await;
        assert_eq!(compared.is_ok(), is_over, "{compared:?}");
        let before = if is_over {
            yesterday()
        } else {
            yesterday().before()
        };
        assert_eq!(reconciling.last_day(), before);
        let refused = matches!(compared, Err(ReconcileError::Day(DayError::NotOver(_))));
        assert_eq!(refused, !is_over);
    }
}

#[actix_web::test]
async fn each_day_is_compared_once_with_each_member_and_again_with_who_was_silent() {
    let town = Town::of(3).await;
    let hospital = &town.hospitals[0];
    let reconciling = hospital.federation.reconciling();
    let mut compared = Compared::default();
    town.hospitals[2].stop().await;
    for _ in 0..2 {
        reconciling.compare_all(&mut compared).await;
        let lines = reconciliations(hospital, "ok").await;
        assert_eq!(lines.len(), 1);
        assert_eq!(
            lines[0].peer.as_deref(),
            Some(town.hospitals[1].me.as_str())
        );
        assert_eq!(lines[0].detail["day"], "2026-06-29");
    }
    town.clock.advance(LATER);
    reconciling.compare_all(&mut compared).await;
    let lines = reconciliations(hospital, "ok").await;
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1].detail["day"], "2026-06-30");
    // Who was silent was asked each time: each attempt is kept.
    let database = &hospital.scratch.database;
    let silent = town.hospitals[2].me.to_string();
    let attempts = database.read(move |connection| {
        let all = super::super::store::evidence::between(connection, &silent, ("0", "g"), 10);
        all.map(|rows| {
            rows.iter()
                .map(|row| row.answer_base.is_some())
                .collect::<Vec<_>>()
        })
    });
    assert_eq!(attempts.await.unwrap(), [false; 3]);
}

async fn asked(town: &Town, body: &str) -> (u16, Vec<u8>) {
    let exchanges = town.hospitals[0].federation.exchanges();
    let ask = Ask {
        path: super::super::inbound::RECEIPTS_PATH.into(),
        body: body.as_bytes().to_vec(),
        ..echo()
    };
    let deadline = Duration::from_secs(3);
    let exchanged = exchanges.ask(&town.hospitals[1].me, &ask, deadline).await;
    let answer = exchanged.result.unwrap();
    (answer.status, answer.body.clone())
}

#[actix_web::test]
async fn what_is_no_question_about_a_day_that_is_over_is_refused_signed_and_written_down() {
    let town = Town::of(2).await;
    town.clock.advance(LATER);
    let long = format!(r#"{{"day":"2026-06-30","prefix":""{}}}"#, " ".repeat(300));
    let wrong = [
        "",
        "[]",
        r#"["2026-06-30",""]"#,
        r#"{"day":"2026-07-01","prefix":""}"#,
        r#"{"day":"2099-01-01","prefix":""}"#,
        r#"{"day":"2026-7-1","prefix":""}"#,
        r#"{"day":"2026-02-30","prefix":""}"#,
        r#"{"day":"2026-06-30"}"#,
        r#"{"day":"2026-06-30","prefix":"0"}"#,
        r#"{"day":"2026-06-30","prefix":"AB"}"#,
        r#"{"day":"2026-06-30","prefix":"00112233"}"#,
        r#"{"day":"2026-06-30","prefix":"","member":"urn:musubi:member:0110000009"}"#,
        &long,
    ];
    for body in wrong {
        let (status, answer) = asked(&town, body).await;
        assert_eq!(
            (status, Refusal::of_body(&answer)),
            (400, Some(Refusal::QueryNotAllowed)),
            "{body}"
        );
    }
    assert_eq!(
        town.hospitals[1].lines(Kind::Refusal).await.len(),
        wrong.len()
    );
    let (status, _) = asked(&town, r#"{"day":"2026-06-30","prefix":"00ff11"}"#).await;
    assert_eq!(status, 200);
}

#[actix_web::test]
async fn a_member_is_told_of_its_own_exchanges_alone_and_of_no_patient() {
    let town = Town::of(3).await;
    after_a_day(&town, 2).await;
    // The home node is a member, but none of the two.
    let question = ReceiptsQuestion {
        day: yesterday(),
        prefix: Prefix::default(),
    };
    let ask = Ask {
        path: super::super::inbound::RECEIPTS_PATH.into(),
        body: serde_json::to_vec(&question).unwrap(),
        ..echo()
    };
    let answerer = &town.hospitals[ANSWERER].me;
    let deadline = Duration::from_secs(3);
    for (at, count) in [(HOME, 0), (ASKER, 2)] {
        let exchanges = town.hospitals[at].federation.exchanges();
        let answer = exchanges
            .ask(answerer, &ask, deadline)
            .await
            .result
            .unwrap();
        let reply = ReceiptsReply::parse(&answer.body).unwrap();
        assert_eq!(reply.count, count);
        let items: Value = serde_json::from_slice(&answer.body).unwrap();
        for item in items["items"].as_array().unwrap() {
            let names: Vec<&String> = item.as_object().unwrap().keys().collect();
            assert_eq!(names, ["digest", "exchange"]);
        }
    }
    let lines = town.hospitals[ANSWERER].lines(Kind::Reconciliation).await;
    assert_eq!(lines.len(), 2);
    assert!(
        lines
            .iter()
            .all(|line| line.patient.is_none() && line.exchange.is_some())
    );
}
