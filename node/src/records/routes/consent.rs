//! `/fhir/Consent`, to read: a person's own directives, and the local ones of a chart here for the
//! hospital's staff. What a person decided about other hospitals is not the staff's to read.
//! Directives are written through the consent room alone.

use actix_web::HttpRequest;
use actix_web::web::{self, Data, Path, ServiceConfig};

use super::answer::{Failure, searchset_of};
use super::manner::Manner;
use super::question::{self, patient_of};
use super::{Answer, Fhir, only};
use crate::access::{Access, Act};
use crate::consent::{Consents, DirectiveId, Subject};
use crate::database::Rid;
use crate::identity::Caller;
use crate::records::{Records, RecordsError};

pub(super) fn configure(routes: &mut ServiceConfig) {
    routes
        .service(
            web::resource("/Consent")
                .route(web::get().to(search))
                .route(web::head().to(search))
                .default_service(only("GET, HEAD")),
        )
        .service(
            web::resource("/Consent/{id}")
                .route(web::get().to(read))
                .route(web::head().to(read))
                .default_service(only("GET, HEAD")),
        );
}

async fn read(
    request: HttpRequest,
    id: Path<String>,
    caller: Caller,
    access: Data<Access>,
    consents: Data<Consents>,
) -> Answer {
    let manner = Manner::of(&request)?;
    access
        .permit(
            &caller,
            Act::Read {
                kind: "Consent",
                id: &id,
                patient: None,
            },
        )
        .await?;
    let stored = consents.read(&DirectiveId::known(id.as_str())).await?;
    let stored = stored.filter(|stored| is_theirs(&caller, &stored.subject));
    let stored = stored.ok_or(RecordsError::NotFound)?;
    Ok(Fhir::ok(manner.spelled(stored.raw)))
}

/// Without parameters one's own; `patient` names the chart whose local directives staff ask for.
async fn search(
    request: HttpRequest,
    caller: Caller,
    access: Data<Access>,
    records: Data<Records>,
    consents: Data<Consents>,
) -> Answer {
    let manner = Manner::of(&request)?;
    let pairs = question::pairs(request.query_string().as_bytes())?;
    if pairs.iter().any(|(name, _)| name != "patient") || pairs.len() > 1 {
        return Err(Failure::bad("Consent can be searched by patient alone"));
    }
    let named = match patient_of(&pairs, &manner.base) {
        Some(patient) => records.chart_of(&patient).await?,
        None => None,
    };
    let subjects = match &caller {
        Caller::Person { id, patient } if pairs.is_empty() || named == Some(*patient) => {
            vec![Subject::Person(id.clone()), Subject::Patient(*patient)]
        }
        Caller::Person { .. } => Vec::new(),
        _staff => named.map(Subject::Patient).into_iter().collect(),
    };
    let patient = named.or(own_chart(&caller));
    access
        .permit(
            &caller,
            Act::Search {
                kind: "Consent",
                patient,
            },
        )
        .await?;
    let mut found = Vec::new();
    for subject in subjects {
        let stored = consents.list(subject).await?;
        found.extend(stored.into_iter().map(|one| (one.id.to_string(), one.raw)));
    }
    let found = searchset_of(&manner, "Consent", &found);
    Ok(Fhir::ok(manner.spelled(found)))
}

fn own_chart(caller: &Caller) -> Option<Rid> {
    match caller {
        Caller::Person { patient, .. } => Some(*patient),
        _staff => None,
    }
}

fn is_theirs(caller: &Caller, subject: &Subject) -> bool {
    match (caller, subject) {
        (Caller::Person { id, .. }, Subject::Person(of)) => id == of,
        (Caller::Person { patient, .. }, Subject::Patient(of)) => patient == of,
        (_staff, Subject::Patient(_)) => true,
        (_staff, Subject::Person(_)) => false,
    }
}
