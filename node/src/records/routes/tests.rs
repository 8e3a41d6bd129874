//! The surface over HTTP, with real permits and audit lines; the caller is put in by hand, where
//! the door would put them.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use actix_web::dev::Service as _;
use actix_web::http::{Method, StatusCode, header};
use actix_web::test::TestRequest;
use actix_web::{App, HttpMessage as _, test};
use serde_json::{Value, json};

mod asked_of_everything;
mod bundles;
mod capable;
mod changing;
mod heads;
mod looking_back;
mod validating;

use super::*;
use crate::audit::{Audit, Filter};
use crate::consent::testing::Home;
use crate::database::testing::on_each_async;
use crate::database::{Database, Rid};
use crate::identity::PersonId;
use crate::records::{Address, ResourceType, Validator};

struct Site {
    home: Home,
    records: Records,
    audit: Audit,
}

struct Reply {
    status: StatusCode,
    headers: header::HeaderMap,
    text: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    fn ids(&self) -> Vec<String> {
        let bundle = self.json();
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        entries
            .iter()
            .map(|e| e["resource"]["id"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Site {
    fn on(database: Database) -> Self {
        Self::with(database, Validator::off())
    }

    fn with(database: Database, validator: Validator) -> Self {
        let home = Home::on(database.clone());
        let (own, clock) = (home.minato.id.clone(), home.clock.clone());
        let opened = database.clone();
        let records =
            std::thread::spawn(move || Records::open(opened, clock, &own, validator).unwrap())
                .join()
                .unwrap();
        Self {
            home,
            records,
            audit: Audit::new(database),
        }
    }

    async fn call(&self, caller: Caller, own_chart: bool, request: TestRequest) -> Reply {
        let door = if own_chart {
            configure_own_chart
        } else {
            configure
        };
        let app = App::new()
            .app_data(Data::new(self.records.clone()))
            .app_data(Data::new(Access::new(
                self.audit.clone(),
                self.home.clock.clone(),
            )))
            .app_data(Data::new(self.home.consents.clone()))
            .wrap_fn(move |request, service| {
                request.extensions_mut().insert(caller.clone());
                service.call(request)
            })
            .configure(door);
        let app = test::init_service(app).await;
        let response = test::call_service(&app, request.to_request()).await;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = test::read_body(response).await;
        Reply {
            status,
            headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    async fn system(&self, request: TestRequest) -> Reply {
        self.call(
            Caller::System {
                id: "his".to_owned(),
            },
            false,
            request,
        )
        .await
    }

    async fn get(&self, uri: &str) -> Reply {
        self.system(TestRequest::get().uri(uri)).await
    }

    async fn put(&self, resource: &Value) -> Reply {
        let uri = format!(
            "/fhir/{}/{}",
            text(resource, "resourceType"),
            text(resource, "id")
        );
        self.system(fhir(TestRequest::put().uri(&uri), &resource.to_string()))
            .await
    }
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap()
}

fn fhir(request: TestRequest, body: &str) -> TestRequest {
    request
        .insert_header((header::CONTENT_TYPE, "application/fhir+json"))
        .set_payload(body.to_owned())
}

fn patient(id: &str) -> Value {
    json!({"resourceType": "Patient", "id": id, "identifier": [{"system": "urn:p", "value": id}]})
}

fn result(id: &str, patient: &str) -> Value {
    json!({
        "resourceType": "Observation", "id": id, "status": "final",
        "code": {"coding": [{"system": "urn:c", "code": "c"}]},
        "subject": {"reference": format!("Patient/{patient}")}, "effectiveDateTime": "2026-01-01"
    })
}

#[actix_web::test]
async fn a_resource_is_written_read_changed_and_deleted() {
    on_each_async(async |database| {
        let site = Site::on(database);
        let body = "{\"resourceType\":\"Patient\",\"name\":[{\"text\":\"１ 𠮷\"}]}";
        let made = site
            .system(fhir(TestRequest::post().uri("/fhir/Patient"), body))
            .await;
        assert_eq!(made.status, 201);
        assert_eq!(made.header("etag"), "W/\"1\"");
        assert!(made.text.contains("\"versionId\":\"1\""));
        assert!(made.headers.contains_key("last-modified"));
        let location = made.header("location").to_owned();
        let path = location.strip_prefix("http://localhost:8080").unwrap();
        let version = site.get(path).await;
        assert_eq!(version.status, 200);
        assert_eq!(
            version.header("content-type"),
            "application/fhir+json; charset=utf-8"
        );
        assert!(version.text.contains("\"name\":[{\"text\":\"１ 𠮷\"}]"));
        let at = path.split("/_history").next().unwrap();
        let head = site
            .system(TestRequest::with_uri(at).method(Method::HEAD))
            .await;
        assert_eq!(
            (head.status, head.header("etag")),
            (StatusCode::OK, "W/\"1\"")
        );
        let known = TestRequest::get()
            .uri(at)
            .insert_header(("if-none-match", "W/\"1\""));
        assert_eq!(site.system(known).await.status, 304);
        let id = at.rsplit('/').next().unwrap();
        let update = |if_match: &str| {
            let request = TestRequest::put()
                .uri(at)
                .insert_header(("if-match", if_match));
            fhir(
                request.insert_header(("prefer", "return=representation")),
                &patient(id).to_string(),
            )
        };
        assert_eq!(site.system(update("W/\"7\"")).await.status, 412);
        assert_eq!(site.system(update("seven")).await.status, 400);
        let updated = site.system(update("W/\"1\"")).await;
        assert_eq!(
            (updated.status, updated.header("etag")),
            (StatusCode::OK, "W/\"2\"")
        );
        assert_eq!(updated.json()["meta"]["versionId"], "2");
        let delete = || site.system(TestRequest::delete().uri(at));
        assert_eq!(delete().await.status, 204);
        assert_eq!(delete().await.status, 204);
        let gone = site.get(at).await;
        assert_eq!(
            (gone.status, gone.json()["issue"][0]["code"].clone()),
            (StatusCode::GONE, json!("deleted"))
        );
        assert_eq!(site.get(path).await.status, 200);
    })
    .await;
}

#[actix_web::test]
async fn a_search_gives_pages_by_get_and_by_form() {
    on_each_async(async |database| {
        let site = Site::on(database);
        site.put(&patient("p")).await;
        for id in ["a", "b", "c"] {
            site.put(&result(id, "p")).await;
        }
        let page = site
            .get("/fhir/Observation?patient=p&code=urn:c%7Cc&_count=2&_format=json")
            .await;
        assert_eq!(page.status, 200);
        assert_eq!(page.ids(), ["c", "b"]);
        let bundle = page.json();
        assert_eq!(bundle["type"], "searchset");
        assert_eq!(
            bundle["entry"][0]["fullUrl"],
            "http://localhost:8080/fhir/Observation/c"
        );
        assert_eq!(bundle["entry"][0]["search"]["mode"], "match");
        let next = bundle["link"][1]["url"].as_str().unwrap();
        let last = site
            .get(next.strip_prefix("http://localhost:8080").unwrap())
            .await;
        assert_eq!(last.ids(), ["a"]);
        assert_eq!(last.json()["link"].as_array().unwrap().len(), 1);
        let form = TestRequest::post()
            .uri("/fhir/Observation/_search?_count=1")
            .insert_header((header::CONTENT_TYPE, "application/x-www-form-urlencoded"))
            .set_payload("patient=Patient%2Fp");
        assert_eq!(site.system(form).await.ids(), ["c"]);
        let empty = site.get("/fhir/Observation?patient=nobody").await;
        assert_eq!((empty.status, empty.ids().len()), (StatusCode::OK, 0));
        let made = site.system(
            fhir(
                TestRequest::post().uri("/fhir/Patient"),
                &patient("x").to_string(),
            )
            .insert_header(("if-none-exist", "identifier=urn:p|p")),
        );
        let made = made.await;
        assert_eq!(made.status, 200);
        assert!(made.header("location").contains("/Patient/p/_history/1"));
    })
    .await;
}

#[actix_web::test]
async fn whatever_is_wrong_is_an_operation_outcome_without_patient_data() {
    on_each_async(async |database| {
        let site = Site::on(database);
        let secret = "花子";
        let post = |uri: &str, media: &str, body: &str| {
            TestRequest::post()
                .uri(uri)
                .insert_header((header::CONTENT_TYPE, media.to_owned()))
                .set_payload(body.to_owned())
        };
        let json_type = "application/fhir+json";
        let broken = format!("{{\"resourceType\":\"Patient\",\"name\":\"{secret}\" oops}}");
        let twice = format!("{{\"resourceType\":\"Patient\",\"{secret}\":1,\"{secret}\":2}}");
        let huge = format!(
            "{{\"resourceType\":\"Patient\",\"x\":\"{}\"}}",
            "y".repeat(33 << 20)
        );
        let cases = [
            (400, TestRequest::get().uri("/fhir/Patient?colour=red")),
            (400, TestRequest::get().uri("/fhir/Patient?name:sounds=x")),
            (400, TestRequest::get().uri("/fhir/Patient?_count=many")),
            (400, TestRequest::get().uri("/fhir/Patient?_cursor=mine")),
            (400, TestRequest::get().uri("/fhir/Patient/a%20b")),
            (404, TestRequest::get().uri("/fhir/Patient/none")),
            (404, TestRequest::get().uri("/fhir/Patient/none/_history/1")),
            (404, TestRequest::get().uri("/fhir/Patient/none/_history/x")),
            (404, TestRequest::get().uri("/fhir/Unicorn/1")),
            (404, TestRequest::get().uri("/fhir/Unicorn?x=1")),
            (404, TestRequest::get().uri("/fhir/Patient/1/2/3/4")),
            (405, TestRequest::get().uri("/fhir")),
            (406, TestRequest::get().uri("/fhir/Patient?_format=xml")),
            (
                406,
                TestRequest::get()
                    .uri("/fhir/Patient")
                    .insert_header(("accept", "application/fhir+xml")),
            ),
            (
                415,
                post("/fhir/Patient", "application/fhir+xml", "<Patient/>"),
            ),
            (415, post("/fhir/Patient/_search", "application/json", "{}")),
            (413, post("/fhir/Patient", json_type, &huge)),
            (400, post("/fhir/Patient", json_type, "")),
            (400, post("/fhir/Patient", json_type, &broken)),
            (400, post("/fhir/Patient", json_type, &twice)),
            (
                400,
                post(
                    "/fhir/Patient",
                    json_type,
                    "{\"resourceType\":\"Observation\"}",
                ),
            ),
            (
                400,
                post(
                    "/fhir",
                    json_type,
                    "{\"resourceType\":\"Bundle\",\"type\":\"document\"}",
                ),
            ),
            (405, TestRequest::delete().uri("/fhir/Patient/_history")),
            (405, post("/fhir/Patient/1", json_type, "{}")),
            (412, TestRequest::delete().uri("/fhir/Patient")),
            (405, post("/fhir/Consent", json_type, "{}")),
            (
                400,
                post(
                    "/fhir",
                    json_type,
                    "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[{}]}",
                ),
            ),
            (
                400,
                fhir(
                    TestRequest::put().uri("/fhir/Patient/1"),
                    "{\"resourceType\":\"Patient\",\"id\":\"2\"}",
                ),
            ),
        ];
        for (number, (status, request)) in cases.into_iter().enumerate() {
            let reply = site.system(request).await;
            assert_eq!(reply.status, status, "case {number}: {}", reply.text);
            assert_eq!(
                reply.json()["resourceType"],
                "OperationOutcome",
                "case {number}"
            );
            assert!(
                !reply.text.contains(secret),
                "case {number}: {}",
                reply.text
            );
        }
    })
    .await;
}

#[actix_web::test]
async fn a_transaction_answers_entry_by_entry() {
    on_each_async(async |database| {
        let site = Site::on(database);
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
            {"resource": patient("p"), "request": {"method": "PUT", "url": "Patient/p"}},
            {"request": {"method": "DELETE", "url": "Patient/none"}}
        ]});
        let done = site
            .system(fhir(TestRequest::post().uri("/fhir"), &bundle.to_string()))
            .await;
        assert_eq!(done.status, 200);
        let done = done.json();
        assert_eq!(done["type"], "transaction-response");
        assert_eq!(done["entry"][0]["response"]["status"], "201");
        assert_eq!(
            done["entry"][0]["response"]["location"],
            "Patient/p/_history/1"
        );
        assert_eq!(done["entry"][1]["response"]["status"], "204");
    })
    .await;
}

#[actix_web::test]
async fn roles_and_doors_limit_what_is_done_and_every_read_names_its_chart() {
    on_each_async(async |database| {
        let site = Site::on(database);
        site.put(&patient("p")).await;
        site.put(&patient("q")).await;
        site.put(&result("mine", "p")).await;
        site.put(&result("theirs", "q")).await;
        let physician = || Caller::Physician {
            id: "dr-1".to_owned(),
        };
        let body = patient("p").to_string();
        let write = || fhir(TestRequest::put().uri("/fhir/Patient/p"), &body);
        assert_eq!(site.call(physician(), false, write()).await.status, 403);
        let read = || TestRequest::get().uri("/fhir/Observation/mine");
        assert_eq!(site.call(physician(), false, read()).await.status, 200);
        let auditor = Caller::Auditor { id: None };
        assert_eq!(site.call(auditor, false, read()).await.status, 403);

        let address = Address::parse("Patient/p").unwrap();
        let chart: Rid = site.records.chart_of(&address).await.unwrap().unwrap();
        let lines = site
            .audit
            .list(Filter {
                patient: Some(chart),
                ..Filter::default()
            })
            .await;
        assert_eq!(lines.unwrap().len(), 2);

        let hana = Caller::Person {
            id: PersonId::random(),
            patient: chart,
        };
        let get = async |uri: &str| {
            site.call(hana.clone(), true, TestRequest::get().uri(uri))
                .await
        };
        assert_eq!(get("/fhir/Observation").await.ids(), ["mine"]);
        assert_eq!(get("/fhir/Observation?patient=q").await.ids().len(), 0);
        assert_eq!(get("/fhir/Observation/theirs").await.status, 404);
        assert_eq!(get("/fhir/Consent").await.ids().len(), 0);
        assert_eq!(get("/fhir/Consent?patient=p").await.status, 200);
        assert_eq!(get("/fhir/Consent/none").await.status, 404);
        assert_eq!(get("/fhir/Consent?status=active").await.status, 400);
        let refused = site.call(hana.clone(), true, write()).await;
        assert!(
            refused.status == 404 || refused.status == 405,
            "{}",
            refused.status
        );
    })
    .await;
}
