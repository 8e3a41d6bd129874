//! Measurements one by one: listed, entered, corrected, deleted.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, Path, Query};
use apple_health::Kind;

use super::super::hand::{Entry, Kept};
use super::super::pages::{DeletePage, EnterPage, SeriesPage};
use super::super::shown::Measured;
use super::super::{Entered, Health, HealthError};
use super::{Asked, on_to, refused};
use crate::identity::Caller;
use crate::pages::Sheet;

/// How many values of one kind its page lists and draws.
const LISTED: usize = 200;

/// `GET /p/vitals/of/{kind}`.
pub(super) async fn series(
    sheet: Sheet,
    caller: Caller,
    kind: Path<String>,
    asked: Query<Asked>,
    health: Data<Health>,
) -> HttpResponse {
    let Ok(kind) = kind.parse::<Kind>() else {
        return refused(sheet, &HealthError::NotFound);
    };
    match health.shown(&caller, &[kind], LISTED).await {
        Ok(all) => match all.first() {
            Some(series) => {
                let page = SeriesPage::new(sheet, series, LISTED, asked.notice());
                page.sheet().show(&page)
            }
            None => refused(sheet, &HealthError::NotFound),
        },
        Err(error) => refused(sheet, &error),
    }
}

/// `GET /p/vitals/new?kind=…`.
pub(super) async fn new(
    sheet: Sheet,
    _caller: Caller,
    asked: Query<Asked>,
    health: Data<Health>,
) -> HttpResponse {
    match asked.kind() {
        Ok(kind) => {
            let entry = Entry::of_now(kind, health.now_seconds());
            let page = EnterPage::new(sheet, kind, entry);
            page.sheet().show(&page)
        }
        Err(error) => refused(sheet, &error),
    }
}

/// `GET /p/vitals/change/{id}?kind=…`.
pub(super) async fn change(
    sheet: Sheet,
    caller: Caller,
    id: Path<String>,
    asked: Query<Asked>,
    health: Data<Health>,
) -> HttpResponse {
    match own(&health, &caller, &asked, &id).await {
        Ok((kind, one)) => {
            let page = EnterPage::new(sheet, kind, Entry::of(kind, &one));
            page.sheet().show(&page)
        }
        Err(error) => refused(sheet, &error),
    }
}

/// The form of a measurement.
#[derive(serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
pub(super) struct Filled {
    kind: String,
    value: String,
    lower: String,
    at: String,
    until: String,
    confirmed: String,
    replaces: String,
}

impl From<Filled> for Entry {
    fn from(form: Filled) -> Self {
        Self {
            kind: form.kind,
            value: form.value,
            lower: form.lower,
            at: form.at,
            until: form.until,
            confirmed: form.confirmed == "1",
            replaces: form.replaces,
        }
    }
}

/// `POST /p/vitals`.
pub(super) async fn enter(
    sheet: Sheet,
    caller: Caller,
    form: Form<Filled>,
    health: Data<Health>,
) -> HttpResponse {
    let entry = Entry::from(form.into_inner());
    let Ok(kind) = entry.kind.parse::<Kind>() else {
        return refused(sheet, &Entered::Kind.into());
    };
    match health.enter(&caller, &entry).await {
        Ok(Kept::Saved) => on_to(&format!("/p/vitals/of/{kind}?done=kept")),
        Ok(Kept::Known) => on_to(&format!("/p/vitals/of/{kind}?done=known")),
        Ok(Kept::Unusual) => {
            let page = EnterPage::new(sheet, kind, entry).asking();
            page.sheet().show(&page)
        }
        Err(HealthError::Entered(wrong)) => {
            let code = HealthError::from(wrong).code();
            let page = EnterPage::new(sheet, kind, entry).saying(code);
            page.sheet().show_as(StatusCode::BAD_REQUEST, &page)
        }
        Err(error) => refused(sheet, &error),
    }
}

/// `GET /p/vitals/delete/{id}?kind=…`: asks.
pub(super) async fn ask_to_delete(
    sheet: Sheet,
    caller: Caller,
    id: Path<String>,
    asked: Query<Asked>,
    health: Data<Health>,
) -> HttpResponse {
    match own(&health, &caller, &asked, &id).await {
        Ok((kind, one)) => {
            let page = DeletePage::new(sheet, kind, &one);
            page.sheet().show(&page)
        }
        Err(error) => refused(sheet, &error),
    }
}

/// The form of a deletion.
#[derive(serde::Deserialize)]
pub(super) struct Deleted {
    kind: String,
}

/// `POST /p/vitals/delete/{id}`.
pub(super) async fn delete(
    sheet: Sheet,
    caller: Caller,
    id: Path<String>,
    form: Form<Deleted>,
    health: Data<Health>,
) -> HttpResponse {
    let kind = form.kind.parse::<Kind>().unwrap_or(Kind::BloodPressure);
    match health.delete(&caller, &id).await {
        Ok(()) => on_to(&format!("/p/vitals/of/{kind}?done=deleted")),
        Err(error) => refused(sheet, &error),
    }
}

/// A measurement of the person's own.
async fn own(
    health: &Health,
    caller: &Caller,
    asked: &Asked,
    id: &str,
) -> Result<(Kind, Measured), HealthError> {
    let kind = asked.kind()?;
    let one = health.one(caller, kind, id).await?;
    Ok((kind, one))
}
