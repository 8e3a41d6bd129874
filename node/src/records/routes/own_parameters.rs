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
