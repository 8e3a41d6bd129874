//! The metrics over HTTP.

use actix_web::{HttpResponse, web};

use super::Metrics;

/// `GET /metrics`, on a listener of its own that only this machine reaches.
pub(crate) fn configure(routes: &mut web::ServiceConfig) {
    routes.route("/metrics", web::get().to(serve));
}

async fn serve(metrics: web::Data<Metrics>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
        .body(metrics.text())
}
