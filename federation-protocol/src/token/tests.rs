#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use super::*;
use crate::base64url;
use crate::category::Category;
use crate::consent::SealedResidual;
use crate::keys::SecretKey;

static GOLDEN: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../tests/data/golden-tokens.json")).unwrap()
});

fn member(text: &Value) -> MemberId {
    text.as_str().unwrap().parse().unwrap()
}

/// The directory of the golden file. No two members have one operator.
struct GoldenDirectory {
    endpoints: BTreeMap<MemberId, String>,
    keys: Vec<(MemberId, String, PublicKey)>,
    sole_operator: bool,
}

impl GoldenDirectory {
    fn read() -> Self {
        let entries = |name: &str| GOLDEN[name].as_object().unwrap().iter();
        Self {
            endpoints: entries("endpoints")
                .map(|(id, url)| (id.parse().unwrap(), url.as_str().unwrap().into()))
                .collect(),
            keys: entries("keys")
                .map(|(id, key)| {
                    let public = PublicKey::from_x(key["x"].as_str().unwrap()).unwrap();
                    (
                        id.parse().unwrap(),
                        key["kid"].as_str().unwrap().into(),
                        public,
                    )
                })
                .collect(),
            sole_operator: false,
        }
    }
}

impl Issuers for GoldenDirectory {
    fn endpoint(&self, member: &MemberId, _now: Timestamp) -> Option<&str> {
        self.endpoints.get(member).map(String::as_str)
    }

    fn consent_key(&self, member: &MemberId, kid: &str, _at: Timestamp) -> Option<&PublicKey> {
        let found = self
            .keys
            .iter()
            .find(|(owner, name, _)| owner == member && name == kid);
        found.map(|(_, _, key)| key)
    }

    fn have_one_operator(&self, _one: &MemberId, _other: &MemberId) -> bool {
        self.sole_operator
    }
}

fn links(handle: &PatientHandle) -> Option<LinkFacts> {
    let link = GOLDEN["links"].get(handle.as_str())?;
    let device_key = PublicKey::from_x(link["device_x"].as_str().unwrap()).unwrap();
    Some(LinkFacts {
        home: member(&link["home"]),
        device_key,
    })
}

fn seal_key() -> SealSecretKey {
    let private = GOLDEN["seal"]["private"].as_str().unwrap();
    SealSecretKey::from_bytes(base64url::decode_array(private).unwrap())
}

fn physician() -> Actor {
    Actor {
        id: Some("dr-r1".into()),
        role: "physician".into(),
        dept: None,
        acr: None,
        at: None,
    }
}

/// What the golden tokens are asked with, unless a test changes it.
struct Asking {
    actor: Actor,
    purpose: Purpose,
    asked: Scope,
}

/// The verdict of the verifier of the golden file about a token that `presenter` shows.
fn judge(
    token: &str,
    presenter: &MemberId,
    directory: &GoldenDirectory,
    change: impl FnOnce(&mut Asking),
) -> Result<Verified<Token>, Refusal> {
    let key = seal_key();
    let keyid: KeyId = GOLDEN["sign_keys"][presenter.as_str()]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let mut asking = Asking {
        actor: physician(),
        purpose: Purpose::Treat,
        asked: Scope::EMPTY.with(Category::Lab),
    };
    change(&mut asking);
    let request = TokenContext {
        from: presenter,
        keyid: &keyid,
        actor: &asking.actor,
        purpose: asking.purpose,
        asked: asking.asked,
    };
    let now = Timestamp::from_unix_seconds(GOLDEN["now"].as_i64().unwrap());
    let seal = |kid: &KeyId| (kid == key.kid()).then_some(&key);
    verify_token(
        token,
        &request,
        directory,
        &links,
        &seal,
        &member(&GOLDEN["verifier"]),
        now,
    )
}

fn valid() -> &'static str {
    GOLDEN["cases"][0]["token"].as_str().unwrap()
}

fn presenter() -> MemberId {
    member(&GOLDEN["presenter"])
}

#[test]
fn all_golden_tokens_have_their_verdict() {
    let cases = GOLDEN["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 55);
    let directory = GoldenDirectory::read();
    let mut wrong = Vec::new();
    for case in cases {
        let presenter = case.get("presenter").map_or_else(presenter, member);
        let verdict = judge(
            case["token"].as_str().unwrap(),
            &presenter,
            &directory,
            |_| {},
        );
        let verdict = verdict.map_or_else(Refusal::code, |_| "ok");
        if case["expect"] != verdict {
            wrong.push(format!(
                "{}: expected {}, got {verdict}",
                case["name"], case["expect"]
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_golden_token_opens_into_its_rules() {
    let token = judge(valid(), &presenter(), &GoldenDirectory::read(), |_| {}).unwrap();
    assert_eq!(
        token.residual.to_json(),
        r#"[[{"type":"permit","class":["lab","rx"],"securityLabel":["N"]}]]"#
    );
    assert_eq!(
        (token.status_idx, token.scope.to_string()),
        (7, "lab rx".into())
    );
}

#[test]
fn what_the_request_says_must_fit_the_token() {
    let (directory, presenter) = (GoldenDirectory::read(), presenter());
    let refused = |change: &dyn Fn(&mut Asking)| {
        judge(valid(), &presenter, &directory, |asking| change(asking)).unwrap_err()
    };
    assert_eq!(
        refused(&|it| it.purpose = Purpose::Etreat),
        Refusal::PurposeNotGranted
    );
    let genes = Scope::EMPTY.with(Category::Genomic);
    assert_eq!(refused(&|it| it.asked = genes), Refusal::ScopeNotGranted);
    assert_eq!(
        refused(&|it| it.actor = Actor::system()),
        Refusal::PractitionerMismatch
    );
    let mismatch = Refusal::PractitionerMismatch;
    assert_eq!(refused(&|it| it.actor.id = Some("dr-r9".into())), mismatch);
    assert_eq!(refused(&|it| it.actor.role = "nurse".into()), mismatch);
}

#[test]
fn members_of_one_operator_need_the_persons_evidence() {
    let directory = GoldenDirectory {
        sole_operator: true,
        ..GoldenDirectory::read()
    };
    let refused = judge(valid(), &presenter(), &directory, |_| {}).unwrap_err();
    assert_eq!(refused, Refusal::PatientEvidenceMissing);
}

/// A signature that was checked once does not outlive its key.
#[test]
fn a_remembered_signature_falls_with_its_issuer() {
    let now = Timestamp::from_unix_seconds(GOLDEN["now"].as_i64().unwrap());
    let directory = GoldenDirectory::read();
    let signed = ParsedToken::parse(valid())
        .unwrap()
        .check_signature(&directory, now)
        .unwrap();
    let accept = |directory: &GoldenDirectory| {
        let (key, actor, from) = (seal_key(), physician(), presenter());
        let keyid: KeyId = GOLDEN["sign_keys"][from.as_str()]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        let request = TokenContext {
            from: &from,
            keyid: &keyid,
            actor: &actor,
            purpose: Purpose::Treat,
            asked: Scope::ALL,
        };
        let seal = |_: &KeyId| Some(&key);
        signed
            .accept(
                &request,
                directory,
                &links,
                &seal,
                &member(&GOLDEN["verifier"]),
                now,
            )
            .map(drop)
    };
    assert_eq!(accept(&directory), Ok(()));
    let without_key = GoldenDirectory {
        keys: vec![],
        ..GoldenDirectory::read()
    };
    assert_eq!(accept(&without_key), Err(Refusal::TokenIssuerUnknown));
    let without_member = GoldenDirectory {
        endpoints: BTreeMap::new(),
        ..GoldenDirectory::read()
    };
    assert_eq!(accept(&without_member), Err(Refusal::TokenIssuerUnknown));
}

fn claims() -> TokenClaims {
    let payload = valid().split('.').nth(1).unwrap();
    serde_json::from_slice(&base64url::decode(payload).unwrap()).unwrap()
}

#[test]
fn a_signed_token_reads_back_as_it_was_made() {
    let token = claims().sign(&SecretKey::from_seed([5; 32])).unwrap();
    let parsed = ParsedToken::parse(&token).unwrap();
    let mut directory = GoldenDirectory::read();
    let key = SecretKey::from_seed([5; 32]);
    directory.keys = vec![(claims().iss, key.kid().to_string(), key.public())];
    let signed = parsed.check_signature(&directory, claims().iat).unwrap();
    assert_eq!(*signed.claims(), claims());
}

#[test]
fn what_does_not_fit_a_header_is_too_complex() {
    let sealed = SealedResidual {
        sealed: "A".repeat(2_000),
        ..claims().residual
    };
    let claims = TokenClaims {
        residual: sealed,
        ..claims()
    };
    assert_eq!(
        claims.sign(&SecretKey::from_seed([5; 32])),
        Err(Refusal::ConsentTooComplex)
    );
}

#[test]
fn claims_outside_their_form_are_malformed() {
    let key = SecretKey::from_seed([5; 32]);
    let signed = |change: &dyn Fn(&mut Value)| {
        let mut payload = serde_json::to_value(claims()).unwrap();
        change(&mut payload);
        crate::jws::sign_compact(TOKEN_TYP, payload.to_string().as_bytes(), &key)
    };
    assert!(ParsedToken::parse(&signed(&|_| {})).is_ok());
    let changes: [(&str, Value); 12] = [
        ("ver", 2.into()),
        ("scope", "rx lab".into()),
        ("scope", "".into()),
        ("prac", Value::Null),
        ("pev", Value::Null),
        ("jti", "short".into()),
        (
            "doc",
            "urn:uuid:00112233-4455-6677-8899-AABBCCDDEEFF".into(),
        ),
        ("acr", "urn:musubi:acr:none".into()),
        ("iat", (-1).into()),
        ("exp", 1.5.into()),
        ("sub", "pp:AAECAwQFBgcICQoLDA0OD".into()),
        (
            "status",
            serde_json::json!({"status_list": {"idx": -1, "uri": ""}}),
        ),
    ];
    for (claim, value) in changes {
        let token = signed(&|payload| payload[claim] = value.clone());
        assert_eq!(
            ParsedToken::parse(&token).unwrap_err(),
            Refusal::TokenMalformed,
            "{claim}"
        );
    }
}

proptest::proptest! {
    #[test]
    fn judging_a_token_never_panics(
        text in "[A-Za-z0-9_.=-]{0,300}",
        any in ".{0,60}",
        at in 0_usize..1_245,
        byte in 0_u8..128,
    ) {
        let mut bent = valid().to_owned().into_bytes();
        bent[at] = byte;
        let bent = String::from_utf8(bent).unwrap();
        let directory = GoldenDirectory::read();
        for token in [text.as_str(), any.as_str(), bent.as_str()] {
            let verdict = judge(token, &presenter(), &directory, |_| {});
            proptest::prop_assert!(verdict.is_err() || token == valid());
        }
    }

    #[test]
    fn judging_a_payload_never_panics(payload in ".{0,200}", header in ".{0,80}") {
        let token = [header, payload, "s".repeat(64)].map(base64url::encode).join(".");
        proptest::prop_assert!(ParsedToken::parse(&token).is_err());
    }
}
