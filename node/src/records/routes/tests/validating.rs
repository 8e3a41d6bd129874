//! `$validate`, and what a write says of a resource that does not conform.

use super::*;
use crate::config::Validation;
use crate::records::testing::validator;

const JP_PATIENT: &str = "http://jpfhir.jp/fhir/core/StructureDefinition/JP_Patient";

impl Site {
    fn held(database: Database, policy: Validation) -> Self {
        Self::with(database, validator(policy))
    }

    async fn post(&self, uri: &str, body: &Value) -> Reply {
        self.system(fhir(TestRequest::post().uri(uri), &body.to_string()))
            .await
    }
}

fn odd(id: &str) -> Value {
    let mut odd = patient(id);
    odd["gender"] = json!("strange");
    odd
}

/// Severity, code and place of each issue.
fn said(reply: &Reply) -> Vec<String> {
    let outcome = reply.json();
    assert_eq!(outcome["resourceType"], "OperationOutcome");
    let issues = outcome["issue"].as_array().unwrap().iter();
    issues
        .map(|issue| {
            let place = issue["expression"][0].as_str().unwrap_or("-");
            format!(
                "{} {} {place}",
                text(issue, "severity"),
                text(issue, "code")
            )
        })
        .collect()
}

const WELL: [&str; 1] = ["information informational -"];
const ODD: [&str; 1] = ["error code-invalid Patient.gender"];

#[actix_web::test]
async fn a_resource_is_judged_and_not_stored() {
    on_each_async(async |database| {
        let site = Site::held(database, Validation::Off);
        let good = site.post("/fhir/Patient/$validate", &patient("p")).await;
        assert_eq!(
            (good.status, said(&good)),
            (StatusCode::OK, WELL.map(str::to_owned).into())
        );
        let bad = site.post("/fhir/Patient/$validate", &odd("p")).await;
        assert_eq!(
            (bad.status, said(&bad)),
            (StatusCode::OK, ODD.map(str::to_owned).into())
        );
        assert!(bad.json()["issue"][0]["diagnostics"].is_string());
        assert_eq!(site.get("/fhir/Patient/p").await.status, 404);

        site.put(&odd("q")).await;
        assert_eq!(said(&site.get("/fhir/Patient/q/$validate").await), ODD);
        assert_eq!(site.get("/fhir/Patient/none/$validate").await.status, 404);
    })
    .await;
}

#[actix_web::test]
async fn a_profile_is_judged_by_whether_it_is_claimed_or_asked_for() {
    on_each_async(async |database| {
        let site = Site::held(database, Validation::Off);
        let plain = json!({"resourceType": "Patient", "id": "p"});
        let missing = ["error required Patient"];
        let mut claims = plain.clone();
        claims["meta"] = json!({"profile": [JP_PATIENT]});
        assert_eq!(
            said(&site.post("/fhir/Patient/$validate", &plain).await),
            WELL
        );
        assert_eq!(
            said(&site.post("/fhir/Patient/$validate", &claims).await),
            missing
        );
        for asked in [JP_PATIENT.to_owned(), format!("{JP_PATIENT}%7C1.2.0")] {
            let uri = format!("/fhir/Patient/$validate?profile={asked}");
            assert_eq!(said(&site.post(&uri, &plain).await), missing);
            assert_eq!(said(&site.post(&uri, &patient("p")).await), WELL);
        }
        for unknown in ["urn:nobody", &format!("{JP_PATIENT}%7C0.9")] {
            let uri = format!("/fhir/Patient/$validate?profile={unknown}");
            assert_eq!(site.post(&uri, &plain).await.status, 400);
        }
        site.put(&plain).await;
        let stored = format!("/fhir/Patient/p/$validate?mode=profile&profile={JP_PATIENT}");
        assert_eq!(said(&site.get(&stored).await), missing);
    })
    .await;
}

#[actix_web::test]
async fn parameters_say_what_is_meant_with_the_resource() {
    on_each_async(async |database| {
        let site = Site::held(database, Validation::Off);
        let asks = |mode: &str, resource: Option<Value>| {
            let mut list = vec![json!({"name": "mode", "valueCode": mode})];
            list.extend(resource.map(|one| json!({"name": "resource", "resource": one})));
            json!({"resourceType": "Parameters", "parameter": list})
        };
        let one = "/fhir/Patient/p/$validate";
        let create = asks("create", Some(odd("x")));
        assert_eq!(
            said(&site.post("/fhir/Patient/$validate", &create).await),
            ODD
        );
        let update = |id: &str| asks("update", Some(patient(id)));
        assert_eq!(said(&site.post(one, &update("p")).await), WELL);
        assert_eq!(
            said(&site.post(one, &update("x")).await),
            ["error value Patient.id"]
        );
        let nowhere = site.post("/fhir/Patient/$validate", &update("p")).await;
        assert_eq!(nowhere.status, 400);

        assert_eq!(site.post(one, &asks("delete", None)).await.status, 404);
        site.put(&odd("p")).await;
        assert_eq!(said(&site.post(one, &asks("delete", None)).await), WELL);
        assert_eq!(site.get("/fhir/Patient/p").await.status, 200);
    })
    .await;
}

#[actix_web::test]
async fn what_is_no_question_to_the_validator_is_400_and_what_is_not_here_404() {
    on_each_async(async |database| {
        let site = Site::held(database, Validation::Off);
        let send = async |uri: &str, body: &str| {
            let request = fhir(TestRequest::post().uri(uri), body);
            site.system(request).await.status.as_u16()
        };
        assert_eq!(send("/fhir/Patient/$validate", "{").await, 400);
        assert_eq!(send("/fhir/Patient/$validate", "{}").await, 400);
        let twice = "{\"resourceType\":\"Patient\",\"id\":\"a\",\"id\":\"b\"}";
        assert_eq!(send("/fhir/Patient/$validate", twice).await, 400);
        assert_eq!(
            send("/fhir/Group/$validate", &patient("p").to_string()).await,
            400
        );
        assert_eq!(send("/fhir/Unicorn/$validate", "{}").await, 404);
        let form = TestRequest::post()
            .uri("/fhir/Patient/$validate")
            .set_payload("a=b");
        assert_eq!(site.system(form).await.status, 415);
    })
    .await;
}

#[actix_web::test]
async fn judging_is_for_those_who_read_and_leaves_a_line() {
    on_each_async(async |database| {
        let site = Site::held(database, Validation::Off);
        site.put(&patient("p")).await;
        let ask = async |caller: Caller| {
            let request = TestRequest::get().uri("/fhir/Patient/p/$validate");
            site.call(caller, false, request).await.status.as_u16()
        };
        let staff = |role| Caller::staff(role, Some("s-1".into())).unwrap();
        assert_eq!(ask(staff(crate::identity::Role::Physician)).await, 200);
        assert_eq!(ask(staff(crate::identity::Role::Auditor)).await, 403);
        let lines = site.audit.list(Filter::default()).await.unwrap();
        let lines: Vec<String> = lines.iter().map(|line| format!("{line:?}")).collect();
        let judged = lines.iter().filter(|line| line.contains("validate"));
        assert!(
            judged.clone().all(|line| line.contains("Patient/p")),
            "{lines:?}"
        );
        assert_eq!(judged.count(), 2);
    })
    .await;
}

#[actix_web::test]
async fn a_write_tells_what_was_wrong_with_it() {
    on_each_async(async |database| {
        let site = Site::held(database.clone(), Validation::Warn);
        let put = |one: &Value| {
            let request = TestRequest::put().uri("/fhir/Patient/p");
            fhir(request, &one.to_string()).insert_header(("prefer", "return=OperationOutcome"))
        };
        let taken = site.system(put(&odd("p"))).await;
        assert_eq!(taken.status, 201);
        assert_eq!(said(&taken), [WELL, ODD].concat());
        assert_eq!(said(&site.system(put(&patient("p"))).await), WELL);

        let strict = Site::held(database, Validation::Strict);
        let refused = strict.system(put(&odd("p"))).await;
        assert_eq!(refused.status, 422);
        assert_eq!(said(&refused), ODD);
        let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": [
            {"resource": odd("p"), "request": {"method": "PUT", "url": "Patient/p"}},
            {"resource": patient("q"), "request": {"method": "PUT", "url": "Patient/q"}}
        ]});
        let answers = strict.post("/fhir", &batch).await.json();
        let first = &answers["entry"][0]["response"];
        assert_eq!(first["status"], "422");
        assert_eq!(first["outcome"]["issue"][0]["code"], "code-invalid");
        assert_eq!(answers["entry"][1]["response"]["status"], "201");
    })
    .await;
}

#[actix_web::test]
async fn the_capability_statement_names_the_profiles_that_are_checked() {
    on_each_async(async |database| {
        let site = Site::held(database, Validation::Warn);
        let told = site.get("/fhir/metadata").await.json();
        let guide = "http://jpfhir.jp/fhir/core/ImplementationGuide/jpfhir.jp.core";
        assert_eq!(
            told["implementationGuide"],
            json!([format!("{guide}|1.1.2"), format!("{guide}|1.2.0")])
        );
        let resources = told["rest"][0]["resource"].as_array().unwrap();
        let patient = resources
            .iter()
            .find(|one| one["type"] == "Patient")
            .unwrap();
        assert_eq!(
            patient["supportedProfile"],
            json!([format!("{JP_PATIENT}|1.1.2"), format!("{JP_PATIENT}|1.2.0")])
        );
        let operations = patient["operation"].as_array().unwrap();
        assert!(operations.iter().any(|one| one["name"] == "validate"));
        assert!(patient["operation"][0]["name"] == "everything");
    })
    .await;
}
