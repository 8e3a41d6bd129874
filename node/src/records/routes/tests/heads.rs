//! Over a socket, where a HEAD loses its body; and who takes no JSON.

use actix_web::HttpServer;
use actix_web::dev::ServerHandle;
use reqwest::Client;

use super::*;

/// A house behind a socket, which speaks HTTP/1.1 and HTTP/2.
struct Served {
    origin: String,
    handle: ServerHandle,
    client: Client,
}

impl Served {
    fn of(site: &Site) -> Self {
        let access = Access::new(site.audit.clone(), site.home.clock.clone());
        let (records, consents) = (site.records.clone(), site.home.consents.clone());
        let server = HttpServer::new(move || {
            App::new()
                .app_data(Data::new(records.clone()))
                .app_data(Data::new(access.clone()))
                .app_data(Data::new(consents.clone()))
                .wrap_fn(|request, service| {
                    let his = Caller::System {
                        id: "his".to_owned(),
                    };
                    request.extensions_mut().insert(his);
                    service.call(request)
                })
                .configure(configure)
        })
        .workers(1)
        .disable_signals()
        .bind_auto_h2c("127.0.0.1:0")
        .unwrap();
        let origin = format!("http://{}", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self {
            origin,
            handle,
            client: Client::new(),
        }
    }

    /// Status, headers but the time of day, and body.
    async fn answer(&self, method: &str, path: &str) -> (u16, Vec<(String, String)>, String) {
        let url = format!("{}{path}", self.origin);
        let request = self.client.request(method.parse().unwrap(), url);
        let reply = request.send().await.unwrap();
        let mut headers: Vec<(String, String)> = reply
            .headers()
            .iter()
            .filter(|(name, _)| *name != "date")
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        headers.sort();
        (
            reply.status().as_u16(),
            headers,
            reply.text().await.unwrap(),
        )
    }
}

#[actix_web::test]
async fn a_head_is_answered_as_the_get_but_for_the_body() {
    on_each_async(async |database| {
        let site = Site::on(database);
        site.put(&patient("p")).await;
        site.put(&patient("p")).await;
        site.put(&result("a", "p")).await;
        let served = Served::of(&site);
        for path in [
            "/fhir/Patient/p",
            "/fhir/Patient/none",
            "/fhir/Patient/p/_history/1",
            "/fhir/Patient/p/_history",
            "/fhir/Patient/_history",
            "/fhir/_history",
            "/fhir/Observation?patient=p",
            "/fhir/Observation?colour=red",
            "/fhir/Patient/p/$everything",
            "/fhir/Patient/p/$validate",
            "/fhir/Consent?patient=p",
            "/fhir/metadata",
        ] {
            let (status, headers, body) = served.answer("GET", path).await;
            assert!(!body.is_empty(), "{path}");
            let length = ("content-length".to_owned(), body.len().to_string());
            assert!(headers.contains(&length), "{path}: {headers:?}");
            let head = served.answer("HEAD", path).await;
            assert_eq!(head, (status, headers, String::new()), "{path}");
        }
        served.handle.stop(false).await;
    })
    .await;
}

#[actix_web::test]
async fn other_methods_are_refused_in_an_outcome_that_names_those_that_are_served() {
    on_each_async(async |database| {
        let site = Site::on(database);
        for (method, uri, allow) in [
            ("PUT", "/fhir", "POST"),
            ("POST", "/fhir/metadata", "GET, HEAD"),
            ("GET", "/fhir/Patient/$match", "POST"),
            ("HEAD", "/fhir/Patient/$validate", "POST"),
            ("PUT", "/fhir/Patient/p/$validate", "GET, HEAD, POST"),
            ("PUT", "/fhir/Patient/p/$everything", "GET, HEAD, POST"),
            ("POST", "/fhir/Consent", "GET, HEAD"),
            ("PATCH", "/fhir/Consent/c", "GET, HEAD"),
            ("DELETE", "/fhir/Patient/p/_history", "GET, HEAD"),
            ("GET", "/fhir/Patient/_search", "POST"),
        ] {
            let method: Method = method.parse().unwrap();
            let request = TestRequest::with_uri(uri).method(method);
            let reply = site.system(request).await;
            assert_eq!(
                (reply.status.as_u16(), reply.header("allow")),
                (405, allow),
                "{uri}"
            );
            assert_eq!(reply.json()["resourceType"], "OperationOutcome", "{uri}");
        }
    })
    .await;
}

#[actix_web::test]
async fn who_takes_no_json_is_refused_everywhere_before_anything_is_done() {
    on_each_async(async |database| {
        let site = Site::on(database);
        site.put(&patient("p")).await;
        let body = patient("p").to_string();
        for (method, uri) in [
            ("GET", "/fhir/Patient/p"),
            ("PUT", "/fhir/Patient/p"),
            ("DELETE", "/fhir/Patient/p"),
            ("GET", "/fhir/Patient/p/_history"),
            ("GET", "/fhir/Patient"),
            ("GET", "/fhir/Patient/p/$everything"),
            ("POST", "/fhir/Patient/p/$everything"),
            ("GET", "/fhir/Patient/p/$validate"),
            ("POST", "/fhir/Patient/$validate"),
            ("POST", "/fhir/Patient/$match"),
            ("POST", "/fhir"),
            ("GET", "/fhir/Consent?patient=p"),
            ("GET", "/fhir/metadata"),
        ] {
            for wrong in [
                "application/fhir+xml",
                "application/fhir+json; fhirVersion=5.0",
            ] {
                let request = TestRequest::with_uri(uri)
                    .method(method.parse().unwrap())
                    .insert_header(("accept", wrong));
                let reply = site.system(fhir(request, &body)).await;
                assert_eq!(reply.status, 406, "{method} {uri} {wrong}");
                assert_eq!(reply.json()["resourceType"], "OperationOutcome");
            }
        }
        let read = site.get("/fhir/Patient/p").await;
        assert_eq!(read.header("etag"), "W/\"1\"");
        let form = |body: &str| {
            TestRequest::post()
                .uri("/fhir/Patient/_search")
                .insert_header((header::CONTENT_TYPE, "application/x-www-form-urlencoded"))
                .set_payload(body.to_owned())
        };
        assert_eq!(site.system(form("_id=p&_format=xml")).await.status, 406);
        assert_eq!(site.system(form("_id=p&_format=json")).await.ids(), ["p"]);
    })
    .await;
}

#[actix_web::test]
async fn media_types_are_the_same_in_any_case_and_another_fhir_is_not_taken() {
    on_each_async(async |database| {
        let site = Site::on(database);
        let put = |media: &str| {
            TestRequest::put()
                .uri("/fhir/Patient/p")
                .insert_header((header::CONTENT_TYPE, media.to_owned()))
                .set_payload(patient("p").to_string())
        };
        for (media, status) in [
            ("Application/FHIR+JSON; Charset=UTF-8", 201),
            ("application/fhir+json; fhirVersion=4.0", 200),
            ("application/fhir+json; fhirVersion=\"4.0\"", 200),
            ("application/fhir+json; fhirVersion=5.0", 415),
            ("application/fhir+json;FHIRVersion=3.0", 415),
        ] {
            assert_eq!(site.system(put(media)).await.status, status, "{media}");
        }
        for (accept, status) in [
            ("Application/FHIR+JSON", 200),
            ("APPLICATION/*;Q=0.5", 200),
            ("application/fhir+json;fhirversion=\"4.0\"", 200),
            ("application/fhir+json;fhirversion=5.0", 406),
        ] {
            let get = TestRequest::get()
                .uri("/fhir/Patient/p")
                .insert_header(("accept", accept));
            assert_eq!(site.system(get).await.status, status, "{accept}");
        }
        let other = "/fhir/Patient/p?_format=application/fhir%2Bjson;fhirVersion=5.0";
        assert_eq!(site.get(other).await.status, 406);
        assert_eq!(site.get("/fhir/Patient/p?_format=JSON").await.status, 200);
    })
    .await;
}
