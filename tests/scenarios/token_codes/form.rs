//! What the token is: its shape, its header, its issuer, its signature.

use federation_protocol::base64url;
use federation_protocol::keys::{KeyUse, SecretKey, Sign};
use federation_protocol::member::MemberState;
use federation_protocol::time::Timestamp;
use federation_protocol::token::TokenClaims;
use scenarios::Store;
use serde_json::{Value, json};

use super::{Scene, minted};

/// A token of any header and any claims, signed by `key`.
fn written(header: &Value, claims: &str, key: &dyn Sign) -> String {
    let input = format!(
        "{}.{}",
        base64url::encode(header.to_string()),
        base64url::encode(claims)
    );
    let signature = base64url::encode(key.sign(input.as_bytes()));
    format!("{input}.{signature}")
}

fn header(key: &dyn Sign) -> Value {
    json!({ "alg": "Ed25519", "typ": "musubi-consent+jwt", "kid": key.kid() })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_out_of_shape_is_malformed() {
    let scene = Scene::set(Store::Sqlite).await;
    let minato = scene.envoy("minato");
    let key = &*minato.keys.consent();
    let claims = serde_json::to_value(scene.claims()).unwrap();
    let with = |name: &str, value: Value| {
        let mut changed = claims.clone();
        changed[name] = value;
        written(&header(key), &changed.to_string(), key)
    };
    let without = |name: &str| {
        let mut changed = claims.clone();
        changed.as_object_mut().unwrap().remove(name);
        written(&header(key), &changed.to_string(), key)
    };
    let twice = claims.to_string().replacen('{', "{\"ver\":1,", 1);
    let elsewhere = {
        let mut claims = scene.claims();
        claims.status.status_list.uri = "https://evil.example/federation/v1/status-lists/0".into();
        minted(&minato, &claims)
    };
    let other_box = {
        // Sealed for another token: the rules of one cannot be put into another.
        let mut claims = scene.claims();
        claims.jti = base64url::encode([1; 16]);
        minted(&minato, &claims)
    };
    for wrong in [
        "a.b.c".to_owned(),
        scene.token.replacen('.', "..", 1),
        format!("{}=", scene.token),
        format!("{}.", scene.token),
        with("extra", json!(1)),
        with("pev", Value::Null),
        with("ver", json!(2)),
        with("pou", json!("BTG")),
        with("scope", json!("condition lab")),
        with("scope", json!("other")),
        with("doc", json!("urn:uuid:1")),
        with("residual", json!({ "kid": "x", "box": "AA" })),
        with("doc", json!(format!("urn:uuid:{}", "0".repeat(2_048)))),
        without("sub"),
        without("residual"),
        written(&header(key), &twice, key),
        elsewhere,
    ] {
        scene
            .refuses_forged("shirakaba", &wrong, 401, "token_malformed")
            .await;
    }
    scene.refuses(&other_box, 401, "token_malformed").await;
    scene.shows("shirakaba", &scene.token).await;
    scene.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_with_another_header_is_refused_by_its_header() {
    let scene = Scene::set(Store::Sqlite).await;
    let minato = scene.envoy("minato");
    let key = &*minato.keys.consent();
    let claims = serde_json::to_string(&scene.claims()).unwrap();
    let with = |name: &str, value: Value| {
        let mut changed = header(key);
        changed[name] = value;
        written(&changed, &claims, key)
    };
    for wrong in [
        with("alg", json!("none")),
        with("alg", json!("HS256")),
        with("typ", json!("JWT")),
        with("typ", json!("musubi-link+jwt")),
        with("crit", json!(["exp"])),
        with("jwk", json!({ "kty": "OKP" })),
    ] {
        scene
            .refuses_forged("shirakaba", &wrong, 401, "token_header_invalid")
            .await;
    }
    scene.shows("shirakaba", &with("alg", json!("EdDSA"))).await;
    scene.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_an_issuer_or_key_that_may_not_issue_is_unknown() {
    let scene = Scene::set(Store::Sqlite).await;
    let (minato, kawabe) = (scene.envoy("minato"), scene.envoy("kawabe"));
    let claims = scene.claims();
    let nobody = TokenClaims {
        iss: "urn:musubi:member:0110000099".parse().unwrap(),
        ..claims.clone()
    };
    let long_ago = TokenClaims {
        iat: Timestamp::from_unix_seconds(1),
        ..claims.clone()
    };
    for wrong in [
        minted(&minato, &nobody),
        claims.sign(&SecretKey::from_seed([7; 32])).unwrap(),
        claims.sign(&*minato.keys.sign()).unwrap(),
        claims
            .sign(&*minato.keys.signer(KeyUse::Log).unwrap())
            .unwrap(),
        minted(&kawabe, &claims),
        minted(&minato, &long_ago),
    ] {
        scene
            .refuses_forged("shirakaba", &wrong, 401, "token_issuer_unknown")
            .await;
    }
    scene.shows("shirakaba", &scene.token).await;
    scene.town.suspend("minato");
    scene
        .town
        .settle_until("minato", MemberState::Suspended)
        .await;
    scene
        .refuses(&scene.token, 401, "token_issuer_unknown")
        .await;
    scene.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_changed_after_signing_does_not_fit_its_signature() {
    let scene = Scene::set(Store::Sqlite).await;
    let [header, _, signature]: [&str; 3] = scene
        .token
        .split('.')
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    let wider = TokenClaims {
        exp: scene.claims().exp.plus_seconds(1),
        ..scene.claims()
    };
    let payload = base64url::encode(serde_json::to_string(&wider).unwrap());
    let changed = format!("{header}.{payload}.{signature}");
    scene
        .refuses_forged("shirakaba", &changed, 401, "token_signature_invalid")
        .await;
    scene.shows("shirakaba", &scene.token).await;
    // Also after the right one was remembered.
    scene
        .refuses_forged("shirakaba", &changed, 401, "token_signature_invalid")
        .await;
    scene.town.stop().await;
}
