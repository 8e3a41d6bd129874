//! The surface over HTTP; the caller is put in by hand, where the door would put them.

use actix_web::dev::Service as _;
use actix_web::http::{Method, StatusCode, header::HeaderMap};
use actix_web::test::TestRequest;
use actix_web::web::Data;
use actix_web::{App, HttpMessage as _, test};

use super::*;
use crate::export::routes::configure;

struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    fn refusal(&self) -> (u16, String) {
        let outcome = self.json();
        assert_eq!(outcome["resourceType"], "OperationOutcome");
        let code = outcome["issue"][0]["code"].as_str().unwrap().to_owned();
        (self.status.as_u16(), code)
    }
}

async fn call(site: &Site, caller: &Caller, request: TestRequest) -> Reply {
    let caller = caller.clone();
    let app = App::new()
        .app_data(Data::new(site.exports.clone()))
        .app_data(Data::new(site.records.clone()))
        .app_data(Data::new(site.access.clone()))
        .wrap_fn(move |request, service| {
            request.extensions_mut().insert(caller.clone());
            service.call(request)
        })
        .configure(configure)
        .configure(crate::records::configure);
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

fn kick_off(uri: &str) -> TestRequest {
    TestRequest::get()
        .uri(uri)
        .insert_header(("host", "minato.example.jp"))
        .insert_header(("accept", "application/fhir+json"))
        .insert_header(("prefer", "respond-async"))
}

/// The path of a URL on this node.
fn path(url: &str) -> &str {
    url.strip_prefix("http://minato.example.jp").unwrap()
}

async fn get(site: &Site, uri: &str) -> Reply {
    let request = TestRequest::get()
        .uri(uri)
        .insert_header(("host", "minato.example.jp"));
    call(site, &his(), request).await
}

/// Asks how far it is until it is done.
async fn done(site: &Site, place: &str) -> Reply {
    loop {
        let reply = get(site, place).await;
        if reply.status != StatusCode::ACCEPTED {
            return reply;
        }
        assert!(!reply.header("x-progress").is_empty());
        assert!(reply.header("x-progress").len() <= 100);
        assert_eq!(reply.header("retry-after"), "5");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[actix_web::test]
async fn a_kick_off_leads_to_a_manifest_and_its_files_and_a_delete_ends_it() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        ward(&site).await;
        let uri = "/fhir/Patient/$export?_type=Patient,Observation&_outputFormat=ndjson";
        let begun = call(&site, &his(), kick_off(uri)).await;
        assert_eq!(begun.status, StatusCode::ACCEPTED);
        let place = path(begun.header("content-location")).to_owned();

        let complete = done(&site, &place).await;
        assert_eq!(complete.status, StatusCode::OK);
        assert!(complete.header("expires").ends_with("GMT"));
        let manifest = complete.json();
        assert_eq!(
            manifest["request"],
            format!("http://minato.example.jp{uri}")
        );
        assert_eq!(manifest["requiresAccessToken"], true);
        assert_eq!(manifest["transactionTime"], "2026-06-30T23:59:50.000Z");
        assert_eq!(
            (&manifest["deleted"], &manifest["error"]),
            (&json!([]), &json!([]))
        );
        let mut found = 0;
        for file in manifest["output"].as_array().unwrap() {
            let reply = get(&site, path(file["url"].as_str().unwrap())).await;
            assert_eq!(reply.status, StatusCode::OK);
            assert_eq!(reply.header("content-type"), "application/fhir+ndjson");
            assert_eq!(file["count"], reply.text.lines().count());
            for line in reply.text.lines() {
                let resource: Value = serde_json::from_str(line).unwrap();
                assert_eq!(resource["resourceType"], file["type"]);
                found += 1;
            }
        }
        assert_eq!(found, 6);

        let ended = TestRequest::delete().uri(&place);
        assert_eq!(
            call(&site, &his(), ended).await.status,
            StatusCode::ACCEPTED
        );
        assert_eq!(
            get(&site, &place).await.refusal(),
            (404, "not-found".to_owned())
        );
        let file = format!("{place}/Patient.1.ndjson");
        assert_eq!(
            get(&site, &file).await.refusal(),
            (404, "not-found".to_owned())
        );
    })
    .await;
}

#[actix_web::test]
async fn a_post_asks_by_a_parameters_resource_for_the_members_of_a_group() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        ward(&site).await;
        let body = json!({"resourceType": "Parameters", "parameter": [
            {"name": "_type", "valueString": "Observation"},
            {"name": "_elements", "valueString": "status"}
        ]});
        let request = kick_off("/fhir/Group/clinic/$export")
            .method(Method::POST)
            .insert_header(("content-type", "application/fhir+json"))
            .set_payload(body.to_string());
        let begun = call(&site, &his(), request).await;
        assert_eq!(begun.status, StatusCode::ACCEPTED);
        let manifest = done(&site, path(begun.header("content-location")))
            .await
            .json();
        let files = manifest["output"].as_array().unwrap();
        assert_eq!(files.len(), 1);
        let file = get(&site, path(files[0]["url"].as_str().unwrap())).await;
        let resource: Value = serde_json::from_str(&file.text).unwrap();
        assert_eq!(resource["id"], "k1");
        assert_eq!(resource.get("performer"), None);
        assert_eq!(resource["meta"]["tag"][0]["code"], "SUBSETTED");
    })
    .await;
}

#[actix_web::test]
async fn what_cannot_be_done_is_refused_in_words() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        ward(&site).await;
        let everyone = "/fhir/Patient/$export";
        let refused = |code: &str, status| (status, code.to_owned());
        let at_once = call(&site, &his(), TestRequest::get().uri(everyone)).await;
        assert_eq!(at_once.refusal(), refused("invalid", 400));
        assert!(at_once.text.contains("respond-async"));
        for query in [
            "_outputFormat=csv",
            "_since=x",
            "_type=Consent",
            "patient=Patient/hana",
            "a=b",
        ] {
            let reply = call(&site, &his(), kick_off(&format!("{everyone}?{query}"))).await;
            assert_eq!(reply.refusal(), refused("invalid", 400), "{query}");
        }
        let turtle = kick_off(everyone).insert_header(("accept", "text/turtle"));
        assert_eq!(
            call(&site, &his(), turtle).await.refusal(),
            refused("not-supported", 406)
        );
        let nobody = call(&site, &his(), kick_off("/fhir/Group/none/$export")).await;
        assert_eq!(nobody.refusal(), refused("not-found", 404));
        let physician = Caller::Physician { id: "dr".into() };
        let reply = call(&site, &physician, kick_off(everyone)).await;
        assert_eq!(reply.refusal(), refused("forbidden", 403));
        let whole = call(&site, &his(), kick_off("/fhir/$export")).await;
        assert_eq!(whole.status, StatusCode::NOT_FOUND);

        for _ in 0..2 {
            site.accepted(Scope::Everyone, asked(&[])).await;
        }
        let busy = call(&site, &his(), kick_off(everyone)).await;
        assert_eq!(busy.refusal(), refused("throttled", 429));
        assert!(!busy.header("retry-after").is_empty());
    })
    .await;
}

#[actix_web::test]
async fn a_full_disk_is_507_at_the_kick_off_and_at_the_status() {
    on_each_async(async |database| {
        let mut site = Site::on(database).await;
        ward(&site).await;
        let narrow = |max_disk| ExportSettings {
            max_disk,
            ..limits(&site.folder)
        };
        let (some, none) = (narrow(600), narrow(0));
        site.restarted(some);
        let begun = call(&site, &his(), kick_off("/fhir/Patient/$export")).await;
        let ended = done(&site, path(begun.header("content-location"))).await;
        assert_eq!(ended.refusal(), (507, "no-store".to_owned()));
        site.restarted(none);
        let refused = call(&site, &his(), kick_off("/fhir/Patient/$export")).await;
        assert_eq!(refused.refusal(), (507, "no-store".to_owned()));
    })
    .await;
}

#[actix_web::test]
async fn who_is_lenient_is_told_what_was_left_out() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        ward(&site).await;
        let request = kick_off("/fhir/Patient/$export?_type=Patient&includeAssociatedData=x")
            .insert_header(("prefer", "respond-async, handling=lenient"));
        let begun = call(&site, &his(), request).await;
        let manifest = done(&site, path(begun.header("content-location")))
            .await
            .json();
        let told = &manifest["error"][0];
        assert_eq!(told["type"], "OperationOutcome");
        let file = get(&site, path(told["url"].as_str().unwrap())).await;
        assert!(file.text.contains("includeAssociatedData"));
    })
    .await;
}

#[actix_web::test]
async fn the_capability_statement_tells_both_operations() {
    let scratch = crate::database::testing::sqlite();
    let site = Site::on(scratch.database.clone()).await;
    let told = get(&site, "/fhir/metadata").await.json();
    let kinds = told["rest"][0]["resource"].as_array().unwrap();
    let exports: Vec<_> = kinds
        .iter()
        .filter(|kind| {
            let operations = kind["operation"].as_array().into_iter().flatten();
            operations.into_iter().any(|one| one["name"] == "export")
        })
        .map(|kind| kind["type"].as_str().unwrap())
        .collect();
    assert_eq!(exports, ["Patient", "Group"]);
}
