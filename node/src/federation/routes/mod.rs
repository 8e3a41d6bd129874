//! The room's HTTP: what other members may send, and what the hospital's own staff may ask.

pub(super) mod arrivals;
mod deciding;
mod emergency;
mod federation;
pub(super) mod hospital;
mod linking;
mod looking;
mod own_view;
mod problem;
mod watching;

use actix_web::web::ServiceConfig;

/// The routes of the federation listener. Needs `Data<Federation>`, and `tls::remember_peer` as the
/// server's `on_connect`. Takes every path that nothing before it took.
pub fn configure_federation(config: &mut ServiceConfig) {
    federation::configure(config);
}

/// The routes of the patient listener: where a change of mind has arrived, link codes
/// handed in. Needs
/// `Data<Federation>` and the people's door before them.
pub fn configure_people(config: &mut ServiceConfig) {
    arrivals::configure(config);
    linking::configure_people(config);
    own_view::configure(config);
    deciding::configure(config);
    looking::configure(config);
}

/// The routes of the hospital listener: grants, questions under them, link codes. Needs `Data<Federation>`
/// and the staff door before them.
pub fn configure_hospital(config: &mut ServiceConfig) {
    emergency::configure(config);
    hospital::configure(config);
    linking::configure_desk(config);
}
