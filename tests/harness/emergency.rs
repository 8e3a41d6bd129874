//! Emergencies in a town: authenticators, questions without consent, and what is told of them.

use federation_protocol::purpose::Purpose;
use federation_protocol::signature::{Actor, EMERGENCY_PATH, RequestDraft};
use federation_protocol::time::Timestamp;
use musubi_node::identity::Role;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use serde_json::{Value, json};

use crate::envoy::{Envoy, Reply};
use crate::hospital::{Hospital, Patient};
use crate::town::Town;

/// A reason that is one.
pub const REASON: &str = "搬送時に意識がなく家族にも連絡がつかない";

/// A practitioner's authenticator app.
pub struct Authenticator {
    secret: Vec<u8>,
}

impl Authenticator {
    /// Enrols a second factor for a physician here, and scans what is shown once.
    pub async fn enrolled(hospital: &Hospital, practitioner: &str) -> Self {
        let emergency = &hospital.rooms().emergency;
        Self::of(&emergency.enrol(practitioner, "病院").await.unwrap())
    }

    /// Scans an `otpauth://` URI.
    #[must_use]
    pub fn of(uri: &str) -> Self {
        let (_, rest) = uri.split_once("secret=").unwrap();
        let text = rest.split('&').next().unwrap();
        let (mut secret, mut held, mut bits) = (Vec::new(), 0_u64, 0);
        for sign in text.bytes() {
            let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
            let place = alphabet.iter().position(|one| *one == sign).unwrap();
            held = ((held << 5) | place as u64) & 0xffff;
            bits += 5;
            if bits >= 8 {
                bits -= 8;
                secret.push((held >> bits) as u8);
            }
        }
        Self { secret }
    }

    /// What it shows at a moment.
    #[must_use]
    pub fn code(&self, at: Timestamp) -> String {
        let key = PKey::hmac(&self.secret).unwrap();
        let mut mac = Signer::new(MessageDigest::sha1(), &key).unwrap();
        let step = at.unix_seconds() / 30;
        mac.update(&step.to_be_bytes()).unwrap();
        let hash = mac.sign_to_vec().unwrap();
        let at = (hash[19] & 15) as usize;
        let four: [u8; 4] = hash[at..at + 4].try_into().unwrap();
        let number = (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000;
        format!("{number:06}")
    }
}

/// Somebody by kana name, birth date and sex, as `charts::patient` makes them.
#[must_use]
pub fn described(kana: &str) -> Value {
    json!({ "kana": kana, "birthDate": "1958-03-14", "gender": "female" })
}

/// The body of a question about `patient`.
#[must_use]
pub fn question(patient: &Value) -> Value {
    let kinds = [
        "AllergyIntolerance",
        "Condition",
        "MedicationRequest",
        "Observation",
    ];
    let queries: Vec<String> = kinds
        .iter()
        .map(|kind| format!("{kind}?_count=100"))
        .collect();
    json!({
        "patient": patient,
        "reason": { "code": "unconscious", "text": REASON },
        "queries": queries,
    })
}

impl Envoy {
    /// An emergency question as a right requester would draft it, by `dr-1`.
    #[must_use]
    pub fn emergency(&self, to: &Hospital, body: &Value, now: Timestamp) -> RequestDraft {
        RequestDraft {
            path: EMERGENCY_PATH.to_owned(),
            purpose: Purpose::Btg,
            actor: Actor {
                id: Some("dr-1".to_owned()),
                role: "physician".to_owned(),
                dept: None,
                acr: Some("totp".to_owned()),
                at: Some(now),
            },
            body: body.to_string().into_bytes(),
            ..self.echo(to, now)
        }
    }

    /// Drafts, signs and sends an emergency question about somebody by their kana name.
    pub async fn asks_urgently(&self, to: &Hospital, kana: &str, now: Timestamp) -> Reply {
        let draft = self.emergency(to, &question(&described(kana)), now);
        self.send(to, &self.sign(draft, now)).await
    }
}

impl Hospital {
    /// `POST /api/v1/emergency` as a physician.
    pub async fn ask_urgently(&self, practitioner: &str, body: &Value) -> (u16, Value) {
        let token = self.token(Role::Physician, practitioner).await;
        self.post("/api/v1/emergency", &token, body).await
    }

    /// The same as a stream: all of it, as it came.
    pub async fn watch_urgently(&self, practitioner: &str, body: &Value) -> String {
        let token = self.token(Role::Physician, practitioner).await;
        let reply = reqwest::Client::new()
            .post(format!("{}/api/v1/emergency", self.staff_url()))
            .bearer_auth(token)
            .header("accept", "text/event-stream")
            .json(body)
            .send()
            .await
            .unwrap();
        reply.text().await.unwrap()
    }

    /// The open reviews, as an officer reads them.
    pub async fn reviews(&self, officer: &str) -> Vec<Value> {
        let token = self.token(Role::Auditor, officer).await;
        let (status, found) = self.get("/api/v1/emergency/reviews", &token).await;
        assert_eq!(status, 200, "{found}");
        found["reviews"].as_array().unwrap().clone()
    }

    /// Closes a review as an officer; status and reply.
    pub async fn close_review(&self, officer: &str, id: &str) -> (u16, Value) {
        let token = self.token(Role::Auditor, officer).await;
        let path = format!("/api/v1/emergency/reviews/{id}/close");
        self.post(&path, &token, &json!({ "note": "救急記録と照合、正当" }))
            .await
    }
}

impl Town {
    /// What a person reads of emergency accesses, at the patient listener of their home.
    pub async fn notices(&self, patient: &Patient) -> Vec<Value> {
        let home = self.at(&patient.home);
        let rooms = home.rooms();
        let id: musubi_node::identity::PersonId = patient.person.parse().unwrap();
        let chart = rooms.linkage.person(&id).await.unwrap().patient;
        let until = self.now().plus_seconds(3_600);
        let made = rooms.identity.create_for_person(id, chart, until).await;
        let reply = reqwest::Client::new()
            .get(format!(
                "http://{}/api/v1/notices",
                home.config().patient.bind
            ))
            .bearer_auth(made.unwrap().1.reveal())
            .send()
            .await
            .unwrap();
        assert_eq!(reply.status().as_u16(), 200);
        let found: Value = reply.json().await.unwrap();
        found["notices"].as_array().unwrap().clone()
    }
}
