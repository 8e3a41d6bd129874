//! Refusals in people's words: what programs are told as problem+json, a browser is told as a page
//! that says what happened, why, and what to do next.

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::ACCEPT;
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, HttpResponse};
use askama::Template;
use federation_service::problem::ProblemCode;

use super::super::Sheet;

/// Where programs ask, not people.
const FOR_PROGRAMS: [&str; 4] = ["/fhir", "/api/", "/federated/", "/p/api/"];

/// A refusal as a page.
#[derive(Template)]
#[template(path = "pages/templates/told.html")]
struct Told {
    page: Sheet,
    what: String,
    why: String,
    next: String,
    code: String,
}

/// Puts a page in the place of a refusal, where a person asked with a browser.
///
/// # Errors
/// Those of the service behind it.
pub async fn readable<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    let reads = is_read_by_a_person(request.request());
    let response = next.call(request).await?;
    let status = response.status();
    let is_page = response.headers().contains_key("content-security-policy");
    if !reads || is_page || !(status.is_client_error() || status.is_server_error()) {
        return Ok(response.map_into_left_body());
    }
    let code = code_of(response.response(), status);
    let Ok(sheet) = Sheet::of(response.request()) else {
        return Ok(response.map_into_left_body());
    };
    let page = told(sheet, &code);
    let page = page.page.show_as(status, &page);
    let (request, _refused) = response.into_parts();
    Ok(ServiceResponse::new(request, page).map_into_right_body())
}

fn code_of<B>(response: &HttpResponse<B>, status: StatusCode) -> String {
    let said = response.extensions().get::<ProblemCode>().copied();
    said.map_or_else(
        || status.as_u16().to_string(),
        |code| code.0.replace('_', "-"),
    )
}

/// By the refusal's code, or by what kind of refusal it is.
fn told(page: Sheet, code: &str) -> Told {
    let say = |part: &str| {
        page.coded(
            "problem-",
            &format!("{code}.{part}"),
            &format!("other.{part}"),
        )
    };
    Told {
        what: page.coded("problem-", code, "other"),
        why: say("why"),
        next: say("next"),
        code: code.to_owned(),
        page,
    }
}

fn is_read_by_a_person(request: &HttpRequest) -> bool {
    let accepts = request.headers().get(ACCEPT);
    let accepts = accepts.and_then(|value| value.to_str().ok());
    let path = request.path();
    accepts.is_some_and(|value| value.contains("text/html"))
        && !FOR_PROGRAMS.iter().any(|head| path.starts_with(head))
}
