use super::*;
use crate::database::testing::on_each_async;

async fn transact(house: &House, bundle: &Value) -> Result<Transacted, RecordsError> {
    house
        .records
        .transaction(&house.permit, bundle.to_string().as_bytes())
        .await
}

fn bundle(entries: &[Value]) -> Value {
    json!({"resourceType": "Bundle", "type": "transaction", "entry": entries})
}

fn post(url: &str, kind: &str, resource: Value, if_none_exist: Option<&str>) -> Value {
    let mut request = json!({"method": "POST", "url": kind});
    if let Some(condition) = if_none_exist {
        request["ifNoneExist"] = json!(condition);
    }
    json!({"fullUrl": url, "resource": resource, "request": request})
}

fn without_id(mut resource: Value) -> Value {
    resource.as_object_mut().unwrap().remove("id");
    resource
}

#[tokio::test]
async fn entries_refer_to_each_other_and_a_second_run_changes_nothing() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let mut result = without_id(lab("x", "x", "3D046", "2026-01-01"));
        result["subject"]["reference"] = json!("urn:uuid:p");
        let condition = Some("identifier=urn:p|1");
        let story = bundle(&[
            // The result comes before the patient whom it names.
            post("urn:uuid:o", "Observation", result, None),
            post("urn:uuid:p", "Patient", without_id(patient("1")), condition),
        ]);
        let done = transact(&house, &story).await.unwrap().entries;
        assert!(done.iter().all(|entry| entry.outcome == Outcome::Created));
        let patient_id = done[1].address.id.to_string();
        let found = house.find("Observation", &[("patient", &patient_id)]).await;
        assert_eq!(found, [done[0].address.id.to_string()]);
        let again = transact(&house, &story).await.unwrap().entries;
        assert_eq!(again[1].outcome, Outcome::Unchanged);
        assert_eq!(again[1].address, done[1].address);
        assert_eq!(
            house
                .find("Observation", &[("patient", &patient_id)])
                .await
                .len(),
            2
        );
    })
    .await;
}

#[tokio::test]
async fn one_bad_entry_undoes_all() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&patient("old")).await;
        let put = |id: &str, if_match: &str| {
            json!({
                "resource": patient(id),
                "request": {"method": "PUT", "url": format!("Patient/{id}"), "ifMatch": if_match}
            })
        };
        let new = json!({
            "resource": patient("new"), "request": {"method": "PUT", "url": "Patient/new"}
        });
        let stale = transact(&house, &bundle(&[new.clone(), put("old", "W/\"9\"")])).await;
        assert!(matches!(stale, Err(RecordsError::VersionConflict)));
        assert_eq!(house.find("Patient", &[]).await, ["old"]);
        let done = transact(&house, &bundle(&[new, put("old", "W/\"1\"")]))
            .await
            .unwrap();
        assert_eq!(done.entries[1].version, 2);
        let delete = json!({"request": {"method": "DELETE", "url": "Patient/old"}});
        transact(&house, &bundle(&[delete])).await.unwrap();
        assert_eq!(house.find("Patient", &[]).await, ["new"]);
    })
    .await;
}

#[tokio::test]
async fn conditions_match_one_none_or_too_many() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let refers = |to: &str| {
            let mut result = without_id(lab("x", "x", "c", "2026-01-01"));
            result["subject"]["reference"] = json!(to);
            bundle(&[post("urn:uuid:o", "Observation", result, None)])
        };
        let by_identifier = refers("Patient?identifier=urn:p%7C1");
        let none = transact(&house, &by_identifier).await;
        assert!(matches!(none, Err(RecordsError::Unresolved(_))));
        house.put(&patient("1")).await;
        transact(&house, &by_identifier).await.unwrap();
        assert_eq!(
            house.find("Observation", &[("patient", "1")]).await.len(),
            1
        );
        let mut twin = patient("2");
        twin["identifier"] = patient("1")["identifier"].clone();
        house.put(&twin).await;
        assert!(matches!(
            transact(&house, &by_identifier).await,
            Err(RecordsError::Ambiguous(_))
        ));
        let made = bundle(&[post(
            "urn:uuid:p",
            "Patient",
            patient("1"),
            Some("identifier=urn:p|1"),
        )]);
        assert_eq!(
            transact(&house, &made).await.unwrap_err().told().status,
            412
        );
        let by_name = bundle(&[post("urn:uuid:p", "Patient", patient("1"), Some("name=x"))]);
        assert!(matches!(
            transact(&house, &by_name).await,
            Err(RecordsError::Unsupported(_))
        ));
        // Two entries with one condition are one resource, and both names of it are resolved.
        let condition = Some("identifier=urn:p|7");
        let mut result = without_id(lab("x", "x", "c", "2026-01-01"));
        result["subject"]["reference"] = json!("urn:uuid:b");
        let double = bundle(&[
            post("urn:uuid:a", "Patient", without_id(patient("7")), condition),
            post("urn:uuid:b", "Patient", without_id(patient("7")), condition),
            post("urn:uuid:o", "Observation", result, None),
        ]);
        let done = transact(&house, &double).await.unwrap().entries;
        assert_eq!(done[0].address, done[1].address);
        let seven = done[0].address.id.to_string();
        assert_eq!(
            house
                .find("Observation", &[("patient", &seven)])
                .await
                .len(),
            1
        );
    })
    .await;
}

#[tokio::test]
async fn bundles_that_are_none_are_refused_with_the_entry() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let ask = |entry: Value| {
            bundle(&[
                json!({
                    "resource": patient("a"), "request": {"method": "PUT", "url": "Patient/a"}
                }),
                entry,
            ])
        };
        let request = |method: &str, url: &str| json!({"method": method, "url": url});
        for wrong in [
            json!({"resource": patient("b")}),
            json!({"resource": patient("b"), "request": request("PATCH", "Patient/b")}),
            json!({"resource": patient("b"), "request": request("PUT", "Patient?identifier=x")}),
            json!({"resource": patient("b"), "request": request("POST", "Unicorn")}),
            json!({"resource": patient("a"), "request": request("PUT", "Patient/a")}),
            json!({"request": request("PUT", "Patient/b")}),
            json!({"resource": patient("b"), "request": request("POST", "Observation")}),
            json!({"resource": {"resourceType": "Patient", "id": "/"},
                   "request": request("PUT", "Patient/b")}),
        ] {
            let refused = transact(&house, &ask(wrong.clone()))
                .await
                .unwrap_err()
                .told();
            assert_eq!(
                refused.expression.as_deref(),
                Some("Bundle.entry[1]"),
                "{wrong}"
            );
            assert_eq!(refused.status, 400);
        }
        let batch = json!({"resourceType": "Bundle", "type": "batch"});
        assert!(matches!(
            transact(&house, &batch).await,
            Err(RecordsError::Unsupported(_))
        ));
        assert_eq!(house.find("Patient", &[]).await, [""; 0]);
        transact(&house, &bundle(&[])).await.unwrap();
    })
    .await;
}
