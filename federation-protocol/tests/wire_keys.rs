//! Section 6.8 of `docs/WIRE.md`: rotation and revocation of keys.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use federation_protocol::directory::{
    Directory, EndingKey, KeyChange, KeyRevocation, KeyStatement, LONGEST_KEY_CHANGE, Reading,
    Rotation,
};
use federation_protocol::jws::General;
use federation_protocol::keys::{KeyUse, SecretKey};
use federation_protocol::sample::{NOW, REGISTRY, SampleMember, SampleRegistry};

mod wire_document;

use wire_document::{check, pretty};

fn statement(key_use: KeyUse, key: &SecretKey, begins: i64) -> KeyStatement {
    let (from, until) = (NOW.plus_seconds(begins), NOW.plus_seconds(825 * 86_400));
    KeyStatement::of(key_use, &key.public(), from, until)
}

#[test]
fn key_changes() {
    let minato = SampleMember::new("0110000001", 10);
    let registry = SampleRegistry::of([minato.profile()]);
    let (next_sign, next_consent) = (
        SecretKey::from_seed([31; 32]),
        SecretKey::from_seed([32; 32]),
    );
    let mut document = registry.directory_document();
    document.iat = NOW;
    let entry = document.members.first().unwrap().entry.payload_hash();
    let rotation = Rotation {
        ver: 1,
        iss: REGISTRY.into(),
        member: minato.id.clone(),
        entry: entry.unwrap(),
        number: 1,
        iat: NOW,
        old: EndingKey {
            kid: minato.sign.kid().clone(),
            not_after: NOW.plus_seconds(7 * 86_400),
        },
        new: statement(KeyUse::Sign, &next_sign, 600),
    };
    let revocation = KeyRevocation {
        ver: 1,
        iss: REGISTRY.into(),
        member: minato.id.clone(),
        entry: entry.unwrap(),
        number: 2,
        iat: NOW,
        revoked: vec![minato.consent.kid().clone()],
        replaced_by: vec![statement(KeyUse::Consent, &next_consent, 0)],
    };
    let rotated = rotation.sign(&minato.sign, &next_sign);
    let revoked = revocation.sign(&minato.recovery, &[&next_consent]);
    for said in [&rotated, &revoked] {
        let text = said.to_json();
        let read = General::parse(text.as_bytes(), LONGEST_KEY_CHANGE).unwrap();
        assert_eq!(KeyChange::read(&read).unwrap().iat(), NOW);
    }
    for listed in &mut document.members {
        listed.key_changes = vec![rotated.clone(), revoked.clone()];
    }
    let signed = document.sign(&registry.directory);
    let root = registry.accepted_root();
    let accepted = Directory::accept(&signed.jws, &root, None, Reading::Fresh, NOW).unwrap();
    let chain = accepted.chain(&minato.id).unwrap();
    assert_eq!(chain.next_number(), 3);

    let general = |jws: &General| {
        let value: serde_json::Value = serde_json::from_str(&jws.to_json()).unwrap();
        pretty(&value)
    };
    check(&[
        ("rotation", pretty(&rotation)),
        ("rotation-jws", general(&rotated)),
        ("key-revocation", pretty(&revocation)),
        ("key-revocation-jws", general(&revoked)),
    ]);
}
