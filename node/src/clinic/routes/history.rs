//! `/c/history`: what one has opened oneself, and for what. Nobody else's lines.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use federation_protocol::member::MemberId;
use federation_service::problem::Problem;

use super::session::{of_access, of_database, physicians_only};
use crate::access::Act;
use crate::audit::{Filter, Recorded};
use crate::clinic::Clinic;
use crate::clinic::pages::{HistoryLine, HistoryPage};
use crate::identity::Caller;
use crate::pages::Sheet;

/// Lines of one page.
const LINES: u32 = 100;

/// `GET /c/history`.
pub(super) async fn history(
    clinic: Data<Clinic>,
    caller: Caller,
    sheet: Sheet,
    http: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let physician = physicians_only(&caller)?;
    let act = Act::View {
        under: "",
        what: "history",
        patient: None,
    };
    let _permit = clinic
        .access
        .permit(&caller, act)
        .await
        .map_err(|error| of_access(&error))?;
    let before = http.query_string().strip_prefix("before=");
    let filter = Filter {
        actor_id: Some(physician.to_owned()),
        before_seq: before.and_then(|before| before.parse().ok()),
        limit: Some(LINES),
        newest_first: true,
        ..Filter::default()
    };
    let lines = clinic
        .audit
        .list(filter)
        .await
        .map_err(|error| of_database(&error))?;
    let is_full = u32::try_from(lines.len()).is_ok_and(|count| count == LINES);
    let older = lines
        .last()
        .filter(|_| is_full)
        .map(|line| format!("/c/history?before={}", line.seq));
    let mut shown = Vec::with_capacity(lines.len());
    for line in &lines {
        shown.push(clinic.history_line(&sheet, line).await);
    }
    let page = HistoryPage {
        page: sheet,
        lines: shown,
        older,
    };
    Ok(page.page.show(&page))
}

impl Clinic {
    async fn history_line(&self, sheet: &Sheet, line: &Recorded) -> HistoryLine {
        let detail = |name: &str| line.detail.get(name).and_then(serde_json::Value::as_str);
        let act = detail("act").unwrap_or(&line.kind);
        let act = match detail("view") {
            Some(view) => format!("{}: {view}", sheet.coded("clinic-did-", act, "other")),
            None => sheet.coded("clinic-did-", act, "other"),
        };
        let address = detail("resource").or_else(|| detail("of"));
        let patient = address
            .and_then(|address| address.strip_prefix("Patient/"))
            .map(str::to_owned);
        let hospital = line.peer.as_deref().map(|peer| self.member_name(peer));
        let result = match line.outcome.as_str() {
            "ok" => line
                .shown
                .map(|shown| sheet.t1("clinic-did-shown", "count", shown)),
            other => Some(sheet.t1("clinic-did-not", "code", other)),
        };
        HistoryLine {
            when: sheet.moment(line.at),
            act,
            name: patient.clone().unwrap_or_default(),
            patient,
            purpose: line
                .purpose
                .as_deref()
                .map(|one| sheet.coded("clinic-purpose-", one, "other"))
                .unwrap_or_default(),
            hospital: hospital.unwrap_or_default(),
            result: result.unwrap_or_default(),
        }
    }

    /// The name of a member in the directory; its id where it is in none.
    fn member_name(&self, id: &str) -> String {
        let membership = self.federation.directory().membership();
        let member = id.parse::<MemberId>().ok();
        let listed = member
            .as_ref()
            .zip(membership.as_ref())
            .and_then(|(id, all)| all.member(id));
        listed.map_or_else(|| id.to_owned(), |listed| listed.names.ja.clone())
    }
}
