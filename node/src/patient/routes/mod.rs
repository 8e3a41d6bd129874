//! The pages on the people's listener: what a person has, page by page, and all of it to take home.
//!
//! The door before these routes lets in people only; whose records they are is the caller, never
//! something in the address.

mod download;
mod look;

use actix_web::http::StatusCode;
use actix_web::web::{ServiceConfig, get};
use federation_service::problem::Problem;

use super::gather::GatherError;
use crate::linkage::LinkageError;

/// Adds the routes. Needs `Data<People>` and `Data<Pages>` in the application, and the people's door
/// before them.
pub fn configure(config: &mut ServiceConfig) {
    config
        .route("/p", get().to(look::home))
        .route("/p/results", get().to(look::results))
        .route("/p/results/{item}", get().to(look::item))
        .route("/p/medicines", get().to(look::medicines))
        .route("/p/medicines/notebook", get().to(download::notebook))
        .route(
            "/p/medicines/notebook.csv",
            get().to(download::notebook_file),
        )
        .route("/p/documents", get().to(look::documents))
        .route("/p/settings", get().to(look::settings))
        .route("/p/help", get().to(look::help))
        .route("/p/print", get().to(download::print))
        .route("/p/download/results.csv", get().to(download::results))
        .route("/p/download/medicines.csv", get().to(download::medicines))
        .route("/p/download/fhir.json", get().to(download::everything));
}

/// Why a page is not shown, as a person may know it.
fn problem(error: &GatherError) -> Problem {
    match error {
        GatherError::NotAPerson | GatherError::Linkage(LinkageError::NoPerson) => Problem::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "Only for enrolled people",
        ),
        other => {
            tracing::error!("a person's page was not shown: {other}");
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "503",
                "The records cannot be shown now",
            )
        }
    }
}

fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not_found", "No such page")
}
