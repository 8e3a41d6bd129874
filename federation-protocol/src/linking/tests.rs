#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use zeroize::Zeroizing;

use super::comparison::{BirthFacts, Blind, Meeting, Sex};
use super::*;
use crate::keys::SecretKey;
use crate::link::PatientHandle;
use crate::member::MemberId;

fn member(last: u8) -> MemberId {
    MemberId::from_code(&format!("011000000{last}")).unwrap()
}

fn blind(byte: u8) -> Blind {
    Blind::of_random(&Zeroizing::new([byte; 64]))
}

fn device_key() -> PublicKey {
    SecretKey::from_seed([9; 32]).public()
}

const FEMALE_1958: BirthFacts = BirthFacts {
    year: 1958,
    sex: Sex::Female,
};

/// Each side's view of who meets, and what each puts in: both proofs of both sides.
fn compared(
    home: (&Meeting<'_>, BirthFacts),
    responder: (&Meeting<'_>, BirthFacts),
) -> [comparison::Proofs; 2] {
    let (ours, theirs) = (blind(1), blind(2));
    let (a, b) = (
        ours.commit(home.0, home.1),
        theirs.commit(responder.0, responder.1),
    );
    [
        ours.proofs_at_home(home.0, &a, &b).unwrap(),
        theirs.proofs_at_responder(responder.0, &b, &a).unwrap(),
    ]
}

#[test]
fn proofs_fit_only_where_both_say_the_same_of_the_same_meeting() {
    let (home, responder, key) = (member(1), member(2), device_key());
    let code = PlainCode::read("7K2QX-9D4HM");
    let meeting = Meeting {
        home: &home,
        responder: &responder,
        code: &code,
        device_key: &key,
    };
    let [one, other] = compared((&meeting, FEMALE_1958), (&meeting, FEMALE_1958));
    assert_eq!(one, other);
    let another = [
        BirthFacts {
            year: 1959,
            ..FEMALE_1958
        },
        BirthFacts {
            sex: Sex::Male,
            ..FEMALE_1958
        },
        BirthFacts {
            sex: Sex::Other,
            ..FEMALE_1958
        },
    ];
    for facts in another {
        let [one, other] = compared((&meeting, facts), (&meeting, FEMALE_1958));
        assert!(one.home != other.home && one.responder != other.responder);
    }
    let (stranger, key) = (member(3), SecretKey::from_seed([8; 32]).public());
    let code = PlainCode::read("7K2QX-9D4HN");
    for elsewhere in [
        Meeting {
            home: &stranger,
            ..meeting
        },
        Meeting {
            responder: &stranger,
            ..meeting
        },
        Meeting {
            code: &code,
            ..meeting
        },
        Meeting {
            device_key: &key,
            ..meeting
        },
    ] {
        let [one, other] = compared((&elsewhere, FEMALE_1958), (&meeting, FEMALE_1958));
        assert!(one.home != other.home && one.responder != other.responder);
    }
}

#[test]
fn a_commitment_sent_back_or_that_is_no_point_proves_nothing() {
    let (home, responder, key) = (member(1), member(2), device_key());
    let code = PlainCode::read("7K2QX-9D4HM");
    let meeting = Meeting {
        home: &home,
        responder: &responder,
        code: &code,
        device_key: &key,
    };
    let ours = blind(1);
    let commitment = ours.commit(&meeting, FEMALE_1958);
    for theirs in [commitment, Commitment([0; 32]), Commitment([0xff; 32])] {
        assert!(
            ours.proofs_at_home(&meeting, &commitment, &theirs)
                .is_none()
        );
        assert!(
            ours.proofs_at_responder(&meeting, &commitment, &theirs)
                .is_none()
        );
    }
}

#[test]
fn a_blind_is_kept_as_it_was_and_hides_the_facts_anew_each_time() {
    let (home, responder, key) = (member(1), member(2), device_key());
    let code = PlainCode::read("7K2QX-9D4HM");
    let meeting = Meeting {
        home: &home,
        responder: &responder,
        code: &code,
        device_key: &key,
    };
    let commitment = |blind: &Blind| blind.commit(&meeting, FEMALE_1958);
    let kept = Blind::kept(blind(1).to_bytes().as_slice()).unwrap();
    assert_eq!(commitment(&kept), commitment(&blind(1)));
    assert_ne!(commitment(&blind(1)), commitment(&blind(2)));
    assert!(Blind::kept(&[0xff; 32]).is_none() && Blind::kept(&[1; 31]).is_none());
    assert_eq!(format!("{FEMALE_1958:?}"), "BirthFacts(..)");
}

fn messages() -> [LinkMessage; 3] {
    let code = PlainCode::read("7K2QX-9D4HM");
    [
        LinkMessage::Begin(LinkBegin {
            code: code.clone(),
            commitment: Commitment([1; 32]),
            device_key: device_key(),
        }),
        LinkMessage::Confirm(LinkConfirm {
            code,
            proof: Proof([2; 64]),
        }),
        LinkMessage::End(LinkEnd {
            end: PatientHandle::from_bytes([7; 16]),
        }),
    ]
}

#[test]
fn a_message_reads_back_as_it_is_written_and_nothing_else_is_one() {
    for message in messages() {
        let body = serde_json::to_vec(&message).unwrap();
        assert_eq!(LinkMessage::from_json(&body), Ok(message));
    }
    let begin = serde_json::to_value(&messages()[0]).unwrap();
    for change in ["code", "commitment", "device_key"] {
        let mut without = begin.clone();
        without["begin"].as_object_mut().unwrap().remove(change);
        assert!(LinkMessage::from_json(without.to_string().as_bytes()).is_err());
        let mut other = begin.clone();
        other["begin"][change] = serde_json::json!(7);
        assert!(LinkMessage::from_json(other.to_string().as_bytes()).is_err());
    }
    let inner = begin["begin"].clone();
    let list: Vec<_> = inner.as_object().unwrap().values().collect();
    for body in [
        serde_json::json!({}),
        serde_json::json!([]),
        serde_json::json!({ "begin": list }),
        serde_json::json!({ "begin": inner, "end": "pp:BwcHBwcHBwcHBwcHBwcHBw" }),
        serde_json::json!({ "offer": begin["begin"] }),
    ] {
        assert!(
            LinkMessage::from_json(body.to_string().as_bytes()).is_err(),
            "{body}"
        );
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_a_message_that_writes_back_or_none(
        code in "[ -~]{0,24}", point in "[A-Za-z0-9_-]{42,44}", bytes in proptest::collection::vec(0_u8.., 0..100)
    ) {
        let _ = LinkMessage::from_json(&bytes);
        let _ = LinkBegun::from_json(&bytes);
        let _ = LinkMade::from_json(&bytes);
        let key = device_key().x();
        let body = serde_json::json!({"begin": {"code": code, "commitment": point, "device_key": key}});
        if let Ok(message) = LinkMessage::from_json(body.to_string().as_bytes()) {
            let again = serde_json::to_vec(&message).unwrap();
            proptest::prop_assert_eq!(LinkMessage::from_json(&again), Ok(message));
        }
    }
}
