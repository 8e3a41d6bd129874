//! A hospital's own sign-in: an OpenID Connect provider (Core 1.0) with PKCE (RFC 7636), over TLS. It
//! signs whoever comes in as one member of staff, without asking.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use actix_web::dev::ServerHandle;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Form, Json, Query, get, post};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use federation_protocol::time::Timestamp;
use federation_service::clock::{Clock as _, SystemClock};
use federation_service::tls::{TlsIdentity, server_acceptor};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::hospital::Hospital;

const CLIENT: &str = "musubi";
const SECRET: &str = "the secret of these two";

/// What it knows of one sign-in: the parameters of the authentication request.
type Asked = HashMap<String, String>;

struct Desk {
    key: PKey<Private>,
    issuer: String,
    staff: String,
    asked: Mutex<HashMap<String, Asked>>,
}

/// The provider, running.
pub struct Provider {
    desk: Arc<Desk>,
    certificate: PathBuf,
    server: ServerHandle,
}

impl Provider {
    /// Starts one that signs everybody in as `staff`; its certificate is written into `folder`.
    pub async fn start(folder: &Path, staff: &str) -> Self {
        let year = |year: i64| Timestamp::from_unix_seconds((year - 1970) * 31_556_952);
        let tls = TlsIdentity::generate("127.0.0.1", year(2020), year(2090)).unwrap();
        let certificate = folder.join("sign-in.pem");
        tls.write_pem(&certificate, &folder.join("sign-in.key.pem"))
            .unwrap();
        let port = crate::town::free_port();
        let desk = Arc::new(Desk {
            key: PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap(),
            issuer: format!("https://127.0.0.1:{port}"),
            staff: staff.to_owned(),
            asked: Mutex::default(),
        });
        let shared = Data::from(Arc::clone(&desk));
        let (ready, started) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = HttpServer::new(move || {
                    App::new()
                        .app_data(shared.clone())
                        .route("/.well-known/openid-configuration", get().to(description))
                        .route("/keys", get().to(keys))
                        .route("/authorize", get().to(authorize))
                        .route("/token", post().to(token))
                })
                .workers(1)
                .disable_signals()
                .bind_openssl(("127.0.0.1", port), server_acceptor(&tls).unwrap())
                .unwrap()
                .run();
                let _ = ready.send(server.handle());
                server.await.unwrap();
            });
        });
        Self {
            desk,
            certificate,
            server: started.await.unwrap(),
        }
    }

    /// Writes it into a hospital's settings: staff may come in by it from the next start on.
    pub fn serves(&self, hospital: &Hospital) {
        let Desk { issuer, .. } = &*self.desk;
        let settings = format!(
            "[oidc]\nissuer = {issuer:?}\nclient_id = {CLIENT:?}\nclient_secret = {SECRET:?}\n\
             id_claim = \"employee\"\nallow_cidrs = [\"127.0.0.1/32\"]\nca_file = {:?}",
            self.certificate.display().to_string()
        );
        hospital.set("auth", &settings);
    }

    /// Stops it.
    pub async fn stop(self) {
        self.server.stop(false).await;
    }
}

impl Desk {
    fn signed(&self, claims: &Value) -> String {
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let header = json!({ "alg": "RS256", "kid": "k1" });
        let input = format!("{}.{}", part(&header), part(claims));
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key).unwrap();
        let signature = signer.sign_oneshot_to_vec(input.as_bytes()).unwrap();
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

async fn description(desk: Data<Desk>) -> Json<Value> {
    let issuer = &desk.issuer;
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
    }))
}

async fn keys(desk: Data<Desk>) -> Json<Value> {
    let rsa = desk.key.rsa().unwrap();
    let number = |one: &openssl::bn::BigNumRef| URL_SAFE_NO_PAD.encode(one.to_vec());
    Json(json!({ "keys": [{
        "kty": "RSA", "use": "sig", "kid": "k1", "n": number(rsa.n()), "e": number(rsa.e()),
    }]}))
}

/// Somebody was sent here: they are sent back with a code.
async fn authorize(desk: Data<Desk>, asked: Query<Asked>) -> HttpResponse {
    assert_eq!(asked["client_id"], CLIENT);
    let mut asked_before = desk.asked.lock().unwrap();
    let code = format!("code-{}", asked_before.len());
    let mut back: url::Url = asked["redirect_uri"].parse().unwrap();
    back.query_pairs_mut()
        .append_pair("code", &code)
        .append_pair("state", &asked["state"]);
    asked_before.insert(code, asked.into_inner());
    HttpResponse::Found()
        .insert_header((LOCATION, back.as_str()))
        .finish()
}

/// The node hands the code in.
async fn token(desk: Data<Desk>, request: HttpRequest, form: Form<Asked>) -> HttpResponse {
    let Some(asked) = desk.asked.lock().unwrap().remove(&form["code"]) else {
        return HttpResponse::BadRequest().json(json!({ "error": "invalid_grant" }));
    };
    let client = STANDARD.encode(format!("{CLIENT}:{SECRET}"));
    let sent = request.headers().get("authorization").unwrap();
    assert_eq!(sent.to_str().unwrap(), format!("Basic {client}"));
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
    assert_eq!(challenge, asked["code_challenge"]);
    let now = SystemClock.now().unix_seconds();
    let claims = json!({
        "iss": desk.issuer, "aud": CLIENT, "sub": "8f1", "employee": desk.staff,
        "nonce": asked["nonce"], "iat": now, "exp": now + 300,
    });
    HttpResponse::Ok().json(json!({
        "token_type": "Bearer", "access_token": "none", "id_token": desk.signed(&claims),
    }))
}
