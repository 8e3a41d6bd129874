#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::*;
use crate::keys::SecretKey;
use crate::vectors;

const TYP: &str = "musubi-test+jwt";

#[test]
fn the_signature_of_rfc_8037_fits() {
    let Some(text) = vectors::read("vectors/rfc8037/rfc8037_appendix_a.json") else {
        return;
    };
    let vector: serde_json::Value = serde_json::from_str(&text).unwrap();
    let compact = vector.get("compact").unwrap().as_str().unwrap();
    let key = vector.pointer("/jwk_private/x").unwrap().as_str().unwrap();
    let key = PublicKey::from_x(key).unwrap();
    let (input, signature) = compact.rsplit_once('.').unwrap();
    let signature = base64url::decode_array(signature).unwrap();
    assert_eq!(key.verify(input.as_bytes(), &signature), Ok(()));
    // Its header has neither typ nor kid, so it is no JWS of ours.
    assert_eq!(
        Compact::parse(compact, TYP, 4_096).unwrap_err(),
        JwsError::Header
    );
}

#[test]
fn a_compact_jws_is_made_and_opened() {
    let key = SecretKey::from_seed([1; 32]);
    let text = sign_compact(TYP, b"payload", &key);
    let jws = Compact::parse(&text, TYP, 4_096).unwrap();
    assert_eq!(
        (&jws.kid, jws.payload.as_slice()),
        (key.kid(), b"payload".as_slice())
    );
    assert_eq!(jws.verify(&key.public()), Ok(()));
    assert_eq!(
        jws.verify(&SecretKey::from_seed([2; 32]).public()),
        Err(BadSignature)
    );
    assert_eq!(
        Compact::parse(&text, "other+jwt", 4_096).unwrap_err(),
        JwsError::Header
    );
    assert_eq!(
        Compact::parse(&text, TYP, text.len() - 1).unwrap_err(),
        JwsError::TooLong
    );
}

#[test]
fn another_form_is_refused() {
    let key = SecretKey::from_seed([1; 32]);
    let text = sign_compact(TYP, b"payload", &key);
    let with_header = |json: &str| {
        format!(
            "{}.{}",
            base64url::encode(json),
            text.split_once('.').unwrap().1
        )
    };
    let kid = key.kid();
    for (text, error) in [
        ("a.b".to_owned(), JwsError::Form),
        (format!("{text}.a"), JwsError::Form),
        (format!("{text}="), JwsError::Base64),
        (with_header("[]"), JwsError::HeaderJson),
        (
            with_header("{\"alg\":\"EdDSA\",\"alg\":\"EdDSA\"}"),
            JwsError::HeaderJson,
        ),
        (
            with_header(&format!(r#"{{"alg":"none","typ":"{TYP}","kid":"{kid}"}}"#)),
            JwsError::Header,
        ),
        (
            with_header(&format!(r#"{{"alg":"EdDSA","typ":"{TYP}"}}"#)),
            JwsError::Header,
        ),
        (
            with_header(&format!(
                r#"{{"alg":"EdDSA","typ":"{TYP}","kid":"{kid}","crit":[]}}"#
            )),
            JwsError::Header,
        ),
        (
            with_header(&format!(r#"{{"alg":"EdDSA","typ":"{TYP}","kid":"x"}}"#)),
            JwsError::Header,
        ),
    ] {
        assert_eq!(
            Compact::parse(&text, TYP, 4_096).unwrap_err(),
            error,
            "{text}"
        );
    }
}

#[test]
fn a_general_jws_counts_each_key_once() {
    let (one, two) = (SecretKey::from_seed([1; 32]), SecretKey::from_seed([2; 32]));
    let jws = General::new(b"payload").signed(TYP, &one).signed(TYP, &two);
    let jws = General::parse(jws.to_json().as_bytes(), 4_096).unwrap();
    let keys = [(one.kid(), one.public()), (two.kid(), two.public())];
    let count = |jws: &General| {
        jws.open(TYP)
            .map(|open| open.count(keys.iter().map(|(kid, key)| (*kid, key))))
    };
    assert_eq!(count(&jws), Ok(Ok(2)));
    let doubled = General::new(b"payload").signed(TYP, &one).signed(TYP, &one);
    assert_eq!(count(&doubled), Err(JwsError::Form));
    let stranger = General::new(b"payload").signed(TYP, &SecretKey::from_seed([3; 32]));
    assert_eq!(count(&stranger), Ok(Ok(0)));
    let mut moved = jws.clone();
    moved.payload = base64url::encode(b"another");
    assert_eq!(count(&moved), Ok(Err(BadSignature)));
}

proptest::proptest! {
    #[test]
    fn reading_a_jws_never_panics(text in ".{0,200}", bytes in proptest::collection::vec(0_u8.., 0..200)) {
        let _ = Compact::parse(&text, TYP, 4_096);
        let _ = General::parse(&bytes, 4_096);
        let form = format!(r#"{{"payload":"{0}","signatures":[{{"protected":"{0}","signature":""}}]}}"#, base64url::encode(&bytes));
        let _ = General::parse(form.as_bytes(), 4_096).unwrap().open(TYP);
    }
}
