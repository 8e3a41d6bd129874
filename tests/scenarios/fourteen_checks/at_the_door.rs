//! Checks 1 to 8: what strangers can send. Counted, never written down, answered unsigned.

use federation_protocol::keys::{KeyUse, SecretKey};
use federation_protocol::member::MemberState;
use federation_protocol::signature::RequestDraft;
use reqwest::{Client, Method};
use scenarios::envoy::{Parcel, nobody, send, stranger};
use scenarios::{Envoy, Store, Town, Witness};

use super::{echo, passes, refused_by_door, town};

const HEADERS_AT_MOST: usize = 32 * 1024;
const BODY_AT_MOST: usize = 256 * 1024;

/// Sends what fails in check 1: who sent it is not asked yet.
async fn refused_by_form(town: &Town, parcel: &Parcel, status: u16, code: &'static str) {
    let (minato, yukimi) = (town.at("minato").envoy(), town.at("yukimi"));
    let witness = Witness::of(yukimi, code, None).await;
    let reply = minato.send(yukimi, parcel).await;
    witness.saw_it_only_counted(status, &reply).await;
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
    town.at("yukimi")
        .set("federation", "rate_per_second = 1\nrate_burst = 2");
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
    let key = &*minato.keys.sign();
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
        at(offset).signed_again(&*minato.keys.sign(), &old, &new)
    };
    let too_long = {
        let created = now.unix_seconds();
        let (old, new) = (
            format!("expires={}", created + 60),
            format!("expires={}", created + 61),
        );
        at(0).signed_again(&*minato.keys.sign(), &old, &new)
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
    let consent = &*minato.keys.signer(KeyUse::Consent).unwrap();
    for wrong in [
        Envoy::sign_with(&SecretKey::from_seed([7; 32]), draft(), now),
        Envoy::sign_with(consent, draft(), now),
        Envoy::sign_with(&*shirakaba.keys.sign(), draft(), now),
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
