//! The desk on the hospital's listener. What is typed travels in bodies, never in an address.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, Path, ServiceConfig, get, post, resource};
use federation_service::problem::Problem;
use serde::Deserialize;

use super::find::Typed;
use super::show::{ChartPage, FindPage, SheetPage};
use super::{Reception, ReceptionError};
use crate::access::AccessRefusal;
use crate::identity::Caller;
use crate::linkage::desk::DeskError;
use crate::pages::Sheet;
use crate::records::Shown;

/// Adds the routes. Needs `Data<Reception>` and `Data<Pages>` in the application, and the staff door
/// before them.
pub fn configure(config: &mut ServiceConfig) {
    config
        .service(
            resource("/desk")
                .route(get().to(door))
                .route(post().to(find)),
        )
        .service(resource("/desk/patients/{id}").route(get().to(chart)))
        .service(resource("/desk/patients/{id}/enrol").route(post().to(enrol)))
        .service(resource("/desk/patients/{id}/link").route(post().to(link)))
        .service(resource("/desk/patients/{id}/unlink").route(post().to(unlink)))
        .service(resource("/desk/patients/{id}/withdraw").route(post().to(withdraw)));
}

type Answer = Result<HttpResponse, Problem>;

/// `GET /desk`.
async fn door(reception: Data<Reception>, caller: Caller, page: Sheet) -> Answer {
    reception
        .sits_here(&caller)
        .await
        .map_err(|error| problem(&error))?;
    Ok(page.show(&FindPage::empty(&page)))
}

/// `POST /desk`: looks for a chart.
async fn find(
    reception: Data<Reception>,
    caller: Caller,
    page: Sheet,
    typed: Form<Typed>,
) -> Answer {
    match reception.find(&caller, &typed).await {
        Ok(charts) => Ok(page.show(&FindPage::found(&page, charts))),
        Err(error) => match error.word() {
            Some(word) => Ok(page.show_as(
                StatusCode::UNPROCESSABLE_ENTITY,
                &FindPage::wrong(&page, word),
            )),
            None => Err(problem(&error)),
        },
    }
}

/// `GET /desk/patients/{id}`.
async fn chart(
    reception: Data<Reception>,
    caller: Caller,
    page: Sheet,
    id: Path<String>,
) -> Answer {
    shown(&reception, &caller, &page, &id, (None, None)).await
}

async fn shown(
    reception: &Reception,
    caller: &Caller,
    page: &Sheet,
    id: &str,
    said: (Option<&str>, Option<&str>),
) -> Answer {
    let standing = reception.standing(caller, id).await;
    let standing = standing.map_err(|error| problem(&error))?;
    let names = |member: &_| reception.name_of(member);
    let shown = ChartPage::new(page, standing, names, said);
    Ok(match said.0 {
        Some(_wrong) => page.show_as(StatusCode::UNPROCESSABLE_ENTITY, &shown),
        None => page.show(&shown),
    })
}

/// The chart again, with what went wrong or was done.
async fn again(
    reception: &Reception,
    caller: &Caller,
    page: &Sheet,
    id: &str,
    outcome: Result<&'static str, ReceptionError>,
) -> Answer {
    match outcome {
        Ok(done) => shown(reception, caller, page, id, (None, Some(done))).await,
        Err(error) => match error.word() {
            Some(word) => shown(reception, caller, page, id, (Some(word), None)).await,
            None => Err(problem(&error)),
        },
    }
}

/// `POST /desk/patients/{id}/enrol`: this hospital becomes the home; a code to come in by.
async fn enrol(
    reception: Data<Reception>,
    caller: Caller,
    page: Sheet,
    id: Path<String>,
) -> Answer {
    match reception.enrol(&caller, &id).await {
        Ok((chart, made)) => Ok(page.show(&SheetPage::new(&page, chart, &made, "enrol"))),
        Err(error) => again(&reception, &caller, &page, &id, Err(error)).await,
    }
}

/// What is shown to link a chart, and the home.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Linking {
    chart_number: String,
    birth_date: String,
    name: String,
    insured: String,
    telephone: String,
    my_number_card: Option<String>,
    home: String,
}

/// `POST /desk/patients/{id}/link`: a code that links this chart with a home elsewhere.
async fn link(
    reception: Data<Reception>,
    caller: Caller,
    page: Sheet,
    id: Path<String>,
    form: Form<Linking>,
) -> Answer {
    let Linking {
        chart_number,
        birth_date,
        name,
        insured,
        telephone,
        my_number_card,
        home,
    } = form.into_inner();
    let typed = Typed {
        chart_number,
        birth_date,
        name,
        insured,
        telephone,
    };
    let mut shown = typed.plain().shown();
    shown.extend(my_number_card.map(|_checked| Shown::MyNumberCard {}));
    let home = match home.as_str() {
        "" => None,
        home => match home.parse() {
            Ok(home) => Some(home),
            Err(_not_one) => return Err(bad()),
        },
    };
    match reception.offer(&caller, &id, shown, home).await {
        Ok((chart, made)) => Ok(page.show(&SheetPage::new(&page, chart, &made, "link"))),
        Err(error) => again(&reception, &caller, &page, &id, Err(error)).await,
    }
}

/// A link or a code, by what the desk calls it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    which: String,
}

/// `POST /desk/patients/{id}/unlink`.
async fn unlink(
    reception: Data<Reception>,
    caller: Caller,
    page: Sheet,
    id: Path<String>,
    named: Form<Named>,
) -> Answer {
    let ended = reception.unlink(&caller, &id, &named.which).await;
    again(&reception, &caller, &page, &id, ended.map(|()| "unlinked")).await
}

/// `POST /desk/patients/{id}/withdraw`: takes a link code back.
async fn withdraw(
    reception: Data<Reception>,
    caller: Caller,
    page: Sheet,
    id: Path<String>,
    named: Form<Named>,
) -> Answer {
    let ended = reception.withdraw(&caller, &named.which).await;
    again(&reception, &caller, &page, &id, ended.map(|()| "withdrawn")).await
}

fn bad() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "400", "No such member")
}

/// Why a page of the desk is not shown.
fn problem(error: &ReceptionError) -> Problem {
    let role = matches!(
        error,
        ReceptionError::Access(AccessRefusal::Role { .. })
            | ReceptionError::Desk(DeskError::Access(AccessRefusal::Role { .. }))
    );
    match error {
        _ if role => Problem::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "This role does not do this",
        ),
        ReceptionError::NoChart | ReceptionError::Desk(DeskError::NoChart) => {
            Problem::new(StatusCode::NOT_FOUND, "not_found", "No such chart")
        }
        other => {
            tracing::error!("the desk: {other}");
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "503",
                "It cannot be done now",
            )
        }
    }
}
