//! Who may not, how it may not be asked, and what an evil member cannot help.

use federation_protocol::signature::{Actor, RequestDraft};
use federation_protocol::time::Timestamp;
use scenarios::envoy::Parcel;
use scenarios::{Envoy, Store};
use serde_json::{Value, json};

use super::{HANA, described, notices_come, question, town};

fn by(envoy: &Envoy, draft: RequestDraft, actor: Actor, now: Timestamp) -> Parcel {
    envoy.sign(RequestDraft { actor, ..draft }, now)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_ask_in_an_emergency_is_refused_and_written_down() {
    for store in Store::each() {
        let (town, _hana) = town(store).await;
        let (yukimi, now) = (town.at("yukimi"), town.now());
        let body = question(&described(HANA));

        // A member whose entry does not hold the capability.
        let minato = town.at("minato").envoy();
        let reply = minato.asks_urgently(yukimi, HANA, now).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (403, "btg_not_permitted")
        );

        // A practitioner without a second factor, with a stale one, with one from the future; a
        // clerk; a system.
        let envoy = town.at("shirakaba").envoy();
        let draft = || envoy.emergency(yukimi, &body, now);
        let right = draft().actor;
        for actor in [
            Actor {
                acr: None,
                ..right.clone()
            },
            Actor {
                acr: Some("password".to_owned()),
                ..right.clone()
            },
            Actor {
                at: None,
                ..right.clone()
            },
            Actor {
                at: Some(now.plus_seconds(-961)),
                ..right.clone()
            },
            Actor {
                at: Some(now.plus_seconds(3_600)),
                ..right.clone()
            },
            Actor {
                role: "clerk".to_owned(),
                ..right.clone()
            },
            Actor::system(),
        ] {
            let said = format!("{actor:?}");
            let reply = envoy.send(yukimi, &by(&envoy, draft(), actor, now)).await;
            let told = (reply.status, reply.code());
            assert_eq!(told, (403, "btg_not_permitted".to_owned()), "{said}");
            assert!(reply.header("signature").is_some());
        }

        // No reason, or one that says nothing; and what is no question of this kind.
        let with = |name: &str, value: Value| {
            let mut body = body.clone();
            body[name] = value;
            body
        };
        let mut without = body.clone();
        without.as_object_mut().unwrap().remove("reason");
        for (body, status, code) in [
            (without, 400, "btg_reason_required"),
            (
                with("reason", json!({"code": "other", "text": "急患"})),
                400,
                "btg_reason_required",
            ),
            (with("queries", json!([])), 400, "query_not_allowed"),
            (
                with("queries", json!(["Patient"])),
                400,
                "query_not_allowed",
            ),
            (
                with("queries", json!(["Observation?_cursor=abc"])),
                400,
                "query_not_allowed",
            ),
            (with("more", json!(1)), 400, "query_not_allowed"),
            (
                with("patient", json!({"kana": HANA})),
                400,
                "query_not_allowed",
            ),
        ] {
            let draft = envoy.emergency(yukimi, &body, now);
            let reply = envoy.send(yukimi, &envoy.sign(draft, now)).await;
            assert_eq!(
                (reply.status, reply.code().as_str()),
                (status, code),
                "{body}"
            );
        }
        assert!(
            yukimi.reviews("officer").await.is_empty(),
            "nothing was opened"
        );
        let lines = yukimi.audit().await;
        let refused = lines.iter().filter(|line| line.kind == "refusal").count();
        assert_eq!(refused, 15, "each is a line");
        town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn break_glass_is_no_purpose_elsewhere_and_its_path_takes_no_other_and_no_token() {
    let (town, hana) = town(Store::Sqlite).await;
    let (yukimi, now) = (town.at("yukimi"), town.now());
    let envoy = town.at("shirakaba").envoy();
    let token = town
        .tokens(&hana, "shirakaba", "lab")
        .await
        .remove("yukimi");
    let token = token.unwrap();
    let key = envoy.keys.sign();

    let search = envoy.sign(envoy.search(yukimi, &token, "Observation", now), now);
    let urgent = search
        .signed_again(&*key, "\"fed-purpose\": TREAT", "\"fed-purpose\": BTG")
        .with_header("fed-purpose", "BTG");
    let reply = envoy.send(yukimi, &urgent).await;
    assert_eq!(reply.code(), "signature_params_invalid");

    let parcel = || {
        let body = question(&described(HANA));
        envoy.sign(envoy.emergency(yukimi, &body, now), now)
    };
    let calm = parcel()
        .signed_again(&*key, "\"fed-purpose\": BTG", "\"fed-purpose\": TREAT")
        .with_header("fed-purpose", "TREAT");
    let reply = envoy.send(yukimi, &calm).await;
    assert_eq!(reply.code(), "signature_params_invalid");

    let with_token = parcel().and_header("fed-consent", &token);
    let reply = envoy.send(yukimi, &with_token).await;
    assert_eq!(reply.code(), "signature_params_invalid");

    // The same signed question twice.
    let once = parcel();
    assert_eq!(envoy.send(yukimi, &once).await.status, 200);
    assert_eq!(envoy.send(yukimi, &once).await.code(), "replay_detected");

    town.suspend("shirakaba");
    let suspended = federation_protocol::member::MemberState::Suspended;
    town.settle_until("shirakaba", suspended).await;
    let reply = envoy.asks_urgently(yukimi, HANA, now).await;
    assert_eq!(reply.code(), "member_suspended");
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_skips_its_own_checks_is_counted_written_down_and_told_to_the_person() {
    let (town, hana) = town(Store::Sqlite).await;
    let (yukimi, now) = (town.at("yukimi"), town.now());
    // Nobody showed a code at Shirakaba: whoever holds its keys says so all the same.
    let evil = town.at("shirakaba").envoy();
    let reply = evil.asks_urgently(yukimi, HANA, now).await;
    assert_eq!(reply.status, 200);
    assert!(town.at("shirakaba").reviews("officer").await.is_empty());

    let reviews = yukimi.reviews("officer").await;
    assert_eq!(reviews.len(), 1);
    assert_eq!(reviews[0]["asked_by"], evil.id.as_str());
    let notices = notices_come(&town, &hana, 1).await;
    assert_eq!(notices[0]["asked_by"], evil.id.as_str());
    let lines = yukimi.audit().await;
    assert!(
        lines
            .iter()
            .any(|line| { line.kind == "disclosure" && line.purpose.as_deref() == Some("BTG") })
    );

    // Nor can another hospital tell Hana lies by a handle that is not its own.
    let forged = json!({
        "id": "0197c000-0000-7000-8000-000000000001",
        "patient": "pp:BwcHBwcHBwcHBwcHBwcHBw",
        "asker": evil.id.as_str(), "practitioner": "dr-1",
        "reason": {"code": "other", "text": scenarios::emergency::REASON},
        "at": now.unix_seconds(), "shown": 1,
    });
    let minato = town.at("minato");
    let draft = RequestDraft {
        path: "/federation/v1/notices".to_owned(),
        body: forged.to_string().into_bytes(),
        ..evil.echo(minato, now)
    };
    let reply = evil.send(minato, &evil.sign(draft, now)).await;
    assert_eq!((reply.status, reply.json()), (200, json!({})));
    assert_eq!(town.notices(&hana).await.len(), 1);
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_house_that_answers_no_emergencies_says_so_and_opens_nothing() {
    let town = scenarios::Town::prepared(&["yukimi", "shirakaba"], Store::Sqlite, |hospital| {
        let setting = match hospital.name() {
            "yukimi" => "answer = \"off\"",
            _ => "ask = \"on\"",
        };
        hospital.set("emergency", setting);
    })
    .await;
    let (yukimi, now) = (town.at("yukimi"), town.now());
    yukimi.load(&super::chart()).await;
    let envoy = town.at("shirakaba").envoy();
    let reply = envoy.asks_urgently(yukimi, HANA, now).await;
    assert_eq!(reply.code(), "btg_not_permitted");
    assert!(yukimi.reviews("officer").await.is_empty());
    town.stop().await;
}
