//! The pages' HTTP: below `/admin` on the hospital listener. The door before these routes has let in
//! staff only; each handler says who, may they, does it.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Form, Path, Query, ServiceConfig, get, post, resource};
use federation_protocol::directory::Membership;
use federation_protocol::member::MemberId;
use federation_service::clock::SharedClock;
use federation_service::problem::Problem;
use serde::Deserialize;

use super::pages::{AuditPage, Choice, Known, Overview, Review, Reviews, Row, Standing, members};
use crate::access::{Access, AccessRefusal, Act};
use crate::audit::{Audit, Filter, Kind};
use crate::database::DatabaseError;
use crate::emergency::{Emergency, ReviewError};
use crate::federation::Federation;
use crate::identity::{Caller, Role};
use crate::pages::Sheet;

/// Lines on one page of the audit.
const LINES: u32 = 50;
/// Logins of how long are counted, seconds.
const A_DAY: i64 = 86_400;

/// What the pages stand on. Share it as `Data<Operations>`.
#[derive(Clone)]
pub struct Operations {
    /// Who may what.
    pub access: Access,
    /// The log.
    pub audit: Audit,
    /// Emergency accesses.
    pub emergency: Emergency,
    /// The node among its peers.
    pub federation: Arc<Federation>,
    /// What time it is.
    pub clock: SharedClock,
}

/// Adds the routes. Needs `Data<Operations>` and the staff door before them.
pub fn configure(config: &mut ServiceConfig) {
    config
        .service(resource("/admin").route(get().to(overview)))
        .service(resource("/admin/audit").route(get().to(audit)))
        .service(resource("/admin/reviews").route(get().to(reviews)))
        .service(resource("/admin/reviews/{id}/close").route(post().to(close)));
}

/// `GET /admin`: how the node stands.
async fn overview(
    sheet: Sheet,
    operations: Data<Operations>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    permit(&operations, &caller, Act::Observe).await?;
    let page = Overview {
        standing: operations.standing().await.map_err(unavailable)?,
        may_audit: caller.role() == Role::Auditor,
        page: sheet,
    };
    Ok(page.page.show(&page))
}

/// The query of `GET /admin/audit`.
#[derive(Deserialize)]
struct Narrowed {
    #[serde(default)]
    kind: String,
    before: Option<i64>,
}

/// `GET /admin/audit`: the newest lines first; reading them is a line too.
async fn audit(
    sheet: Sheet,
    operations: Data<Operations>,
    caller: Caller,
    narrowed: Query<Narrowed>,
) -> Result<HttpResponse, Problem> {
    permit(&operations, &caller, Act::ReadAudit).await?;
    let kind = Kind::of(&narrowed.kind);
    let filter = Filter {
        kind,
        before_seq: narrowed.before,
        limit: Some(LINES),
        newest_first: true,
        ..Filter::default()
    };
    let lines = operations.audit.list(filter).await.map_err(unavailable)?;
    let full = u32::try_from(lines.len()).is_ok_and(|count| count == LINES);
    let last = lines.last().filter(|_| full).map(|line| line.seq);
    let word = kind.map_or("", Kind::as_str);
    let page = AuditPage {
        older: last.map(|seq| format!("/admin/audit?kind={word}&before={seq}")),
        kinds: Kind::ALL
            .into_iter()
            .map(|one| Choice {
                word: one.as_str(),
                chosen: kind == Some(one),
            })
            .collect(),
        lines: lines
            .into_iter()
            .map(|line| Row::of(line, operations.names()))
            .collect(),
        page: sheet,
    };
    Ok(page.page.show(&page))
}

/// The query of `GET /admin/reviews`.
#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    all: bool,
}

/// `GET /admin/reviews`: emergency accesses that nobody has looked at; every one with `?all=true`.
async fn reviews(
    sheet: Sheet,
    operations: Data<Operations>,
    caller: Caller,
    listed: Query<Listed>,
) -> Result<HttpResponse, Problem> {
    permit(&operations, &caller, Act::ReviewEmergencies).await?;
    operations.show_reviews(sheet, listed.all, None).await
}

/// The form of `POST /admin/reviews/{id}/close`.
#[derive(Deserialize)]
struct Close {
    note: String,
}

/// `POST /admin/reviews/{id}/close`: what the officer found.
async fn close(
    sheet: Sheet,
    operations: Data<Operations>,
    caller: Caller,
    id: Path<String>,
    form: Form<Close>,
) -> Result<HttpResponse, Problem> {
    permit(&operations, &caller, Act::ReviewEmergencies).await?;
    let by = caller.id().unwrap_or_default();
    match operations.emergency.close(&id, by, &form.note).await {
        Ok(()) => Ok(HttpResponse::SeeOther()
            .insert_header((LOCATION, "/admin/reviews"))
            .finish()),
        Err(ReviewError::Database(error)) => Err(unavailable(error)),
        Err(error) => {
            let said = match error {
                ReviewError::Own | ReviewError::Nameless => "operations-review-own",
                ReviewError::Note => "operations-review-note-needed",
                _gone => "operations-review-gone",
            };
            operations.show_reviews(sheet, false, Some(said)).await
        }
    }
}

impl Operations {
    async fn standing(&self) -> Result<Standing, DatabaseError> {
        let now = self.clock.now();
        let open_reviews = self.emergency.reviews(true).await?;
        let filter = Filter {
            since: Some(now.plus_seconds(-A_DAY)),
            kind: Some(Kind::Login),
            limit: Some(10_000),
            ..Filter::default()
        };
        let logins = self.audit.list(filter).await?;
        let directory = self.federation.directory();
        let known = directory.membership().map(|membership| Known {
            number: membership.position().seq,
            is_stale: directory.is_stale(),
            members: members(&membership, now),
        });
        Ok(Standing {
            serves: self.federation.ready().is_ok(),
            directory: known,
            logins: i64::try_from(logins.len()).unwrap_or(i64::MAX),
            overdue: open_reviews
                .iter()
                .filter(|one| one.is_overdue(now))
                .count(),
            open_reviews,
        })
    }

    /// Names of members, as the directory has them; others by their id.
    fn names(&self) -> impl Fn(&str) -> String + use<> {
        let membership = self.federation.directory().membership();
        move |text| named(membership.as_deref(), text.parse().ok().as_ref(), text)
    }

    async fn show_reviews(
        &self,
        sheet: Sheet,
        all: bool,
        said: Option<&'static str>,
    ) -> Result<HttpResponse, Problem> {
        let now = self.clock.now();
        let found = self.emergency.reviews(!all).await.map_err(unavailable)?;
        let membership = self.federation.directory().membership();
        let name = |id: &MemberId| named(membership.as_deref(), Some(id), id.as_str());
        let page = Reviews {
            reviews: found
                .into_iter()
                .map(|access| Review::of(access, now, name))
                .collect(),
            all,
            said,
            page: sheet,
        };
        let status = match said {
            Some(_) => StatusCode::CONFLICT,
            None => StatusCode::OK,
        };
        Ok(page.page.show_as(status, &page))
    }
}

fn named(membership: Option<&Membership>, id: Option<&MemberId>, text: &str) -> String {
    let member = membership.and_then(|all| all.member(id?));
    member.map_or_else(|| text.to_owned(), |member| member.names.ja.clone())
}

async fn permit(operations: &Operations, caller: &Caller, act: Act<'_>) -> Result<(), Problem> {
    match operations.access.permit(caller, act).await {
        Ok(_permit) => Ok(()),
        Err(AccessRefusal::Role { .. }) => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "Not with this role",
        )),
        Err(AccessRefusal::Audit(error)) => Err(unavailable(error)),
    }
}

fn unavailable(error: DatabaseError) -> Problem {
    tracing::error!("a page of operations is not shown: {error}");
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "audit_unavailable",
        "The access cannot be recorded, so nothing is shown or changed",
    )
}
