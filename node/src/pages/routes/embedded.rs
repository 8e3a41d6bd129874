//! What is served to anybody: the embedded files, and the reports of browsers.

use actix_web::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY,
};
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde_json::json;

use super::super::assets::Asset;
use super::super::{Pages, Sheet};

const FOR_EVER: &str = "public, max-age=31536000, immutable";
const FOR_A_DAY: &str = "public, max-age=86400";

/// `GET /assets/{edition}/{name}`.
pub(super) async fn asset(
    request: HttpRequest,
    pages: Data<Pages>,
    path: Path<(String, String)>,
) -> HttpResponse {
    let (edition, name) = path.into_inner();
    let Some(asset) = pages.assets.find(&name) else {
        return HttpResponse::NotFound().finish();
    };
    let kept = match pages.assets.is_current(&edition) {
        true => FOR_EVER,
        false => "no-store",
    };
    served(&request, asset, kept)
}

fn served(request: &HttpRequest, asset: &Asset, kept: &'static str) -> HttpResponse {
    let accepts = request.headers().get(ACCEPT_ENCODING);
    let accepts = accepts.and_then(|value| value.to_str().ok());
    let takes_gzip = accepts.is_some_and(|value| value.contains("gzip"));
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, asset.media_type))
        .insert_header((CACHE_CONTROL, kept))
        .insert_header((VARY, "accept-encoding"))
        .insert_header(("cross-origin-resource-policy", "same-origin"));
    match &asset.gzipped {
        Some(gzipped) if takes_gzip => response
            .insert_header((CONTENT_ENCODING, "gzip"))
            .body(gzipped.clone()),
        _ => response.body(asset.bytes.clone()),
    }
}

/// `GET /favicon.ico`: browsers ask for it whatever the page says.
pub(super) async fn favicon(request: HttpRequest, pages: Data<Pages>) -> HttpResponse {
    match pages.assets.find("icon-192.png") {
        Some(icon) => served(&request, icon, FOR_A_DAY),
        None => HttpResponse::NotFound().finish(),
    }
}

/// `GET /manifest.webmanifest`: what a phone needs to put the pages on its home screen. Nothing in
/// it tells of who asks.
///
/// Source: W3C Web Application Manifest.
pub(super) async fn manifest(sheet: Sheet) -> HttpResponse {
    let icon = |name: &str, sizes: &str, purpose: &str| json!({"src": sheet.asset(name), "sizes": sizes, "type": "image/png", "purpose": purpose});
    let start = if sheet.is_for_people() { "/p" } else { "/c" };
    let body = json!({
        "name": sheet.t("pages-app-name"),
        "short_name": sheet.t("pages-app-short"),
        "lang": sheet.lang(),
        "start_url": start,
        "scope": "/",
        "display": "standalone",
        "background_color": "#f6f8fa",
        "theme_color": "#0b4f6c",
        "icons": [
            icon("icon-192.png", "192x192", "any"),
            icon("icon-512.png", "512x512", "any"),
            icon("maskable-512.png", "512x512", "maskable"),
        ],
    });
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/manifest+json"))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(body.to_string())
}

/// The service worker, with the addresses of this edition.
#[derive(Template)]
#[template(path = "pages/templates/sw.js", escape = "none")]
struct Worker {
    kept: Vec<String>,
}

/// `GET /sw.js`: keeps styles, modules, icons and the page that says that there is no network;
/// never a page about anybody.
pub(super) async fn worker(pages: Data<Pages>) -> HttpResponse {
    let kept = ["musubi.css", "musubi.js", "icon.svg", "icon-192.png"];
    let worker = Worker {
        kept: kept.iter().map(|name| pages.assets.address(name)).collect(),
    };
    match worker.render() {
        Ok(text) => HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, "text/javascript; charset=utf-8"))
            .insert_header((CACHE_CONTROL, "no-cache"))
            .body(text),
        Err(_unwritten) => HttpResponse::InternalServerError().finish(),
    }
}

/// What is shown where there is no network.
#[derive(Template)]
#[template(path = "pages/templates/offline.html")]
struct Offline {
    page: Sheet,
}

/// `GET /offline`.
pub(super) async fn offline(sheet: Sheet) -> HttpResponse {
    let page = Offline { page: sheet };
    page.page.show(&page)
}

/// `POST /csp-report`: counted, and not read: anybody can send one.
pub(super) async fn report(pages: Data<Pages>, _body: Bytes) -> HttpResponse {
    pages.reports.inc();
    HttpResponse::NoContent().finish()
}
