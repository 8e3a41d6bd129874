//! The room's HTTP: the doors of the hospital's and the people's listeners, and the pages by which one
//! gets in.
//!
//! Wrap a listener's whole service in [`staff_door`] or [`people_door`] (`middleware::from_fn`), so
//! that unknown paths answer a stranger like known ones. Handlers then take [`Caller`] as an argument,
//! and [`Option<Signed>`] where a page shows who is in.

mod account;
mod ceremonies;
mod cookie;
mod door;
mod entry;
pub mod next;
mod sign_in;
mod site;

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::web::ServiceConfig;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest};
use federation_service::problem::Problem;

use super::{Caller, Signed};

pub use door::{people_door, staff_door};
pub use site::Site;

/// Adds the staff's way in. Needs `Data<Identity>` and `Data<Site>` in the application, and the staff's
/// door before it.
pub fn configure_staff(config: &mut ServiceConfig) {
    ceremonies::configure(config);
    ceremonies::configure_staff(config);
    entry::configure(config);
    entry::configure_staff(config);
    sign_in::configure_staff(config);
    account::configure(config);
    account::configure_staff(config);
}

/// Adds the people's way in, as [`configure_staff`] does the staff's.
pub fn configure_people(config: &mut ServiceConfig) {
    ceremonies::configure(config);
    ceremonies::configure_people(config);
    entry::configure(config);
    entry::configure_people(config);
    account::configure(config);
}

impl FromRequest for Caller {
    type Error = Error;
    type Future = Ready<Result<Caller, Error>>;

    /// Who the door let in. A route that was put outside every door has no caller: 401.
    fn from_request(request: &HttpRequest, _body: &mut Payload) -> Self::Future {
        let caller = request.extensions().get::<Caller>().cloned();
        ready(caller.ok_or_else(|| Problem::unauthorized().into()))
    }
}

impl FromRequest for Signed {
    type Error = Error;
    type Future = Ready<Result<Signed, Error>>;

    /// The session that the request came with: 401 for a bearer token. Take [`Option<Signed>`] where
    /// either may come.
    fn from_request(request: &HttpRequest, _body: &mut Payload) -> Self::Future {
        let signed = request.extensions().get::<Signed>().cloned();
        ready(signed.ok_or_else(|| Problem::unauthorized().into()))
    }
}
