//! `$everything` by POST: an operation with its parameters in the body, and no write.

use super::*;

const PATIENT: &str = "/fhir/Patient/p/$everything";

fn parameters(parameter: &Value) -> Value {
    json!({"resourceType": "Parameters", "parameter": parameter})
}

async fn with_a_chart(database: Database) -> Site {
    let site = Site::on(database);
    site.put(&patient("p")).await;
    for id in ["a", "b"] {
        site.put(&result(id, "p")).await;
    }
    site
}

#[actix_web::test]
async fn a_post_asks_for_the_same_as_a_get() {
    on_each_async(async |database| {
        let site = with_a_chart(database).await;
        let post = |body: &Value| fhir(TestRequest::post().uri(PATIENT), &body.to_string());
        assert_eq!(site.get(PATIENT).await.ids(), ["p", "b", "a"]);
        let empty = TestRequest::post().uri(PATIENT);
        assert_eq!(site.system(empty).await.ids(), ["p", "b", "a"]);
        let typed = TestRequest::post()
            .uri(PATIENT)
            .insert_header((header::CONTENT_TYPE, "text/plain"));
        assert_eq!(site.system(typed).await.ids(), ["p", "b", "a"]);
        let asked = parameters(&json!([
            {"name": "_type", "valueCode": "Patient"}, {"name": "_type", "valueCode": "Observation"},
            {"name": "_count", "valueInteger": 2}
        ]));
        let page = site.system(post(&asked)).await;
        assert_eq!((page.status, page.ids()), (StatusCode::OK, vec!["p".into(), "b".into()]));
        let bundle = page.json();
        let next = text(&bundle["link"][1], "url");
        let next = next.strip_prefix("http://localhost:8080").unwrap();
        assert_eq!(site.get(next).await.ids(), ["a"]);

        let of_patient = parameters(&json!([{"name": "start", "valueDate": "2027"}]));
        assert_eq!(site.system(post(&of_patient)).await.ids(), ["p"]);
    })
    .await;
}

#[actix_web::test]
async fn what_is_no_question_is_refused_in_an_outcome() {
    on_each_async(async |database| {
        let site = with_a_chart(database).await;
        let post = |body: &str| fhir(TestRequest::post().uri(PATIENT), body);
        let odd = parameters(&json!([{"name": "colour", "valueString": "red"}])).to_string();
        let xml = TestRequest::post()
            .uri(PATIENT)
            .insert_header((header::CONTENT_TYPE, "application/fhir+xml"))
            .set_payload("<Parameters/>");
        let delete = TestRequest::delete().uri(PATIENT);
        for (status, request) in [
            (400, post("{")),
            (400, post(&patient("p").to_string())),
            (400, post(&odd)),
            (413, post(&" ".repeat(300 << 10))),
            (415, xml),
            (405, delete),
        ] {
            let reply = site.system(request).await;
            assert_eq!(reply.status, status, "{}", reply.text);
            assert_eq!(reply.json()["resourceType"], "OperationOutcome");
            if status == 405 {
                assert_eq!(reply.header("allow"), "GET, HEAD, POST");
            }
        }
    })
    .await;
}

#[actix_web::test]
async fn a_post_is_no_write_for_the_permit_nor_in_the_audit() {
    on_each_async(async |database| {
        let site = with_a_chart(database).await;
        let address = Address::parse("Patient/p").unwrap();
        let chart: Rid = site.records.chart_of(&address).await.unwrap().unwrap();
        let ask = || TestRequest::post().uri(PATIENT);
        // Neither may write.
        let physician = Caller::Physician {
            id: "dr-1".to_owned(),
        };
        assert_eq!(site.call(physician, false, ask()).await.ids().len(), 3);
        let hana = Caller::Person {
            id: PersonId::random(),
            patient: chart,
        };
        assert_eq!(site.call(hana, true, ask()).await.ids().len(), 3);
        let lines = site.audit.list(Filter {
            patient: Some(chart),
            ..Filter::default()
        });
        let lines = lines.await.unwrap();
        let kinds: Vec<&str> = lines.iter().map(|line| line.kind.as_str()).collect();
        assert_eq!(kinds, ["read", "read"]);
    })
    .await;
}

#[actix_web::test]
async fn a_batch_takes_it_with_parameters_and_without() {
    on_each_async(async |database| {
        let site = with_a_chart(database).await;
        let one = |method: &str| json!({"method": method, "url": "Patient/p/$everything"});
        let only = parameters(&json!([{"name": "_type", "valueCode": "Patient"}]));
        let entries = json!([
            {"request": one("POST")},
            {"request": one("POST"), "resource": only},
            {"request": one("POST"), "resource": patient("p")},
            {"request": one("GET"), "resource": only},
            {"request": one("GET")}
        ]);
        let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": entries});
        let batch = fhir(TestRequest::post().uri("/fhir"), &batch.to_string());
        let told = site.system(batch).await.json();
        let of = |place: usize| {
            let entry = &told["entry"][place];
            let found = entry["resource"]["entry"].as_array().map(Vec::len);
            (text(&entry["response"], "status").to_owned(), found)
        };
        assert_eq!(of(0), ("200".to_owned(), Some(3)));
        assert_eq!(of(1), ("200".to_owned(), Some(1)));
        assert_eq!(of(2), ("400".to_owned(), None));
        assert_eq!(of(3), ("400".to_owned(), None));
        assert_eq!(of(4), ("200".to_owned(), Some(3)));
    })
    .await;
}
