//! What people bring in, on both databases: with real permits, files, tasks and resources held
//! against JP Core.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod entering;
mod importing;
mod pages;
mod sending;

use std::sync::LazyLock;

use fhir_validation::Definitions;
use serde_json::{Value, json};

use super::*;
use crate::audit::{Audit, Filter};
use crate::config::Validation;
use crate::consent::testing::Home;
use crate::database::Rid;
use crate::records::{Address, SearchQuery};

/// Minato hospital with two enrolled people.
struct Site {
    home: Home,
    records: Records,
    access: Access,
    audit: Audit,
    health: Health,
    hana: Caller,
    taro: Caller,
    folder: tempfile::TempDir,
}

fn validator() -> Validator {
    static SHIPPED: LazyLock<Arc<Definitions>> = LazyLock::new(|| Arc::new(Definitions::shipped()));
    Validator::new(Arc::clone(&SHIPPED), Validation::Strict)
}

impl Site {
    async fn on(database: Database) -> Self {
        let home = Home::on(database.clone());
        let records = {
            let (database, clock) = (database.clone(), home.clock.clone());
            let own = home.minato.id.clone();
            std::thread::spawn(move || Records::open(database, clock, &own, validator()).unwrap())
                .join()
                .unwrap()
        };
        let audit = Audit::new(database.clone());
        let access = Access::new(audit.clone(), home.clock.clone());
        let folder = tempfile::tempdir().unwrap();
        let linkage = Linkage::new(database.clone(), home.clock.clone(), home.minato.id.clone());
        let health = Health::new(HealthParts {
            database,
            records: records.clone(),
            validator: validator(),
            access: access.clone(),
            linkage: linkage.clone(),
            consents: home.consents.clone(),
            clock: home.clock.clone(),
            settings: VitalsSettings {
                folder: folder.path().join("vitals"),
                max_upload: 4 << 20,
                max_disk: 8 << 20,
            },
        });
        let mut people = Vec::new();
        for name in ["hana", "taro"] {
            let patient = chart(&records, &access, name).await;
            let phone = linkage.enroll(patient, name).await.unwrap();
            let id = phone.person().clone();
            people.push(Caller::Person { id, patient });
        }
        let taro = people.pop().unwrap();
        let hana = people.pop().unwrap();
        Self {
            home,
            records,
            access,
            audit,
            health,
            hana,
            taro,
            folder,
        }
    }

    /// Sends a file; its id.
    async fn send(&self, caller: &Caller, bytes: &[u8]) -> Result<UploadId, HealthError> {
        let mut receiving = self.health.receive(caller).await?;
        let id = receiving.id().clone();
        let taken = async {
            for piece in bytes.chunks(1_000) {
                receiving.take(piece).await?;
            }
            receiving.finish().await
        };
        match taken.await {
            Ok(id) => Ok(id),
            Err(error) => {
                self.health.give_up(&id, &error).await?;
                Err(error)
            }
        }
    }

    /// Waits until nobody works on an upload.
    async fn rested(&self, caller: &Caller, id: &UploadId) -> Upload {
        loop {
            let (upload, _) = self.health.upload(caller, id).await.unwrap();
            if !upload.state.is_at_work() {
                return upload;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Waits until no upload has a file: it goes after the state is written down.
    async fn emptied(&self) {
        let folder = self.folder.path().join("vitals");
        while std::fs::read_dir(&folder).unwrap().count() > 0 {
            tokio::task::yield_now().await;
        }
    }

    /// Sends, and saves everything.
    async fn bring(&self, caller: &Caller, bytes: &[u8]) -> Upload {
        let id = self.send(caller, bytes).await.unwrap();
        let ready = self.rested(caller, &id).await;
        assert_eq!(ready.state, State::Ready, "{:?}", ready.reason);
        let choice = Choice {
            from: None,
            to: None,
            ..ready.report.unwrap().proposed()
        };
        self.health.save(caller, &id, choice).await.unwrap();
        self.rested(caller, &id).await
    }

    /// Every Observation of a person's, as it is stored.
    async fn observations(&self, caller: &Caller) -> Vec<Value> {
        let act = Act::Search {
            kind: "Observation",
            patient: None,
        };
        let permit = self.access.permit(caller, act).await.unwrap();
        let kind = crate::records::ResourceType::named("Observation").unwrap();
        let query = SearchQuery::parse(kind, &[("_count", "500")]).unwrap();
        let page = self.records.search(&permit, query).await.unwrap();
        let parse = |entry: &crate::records::Entry| serde_json::from_str(&entry.raw).unwrap();
        page.entries.iter().map(parse).collect()
    }

    /// Writes something as the hospital's own system.
    async fn hospital_writes(&self, resource: &Value) {
        put(&self.records, &self.access, resource).await;
    }

    /// Everything that the hospital has of a type.
    async fn all(&self, kind: &str) -> Vec<Value> {
        let system = Caller::System { id: "his".into() };
        let act = Act::Search {
            kind: "Observation",
            patient: None,
        };
        let permit = self.access.permit(&system, act).await.unwrap();
        let kind = crate::records::ResourceType::named(kind).unwrap();
        let query = SearchQuery::parse(kind, &[("_count", "500")]).unwrap();
        let page = self.records.search(&permit, query).await.unwrap();
        let parse = |entry: &crate::records::Entry| serde_json::from_str(&entry.raw).unwrap();
        page.entries.iter().map(parse).collect()
    }
}

async fn put(records: &Records, access: &Access, resource: &Value) {
    let system = Caller::System { id: "his".into() };
    let permit = access.permit(&system, Act::Transaction).await.unwrap();
    let (kind, id) = (&resource["resourceType"], &resource["id"]);
    let address = format!("{}/{}", kind.as_str().unwrap(), id.as_str().unwrap());
    let address = Address::parse(&address).unwrap();
    let body = resource.to_string();
    records
        .update(&permit, &address, body.as_bytes(), None)
        .await
        .unwrap();
}

/// A chart of this name; its number.
async fn chart(records: &Records, access: &Access, name: &str) -> Rid {
    let patient = json!({
        "resourceType": "Patient", "id": name,
        "identifier": [{"system": "urn:oid:1.2.392.100495.20.3.51.10110000001", "value": name}],
    });
    put(records, access, &patient).await;
    let address = Address::parse(&format!("Patient/{name}")).unwrap();
    records.chart_of(&address).await.unwrap().unwrap()
}

const AT: &str = "2026-01-14 07:00:58 +0900";

fn record(kind: &str, unit: &str, value: &str, source: &str, at: &str) -> String {
    format!(
        "<Record type=\"HKQuantityTypeIdentifier{kind}\" unit=\"{unit}\" value=\"{value}\" \
         sourceName=\"{source}\" startDate=\"{at}\" endDate=\"{at}\"/>"
    )
}

fn xml(records: &[String]) -> Vec<u8> {
    format!("<HealthData>{}</HealthData>", records.concat()).into_bytes()
}

/// Two weights of two years, a pulse, and a blood pressure that is there twice.
fn export() -> Vec<u8> {
    let half = |kind, value| record(kind, "mmHg", value, "OMRON", AT);
    let pressure = [
        half("BloodPressureSystolic", "118"),
        half("BloodPressureDiastolic", "76"),
    ];
    xml(&[
        record(
            "BodyMass",
            "kg",
            "61.5",
            "花子の体重計",
            "2023-01-14 07:00:58 +0900",
        ),
        record("BodyMass", "lb", "135.6", "花子の体重計", AT),
        record("HeartRate", "count/min", "72", "花子のApple Watch", AT),
        pressure.concat(),
        pressure.concat(),
        record("DietaryWater", "mL", "200", "x", AT),
    ])
}
