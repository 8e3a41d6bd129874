//! The hospital's own sign-in, played by a provider of our own over real TLS.

use std::sync::{Arc, Mutex};

use actix_web::dev::ServerHandle;
use actix_web::web::{Data as Shared, Form, Json, get, post};
use actix_web::{HttpRequest, HttpResponse, HttpServer};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use federation_service::tls::{TlsIdentity, server_acceptor};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use reqwest::Url;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::sessions::ORIGIN;
use super::*;
use crate::config::{OidcSettings, Secret};
use crate::identity::hospital::Return;
use crate::identity::staff::By;

const CODE: &str = "code-1";

/// What the provider does next.
struct State {
    key: PKey<Private>,
    claims: Value,
    challenge: String,
    issuer: String,
    token_endpoint: Option<String>,
}

impl State {
    fn id_token(&self) -> String {
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let header = json!({ "alg": "RS256", "kid": "k1" });
        let signed = format!("{}.{}", part(&header), part(&self.claims));
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key).unwrap();
        let signature = signer.sign_oneshot_to_vec(signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

type Kept = Shared<Mutex<State>>;

async fn description(state: Kept) -> Json<Value> {
    let state = state.lock().unwrap();
    let issuer = &state.issuer;
    let token = state.token_endpoint.clone();
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": token.unwrap_or_else(|| format!("{issuer}/token")),
        "jwks_uri": format!("{issuer}/keys"),
    }))
}

async fn keys(state: Kept) -> Json<Value> {
    let state = state.lock().unwrap();
    let rsa = state.key.rsa().unwrap();
    Json(json!({ "keys": [{
        "kty": "RSA", "use": "sig", "kid": "k1",
        "n": URL_SAFE_NO_PAD.encode(rsa.n().to_vec()),
        "e": URL_SAFE_NO_PAD.encode(rsa.e().to_vec()),
    }]}))
}

async fn token(
    state: Kept,
    request: HttpRequest,
    form: Form<Vec<(String, String)>>,
) -> HttpResponse {
    let state = state.lock().unwrap();
    let field = |name: &str| {
        let found = form.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let basic = format!("Basic {}", STANDARD.encode("musubi:the secret"));
    let sent = request.headers().get("authorization").unwrap();
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(field("code_verifier")));
    let right = sent.to_str().unwrap() == basic
        && field("code") == CODE
        && field("grant_type") == "authorization_code"
        && field("redirect_uri") == format!("{ORIGIN}/sign-in/back")
        && challenge == state.challenge;
    match right {
        true => HttpResponse::Ok().json(json!({
            "token_type": "Bearer", "access_token": "x", "id_token": state.id_token(),
        })),
        false => HttpResponse::BadRequest().json(json!({ "error": "invalid_grant" })),
    }
}

/// A hospital with its sign-in, and a node that knows it.
struct Hospital {
    state: Arc<Mutex<State>>,
    identity: Identity,
    server: ServerHandle,
    issuer: Url,
}

impl Hospital {
    async fn on(database: Database, role_claim: Option<&str>) -> Self {
        let year = |year: i64| Timestamp::from_unix_seconds((year - 1970) * 31_556_952);
        let tls = TlsIdentity::generate("127.0.0.1", year(2020), year(2090)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
        tls.write_pem(&certificate, &key).unwrap();
        let state = Arc::new(Mutex::new(State {
            key: PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap(),
            claims: Value::Null,
            challenge: String::new(),
            issuer: String::new(),
            token_endpoint: None,
        }));
        let shared = Shared::from(Arc::clone(&state));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .route("/.well-known/openid-configuration", get().to(description))
                .route("/keys", get().to(keys))
                .route("/token", post().to(token))
        })
        .workers(1)
        .disable_signals()
        .bind_openssl("127.0.0.1:0", server_acceptor(&tls).unwrap())
        .unwrap();
        let issuer: Url = format!("https://{}", server.addrs()[0]).parse().unwrap();
        state.lock().unwrap().issuer = issuer.as_str().trim_end_matches('/').to_owned();
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        let oidc = OidcSettings {
            issuer: issuer.clone(),
            client_id: "musubi".into(),
            client_secret: std::sync::Arc::new(Secret::new("the secret".into())),
            id_claim: "employee".into(),
            role_claim: role_claim.map(str::to_owned),
            allow_cidrs: vec!["127.0.0.1".parse().unwrap()],
            authority: Some(std::fs::read(&certificate).unwrap()),
        };
        let identity = identity_with(database, ManualClock::at(start()), Some(oidc));
        let by = By::operator();
        let added = identity
            .add_staff(Role::Physician, "dr-0042", "佐藤 健", by)
            .await;
        added.unwrap();
        Self {
            state,
            identity,
            server: handle,
            issuer,
        }
    }

    /// Somebody leaves for the sign-in, which is told what the address says.
    async fn departs(&self) -> (String, Value) {
        let departure = self
            .identity
            .depart(&ORIGIN.parse().unwrap(), "/c/patients")
            .await;
        let departure = departure.unwrap();
        assert_eq!(departure.to.origin(), self.issuer.origin());
        let asked: std::collections::BTreeMap<String, String> =
            departure.to.query_pairs().into_owned().collect();
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["code_challenge_method"], "S256");
        assert_eq!(asked["state"], departure.ceremony.reveal());
        let claims = json!({
            "iss": self.state.lock().unwrap().issuer,
            "aud": "musubi",
            "sub": "8f1",
            "employee": "dr-0042",
            "nonce": asked["nonce"],
            "iat": start().unix_seconds(),
            "exp": start().unix_seconds() + 300,
        });
        let mut state = self.state.lock().unwrap();
        state.challenge.clone_from(&asked["code_challenge"]);
        state.claims = claims.clone();
        (departure.ceremony.reveal().to_owned(), claims)
    }

    async fn arrives(&self, cookie: &str, code: &str) -> Result<(Signed, String), EntryError> {
        let came = Return {
            code: code.into(),
            state: cookie.into(),
            iss: None,
        };
        let here = ORIGIN.parse().unwrap();
        let (session, next) = self.identity.arrive(&here, cookie, &came).await?;
        let found = self
            .identity
            .authenticate_session(session.reveal(), true)
            .await;
        Ok((found.unwrap().unwrap(), next))
    }

    async fn with(&self, change: impl FnOnce(&mut Value)) -> Result<(Signed, String), EntryError> {
        let (cookie, mut claims) = self.departs().await;
        change(&mut claims);
        self.state.lock().unwrap().claims = claims;
        self.arrives(&cookie, CODE).await
    }
}

#[actix_web::test]
async fn staff_come_in_with_the_account_they_have_at_the_hospital() {
    on_each_async(async |database| {
        let hospital = Hospital::on(database, None).await;
        let (cookie, _claims) = hospital.departs().await;
        let (signed, next) = hospital.arrives(&cookie, CODE).await.unwrap();
        assert_eq!(next, "/c/patients");
        assert_eq!(signed.caller.id(), Some("dr-0042"));
        assert_eq!(signed.shown, Shown::Hospital);
        assert_eq!(signed.second_factor_at, None);
        let again = hospital.arrives(&cookie, CODE).await;
        assert!(matches!(again, Err(EntryError::Refused)), "replayed");
        hospital.server.stop(false).await;
    })
    .await;
}

#[actix_web::test]
async fn what_the_hospital_did_not_say_to_this_browser_lets_nobody_in() {
    let scratch = sqlite();
    let hospital = Hospital::on(scratch.database.clone(), None).await;
    let now = start().unix_seconds();
    let changes: [(&str, Value); 14] = [
        ("iss", json!("https://evil.example")),
        ("aud", json!("other")),
        ("aud", json!(["musubi", "other"])),
        ("aud", json!([])),
        ("azp", json!("other")),
        ("nonce", json!("other")),
        ("nonce", Value::Null),
        ("exp", json!(now - 61)),
        ("iat", json!(now + 61)),
        ("iat", json!(now - 601)),
        ("employee", json!("nobody")),
        ("employee", json!(42)),
        ("employee", Value::Null),
        ("employee", json!("dr 0042")),
    ];
    for (name, value) in changes {
        let came = hospital.with(|claims| claims[name] = value.clone()).await;
        assert!(matches!(came, Err(EntryError::Refused)), "{name} {value}");
    }
    let (cookie, _) = hospital.departs().await;
    let wrong_code = hospital.arrives(&cookie, "guessed").await;
    assert!(matches!(wrong_code, Err(EntryError::Refused)));
    // Another browser than the one that left: the address alone is worth nothing.
    let (cookie, _) = hospital.departs().await;
    let came = Return {
        code: CODE.into(),
        state: cookie.clone(),
        iss: None,
    };
    let here = ORIGIN.parse().unwrap();
    for kept in ["", "mbc_other"] {
        let stolen = hospital.identity.arrive(&here, kept, &came).await;
        assert!(matches!(stolen, Err(EntryError::Refused)));
    }
    let elsewhere = Return {
        iss: Some("https://evil.example".into()),
        ..came
    };
    let mixed_up = hospital.identity.arrive(&here, &cookie, &elsewhere).await;
    assert!(matches!(mixed_up, Err(EntryError::Refused)));
    // Another key under the same name.
    let (cookie, _) = hospital.departs().await;
    let other = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    hospital.state.lock().unwrap().key = other;
    let forged = hospital.arrives(&cookie, CODE).await;
    assert!(matches!(forged, Err(EntryError::Refused)));
    hospital.server.stop(false).await;
}

#[actix_web::test]
async fn the_hospital_says_roles_only_where_it_may() {
    let scratch = sqlite();
    let hospital = Hospital::on(scratch.database.clone(), Some("groups")).await;
    let identity = &hospital.identity;
    let said = async |id: &str, groups: Value| {
        let came = hospital.with(|claims| {
            claims["employee"] = json!(id);
            claims["name"] = json!("鈴木 花子");
            claims["groups"] = groups;
        });
        came.await.map(|(signed, _)| signed.caller.role())
    };
    assert_eq!(
        said("r-1", json!(["x", "registrar"])).await.unwrap(),
        Role::Registrar
    );
    assert_eq!(
        identity.staff("r-1").await.unwrap().unwrap().name,
        "鈴木 花子"
    );
    assert_eq!(
        said("r-1", json!("physician")).await.unwrap(),
        Role::Physician
    );
    for groups in [
        json!([]),
        json!(["physician", "auditor"]),
        json!("staff"),
        Value::Null,
    ] {
        assert!(said("r-1", groups).await.is_err());
    }
    assert!(
        said("new", json!("admin")).await.is_err(),
        "admins are made here"
    );
    assert!(said("new", json!("security")).await.is_err());
    let admin = identity.add_staff(Role::Admin, "a-1", "管理", By::operator());
    admin.await.unwrap();
    assert!(said("a-1", json!("physician")).await.is_err());
    assert_eq!(said("a-1", json!("admin")).await.unwrap(), Role::Admin);
    identity.disable_staff("r-1", By::operator()).await.unwrap();
    assert!(
        said("r-1", json!("physician")).await.is_err(),
        "disabled here"
    );
    hospital.server.stop(false).await;
}

#[actix_web::test]
async fn nothing_is_asked_at_another_address_than_the_issuers() {
    let scratch = sqlite();
    let hospital = Hospital::on(scratch.database.clone(), None).await;
    hospital.state.lock().unwrap().token_endpoint = Some("https://127.0.0.1:1/token".into());
    let (cookie, _) = hospital.departs().await;
    let came = hospital.arrives(&cookie, CODE).await;
    assert!(matches!(came, Err(EntryError::Hospital(_))));
    hospital.server.stop(false).await;
}
