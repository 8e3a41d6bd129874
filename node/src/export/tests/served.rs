//! `$export` over a socket: HTTP/2, behind a proxy, and by methods that are not served.

use actix_web::dev::{ServerHandle, Service as _};
use actix_web::web::Data;
use actix_web::{App, HttpMessage as _, HttpServer};
use reqwest::{Client, Method, RequestBuilder, Response};

use super::*;
use crate::export::routes::configure;

/// A site behind a socket, which speaks HTTP/1.1 and HTTP/2.
struct Served {
    origin: String,
    handle: ServerHandle,
}

impl Served {
    fn of(site: &Site) -> Self {
        let (exports, records) = (site.exports.clone(), site.records.clone());
        let access = site.access.clone();
        let server = HttpServer::new(move || {
            App::new()
                .app_data(Data::new(exports.clone()))
                .app_data(Data::new(records.clone()))
                .app_data(Data::new(access.clone()))
                .wrap_fn(|request, service| {
                    request.extensions_mut().insert(his());
                    service.call(request)
                })
                .configure(configure)
                .configure(crate::records::configure)
        })
        .workers(1)
        .disable_signals()
        .bind_auto_h2c("127.0.0.1:0")
        .unwrap();
        let origin = format!("http://{}", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self { origin, handle }
    }

    fn request(&self, client: &Client, method: &str, path: &str) -> RequestBuilder {
        let method: Method = method.parse().unwrap();
        client.request(method, format!("{}{path}", self.origin))
    }
}

fn header<'r>(reply: &'r Response, name: &str) -> &'r str {
    let value = reply.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

/// Asks for an export, waits for it, and gives where it is and its manifest.
async fn exported(served: &Served, client: &Client, by: &[(&str, &str)]) -> (String, Value) {
    let named = |request: RequestBuilder| {
        let each = by.iter();
        each.fold(request, |request, (name, value)| {
            request.header(*name, *value)
        })
    };
    let kick_off = served.request(client, "GET", "/fhir/Patient/$export");
    let begun = named(kick_off.header("prefer", "respond-async"));
    let begun = begun.send().await.unwrap();
    assert_eq!(begun.status(), 202);
    let place = header(&begun, "content-location").to_owned();
    let path = place.get(place.find("/fhir/").unwrap()..).unwrap();
    loop {
        let status = named(served.request(client, "GET", path));
        let status = status.send().await.unwrap();
        if status.status() != 202 {
            assert_eq!(status.status(), 200);
            let manifest = serde_json::from_str(&status.text().await.unwrap()).unwrap();
            return (place, manifest);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn urls(manifest: &Value) -> Vec<String> {
    let files = manifest["output"].as_array().unwrap().iter();
    let files = files.map(|file| file["url"].as_str().unwrap().to_owned());
    files
        .chain([manifest["request"].as_str().unwrap().to_owned()])
        .collect()
}

#[actix_web::test]
async fn over_http_2_every_link_leads_where_the_export_was_asked_for() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        ward(&site).await;
        let served = Served::of(&site);
        let client = Client::builder().http2_prior_knowledge().build().unwrap();
        // By name, not by the address that the listener knows.
        let by_name = Served {
            origin: served.origin.replace("127.0.0.1", "localhost"),
            handle: served.handle.clone(),
        };
        let (place, manifest) = exported(&by_name, &client, &[]).await;
        let below = format!("{}/fhir/$export/", by_name.origin);
        assert!(place.starts_with(&below), "{place}");
        let urls = urls(&manifest);
        assert!(urls.len() > 1);
        for url in &urls[..urls.len() - 1] {
            assert!(url.starts_with(&below), "{url}");
            let file = client.get(url).send().await.unwrap();
            assert_eq!(file.status(), 200);
            assert_eq!(file.version(), reqwest::Version::HTTP_2);
        }
        let asked = format!("{}/fhir/Patient/$export", by_name.origin);
        assert_eq!(urls.last(), Some(&asked));
        served.handle.stop(false).await;
    })
    .await;
}

#[actix_web::test]
async fn behind_a_proxy_every_link_leads_to_the_proxy() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        ward(&site).await;
        let served = Served::of(&site);
        let by = [
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "fhir.minato.example:8443"),
        ];
        let (place, manifest) = exported(&served, &Client::new(), &by).await;
        for url in urls(&manifest).iter().chain([&place]) {
            let at_proxy = url.starts_with("https://fhir.minato.example:8443/fhir/");
            assert!(at_proxy, "{url}");
        }
        // What could end a link or lead elsewhere is no host.
        let odd = [("x-forwarded-host", "evil.example/?")];
        let (place, _) = exported(&served, &Client::new(), &odd).await;
        assert!(place.starts_with(&served.origin), "{place}");
        served.handle.stop(false).await;
    })
    .await;
}

#[actix_web::test]
async fn a_head_of_status_and_file_is_the_get_without_its_body() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        ward(&site).await;
        let served = Served::of(&site);
        let client = Client::new();
        let (place, manifest) = exported(&served, &client, &[]).await;
        let file = urls(&manifest)[0].clone();
        let none = format!("{place}/none");
        for url in [&place, &file, &none] {
            let headers = |reply: &Response| {
                let mut headers = reply.headers().clone();
                headers.remove("date");
                headers
            };
            let get = client.get(url).send().await.unwrap();
            let head = client.head(url).send().await.unwrap();
            assert_eq!(head.status(), get.status(), "{url}");
            assert_eq!(headers(&head), headers(&get), "{url}");
            let body = get.text().await.unwrap();
            assert_eq!(header(&head, "content-length"), body.len().to_string());
            assert_eq!(head.text().await.unwrap(), "");
        }
        served.handle.stop(false).await;
    })
    .await;
}

#[actix_web::test]
async fn other_methods_are_refused_in_an_outcome_and_begin_nothing() {
    on_each_async(async |database| {
        let site = Site::on(database).await;
        ward(&site).await;
        let served = Served::of(&site);
        let client = Client::new();
        for (method, path, allow) in [
            ("PUT", "/fhir/Patient/$export", "GET, POST"),
            ("HEAD", "/fhir/Patient/$export", "GET, POST"),
            ("DELETE", "/fhir/Group/clinic/$export", "GET, POST"),
            ("POST", "/fhir/$export/job", "GET, HEAD, DELETE"),
            ("DELETE", "/fhir/$export/job/Patient.1.ndjson", "GET, HEAD"),
        ] {
            let request = served.request(&client, method, path);
            let reply = request.header("prefer", "respond-async").send().await;
            let reply = reply.unwrap();
            assert_eq!(
                (reply.status().as_u16(), header(&reply, "allow")),
                (405, allow)
            );
            if method != "HEAD" {
                let outcome: Value = serde_json::from_str(&reply.text().await.unwrap()).unwrap();
                assert_eq!(outcome["resourceType"], "OperationOutcome", "{path}");
            }
        }
        served.handle.stop(false).await;
    })
    .await;
}
