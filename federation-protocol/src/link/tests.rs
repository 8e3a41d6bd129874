#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::*;
use crate::keys::SecretKey;
use crate::sample::{NOW, SampleMember, SampleRegistry};

struct Town {
    home: SampleMember,
    responder: SampleMember,
    membership: Membership,
    registry: SampleRegistry,
}

impl Town {
    fn new() -> Self {
        let home = SampleMember::new("0110000001", 10);
        let responder = SampleMember::new("0110000002", 20);
        let registry = SampleRegistry::of([home.profile(), responder.profile()]);
        Self {
            membership: registry.membership(),
            home,
            responder,
            registry,
        }
    }

    fn link(&self) -> LinkAssertion {
        LinkAssertion {
            ver: 1,
            pp: PatientHandle::from_bytes([1; 16]),
            responder: self.responder.id.clone(),
            home: self.home.id.clone(),
            device_key: SecretKey::from_seed([2; 32]).public(),
            iat: NOW,
            exp: NOW.plus_seconds(LONGEST_LIFE_SECONDS),
        }
    }

    fn take(&self, link: &LinkAssertion, key: &SecretKey) -> Result<(), LinkError> {
        LinkAssertion::verify(&link.sign(key), &self.home.id, &self.membership, NOW).map(|_| ())
    }
}

#[test]
fn the_home_takes_in_what_the_responder_asserts() {
    let town = Town::new();
    let text = format!("{}\n", town.link().sign(&town.responder.sign));
    let link = LinkAssertion::verify(&text, &town.home.id, &town.membership, NOW).unwrap();
    assert_eq!(*link, town.link());
}

#[test]
fn each_refusal_has_its_cause() {
    let town = Town::new();
    let sign = &town.responder.sign;
    let link = || town.link();
    assert_eq!(
        town.take(&LinkAssertion { ver: 2, ..link() }, sign),
        Err(LinkError::Schema)
    );
    let other = LinkAssertion {
        home: town.responder.id.clone(),
        ..link()
    };
    assert_eq!(town.take(&other, sign), Err(LinkError::OtherHome));
    for (iat, exp) in [
        (61, 3_600),
        (-100, -61),
        (0, LONGEST_LIFE_SECONDS + 1),
        (0, 0),
    ] {
        let (iat, exp) = (NOW.plus_seconds(iat), NOW.plus_seconds(exp));
        assert_eq!(
            town.take(&LinkAssertion { iat, exp, ..link() }, sign),
            Err(LinkError::Time)
        );
    }
    assert_eq!(
        town.take(&link(), &town.home.sign),
        Err(LinkError::KeyUnknown)
    );
    assert_eq!(
        town.take(&link(), &town.responder.consent),
        Err(LinkError::KeyUnknown)
    );
    let text = link().sign(sign);
    let other = LinkAssertion {
        pp: PatientHandle::from_bytes([9; 16]),
        ..link()
    }
    .sign(sign);
    let (input, _) = other.rsplit_once('.').unwrap();
    let (_, signature) = text.rsplit_once('.').unwrap();
    let moved = format!("{input}.{signature}");
    let result = LinkAssertion::verify(&moved, &town.home.id, &town.membership, NOW);
    assert_eq!(result.map(|_| ()), Err(LinkError::Signature));
    let suspended = town
        .registry
        .membership_where(|status| status.suspended.push(town.responder.id.clone()));
    let result = LinkAssertion::verify(&text, &town.home.id, &suspended, NOW);
    assert_eq!(result.map(|_| ()), Err(LinkError::KeyUnknown));
}

#[test]
fn a_handle_is_sixteen_bytes_after_pp() {
    let handle: PatientHandle = "pp:AAECAwQFBgcICQoLDA0ODw".parse().unwrap();
    assert_eq!(handle.to_string(), "pp:AAECAwQFBgcICQoLDA0ODw");
    for text in [
        "",
        "pp:",
        "AAECAwQFBgcICQoLDA0ODw",
        "pp:AAECAwQFBgcICQoLDA0OD",
        "pp:AAECAwQFBgcICQoLDA0OD=",
        "pp:AAECAwQFBgcICQoLDA0ODx",
    ] {
        assert_eq!(
            text.parse::<PatientHandle>(),
            Err(PatientHandleError),
            "{text}"
        );
    }
}

proptest::proptest! {
    #[test]
    fn reading_a_link_never_panics(text in ".{0,200}", bytes in proptest::collection::vec(0_u8.., 0..200)) {
        let town = Town::new();
        let _ = text.parse::<PatientHandle>();
        let signed = sign_compact(LINK_TYP, &bytes, &town.responder.sign);
        for text in [text, signed] {
            let _ = LinkAssertion::verify(&text, &town.home.id, &town.membership, NOW);
        }
    }
}
