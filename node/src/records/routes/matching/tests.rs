//! `$match` over HTTP: who may, what is recorded, what an answer looks like.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use actix_web::dev::Service as _;
use actix_web::test::TestRequest;
use actix_web::{App, HttpMessage as _, test};
use serde_json::{Value, json};

use super::super::{configure, configure_own_chart};
use super::*;
use crate::audit::{Audit, Filter};
use crate::consent::testing::Home;
use crate::database::Database;
use crate::database::testing::on_each_async;

const HIS: Caller = Caller::System { id: String::new() };

struct Site {
    home: Home,
    records: Records,
    audit: Audit,
}

impl Site {
    fn on(database: Database) -> Self {
        let home = Home::on(database.clone());
        let (own, clock) = (home.minato.id.clone(), home.clock.clone());
        let opened = database.clone();
        let records = std::thread::spawn(move || Records::open(opened, clock, &own).unwrap());
        Self {
            home,
            records: records.join().unwrap(),
            audit: Audit::new(database),
        }
    }

    /// Status and body.
    async fn call(&self, caller: Caller, own_chart: bool, request: TestRequest) -> (u16, Value) {
        let access = Access::new(self.audit.clone(), self.home.clock.clone());
        let app = App::new()
            .app_data(Data::new(self.records.clone()))
            .app_data(Data::new(access))
            .app_data(Data::new(self.home.consents.clone()))
            .wrap_fn(move |request, service| {
                request.extensions_mut().insert(caller.clone());
                service.call(request)
            })
            .configure(if own_chart {
                configure_own_chart
            } else {
                configure
            });
        let app = test::init_service(app).await;
        let response = test::call_service(&app, request.to_request()).await;
        let status = response.status().as_u16();
        let body = test::read_body(response).await;
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }
}

fn fhir(request: TestRequest, body: &Value) -> TestRequest {
    request
        .insert_header(("content-type", "application/fhir+json"))
        .set_payload(body.to_string())
}

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
        assert_eq!(site.call(HIS, false, put).await.0, 201);
        let (status, bundle) = site.call(HIS, false, asks(hana())).await;
        assert_eq!((status, &bundle["total"]), (200, &json!(1)));
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
        assert_eq!(site.call(HIS, false, asks(nobody)).await, (200, nothing));
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
        assert_eq!(site.call(physician, false, asks(hana())).await.0, 200);
        let registrar = Caller::Registrar {
            id: Some("desk".to_owned()),
        };
        let (status, outcome) = site.call(registrar.clone(), false, asks(hana())).await;
        assert_eq!(status, 403);
        assert_eq!(outcome["issue"][0]["code"], "forbidden");
        let lines = site.audit.list(Filter::default()).await.unwrap();
        let tried = lines
            .iter()
            .filter(|line| line.detail["type"] == "Patient/$match");
        let outcomes: Vec<&str> = tried.map(|line| line.outcome.as_str()).collect();
        assert_eq!(outcomes.len(), 2, "{outcomes:?}");
        assert!(outcomes.contains(&"forbidden"));
        // A person does not look for others.
        assert_ne!(site.call(HIS, true, asks(hana())).await.0, 200);
    })
    .await;
}

#[actix_web::test]
async fn parameters_that_are_none_are_refused_where_they_are_wrong() {
    on_each_async(async |database| {
        let site = Site::on(database);
        let (status, outcome) = site
            .call(HIS, false, asks(json!({"resourceType": "Person"})))
            .await;
        assert_eq!(status, 400);
        assert_eq!(outcome["resourceType"], "OperationOutcome");
        assert_eq!(
            outcome["issue"][0]["expression"],
            json!(["Parameters.parameter[0].resource"])
        );
        let escaped = TestRequest::post().uri("/fhir/Patient/%24match");
        let (status, _) = site.call(HIS, false, fhir(escaped, &json!({}))).await;
        assert_eq!(status, 400);
    })
    .await;
}
