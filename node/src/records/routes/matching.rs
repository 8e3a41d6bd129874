//! `POST /fhir/Patient/$match`: who of the patients here a described person may be.

use actix_web::HttpRequest;
use actix_web::web::{self, Data, Payload, ServiceConfig};

use super::answer::base;
use super::question::{body, only_json};
use super::{Answer, Fhir};
use crate::access::{Access, Act};
use crate::identity::Caller;
use crate::records::{MatchQuestion, Records, matching};

pub(super) fn configure(routes: &mut ServiceConfig) {
    routes.route("/Patient/$match", web::post().to(patients));
}

async fn patients(
    request: HttpRequest,
    payload: Payload,
    caller: Caller,
    access: Data<Access>,
    records: Data<Records>,
) -> Answer {
    only_json(&request)?;
    // A search of all charts, told apart from others in the audit.
    let act = Act::Search {
        kind: "Patient/$match",
        patient: None,
    };
    let permit = access.permit(&caller, act).await?;
    let question = MatchQuestion::parse(&body(&request, payload).await?)?;
    let matches = records.match_patient(&permit, &question).await?;
    Ok(Fhir::ok(matching::searchset(&base(&request), &matches)))
}

#[cfg(test)]
mod tests;
