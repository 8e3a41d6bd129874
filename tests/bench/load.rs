//! The load: so many questions open at once, each lane on a kept connection of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use federation_protocol::directory::Certificate;
use federation_protocol::keys::KeyUse;
use federation_protocol::signature::{ExchangeId, RequestDraft, SignedRequest, verify_answer};
use federation_service::clock::{Clock as _, SystemClock};
use federation_service::outbound::OutboundRules;
use federation_service::peer_client::PeerClient;
use federation_service::tls::TlsIdentity;
use musubi_node::keys::Keys;
use scenarios::envoy::resources;

use crate::floors::postmaster;
use crate::measure::Cpu;
use crate::process::Process;
use crate::scene::{ANSWERING, Scene};

const WARMING: Duration = Duration::from_secs(1);
const DEADLINE: Duration = Duration::from_secs(20);
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// What an answer must look like to be counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expected {
    /// A signed searchset.
    Answer,
    /// So many bytes.
    Bytes(usize),
}

/// What came of one row.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) lanes: usize,
    pub(crate) per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    /// CPU of the measured process, for each answer.
    pub(crate) micros: f64,
    /// CPU of the PostgreSQL server beside it, for each answer.
    pub(crate) backend_micros: Option<f64>,
}

/// Who asks, and what.
pub(crate) struct Load {
    asking: Arc<Asking>,
    postmaster: Option<u32>,
    identity: TlsIdentity,
    certificates: Vec<Certificate>,
    rules: OutboundRules,
}

struct Asking {
    keys: Keys,
    questions: Vec<RequestDraft>,
    next: AtomicUsize,
    counting: AtomicBool,
    ended: AtomicBool,
    answered: AtomicU64,
}

impl Asking {
    /// The next question, freshly signed.
    fn sign(&self) -> SignedRequest {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let now = SystemClock.now();
        let mut draft = self.questions[turn % self.questions.len()].clone();
        draft.exchange = ExchangeId::new(now, random());
        let key = &*self.keys.signer(KeyUse::Sign).unwrap();
        draft.sign(key, now, random()).unwrap()
    }

    /// One lane: asks until told to end; how long each counted answer took.
    async fn lane(&self, client: PeerClient, expected: Expected) -> Vec<Duration> {
        let mut took = Vec::new();
        while !self.ended.load(Ordering::Relaxed) {
            let signed = self.sign();
            let counted = self.counting.load(Ordering::Relaxed);
            let start = Instant::now();
            let reply = client.ask(&signed, DEADLINE).await.unwrap();
            let elapsed = start.elapsed();
            let body = String::from_utf8_lossy(&reply.body[..reply.body.len().min(400)]);
            assert_eq!(reply.status, 200, "{body}");
            match expected {
                Expected::Answer => assert!(reply.headers.contains_key("signature")),
                Expected::Bytes(bytes) => assert_eq!(reply.body.len(), bytes),
            }
            if counted {
                took.push(elapsed);
            }
            self.answered.fetch_add(1, Ordering::Relaxed);
        }
        took
    }
}

impl Load {
    pub(crate) fn new(scene: &Scene) -> Self {
        let asking = scene.town.at("shirakaba").config();
        let tls = &asking.federation.tls;
        let identity = TlsIdentity::from_pem_files(&tls.certificate, &tls.key).unwrap();
        let membership = scene.town.at("shirakaba").node().federation().directory();
        let membership = membership.membership().unwrap();
        let answering = membership.member(scene.town.at(ANSWERING).id()).unwrap();
        Self {
            asking: Arc::new(Asking {
                keys: Keys::load(&asking.state_dir.join("keys")).unwrap(),
                questions: scene.questions.clone(),
                next: AtomicUsize::new(0),
                counting: AtomicBool::new(false),
                ended: AtomicBool::new(false),
                answered: AtomicU64::new(0),
            }),
            postmaster: postmaster(scene),
            identity,
            certificates: answering.certificates.clone(),
            rules: OutboundRules::new(asking.federation.allow_cidrs.iter().copied()),
        }
    }

    fn client(&self, endpoint: &str) -> PeerClient {
        let (certificates, identity) = (&self.certificates, &self.identity);
        PeerClient::new(endpoint, certificates, identity, &self.rules, MOST_BYTES).unwrap()
    }

    /// Asks once, verifies the answer as an asking node does, and gives its size in bytes.
    pub(crate) async fn one_verified(&self, scene: &Scene, wanted: usize) -> usize {
        let hospital = scene.town.at(ANSWERING);
        let client = self.client(&format!("https://{}", hospital.config().federation.bind));
        let signed = self.asking.sign();
        let reply = client.ask(&signed, DEADLINE).await.unwrap();
        let directory = scene.town.at("shirakaba").node().federation().directory();
        let membership = directory.membership().unwrap();
        reply
            .as_answer(|raw| verify_answer(raw, &signed.binding, &membership, SystemClock.now()))
            .unwrap();
        let body = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(resources(&body).len(), wanted, "{body}");
        reply.body.len()
    }

    /// Asks `process` for `time`, with `lanes` questions open at once.
    pub(crate) async fn run(
        &self,
        process: &Process,
        lanes: usize,
        time: Duration,
        expected: Expected,
    ) -> Measured {
        self.asking.counting.store(false, Ordering::Relaxed);
        self.asking.ended.store(false, Ordering::Relaxed);
        let mut running = Vec::new();
        for _ in 0..lanes {
            let (asking, client) = (Arc::clone(&self.asking), self.client(&process.endpoint));
            running.push(tokio::spawn(
                async move { asking.lane(client, expected).await },
            ));
        }
        tokio::time::sleep(WARMING).await;
        self.asking.counting.store(true, Ordering::Relaxed);
        let before = self.used(process);
        let start = Instant::now();
        tokio::time::sleep(time).await;
        let after = self.used(process);
        let elapsed = start.elapsed();
        self.asking.ended.store(true, Ordering::Relaxed);
        let mut took = Vec::new();
        for lane in running {
            took.extend(lane.await.unwrap());
        }
        took.sort_unstable();
        let answered = (after.answered - before.answered).max(1) as f64;
        let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
        Measured {
            lanes,
            per_second: answered / elapsed.as_secs_f64(),
            p50: at(0.50),
            p99: at(0.99),
            micros: (after.cpu - before.cpu).micros / answered,
            backend_micros: self
                .postmaster
                .filter(|_| matches!(expected, Expected::Answer))
                .map(|_| (after.backends - before.backends).micros / answered),
        }
    }

    fn used(&self, process: &Process) -> Used {
        Used {
            answered: self.asking.answered.load(Ordering::Relaxed),
            cpu: process.cpu(),
            backends: self.postmaster.map(Cpu::of_backends).unwrap_or_default(),
        }
    }
}

struct Used {
    answered: u64,
    cpu: Cpu,
    backends: Cpu,
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}
