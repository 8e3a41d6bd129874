//! `/c/grants/{under}/rows/…`: a chart's parts as the hospitals answer, as server-sent events whose
//! data is markup. Each hospital's part goes out when it came, whoever else is silent.

use std::sync::Arc;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use federation_protocol::time::Timestamp;
use federation_service::problem::Problem;
use futures_util::stream;
use tokio::sync::watch;

use super::charts::{base, tab_at, tab_named};
use super::session::{key, physicians_only};
use crate::clinic::manner::Manner;
use crate::clinic::pages::{Showing, Tab, part_of};
use crate::clinic::{Clinic, OpenChart, State};
use crate::federation::sse::event;
use crate::identity::Caller;
use crate::pages::Sheet;

/// `GET /c/grants/{under}/rows/{tab}`.
pub(super) async fn tab(
    clinic: Data<Clinic>,
    caller: Caller,
    sheet: Sheet,
    path: Path<(String, String)>,
    http: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (under, word) = path.into_inner();
    follow(&clinic, &caller, sheet, &under, tab_named(&word)?, &http).await
}

/// `GET /c/grants/{under}/rows/{tab}/{id}`.
pub(super) async fn one(
    clinic: Data<Clinic>,
    caller: Caller,
    sheet: Sheet,
    path: Path<(String, String, String)>,
    http: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (under, word, id) = path.into_inner();
    follow(&clinic, &caller, sheet, &under, tab_at(&word, id)?, &http).await
}

async fn follow(
    clinic: &Clinic,
    caller: &Caller,
    sheet: Sheet,
    under: &str,
    tab: Tab,
    http: &HttpRequest,
) -> Result<HttpResponse, Problem> {
    physicians_only(caller)?;
    let base = base(under)?;
    let manner = Manner::of(http.query_string());
    let shown = clinic
        .opened(caller, &key(http, caller, under), tab.word())
        .await?;
    let following = Following {
        changes: shown.open.changes(),
        told: shown
            .open
            .now()
            .rows
            .iter()
            .map(|_| State::Asking)
            .collect(),
        open: shown.open,
        sheet,
        base,
        tab,
        manner,
        now: clinic.clock.now(),
        is_over: false,
    };
    let events = stream::unfold(following, |mut following| async move {
        let text = following.next().await?;
        Some((Ok::<_, actix_web::Error>(Bytes::from(text)), following))
    });
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header(("x-accel-buffering", "no"))
        .content_type("text/event-stream")
        .streaming(Box::pin(events)))
}

/// What of a chart was told already.
struct Following {
    open: Arc<OpenChart>,
    changes: watch::Receiver<u64>,
    told: Vec<State>,
    sheet: Sheet,
    base: String,
    tab: Tab,
    manner: Manner,
    now: Timestamp,
    is_over: bool,
}

impl Following {
    /// The next event: what changed since the last; the end when nobody is asked any more.
    async fn next(&mut self) -> Option<String> {
        while !self.is_over {
            self.changes.mark_unchanged();
            let now = self.open.now();
            let states: Vec<State> = now.rows.iter().map(|row| row.state.clone()).collect();
            let is_asking = now.completeness.asking > 0;
            if states != self.told || !is_asking {
                let changed = |place: usize| states.get(place) != self.told.get(place);
                let showing = Showing {
                    sheet: &self.sheet,
                    base: &self.base,
                    open: &self.open,
                    tab: &self.tab,
                    manner: &self.manner,
                    now: self.now,
                    is_unsure: false,
                };
                let parts = part_of(&showing, &now, changed);
                self.told = states;
                self.is_over = !is_asking;
                let name = if is_asking { "part" } else { "end" };
                return Some(event(name, &parts));
            }
            if self.changes.changed().await.is_err() {
                return None;
            }
        }
        None
    }
}
