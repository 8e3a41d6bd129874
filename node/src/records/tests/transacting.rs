use super::*;
use crate::database::testing::on_each_async;

async fn transact(house: &House, bundle: &Value) -> Result<Vec<Written>, RecordsError> {
    let body = bundle.to_string();
    let done = house
        .records
        .transaction(&house.permit, body.as_bytes())
        .await?;
    Ok(done
        .entries
        .iter()
        .filter_map(Done::written)
        .cloned()
        .collect())
}

/// What was wrong with the entry at fault.
fn fault<T: std::fmt::Debug>(result: Result<T, RecordsError>) -> RecordsError {
    result.unwrap_err().alone()
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
        let done = transact(&house, &story).await.unwrap();
        assert!(done.iter().all(|entry| entry.outcome == Outcome::Created));
        let patient_id = done[1].address.id.to_string();
        let found = house.find("Observation", &[("patient", &patient_id)]).await;
        assert_eq!(found, [done[0].address.id.to_string()]);
        let again = transact(&house, &story).await.unwrap();
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
        assert!(matches!(fault(stale), RecordsError::VersionConflict));
        assert_eq!(house.find("Patient", &[]).await, ["old"]);
        let done = transact(&house, &bundle(&[new, put("old", "W/\"1\"")]))
            .await
            .unwrap();
        assert_eq!(done[1].version, 2);
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
        assert!(matches!(fault(none), RecordsError::Unresolved(_)));
        house.put(&patient("1")).await;
        transact(&house, &by_identifier).await.unwrap();
        assert_eq!(
            house.find("Observation", &[("patient", "1")]).await.len(),
            1
        );
        let mut twin = patient("2");
        twin["identifier"] = patient("1")["identifier"].clone();
        house.put(&twin).await;
        let two = transact(&house, &by_identifier).await;
        assert!(matches!(fault(two), RecordsError::Ambiguous(_)));
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
        let by_name = |name: &str| {
            let mut named = without_id(patient("n"));
            named["name"] = json!([{"family": "Amano"}]);
            bundle(&[post("urn:uuid:p", "Patient", named, Some(name))])
        };
        let made = transact(&house, &by_name("family=Amano")).await.unwrap();
        assert_eq!(made[0].outcome, Outcome::Created);
        let again = transact(&house, &by_name("family=Amano")).await.unwrap();
        assert_eq!(
            (again[0].outcome, &again[0].address),
            (Outcome::Unchanged, &made[0].address)
        );
        for (condition, status) in [("colour=x", 400), ("", 412), ("_count=1", 400)] {
            let refused = transact(&house, &by_name(condition))
                .await
                .unwrap_err()
                .told();
            assert_eq!(refused.status, status, "{condition}");
        }
        // Two entries with one condition are one resource, and both names of it are resolved.
        let condition = Some("identifier=urn:p|7");
        let mut result = without_id(lab("x", "x", "c", "2026-01-01"));
        result["subject"]["reference"] = json!("urn:uuid:b");
        let double = bundle(&[
            post("urn:uuid:a", "Patient", without_id(patient("7")), condition),
            post("urn:uuid:b", "Patient", without_id(patient("7")), condition),
            post("urn:uuid:o", "Observation", result, None),
        ]);
        let done = transact(&house, &double).await.unwrap();
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
            json!({"resource": patient("b"), "request": request("PUT", "Patient?_count=1")}),
            json!({"resource": patient("b"), "request": request("HEAD", "Patient/b")}),
            json!({"resource": patient("b"), "request": request("GET", "Patient/b")}),
            json!({"request": request("GET", "Patient/a/_history")}),
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
            assert_eq!(refused.status, 400, "{wrong}");
        }
        for (status, wrong) in [
            (
                404,
                json!({"resource": patient("b"), "request": request("POST", "Unicorn")}),
            ),
            (404, json!({"request": request("GET", "Patient/none")})),
            (
                405,
                json!({"resource": patient("b"), "request": request("BREW", "Patient/b")}),
            ),
        ] {
            let refused = transact(&house, &ask(wrong)).await.unwrap_err().told();
            let at = refused.expression.as_deref();
            assert_eq!((refused.status, at), (status, Some("Bundle.entry[1]")));
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

#[tokio::test]
async fn deletes_come_first_and_reads_last_whatever_the_order_of_the_entries() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&patient("old")).await;
        let condition = Some("identifier=urn:p|old");
        let mut twin = without_id(patient("old"));
        twin["name"] = json!([{"family": "Amano"}]);
        let story = bundle(&[
            json!({"request": {"method": "GET", "url": "Patient?identifier=urn:p%7Cold"}}),
            json!({"request": {"method": "GET", "url": "Patient/new"}}),
            post("urn:uuid:p", "Patient", twin, condition),
            json!({"resource": patient("new"), "request": {"method": "PUT", "url": "Patient/new"}}),
            json!({"request": {"method": "DELETE", "url": "Patient/old"}}),
        ]);
        let body = story.to_string();
        let done = house
            .records
            .transaction(&house.permit, body.as_bytes())
            .await
            .unwrap()
            .entries;
        let Done::Found(_, _, page) = &done[0] else {
            panic!("{:?}", done[0])
        };
        let created = &done[2].written().unwrap().address;
        assert_eq!(page.entries.len(), 1);
        assert_eq!(&page.entries[0].address, created);
        assert!(matches!(&done[1], Done::Read(entry) if entry.version == 1));
        assert_eq!(done[4].written().unwrap().outcome, Outcome::Deleted);
        let gone = house
            .records
            .read(&house.permit, &address("Patient/old"))
            .await;
        assert!(matches!(gone, Err(RecordsError::Deleted)));
    })
    .await;
}

#[tokio::test]
async fn references_go_in_circles_and_by_condition_to_what_the_bundle_makes() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let mut one =
            json!({"resourceType": "Patient", "identifier": [{"system": "urn:p", "value": "1"}]});
        one["link"] = json!([{"other": {"reference": "urn:uuid:two"}, "type": "seealso"}]);
        let mut two = json!({"resourceType": "Patient"});
        two["link"] =
            json!([{"other": {"reference": "Patient?identifier=urn:p%7C1"}, "type": "seealso"}]);
        let circle = bundle(&[
            post("urn:uuid:one", "Patient", one.clone(), None),
            post("urn:uuid:two", "Patient", two.clone(), None),
        ]);
        let done = transact(&house, &circle).await.unwrap();
        for (from, to) in [(0, 1), (1, 0)] {
            let entry = house
                .records
                .read(&house.permit, &done[from].address)
                .await
                .unwrap();
            let target = format!("\"reference\":\"{}\"", done[to].address);
            assert!(entry.raw.contains(&target), "{}", entry.raw);
        }
        let double = bundle(&[
            post("urn:uuid:one", "Patient", one, None),
            post("urn:uuid:two", "Patient", two, None),
        ]);
        let refused = transact(&house, &double).await;
        assert!(matches!(fault(refused), RecordsError::Ambiguous(_)));
    })
    .await;
}

#[tokio::test]
async fn entries_are_updated_patched_and_deleted_on_conditions() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&patient("a")).await;
        house.put(&patient("b")).await;
        let patch = "[{\"op\":\"add\",\"path\":\"/gender\",\"value\":\"female\"}]";
        let binary = {
            use base64::Engine as _;
            let data = base64::engine::general_purpose::STANDARD.encode(patch);
            json!({"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data})
        };
        let mut update = without_id(patient("a"));
        update["name"] = json!([{"family": "Amano"}]);
        let on = |method: &str, id: &str| {
            json!({"method": method, "url": format!("Patient?identifier=urn:p%7C{id}")})
        };
        let story = bundle(&[
            json!({"resource": update, "request": on("PUT", "a")}),
            json!({"resource": binary, "request": {"method": "PATCH", "url": "Patient/b"}}),
            json!({"request": on("DELETE", "none")}),
            json!({"resource": patient("c"), "request": on("PUT", "c")}),
        ]);
        let done = transact(&house, &story).await.unwrap();
        let told: Vec<_> = done
            .iter()
            .map(|written| (written.address.to_string(), written.outcome))
            .collect();
        assert_eq!(
            told,
            [
                ("Patient/a".to_owned(), Outcome::Updated),
                ("Patient/b".to_owned(), Outcome::Updated),
                ("Patient/c".to_owned(), Outcome::Created),
            ]
        );
        let patched = house.records.read(&house.permit, &address("Patient/b")).await.unwrap();
        assert!(patched.raw.contains("\"gender\":\"female\""));
        let twice = bundle(&[
            json!({"resource": patient("a"), "request": {"method": "PUT", "url": "Patient/a"}}),
            json!({"request": on("DELETE", "a")}),
        ]);
        assert_eq!(transact(&house, &twice).await.unwrap_err().told().status, 400);
        let empty = json!({"resourceType": "Binary", "contentType": "text/plain", "data": ""});
        let no_patch = bundle(&[json!({"resource": empty, "request": {"method": "PATCH", "url": "Patient/b"}})]);
        assert_eq!(transact(&house, &no_patch).await.unwrap_err().told().status, 400);
    })
    .await;
}

#[tokio::test]
async fn what_changes_nothing_is_no_commit() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&patient("p")).await;
        let newest = async || {
            let look = |connection: &mut _| store::read(connection, &address("Patient/p"));
            let seen = house.database.read::<_, DatabaseError, _>(look).await;
            seen.unwrap().unwrap().newest_txn
        };
        let before = newest().await;
        let condition = Some("identifier=urn:p|p");
        let story = bundle(&[
            json!({"request": {"method": "GET", "url": "Patient/p"}}),
            post("urn:uuid:p", "Patient", patient("p"), condition),
        ]);
        assert_eq!(
            transact(&house, &story).await.unwrap()[0].outcome,
            Outcome::Unchanged
        );
        assert_eq!(newest().await, before);
    })
    .await;
}

#[tokio::test]
async fn a_lone_create_takes_a_question_mark_for_a_name_like_any_other() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let mut result = lab("o", "x", "c", "2026-01-01");
        result["subject"]["reference"] = json!("Patient?identifier=urn:p%7Cnobody");
        assert_eq!(house.put(&result).await.outcome, Outcome::Created);
    })
    .await;
}
