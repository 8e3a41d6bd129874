#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use proptest::prelude::*;

use super::*;
use crate::Verified;
use crate::directory::{MaintenanceWindow, Membership};
use crate::keys::{KeyUse, SecretKey};
use crate::member::MemberState;
use crate::refusal::Refusal;
use crate::sample::{NOW, SampleMember, SampleRegistry};
use crate::signature::{RawRequest, Request, verify_request};

/// Two hospitals and the registry that lists them.
struct Town {
    minato: SampleMember,
    yukimi: SampleMember,
    registry: SampleRegistry,
}

impl Town {
    fn new() -> Self {
        let minato = SampleMember::new("0110000001", 10);
        let yukimi = SampleMember::new("0110000002", 20);
        let registry = SampleRegistry::of([minato.profile(), yukimi.profile()]);
        Self {
            minato,
            yukimi,
            registry,
        }
    }

    fn draft(&self) -> RequestDraft {
        RequestDraft {
            path: "/federation/v1/fhir/Observation/_search".into(),
            content_type: "application/x-www-form-urlencoded".into(),
            from: self.minato.id.clone(),
            to: self.yukimi.id.clone(),
            exchange: ExchangeId::new(NOW, [7; 10]),
            purpose: Purpose::Treat,
            actor: Actor {
                id: Some("dr-0042".into()),
                role: "physician".into(),
                dept: Some("内科".into()),
                acr: Some("passkey".into()),
                at: Some(NOW),
            },
            consent: Some("e30.e30.AA".into()),
            timeout_ms: 8_000,
            traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
            body: b"code=718-7".to_vec(),
        }
    }

    fn signed(&self) -> Sent {
        Sent::of(self.draft().sign(&self.minato.sign, NOW, [9; 16]).unwrap())
    }

    /// Opened at Yukimi, over Minato's connection.
    fn open(&self, sent: &Sent) -> Result<Verified<Request>, Refusal> {
        self.open_at(sent, &self.registry.membership(), NOW)
    }

    fn open_at(
        &self,
        sent: &Sent,
        membership: &Membership,
        now: Timestamp,
    ) -> Result<Verified<Request>, Refusal> {
        let served = |id: &MemberId| *id == self.yukimi.id;
        sent.with_raw(|raw| {
            verify_request(
                raw,
                Some(&self.minato.fingerprint()),
                membership,
                &served,
                now,
            )
        })
    }

    /// The same draft with another field of the signature, rightly signed.
    fn signed_with(&self, change: impl Fn(&str) -> String) -> Sent {
        let mut sent = self.signed();
        let input = change(sent.header("signature-input"));
        let parameters = input.strip_prefix("fed=").unwrap_or(&input).to_owned();
        let base = sent.with_raw(|raw| {
            let message = Message {
                method: raw.method,
                path: raw.path,
                headers: raw.headers,
                ..Message::default()
            };
            signature_base(&WITH_CONSENT, &message, &parameters).unwrap()
        });
        sent.set("signature-input", input);
        sent.set(
            "signature",
            to_field("fed", &self.minato.sign.sign(base.as_bytes())),
        );
        sent
    }
}

/// A request on its way, to be tampered with.
#[derive(Clone)]
struct Sent {
    path: String,
    query: Option<String>,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Sent {
    fn of(signed: SignedRequest) -> Self {
        let headers = signed.headers.into_iter();
        let headers = headers
            .map(|(name, value)| (name.to_owned(), value.into_bytes()))
            .collect();
        Self {
            path: signed.path,
            query: None,
            headers,
            body: signed.body,
        }
    }

    fn with_raw<T>(&self, judge: impl FnOnce(&RawRequest<'_>) -> T) -> T {
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect();
        judge(&RawRequest {
            method: "POST",
            path: &self.path,
            query: self.query.as_deref(),
            headers: &headers,
            body: &self.body,
        })
    }

    fn header(&self, name: &str) -> &str {
        let (_, value) = self.headers.iter().find(|(line, _)| line == name).unwrap();
        std::str::from_utf8(value).unwrap()
    }

    fn set(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        let line = self.headers.iter_mut().find(|(line, _)| line == name);
        match line {
            Some((_, old)) => *old = value.into(),
            None => self.headers.push((name.to_owned(), value.into())),
        }
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(line, _)| line != name);
        self
    }
}

#[track_caller]
fn refused(result: Result<Verified<Request>, Refusal>, refusal: Refusal) {
    assert_eq!(result.map(|request| request.path.clone()), Err(refusal));
}

#[test]
fn what_one_member_signs_the_other_opens() {
    let town = Town::new();
    let request = town.open(&town.signed()).unwrap();
    assert_eq!(
        (&request.from, &request.to),
        (&town.minato.id, &town.yukimi.id)
    );
    assert_eq!(request.body, b"code=718-7");
    assert_eq!(request.keyid, *town.minato.sign.kid());
    assert_eq!(request.nonce.len(), 22);
    assert_eq!(request.consent.as_deref(), Some("e30.e30.AA"));
    assert_eq!(request.expires.seconds_since(request.created), 60);
    assert_eq!(request.binding.signature.len(), 64);
    assert_eq!(request.actor, town.draft().actor);
}

#[test]
fn a_path_without_consent_has_thirteen_components() {
    let town = Town::new();
    let draft = RequestDraft {
        path: "/federation/v1/echo".into(),
        consent: None,
        ..town.draft()
    };
    let mut sent = Sent::of(draft.sign(&town.minato.sign, NOW, [9; 16]).unwrap());
    assert!(!sent.header("signature-input").contains("fed-consent"));
    assert!(town.open(&sent).is_ok());
    sent.set("fed-consent", "e30.e30.AA");
    refused(town.open(&sent), Refusal::SignatureParamsInvalid);
}

#[test]
fn a_draft_that_has_no_wire_form_is_not_signed() {
    let town = Town::new();
    let sign = |draft: RequestDraft| {
        draft
            .sign(&town.minato.sign, NOW, [9; 16])
            .map(|signed| signed.path)
            .unwrap_err()
    };
    let draft = || town.draft();
    assert_eq!(
        sign(RequestDraft {
            consent: None,
            ..draft()
        }),
        DraftError::Consent
    );
    assert_eq!(
        sign(RequestDraft {
            purpose: Purpose::Btg,
            ..draft()
        }),
        DraftError::Purpose
    );
    assert_eq!(
        sign(RequestDraft {
            timeout_ms: 0,
            ..draft()
        }),
        DraftError::Timeout
    );
    assert_eq!(
        sign(RequestDraft {
            traceparent: "00".into(),
            ..draft()
        }),
        DraftError::Trace
    );
    assert_eq!(
        sign(RequestDraft {
            consent: Some("a\r\nb: c".into()),
            ..draft()
        }),
        DraftError::Characters
    );
    assert_eq!(
        sign(RequestDraft {
            path: "/federation/v1/fhir/a?b".into(),
            ..draft()
        }),
        DraftError::Characters
    );
    let actor = Actor {
        role: "Dr".into(),
        ..draft().actor
    };
    assert_eq!(sign(RequestDraft { actor, ..draft() }), DraftError::Actor);
}

#[test]
fn check_1_another_version_is_refused() {
    let town = Town::new();
    let mut sent = town.signed();
    sent.set("fed-version", "2");
    refused(town.open(&sent), Refusal::VersionUnsupported);
}

#[test]
fn check_4_each_covered_header_stands_exactly_once() {
    let town = Town::new();
    let sent = town.signed();
    let names: Vec<String> = sent.headers.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names.len(), 13);
    for name in names {
        refused(
            town.open(&sent.clone().without(&name)),
            Refusal::SignatureParamsInvalid,
        );
        let mut twice = sent.clone();
        let value = sent.header(&name).as_bytes().to_vec();
        twice.headers.push((name.clone(), value));
        refused(town.open(&twice), Refusal::SignatureParamsInvalid);
    }
}

#[test]
fn check_4_malformed_headers_are_refused() {
    let town = Town::new();
    for (name, value) in [
        ("fed-from", "0110000001"),
        ("fed-to", "urn:musubi:member:x-"),
        ("fed-exchange", "00000000-0000-4000-8000-000000000000"),
        ("fed-exchange", "019F1C5E-0000-7000-8000-000000000000"),
        ("fed-purpose", "treat"),
        ("fed-purpose", "BTG"),
        ("fed-actor", "role=\"physician\""),
        ("fed-timeout", "0"),
        ("fed-timeout", "08000"),
        ("fed-timeout", "+8000"),
        ("fed-timeout", "700000"),
        (
            "traceparent",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        ),
        (
            "traceparent",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
        ("content-type", "text/\u{1f600}"),
        ("signature", "fed=:AAAA:"),
        ("signature", "sig=:AAAA:"),
    ] {
        let mut sent = town.signed();
        sent.set(name, value);
        refused(town.open(&sent), Refusal::SignatureParamsInvalid);
    }
    let mut sent = town.signed();
    sent.query = Some("a=1".into());
    refused(town.open(&sent), Refusal::SignatureParamsInvalid);
    sent.query = Some(String::new());
    assert!(town.open(&sent).is_ok());
}

#[test]
fn check_4_the_signature_has_one_shape() {
    let town = Town::new();
    let replaced = |from: &str, to: &str| town.signed_with(|input| input.replacen(from, to, 1));
    assert!(
        town.open(&replaced("fed=", "fed=")).is_ok(),
        "the helper signs rightly"
    );
    for (from, to) in [
        ("fed=", "sig1="),
        ("\"@path\" ", ""),
        ("\"@method\" \"@path\"", "\"@path\" \"@method\""),
        (" \"traceparent\")", " \"traceparent\" \"date\")"),
        ("\"@method\"", "\"@method\";req"),
        (";alg=\"ed25519\"", ""),
        ("alg=\"ed25519\"", "alg=\"hmac-sha256\""),
        ("musubi-request-1", "musubi-response-1"),
        (";tag=", ";x=1;tag="),
        (";nonce=\"CQkJ", ";nonce=\"C+kJ"),
        (";nonce=\"CQkJ", ";nonce=\"CQk"),
        (
            ";created=1782864000;expires=1782864060",
            ";expires=1782864060;created=1782864000",
        ),
        (";created=1782864000", ";created=1782864000.0"),
        (
            ";created=1782864000",
            ";created=1782864000;created=1782864000",
        ),
    ] {
        refused(
            town.open(&replaced(from, to)),
            Refusal::SignatureParamsInvalid,
        );
    }
    let two = |input: &str| format!("{input}, other=();created=1");
    let mut sent = town.signed();
    sent.set("signature-input", two(sent.header("signature-input")));
    refused(town.open(&sent), Refusal::SignatureParamsInvalid);
    let mut sent = town.signed();
    sent.set(
        "signature",
        format!("{}, other=:AAAA:", sent.header("signature")),
    );
    refused(town.open(&sent), Refusal::SignatureParamsInvalid);
}

#[test]
fn check_5_the_window_is_a_minute_with_a_minute_of_skew() {
    let town = Town::new();
    let sent = town.signed();
    let at = |seconds: i64| {
        let now = NOW.plus_seconds(seconds);
        let membership = town.registry.membership();
        town.open_at(&sent, &membership, now).map(|_| ())
    };
    assert_eq!(at(-60), Ok(()));
    assert_eq!(at(-61), Err(Refusal::SignatureTimeInvalid));
    assert_eq!(at(120), Ok(()));
    assert_eq!(at(121), Err(Refusal::SignatureTimeInvalid));

    let until = |expires: i64| {
        let sent = town.signed_with(|input| {
            input.replace("expires=1782864060", &format!("expires={expires}"))
        });
        town.open(&sent).map(|_| ())
    };
    assert_eq!(until(1_782_864_000), Ok(()));
    assert_eq!(until(1_782_864_061), Err(Refusal::SignatureTimeInvalid));
    assert_eq!(until(1_782_863_999), Err(Refusal::SignatureTimeInvalid));
    assert_eq!(
        until(-999_999_999_999_999),
        Err(Refusal::SignatureTimeInvalid)
    );
}

#[test]
fn check_6_only_the_senders_own_sign_key_counts() {
    let town = Town::new();
    let stranger = SecretKey::from_seed([99; 32]);
    for key in [
        &stranger,
        &town.yukimi.sign,
        &town.minato.consent,
        &town.minato.recovery,
    ] {
        let sent = Sent::of(town.draft().sign(key, NOW, [9; 16]).unwrap());
        refused(town.open(&sent), Refusal::KeyUnknown);
    }
}

#[test]
fn check_6_the_connection_must_be_the_senders_too() {
    let town = Town::new();
    let membership = town.registry.membership();
    let served = |_: &MemberId| true;
    let other = town.yukimi.fingerprint();
    for certificate in [None, Some(&other)] {
        let result = town
            .signed()
            .with_raw(|raw| verify_request(raw, certificate, &membership, &served, NOW));
        refused(result, Refusal::KeyUnknown);
    }
}

#[test]
fn check_6_a_guest_asks_over_its_hosts_connection() {
    let mut town = Town::new();
    let guest = SampleMember::new("x-clinic", 30);
    let mut profile = guest.profile();
    profile.certificates = town.minato.profile().certificates;
    town.registry = SampleRegistry::of([town.minato.profile(), town.yukimi.profile(), profile]);
    let draft = RequestDraft {
        from: guest.id.clone(),
        ..town.draft()
    };
    let sent = Sent::of(draft.sign(&guest.sign, NOW, [9; 16]).unwrap());
    assert_eq!(town.open(&sent).unwrap().from, guest.id);
}

#[test]
fn check_6_a_key_counts_from_its_beginning_to_its_end() {
    let mut town = Town::new();
    let keys = |change: &dyn Fn(&mut crate::directory::KeyStatement)| {
        let mut profile = town.minato.profile();
        change(
            profile
                .keys
                .iter_mut()
                .find(|key| key.key_use == KeyUse::Sign)
                .unwrap(),
        );
        SampleRegistry::of([profile, town.yukimi.profile()])
    };
    let early = keys(&|key| key.not_before = NOW.plus_seconds(1));
    let last = keys(&|key| key.not_after = NOW);
    let late = keys(&|key| key.not_after = NOW.plus_seconds(-1));
    town.registry = early;
    refused(town.open(&town.signed()), Refusal::KeyUnknown);
    town.registry = last;
    assert!(town.open(&town.signed()).is_ok());
    town.registry = late;
    refused(town.open(&town.signed()), Refusal::KeyUnknown);
}

#[test]
fn check_6_a_revoked_key_and_a_suspended_member_are_refused_at_once() {
    let town = Town::new();
    let open = |membership: &Membership| town.open_at(&town.signed(), membership, NOW);
    let revoked = town
        .registry
        .membership_where(|status| status.revoked.push(town.minato.sign.kid().clone()));
    refused(open(&revoked), Refusal::KeyUnknown);
    let suspended = town
        .registry
        .membership_where(|status| status.suspended.push(town.minato.id.clone()));
    refused(open(&suspended), Refusal::MemberSuspended);
    let away = town.registry.membership_where(|status| {
        status.maintenance.push(MaintenanceWindow {
            member: town.minato.id.clone(),
            from: NOW,
            until: NOW.plus_seconds(1),
        });
    });
    assert!(open(&away).is_ok());
}

#[test]
fn check_6_only_active_members_and_those_in_maintenance_take_part() {
    let mut town = Town::new();
    for state in [
        MemberState::Applied,
        MemberState::Probation,
        MemberState::Suspended,
        MemberState::Revoked,
        MemberState::Withdrawn,
    ] {
        town.registry.members[0].1 = state;
        refused(town.open(&town.signed()), Refusal::MemberSuspended);
    }
    town.registry.members[0].1 = MemberState::Maintenance;
    assert!(town.open(&town.signed()).is_ok());
}

#[test]
fn check_6_the_age_of_the_status_limits_the_purposes() {
    let town = Town::new();
    let membership = |age: i64| {
        town.registry.membership_where(|status| {
            status.iat = NOW.plus_seconds(-age);
            status.exp = status.iat.plus_seconds(600);
        })
    };
    let ask = |purpose, age| {
        let draft = RequestDraft {
            purpose,
            ..town.draft()
        };
        let sent = Sent::of(draft.sign(&town.minato.sign, NOW, [9; 16]).unwrap());
        town.open_at(&sent, &membership(age), NOW).map(|_| ())
    };
    assert_eq!(ask(Purpose::Patrqt, 600), Ok(()));
    assert_eq!(ask(Purpose::Patrqt, 601), Err(Refusal::DirectoryExpired));
    assert_eq!(ask(Purpose::Treat, 86_400), Ok(()));
    assert_eq!(ask(Purpose::Treat, 86_401), Err(Refusal::DirectoryExpired));
    let emergency = RequestDraft {
        path: EMERGENCY_PATH.into(),
        purpose: Purpose::Btg,
        consent: None,
        ..town.draft()
    };
    let sent = Sent::of(emergency.sign(&town.minato.sign, NOW, [9; 16]).unwrap());
    assert!(town.open_at(&sent, &membership(259_200), NOW).is_ok());
    refused(
        town.open_at(&sent, &membership(259_201), NOW),
        Refusal::DirectoryExpired,
    );
}

#[test]
fn check_7_another_member_is_not_served_here() {
    let town = Town::new();
    let draft = RequestDraft {
        to: town.minato.id.clone(),
        ..town.draft()
    };
    let sent = Sent::of(draft.sign(&town.minato.sign, NOW, [9; 16]).unwrap());
    refused(town.open(&sent), Refusal::WrongMember);
}

#[test]
fn check_8_another_body_is_refused_before_the_signature_is_asked() {
    let town = Town::new();
    let mut sent = town.signed();
    sent.body[0] ^= 1;
    refused(town.open(&sent), Refusal::DigestMismatch);
    let mut sent = town.signed();
    sent.set(
        "content-digest",
        format!("{0}, {0}", sent.header("content-digest")),
    );
    refused(town.open(&sent), Refusal::DigestMismatch);
}

#[test]
fn check_9_a_signature_of_something_else_is_refused() {
    let town = Town::new();
    let mut sent = town.signed();
    sent.body = b"code=2339-0".to_vec();
    sent.set("content-digest", content_digest(&sent.body));
    refused(town.open(&sent), Refusal::SignatureInvalid);
    assert!(
        sent.with_raw(RequestBinding::of).is_some(),
        "the refusal can be signed"
    );
}

#[test]
fn checks_fail_in_their_order() {
    let town = Town::new();
    let mut sent = town.signed();
    sent.set("signature", to_field("fed", &[0; 64]));
    refused(town.open(&sent), Refusal::SignatureInvalid);
    sent.body.push(b'x');
    refused(town.open(&sent), Refusal::DigestMismatch);
    sent.set("fed-to", town.minato.id.to_string());
    refused(town.open(&sent), Refusal::WrongMember);
    sent.set("fed-from", town.yukimi.id.to_string());
    refused(town.open(&sent), Refusal::KeyUnknown);
    let membership = town.registry.membership();
    refused(
        town.open_at(&sent, &membership, NOW.plus_seconds(500)),
        Refusal::SignatureTimeInvalid,
    );
    sent.set("fed-timeout", "soon");
    refused(
        town.open_at(&sent, &membership, NOW.plus_seconds(500)),
        Refusal::SignatureParamsInvalid,
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_signed_verifies(
        body in proptest::collection::vec(0_u8.., 0..200), nonce: [u8; 16], id in "[ -~]{1,20}",
        dept in proptest::option::of(".{1,20}"), timeout_ms in 1_u32..600_000, consent in "[!-~]{1,40}",
    ) {
        let town = Town::new();
        let actor = Actor { id: Some(id), dept, ..town.draft().actor };
        let draft =
            RequestDraft { body: body.clone(), actor, timeout_ms, consent: Some(consent), ..town.draft() };
        let sent = Sent::of(draft.sign(&town.minato.sign, NOW, nonce).unwrap());
        let request = town.open(&sent).unwrap();
        prop_assert_eq!(&request.body, &body);
    }

    #[test]
    fn one_changed_byte_of_what_is_covered_is_refused(
        at in 0_usize..10_000, with in 1_u8..,
    ) {
        let town = Town::new();
        let mut sent = town.signed();
        let Sent { path, headers, body, .. } = &mut sent;
        let mut bytes = path.clone().into_bytes();
        let total = bytes.len() + headers.iter().map(|(_, value)| value.len()).sum::<usize>() + body.len();
        let at = at % total;
        let mut places: Vec<&mut u8> = bytes
            .iter_mut()
            .chain(headers.iter_mut().flat_map(|(_, value)| value.iter_mut()))
            .chain(body.iter_mut())
            .collect();
        **places.get_mut(at).unwrap() ^= with;
        if let Ok(path) = String::from_utf8(bytes) {
            sent.path = path;
            prop_assert!(town.open(&sent).is_err());
        }
    }

    #[test]
    fn a_whole_request_of_any_bytes_never_panics(
        lines in proptest::collection::vec((0_usize..13, proptest::collection::vec(0_u8.., 0..60)), 0..6),
        path in ".{0,30}", query in proptest::option::of(".{0,5}"), body in proptest::collection::vec(0_u8.., 0..50),
    ) {
        let town = Town::new();
        let mut sent = town.signed();
        for (at, value) in lines {
            sent.headers[at].1 = value;
        }
        sent.path = path;
        sent.query = query;
        sent.body = body;
        let _ = town.open(&sent);
    }
}
