//! The one cookie: named so that browsers take it over TLS alone, for this host alone, for every path.

use actix_web::HttpRequest;
use actix_web::http::header::COOKIE;

use super::super::PlainSession;

/// `__Host-`: without `Secure` and `Path=/`, or with a `Domain`, no browser keeps it.
pub(super) const NAME: &str = "__Host-musubi";

/// More than one cookie of this name came: somebody planted one.
pub(super) struct Several;

/// The value of our cookie. Read from the headers themselves: what is parsed elsewhere would keep one
/// of two.
pub(super) fn of(request: &HttpRequest) -> Result<Option<String>, Several> {
    named(request, NAME)
}

/// The value of the cookie of this name.
pub(super) fn named(request: &HttpRequest, name: &str) -> Result<Option<String>, Several> {
    let headers = request.headers().get_all(COOKIE);
    let mut found = None;
    for pair in headers
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
    {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if key.trim() != name {
            continue;
        }
        if found.is_some() {
            return Err(Several);
        }
        found = Some(value.trim().to_owned());
    }
    Ok(found)
}

/// `Set-Cookie` of a new session: gone when the browser is closed, sent by this host's pages only, read
/// by no script.
pub(super) fn with(session: &PlainSession) -> String {
    dressed(NAME, session.reveal())
}

/// `Set-Cookie` of a value without spaces, semicolons or commas.
pub(super) fn dressed(name: &str, value: &str) -> String {
    format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax")
}

/// `Set-Cookie` that takes the cookie away.
pub(super) fn without(name: &str) -> String {
    format!("{}; Max-Age=0", dressed(name, ""))
}
