//! `/c/patients/{patient}`: is it them?

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use federation_service::problem::Problem;

use super::session::{of_access, of_asking, of_records, physicians_only};
use crate::access::Act;
use crate::clinic::Clinic;
use crate::clinic::pages::{GrantLine, PatientPage};
use crate::clinic::views::Person;
use crate::federation::held::HeldGrant;
use crate::identity::Caller;
use crate::pages::Sheet;
use crate::records::{Address, LogicalId, ResourceType};
use federation_protocol::time::Timestamp;

/// The address of a patient here; 404 for what is none.
pub(super) fn address(patient: &str) -> Result<Address, Problem> {
    let kind = ResourceType::named("Patient");
    match kind.zip(LogicalId::parse(patient)) {
        Some((kind, id)) => Ok(Address { kind, id }),
        None => Err(Problem::not_found()),
    }
}

impl Clinic {
    /// The Patient at `patient`, read as any other read of it.
    pub(super) async fn patient(
        &self,
        caller: &Caller,
        patient: &str,
    ) -> Result<(Person, serde_json::Value), Problem> {
        physicians_only(caller)?;
        let address = address(patient)?;
        let chart = self
            .records
            .chart_of(&address)
            .await
            .map_err(|error| of_records(&error))?;
        let act = Act::Read {
            kind: address.kind.name(),
            id: address.id.as_str(),
            patient: chart,
        };
        let permit = self
            .access
            .permit(caller, act)
            .await
            .map_err(|error| of_access(&error))?;
        let entry = self
            .records
            .read(&permit, &address)
            .await
            .map_err(|error| of_records(&error))?;
        let value: serde_json::Value =
            serde_json::from_str(&entry.raw).map_err(|_ours| Problem::not_found())?;
        Ok((Person::of(&value, self.clock.now()), value))
    }

    /// The grants that `caller` holds, as they are listed.
    pub(super) async fn grant_lines(
        &self,
        sheet: &Sheet,
        caller: &Caller,
        of: Option<&str>,
    ) -> Result<Vec<(HeldGrant, GrantLine)>, Problem> {
        let grants = self
            .federation
            .asking()
            .grants(caller)
            .await
            .map_err(|error| of_asking(&error))?;
        let now = self.clock.now();
        let fits = |grant: &HeldGrant| of.is_none() || grant.patient.as_deref() == of;
        let lines = grants.into_iter().filter(fits).take(30);
        Ok(lines
            .map(|grant| {
                let line = line(sheet, &grant, now);
                (grant, line)
            })
            .collect())
    }
}

fn line(sheet: &Sheet, grant: &HeldGrant, now: Timestamp) -> GrantLine {
    let is_over = grant.expires_at <= now;
    let kinds: Vec<String> = grant
        .categories
        .iter()
        .map(|category| sheet.coded("clinic-category-", category.as_str(), "other"))
        .collect();
    let (created, kinds) = (
        sheet.moment(grant.created_at),
        kinds.join(&sheet.t("clinic-summary-comma")),
    );
    GrantLine {
        href: format!("/c/grants/{}", grant.id),
        name: String::new(),
        state: sheet.t(if is_over {
            "clinic-grant-over"
        } else {
            "clinic-grant-stands"
        }),
        detail: sheet.say(
            "clinic-grant-detail",
            &[("created", &created), ("kinds", &kinds)],
        ),
        is_over,
    }
}

/// `GET /c/patients/{patient}`.
pub(super) async fn patient(
    clinic: Data<Clinic>,
    caller: Caller,
    sheet: Sheet,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let (person, _) = clinic.patient(&caller, &id).await?;
    let grants = clinic.grant_lines(&sheet, &caller, Some(&id)).await?;
    let page = PatientPage {
        page: sheet,
        id: id.into_inner(),
        person,
        grants: grants.into_iter().map(|(_, line)| line).collect(),
    };
    Ok(page.page.show(&page))
}
