//! `$match` over HTTP: who may, what is recorded, what an answer looks like.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use actix_web::test::TestRequest;
use serde_json::{Value, json};

use super::super::site::{HIS, Reply, Site, fhir};
use super::*;
use crate::audit::Filter;
use crate::database::testing::on_each_async;

fn asks(patient: Value) -> TestRequest {
    let body = json!({"resourceType": "Parameters", "parameter": [
        {"name": "resource", "resource": patient}, {"name": "count", "valueInteger": 3}
    ]});
    fhir(TestRequest::post().uri("/fhir/Patient/$match"), &body)
}

fn hana() -> Value {
    json!({
        "resourceType": "Patient", "id": "hana", "gender": "female", "birthDate": "1960-05-05",
        "identifier": [{
            "system": "http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID",
            "value": "00012345:あ:187:05"
        }],
        "name": [{"family": "サトウ", "given": ["ハナ"]}]
    })
}

#[actix_web::test]
async fn an_answer_grades_each_patient_and_is_a_searchset_also_when_empty() {
    on_each_async(async |database| {
        let site = Site::on(database);
        let put = fhir(TestRequest::put().uri("/fhir/Patient/hana"), &hana());
        assert_eq!(site.call(HIS, false, put).await.status, 201);
        let reply = site.call(HIS, false, asks(hana())).await;
        let bundle = reply.body;
        assert_eq!((reply.status, &bundle["total"]), (200, &json!(1)));
        let entry = &bundle["entry"][0];
        assert_eq!(entry["fullUrl"], "http://localhost:8080/fhir/Patient/hana");
        assert_eq!(entry["resource"]["birthDate"], "1960-05-05");
        assert_eq!(
            entry["search"],
            json!({"mode": "match", "score": 1.0, "extension": [{
                "url": "http://hl7.org/fhir/StructureDefinition/match-grade",
                "valueCode": "certain"
            }]})
        );
        let nobody = json!({"resourceType": "Patient", "birthDate": "1901-01-01"});
        let nothing = json!({"resourceType": "Bundle", "type": "searchset", "total": 0});
        let reply = site.call(HIS, false, asks(nobody)).await;
        assert_eq!((reply.status, reply.body), (200, nothing));
    })
    .await;
}

#[actix_web::test]
async fn the_operation_is_listed_where_it_is_served() {
    on_each_async(async |database| {
        let site = Site::on(database);
        for (own_chart, listed) in [(false, true), (true, false)] {
            let request = TestRequest::get().uri("/fhir/metadata");
            let told = site.call(HIS, own_chart, request).await.body;
            let resources = told["rest"][0]["resource"].as_array().unwrap();
            let patient = resources
                .iter()
                .find(|one| one["type"] == "Patient")
                .unwrap();
            let operations = patient["operation"].as_array();
            let mut operations = operations.into_iter().flatten();
            assert_eq!(operations.any(|one| one["name"] == "match"), listed);
        }
    })
    .await;
}

#[actix_web::test]
async fn only_who_may_search_may_match_and_each_try_is_recorded() {
    on_each_async(async |database| {
        let site = Site::on(database);
        let physician = Caller::Physician {
            id: "sato".to_owned(),
        };
        assert_eq!(site.call(physician, false, asks(hana())).await.status, 200);
        let registrar = Caller::Registrar {
            id: Some("desk".to_owned()),
        };
        let reply = site.call(registrar, false, asks(hana())).await;
        assert_eq!(reply.status, 403);
        assert_eq!(reply.body["issue"][0]["code"], "forbidden");
        let lines = site.audit.list(Filter::default()).await.unwrap();
        let tried = lines
            .iter()
            .filter(|line| line.detail["type"] == "Patient/$match");
        let outcomes: Vec<&str> = tried.map(|line| line.outcome.as_str()).collect();
        assert_eq!(outcomes.len(), 2, "{outcomes:?}");
        assert!(outcomes.contains(&"forbidden"));
        // A person does not look for others.
        assert_ne!(site.call(HIS, true, asks(hana())).await.status, 200);
    })
    .await;
}

#[actix_web::test]
async fn parameters_that_are_none_are_refused_where_they_are_wrong() {
    on_each_async(async |database| {
        let site = Site::on(database);
        let person = asks(json!({"resourceType": "Person"}));
        let Reply {
            status,
            body: outcome,
            ..
        } = site.call(HIS, false, person).await;
        assert_eq!(status, 400);
        assert_eq!(outcome["resourceType"], "OperationOutcome");
        assert_eq!(
            outcome["issue"][0]["expression"],
            json!(["Parameters.parameter[0].resource"])
        );
        let escaped = TestRequest::post().uri("/fhir/Patient/%24match");
        let reply = site.call(HIS, false, fhir(escaped, &json!({}))).await;
        assert_eq!(reply.status, 400);
    })
    .await;
}
