//! Imports on both databases: what is taken, refused, followed, stopped and resumed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests fail by panicking and say when they are skipped"
)]

mod bundles;
mod following;
mod lines;
mod progress;
mod replaced;
mod synthetic;
mod trees;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use federation_protocol::member::MemberId;
use federation_service::clock::ManualClock;
use serde_json::{Value, json};

use super::*;
use crate::access::{Access, Act};
use crate::audit::{Audit, Filter, Recorded};
use crate::identity::Caller;
use crate::records::{ResourceType, SearchQuery, Validator};

/// Minato hospital's records, and what imports into them.
#[derive(Clone)]
struct House {
    database: Database,
    records: Records,
    import: Import,
    permit: Arc<Permit>,
}

/// The types that these tests look at.
const TYPES: [&str; 11] = [
    "Patient",
    "Condition",
    "Encounter",
    "Observation",
    "AllergyIntolerance",
    "Coverage",
    "MedicationRequest",
    "MedicationAdministration",
    "DiagnosticReport",
    "ServiceRequest",
    "Specimen",
];

impl House {
    async fn open(database: Database) -> Self {
        Self::judging(database, Validator::off()).await
    }

    /// Holds what comes in against what ships, and takes it all the same.
    async fn warning(database: Database) -> Self {
        let definitions = Arc::new(fhir_validation::Definitions::shipped());
        let validator = Validator::new(definitions, crate::config::Validation::Warn);
        Self::judging(database, validator).await
    }

    async fn judging(database: Database, validator: Validator) -> Self {
        let clock = ManualClock::at(Timestamp::from_unix_seconds(1_782_864_000));
        let own: MemberId = "urn:musubi:member:0110000001".parse().unwrap();
        let records = {
            let (database, clock) = (database.clone(), Arc::clone(&clock));
            std::thread::spawn(move || Records::open(database, clock, &own, validator).unwrap())
                .join()
                .unwrap()
        };
        let access = Access::new(Audit::new(database.clone()), clock.clone());
        let importer = Caller::System {
            id: IMPORTER.to_owned(),
        };
        let act = Act::Import { format: "ndjson" };
        let permit = Arc::new(access.permit(&importer, act).await.unwrap());
        Self {
            import: Import::new(database.clone(), clock, records.clone()),
            database,
            records,
            permit,
        }
    }

    async fn lines(&self, path: &Path, manner: Manner) -> (Report, Heard) {
        let mut heard = Heard::default();
        let import = &self.import;
        let report = import.lines(&self.permit, path, manner, &mut heard).await;
        (report.unwrap(), heard)
    }

    async fn bundles(&self, path: &Path, manner: Manner) -> (Report, Heard) {
        let mut heard = Heard::default();
        let import = &self.import;
        let report = import.bundles(&self.permit, path, manner, &mut heard).await;
        (report.unwrap(), heard)
    }

    async fn tree(&self, root: &Path, manner: Manner) -> (Report, Heard) {
        let mut heard = Heard::default();
        let (import, number) = (&self.import, institution());
        let report = import
            .tree(&self.permit, root, &number, manner, &mut heard)
            .await;
        (report.unwrap(), heard)
    }

    /// Every resource of these types and its version.
    async fn held(&self) -> BTreeMap<String, i32> {
        let mut held = BTreeMap::new();
        for kind in TYPES {
            let mut cursor: Option<String> = None;
            loop {
                let mut pairs = vec![("_count", "100")];
                pairs.extend(cursor.as_deref().map(|cursor| ("_cursor", cursor)));
                let query = SearchQuery::parse(ResourceType::named(kind).unwrap(), &pairs);
                let page = self.records.search(&self.permit, query.unwrap()).await;
                let page = page.unwrap();
                let entries = page.entries.iter();
                held.extend(entries.map(|one| (one.address.to_string(), one.version)));
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
        }
        held
    }

    /// How many there are of each type.
    async fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for address in self.held().await.into_keys() {
            let kind = address.split('/').next().unwrap().to_owned();
            *counts.entry(kind).or_default() += 1;
        }
        counts
    }

    /// The only resource of a type.
    async fn only(&self, kind: &str) -> (Value, i32) {
        let query =
            SearchQuery::parse::<&str, &str>(ResourceType::named(kind).unwrap(), &[]).unwrap();
        let page = self.records.search(&self.permit, query).await.unwrap();
        assert_eq!(page.entries.len(), 1, "{kind}");
        let entry = &page.entries[0];
        (serde_json::from_str(&entry.raw).unwrap(), entry.version)
    }

    /// Where and why things are in quarantine.
    async fn quarantine(&self) -> Vec<(String, String)> {
        let listed = self.import.quarantine(1_000).await.unwrap();
        let listed = listed.into_iter().map(|one| one.refusal);
        listed.map(|one| (one.place, one.reason)).collect()
    }

    async fn audit(&self) -> Vec<Recorded> {
        let audit = Audit::new(self.database.clone());
        audit.list(Filter::default()).await.unwrap()
    }
}

fn institution() -> Institution {
    "0110000001".parse().unwrap()
}

/// Hears of an import, and breaks it off behind a batch where that is wanted.
#[derive(Default)]
struct Heard {
    batches: usize,
    breaks_off_after: Option<usize>,
    refused: Vec<Refusal>,
    /// How far it was after each batch: done, given, of.
    reached: Vec<(u64, u64, Option<u64>)>,
}

impl Watcher for Heard {
    fn reached(&mut self, reached: &Reached<'_>) {
        self.batches += 1;
        self.reached.push((reached.done, reached.given, reached.of));
        // As a power cut does: nothing that stands behind a commit is done.
        assert_ne!(self.breaks_off_after, Some(self.batches), "broken off");
    }

    fn refused(&mut self, refusal: &Refusal) {
        self.refused.push(refusal.clone());
    }
}

fn lab(id: &str, value: i32) -> Value {
    json!({
        "resourceType": "Observation", "id": id, "status": "final",
        "meta": {"profile": ["urn:lab"]},
        "code": {"text": "HbA1c"},
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": "2026-04-01",
        "valueQuantity": {"value": value}
    })
}
