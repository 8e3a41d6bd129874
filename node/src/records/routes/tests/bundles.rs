//! Batches and transactions.

use super::*;

fn bundle(kind: &str, entries: Value) -> TestRequest {
    let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": entries});
    fhir(TestRequest::post().uri("/fhir"), &bundle.to_string())
}

fn statuses(reply: &Reply) -> Vec<String> {
    let bundle = reply.json();
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    entries
        .iter()
        .map(|entry| text(&entry["response"], "status").to_owned())
        .collect()
}

#[actix_web::test]
async fn entries_of_a_batch_succeed_and_fail_each_for_itself() {
    on_each_async(async |database| {
        let site = Site::on(database);
        let get = |url: &str| json!({"request": {"method": "GET", "url": url}});
        let done = site
            .system(bundle(
                "batch",
                json!([
                    {"resource": patient("p"), "request": {"method": "PUT", "url": "Patient/p"}},
                    {"resource": patient("p"), "request": {"method": "PUT", "url": "Patient/q"}},
                    get("Patient/p"),
                    get("Patient/none"),
                    get("Patient?identifier=urn:p%7Cp"),
                    get("Patient/p/_history"),
                    get("Patient?colour=red"),
                    get("Unicorn/1"),
                    {"request": {"method": "GET", "url": "Patient/p", "ifNoneMatch": "W/\"1\""}},
                    {"request": {"method": "DELETE", "url": "Patient/p", "ifMatch": "W/\"9\""}},
                    {"resource": patient("x"), "request": {"method": "POST", "url": "Patient",
                        "ifNoneExist": "identifier=urn:p|p"}},
                    {}
                ]),
            ))
            .await;
        assert_eq!(done.status, 200);
        let expected = [
            "201", "400", "200", "404", "200", "200", "400", "404", "304", "412", "200", "400",
        ];
        assert_eq!(statuses(&done), expected, "{}", done.text);
        let told = done.json();
        assert_eq!(told["type"], "batch-response");
        assert_eq!(told["entry"][2]["resource"]["id"], "p");
        assert_eq!(
            told["entry"][3]["response"]["outcome"]["issue"][0]["code"],
            "not-found"
        );
        assert_eq!(told["entry"][4]["resource"]["type"], "searchset");
        assert_eq!(told["entry"][5]["resource"]["type"], "history");
        assert_eq!(
            told["entry"][10]["response"]["location"],
            "Patient/p/_history/1"
        );
    })
    .await;
}

#[actix_web::test]
async fn each_entry_of_a_batch_is_permitted_for_itself() {
    on_each_async(async |database| {
        let site = Site::on(database);
        site.put(&patient("p")).await;
        let physician = || Caller::Physician {
            id: "dr-1".to_owned(),
        };
        let write =
            json!({"resource": patient("p"), "request": {"method": "PUT", "url": "Patient/p"}});
        let read = json!({"request": {"method": "GET", "url": "Patient/p"}});
        let lines = async || site.audit.list(Filter::default()).await.unwrap().len();
        let before = lines().await;
        let batch = bundle("batch", json!([write, read]));
        let done = site.call(physician(), false, batch).await;
        assert_eq!(statuses(&done), ["403", "200"]);
        assert_eq!(lines().await, before + 2);
        let transaction = bundle("transaction", json!([read]));
        assert_eq!(site.call(physician(), false, transaction).await.status, 403);
        let reading = bundle("transaction", json!([read]));
        let before = lines().await;
        assert_eq!(site.system(reading).await.status, 200);
        assert_eq!(lines().await, before + 2);
    })
    .await;
}

#[actix_web::test]
async fn a_transaction_tells_what_was_preferred_and_undoes_all_for_one_failure() {
    on_each_async(async |database| {
        let site = Site::on(database);
        let put =
            json!({"resource": patient("p"), "request": {"method": "PUT", "url": "Patient/p"}});
        let find = json!({"request": {"method": "GET", "url": "Patient?_id=p"}});
        let request = bundle("transaction", json!([find, put]))
            .insert_header(("prefer", "return=representation"));
        let done = site.system(request).await.json();
        assert_eq!(done["type"], "transaction-response");
        assert_eq!(
            done["entry"][0]["resource"]["entry"][0]["resource"]["id"],
            "p"
        );
        let wrote = &done["entry"][1];
        assert_eq!(wrote["resource"]["meta"]["versionId"], "1");
        assert_eq!(wrote["response"]["etag"], "W/\"1\"");
        assert_eq!(
            wrote["response"]["lastModified"],
            wrote["resource"]["meta"]["lastUpdated"]
        );
        assert_eq!(wrote["fullUrl"], "http://localhost:8080/fhir/Patient/p");
        let missing = json!({"request": {"method": "GET", "url": "Patient/none"}});
        let new =
            json!({"resource": patient("new"), "request": {"method": "PUT", "url": "Patient/new"}});
        let refused = site
            .system(bundle("transaction", json!([new, missing])))
            .await;
        assert_eq!(refused.status, 404);
        assert_eq!(
            refused.json()["issue"][0]["expression"],
            json!(["Bundle.entry[1]"])
        );
        assert_eq!(site.get("/fhir/Patient/new").await.status, 404);
        let many: Vec<Value> = (0..5_001).map(|_| find.clone()).collect();
        let refused = site.system(bundle("batch", json!(many))).await;
        assert_eq!(refused.status, 400);
        assert!(refused.text.contains("5000 entries"));
    })
    .await;
}

#[actix_web::test]
async fn a_read_in_a_transaction_says_nothing_to_who_has_it_already() {
    on_each_async(async |database| {
        let site = Site::on(database);
        site.put(&patient("p")).await;
        let read = |known: &str| {
            json!({"request": {"method": "GET", "url": "Patient/p", "ifNoneMatch": known}})
        };
        for kind in ["batch", "transaction"] {
            let entries = json!([read("W/\"1\""), read("W/\"7\"")]);
            let done = site.system(bundle(kind, entries)).await;
            assert_eq!(statuses(&done), ["304", "200"], "{kind}");
            let told = done.json();
            assert!(told["entry"][0]["resource"].is_null(), "{kind}");
            assert_eq!(told["entry"][0]["response"]["etag"], "W/\"1\"");
            assert_eq!(told["entry"][1]["resource"]["id"], "p");
        }
    })
    .await;
}
