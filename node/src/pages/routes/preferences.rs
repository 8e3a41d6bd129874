//! How a reader wants pages: language and text size, kept by their browser alone.

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header::LOCATION;
use actix_web::web::Form;
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Deserialize;

use super::super::TextSize;
use crate::words::Language;

pub(super) const LANGUAGE: &str = "language";
pub(super) const TEXT_SIZE: &str = "text_size";

/// The form of `POST /preferences`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Preferences {
    language: Option<String>,
    text_size: Option<String>,
    #[serde(default)]
    back: String,
}

/// `POST /preferences`: keeps what was chosen, and goes back. It changes nothing but this browser's
/// own view, so it needs no door and no proof of where the form stood.
pub(super) async fn keep(form: Form<Preferences>) -> HttpResponse {
    let mut response = HttpResponse::SeeOther();
    response.insert_header((LOCATION, local(&form.back).unwrap_or("/")));
    let language = form.language.as_deref().map(str::parse::<Language>);
    if let Some(Ok(language)) = language {
        set(&mut response, LANGUAGE, language.as_str());
    }
    if let Some(size) = form.text_size.as_deref().and_then(TextSize::parse) {
        set(&mut response, TEXT_SIZE, size.as_str());
    }
    response.finish()
}

fn set(response: &mut HttpResponseBuilder, name: &'static str, value: &'static str) {
    let cookie = Cookie::build(name, value)
        .path("/")
        .max_age(Duration::days(365))
        .same_site(SameSite::Lax)
        .http_only(true);
    response.cookie(cookie.finish());
}

/// Longer ones are not gone back to.
const LONGEST: usize = 512;

/// `text`, if it is a path of this listener in visible ASCII. Whatever a browser could take for another
/// host, another scheme or a header is refused: nobody is sent elsewhere by a link of ours.
#[must_use]
pub fn local(text: &str) -> Option<&str> {
    let plain = text.len() <= LONGEST
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'<' | b'>' | b'"'));
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let climbs = path.split('/').any(|segment| segment.starts_with('.'));
    (plain && path.starts_with('/') && !path.contains("//") && !climbs).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for path in ["/", "/p", "/p/results?x=1", "/c/grants/1#rows"] {
            assert_eq!(local(path), Some(path));
        }
        let elsewhere = [
            "",
            "//evil.example",
            "///evil",
            "/\\evil",
            "https://evil",
            "javascript:alert(1)",
            "p",
            "/\tevil",
            "/\n",
            "\\\\evil",
            " /p",
            "/p\r\nx: y",
            "/日本",
        ];
        for path in elsewhere {
            assert_eq!(local(path), None, "{path:?}");
        }
    }
}
