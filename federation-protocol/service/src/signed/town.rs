//! For tests: three members, their directory, and Yukimi's door on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use federation_protocol::directory::{
    Directory, DirectoryDocument, DirectoryPosition, DocumentKind, Endpoints, Entry, KeyQuorum,
    KeyStatement, ListedMember, Membership, NamedKey, Names, OnlineKey, Policy, Profile,
    ProtocolRange, Reading, RegistryTls, Root, RootDocument, Status, StatusDocument,
};
use federation_protocol::keys::{KeyUse, SecretKey};
use federation_protocol::member::{MemberId, MemberState};
use federation_protocol::purpose::Purpose;
use federation_protocol::signature::{Actor, ExchangeId, RequestDraft, SignedRequest};
use federation_protocol::time::Timestamp;

use super::{Answering, Door, DoorSettings, Media, Memberships, Paths, RateLimit};
use crate::clock::{Clock as _, ManualClock};
use crate::loopback::{Listener, RawClient, RawResponse, identity};
use crate::tls::{TlsIdentity, federation_acceptor};

pub(super) const ECHO: &str = "/federation/v1/echo";
pub(super) const SEARCH: &str = "/federation/v1/fhir/Observation/_search";
const REGISTRY: &str = "urn:musubi:registry:test";

/// One member: its id, its `sign` key, its TLS identity.
pub(super) struct Hospital {
    pub(super) id: MemberId,
    pub(super) key: SecretKey,
    pub(super) tls: TlsIdentity,
}

impl Hospital {
    fn new(label: &str, seed: u8) -> Self {
        Self {
            id: format!("urn:musubi:member:x-{label}").parse().unwrap(),
            key: SecretKey::from_seed([seed; 32]),
            tls: identity(),
        }
    }

    fn profile(&self, now: Timestamp) -> Profile {
        Profile {
            id: self.id.clone(),
            names: Names {
                ja: "港病院".into(),
                kana: "ミナト".into(),
                en: "Minato".into(),
            },
            region: "01".into(),
            phone: None,
            operator: self.id.to_string(),
            endpoints: Endpoints {
                federation: "https://127.0.0.1:1".into(),
            },
            keys: vec![KeyStatement::of(
                KeyUse::Sign,
                &self.key.public(),
                now.plus_seconds(-3600),
                now.plus_seconds(86_400),
            )],
            certificates: vec![self.tls.certificate().unwrap()],
            protocol: ProtocolRange { min: 1, max: 1 },
            capabilities: Vec::new(),
        }
    }
}

/// Who belongs; Yukimi answers; Shirakaba is suspended.
pub(super) struct Town {
    pub(super) clock: Arc<ManualClock>,
    pub(super) minato: Hospital,
    pub(super) shirakaba: Hospital,
    pub(super) membership: Arc<Membership>,
    pub(super) listener: Listener,
    pub(super) yukimi: Arc<Hospital>,
}

struct Fixed(Arc<Membership>);

impl Memberships for Fixed {
    fn current(&self) -> Option<Arc<Membership>> {
        Some(Arc::clone(&self.0))
    }
}

struct Stage {
    door: Door,
    clock: Arc<ManualClock>,
    membership: Arc<Membership>,
    own: Arc<Hospital>,
}

/// Answers with the body it was asked with.
async fn answer(stage: Data<Stage>, http: HttpRequest, payload: Payload) -> HttpResponse {
    let opened = stage.door.open(&http, payload).await;
    let answering = Answering {
        key: &stage.own.key,
        directory: stage.membership.position(),
        now: stage.clock.now(),
    };
    match opened {
        Ok(request) => {
            let body = request.body.clone();
            answering
                .reply(&request.binding, 200, "application/json", body)
                .unwrap()
        }
        Err(refused) => answering.refuse(&refused, http.head().uri.path()),
    }
}

impl Town {
    pub(super) fn start() -> Self {
        Self::with(None, Duration::from_secs(10))
    }

    pub(super) fn with(rate: Option<RateLimit>, body_timeout: Duration) -> Self {
        let now = Timestamp::from_unix_seconds(1_790_000_000);
        let clock = ManualClock::at(now);
        let [minato, shirakaba] =
            [("minato", 1), ("shirakaba", 3)].map(|(label, seed)| Hospital::new(label, seed));
        let yukimi = Arc::new(Hospital::new("yukimi", 2));
        let membership = Arc::new(membership(
            &[&minato, &yukimi, &shirakaba],
            &shirakaba.id,
            now,
        ));
        let (own, shown, time) = (
            Arc::clone(&yukimi),
            Arc::clone(&membership),
            Arc::clone(&clock),
        );
        let door = move || {
            let served = own.id.clone();
            Data::new(Stage {
                door: Door::new(DoorSettings {
                    clock: time.clone(),
                    memberships: Arc::new(Fixed(Arc::clone(&shown))),
                    served: Arc::new(move |member| *member == served),
                    paths: Paths::new()
                        .with(ECHO, Media::Json)
                        .with("/federation/v1/fhir/{}/_search", Media::Form),
                    rate,
                    body_timeout,
                }),
                clock: Arc::clone(&time),
                membership: Arc::clone(&shown),
                own: Arc::clone(&own),
            })
        };
        let stage = door();
        let routes = move |routes: &mut ServiceConfig| {
            routes
                .app_data(stage.clone())
                .default_service(web::to(answer));
        };
        let listener = Listener::start(federation_acceptor(&yukimi.tls).unwrap(), routes);
        Self {
            clock,
            minato,
            shirakaba,
            membership,
            listener,
            yukimi,
        }
    }

    /// Minato asks Yukimi to echo `body`.
    pub(super) fn echo(&self, body: &[u8]) -> SignedRequest {
        self.signed(&self.minato, ECHO, |draft| draft.body = body.to_vec())
    }

    /// Some member's request, signed with its key.
    pub(super) fn signed(
        &self,
        hospital: &Hospital,
        path: &str,
        change: impl FnOnce(&mut RequestDraft),
    ) -> SignedRequest {
        let mut draft = RequestDraft {
            path: path.to_owned(),
            content_type: "application/json".to_owned(),
            from: hospital.id.clone(),
            to: self.yukimi.id.clone(),
            exchange: ExchangeId::new(self.clock.now(), [7; 10]),
            purpose: Purpose::Treat,
            actor: Actor::system(),
            consent: None,
            timeout_ms: 8000,
            traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
            body: b"{}".to_vec(),
        };
        change(&mut draft);
        draft
            .sign(&hospital.key, self.clock.now(), [9; 16])
            .unwrap()
    }

    /// Sends bytes over Minato's connection.
    pub(super) fn post(&self, letter: &Letter) -> RawResponse {
        RawClient::connect(self.listener.address, Some(&self.minato.tls))
            .write(&letter.to_bytes())
            .read()
    }
}

fn membership(hospitals: &[&Hospital], suspended: &MemberId, now: Timestamp) -> Membership {
    let key = SecretKey::from_seed([42; 32]);
    let quorum = || KeyQuorum {
        threshold: 1,
        keys: vec![NamedKey::of(&key.public())],
    };
    let root = RootDocument {
        ver: 1,
        iss: REGISTRY.to_owned(),
        seq: 1,
        prev: None,
        iat: now,
        exp: now.plus_seconds(86_400),
        registry: RegistryTls {
            certificates: vec![identity().certificate().unwrap()],
        },
        root: quorum(),
        online: vec![OnlineKey {
            kid: key.public().kid(),
            x: key.public(),
            may: vec![DocumentKind::Directory, DocumentKind::Status],
        }],
        approvers: quorum(),
    }
    .sign(&[&key]);
    let root = Root::pinned(root.jws.as_bytes(), &root.hash, Reading::Fresh, now).unwrap();
    let listed = hospitals.iter().map(|hospital| ListedMember {
        state: MemberState::Active,
        since: now,
        entry: Entry::new(REGISTRY, 1, hospital.profile(now), now).sign(&[&key]),
        key_changes: Vec::new(),
        pending: None,
    });
    let directory = DirectoryDocument {
        ver: 1,
        iss: REGISTRY.to_owned(),
        seq: 7,
        prev: None,
        iat: now,
        exp: now.plus_seconds(86_400),
        members: listed.collect(),
        archive: Vec::new(),
        policy: Policy { poll_seconds: 20 },
    }
    .sign(&key);
    let status = StatusDocument {
        ver: 1,
        iss: REGISTRY.to_owned(),
        seq: 70,
        iat: now,
        exp: now.plus_seconds(600),
        directory: DirectoryPosition {
            seq: 7,
            hash: directory.hash,
        },
        suspended: vec![suspended.clone()],
        revoked: Vec::new(),
        maintenance: Vec::new(),
    }
    .sign(&key);
    let directory = Directory::accept(&directory.jws, &root, None, Reading::Fresh, now).unwrap();
    let status = Status::accept(&status.jws, &root, None, Reading::Fresh, now).unwrap();
    Membership::new(root, directory, status).unwrap()
}

/// A request as bytes, to be made wrong.
pub(super) struct Letter {
    pub(super) line: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    pub(super) chunk: Option<usize>,
}

impl Letter {
    pub(super) fn of(request: &SignedRequest) -> Self {
        let headers = request
            .headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        Self {
            line: format!("POST {} HTTP/1.1", request.path),
            headers: headers.collect(),
            body: request.body.clone(),
            chunk: None,
        }
    }

    /// Adds a header line, also one of a name that is there.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(header, _)| header != name);
        self
    }

    pub(super) fn set(self, name: &str, value: &str) -> Self {
        self.without(name).with(name, value)
    }

    pub(super) fn line(mut self, line: &str) -> Self {
        line.clone_into(&mut self.line);
        self
    }

    /// Sends the body in chunks of `bytes` instead of announcing its length.
    pub(super) fn chunked(mut self, bytes: usize) -> Self {
        self.chunk = Some(bytes);
        self
    }

    pub(super) fn head(&self) -> Vec<u8> {
        let mut text = format!("{}\r\nhost: 127.0.0.1\r\n", self.line);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        match self.chunk {
            Some(_) => text.push_str("transfer-encoding: chunked\r\n\r\n"),
            None => text.push_str(&format!("content-length: {}\r\n\r\n", self.body.len())),
        }
        text.into_bytes()
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.head();
        match self.chunk {
            Some(size) => {
                for chunk in self.body.chunks(size) {
                    bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                    bytes.extend_from_slice(chunk);
                    bytes.extend_from_slice(b"\r\n");
                }
                bytes.extend_from_slice(b"0\r\n\r\n");
            }
            None => bytes.extend_from_slice(&self.body),
        }
        bytes
    }
}
