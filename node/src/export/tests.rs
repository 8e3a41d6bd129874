//! Exports on both databases, with real permits, files and audit lines.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod asking;
mod giving;
mod going_on;
mod keeping;
mod served;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;
use federation_service::clock::ManualClock;
use serde_json::{Value, json};

use super::run::{Run, Step};
use super::*;
use crate::access::Permit;
use crate::audit::{Audit, Filter, Kind, Recorded};
use crate::database::testing::on_each_async;
use crate::records::Validator;
use crate::records::{Address, Handling};

/// Minato hospital with its charts and its exports.
struct Site {
    database: Database,
    records: Records,
    access: Access,
    audit: Audit,
    clock: Arc<ManualClock>,
    folder: tempfile::TempDir,
    exports: Exports,
}

/// Two resources in a piece: every export takes many steps.
const SMALL: Pace = Pace {
    at_once: 2,
    file_bytes: 500,
};

fn his() -> Caller {
    Caller::System { id: "his".into() }
}

impl Site {
    async fn on(database: Database) -> Self {
        let clock = ManualClock::at(Timestamp::from_unix_seconds(1_782_864_000));
        let own: MemberId = "urn:musubi:member:0110000001".parse().unwrap();
        let records = {
            let (database, clock) = (database.clone(), Arc::clone(&clock));
            std::thread::spawn(move || {
                Records::open(database, clock, &own, Validator::off()).unwrap()
            })
            .join()
            .unwrap()
        };
        let audit = Audit::new(database.clone());
        let access = Access::new(audit.clone(), clock.clone());
        let folder = tempfile::tempdir().unwrap();
        let limits = limits(&folder);
        let exports = Exports::at_pace(
            database.clone(),
            records.clone(),
            access.clone(),
            clock.clone(),
            limits,
            SMALL,
        );
        Self {
            database,
            records,
            access,
            audit,
            clock,
            folder,
            exports,
        }
    }

    /// The same site after the node was started again, perhaps with other limits.
    fn restarted(&mut self, limits: ExportSettings) {
        self.exports = Exports::at_pace(
            self.database.clone(),
            self.records.clone(),
            self.access.clone(),
            self.clock.clone(),
            limits,
            SMALL,
        );
    }

    async fn put(&self, resource: &Value) {
        let permit = self.access.permit(&his(), Act::Transaction).await.unwrap();
        let text = resource.to_string();
        let kind = resource["resourceType"].as_str().unwrap();
        let address = format!("{kind}/{}", resource["id"].as_str().unwrap());
        let address = Address::parse(&address).unwrap();
        let written = self
            .records
            .update(&permit, &address, text.as_bytes(), None);
        written.await.unwrap();
    }

    async fn delete(&self, address: &str) {
        let permit = self.access.permit(&his(), Act::Transaction).await.unwrap();
        let address = Address::parse(address).unwrap();
        self.records.delete(&permit, &address, None).await.unwrap();
    }

    /// Takes a job on without beginning it.
    async fn accepted(&self, scope: Scope, asked: Asked) -> (Job, Permit) {
        let url = "https://minato.example.jp/fhir/Patient/$export".to_owned();
        let accepted = self.exports.desk.accept(&his(), scope, asked, url).await;
        accepted.unwrap()
    }

    fn run(&self, job: Job, permit: Permit) -> Run {
        Run::of(self.exports.desk.clone(), job, permit)
    }

    /// Every line of every file of a job, and the names of the files.
    async fn lines(&self, id: &JobId) -> (BTreeSet<String>, BTreeSet<String>) {
        let (mut lines, mut names) = (BTreeSet::new(), BTreeSet::new());
        for (name, length) in self.exports.desk.files_of(id).await.unwrap() {
            let path = self.folder.path().join(id.as_str()).join(name.to_string());
            let text = std::fs::read_to_string(path).unwrap();
            assert_eq!(text.len(), usize::try_from(length.bytes).unwrap());
            assert_eq!(
                text.lines().count(),
                usize::try_from(length.resources).unwrap()
            );
            for line in text.lines() {
                assert!(lines.insert(line.to_owned()), "twice: {line}");
            }
            names.insert(name.to_string());
        }
        (lines, names)
    }

    /// The addresses in the files of a job.
    async fn addresses(&self, id: &JobId) -> BTreeSet<String> {
        let (lines, _) = self.lines(id).await;
        let values = lines.iter().map(|line| serde_json::from_str(line).unwrap());
        let address = |value: Value| {
            let part = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
            format!("{}/{}", part("resourceType"), part("id"))
        };
        values.map(address).collect()
    }

    async fn exported(&self, scope: Scope, asked: Asked) -> BTreeSet<String> {
        let (job, permit) = self.accepted(scope, asked).await;
        let id = job.id.clone();
        to_the_end(self.run(job, permit)).await;
        let addresses = self.addresses(&id).await;
        self.exports.cancel(&his(), &id).await.unwrap();
        addresses
    }

    async fn status(&self, id: &JobId) -> Status {
        self.exports.status(&his(), id).await.unwrap()
    }

    /// Waits until the work on a job has ended.
    async fn ended(&self, id: &JobId) -> Status {
        let waiting = async {
            loop {
                match self.status(id).await {
                    Status::Running(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                    ended => return ended,
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), waiting)
            .await
            .unwrap()
    }

    async fn audited(&self) -> Vec<Recorded> {
        let filter = Filter {
            kind: Some(Kind::Export),
            ..Filter::default()
        };
        self.audit.list(filter).await.unwrap()
    }
}

fn limits(folder: &tempfile::TempDir) -> ExportSettings {
    ExportSettings {
        folder: folder.path().to_owned(),
        max_disk: 1_000_000,
        jobs: 2,
        keep: Duration::from_secs(3_600),
    }
}

async fn to_the_end(mut run: Run) {
    while run.step().await.unwrap() == Step::More {}
}

fn asked(pairs: &[(&str, &str)]) -> Asked {
    let pairs = pairs
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    Asked::by_query(pairs.collect(), Handling::Strict).unwrap()
}

fn group(id: &str) -> Scope {
    Scope::Group(crate::records::LogicalId::parse(id).unwrap())
}

fn lab(id: &str, patient: &str, by: &str) -> Value {
    json!({
        "resourceType": "Observation", "id": id, "status": "final",
        "code": {"coding": [{"system": "urn:c", "code": id}]},
        "subject": {"reference": format!("Patient/{patient}")},
        "performer": [{"reference": format!("Practitioner/{by}")}],
        "effectiveDateTime": "2026-01-01"
    })
}

/// Hana and Ken, what was found of them, who found it and where.
async fn ward(site: &Site) {
    for resource in [
        json!({"resourceType": "Organization", "id": "minato", "name": "みなと病院"}),
        json!({"resourceType": "Organization", "id": "ward", "partOf": {"reference": "Organization/minato"}}),
        json!({"resourceType": "Organization", "id": "elsewhere", "name": "参照されない"}),
        json!({"resourceType": "Practitioner", "id": "sato"}),
        json!({"resourceType": "Practitioner", "id": "kimura"}),
        json!({"resourceType": "Practitioner", "id": "idle"}),
        json!({"resourceType": "Patient", "id": "hana",
               "managingOrganization": {"reference": "Organization/ward"}}),
        json!({"resourceType": "Patient", "id": "ken"}),
        lab("h1", "hana", "sato"),
        lab("h2", "hana", "sato"),
        lab("h3", "hana", "kimura"),
        lab("k1", "ken", "kimura"),
        json!({"resourceType": "Condition", "id": "cold", "subject": {"reference": "Patient/ken"},
               "code": {"text": "風邪"}}),
        json!({"resourceType": "Group", "id": "clinic", "type": "person", "actual": true, "member": [
            {"entity": {"reference": "Patient/ken"}},
            {"entity": {"reference": "Patient/hana"}, "inactive": true},
            {"entity": {"reference": "Practitioner/idle"}},
            {"entity": {"reference": "Patient/unknown"}}
        ]}),
    ] {
        site.put(&resource).await;
    }
}

const EVERYTHING: [&str; 11] = [
    "Condition/cold",
    "Observation/h1",
    "Observation/h2",
    "Observation/h3",
    "Observation/k1",
    "Organization/minato",
    "Organization/ward",
    "Patient/hana",
    "Patient/ken",
    "Practitioner/kimura",
    "Practitioner/sato",
];

fn set(addresses: &[&str]) -> BTreeSet<String> {
    addresses.iter().map(|one| (*one).to_owned()).collect()
}
