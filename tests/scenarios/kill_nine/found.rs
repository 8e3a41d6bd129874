//! Looking for everything that a killed node had acknowledged.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use musubi_node::app::Rooms;
use musubi_node::audit::Filter;
use musubi_node::consent::Subject;
use scenarios::envoy::Parcel;
use scenarios::{Hospital, Patient, Town};
use serde_json::Value;

use super::Work;
use crate::text::raw_resources;

/// Of each life, so many acknowledged questions are sent once more.
const REPLAYED: usize = 12;

/// What was acknowledged in all lives, and found after each.
#[derive(Default)]
pub(super) struct Seen {
    created: Vec<(String, String)>,
    exchanges: HashSet<String>,
    directives: BTreeMap<String, &'static str>,
    updates: usize,
    redeemed: Vec<String>,
    replayed: usize,
    /// Every line of the audit by its number: kind and exchange.
    lines: BTreeMap<i64, (String, Option<String>)>,
}

impl Seen {
    /// After a restart: everything that was acknowledged in the life before is there, and
    /// everything that was there before still is. After the `last` one the whole audit is read
    /// again.
    pub(super) async fn nothing_is_lost(&mut self, town: &Town, work: &Work, last: bool) {
        let minato = town.at("minato");
        let acknowledged = work.acknowledged.take();
        replays_are_refused(work, minato, &acknowledged.answered).await;
        self.replayed += acknowledged.answered.len().min(REPLAYED);
        update_is_there(work, minato, &acknowledged.updated).await;
        self.created.extend(acknowledged.created);
        self.updates += acknowledged.updated.len();
        self.redeemed.extend(acknowledged.redeemed);
        self.directives.extend(acknowledged.directives);
        let answered = acknowledged.answered.into_iter();
        self.exchanges
            .extend(answered.map(|(exchange, _)| exchange));
        self.results_are_there(work, minato).await;
        let rooms = minato.rooms_beside(town.shared_clock());
        self.directives_are_there(&rooms, &work.hana).await;
        self.lines_are_there(&rooms, last).await;
        if last {
            // Five wrong tries would lock their requester: two codes stand for all.
            for code in self
                .redeemed
                .first()
                .into_iter()
                .chain(self.redeemed.last())
            {
                code_is_used_up(work, town, code).await;
            }
        }
    }

    /// How much of each kind was acknowledged.
    pub(super) fn counts(&self) -> [usize; 6] {
        [
            self.created.len(),
            self.updates,
            self.exchanges.len(),
            self.directives.len(),
            self.redeemed.len(),
            self.replayed,
        ]
    }

    /// Every result of every life, page by page.
    async fn results_are_there(&self, work: &Work, minato: &Hospital) {
        let mut there: HashMap<String, String> = HashMap::new();
        let mut page = Some("/fhir/Observation?patient=hana&_count=1000".to_owned());
        while let Some(path) = page {
            let (status, text) = minato.get_raw(&path, &work.system).await;
            assert_eq!(status, 200, "{text}");
            for raw in raw_resources(&text) {
                let resource: Value = serde_json::from_str(&raw).unwrap();
                let address = format!("Observation/{}", resource["id"].as_str().unwrap());
                there.insert(address, resource["note"][0]["text"].to_string());
            }
            let bundle: Value = serde_json::from_str(&text).unwrap();
            let links = bundle["link"].as_array().unwrap();
            let next = links.iter().find(|link| link["relation"] == "next");
            page = next.map(|link| {
                let (_, path) = link["url"].as_str().unwrap().split_once("/fhir/").unwrap();
                format!("/fhir/{path}")
            });
        }
        for (address, mark) in &self.created {
            let found = there.get(address).map(String::as_str);
            assert_eq!(found, Some(format!("\"{mark}\"").as_str()), "{address}");
        }
    }

    async fn directives_are_there(&self, rooms: &Rooms, hana: &Patient) {
        let person = Subject::Person(hana.person.parse().unwrap());
        let stored = rooms.consents.list(person).await.unwrap();
        let stored: HashMap<&str, &str> = stored
            .iter()
            .map(|one| (one.id.as_str(), one.status.as_str()))
            .collect();
        for (id, status) in &self.directives {
            assert_eq!(stored.get(id.as_str()), Some(status), "{id}");
        }
        // Those of the visits are beside them, and the one of the grant that is used throughout.
        assert!(stored.len() > self.directives.len() + self.redeemed.len());
    }

    /// Every answered exchange has exactly one line, every acknowledged act has one, and no line
    /// that was once there has gone or changed.
    async fn lines_are_there(&mut self, rooms: &Rooms, last: bool) {
        let newest = self.lines.last_key_value().map(|(seq, _)| *seq);
        let filter = Filter {
            after_seq: newest.filter(|_| !last),
            ..Filter::default()
        };
        let lines = rooms.audit.list(filter).await.unwrap();
        let found: BTreeMap<i64, (String, Option<String>)> = lines
            .into_iter()
            .map(|line| (line.seq, (line.kind, line.exchange)))
            .collect();
        if last {
            for (seq, line) in &self.lines {
                assert_eq!(found.get(seq), Some(line), "line {seq}");
            }
        }
        self.lines.extend(found);
        let mut disclosures: HashMap<&str, usize> = HashMap::new();
        let mut kinds: HashMap<&str, usize> = HashMap::new();
        for (kind, exchange) in self.lines.values() {
            *kinds.entry(kind.as_str()).or_default() += 1;
            if kind == "disclosure" {
                *disclosures.entry(exchange.as_deref().unwrap()).or_default() += 1;
            }
        }
        for exchange in &self.exchanges {
            assert_eq!(disclosures.get(exchange.as_str()), Some(&1), "{exchange}");
        }
        let statuses = self.directives.values();
        for (kind, due) in [
            ("write", self.created.len() + self.updates),
            ("directive", self.directives.len()),
            (
                "revocation",
                statuses.filter(|one| **one == "inactive").count(),
            ),
            ("grant", self.redeemed.len()),
        ] {
            let there = kinds.get(kind).copied().unwrap_or(0);
            assert!(there >= due, "{there} lines of {kind} for {due} acts");
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [created, updates, exchanges, directives, redeemed, replayed] = self.counts();
        write!(
            f,
            "acknowledged and found again: {created} creates, {updates} updates, {exchanges} \
             answers with their audit lines, {directives} directives given or withdrawn, \
             {redeemed} visit codes; {replayed} answered questions refused as replays"
        )
    }
}

async fn replays_are_refused(work: &Work, minato: &Hospital, answered: &[(String, Parcel)]) {
    // The newest are those that a lazy writer would have lost.
    for (exchange, parcel) in answered.iter().rev().take(REPLAYED) {
        let reply = work.envoy.try_to_send(minato, parcel).await.unwrap();
        assert_eq!(reply.code(), "replay_detected", "{exchange}");
    }
}

async fn update_is_there(work: &Work, minato: &Hospital, updated: &[usize]) {
    let address = "/fhir/MedicationRequest/again";
    let (status, again) = minato.get(address, &work.system).await;
    assert_eq!(status, 200);
    let mark = again["medicationCodeableConcept"]["text"].as_str().unwrap();
    let last = updated.last().copied().unwrap_or(0);
    // A later one may have been stored without having been acknowledged.
    assert!(
        mark.parse::<usize>().unwrap() >= last,
        "{mark} after {last}"
    );
}

async fn code_is_used_up(work: &Work, town: &Town, code: &str) {
    let (minato, now) = (town.at("minato"), town.now());
    let again = work.envoy.redemption(minato, code, "lab", now);
    let again = work.envoy.sign(again, now);
    let reply = work.envoy.try_to_send(minato, &again).await.unwrap();
    assert_eq!(reply.code(), "code_unknown");
}
