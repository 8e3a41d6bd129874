//! The pages' HTTP: a sheet for each request, a page as an answer, refusals in people's words, and
//! what every listener with pages serves to anybody: styles, modules, icons.

mod answer;
mod embedded;
mod preferences;
mod readable;
mod sheet;

use actix_web::web::{ServiceConfig, get, post, resource};

pub use answer::{fragment, keep_in_place};
pub use preferences::local;
pub use readable::readable;

/// Adds what answers strangers too. Needs `Data<Pages>`, and no door before it.
pub fn configure(config: &mut ServiceConfig) {
    config
        .service(resource("/assets/{edition}/{name}").route(get().to(embedded::asset)))
        .service(resource("/favicon.ico").route(get().to(embedded::favicon)))
        .service(resource("/manifest.webmanifest").route(get().to(embedded::manifest)))
        .service(resource("/sw.js").route(get().to(embedded::worker)))
        .service(resource("/offline").route(get().to(embedded::offline)))
        .service(resource("/csp-report").route(post().to(embedded::report)))
        .service(resource("/preferences").route(post().to(preferences::keep)));
}
