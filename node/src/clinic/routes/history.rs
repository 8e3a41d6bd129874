//! `/c/history`: what one has opened oneself, and for what. Nobody else's lines.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use federation_protocol::member::MemberId;
use federation_protocol::refusal::Refusal;
use federation_service::problem::Problem;

use super::session::{of_access, of_asking, of_database, physicians_only};
use crate::access::Act;
use crate::audit::{Filter, Recorded};
use crate::clinic::Clinic;
use crate::clinic::pages::{HistoryLine, HistoryPage};
use crate::federation::held::HeldGrant;
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
    let grants = clinic.federation.asking().grants(&caller).await;
    let grants = grants.map_err(|error| of_asking(&error))?;
    let shown = lines
        .iter()
        .map(|line| clinic.history_line(&sheet, line, &grants))
        .collect();
    let page = HistoryPage {
        page: sheet,
        lines: shown,
        older,
    };
    Ok(page.page.show(&page))
}

impl Clinic {
    fn history_line(&self, sheet: &Sheet, line: &Recorded, grants: &[HeldGrant]) -> HistoryLine {
        let detail = |name: &str| line.detail.get(name).and_then(serde_json::Value::as_str);
        let act = detail("act").unwrap_or(&line.kind);
        let act = match detail("view") {
            Some(view) => {
                let view = sheet.coded("clinic-view-", view, "other");
                format!("{}: {view}", sheet.coded("clinic-did-", act, "other"))
            }
            None => sheet.coded("clinic-did-", act, "other"),
        };
        let address = detail("resource").or_else(|| detail("of"));
        let named = address.and_then(|address| address.strip_prefix("Patient/"));
        let grant = detail("grant").and_then(|id| grants.iter().find(|grant| grant.id == id));
        let of_grant = grant.and_then(|grant| grant.patient.as_deref());
        let patient = named.or(of_grant).map(str::to_owned);
        let purpose = grant.map(|grant| grant.purpose.as_str());
        let purpose = line.purpose.as_deref().or(purpose);
        let hospital = line.peer.as_deref().map(|peer| self.member_name(peer));
        let by_consent = [
            Refusal::ConsentNotGranted,
            Refusal::ConsentTooComplex,
            Refusal::ScopeNotGranted,
            Refusal::PurposeNotGranted,
        ];
        let result = match line.outcome.as_str() {
            // As on the rows: what is not shown and what is not there are one.
            other if by_consent.iter().any(|refusal| refusal.code() == other) => {
                Some(sheet.t1("clinic-did-shown", "count", 0_u32))
            }
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
            purpose: purpose
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
