//! The signed link of the hospital's record system, and what is tried with it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::BoxFuture;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::sessions::{House, ORIGIN};
use super::*;
use crate::identity::deep_link::FindChart;
use crate::identity::staff::By;

/// A house with one chart.
pub(super) struct OneChart;

impl FindChart for OneChart {
    fn chart<'a>(
        &'a self,
        number: &'a str,
        _caller: &'a Caller,
    ) -> BoxFuture<'a, Result<Option<String>, EntryError>> {
        Box::pin(async move { Ok((number == "00012345").then(|| "0192-hana".to_owned())) })
    }
}

/// A system's key.
pub(super) struct System {
    key: PKey<Private>,
    kid: String,
}

impl System {
    async fn of(house: &House, name: &str, key: PKey<Private>) -> Self {
        let pem = key.public_key_to_pem().unwrap();
        let kid = house.identity.add_system_key(name, &pem, By::operator());
        Self {
            kid: kid.await.unwrap(),
            key,
        }
    }

    /// The token of these claims: those of a good one, changed by `change`.
    pub(super) fn signs(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = json!({
            "iss": "ehr", "sub": "dr-0042", "aud": ORIGIN, "mrn": "00012345",
            "jti": uuid::Uuid::new_v4().to_string(),
            "iat": start().unix_seconds(), "exp": start().unix_seconds() + 60,
        });
        change(&mut claims);
        let is_ec = self.key.ec_key().is_ok();
        let header = json!({ "alg": if is_ec { "ES256" } else { "EdDSA" }, "kid": self.kid });
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = match self.key.ec_key() {
            Ok(key) => {
                let digest = Sha256::digest(signed.as_bytes());
                let signature = EcdsaSig::sign(&digest, &key).unwrap();
                let number = |one: &openssl::bn::BigNumRef| one.to_vec_padded(32).unwrap();
                [number(signature.r()), number(signature.s())].concat()
            }
            Err(_) => {
                let mut signer = Signer::new_without_digest(&self.key).unwrap();
                signer.sign_oneshot_to_vec(signed.as_bytes()).unwrap()
            }
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

pub(super) fn ed25519() -> PKey<Private> {
    PKey::generate_ed25519().unwrap()
}

fn p256() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

impl House {
    pub(super) async fn ehr(&self) -> System {
        System::of(self, "ehr", ed25519()).await
    }

    async fn opens(&self, token: &str) -> Option<(Signed, String)> {
        match self.identity.open_link(ORIGIN, token, &OneChart).await {
            Ok(opened) => Some((self.by(&opened.session).await.unwrap(), opened.patient)),
            Err(EntryError::Refused) => None,
            Err(other) => panic!("{other}"),
        }
    }
}

#[actix_web::test]
async fn a_signed_link_opens_the_chart_as_its_physician_without_a_second_factor() {
    on_each_async(async |database| {
        let house = House::on(database).await;
        for key in [ed25519(), p256()] {
            let system = System::of(&house, "ehr", key).await;
            let (signed, patient) = house.opens(&system.signs(|_| {})).await.unwrap();
            assert_eq!(patient, "0192-hana");
            assert_eq!(signed.caller, house.physician());
            assert_eq!(signed.shown, Shown::DeepLink);
            assert_eq!(signed.second_factor_at, None);
        }
    })
    .await;
}

#[actix_web::test]
async fn a_link_is_spent_once_and_of_two_at_once_one_wins() {
    on_each_async(async |database| {
        let house = House::on(database).await;
        let token = house.ehr().await.signs(|_| {});
        let (one, other) =
            futures_util::future::join(house.opens(&token), house.opens(&token)).await;
        assert!(one.is_some() != other.is_some());
        assert!(house.opens(&token).await.is_none());
    })
    .await;
}

#[actix_web::test]
async fn a_link_that_is_not_right_in_every_word_opens_nothing() {
    let scratch = sqlite();
    let house = House::on(scratch.database.clone()).await;
    let system = house.ehr().await;
    let now = start().unix_seconds();
    let changes: [(&str, Value); 16] = [
        ("iss", json!("other")),
        ("sub", json!("dr-9999")),
        ("sub", json!("dr 0042")),
        ("aud", json!("https://other.example")),
        ("aud", json!([ORIGIN])),
        ("exp", json!(now)),
        ("exp", json!(now + 61)),
        ("exp", json!(i64::MAX)),
        ("iat", json!(now + 6)),
        ("iat", json!(i64::MIN)),
        ("jti", json!("")),
        ("jti", json!("x".repeat(65))),
        ("mrn", json!("99999999")),
        ("mrn", json!("1|2 3")),
        ("mrn", json!(12345)),
        ("extra", json!(true)),
    ];
    for (name, value) in changes {
        let token = system.signs(|claims| claims[name] = value.clone());
        assert!(house.opens(&token).await.is_none(), "{name} {value}");
    }
    for missing in ["iss", "sub", "aud", "exp", "iat", "jti", "mrn"] {
        let token = system.signs(|claims| {
            claims.as_object_mut().unwrap().remove(missing);
        });
        assert!(house.opens(&token).await.is_none(), "{missing}");
    }
    let good = system.signs(|_| {});
    let (head, signature) = good.rsplit_once('.').unwrap();
    for token in [
        String::new(),
        head.to_owned(),
        format!("{head}."),
        format!("{head}.{}", "A".repeat(signature.len())),
        format!("{good}{}", "A".repeat(2_048)),
    ] {
        assert!(house.opens(&token).await.is_none());
    }
    // Another key that says it is this one.
    let forged = System {
        key: ed25519(),
        kid: system.kid.clone(),
    };
    assert!(house.opens(&forged.signs(|_| {})).await.is_none());
    house
        .identity
        .end_system_key(&system.kid, By::operator())
        .await
        .unwrap();
    assert!(house.opens(&good).await.is_none(), "the key ended");
}

#[actix_web::test]
async fn a_link_for_a_disabled_account_or_after_its_minute_opens_nothing() {
    let scratch = sqlite();
    let house = House::on(scratch.database.clone()).await;
    let system = house.ehr().await;
    let token = system.signs(|_| {});
    house.clock.advance(60);
    assert!(house.opens(&token).await.is_none());
    house.clock.advance(-60);
    house
        .identity
        .disable_staff("dr-0042", By::operator())
        .await
        .unwrap();
    assert!(house.opens(&token).await.is_none());
}

#[actix_web::test]
async fn keys_that_sign_in_another_way_are_not_trusted() {
    let scratch = sqlite();
    let house = House::on(scratch.database.clone()).await;
    let rsa = openssl::rsa::Rsa::generate(2048).unwrap();
    let rsa = PKey::from_rsa(rsa).unwrap().public_key_to_pem().unwrap();
    let group = EcGroup::from_curve_name(Nid::SECP384R1).unwrap();
    let p384 = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let p384 = p384.public_key_to_pem().unwrap();
    let secret = ed25519().private_key_to_pem_pkcs8().unwrap();
    for pem in [rsa, p384, secret, b"no key".to_vec()] {
        let added = house
            .identity
            .add_system_key("ehr", &pem, By::operator())
            .await;
        assert!(matches!(added, Err(IdentityError::Key)));
    }
}
