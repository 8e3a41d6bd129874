//! The CapabilityStatement against what is done: everything that it states is tried.

use fhir_search_parameters::{Catalogue, ParameterType};
use fhir_validation::Severity;

use super::*;
use crate::config::Validation;
use crate::records::testing::validator;

/// A type that most refers to, one in charts, one outside of them, one of no chart that names
/// patients, one of which FHIR says next to nothing.
const SOME: [&str; 5] = [
    "Patient",
    "Observation",
    "Organization",
    "Provenance",
    "Basic",
];
/// As many includes as one search takes with room to spare.
const INCLUDES: usize = 8;

async fn told(site: &Site) -> Vec<Value> {
    let told = site.get("/fhir/metadata").await.json();
    told["rest"][0]["resource"].as_array().unwrap().clone()
}

fn of<'t>(resources: &'t [Value], kind: &str) -> &'t Value {
    let mut all = resources.iter();
    all.find(|one| one["type"] == kind).unwrap()
}

fn list<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value[name].as_array().into_iter().flatten()
}

fn codes(value: &Value) -> Vec<&str> {
    list(value, "interaction")
        .map(|one| text(one, "code"))
        .collect()
}

fn value_of(kind: ParameterType) -> &'static str {
    match kind {
        ParameterType::Date => "2026",
        ParameterType::Reference => "Patient/p",
        ParameterType::Number | ParameterType::Quantity => "1",
        _ => "x",
    }
}

/// A value for each part of a composite.
fn parts(kind: &str, name: &str) -> String {
    let shipped = Catalogue::shipped();
    let components = shipped.named(kind, name).unwrap().components();
    let parts = components.iter().map(|part| {
        let mut all = shipped.of(kind).iter();
        let by = all.find(|one| one.url() == part.url());
        by.map_or("x", |by| value_of(by.kind()))
    });
    parts.collect::<Vec<_>>().join("$")
}

#[actix_web::test]
async fn every_search_parameter_that_is_told_can_be_searched_by() {
    on_each_async(async |database| {
        let site = Site::on(database);
        let resources = told(&site).await;
        assert_eq!(resources.len(), ResourceType::all().count() + 1);
        let mut composites = 0;
        for resource in &resources {
            let kind = text(resource, "type");
            for parameter in list(resource, "searchParam") {
                let name = text(parameter, "name");
                let value = match text(parameter, "type") {
                    "composite" => {
                        composites += 1;
                        parts(kind, name)
                    }
                    by => value_of(ParameterType::named(by).unwrap()).to_owned(),
                };
                let uri = format!("/fhir/{kind}?{name}={value}");
                assert_eq!(site.get(&uri).await.status, 200, "{uri}");
            }
        }
        assert!(composites > 10, "{composites}");
    })
    .await;
}

#[actix_web::test]
async fn every_include_that_is_told_is_taken_and_provenance_leads_to_every_type() {
    on_each_async(async |database| {
        let site = Site::on(database);
        let resources = told(&site).await;
        // Nothing in FHIR refers to Parameters; directives are not of these records.
        let led_to = |one: &&Value| one["type"] != "Consent" && one["type"] != "Parameters";
        for resource in resources.iter().filter(led_to) {
            let kind = text(resource, "type");
            let mut reverse = list(resource, "searchRevInclude");
            assert!(reverse.any(|one| one == "Provenance:target"), "{kind}");
        }
        for kind in SOME {
            let resource = of(&resources, kind);
            for (list_of, by) in [
                ("searchInclude", "_include"),
                ("searchRevInclude", "_revinclude"),
            ] {
                let all: Vec<_> = list(resource, list_of).collect();
                for some in all.chunks(INCLUDES) {
                    let pairs = some
                        .iter()
                        .map(|one| format!("{by}={}", one.as_str().unwrap()));
                    let uri = format!("/fhir/{kind}?{}", pairs.collect::<Vec<_>>().join("&"));
                    assert_eq!(site.get(&uri).await.status, 200, "{uri}");
                }
            }
        }
        let of_results: Vec<_> = list(of(&resources, "Observation"), "searchInclude").collect();
        assert!(of_results.contains(&&json!("Observation:patient")));
        assert!(!of_results.contains(&&json!("Observation:code")));
    })
    .await;
}

#[actix_web::test]
async fn every_interaction_that_is_told_of_a_type_is_done_at_its_address() {
    on_each_async(async |database| {
        let site = Site::on(database);
        let resources = told(&site).await;
        for kind in SOME {
            let (one, at) = (
                json!({"resourceType": kind, "id": "x"}),
                format!("/fhir/{kind}/x"),
            );
            for code in codes(of(&resources, kind)) {
                site.put(&one).await;
                let all = format!("/fhir/{kind}");
                let (method, uri, status) = match code {
                    "read" => (Method::GET, at.clone(), 200),
                    "vread" => (Method::GET, format!("{at}/_history/1"), 200),
                    "search-type" => (Method::GET, all, 200),
                    "history-instance" => (Method::GET, format!("{at}/_history"), 200),
                    "history-type" => (Method::GET, format!("{all}/_history"), 200),
                    "create" => (Method::POST, all, 201),
                    "update" => (Method::PUT, at.clone(), 200),
                    "patch" => (Method::PATCH, at.clone(), 200),
                    "delete" => (Method::DELETE, at.clone(), 204),
                    other => panic!("{other}"),
                };
                let request = TestRequest::with_uri(&uri).method(method);
                let request = match code {
                    "patch" => request
                        .insert_header((header::CONTENT_TYPE, "application/json-patch+json"))
                        .set_payload("[]"),
                    _ => fhir(request, &one.to_string()),
                };
                let reply = site.system(request).await;
                assert_eq!(reply.status, status, "{code} {uri}: {}", reply.text);
            }
        }
    })
    .await;
}

#[actix_web::test]
async fn every_condition_that_is_told_of_a_type_holds() {
    on_each_async(async |database| {
        let site = Site::on(database);
        let resources = told(&site).await;
        for kind in SOME {
            let flags = of(&resources, kind);
            let (one, at) = (
                json!({"resourceType": kind, "id": "x"}),
                format!("/fhir/{kind}/x"),
            );
            assert_eq!(flags["updateCreate"], true);
            assert_eq!(site.put(&one).await.status, 201);
            assert_eq!(flags["versioning"], "versioned");
            assert_eq!(site.get(&at).await.header("etag"), "W/\"1\"");
            assert_eq!(flags["readHistory"], true);
            assert_eq!(flags["conditionalRead"], "full-support");
            for (name, value) in [
                ("if-none-match", "W/\"1\""),
                ("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT"),
            ] {
                let known = TestRequest::get().uri(&at).insert_header((name, value));
                assert_eq!(site.system(known).await.status, 304, "{kind} {name}");
            }
            let matching = format!("/fhir/{kind}?_id=x");
            let body = one.to_string();
            assert_eq!(flags["conditionalCreate"], true);
            let create = TestRequest::post()
                .uri(matching.split('?').next().unwrap())
                .insert_header(("if-none-exist", "_id=x"));
            assert_eq!(site.system(fhir(create, &body)).await.status, 200);
            assert_eq!(flags["conditionalUpdate"], true);
            let update = fhir(TestRequest::put().uri(&matching), &body);
            assert_eq!(site.system(update).await.status, 200);
            assert_eq!(flags["conditionalDelete"], "single");
            let delete = TestRequest::delete().uri(&matching);
            assert_eq!(site.system(delete).await.status, 204);
            assert_eq!(site.get(&at).await.status, 410);
        }
    })
    .await;
}

#[actix_web::test]
async fn every_operation_that_is_told_is_done_and_so_is_what_is_told_of_the_whole() {
    on_each_async(async |database| {
        let site = Site::on(database);
        let whole = site.get("/fhir/metadata").await.json();
        let rest = &whole["rest"][0];
        assert_eq!(codes(rest), ["transaction", "batch", "history-system"]);
        for kind in ["transaction", "batch"] {
            let bundle = json!({"resourceType": "Bundle", "type": kind}).to_string();
            let done = site.system(fhir(TestRequest::post().uri("/fhir"), &bundle));
            assert_eq!(done.await.status, 200, "{kind}");
        }
        assert_eq!(site.get("/fhir/_history").await.status, 200);
        let mut seen = Vec::new();
        for resource in list(rest, "resource") {
            let kind = text(resource, "type");
            let one = json!({"resourceType": kind, "id": "x", "birthDate": "1960"});
            for operation in list(resource, "operation") {
                let name = text(operation, "name");
                seen.push(name.to_owned());
                let given = [json!({"name": "resource", "resource": one})];
                let parameters = json!({"resourceType": "Parameters", "parameter": given});
                let (uri, body) = match name {
                    "everything" => {
                        site.put(&one).await;
                        (format!("/fhir/{kind}/x/$everything"), String::new())
                    }
                    "validate" => (format!("/fhir/{kind}/$validate"), parameters.to_string()),
                    "match" => (format!("/fhir/{kind}/$match"), parameters.to_string()),
                    // Another room's, with its own test.
                    "export" => continue,
                    other => panic!("{other}"),
                };
                let reply = site
                    .system(fhir(TestRequest::post().uri(&uri), &body))
                    .await;
                assert_eq!(reply.status, 200, "{uri}: {}", reply.text);
            }
        }
        for name in ["everything", "validate", "match", "export"] {
            assert!(seen.iter().any(|one| one == name), "{name}");
        }
    })
    .await;
}

#[actix_web::test]
async fn the_statement_itself_conforms() {
    on_each_async(async |database| {
        let held = validator(Validation::Warn);
        let site = Site::with(database, held.clone());
        let person = Caller::Person {
            id: PersonId::random(),
            patient: Rid(1),
        };
        let metadata = || TestRequest::get().uri("/fhir/metadata");
        let own = site.call(person, true, metadata()).await.json();
        for told in [site.system(metadata()).await.json(), own] {
            let mut issues = held.verdict(&told, None);
            issues.retain(|issue| issue.severity == Severity::Error);
            assert_eq!(issues, []);
        }
    })
    .await;
}

#[actix_web::test]
async fn a_person_is_told_to_read_alone() {
    on_each_async(async |database| {
        let site = Site::on(database);
        let person = Caller::Person {
            id: PersonId::random(),
            patient: Rid(1),
        };
        let metadata = TestRequest::get().uri("/fhir/metadata");
        let own = site.call(person, true, metadata).await.json();
        for resource in list(&own["rest"][0], "resource") {
            let codes = codes(resource);
            let reads = ["read", "search-type"]
                .iter()
                .all(|one| codes.contains(one));
            let writes = ["create", "update", "patch", "delete"];
            assert!(reads && !codes.iter().any(|one| writes.contains(one)));
        }
    })
    .await;
}
