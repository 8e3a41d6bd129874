//! Sections 1 and 2 of `docs/WIRE.md`: documents, and signed questions and answers.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fmt::Write as _;

use federation_protocol::directory::{
    Directory, ListedMember, MaintenanceWindow, MemberDescription, Reading, Status,
};
use federation_protocol::jws::General;
use federation_protocol::keys::SecretKey;
use federation_protocol::link::{LinkAssertion, PatientHandle};
use federation_protocol::member::MemberState;
use federation_protocol::purpose::Purpose;
use federation_protocol::refusal::Refusal;
use federation_protocol::sample::{NOW, SampleMember, SampleRegistry};
use federation_protocol::signature::{
    Actor, AnswerDraft, ExchangeId, FedDirectory, RawAnswer, RawRequest, RequestDraft,
    SignedRequest, verify_answer, verify_request,
};

mod wire_document;

use wire_document::{check, http, pretty};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn minato() -> SampleMember {
    SampleMember::new("0110000001", 10)
}

fn yukimi() -> SampleMember {
    SampleMember::new("0110000002", 20)
}

fn registry() -> SampleRegistry {
    SampleRegistry::of([minato().profile(), yukimi().profile()])
}

/// A general JWS, indented.
fn general(jws: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(jws).unwrap();
    pretty(&value)
}

#[test]
fn documents() {
    let registry = registry();
    let minato = minato();
    let description = MemberDescription::new(minato.profile(), "musubi-node 0.1.0", [3; 16], NOW);
    let described = description.sign(&minato.sign, &[&minato.consent, &minato.recovery]);
    let description = MemberDescription::verify(&described).unwrap();

    let root = registry.accepted_root();
    let entry = registry.entry(&minato.profile());

    // One member in the example: the second would look alike.
    let registry = SampleRegistry::of([minato.profile()]);
    let mut directory = registry.directory_document();
    directory.seq = 42;
    directory.prev = Some(federation_protocol::jws::PayloadHash::of(
        b"the payload of 41",
    ));
    let signed = directory.sign(&registry.directory);
    assert!(Directory::accept(&signed.jws, &root, None, Reading::Fresh, NOW).is_ok());

    let mut status = registry.status_document(&signed, 42);
    status.seq = 1_234;
    status.suspended = vec![yukimi().id];
    status.revoked = vec![yukimi().sign.kid().clone()];
    status.maintenance = vec![MaintenanceWindow {
        member: minato.id.clone(),
        from: NOW.plus_seconds(3_600),
        until: NOW.plus_seconds(7_200),
    }];
    let signed_status = status.sign(&registry.status);
    assert!(Status::accept(&signed_status.jws, &root, None, Reading::Fresh, NOW).is_ok());

    check(&[
        ("description", pretty(&*description)),
        ("description-jws", described),
        ("entry", pretty(&entry)),
        (
            "entry-jws",
            general(&entry.sign(&[&registry.approver]).to_json()),
        ),
        ("root", pretty(root.document())),
        ("root-jws", general(&registry.root_signed().jws)),
        ("directory", pretty(&shortened(directory))),
        ("status", pretty(&status)),
        ("status-jws", signed_status.jws),
    ]);
}

/// The directory with its entries' texts cut: they stand in full under "Entry".
fn shortened(mut document: federation_protocol::directory::DirectoryDocument) -> serde_json::Value {
    let empty = General::new(b"");
    let cut = |listed: &mut ListedMember| {
        listed.entry = empty.clone();
        assert_eq!(listed.state, MemberState::Active);
    };
    document.members.iter_mut().for_each(cut);
    let mut value = serde_json::to_value(&document).unwrap();
    for member in value.get_mut("members").unwrap().as_array_mut().unwrap() {
        let entry = serde_json::json!({"payload": "…", "signatures": ["…"]});
        member
            .as_object_mut()
            .unwrap()
            .insert("entry".into(), entry);
    }
    value
}

#[test]
fn link_assertion() {
    let registry = registry();
    let (home, responder) = (minato(), yukimi());
    let link = LinkAssertion {
        ver: 1,
        pp: PatientHandle::from_bytes([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]),
        responder: responder.id.clone(),
        home: home.id.clone(),
        device_key: SecretKey::from_seed([2; 32]).public(),
        iat: NOW,
        exp: NOW.plus_seconds(7 * 86_400),
    };
    let jws = link.sign(&responder.sign);
    assert!(LinkAssertion::verify(&jws, &home.id, &registry.membership(), NOW).is_ok());
    check(&[("link", pretty(&link)), ("link-jws", jws)]);
}

/// Minato's echo to Yukimi.
fn echo() -> SignedRequest {
    let draft = RequestDraft {
        path: "/federation/v1/echo".into(),
        content_type: "application/json".into(),
        from: minato().id,
        to: yukimi().id,
        exchange: ExchangeId::new(NOW, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        purpose: Purpose::Treat,
        actor: Actor {
            id: Some("dr-0042".into()),
            role: "physician".into(),
            dept: Some("内科".into()),
            acr: Some("passkey".into()),
            at: Some(NOW),
        },
        consent: None,
        timeout_ms: 8_000,
        traceparent: TRACE.into(),
        body: br#"{"hello":"yukimi"}"#.to_vec(),
    };
    draft.sign(&minato().sign, NOW, [9; 16]).unwrap()
}

fn lines<'a>(headers: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a [u8])> {
    headers
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()))
        .collect()
}

#[test]
fn a_question_and_its_answer() {
    let membership = registry().membership();
    let (minato, yukimi) = (minato(), yukimi());
    let request = echo();
    let raw = RawRequest {
        method: "POST",
        path: &request.path,
        query: None,
        headers: &lines(&request.headers),
        body: &request.body,
    };
    let served = |id: &federation_protocol::member::MemberId| *id == yukimi.id;
    let opened =
        verify_request(&raw, Some(&minato.fingerprint()), &membership, &served, NOW).unwrap();

    let draft = AnswerDraft {
        status: 200,
        content_type: "application/json".into(),
        body: br#"{"hello":"yukimi"}"#.to_vec(),
        directory: FedDirectory {
            seq: 42,
            status: 1_234,
        },
    };
    let answer = draft.sign(&opened.binding, &yukimi.sign, NOW).unwrap();
    let raw = RawAnswer {
        status: answer.status,
        headers: &lines(&answer.headers),
        body: &answer.body,
    };
    assert!(verify_answer(&raw, &request.binding, &membership, NOW).is_ok());

    let first = format!("POST {} HTTP/1.1", request.path);
    let keys = [
        (
            "minato, seed",
            federation_protocol::base64url::encode(seed(10)),
        ),
        ("minato, x", minato.sign.public().x()),
        ("minato, kid", minato.sign.kid().to_string()),
        (
            "yukimi, seed",
            federation_protocol::base64url::encode(seed(20)),
        ),
        ("yukimi, x", yukimi.sign.public().x()),
        ("yukimi, kid", yukimi.sign.kid().to_string()),
    ];
    let keys = keys
        .map(|(name, value)| format!("{name:13} {value}"))
        .join("\n");
    check(&[
        ("message-keys", keys),
        ("request", http(&first, &request.headers, &request.body)),
        ("request-base", request.signature_base),
        (
            "answer",
            http("HTTP/1.1 200 OK", &answer.headers, &answer.body),
        ),
        ("answer-base", answer.signature_base),
    ]);
}

/// The sign key's seed of a sample member.
fn seed(salt: u8) -> [u8; 32] {
    let mut seed = [salt; 32];
    seed.iter_mut().take(1).for_each(|byte| *byte = 1);
    assert_eq!(
        SecretKey::from_seed(seed).kid(),
        SampleMember::new("x-any", salt).sign.kid(),
        "the seed is the sample's"
    );
    seed
}

#[test]
fn refusals() {
    let mut table = String::from("| check | status | code | when |\n|---|---|---|---|\n");
    for refusal in Refusal::ALL {
        let check = match refusal.check() {
            0 => "–".to_owned(),
            check => check.to_string(),
        };
        let (status, code, title) = (refusal.http_status(), refusal.code(), refusal.title());
        writeln!(table, "| {check} | {status} | `{code}` | {title} |").unwrap();
    }
    check(&[
        ("refusals", table),
        (
            "problem",
            pretty(&Refusal::SignatureTimeInvalid.problem(NOW)),
        ),
        (
            "operation-outcome",
            pretty(&Refusal::TokenRevoked.operation_outcome(NOW)),
        ),
    ]);
}

#[test]
fn joining() {
    use federation_protocol::joining::{
        Application, ApplicationId, ApplicationReply, ApplicationState, Check, Contact,
        InvitationCode, JoinToken, Leave, Report, comparison_number,
    };
    let (registry, minato) = (registry(), minato());
    let token = JoinToken {
        registry: "https://registry.musubi.example:9000".into(),
        root: registry.accepted_root().hash(),
        member: minato.id.clone(),
        code: InvitationCode::new([7; 16]),
    };
    let text = token.to_text().to_string();
    assert_eq!(text.parse(), Ok(token.clone()));
    let description = MemberDescription::new(minato.profile(), "musubi-node 0.1.0", [3; 16], NOW)
        .sign(&minato.sign, &[&minato.consent, &minato.recovery]);
    let contact = Contact {
        name: "情報管理室".into(),
        phone: "011-000-0000".into(),
        email: "joho@minato.example".into(),
    };
    let (root, code) = (token.root, token.code.clone());
    let application = Application::new(root, code, contact, description, NOW);
    assert!(Application::verify(&application.sign(&minato.sign), NOW).is_ok());
    let mut shortened = application.clone();
    shortened.description = "eyJhbGciOiJFZDI1NTE5IiwidHlwIjoi…".into();
    let reply = ApplicationReply {
        id: ApplicationId::new([1; 16]),
        member: minato.id.clone(),
        state: ApplicationState::Returned,
        since: NOW.plus_seconds(3_600),
        reason: "the name in kana is missing".into(),
        probe: Some(Report {
            at: NOW.plus_seconds(10),
            checks: vec![Check {
                name: "clock".into(),
                passed: true,
                found: "12 ms from the registry's".into(),
            }],
        }),
    };
    let leave = Leave::new(registry.accepted_root().registry(), minato.id.clone(), NOW);
    check(&[
        ("join-token", text),
        ("application", pretty(&shortened)),
        ("application-reply", pretty(&reply)),
        ("comparison-number", comparison_number(&minato.profile())),
        ("leave", pretty(&leave)),
    ]);
}
