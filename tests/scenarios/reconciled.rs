//! Two hospitals compare what they did with each other: what somebody removed from one database is
//! named by the other hospital. And who may ask at all.

use federation_protocol::member::MemberState;
use federation_protocol::receipts::{Day, Prefix, ReceiptsQuestion, ReceiptsReply};
use federation_protocol::signature::{ExchangeId, RequestDraft};
use federation_protocol::time::Timestamp;
use federation_service::clock::{Clock as _, SystemClock};
use scenarios::envoy::{self, Parcel};
use scenarios::{Envoy, Hospital, Store, Town, Witness, charts};
use serde_json::Value;

use crate::program;

/// The exit code, and what was printed.
async fn reconcile(hospital: &Hospital, with: &Hospital, day: &str) -> (i32, Value) {
    let number = with.id().code().to_owned();
    let words = ["audit", "reconcile", &number, "--day", day, "-o", "json"];
    let output = program().node_later(hospital, &words).await;
    let printed = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code().unwrap(), printed)
}

async fn exchanges(hospital: &Hospital) -> Vec<ExchangeId> {
    let lines = hospital.audit().await;
    let disclosed = lines.iter().filter(|line| line.kind == "disclosure");
    let ids = disclosed.map(|line| line.exchange.as_deref().unwrap().parse().unwrap());
    ids.collect()
}

/// The same exchange, a day earlier.
fn day_before(exchange: ExchangeId) -> String {
    let moment = exchange.begun_at().plus_seconds(-86_400);
    let earlier = ExchangeId::new(moment, [0; 10]).to_string();
    let (own, head) = (exchange.to_string(), "00000000-0000".len());
    format!("{}{}", &earlier[..head], &own[head..])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_removed_at_one_hospital_is_named_by_the_other_and_by_the_command() {
    for store in Store::each() {
        let town = Town::in_real_time(&["minato", "yukimi"], store).await;
        let (minato, yukimi) = (town.at("minato"), town.at("yukimi"));
        minato
            .load(&[
                charts::patient("hana", "佐藤", "花"),
                charts::hba1c("a", "hana", "2026-05-01", "7.20"),
            ])
            .await;
        let hana = town.person("hana", "minato", &["minato"]).await;
        let grant = town.grant(&hana, "yukimi", "lab").await;
        for _ in 0..3 {
            let (status, _) = yukimi.ask(&grant, "dr-1", "Observation").await;
            assert_eq!(status, 200);
        }
        let asked = exchanges(minato).await;
        let now = SystemClock.now();
        let day = Day::of(asked[0].begun_at()).before().to_string();
        let today = Day::of(now).to_string();
        assert_eq!(
            reconcile(minato, yukimi, &today).await.0,
            1,
            "it is not over"
        );
        assert_eq!(reconcile(minato, yukimi, "2026-6-1").await.0, 1);
        // Nobody waits for tomorrow: at both ends it was yesterday.
        for exchange in &asked {
            let earlier = day_before(*exchange);
            let sql = format!(
                "UPDATE exchange_evidence SET exchange = '{earlier}' WHERE exchange = '{exchange}'"
            );
            minato.other_connection().run(&sql);
            yukimi.other_connection().run(&sql);
        }
        let (exit, printed) = reconcile(minato, yukimi, &day).await;
        assert_eq!(
            (exit, &printed["equal"], &printed["here"]),
            (0, &true.into(), &3.into())
        );

        let removed = day_before(asked[1]);
        minato.other_connection().run(&format!(
            "DELETE FROM exchange_evidence WHERE exchange = '{removed}'"
        ));
        let (exit, printed) = reconcile(yukimi, minato, &day).await;
        assert_eq!(exit, 3, "{printed}");
        assert_eq!(printed["missing_there"], serde_json::json!([removed]));
        let (exit, printed) = reconcile(minato, yukimi, &day).await;
        assert_eq!(exit, 3, "{printed}");
        assert_eq!(printed["missing_here"], serde_json::json!([removed]));
        for hospital in [minato, yukimi] {
            let lines = hospital.audit().await;
            let mut told = lines.iter().filter(|line| line.kind == "reconciliation");
            assert!(told.any(|line| line.outcome == "differs"), "{lines:?}");
        }
        town.stop().await;
    }
}

fn question(town: &Town, envoy: &Envoy, body: Vec<u8>) -> Parcel {
    let now = town.now();
    let draft = RequestDraft {
        path: "/federation/v1/receipts".into(),
        body,
        ..envoy.echo(town.at("yukimi"), now)
    };
    envoy.sign(draft, now)
}

fn body(now: Timestamp) -> Vec<u8> {
    let question = ReceiptsQuestion {
        day: Day::of(now).before().before(),
        prefix: Prefix::default(),
    };
    serde_json::to_vec(&question).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_member_that_takes_part_is_told_and_once() {
    for store in Store::each() {
        let town = Town::start(&["minato", "yukimi"], store).await;
        let (minato, yukimi) = (town.at("minato").envoy(), town.at("yukimi"));
        let parcel = question(&town, &minato, body(town.now()));
        let reply = minato.send(yukimi, &parcel).await;
        assert_eq!(reply.status, 200);
        assert!(reply.verifies(&parcel.binding, town.at("minato"), town.now()));
        assert!(ReceiptsReply::parse(&reply.body).is_ok());

        let witness = Witness::of(yukimi, "replay_detected", Some(&minato.id)).await;
        let reply = minato.send(yukimi, &parcel).await;
        witness.saw_it_written(401, &reply).await;

        let large = question(&town, &minato, vec![b' '; 257 * 1_024]);
        let witness = Witness::of(yukimi, "request_too_large", None).await;
        let reply = minato.send(yukimi, &large).await;
        witness.saw_it_only_counted(413, &reply).await;
        let wide = question(&town, &minato, vec![b' '; 300]);
        let witness = Witness::of(yukimi, "query_not_allowed", Some(&minato.id)).await;
        let reply = minato.send(yukimi, &wide).await;
        witness.saw_it_written(400, &reply).await;

        let fresh = question(&town, &minato, body(town.now()));
        let witness = Witness::of(yukimi, "key_unknown", None).await;
        let reply = envoy::send(&envoy::stranger(town.now()), yukimi, &fresh).await;
        witness.saw_it_only_counted(401, &reply).await;

        town.suspend("minato");
        town.settle_until("minato", MemberState::Suspended).await;
        let fresh = question(&town, &minato, body(town.now()));
        let witness = Witness::of(yukimi, "member_suspended", Some(&minato.id)).await;
        let reply = minato.send(yukimi, &fresh).await;
        witness.saw_it_only_counted(403, &reply).await;
        let told = yukimi.audit().await;
        assert_eq!(
            told.iter()
                .filter(|line| line.kind == "reconciliation")
                .count(),
            1
        );
        town.stop().await;
    }
}
