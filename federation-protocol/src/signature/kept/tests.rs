#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use super::*;
use crate::directory::Reading;
use crate::sample::{NOW, SampleMember, SampleRegistry};
use crate::signature::{Actor, AnswerDraft, FedDirectory, RequestDraft};

struct Kept {
    request: Signed,
    answer: Signed,
    directory: Directory,
    minato: SampleMember,
    yukimi: SampleMember,
}

fn kept() -> Kept {
    let minato = SampleMember::new("0110000001", 10);
    let yukimi = SampleMember::new("0110000002", 20);
    let registry = SampleRegistry::of([minato.profile(), yukimi.profile()]);
    let jws = registry.directory_document().sign(&registry.directory).jws;
    let root = registry.accepted_root();
    let directory = Directory::accept(&jws, &root, None, Reading::Stored, NOW).unwrap();
    let draft = RequestDraft {
        path: "/federation/v1/fhir/Observation/_search".into(),
        content_type: "application/x-www-form-urlencoded".into(),
        from: minato.id.clone(),
        to: yukimi.id.clone(),
        exchange: ExchangeId::new(NOW, [7; 10]),
        purpose: Purpose::Treat,
        actor: Actor {
            id: Some("dr-0042".into()),
            role: "physician".into(),
            dept: Some("内科".into()),
            acr: Some("passkey".into()),
            at: Some(NOW),
        },
        consent: Some("a.b.c".into()),
        timeout_ms: 8_000,
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
        body: b"code=4548-4".to_vec(),
    };
    let request = draft.sign(&minato.sign, NOW, [9; 16]).unwrap();
    let draft = AnswerDraft {
        status: 200,
        content_type: "application/fhir+json".into(),
        body: b"{}".to_vec(),
        directory: FedDirectory { seq: 1, status: 1 },
    };
    let answer = draft
        .sign(&request.binding, &yukimi.sign, NOW.plus_seconds(1))
        .unwrap();
    let signature = answer.headers.iter().find(|(name, _)| *name == "signature");
    let signature = crate::digest::from_field("fed", signature.unwrap().1.as_bytes()).unwrap();
    Kept {
        request: Signed {
            base: request.signature_base,
            signature: request.binding.signature,
        },
        answer: Signed {
            base: answer.signature_base,
            signature,
        },
        directory,
        minato,
        yukimi,
    }
}

#[test]
fn what_both_sides_keep_proves_the_exchange_without_its_bodies() {
    let kept = kept();
    let proven = verify_kept(&kept.request, Some(&kept.answer), &kept.directory).unwrap();
    assert_eq!(
        (&proven.from, &proven.to),
        (&kept.minato.id, &kept.yukimi.id)
    );
    assert_eq!(proven.path, "/federation/v1/fhir/Observation/_search");
    assert!(is_body_of(&proven.request_digest, b"code=4548-4"));
    assert!(!is_body_of(&proven.request_digest, b"code=4548-5"));
    let answer = proven.answer.unwrap();
    assert_eq!(
        (answer.status, answer.directory.as_str()),
        (200, "1;status=1")
    );
    assert!(is_body_of(&answer.digest, b"{}"));
    let alone = verify_kept(&kept.request, None, &kept.directory).unwrap();
    assert_eq!(alone.answer, None);
}

#[test]
fn each_way_of_not_fitting_is_told_apart() {
    let right = kept();
    let judge = |request: &Signed, answer: &Signed| {
        verify_kept(request, Some(answer), &right.directory).unwrap_err()
    };
    let mut other = kept().request;
    other.base = other.base.replace("TREAT", "ETREAT");
    assert_eq!(judge(&other, &right.answer), KeptError::RequestSignature);
    let mut other = kept().request;
    other.base = other.base.replace("\"@method\": POST", "\"@method\": GET");
    assert_eq!(judge(&other, &right.answer), KeptError::RequestSignature);
    let mut other = kept().request;
    let (minato, yukimi) = (right.minato.sign.kid(), right.yukimi.sign.kid());
    other.base = other.base.replace(minato.as_str(), yukimi);
    assert_eq!(judge(&other, &right.answer), KeptError::RequestKey);
    let mut other = kept().request;
    other.signature[7] ^= 1;
    assert_eq!(judge(&other, &right.answer), KeptError::RequestSignature);
    for broken in ["", "\n", "\"@method\": POST\n\"@signature-params\": ()"] {
        let mut other = kept().request;
        other.base = broken.into();
        assert_eq!(
            judge(&other, &right.answer),
            KeptError::Malformed,
            "{broken:?}"
        );
    }

    let mut other = kept().answer;
    other.base = other.base.replace("\"@status\": 200", "\"@status\": 403");
    assert_eq!(judge(&right.request, &other), KeptError::AnswerSignature);
    let mut other = kept().answer;
    other.base = other.base.replace(yukimi.as_str(), minato);
    assert_eq!(judge(&right.request, &other), KeptError::AnswerKey);
    let mut other = kept().answer;
    let exchange = ExchangeId::new(NOW, [7; 10]).to_string();
    other.base = other
        .base
        .replace(&exchange, &ExchangeId::new(NOW, [8; 10]).to_string());
    assert_eq!(judge(&right.request, &other), KeptError::Binding);
}

#[test]
fn a_key_that_was_not_valid_then_proves_nothing() {
    let kept = kept();
    let kid = kept.minato.sign.kid();
    let year = 365 * 86_400;
    assert!(kept.directory.signer_at(kid, NOW).is_some());
    assert!(
        kept.directory
            .signer_at(kid, NOW.plus_seconds(2 * year))
            .is_none()
    );
    assert!(
        kept.directory
            .signer_at(kid, NOW.plus_seconds(-2 * year))
            .is_none()
    );
    assert!(
        kept.directory
            .signer_at(kept.minato.consent.kid(), NOW)
            .is_none()
    );
}

proptest::proptest! {
    #[test]
    fn reading_evidence_never_panics(text in ".{0,300}", cut in 0_usize..900, junk in ".{0,9}") {
        let kept = kept();
        let mut request = kept.request.clone();
        request.base = text;
        let _ = verify_kept(&request, Some(&kept.answer), &kept.directory);
        let at = cut.min(kept.request.base.len());
        request.base = format!("{}{junk}{}", &kept.request.base[..at], &kept.request.base[at..]);
        if request.base != kept.request.base {
            proptest::prop_assert!(verify_kept(&request, None, &kept.directory).is_err());
        }
    }
}

#[test]
fn what_is_left_after_retention_says_where_and_how_it_ended_and_nothing_else() {
    let kept = kept();
    let (request, answer) = (remainder(&kept.request.base), remainder(&kept.answer.base));
    assert_eq!(path_of(&request), path_of(&kept.request.base));
    assert_eq!(status_of(&answer), Some(200));
    for gone in ["dr-0042", "a.b.c", "sha-256", "0110000001", "created"] {
        assert!(!request.contains(gone) && !answer.contains(gone), "{gone}");
    }
    let verdict = verify_kept(
        &Signed {
            base: request.clone(),
            ..kept.request
        },
        None,
        &kept.directory,
    );
    assert_eq!(verdict, Err(KeptError::Malformed));
    assert_eq!(remainder(&request), request, "erased twice is erased");
    assert_eq!(path_of(&remainder("nothing of ours")), None);
}
