//! Any bytes as the signature's fields, the actor or the position of a request and an answer.

use std::sync::LazyLock;

use federation_protocol::directory::Membership;
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::sample::{NOW, SampleMember, SampleRegistry};
use federation_protocol::signature::{
    Actor, AnswerDraft, ExchangeId, FedDirectory, RawAnswer, RawRequest, RequestDraft,
    SignedRequest, verify_answer, verify_request,
};

static MEMBER: LazyLock<SampleMember> = LazyLock::new(|| SampleMember::new("0110000001", 10));
static MEMBERSHIP: LazyLock<Membership> =
    LazyLock::new(|| SampleRegistry::of([MEMBER.profile()]).membership());

fn request() -> Option<SignedRequest> {
    let draft = RequestDraft {
        path: "/federation/v1/echo".into(),
        content_type: "application/json".into(),
        from: MEMBER.id.clone(),
        to: MEMBER.id.clone(),
        exchange: ExchangeId::new(NOW, [1; 10]),
        purpose: Purpose::Treat,
        actor: Actor::system(),
        consent: None,
        timeout_ms: 8_000,
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
        body: b"{}".to_vec(),
    };
    draft.sign(&MEMBER.sign, NOW, [9; 16]).ok()
}

/// The headers with the value of one of them, chosen by the first byte, replaced.
fn replaced<'a>(
    headers: &'a [(&'static str, String)],
    which: u8,
    value: &'a [u8],
) -> Vec<(&'a str, &'a [u8])> {
    let chosen = headers
        .iter()
        .position(|(name, _)| *name == "signature-input")
        .unwrap_or(0);
    let chosen = match which % 4 {
        0 => usize::from(which / 4) % headers.len().max(1),
        _ => chosen,
    };
    let value = |at: usize, own: &'a str| if at == chosen { value } else { own.as_bytes() };
    headers
        .iter()
        .enumerate()
        .map(|(at, (name, own))| (*name, value(at, own)))
        .collect()
}

pub(crate) fn run(data: &[u8]) {
    let (Some((which, field)), Some(signed)) = (data.split_first(), request()) else {
        return;
    };
    let headers = replaced(&signed.headers, *which, field);
    let (path, body) = (signed.path.as_str(), signed.body.as_slice());
    let raw = RawRequest {
        method: "POST",
        path,
        query: None,
        headers: &headers,
        body,
    };
    let served = |_: &MemberId| true;
    let _ = verify_request(&raw, Some(&MEMBER.fingerprint()), &MEMBERSHIP, &served, NOW);

    let draft = AnswerDraft {
        status: 200,
        content_type: "application/json".into(),
        body: b"{}".to_vec(),
        directory: FedDirectory { seq: 1, status: 1 },
    };
    let Ok(answer) = draft.sign(&signed.binding, &MEMBER.sign, NOW) else {
        return;
    };
    let headers = replaced(&answer.headers, *which, field);
    let raw = RawAnswer {
        status: answer.status,
        headers: &headers,
        body: &answer.body,
    };
    let _ = verify_answer(&raw, &signed.binding, &MEMBERSHIP, NOW);
}
