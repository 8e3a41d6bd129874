//! A hospital's own search parameters over HTTP: too early, then listed and answered.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use actix_web::test::TestRequest;
use serde_json::{Value, json};

use super::site::{HIS, Site, fhir};
use crate::database::testing::on_each_async;

fn bed() -> Value {
    json!({
        "resourceType": "SearchParameter", "id": "bed", "status": "active", "code": "bed",
        "url": "http://minato.example/SearchParameter/bed", "base": ["Patient"], "type": "string",
        "expression": "Patient.extension('urn:bed').value.as(string)"
    })
}

/// Whether the CapabilityStatement names it.
async fn is_listed(site: &Site) -> bool {
    let request = TestRequest::get().uri("/fhir/metadata");
    let told = site.call(HIS, false, request).await.body;
    let resources = told["rest"][0]["resource"].as_array().unwrap();
    let patient = resources.iter().find(|one| one["type"] == "Patient");
    let listed = patient.unwrap()["searchParam"].as_array().unwrap();
    listed.contains(&json!({
        "name": "bed", "definition": "http://minato.example/SearchParameter/bed", "type": "string"
    }))
}

#[actix_web::test]
async fn a_search_that_comes_too_early_is_told_to_come_again() {
    on_each_async(async |database| {
        let site = Site::on(database);
        let patient = json!({
            "resourceType": "Patient", "id": "hana",
            "extension": [{"url": "urn:bed", "valueString": "東12"}]
        });
        for resource in [patient, bed()] {
            let (kind, id) = (resource["resourceType"].as_str(), resource["id"].as_str());
            let uri = format!("/fhir/{}/{}", kind.unwrap(), id.unwrap());
            let put = fhir(TestRequest::put().uri(&uri), &resource);
            assert_eq!(site.call(HIS, false, put).await.status, 201);
        }
        let search = || TestRequest::get().uri("/fhir/Patient?bed=%E6%9D%B112");
        let early = site.call(HIS, false, search()).await;
        assert_eq!(early.status, 503);
        assert!(early.headers.contains_key("retry-after"));
        assert_eq!(early.body["issue"][0]["code"], "transient");
        assert!(!is_listed(&site).await);
        while site.records.index_some().await.unwrap() {}
        let found = site.call(HIS, false, search()).await;
        assert_eq!(found.body["entry"][0]["resource"]["id"], "hana");
        assert!(is_listed(&site).await);
        let delete = TestRequest::delete().uri("/fhir/SearchParameter/bed");
        assert_eq!(site.call(HIS, false, delete).await.status, 204);
        assert_eq!(site.call(HIS, false, search()).await.status, 400);
        assert!(!is_listed(&site).await);
    })
    .await;
}

#[actix_web::test]
async fn a_definition_that_cannot_be_evaluated_is_refused_where_it_is_wrong() {
    on_each_async(async |database| {
        let site = Site::on(database);
        let mut wrong = bed();
        wrong["expression"] = json!("Patient.name.matches('x')");
        let post = fhir(TestRequest::post().uri("/fhir/SearchParameter"), &wrong);
        let refused = site.call(HIS, false, post).await;
        assert_eq!(refused.status, 422, "{}", refused.body);
        assert_eq!(
            refused.body["issue"][0]["expression"],
            json!(["SearchParameter.expression"])
        );
    })
    .await;
}

/// A site where `bed` can be asked for, and one Patient in bed 東12.
async fn with_a_bed(database: crate::database::Database) -> Site {
    let site = Site::on(database);
    for resource in [in_bed("hana", "東12"), bed()] {
        let (kind, id) = (resource["resourceType"].as_str(), resource["id"].as_str());
        let uri = format!("/fhir/{}/{}", kind.unwrap(), id.unwrap());
        let put = fhir(TestRequest::put().uri(&uri), &resource);
        assert_eq!(site.call(HIS, false, put).await.status, 201);
    }
    while site.records.index_some().await.unwrap() {}
    site
}

fn in_bed(id: &str, bed: &str) -> Value {
    json!({
        "resourceType": "Patient", "id": id,
        "extension": [{"url": "urn:bed", "valueString": bed}]
    })
}

const IN_BED: &str = "bed:exact=%E6%9D%B112";

#[actix_web::test]
async fn conditions_know_the_hospitals_own_parameters() {
    on_each_async(async |database| {
        let site = with_a_bed(database).await;
        let call = async |request: TestRequest| site.call(HIS, false, request).await;
        let mut new = in_bed("x", "東12");
        new.as_object_mut().unwrap().remove("id");
        // Created only where nobody lies there.
        for (bed, status) in [(IN_BED, 200), ("bed=nobody", 201)] {
            let post = fhir(TestRequest::post().uri("/fhir/Patient"), &new);
            let made = call(post.insert_header(("if-none-exist", bed))).await;
            assert_eq!(made.status, status, "{bed}: {}", made.body);
        }
        let found = call(TestRequest::get().uri(&format!("/fhir/Patient?{IN_BED}"))).await;
        assert_eq!(found.body["entry"].as_array().unwrap().len(), 2);
        let one = format!("/fhir/Patient?{IN_BED}&_id=hana");
        let put = call(fhir(TestRequest::put().uri(&one), &in_bed("hana", "東12"))).await;
        assert_eq!(
            (put.status, &put.body["meta"]["versionId"]),
            (200, &json!("2"))
        );
        let patch = TestRequest::patch()
            .uri(&one)
            .set_payload(json!([{"op": "add", "path": "/gender", "value": "female"}]).to_string());
        let patch = patch.insert_header(("content-type", "application/json-patch+json"));
        assert_eq!(call(patch).await.body["gender"], "female");
        let two = format!("/fhir/Patient?{IN_BED}");
        let refused = call(TestRequest::delete().uri(&two)).await;
        assert_eq!(refused.status, 412, "{}", refused.body);
        assert_eq!(call(TestRequest::delete().uri(&one)).await.status, 204);
        assert_eq!(call(TestRequest::delete().uri(&two)).await.status, 204);
        let unknown = call(TestRequest::delete().uri("/fhir/Patient?colour=red")).await;
        assert_eq!(unknown.status, 400, "{}", unknown.body);
    })
    .await;
}

#[actix_web::test]
async fn bundles_know_the_hospitals_own_parameters() {
    on_each_async(async |database| {
        let site = with_a_bed(database).await;
        let result = json!({
            "resourceType": "Observation", "status": "final", "code": {"text": "x"},
            "subject": {"reference": format!("Patient?{IN_BED}")}
        });
        let search =
            |by: &str| json!({"request": {"method": "GET", "url": format!("Patient?{by}")}});
        for kind in ["batch", "transaction"] {
            let mut entries = vec![search(IN_BED)];
            if kind == "transaction" {
                let request = json!({"method": "POST", "url": "Observation"});
                entries.push(json!({"resource": result, "request": request}));
            }
            let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": entries});
            let post = fhir(TestRequest::post().uri("/fhir"), &bundle);
            let done = site.call(HIS, false, post).await;
            assert_eq!(done.status, 200, "{}", done.body);
            let found = &done.body["entry"][0]["resource"]["entry"][0]["resource"]["id"];
            assert_eq!(found, "hana", "{kind}");
        }
        let found = TestRequest::get().uri("/fhir/Observation?patient=hana");
        let found = site.call(HIS, false, found).await;
        assert_eq!(found.body["entry"].as_array().unwrap().len(), 1);
        // What nobody defined undoes all of a transaction, at its entry.
        let put = json!({"resource": in_bed("new", "1"),
            "request": {"method": "PUT", "url": "Patient/new"}});
        let bundle = json!({"resourceType": "Bundle", "type": "transaction",
            "entry": [put, search("colour=red")]});
        let refused = fhir(TestRequest::post().uri("/fhir"), &bundle);
        let refused = site.call(HIS, false, refused).await;
        assert_eq!(refused.status, 400, "{}", refused.body);
        assert_eq!(
            refused.body["issue"][0]["expression"],
            json!(["Bundle.entry[1]"])
        );
        let new = TestRequest::get().uri("/fhir/Patient/new");
        assert_eq!(site.call(HIS, false, new).await.status, 404);
    })
    .await;
}
