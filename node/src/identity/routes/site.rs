//! Under which origin browsers reach a listener, and whether it was its own page that sent something.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, ORIGIN};
use actix_web::web::Data;
use reqwest::Url;

use crate::config::Listener;

const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// A listener as browsers reach it: application data of each that shows pages.
#[derive(Clone, Debug)]
pub struct Site {
    listener: Listener,
}

/// Another site's page sent it, or none that can be told.
pub(super) struct Foreign;

impl Site {
    /// The listener of these settings.
    #[must_use]
    pub fn new(listener: Listener) -> Self {
        Self { listener }
    }

    /// The origin under which browsers reach the listener that took this request; `None` where the
    /// settings name none and it cannot be told: no browser is let in then.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Option<Url> {
        let site = request.app_data::<Data<Site>>()?;
        let port = request.app_config().local_addr().port();
        site.listener.public_origin(port)
    }
}

/// Whether what changes something was sent by a page of this listener. A browser says so itself: in
/// `Sec-Fetch-Site`, which no page can write, and in `Origin`. What only reads is let through.
///
/// `Origin: null` comes from our own pages too, which send no referrer: it counts neither way.
pub(super) fn is_own(request: &HttpRequest) -> Result<(), Foreign> {
    if matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    ) {
        return Ok(());
    }
    let own = Site::of(request).ok_or(Foreign)?;
    let own = own.origin().ascii_serialization();
    let fetched = only(request.headers(), SEC_FETCH_SITE)?;
    let origin = only(request.headers(), ORIGIN.as_str())?;
    let said = match (fetched, origin) {
        (Some("same-origin"), None | Some("null")) => true,
        (Some("same-origin") | None, Some(origin)) => origin == own,
        _ => false,
    };
    said.then_some(()).ok_or(Foreign)
}

/// The value of a header that comes once at most.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Foreign> {
    let mut values = headers.get_all(name);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    match (value.to_str(), values.next()) {
        (Ok(text), None) => Ok(Some(text)),
        _ => Err(Foreign),
    }
}
