//! The sheet of a request.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::ACCEPT_LANGUAGE;
use actix_web::web::Data;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest};
use federation_protocol::base64url;
use federation_service::problem::Problem;

use super::super::{Pages, Sheet, TextSize, Visitor};
use super::preferences;
use crate::words::Language;

impl Sheet {
    /// The sheet for `request`: its language, and who the door let in.
    ///
    /// # Errors
    /// 503 where the application has no pages, or the system gives no random bytes.
    pub fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let pages = request.app_data::<Data<Pages>>().ok_or_else(unavailable)?;
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|_none| unavailable())?;
        let visitor = request.extensions().get::<Visitor>().cloned();
        Ok(Self {
            nonce: base64url::encode(random),
            visitor,
            path: request.path().to_owned(),
            size: size_of(request),
            ..Self::plain(pages, language_of(request))
        })
    }
}

impl FromRequest for Sheet {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _body: &mut Payload) -> Self::Future {
        ready(Sheet::of(request).map_err(Error::from))
    }
}

/// What the reader chose; else the first that their browser asks for and the pages speak; else
/// Japanese.
fn language_of(request: &HttpRequest) -> Language {
    let chosen = request.cookie(preferences::LANGUAGE);
    let chosen = chosen.and_then(|cookie| cookie.value().parse().ok());
    let asked = || {
        let header = request.headers().get(ACCEPT_LANGUAGE)?.to_str().ok()?;
        header
            .split(',')
            .take(16)
            .filter_map(|part| part.trim().split(['-', ';']).next()?.parse().ok())
            .next()
    };
    chosen.or_else(asked).unwrap_or(Language::Ja)
}

fn size_of(request: &HttpRequest) -> TextSize {
    let chosen = request.cookie(preferences::TEXT_SIZE);
    chosen
        .and_then(|cookie| TextSize::parse(cookie.value()))
        .unwrap_or_default()
}

fn unavailable() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "pages_unavailable",
        "No page can be shown now",
    )
}
