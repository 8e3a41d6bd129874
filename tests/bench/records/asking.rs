//! One row: so many questions open at once for some seconds, and how long each took.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use musubi_node::access::Act;
use musubi_node::records::{EverythingQuery, SearchQuery};
use serde_json::{Value, json};

use crate::house::{House, Used};
use crate::question::{HITS, Kind, Questions};

const WARMING: Duration = Duration::from_secs(1);
/// Questions are gone through in steps of this prime: neighbours lie on other pages.
const STRIDE: usize = 7_919;

/// Who asks, and what.
pub(crate) struct Lanes {
    house: Arc<House>,
    questions: Arc<Questions>,
    kind: Kind,
    lanes: usize,
    next: AtomicUsize,
    counting: AtomicBool,
    ended: AtomicBool,
}

/// What came of one row.
pub(crate) struct Row {
    pub(crate) kind: Kind,
    pub(crate) lanes: usize,
    pub(crate) elapsed: Duration,
    pub(crate) used: Used,
    /// Sorted.
    pub(crate) took: Vec<Duration>,
    /// The transactions among them; sorted.
    pub(crate) writing: Vec<Duration>,
}

impl Lanes {
    pub(crate) fn new(
        house: &Arc<House>,
        questions: &Arc<Questions>,
        kind: Kind,
        lanes: usize,
    ) -> Arc<Self> {
        Arc::new(Self {
            house: Arc::clone(house),
            questions: Arc::clone(questions),
            kind,
            lanes,
            next: AtomicUsize::new(0),
            counting: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        })
    }

    /// Asks for `time`, after warming up.
    pub(crate) async fn run(self: Arc<Self>, time: Duration) -> Row {
        let lane = |_| {
            let lanes = Arc::clone(&self);
            tokio::spawn(async move { lanes.lane().await })
        };
        let running: Vec<_> = (0..self.lanes).map(lane).collect();
        let (elapsed, used) = self.watch(time).await;
        let mut took = Vec::new();
        for lane in running {
            took.extend(lane.await.unwrap());
        }
        took.sort_unstable_by_key(|(_, took)| *took);
        let writes =
            |(kind, took): &(Kind, Duration)| (*kind == Kind::Transaction).then_some(*took);
        Row {
            kind: self.kind,
            lanes: self.lanes,
            elapsed,
            used,
            writing: took.iter().filter_map(writes).collect(),
            took: took.into_iter().map(|(_, took)| took).collect(),
        }
    }

    async fn watch(&self, time: Duration) -> (Duration, Used) {
        tokio::time::sleep(WARMING).await;
        let (before, start) = (self.house.used(), Instant::now());
        self.counting.store(true, Ordering::Relaxed);
        tokio::time::sleep(time).await;
        self.ended.store(true, Ordering::Relaxed);
        (start.elapsed(), self.house.used() - before)
    }

    /// Asks until told to end; how long each counted question took.
    async fn lane(&self) -> Vec<(Kind, Duration)> {
        let mut took = Vec::new();
        while !self.ended.load(Ordering::Relaxed) {
            let turn = self.next.fetch_add(1, Ordering::Relaxed);
            let kind = self.kind.in_turn(turn);
            let counted = self.counting.load(Ordering::Relaxed);
            let start = Instant::now();
            self.ask(kind, turn).await;
            if counted {
                took.push((kind, start.elapsed()));
            }
        }
        took
    }

    /// Asks once, and sees that there is something in the answer.
    async fn ask(&self, kind: Kind, turn: usize) {
        let asked = &self.questions;
        match kind {
            Kind::Read => self.read(turn).await,
            Kind::Audited => self.read_audited(turn).await,
            Kind::Codes => assert_eq!(self.search(pick(&asked.codes, turn)).await, HITS),
            Kind::Chain => assert_eq!(self.search(pick(&asked.chains, turn)).await, HITS),
            Kind::Name => assert_ne!(self.search(pick(&asked.names, turn)).await, 0),
            Kind::Everything => self.everything(turn).await,
            Kind::Transaction => self.write(turn).await,
            Kind::Mix => unreachable!("each turn of the mix is one of the others"),
        }
    }

    async fn read(&self, turn: usize) {
        let address = pick(&self.questions.addresses, turn);
        let entry = self.house.records.read(&self.house.permit, address).await;
        assert_eq!(entry.unwrap().address, *address);
    }

    async fn read_audited(&self, turn: usize) {
        let address = pick(&self.questions.addresses, turn);
        let house = &self.house;
        let act = Act::Read {
            kind: address.kind.name(),
            id: address.id.as_str(),
            patient: house.records.chart_of(address).await.unwrap(),
        };
        let permit = house.access.permit(&house.system, act).await.unwrap();
        house.records.read(&permit, address).await.unwrap();
    }

    async fn search(&self, query: &SearchQuery) -> usize {
        let (records, permit) = (&self.house.records, &self.house.permit);
        let page = records.search(permit, query.clone()).await.unwrap();
        page.entries.len()
    }

    async fn everything(&self, turn: usize) {
        let patient = pick(&self.questions.patients, turn).clone();
        let count = HITS.to_string();
        let query = EverythingQuery::parse(patient, &[("_count", &count)]).unwrap();
        let (records, permit) = (&self.house.records, &self.house.permit);
        let page = records.everything(permit, &query).await.unwrap();
        assert!(!page.entries.is_empty());
    }

    async fn write(&self, turn: usize) {
        let patient = pick(&self.questions.patients, turn).to_string();
        let body = visit(&patient, turn).to_string();
        let (records, permit) = (&self.house.records, &self.house.permit);
        let done = records.transaction(permit, body.as_bytes()).await.unwrap();
        assert_eq!(done.entries.len(), 3);
    }
}

fn pick<T>(all: &[T], turn: usize) -> &T {
    &all[turn.wrapping_mul(STRIDE) % all.len()]
}

/// A visit with two measurements, as a ward's system posts it.
fn visit(patient: &str, turn: usize) -> Value {
    let minute = format!(
        "2026-11-25T{:02}:{:02}:00+09:00",
        8 + turn / 60 % 10,
        turn % 60
    );
    let (visit, subject) = (
        "urn:uuid:5f3b0c52-8a0e-4d0a-9f43-0d0a6f1f7c11",
        json!({ "reference": patient }),
    );
    let measured = |code: &str, unit: &str, value: usize| {
        entry(json!({
            "resourceType": "Observation",
            "status": "final",
            "category": [{ "coding": [{
                "system": "http://jpfhir.jp/fhir/core/CodeSystem/JP_SimpleObservationCategory_CS",
                "code": "vital-signs",
            }] }],
            "code": { "coding": [{ "system": "http://loinc.org", "code": code }] },
            "subject": subject,
            "encounter": { "reference": visit },
            "effectiveDateTime": minute,
            "valueQuantity": { "value": value, "unit": unit,
                "system": "http://unitsofmeasure.org", "code": unit },
        }))
    };
    let mut encounter = entry(json!({
        "resourceType": "Encounter",
        "status": "finished",
        "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB" },
        "subject": subject,
        "period": { "start": minute },
    }));
    encounter["fullUrl"] = visit.into();
    json!({
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            encounter,
            measured("8867-4", "/min", 60 + turn % 40),
            measured("9279-1", "/min", 12 + turn % 8),
        ],
    })
}

fn entry(resource: Value) -> Value {
    let url = resource["resourceType"].clone();
    json!({ "resource": resource, "request": { "method": "POST", "url": url } })
}
