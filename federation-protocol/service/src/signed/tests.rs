#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::num::NonZeroU32;
use std::time::Duration;

use federation_protocol::signature::{AnswerRefusal, verify_answer};

use super::town::{ECHO, Letter, SEARCH, Town};
use super::*;
use crate::clock::Clock as _;
use crate::loopback::{RawClient, RawResponse, connector, identity, loopback_allowed};
use crate::peer_client::PeerClient;

/// Status and code of an unsigned refusal.
fn said(response: &RawResponse) -> (u16, String) {
    assert!(
        response.header("signature").is_none(),
        "signed: {}",
        response.head
    );
    (response.status, response.code())
}

fn refusal(refusal: Refusal) -> (u16, String) {
    (refusal.http_status(), refusal.code().to_owned())
}

#[tokio::test]
async fn a_right_request_is_answered_and_the_answer_verifies() {
    let town = Town::start();
    let certificates = [town.yukimi.tls.certificate().unwrap()];
    let endpoint = town.listener.endpoint();
    let client = PeerClient::new(
        &endpoint,
        &certificates,
        &town.minato.tls,
        &loopback_allowed(),
        100_000,
    )
    .unwrap();
    let request = town.echo(br#"{"say":"hello"}"#);

    let reply = client.ask(&request, Duration::from_secs(8)).await.unwrap();

    let now = town.clock.now();
    let answer = reply
        .as_answer(|raw| verify_answer(raw, &request.binding, &town.membership, now))
        .unwrap();
    assert_eq!(
        (answer.status, &answer.body[..]),
        (200, &br#"{"say":"hello"}"#[..])
    );
    assert_eq!(answer.directory, town.membership.position());
    let traceparent = reply.headers.get("traceparent").unwrap();
    assert_eq!(
        traceparent.as_bytes(),
        request.binding.traceparent.as_bytes()
    );
    assert!(reply.headers.get("content-encoding").is_none());

    let other = town.signed(&town.minato, ECHO, |draft| {
        draft.body = b"{\"other\":1}".to_vec()
    });
    let moved = reply.as_answer(|raw| verify_answer(raw, &other.binding, &town.membership, now));
    assert_eq!(moved.unwrap_err(), AnswerRefusal::SignatureInvalid);
}

#[test]
fn check_1_only_post_to_a_known_path_without_a_query() {
    let town = Town::start();
    let letter = || Letter::of(&town.echo(b"{}"));
    for line in [
        "GET /federation/v1/echo HTTP/1.1",
        "PUT /federation/v1/echo HTTP/1.1",
        "POST /federation/v1/echo? HTTP/1.1",
        "POST /federation/v1/echo?patient=1 HTTP/1.1",
        "POST /federation/v1/echo/ HTTP/1.1",
        "POST /federation/v1/ech%6f HTTP/1.1",
        "POST //federation/v1/echo HTTP/1.1",
        "POST /federation/v1/../v1/echo HTTP/1.1",
        "POST / HTTP/1.1",
    ] {
        let response = town.post(&letter().line(line));
        assert_eq!(said(&response), refusal(Refusal::NotFound), "{line}");
    }
}

#[test]
fn check_1_the_version_is_one() {
    let town = Town::start();
    let letter = || Letter::of(&town.echo(b"{}"));
    for wrong in [
        letter().without("fed-version"),
        letter().set("fed-version", "2"),
        letter().set("fed-version", "1, 1"),
        letter().with("fed-version", "2"),
    ] {
        assert_eq!(
            said(&town.post(&wrong)),
            refusal(Refusal::VersionUnsupported)
        );
    }
}

#[test]
fn check_1_the_header_block_has_a_limit() {
    let town = Town::start();
    let letter = |filler: usize| {
        let letter = Letter::of(&town.echo(b"{}"));
        // The block counts host and content-length too, which the letter adds when it is sent.
        let own = "host: 127.0.0.1\r\ncontent-length: 2\r\n".len();
        let signed: usize = letter
            .headers
            .iter()
            .map(|(n, v)| n.len() + v.len() + 4)
            .sum();
        let rest = MAX_HEADER_BYTES - own - signed - "x-filler: \r\n".len();
        letter.with("x-filler", &"x".repeat(rest + filler))
    };
    assert_eq!(town.post(&letter(0)).status, 200);
    assert_eq!(
        said(&town.post(&letter(1))),
        refusal(Refusal::HeadersTooLarge)
    );
}

#[test]
fn check_1_the_body_has_a_limit_announced_or_not() {
    let town = Town::start();
    let most = town.echo(&vec![b'x'; MAX_BODY_BYTES]);
    let more = town.echo(&vec![b'x'; MAX_BODY_BYTES + 1]);
    assert_eq!(town.post(&Letter::of(&most)).status, 200);
    assert_eq!(town.post(&Letter::of(&most).chunked(10_000)).status, 200);
    assert_eq!(
        said(&town.post(&Letter::of(&more))),
        refusal(Refusal::RequestTooLarge)
    );
    let unannounced = town.post(&Letter::of(&more).chunked(10_000));
    assert_eq!(said(&unannounced), refusal(Refusal::RequestTooLarge));
}

#[test]
fn check_1_an_announced_body_is_refused_unread() {
    let town = Town::start();
    let head = Letter::of(&town.echo(b""))
        .with("content-length", "1000000000000")
        .head();
    let head = String::from_utf8(head)
        .unwrap()
        .replace("content-length: 0\r\n", "");
    let mut connection = RawClient::connect(town.listener.address, Some(&town.minato.tls));
    let response = connection.write(head.as_bytes()).read();
    assert_eq!(said(&response), refusal(Refusal::RequestTooLarge));
}

#[test]
fn check_1_the_media_type_is_the_paths_and_nothing_is_coded() {
    let town = Town::start();
    let letter = || Letter::of(&town.echo(b"{}"));
    for wrong in [
        letter().set("content-type", "application/fhir+json"),
        letter().set("content-type", "text/plain"),
        letter().without("content-type"),
        letter().with("content-type", "text/plain"),
        letter().with("content-encoding", "gzip"),
        letter().with("content-encoding", "identity"),
    ] {
        assert_eq!(
            said(&town.post(&wrong)),
            refusal(Refusal::MediaTypeUnsupported)
        );
    }
}

#[test]
fn check_2_the_certificate_is_a_members() {
    let town = Town::start();
    let letter = Letter::of(&town.echo(b"{}")).to_bytes();
    let strangers = identity();
    for shown in [None, Some(&strangers)] {
        let mut connection = RawClient::connect(town.listener.address, shown);
        let response = connection.write(&letter).read();
        assert_eq!(said(&response), refusal(Refusal::CertificateUnknown));
    }
}

#[test]
fn check_2_comes_before_a_body_of_unknown_length_is_read() {
    let town = Town::start();
    let head = Letter::of(&town.echo(b"{}")).chunked(1).head();
    let mut connection = RawClient::connect(town.listener.address, None);
    let response = connection.write(&head).read();
    assert_eq!(said(&response), refusal(Refusal::CertificateUnknown));
}

#[test]
fn check_3_a_member_knocks_only_so_often_and_others_are_not_held_up() {
    let (one, two) = (NonZeroU32::new(1).unwrap(), NonZeroU32::new(2).unwrap());
    let rate = RateLimit {
        per_second: one,
        burst: two,
    };
    let town = Town::with(Some(rate), Duration::from_secs(10));
    let letter = Letter::of(&town.echo(b"{}"));
    assert_eq!(
        [town.post(&letter).status, town.post(&letter).status],
        [200, 200]
    );

    let third = town.post(&letter);

    assert_eq!(said(&third), refusal(Refusal::RateLimited));
    assert_eq!(third.header("retry-after"), Some("1"));
    let mut other = RawClient::connect(town.listener.address, Some(&town.yukimi.tls));
    assert_eq!(other.write(&letter.to_bytes()).read().code(), "key_unknown");
}

#[test]
fn check_4_every_covered_header_stands_once_and_so_does_the_signature() {
    let town = Town::start();
    let request = town.echo(b"{}");
    for (name, value) in &request.headers {
        if ["fed-version", "content-type"].contains(name) {
            continue; // check 1 sees these first
        }
        for wrong in [
            Letter::of(&request).with(name, value),
            Letter::of(&request).without(name),
        ] {
            let said = said(&town.post(&wrong));
            assert_eq!(said, refusal(Refusal::SignatureParamsInvalid), "{name}");
        }
    }
    let twice = Letter::of(&request).with("content-type", "application/json");
    assert_eq!(
        said(&town.post(&twice)),
        refusal(Refusal::SignatureParamsInvalid)
    );
    let token = Letter::of(&request).with("fed-consent", "x");
    assert_eq!(
        said(&town.post(&token)),
        refusal(Refusal::SignatureParamsInvalid)
    );
}

#[test]
fn check_5_a_wrong_time_is_answered_with_the_right_one() {
    let town = Town::start();
    let letter = Letter::of(&town.echo(b"{}"));
    town.clock.advance(120);
    assert_eq!(town.post(&letter).status, 200);
    town.clock.advance(1);

    let late = town.post(&letter);

    assert_eq!(said(&late), refusal(Refusal::SignatureTimeInvalid));
    assert_eq!(late.header("date"), Some("Mon, 21 Sep 2026 14:15:21 GMT"));
    let body: serde_json::Value = serde_json::from_slice(&late.body).unwrap();
    assert_eq!(body["time"], "2026-09-21T14:15:21.000Z");
    town.clock.advance(-182);
    assert_eq!(
        said(&town.post(&letter)),
        refusal(Refusal::SignatureTimeInvalid)
    );
    town.clock.advance(1);
    assert_eq!(town.post(&letter).status, 200);
}

#[test]
fn check_6_the_key_is_the_senders_over_its_own_connection() {
    let town = Town::start();
    let unknown = super::town::Hospital {
        id: town.minato.id.clone(),
        key: federation_protocol::keys::SecretKey::from_seed([99; 32]),
        tls: identity(),
    };
    let letter = Letter::of(&town.signed(&unknown, ECHO, |_| {}));
    assert_eq!(said(&town.post(&letter)), refusal(Refusal::KeyUnknown));

    let theirs = Letter::of(&town.signed(&town.yukimi, ECHO, |_| {}));
    assert_eq!(said(&town.post(&theirs)), refusal(Refusal::KeyUnknown));
    let borrowed = Letter::of(&town.signed(&town.minato, ECHO, |draft| {
        draft.from = town.yukimi.id.clone()
    }));
    assert_eq!(said(&town.post(&borrowed)), refusal(Refusal::KeyUnknown));
}

#[test]
fn check_6_a_suspended_member_is_told_so() {
    let town = Town::start();
    let letter = Letter::of(&town.signed(&town.shirakaba, ECHO, |_| {}));
    let mut connection = RawClient::connect(town.listener.address, Some(&town.shirakaba.tls));
    let response = connection.write(&letter.to_bytes()).read();
    assert_eq!(said(&response), refusal(Refusal::MemberSuspended));
}

#[test]
fn check_7_only_who_is_served_here_is_answered_for() {
    let town = Town::start();
    let letter = Letter::of(&town.signed(&town.minato, ECHO, |draft| {
        draft.to = town.shirakaba.id.clone()
    }));
    assert_eq!(said(&town.post(&letter)), refusal(Refusal::WrongMember));
}

#[test]
fn check_8_a_changed_byte_is_another_body() {
    let town = Town::start();
    let mut letter = Letter::of(&town.echo(b"{\"a\":1}"));
    letter.body[5] = b'2';
    assert_eq!(said(&town.post(&letter)), refusal(Refusal::DigestMismatch));
}

#[test]
fn check_9_a_signature_that_does_not_fit_is_refused_with_one_that_does() {
    let town = Town::start();
    let request = town.echo(b"{}");
    let response = town.post(&Letter::of(&request).set("fed-timeout", "8001"));

    assert_eq!(
        (response.status, response.code()),
        refusal(Refusal::SignatureInvalid)
    );
    assert_eq!(
        response.header("content-type"),
        Some("application/problem+json")
    );
    let headers: Vec<(String, String)> = response
        .head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let headers: Vec<(&str, &[u8])> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    let raw = federation_protocol::signature::RawAnswer {
        status: response.status,
        headers: &headers,
        body: &response.body,
    };
    let now = town.clock.now();
    assert!(verify_answer(&raw, &request.binding, &town.membership, now).is_ok());
}

#[test]
fn a_refusal_on_a_fhir_path_is_an_outcome() {
    let town = Town::start();
    let request = town.signed(&town.minato, SEARCH, |draft| {
        draft.content_type = "application/x-www-form-urlencoded".to_owned();
        draft.consent = Some("x.y.z".to_owned());
        draft.to = town.shirakaba.id.clone();
    });
    let response = town.post(&Letter::of(&request));
    assert_eq!(said(&response), refusal(Refusal::WrongMember));
    assert_eq!(
        response.header("content-type"),
        Some("application/fhir+json")
    );
    assert!(response.body.starts_with(br#"{"issue""#) || response.body.starts_with(b"{\"res"));
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let town = Town::with(None, Duration::from_millis(300));
    let letter = Letter::of(&town.echo(b"{\"a\":1}"));
    let mut connection = RawClient::connect(town.listener.address, Some(&town.minato.tls));
    connection.write(&letter.head()).write(b"{\"a\"");
    assert_eq!(said(&connection.read()), refusal(Refusal::RequestTimeout));
}

#[test]
fn a_connection_is_kept_for_the_next_question() {
    let town = Town::start();
    let letter = Letter::of(&town.echo(b"{}")).to_bytes();
    let mut connection = RawClient::connect(town.listener.address, Some(&town.minato.tls));
    for _ in 0..3 {
        assert_eq!(connection.write(&letter).read().status, 200);
    }
}

/// The body of a refused request is not read; if it were taken for the next request, whoever can
/// put words into a body could speak in the sender's name.
#[test]
fn an_unread_body_is_never_the_next_request() {
    let town = Town::start();
    let inner = Letter::of(&town.echo(b"{}")).to_bytes();
    for filler in [0, 300_000] {
        let mut outer = Letter::of(&town.echo(b"{}")).set("content-type", "text/plain");
        outer.body = inner.clone();
        outer.body.extend(vec![b' '; filler]);
        let mut connection = RawClient::connect(town.listener.address, Some(&town.minato.tls));
        let first = connection.write(&outer.to_bytes()).read();
        assert!([413, 415].contains(&first.status));
        let rest = connection.rest(&inner);
        assert!(rest.matches("HTTP/1.1").count() <= 1, "{rest}");
    }
}

#[tokio::test]
async fn http_2_is_not_spoken_between_members() {
    let town = Town::start();
    // A client that would rather have HTTP/2 gets HTTP/1.1.
    let client = reqwest::Client::builder()
        .tls_danger_accept_invalid_certs(true)
        .identity(town.minato.tls.for_client().unwrap())
        .build()
        .unwrap();
    let request = town.echo(b"{}");
    let mut post = client.post(format!("{}{ECHO}", town.listener.endpoint()));
    for (name, value) in &request.headers {
        post = post.header(*name, value);
    }
    let right = post.body(request.body.clone()).send().await.unwrap();
    assert_eq!(
        (right.version(), right.status().as_u16()),
        (reqwest::Version::HTTP_11, 200)
    );
    // One that speaks nothing else does not get through the handshake.
    let mut only_http_2 = connector(Some(&town.minato.tls));
    only_http_2.set_alpn_protos(b"\x02h2").unwrap();
    let mut configuration = only_http_2.build().configure().unwrap();
    configuration.set_verify_hostname(false);
    let socket = std::net::TcpStream::connect(town.listener.address).unwrap();
    assert!(configuration.connect("127.0.0.1", socket).is_err());
}
