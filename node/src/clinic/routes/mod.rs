//! The room's HTTP, below `/c` on the hospital's listener: physicians alone.
//!
//! Every page that shows something of a chart asks `access` first, which writes it down.

mod charts;
mod consent;
mod find;
mod history;
mod patients;
mod session;
mod stream;

use actix_web::web::{ServiceConfig, get, post, resource};

/// Adds the routes. Needs `Data<Clinic>` and `Data<Pages>`, and the staff door before it.
pub fn configure(config: &mut ServiceConfig) {
    config
        .service(resource("/c").route(get().to(find::start)))
        .service(
            resource("/c/find")
                .route(post().to(find::find))
                .route(get().to(find::again)),
        )
        .service(resource("/c/history").route(get().to(history::history)))
        .service(resource("/c/patients/{patient}").route(get().to(patients::patient)))
        .service(
            resource("/c/patients/{patient}/consent")
                .route(get().to(consent::consent))
                .route(post().to(consent::redeem)),
        )
        .service(resource("/c/patients/{patient}/asked/{asked}").route(get().to(consent::asked)))
        .service(resource("/c/patients/{patient}/emergency").route(post().to(consent::urgent)))
        .service(resource("/c/grants/{under}").route(get().to(charts::start)))
        .service(resource("/c/grants/{under}/ask").route(post().to(charts::ask)))
        .service(
            resource("/c/grants/{under}/rows/{place}")
                .route(post().to(charts::ask_one))
                .route(get().to(stream::tab)),
        )
        .service(resource("/c/grants/{under}/rows/{tab}/{id}").route(get().to(stream::one)))
        .service(resource("/c/grants/{under}/{tab}").route(get().to(charts::tab)))
        .service(resource("/c/grants/{under}/{tab}/{id}").route(get().to(charts::one)))
        .service(
            resource("/c/grants/{under}/documents/{id}/{place}")
                .route(get().to(charts::attachment)),
        );
}
