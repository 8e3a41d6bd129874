//! `/c/grants/{under}`: the hospitals' answers under a grant, or in an emergency.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION,
};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use federation_service::problem::Problem;

use super::session::{key, of_access, of_asking, physicians_only};
use crate::access::Act;
use crate::clinic::manner::Manner;
use crate::clinic::pages::{Showing, Tab, chart_page};
use crate::clinic::views::{self, Person};
use crate::clinic::{Clinic, Key, OpenChart};
use crate::database::Rid;
use crate::federation::asking::Stands;
use crate::identity::Caller;
use crate::pages::Sheet;

/// The path of a chart.
pub(super) fn base(under: &str) -> Result<String, Problem> {
    let formed = (1..=64).contains(&under.len())
        && under
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    match formed {
        true => Ok(format!("/c/grants/{under}")),
        false => Err(Problem::not_found()),
    }
}

/// The tab of that word; 404 for what is none.
pub(super) fn tab_named(word: &str) -> Result<Tab, Problem> {
    match word {
        "timeline" => Ok(Tab::Timeline),
        "labs" => Ok(Tab::Labs),
        "medicines" => Ok(Tab::Medicines),
        "documents" => Ok(Tab::Documents),
        _ => Err(Problem::not_found()),
    }
}

/// Where whoever asked again goes on: the tab that the form stood on, as it was narrowed.
fn back(base: &str, http: &HttpRequest) -> String {
    let query = http.query_string();
    let at = query.split('&').find_map(|pair| pair.strip_prefix("at="));
    let tab = at.and_then(|word| tab_named(word).ok());
    let tab = tab.unwrap_or(Tab::Timeline);
    format!("{base}/{}{}", tab.path(), Manner::of(query).query())
}

/// The tab, open at something.
pub(super) fn tab_at(word: &str, id: String) -> Result<Tab, Problem> {
    match word {
        "labs" => Ok(Tab::Item(id)),
        "documents" => Ok(Tab::Document(id)),
        _ => Err(Problem::not_found()),
    }
}

/// A chart that may be shown, with what stands around it.
pub(super) struct Shown {
    pub(super) open: Arc<OpenChart>,
    pub(super) person: Option<Person>,
    pub(super) is_unsure: bool,
}

impl Clinic {
    /// The chart under `key`, if it is open and its consent stands; `None` where it is to be asked
    /// for. The look is written down.
    ///
    /// # Errors
    /// 403 for another role, 404 for another's grant.
    pub(super) async fn shown(
        &self,
        caller: &Caller,
        key: &Key,
        what: &str,
    ) -> Result<Option<Shown>, Problem> {
        physicians_only(caller)?;
        let Some(open) = self.open.find(key, self.clock.now()) else {
            return Ok(None);
        };
        let stands = self
            .still_stands(caller, key, &open)
            .await
            .map_err(|error| of_asking(&error))?;
        let person = self.banner(caller, &open).await?;
        let chart = person.as_ref().and_then(|(_, chart)| *chart);
        self.view(caller, key, what, chart).await?;
        Ok(Some(Shown {
            open,
            person: person.map(|(person, _)| person),
            is_unsure: stands == Stands::Unknown,
        }))
    }

    async fn view(
        &self,
        caller: &Caller,
        key: &Key,
        what: &str,
        patient: Option<Rid>,
    ) -> Result<(), Problem> {
        let act = Act::View {
            under: &key.under,
            what,
            patient,
        };
        let _permit = self
            .access
            .permit(caller, act)
            .await
            .map_err(|error| of_access(&error))?;
        Ok(())
    }

    /// Who the chart is of, and their chart here: read once for as long as it is open.
    async fn banner(
        &self,
        caller: &Caller,
        open: &OpenChart,
    ) -> Result<Option<(Person, Option<Rid>)>, Problem> {
        if let Some(known) = open.person() {
            return Ok(Some(known.clone()));
        }
        let Some(patient) = &open.under.patient else {
            return Ok(None);
        };
        let address = super::patients::address(patient)?;
        let chart = self.records.chart_of(&address).await.ok().flatten();
        let (person, _) = self.patient(caller, patient).await?;
        open.is_of(person.clone(), chart);
        Ok(Some((person, chart)))
    }

    /// The chart under `key`: what is open, or what is asked for now.
    pub(super) async fn opened(
        &self,
        caller: &Caller,
        key: &Key,
        what: &str,
    ) -> Result<Shown, Problem> {
        if let Some(shown) = self.shown(caller, key, what).await? {
            return Ok(shown);
        }
        self.ask(caller, key)
            .await
            .map_err(|error| of_asking(&error))?;
        let shown = self.shown(caller, key, what).await?;
        shown.ok_or_else(Problem::not_found)
    }
}

/// `GET /c/grants/{under}`.
pub(super) async fn start(
    clinic: Data<Clinic>,
    caller: Caller,
    sheet: Sheet,
    under: Path<String>,
    http: HttpRequest,
) -> Result<HttpResponse, Problem> {
    show(&clinic, &caller, &sheet, &under, &Tab::Timeline, &http).await
}

/// `GET /c/grants/{under}/{tab}`.
pub(super) async fn tab(
    clinic: Data<Clinic>,
    caller: Caller,
    sheet: Sheet,
    path: Path<(String, String)>,
    http: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (under, word) = path.into_inner();
    show(&clinic, &caller, &sheet, &under, &tab_named(&word)?, &http).await
}

/// `GET /c/grants/{under}/labs/{item}`, `…/documents/{document}`.
pub(super) async fn one(
    clinic: Data<Clinic>,
    caller: Caller,
    sheet: Sheet,
    path: Path<(String, String, String)>,
    http: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (under, word, id) = path.into_inner();
    show(&clinic, &caller, &sheet, &under, &tab_at(&word, id)?, &http).await
}

async fn show(
    clinic: &Clinic,
    caller: &Caller,
    sheet: &Sheet,
    under: &str,
    tab: &Tab,
    http: &HttpRequest,
) -> Result<HttpResponse, Problem> {
    physicians_only(caller)?;
    let base = base(under)?;
    let manner = Manner::of(http.query_string());
    let key = key(http, caller, under);
    let shown = clinic.opened(caller, &key, tab.word()).await?;
    if manner.waits {
        Clinic::all_answered(&shown.open).await;
    }
    let showing = Showing {
        sheet,
        base: &base,
        open: &shown.open,
        tab,
        manner: &manner,
        now: clinic.clock.now(),
        is_unsure: shown.is_unsure,
    };
    let page = chart_page(&showing, shown.person).ok_or_else(Problem::not_found)?;
    Ok(page.page.show(&page))
}

/// `POST /c/grants/{under}/ask`: every hospital again.
pub(super) async fn ask(
    clinic: Data<Clinic>,
    caller: Caller,
    under: Path<String>,
    http: HttpRequest,
) -> Result<HttpResponse, Problem> {
    physicians_only(&caller)?;
    let base = base(&under)?;
    let key = key(&http, &caller, &under);
    let open = clinic.open.find(&key, clinic.clock.now());
    // What was opened in an emergency is asked for anew from the patient's page, with its reason.
    if let Some(patient) = open
        .filter(|open| !open.under.is_grant)
        .and_then(|open| open.under.patient.clone())
    {
        return Ok(to(&format!("/c/patients/{patient}/consent")));
    }
    clinic
        .ask(&caller, &key)
        .await
        .map_err(|error| of_asking(&error))?;
    Ok(to(&back(&base, &http)))
}

/// `POST /c/grants/{under}/rows/{place}`: one hospital again.
pub(super) async fn ask_one(
    clinic: Data<Clinic>,
    caller: Caller,
    path: Path<(String, String)>,
    http: HttpRequest,
) -> Result<HttpResponse, Problem> {
    physicians_only(&caller)?;
    let (under, place) = path.into_inner();
    let base = base(&under)?;
    let place: usize = place.parse().map_err(|_none| Problem::not_found())?;
    let key = key(&http, &caller, &under);
    if let Some(open) = clinic.open.find(&key, clinic.clock.now()) {
        let asked = clinic.ask_again(&caller, &key, &open, place).await;
        asked.map_err(|error| of_asking(&error))?;
    }
    Ok(to(&back(&base, &http)))
}

/// `GET /c/grants/{under}/documents/{id}/{place}`: something attached, as bytes to be kept: never
/// shown by the browser within these pages, whatever it claims to be.
pub(super) async fn attachment(
    clinic: Data<Clinic>,
    caller: Caller,
    path: Path<(String, String, usize)>,
    http: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (under, id, place) = path.into_inner();
    let key = key(&http, &caller, &under);
    let shown = clinic.shown(&caller, &key, "attachment").await?;
    let shown = shown.ok_or_else(Problem::not_found)?;
    let now = shown.open.now();
    let bytes = views::attachment(&now.chart, &id, place).ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/octet-stream"))
        .insert_header((
            CONTENT_DISPOSITION,
            "attachment; filename=\"musubi-attachment.bin\"",
        ))
        .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"))
        .insert_header(("x-content-type-options", "nosniff"))
        .body(bytes))
}

/// After an act: the page that shows what came of it.
pub(super) fn to(path: &str) -> HttpResponse {
    HttpResponse::build(StatusCode::SEE_OTHER)
        .insert_header((LOCATION, path))
        .finish()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn whoever_asks_again_stays_on_their_tab_and_nowhere_else() {
        let back = |query: &str| {
            let uri = format!("/c/grants/g1/ask{query}");
            back(
                "/c/grants/g1",
                &TestRequest::with_uri(&uri).to_http_request(),
            )
        };
        assert_eq!(back(""), "/c/grants/g1/timeline");
        assert_eq!(back("?at=labs&zoom=all"), "/c/grants/g1/labs?zoom=all");
        for elsewhere in ["?at=//evil.example", "?at=../x", "?at=labs/x", "?at=%2f"] {
            assert_eq!(back(elsewhere), "/c/grants/g1/timeline", "{elsewhere}");
        }
    }
}
