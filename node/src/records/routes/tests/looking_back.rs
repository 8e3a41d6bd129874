//! Histories and `$everything` over HTTP, for staff and for the person whose chart it is.

use super::*;

#[actix_web::test]
async fn a_history_is_a_bundle_that_could_be_done_again() {
    on_each_async(async |database| {
        let site = Site::on(database);
        site.put(&patient("p")).await;
        site.put(&patient("p")).await;
        site.system(TestRequest::delete().uri("/fhir/Patient/p"))
            .await;
        let made = fhir(
            TestRequest::post().uri("/fhir/Patient"),
            "{\"resourceType\":\"Patient\"}",
        );
        site.system(made).await;
        let told = site.get("/fhir/Patient/p/_history?_count=2").await;
        assert_eq!(told.status, 200);
        let told = told.json();
        assert_eq!(
            (told["type"].clone(), told["total"].clone()),
            (json!("history"), Value::Null)
        );
        let deleted = &told["entry"][0];
        assert_eq!(
            deleted["request"],
            json!({"method": "DELETE", "url": "Patient/p"})
        );
        assert_eq!(deleted["response"]["status"], "204");
        assert!(deleted["resource"].is_null());
        let updated = &told["entry"][1];
        assert_eq!(
            updated["request"],
            json!({"method": "PUT", "url": "Patient/p"})
        );
        assert_eq!(updated["response"]["etag"], "W/\"2\"");
        assert_eq!(
            updated["response"]["lastModified"],
            updated["resource"]["meta"]["lastUpdated"]
        );
        assert_eq!(updated["fullUrl"], "http://localhost:8080/fhir/Patient/p");
        let next = text(&told["link"][1], "url")
            .strip_prefix("http://localhost:8080")
            .unwrap();
        let last = site.get(next).await.json();
        assert_eq!(last["entry"].as_array().unwrap().len(), 1);
        assert_eq!(last["entry"][0]["response"]["status"], "201");
        let of_kind = site.get("/fhir/Patient/_history?_count=1").await.json();
        assert_eq!(
            of_kind["entry"][0]["request"],
            json!({"method": "POST", "url": "Patient"})
        );
        let all = site.get("/fhir/_history").await.json();
        assert_eq!(all["entry"].as_array().unwrap().len(), 4);
        assert_eq!(
            text(&all["link"][0], "url"),
            "http://localhost:8080/fhir/_history"
        );
        let head = TestRequest::with_uri("/fhir/_history").method(Method::HEAD);
        assert_eq!(site.system(head).await.status, 200);
        assert_eq!(site.get("/fhir/Patient/none/_history").await.status, 404);
    })
    .await;
}

#[actix_web::test]
async fn a_person_looks_back_on_their_own_chart_alone_and_changes_nothing() {
    on_each_async(async |database| {
        let site = Site::on(database);
        site.put(&patient("p")).await;
        site.put(&patient("q")).await;
        site.put(&result("mine", "p")).await;
        site.put(&result("theirs", "q")).await;
        let address = Address::parse("Patient/p").unwrap();
        let chart = site.records.chart_of(&address).await.unwrap().unwrap();
        let hana = Caller::Person {
            id: PersonId::random(),
            patient: chart,
        };
        let get = async |uri: &str| {
            site.call(hana.clone(), true, TestRequest::get().uri(uri))
                .await
        };
        assert_eq!(get("/fhir/_history").await.ids(), ["mine", "p"]);
        assert_eq!(get("/fhir/Observation/_history").await.ids(), ["mine"]);
        assert_eq!(get("/fhir/Observation/theirs/_history").await.status, 404);
        assert_eq!(
            get("/fhir/Patient/p/$everything").await.ids(),
            ["p", "mine"]
        );
        assert_eq!(get("/fhir/Patient/q/$everything").await.status, 404);
        for request in [
            TestRequest::delete().uri("/fhir/Observation/mine"),
            fhir(
                TestRequest::post().uri("/fhir/Patient"),
                &patient("x").to_string(),
            ),
            fhir(TestRequest::patch().uri("/fhir/Patient/p"), "[]"),
            TestRequest::delete().uri("/fhir/Observation?patient=p"),
        ] {
            let refused = site.call(hana.clone(), true, request).await;
            assert_eq!(
                (refused.status.as_u16(), refused.header("allow")),
                (405, "GET, HEAD")
            );
        }
        let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": []});
        let batch = fhir(TestRequest::post().uri("/fhir"), &batch.to_string());
        assert_eq!(site.call(hana.clone(), true, batch).await.status, 404);
        let lines = site.audit.list(Filter {
            patient: Some(chart),
            ..Filter::default()
        });
        let acts: Vec<String> = lines
            .await
            .unwrap()
            .iter()
            .map(|line| format!("{line:?}"))
            .collect();
        assert!(acts.iter().any(|line| line.contains("history")));
        assert!(acts.iter().any(|line| line.contains("everything")));
        let auditor = Caller::Auditor { id: None };
        let all = TestRequest::get().uri("/fhir/_history");
        assert_eq!(site.call(auditor, false, all).await.status, 403);
    })
    .await;
}
