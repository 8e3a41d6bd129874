//! What a permit to record vital signs opens, and what it does not, whatever is handed in with it.

use super::*;
use crate::database::testing::on_each_async;
use crate::identity::PersonId;

async fn hers(house: &House) -> Arc<Permit> {
    house.put(&patient("hana")).await;
    house.put(&patient("taro")).await;
    let patient = house
        .records
        .chart_of(&address("Patient/hana"))
        .await
        .unwrap();
    let person = Caller::Person {
        id: PersonId::random(),
        patient: patient.unwrap(),
    };
    let access = Access::new(Audit::new(house.database.clone()), house.clock.clone());
    let act = Act::RecordVitals {
        way: "hand",
        of: "x",
    };
    Arc::new(access.permit(&person, act).await.unwrap())
}

fn weight(id: &str) -> Value {
    json!({
        "resourceType": "Observation", "id": id, "status": "preliminary",
        "meta": {"tag": [{"system": "urn:musubi:origin", "code": "patient-generated"}]},
        "category": [{"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/observation-category",
            "code": "vital-signs"
        }]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "subject": {"reference": "Patient/hana"},
        "performer": [{"reference": "Patient/hana"}],
        "effectiveDateTime": "2026-01-14"
    })
}

fn provenance(targets: &[&str]) -> Value {
    let targets: Vec<_> = targets
        .iter()
        .map(|one| json!({"reference": one}))
        .collect();
    json!({
        "resourceType": "Provenance", "id": "made-1",
        "meta": {"tag": [{"system": "urn:musubi:origin", "code": "patient-generated"}]},
        "target": targets, "recorded": "2026-01-14T07:00:00+09:00",
        "agent": [{"who": {"reference": "Patient/hana"}}]
    })
}

fn with(mut resource: Value, change: impl FnOnce(&mut Value)) -> Value {
    change(&mut resource);
    resource
}

async fn record(
    house: &House,
    permit: &Arc<Permit>,
    intakes: Vec<Intake>,
) -> Result<Vec<Outcome>, RecordsError> {
    let (records, permit) = (house.records.clone(), Arc::clone(permit));
    house
        .database
        .transact(move |connection| records.record_vitals(&permit, connection, intakes.clone()))
        .await
}

fn put(resource: &Value) -> Intake {
    let text = resource.to_string();
    let incoming = Incoming::parse(&Validator::off(), text.as_bytes()).unwrap();
    Intake::Put(Box::new(incoming))
}

#[actix_web::test]
async fn a_vital_sign_of_one_s_own_is_written_changed_and_deleted() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let permit = hers(&house).await;
        let both = vec![put(&weight("w")), put(&provenance(&["Observation/w"]))];
        let done = record(&house, &permit, both).await;
        assert_eq!(done.unwrap(), [Outcome::Created, Outcome::Created]);
        let changed = with(weight("w"), |one| {
            one["effectiveDateTime"] = json!("2026-01-15")
        });
        let done = record(&house, &permit, vec![put(&changed)]).await;
        assert_eq!(done.unwrap(), [Outcome::Updated]);
        let delete = vec![Intake::Delete(address("Observation/w"))];
        let done = record(&house, &permit, delete).await;
        assert_eq!(done.unwrap(), [Outcome::Deleted]);
    })
    .await;
}

#[actix_web::test]
async fn nothing_else_is_written_whatever_an_attacker_hands_in() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let permit = hers(&house).await;
        house.put(&lab("lab-1", "hana", "X", "2026-01-14")).await;
        let of_a_colleague = with(weight("ward-1"), |one| {
            one["meta"] = json!({});
        });
        house.put(&of_a_colleague).await;
        let of_taro = with(weight("of-taro"), |one| {
            one["subject"] = json!({"reference": "Patient/taro"});
            one["performer"] = json!([]);
        });
        house.put(&of_taro).await;
        let attempts = [
            ("another person's chart", of_taro.clone()),
            (
                "nobody's chart",
                with(weight("a"), |one| one["subject"] = json!({})),
            ),
            ("no tag", with(weight("a"), |one| one["meta"] = json!({}))),
            (
                "a laboratory's result",
                with(weight("a"), |one| {
                    one["category"][0]["coding"][0]["code"] = json!("laboratory")
                }),
            ),
            (
                "a label that hides",
                with(weight("a"), |one| {
                    one["meta"]["security"] = json!([{"system": "x", "code": "NOPAT"}])
                }),
            ),
            (
                "something contained",
                with(weight("a"), |one| {
                    one["contained"] = json!([{"resourceType": "Condition", "id": "c"}])
                }),
            ),
            (
                "a physician's name",
                with(weight("a"), |one| {
                    one["performer"] = json!([{"reference": "Practitioner/dr-1"}])
                }),
            ),
            (
                "another person's name",
                with(weight("a"), |one| {
                    one["performer"] = json!([{"reference": "Patient/taro"}])
                }),
            ),
            (
                "a resource elsewhere",
                with(weight("a"), |one| {
                    one["device"] = json!({"reference": "https://evil.example/Device/1"})
                }),
            ),
            (
                "the chart itself",
                with(patient("hana"), |one| {
                    one["meta"] = weight("a")["meta"].clone()
                }),
            ),
            (
                "a prescription",
                with(prescription("m", "hana", "X", "2026"), |one| {
                    one["meta"] = weight("a")["meta"].clone()
                }),
            ),
            ("over a hospital's result", weight("lab-1")),
            ("over a hospital's vital sign", weight("ward-1")),
            ("over another person's", weight("of-taro")),
            (
                "a provenance of a hospital's",
                provenance(&["Observation/lab-1"]),
            ),
            (
                "a provenance of a chart elsewhere",
                provenance(&["Patient/taro"]),
            ),
        ];
        for (what, resource) in attempts {
            // Beside something lawful, which is not written either.
            let both = vec![put(&weight("lawful")), put(&resource)];
            let done = record(&house, &permit, both).await;
            assert!(
                matches!(done, Err(RecordsError::ReadOnly | RecordsError::NotFound)),
                "{what}: {done:?}"
            );
        }
        for other in [
            "Observation/lab-1",
            "Observation/ward-1",
            "Observation/of-taro",
            "Patient/hana",
        ] {
            let deletes = vec![Intake::Delete(address(other))];
            let done = record(&house, &permit, deletes).await;
            assert!(done.is_err(), "{other}");
        }
        assert!(
            house
                .find("Observation", &[("_id", "lawful")])
                .await
                .is_empty()
        );
        for stands in ["lab-1", "ward-1", "of-taro"] {
            assert_eq!(
                house.find("Observation", &[("_id", stands)]).await,
                [stands]
            );
        }
    })
    .await;
}

#[actix_web::test]
async fn a_permit_for_vital_signs_is_no_permit_to_write_and_none_to_write_is_one_for_them() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let permit = hers(&house).await;
        let text = weight("w").to_string();
        let written = house
            .records
            .update(&permit, &address("Observation/w"), text.as_bytes(), None)
            .await;
        assert!(matches!(written, Err(RecordsError::ReadOnly)));
        let transacted = house.records.transaction(&permit, b"{}").await;
        assert!(matches!(transacted, Err(RecordsError::ReadOnly)));
        let records = house.records.clone();
        let lent = Arc::clone(&permit);
        let taken = house
            .database
            .transact(move |connection| records.take_in(&lent, connection, vec![put(&weight("w"))]))
            .await;
        assert!(matches!(taken, Err(RecordsError::ReadOnly)));
        // A system writes as systems do; a person who may read does not write.
        let reading = Arc::new(own_permit(&house, "Patient/hana").await);
        let done = record(&house, &reading, vec![put(&weight("w"))]).await;
        assert!(matches!(done, Err(RecordsError::ReadOnly)));
        // And nothing but vital signs is seen under it.
        house.put(&lab("lab-1", "hana", "X", "2026-01-14")).await;
        house.put(&weight("w")).await;
        let kind = ResourceType::named("Observation").unwrap();
        let query = SearchQuery::parse(kind, &[("_count", "10")]).unwrap();
        let page = house.records.search(&permit, query).await.unwrap();
        assert_eq!(page.entries.len(), 1);
    })
    .await;
}
