//! The person's pages of sharing, on the patient listener. Each works without the module, but for
//! what the person's own key signs.

mod codes;
mod consent;
mod form;
mod links;
mod looked;
mod own_view;
mod requests;

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::ServiceConfig;
use federation_protocol::directory::Membership;
use federation_protocol::member::MemberId;
use federation_service::problem::Problem;

use crate::federation::Federation;
use crate::federation::asking::hospital;
use crate::identity::{Caller, PersonId};

/// Adds the pages. Needs `Data<Federation>`, `Data<Consents>`, `Data<Access>`, `Data<Records>`,
/// `Data<Linkage>` and `Data<Pages>` in the application, and the people's door before them.
pub fn configure(config: &mut ServiceConfig) {
    consent::configure(config);
    requests::configure(config);
    codes::configure(config);
    links::configure(config);
    own_view::configure(config);
    looked::configure(config);
}

fn see(address: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, address))
        .finish()
}

fn person(caller: &Caller) -> Result<&PersonId, Problem> {
    match caller {
        Caller::Person { id, .. } => Ok(id),
        _staff => Err(Problem::not_found()),
    }
}

/// The name that people know a member by.
fn name_of(membership: Option<&Membership>, member: &MemberId) -> String {
    hospital(membership, member).name
}

fn known(federation: &Federation) -> Option<std::sync::Arc<Membership>> {
    federation.directory().membership()
}

fn unavailable(error: &dyn std::fmt::Display) -> Problem {
    tracing::error!("a page of sharing: {error}");
    Problem::new(
        actix_web::http::StatusCode::SERVICE_UNAVAILABLE,
        "audit_unavailable",
        "The access cannot be recorded, so nothing is shown or changed",
    )
}
