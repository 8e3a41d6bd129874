//! The registry's probe at a node's door: an echo, and nothing else.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::*;
use crate::keys::{SecretKey, Sign};
use crate::sample::{NOW, SampleMember, SampleRegistry};
use crate::signature::{RequestDraft, SignedRequest};

fn minato() -> SampleMember {
    SampleMember::new("0110000001", 10)
}

fn registry() -> SampleRegistry {
    SampleRegistry::of([minato().profile()])
}

fn certificate() -> Fingerprint {
    Fingerprint::of_certificate(b"certificate of the registry")
}

fn probe(path: &str, from: MemberId, key: &dyn Sign) -> SignedRequest {
    let draft = RequestDraft {
        path: path.into(),
        content_type: "application/json".into(),
        from,
        to: minato().id,
        exchange: ExchangeId::new(NOW, [1; 10]),
        purpose: Purpose::Treat,
        actor: Actor::system(),
        consent: carries_consent(path).then(|| "token".into()),
        timeout_ms: 5_000,
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
        body: b"{}".to_vec(),
    };
    draft.sign(key, NOW, [9; 16]).unwrap()
}

fn open(signed: &SignedRequest, certificate: &Fingerprint) -> Result<Verified<Request>, Refusal> {
    let headers: Vec<(&str, &[u8])> = signed
        .headers
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()))
        .collect();
    let raw = RawRequest {
        method: "POST",
        path: &signed.path,
        query: None,
        headers: &headers,
        body: &signed.body,
    };
    let membership = registry().membership();
    verify_request(&raw, Some(certificate), &membership, &|_| true, NOW)
}

#[test]
fn the_registrys_probe_is_heard_at_the_echo() {
    let asked = probe(ECHO_PATH, MemberId::registry(), &registry().probe);
    let opened = open(&asked, &certificate()).unwrap();
    assert!(opened.from.is_registry());
}

#[test]
fn it_is_heard_nowhere_else_and_no_other_key_speaks_for_the_registry() {
    let registry = registry();
    let refused = |path: &str, from: MemberId, key: &SecretKey, print: &Fingerprint| {
        assert_eq!(
            open(&probe(path, from, key), print).unwrap_err(),
            Refusal::KeyUnknown,
            "{path}"
        );
    };
    let own = MemberId::registry();
    for path in [
        "/federation/v1/grants",
        "/federation/v1/links",
        "/federation/v1/fhir",
        "/federation/v1/fhir/Observation/_search",
    ] {
        refused(path, own.clone(), &registry.probe, &certificate());
    }
    // The keys of documents, a member's key, a member's certificate.
    refused(ECHO_PATH, own.clone(), &registry.status, &certificate());
    refused(ECHO_PATH, own.clone(), &registry.directory, &certificate());
    refused(
        ECHO_PATH,
        own.clone(),
        &minato().sign,
        &minato().fingerprint(),
    );
    refused(ECHO_PATH, own, &registry.probe, &minato().fingerprint());
    // And the probe's key speaks for no member.
    refused(ECHO_PATH, minato().id, &registry.probe, &certificate());
    refused(
        ECHO_PATH,
        minato().id,
        &registry.probe,
        &minato().fingerprint(),
    );
}

#[test]
fn nobody_can_be_a_member_under_the_registrys_id() {
    use crate::directory::{Entry, EntryError, ProfileError};
    let registry = registry();
    let mut profile = minato().profile();
    profile.id = MemberId::registry();
    let entry = registry.entry(&profile).sign(&[&registry.approver]);
    let refused = Entry::verify(&entry, registry.accepted_root().document());
    assert_eq!(
        refused.unwrap_err(),
        EntryError::Profile(ProfileError::Reserved)
    );
}
