#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, test as http};
use askama::Template;
use federation_protocol::time::Timestamp;
use federation_service::problem::Problem;

use super::when::Day;
use super::*;

fn pages(audience: Audience) -> Pages {
    let house = House {
        name: "札幌みなと病院".into(),
        name_en: Some("Sapporo Minato Hospital".into()),
        phone: Some("011-000-0000".into()),
    };
    Pages::open(house, audience, &mut Registry::default()).unwrap()
}

#[derive(Template)]
#[template(
    source = r#"{% extends "pages/templates/shell.html" %}{% block title %}{{ said }}{% endblock %}{% block main %}<h1>{{ said }}</h1>{% endblock %}"#,
    ext = "html"
)]
struct Said {
    page: Sheet,
    said: String,
}

async fn say(sheet: Sheet, said: web::Path<String>) -> HttpResponse {
    let page = Said {
        page: sheet,
        said: said.into_inner(),
    };
    page.page.show(&page)
}

async fn refuse() -> Result<HttpResponse, Problem> {
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "forbidden",
        "Not yours",
    ))
}

async fn answer(request: http::TestRequest) -> (StatusCode, BTreeMap<String, String>, String) {
    let app = App::new()
        .app_data(Data::new(pages(Audience::Staff)))
        .configure(routes::configure)
        .service(
            web::scope("")
                .wrap(from_fn(routes::readable))
                .route("/say/{said}", web::get().to(say))
                .route("/refuse", web::get().to(refuse))
                .route("/fhir/refuse", web::get().to(refuse)),
        );
    let app = http::init_service(app).await;
    let response = http::call_service(&app, request.to_request()).await;
    let status = response.status();
    let said = |(name, value): (&_, &actix_web::http::header::HeaderValue)| {
        let name: &actix_web::http::header::HeaderName = name;
        (name.to_string(), value.to_str().unwrap().to_owned())
    };
    let headers = response.headers().iter().map(said).collect();
    let body = http::read_body(response).await;
    (status, headers, String::from_utf8_lossy(&body).into_owned())
}

fn get(uri: &str) -> http::TestRequest {
    http::TestRequest::get().uri(uri)
}

#[actix_web::test]
async fn a_page_stays_in_its_place() {
    let (status, headers, body) = answer(get("/say/x")).await;
    assert_eq!(status, StatusCode::OK);
    let policy = headers["content-security-policy"].as_str();
    for rule in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(policy.contains(rule), "{rule}");
    }
    assert!(!policy.contains("unsafe"));
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["referrer-policy"], "no-referrer");
    let nonce = policy.split("'nonce-").nth(1).unwrap();
    let nonce = nonce.split('\'').next().unwrap();
    assert!(nonce.len() >= 22 && body.contains(&format!("nonce=\"{nonce}\"")));
    let (_, again, _) = answer(get("/say/x")).await;
    assert_ne!(
        headers["content-security-policy"],
        again["content-security-policy"]
    );
}

#[actix_web::test]
async fn what_is_said_is_text_and_never_markup() {
    let (_, _, body) = answer(get("/say/%3Cscript%3Ealert(1)%3C%2Fscript%3E%22onx=")).await;
    assert!(!body.contains("<script>alert"));
    assert!(body.contains("&#60;script&#62;alert(1)"), "{body}");
}

#[actix_web::test]
async fn a_reader_is_spoken_to_in_the_language_they_chose() {
    let english = ("accept-language", "en-GB,en;q=0.9,ja;q=0.5");
    let (_, _, body) = answer(get("/say/x")).await;
    assert!(body.contains(r#"<html lang="ja""#) && body.contains("札幌みなと病院"));
    let (_, _, body) = answer(get("/say/x").insert_header(english)).await;
    assert!(body.contains(r#"<html lang="en""#) && body.contains("Sapporo Minato Hospital"));
    let chosen = get("/say/x")
        .insert_header(english)
        .insert_header(("cookie", "language=ja; text_size=largest"));
    let (_, _, body) = answer(chosen).await;
    assert!(body.contains(r#"<html lang="ja" class="plain text-largest""#));
    let nonsense = get("/say/x").insert_header(("cookie", "language=xx; text_size=huge"));
    let (_, _, body) = answer(nonsense).await;
    assert!(body.contains(r#"<html lang="ja" class="plain text-normal""#));
}

#[actix_web::test]
async fn a_refusal_is_a_page_for_people_and_a_problem_for_programs() {
    let browser = ("accept", "text/html,application/xhtml+xml");
    let (status, headers, body) = answer(get("/refuse").insert_header(browser)).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(headers.contains_key("content-security-policy"));
    assert!(body.contains("権限がありません") && body.contains("011-000-0000"));
    for (path, accept) in [
        ("/refuse", "application/json"),
        ("/fhir/refuse", "text/html"),
    ] {
        let (status, headers, _) = answer(get(path).insert_header(("accept", accept))).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert_eq!(headers["content-type"], "application/problem+json");
    }
}

#[actix_web::test]
async fn embedded_files_are_kept_for_ever_and_only_in_their_edition() {
    let sheet = Sheet::plain(&pages(Audience::Staff), crate::words::Language::Ja);
    for (name, kind) in [
        ("musubi.css", "text/css; charset=utf-8"),
        ("musubi.js", "text/javascript; charset=utf-8"),
        ("icon-192.png", "image/png"),
    ] {
        let (status, headers, body) = answer(get(&sheet.asset(name))).await;
        assert_eq!(
            (status, &headers["content-type"]),
            (StatusCode::OK, &kind.to_owned())
        );
        assert!(headers["cache-control"].contains("immutable"));
        assert!(!body.is_empty());
        let (_, headers, _) = answer(get(&format!("/assets/older/{name}"))).await;
        assert_eq!(headers["cache-control"], "no-store");
    }
    for path in ["/assets/x/../../keys", "/assets/x/nothing.js"] {
        let (status, _, _) = answer(get(path)).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[actix_web::test]
async fn what_a_phone_keeps_is_about_nobody() {
    let (_, headers, body) = answer(get("/manifest.webmanifest")).await;
    assert_eq!(headers["content-type"], "application/manifest+json");
    let manifest: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(manifest["display"], "standalone");
    assert_eq!(manifest["icons"].as_array().unwrap().len(), 3);
    let (_, _, worker) = answer(get("/sw.js")).await;
    let kept = worker
        .split("const KEPT = [")
        .nth(1)
        .unwrap()
        .split(']')
        .next()
        .unwrap();
    let kept: Vec<&str> = kept
        .split('"')
        .filter(|part| part.starts_with('/'))
        .collect();
    assert!(kept.len() > 3);
    for address in kept {
        assert!(
            address.starts_with("/assets/") || address == "/offline",
            "{address}"
        );
        assert_eq!(answer(get(address)).await.0, StatusCode::OK, "{address}");
    }
}

#[actix_web::test]
async fn a_preference_is_kept_and_leads_nowhere_else() {
    let form = |body: &'static str| {
        http::TestRequest::post()
            .uri("/preferences")
            .insert_header(("content-type", "application/x-www-form-urlencoded"))
            .set_payload(body)
    };
    let (status, headers, _) = answer(form("language=en&back=%2Fsay%2Fx")).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(headers["location"], "/say/x");
    assert!(headers["set-cookie"].starts_with("language=en;"));
    let (_, headers, _) = answer(form("text_size=large&back=%2F%2Fevil.example")).await;
    assert_eq!(headers["location"], "/");
    let (_, headers, _) = answer(form("language=%3Cx&back=/")).await;
    assert!(!headers.contains_key("set-cookie"));
}

#[test]
fn days_read_as_readers_in_japan_expect() {
    use crate::words::Language::{En, Ja};
    let day = |text| Day::parse(text).unwrap();
    assert_eq!(day("2026-11-18").long(Ja), "2026年11月18日(水)");
    assert_eq!(day("2026-11-18").long(En), "18 November 2026 (Wed)");
    assert_eq!(day("2026-11").long(Ja), "2026年11月");
    assert_eq!(day("2026").long(En), "2026");
    // 23:30 UTC is the next morning in Japan.
    assert_eq!(day("2026-11-17T23:30:00Z").long(Ja), "2026年11月18日(水)");
    assert_eq!(day("2026-11-18T00:30:00+09:00").short(), "2026/11/18");
    let at = Timestamp::parse_rfc3339("2026-11-17T23:30:00Z").unwrap();
    assert_eq!(when::moment(at, Ja), "2026年11月18日(水) 08:30");
    for nonsense in [
        "",
        "2026-13-01",
        "yesterday",
        "20261118",
        "2026-11-18T",
        "九〇二六",
    ] {
        assert_eq!(Day::parse(nonsense), None, "{nonsense:?}");
    }
}

#[test]
fn an_age_counts_birthdays() {
    let day = |text| Day::parse(text).unwrap();
    let born = day("1957-04-01");
    assert_eq!(born.age(day("2026-03-31")), Some(68));
    assert_eq!(born.age(day("2026-04-01")), Some(69));
    assert_eq!(born.age(day("1950-01-01")), None);
    assert_eq!(day("1957").age(day("2026-04-01")), None);
    assert_eq!(day("2026-11-18").days_to(day("2026-12-01")), 13);
}

proptest::proptest! {
    #[test]
    fn no_text_breaks_a_day(text in "\\PC{0,70}") {
        if let Some(day) = Day::parse(&text) {
            let again = Day::parse(&day.iso());
            proptest::prop_assert_eq!(again.map(|day| day.parts()), Some(day.parts()));
        }
    }
}
