//! Somebody with a hospital's keys who sends whatever a test wants: right messages, and wrong ones.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use federation_protocol::consent::Practitioner;
use federation_protocol::grants::{GrantReply, GrantRequest, PlainCode};
use federation_protocol::keys::{KeyUse, Sign};
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::signature::{
    Actor, ExchangeId, RawAnswer, RequestBinding, RequestDraft, verify_answer,
};
use federation_protocol::time::Timestamp;
use federation_service::tls::TlsIdentity;
use musubi_node::keys::Keys;
use reqwest::{Client, ClientBuilder, Identity, Method};
use serde_json::{Value, json};

use crate::hospital::Hospital;

/// A hospital's keys and certificate in a test's hands.
pub struct Envoy {
    /// Whom it speaks for, unless a test says otherwise.
    pub id: MemberId,
    /// Its private keys.
    pub keys: Keys,
    client: Client,
}

/// A request, signed or spoiled, ready to be sent.
#[derive(Clone)]
pub struct Parcel {
    /// `POST`, unless a test says otherwise.
    pub method: Method,
    /// Where to, with a query string if a test wants one.
    pub path: String,
    /// Every header of the protocol, in order; a name may come twice.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// What the right answer is bound to.
    pub binding: RequestBinding,
    /// What was signed.
    pub base: String,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The refusal code in the body: problem+json's member, or OperationOutcome's coding.
    #[must_use]
    pub fn code(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or(Value::Null);
        let outcome = &body["issue"][0]["details"]["coding"][0]["code"];
        let code = body["code"].as_str().or(outcome.as_str());
        code.unwrap_or_default().to_owned()
    }

    /// One header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(one, _)| one == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Everything that it tells, but for what makes it this one exchange: signature, date, trace and
    /// exchange id. Headers sorted by name.
    #[must_use]
    pub fn told(&self) -> (u16, Vec<(String, String)>, String) {
        let of_the_exchange = ["signature", "date", "traceparent", "fed-exchange"];
        let mut headers = self.headers.clone();
        for (name, value) in &mut headers {
            if of_the_exchange.contains(&name.as_str()) {
                value.clear();
            }
        }
        headers.sort();
        let body = String::from_utf8(self.body.clone()).unwrap();
        (self.status, headers, body)
    }

    /// The resources of a searchset, outcomes left out.
    #[must_use]
    pub fn resources(&self) -> Vec<Value> {
        resources(&self.json())
    }

    /// Whether it verifies as `from`'s answer to this very request.
    #[must_use]
    pub fn verifies(&self, binding: &RequestBinding, asker: &Hospital, now: Timestamp) -> bool {
        let headers: Vec<(&str, &[u8])> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        let raw = RawAnswer {
            status: self.status,
            headers: &headers,
            body: &self.body,
        };
        let membership = asker.node().federation().directory().membership().unwrap();
        verify_answer(&raw, binding, &membership, now).is_ok()
    }
}

/// The resources of a searchset, outcomes left out.
#[must_use]
pub fn resources(searchset: &Value) -> Vec<Value> {
    let entries = searchset["entry"].as_array().cloned().unwrap_or_default();
    entries
        .into_iter()
        .filter(|entry| entry["search"]["mode"] != "outcome")
        .map(|entry| entry["resource"].clone())
        .collect()
}

impl Envoy {
    pub(crate) fn of(hospital: &Hospital) -> Self {
        let config = hospital.config();
        let tls = &config.federation.tls;
        let identity = Identity::from_pkcs8_pem(
            &fs::read(&tls.certificate).unwrap(),
            &fs::read(&tls.key).unwrap(),
        );
        Self {
            id: hospital.id().clone(),
            keys: Keys::load(&config.state_dir.join("keys")).unwrap(),
            client: trusting().identity(identity.unwrap()).build().unwrap(),
        }
    }

    /// A batch of searches, as a right requester would draft it.
    #[must_use]
    pub fn batch(
        &self,
        to: &Hospital,
        token: &str,
        questions: &[&str],
        now: Timestamp,
    ) -> RequestDraft {
        let entries: Vec<Value> = questions
            .iter()
            .map(|url| json!({ "request": { "method": "GET", "url": url } }))
            .collect();
        let bundle = json!({ "resourceType": "Bundle", "type": "batch", "entry": entries });
        RequestDraft {
            path: "/federation/v1/fhir".to_owned(),
            content_type: "application/fhir+json".to_owned(),
            consent: Some(token.to_owned()),
            body: bundle.to_string().into_bytes(),
            ..self.echo(to, now)
        }
    }

    /// A redemption of a code at `home`, as `dr-1`, for treatment.
    #[must_use]
    pub fn redemption(
        &self,
        home: &Hospital,
        code: &str,
        categories: &str,
        now: Timestamp,
    ) -> RequestDraft {
        let words = categories.split_whitespace();
        let request = GrantRequest {
            code: Some(PlainCode::read(code)),
            pending: None,
            grant_id: None,
            purpose: Purpose::Treat,
            categories: words.map(|word| word.parse().unwrap()).collect(),
            practitioner: Some(Practitioner {
                id: "dr-1".to_owned(),
                role: "physician".to_owned(),
            }),
            name: None,
            witness: None,
        };
        RequestDraft {
            path: "/federation/v1/grants".to_owned(),
            body: serde_json::to_vec(&request).unwrap(),
            ..self.echo(home, now)
        }
    }

    /// Drafts, signs and sends a redemption.
    pub async fn redeem(
        &self,
        home: &Hospital,
        code: &str,
        categories: &str,
        now: Timestamp,
    ) -> GrantReply {
        let draft = self.redemption(home, code, categories, now);
        let reply = self.send(home, &self.sign(draft, now)).await;
        assert_eq!(reply.status, 200, "{}", reply.code());
        serde_json::from_slice(&reply.body).unwrap()
    }

    /// A search as a right requester would draft it, by physician `dr-1`, for treatment.
    #[must_use]
    pub fn search(
        &self,
        to: &Hospital,
        token: &str,
        question: &str,
        now: Timestamp,
    ) -> RequestDraft {
        let (kind, form) = question.split_once('?').unwrap_or((question, ""));
        RequestDraft {
            path: format!("/federation/v1/fhir/{kind}/_search"),
            content_type: "application/x-www-form-urlencoded".to_owned(),
            consent: Some(token.to_owned()),
            body: form.as_bytes().to_vec(),
            ..self.echo(to, now)
        }
    }

    /// An echo as a right requester would draft it.
    #[must_use]
    pub fn echo(&self, to: &Hospital, now: Timestamp) -> RequestDraft {
        let trace = random::<24>();
        let (trace, span) = trace.split_at(16);
        RequestDraft {
            path: "/federation/v1/echo".to_owned(),
            content_type: "application/json".to_owned(),
            from: self.id.clone(),
            to: to.id().clone(),
            exchange: ExchangeId::new(now, random()),
            purpose: Purpose::Treat,
            actor: Actor {
                id: Some("dr-1".to_owned()),
                role: "physician".to_owned(),
                dept: None,
                acr: None,
                at: None,
            },
            consent: None,
            timeout_ms: 8_000,
            traceparent: format!("00-{}-{}-01", hex(trace), hex(span)),
            body: b"{}".to_vec(),
        }
    }

    /// Signs with this hospital's `sign` key.
    #[must_use]
    pub fn sign(&self, draft: RequestDraft, now: Timestamp) -> Parcel {
        Self::sign_with(&*self.keys.signer(KeyUse::Sign).unwrap(), draft, now)
    }

    /// Signs with any key.
    #[must_use]
    pub fn sign_with(key: &dyn Sign, draft: RequestDraft, now: Timestamp) -> Parcel {
        let signed = draft.sign(key, now, random()).unwrap();
        let headers = signed.headers.into_iter();
        Parcel {
            method: Method::POST,
            path: signed.path,
            headers: headers
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            body: signed.body,
            binding: signed.binding,
            base: signed.signature_base,
        }
    }

    /// Sends a parcel as it is, with this hospital's certificate.
    pub async fn send(&self, to: &Hospital, parcel: &Parcel) -> Reply {
        send(&self.client, to, parcel).await
    }

    /// The same to somebody who may be dead.
    ///
    /// # Errors
    /// No whole answer came.
    pub async fn try_to_send(
        &self,
        to: &Hospital,
        parcel: &Parcel,
    ) -> Result<Reply, reqwest::Error> {
        try_to_send(&self.client, to, parcel).await
    }

    /// Drafts, signs and sends a search.
    pub async fn ask(&self, to: &Hospital, token: &str, question: &str, now: Timestamp) -> Reply {
        let parcel = self.sign(self.search(to, token, question, now), now);
        self.send(to, &parcel).await
    }
}

impl Parcel {
    /// Writes `new` for `old` in what is signed and in `signature-input`, and signs that: a
    /// signature that fits, over what is not allowed.
    #[must_use]
    pub fn signed_again(mut self, key: &dyn Sign, old: &str, new: &str) -> Self {
        assert!(self.base.contains(old), "{old} in {}", self.base);
        self.base = self.base.replace(old, new);
        self.binding.signature = key.sign(self.base.as_bytes());
        let signature = format!("fed=:{}:", STANDARD.encode(self.binding.signature));
        let input = self.header("signature-input").replace(old, new);
        self.with_header("signature-input", &input)
            .with_header("signature", &signature)
    }

    /// One header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(one, _)| one == name);
        &found.unwrap().1
    }

    /// Changes one header's value.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        for (one, old) in &mut self.headers {
            if one == name {
                value.clone_into(old);
            }
        }
        self
    }

    /// Leaves one header out.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(one, _)| one != name);
        self
    }

    /// Adds a header, also a second one of a name.
    #[must_use]
    pub fn and_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// Somebody without a certificate.
#[must_use]
pub fn nobody() -> Client {
    trusting().build().unwrap()
}

/// Somebody with a certificate of their own making, which no directory names.
#[must_use]
pub fn stranger(now: Timestamp) -> Client {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("crt"), folder.path().join("key"));
    TlsIdentity::generate("127.0.0.1", now, now.plus_seconds(86_400))
        .unwrap()
        .write_pem(&certificate, &key)
        .unwrap();
    let identity =
        Identity::from_pkcs8_pem(&fs::read(certificate).unwrap(), &fs::read(key).unwrap());
    trusting().identity(identity.unwrap()).build().unwrap()
}

/// What a test sends goes to the node it means: whom it reaches is not what it tests.
fn trusting() -> ClientBuilder {
    Client::builder()
        .no_proxy()
        .tls_danger_accept_invalid_certs(true)
        .tls_danger_accept_invalid_hostnames(true)
}

/// Sends a parcel through any client.
pub async fn send(client: &Client, to: &Hospital, parcel: &Parcel) -> Reply {
    try_to_send(client, to, parcel).await.unwrap()
}

/// The same where no answer is an answer too.
pub async fn try_to_send(
    client: &Client,
    to: &Hospital,
    parcel: &Parcel,
) -> Result<Reply, reqwest::Error> {
    let url = format!("{}{}", to.peer_url(), parcel.path);
    let mut request = client.request(parcel.method.clone(), url);
    for (name, value) in &parcel.headers {
        request = request.header(name, value);
    }
    let response = request.body(parcel.body.clone()).send().await?;
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| {
            (
                name.to_string(),
                value.to_str().unwrap_or_default().to_owned(),
            )
        })
        .collect();
    let body = response.bytes().await?.to_vec();
    Ok(Reply {
        status,
        headers,
        body,
    })
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
