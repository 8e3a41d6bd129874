//! `POST /fhir/Patient/$match`: who of the patients here a described person may be.

use actix_web::HttpRequest;
use actix_web::web::{self, Data, Payload, ServiceConfig};

use super::manner::Manner;
use super::question::resource;
use super::{Answer, Fhir, only};
use crate::access::{Access, Act};
use crate::identity::Caller;
use crate::records::{MatchQuestion, Records, matching};

pub(super) fn configure(routes: &mut ServiceConfig) {
    routes.service(
        web::resource("/Patient/$match")
            .route(web::post().to(patients))
            .default_service(only("POST")),
    );
}

async fn patients(
    request: HttpRequest,
    payload: Payload,
    caller: Caller,
    access: Data<Access>,
    records: Data<Records>,
) -> Answer {
    let manner = Manner::of(&request)?;
    // A search of all charts, told apart from others in the audit.
    let act = Act::Search {
        kind: "Patient/$match",
        patient: None,
    };
    let permit = access.permit(&caller, act).await?;
    let question = MatchQuestion::parse(&resource(&request, payload).await?)?;
    let matches = records.match_patient(&permit, &question).await?;
    let found = matching::searchset(&manner.base, &matches);
    Ok(Fhir::ok(manner.spelled(found)))
}

#[cfg(test)]
mod tests;
