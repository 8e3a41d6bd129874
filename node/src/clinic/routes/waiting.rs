//! `/c/patients/{patient}/waiting/{asked}`: the person is asked on their phone; the page goes on by
//! itself when they have answered.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use federation_service::problem::Problem;

use super::charts::to;
use super::session::of_access;
use crate::clinic::Clinic;
use crate::clinic::pages::{WaitingPage, WaitingPart};
use crate::federation::asking::AskError;
use crate::federation::{RedeemError, Redeemed};
use crate::identity::Caller;
use crate::pages::Sheet;
use crate::pages::routes::fragment;

/// How it stands, as the page says it.
enum Stands {
    /// Not answered yet.
    Waits(federation_protocol::time::Timestamp),
    /// Yes: the grant.
    Granted(String),
    /// No, too late, or something else; the end of the key of its text.
    Over(&'static str),
}

impl Clinic {
    async fn answered(&self, caller: &Caller, asked: &str) -> Result<Stands, Problem> {
        match self.federation.asking().look_again(caller, asked).await {
            Ok(Redeemed::Granted(grant, _)) => Ok(Stands::Granted(grant.id)),
            Ok(Redeemed::Asked(asked)) => Ok(Stands::Waits(asked.expires_at)),
            Err(AskError::NoSuchGrant) => Err(Problem::not_found()),
            Err(AskError::Access(refusal)) => Err(of_access(&refusal)),
            Err(AskError::Redeem(RedeemError::Refused(_))) => Ok(Stands::Over("asked-refused")),
            Err(AskError::Redeem(RedeemError::Silent(_))) => Ok(Stands::Over("redeem-silent")),
            Err(error) => {
                tracing::error!("an answer could not be looked for: {error}");
                Ok(Stands::Over("redeem-failed"))
            }
        }
    }
}

fn part<'a>(sheet: &'a Sheet, path: &str, patient: &'a str, stands: &Stands) -> WaitingPart<'a> {
    let mut part = WaitingPart {
        page: sheet,
        patient,
        again: None,
        granted: None,
        until: 0,
        over: None,
    };
    match stands {
        Stands::Waits(until) => {
            part.again = Some(format!("{path}/state"));
            part.until = until.unix_seconds();
        }
        Stands::Granted(grant) => part.granted = Some(format!("/c/grants/{grant}")),
        Stands::Over(key) => part.over = Some(*key),
    }
    part
}

/// `GET /c/patients/{patient}/waiting/{asked}`.
pub(super) async fn waiting(
    clinic: Data<Clinic>,
    caller: Caller,
    sheet: Sheet,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (patient, asked) = path.into_inner();
    let (person, _) = clinic.patient(&caller, &patient).await?;
    let stands = clinic.answered(&caller, &asked).await?;
    if let Stands::Granted(grant) = &stands {
        return Ok(to(&format!("/c/grants/{grant}")));
    }
    let here = format!("/c/patients/{patient}/waiting/{asked}");
    let state = part(&sheet, &here, &patient, &stands).markup();
    let page = WaitingPage {
        page: sheet,
        id: patient,
        person,
        here,
        state,
    };
    Ok(page.page.show(&page))
}

/// `GET /c/patients/{patient}/waiting/{asked}/state`: the part that asks again.
pub(super) async fn state(
    clinic: Data<Clinic>,
    caller: Caller,
    sheet: Sheet,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    super::session::physicians_only(&caller)?;
    let (patient, asked) = path.into_inner();
    super::patients::address(&patient)?;
    let stands = clinic.answered(&caller, &asked).await?;
    let here = format!("/c/patients/{patient}/waiting/{asked}");
    Ok(fragment(&part(&sheet, &here, &patient, &stands)))
}
