#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use proptest::prelude::*;

use super::*;
use crate::sample::{NOW, SampleMember, SampleRegistry};

struct Town {
    minato: SampleMember,
    yukimi: SampleMember,
    registry: SampleRegistry,
}

/// An answer on its way, to be tampered with.
#[derive(Clone)]
struct Sent {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Sent {
    fn of(signed: SignedAnswer) -> Self {
        let headers = signed.headers.into_iter();
        let headers = headers
            .map(|(name, value)| (name.to_owned(), value.into_bytes()))
            .collect();
        Self {
            status: signed.status,
            headers,
            body: signed.body,
        }
    }

    fn set(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.headers
            .iter_mut()
            .find(|(line, _)| line == name)
            .unwrap()
            .1 = value.into();
    }
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

    /// Minato asked Yukimi.
    fn binding(&self) -> RequestBinding {
        RequestBinding {
            signature: [5; 64],
            content_digest: content_digest(b"question"),
            from: self.minato.id.clone(),
            to: self.yukimi.id.clone(),
            exchange: ExchangeId::new(NOW, [1; 10]),
            traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
        }
    }

    fn draft(&self) -> AnswerDraft {
        AnswerDraft {
            status: 200,
            content_type: "application/fhir+json".into(),
            body: br#"{"resourceType":"Bundle"}"#.to_vec(),
            directory: FedDirectory { seq: 1, status: 1 },
        }
    }

    fn signed(&self) -> Sent {
        Sent::of(
            self.draft()
                .sign(&self.binding(), &self.yukimi.sign, NOW)
                .unwrap(),
        )
    }

    fn open(
        &self,
        sent: &Sent,
        binding: &RequestBinding,
    ) -> Result<Verified<Answer>, AnswerRefusal> {
        self.open_at(sent, binding, &self.registry.membership(), NOW)
    }

    fn open_at(
        &self,
        sent: &Sent,
        binding: &RequestBinding,
        membership: &Membership,
        now: Timestamp,
    ) -> Result<Verified<Answer>, AnswerRefusal> {
        let headers: Vec<_> = sent
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect();
        let raw = RawAnswer {
            status: sent.status,
            headers: &headers,
            body: &sent.body,
        };
        verify_answer(&raw, binding, membership, now)
    }
}

#[track_caller]
fn refused(result: Result<Verified<Answer>, AnswerRefusal>, refusal: AnswerRefusal) {
    assert_eq!(result.map(|answer| answer.status), Err(refusal));
}

#[test]
fn the_asker_opens_what_the_asked_signed() {
    let town = Town::new();
    let answer = town.open(&town.signed(), &town.binding()).unwrap();
    assert_eq!((answer.status, &answer.from), (200, &town.yukimi.id));
    assert_eq!(answer.directory, FedDirectory { seq: 1, status: 1 });
    assert_eq!(answer.keyid, *town.yukimi.sign.kid());
    assert!(
        answer
            .signature_base
            .contains("\"signature\";req;key=\"fed\": :BQUF")
    );
}

#[test]
fn an_answer_cannot_be_moved_to_another_question() {
    let town = Town::new();
    let sent = town.signed();
    let binding = town.binding();
    let other_signature = RequestBinding {
        signature: [6; 64],
        ..binding.clone()
    };
    refused(
        town.open(&sent, &other_signature),
        AnswerRefusal::SignatureInvalid,
    );
    let other_body = RequestBinding {
        content_digest: content_digest(b"another"),
        ..binding.clone()
    };
    refused(
        town.open(&sent, &other_body),
        AnswerRefusal::SignatureInvalid,
    );
    let other_exchange = RequestBinding {
        exchange: ExchangeId::new(NOW, [2; 10]),
        ..binding.clone()
    };
    refused(
        town.open(&sent, &other_exchange),
        AnswerRefusal::OtherExchange,
    );
    let other_peer = RequestBinding {
        to: town.minato.id.clone(),
        ..binding
    };
    refused(town.open(&sent, &other_peer), AnswerRefusal::OtherExchange);
}

#[test]
fn each_refusal_has_its_cause() {
    let town = Town::new();
    let binding = town.binding();
    let mut unsigned = town.signed();
    unsigned
        .headers
        .retain(|(name, _)| !name.starts_with("signature"));
    refused(town.open(&unsigned, &binding), AnswerRefusal::Unsigned);

    for name in [
        "signature-input",
        "content-type",
        "content-digest",
        "fed-from",
        "fed-to",
        "fed-exchange",
        "fed-directory",
    ] {
        let mut without = town.signed();
        without.headers.retain(|(line, _)| line != name);
        refused(town.open(&without, &binding), AnswerRefusal::Parameters);
        let mut twice = town.signed();
        let line = twice
            .headers
            .iter()
            .find(|(line, _)| line == name)
            .unwrap()
            .clone();
        twice.headers.push(line);
        refused(town.open(&twice, &binding), AnswerRefusal::Parameters);
    }

    let mut body = town.signed();
    body.body[0] ^= 1;
    refused(town.open(&body, &binding), AnswerRefusal::DigestMismatch);
    let mut status = town.signed();
    status.status = 403;
    refused(
        town.open(&status, &binding),
        AnswerRefusal::SignatureInvalid,
    );
    let mut position = town.signed();
    position.set("fed-directory", "2;status=1");
    refused(
        town.open(&position, &binding),
        AnswerRefusal::SignatureInvalid,
    );

    let by_another = Sent::of(town.draft().sign(&binding, &town.minato.sign, NOW).unwrap());
    refused(town.open(&by_another, &binding), AnswerRefusal::KeyUnknown);
    let by_consent = Sent::of(
        town.draft()
            .sign(&binding, &town.yukimi.consent, NOW)
            .unwrap(),
    );
    refused(town.open(&by_consent, &binding), AnswerRefusal::KeyUnknown);

    let membership = town.registry.membership();
    for (seconds, taken) in [(-61, false), (-60, true), (120, true), (121, false)] {
        let result = town.open_at(
            &town.signed(),
            &binding,
            &membership,
            NOW.plus_seconds(seconds),
        );
        assert_eq!(result.is_ok(), taken, "{seconds}");
    }
    let suspended = town
        .registry
        .membership_where(|status| status.suspended.push(town.yukimi.id.clone()));
    let result = town.open_at(&town.signed(), &binding, &suspended, NOW);
    refused(result, AnswerRefusal::MemberSuspended);
}

#[test]
fn a_media_type_that_no_header_carries_is_not_signed() {
    let town = Town::new();
    let draft = AnswerDraft {
        content_type: "a\r\nb: c".into(),
        ..town.draft()
    };
    let error = draft
        .sign(&town.binding(), &town.yukimi.sign, NOW)
        .unwrap_err();
    assert_eq!(error, DraftError::Characters);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn one_changed_byte_of_what_is_covered_is_refused(at in 0_usize..10_000, with in 1_u8..) {
        let town = Town::new();
        let mut sent = town.signed();
        let mut places: Vec<&mut u8> = sent
            .headers
            .iter_mut()
            .filter(|(name, _)| name != "traceparent")
            .flat_map(|(_, value)| value.iter_mut())
            .chain(sent.body.iter_mut())
            .collect();
        let at = at % places.len();
        **places.get_mut(at).unwrap() ^= with;
        prop_assert!(town.open(&sent, &town.binding()).is_err());
    }

    #[test]
    fn a_whole_answer_of_any_bytes_never_panics(
        status: u16, lines in proptest::collection::vec((0_usize..9, proptest::collection::vec(0_u8.., 0..60)), 0..6),
        body in proptest::collection::vec(0_u8.., 0..50),
    ) {
        let town = Town::new();
        let mut sent = town.signed();
        for (at, value) in lines {
            sent.headers[at].1 = value;
        }
        sent.status = status;
        sent.body = body;
        let _ = town.open(&sent, &town.binding());
    }
}
