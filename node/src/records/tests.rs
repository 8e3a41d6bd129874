//! The records on both databases: what is written, found, shared.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    reason = "tests fail by panicking"
)]

mod bench;
mod contained;
mod costly;
mod differential;
mod everything;
mod finding;
mod former;
mod history;
mod judging;
mod leading;
mod loading;
mod matching;
mod own;
mod searching;
mod secrets;
mod spelling;
mod storing;
mod transacting;
mod validating;
mod vitals;
mod waiting;
mod walking;

use std::sync::Arc;

use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;
use federation_service::clock::ManualClock;
use serde_json::{Value, json};

use super::*;
use crate::access::{Access, Act};
use crate::audit::Audit;
use crate::identity::Caller;

/// Minato hospital's records, its clock, and a system that may write.
struct House {
    records: Records,
    database: Database,
    clock: Arc<ManualClock>,
    permit: Permit,
}

const MINATO: &str = "urn:musubi:member:0110000001";

impl House {
    async fn open(database: Database) -> Self {
        Self::open_with(database, Validator::off()).await
    }

    async fn open_with(database: Database, validator: Validator) -> Self {
        let clock = ManualClock::at(Timestamp::from_unix_seconds(1_782_864_000));
        let own: MemberId = MINATO.parse().unwrap();
        let records = {
            let (database, clock) = (database.clone(), Arc::clone(&clock));
            std::thread::spawn(move || Records::open(database, clock, &own, validator).unwrap())
                .join()
                .unwrap()
        };
        let access = Access::new(Audit::new(database.clone()), clock.clone());
        let system = Caller::System {
            id: "his".to_owned(),
        };
        let permit = access.permit(&system, Act::Transaction).await.unwrap();
        Self {
            records,
            database,
            clock,
            permit,
        }
    }

    async fn put(&self, resource: &Value) -> Written {
        let text = resource.to_string();
        self.put_text(&address_of(resource), &text).await
    }

    async fn put_text(&self, address: &Address, text: &str) -> Written {
        self.records
            .update(&self.permit, address, text.as_bytes(), None)
            .await
            .unwrap()
    }

    async fn find(&self, kind: &str, pairs: &[(&str, &str)]) -> Vec<String> {
        let page = self.page(kind, pairs).await.unwrap();
        page.entries
            .into_iter()
            .map(|entry| entry.address.id.to_string())
            .collect()
    }

    async fn page(&self, kind: &str, pairs: &[(&str, &str)]) -> Result<Page, RecordsError> {
        let query = SearchQuery::parse(ResourceType::named(kind).unwrap(), pairs)?;
        self.records.search(&self.permit, query).await
    }
}

/// A permit for the person whose chart it is.
async fn own_permit(house: &House, chart: &str) -> Permit {
    let patient = house.records.chart_of(&address(chart)).await.unwrap();
    let person = Caller::Person {
        id: crate::identity::PersonId::random(),
        patient: patient.unwrap(),
    };
    let access = Access::new(Audit::new(house.database.clone()), house.clock.clone());
    let act = Act::Search {
        kind: "Observation",
        patient,
    };
    access.permit(&person, act).await.unwrap()
}

/// A label that the person's own eyes are kept from.
fn untold(mut resource: Value) -> Value {
    resource["meta"] = json!({"security": [{
        "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "TBOO"
    }]});
    resource
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn address_of(resource: &Value) -> Address {
    address(&format!(
        "{}/{}",
        resource["resourceType"].as_str().unwrap(),
        resource["id"].as_str().unwrap()
    ))
}

fn patient(id: &str) -> Value {
    json!({"resourceType": "Patient", "id": id, "identifier": [{"system": "urn:p", "value": id}]})
}

fn lab(id: &str, patient: &str, code: &str, date: &str) -> Value {
    json!({
        "resourceType": "Observation", "id": id, "status": "final",
        "category": [{"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/observation-category",
            "code": "laboratory"
        }]}],
        "code": {"coding": [{"system": "urn:oid:1.2.392.200119.4.504", "code": code}]},
        "subject": {"reference": format!("Patient/{patient}")},
        "effectiveDateTime": date
    })
}

fn prescription(id: &str, patient: &str, code: &str, date: &str) -> Value {
    json!({
        "resourceType": "MedicationRequest", "id": id, "status": "active", "intent": "order",
        "medicationCodeableConcept": {"coding": [{"system": "urn:m", "code": code}]},
        "subject": {"reference": format!("Patient/{patient}")},
        "authoredOn": date
    })
}

/// Every row of an index table, to see that none is left behind.
async fn index_rows(house: &House) -> i64 {
    house
        .database
        .read(|connection| Ok::<_, DatabaseError>(store::count_index_rows(connection)?))
        .await
        .unwrap()
}
