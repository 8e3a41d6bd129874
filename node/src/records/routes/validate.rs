//! `$validate`: what there is to say about a resource, without storing it.

use actix_web::HttpRequest;
use actix_web::web::{self, Data, Path, Payload, ServiceConfig};

use super::answer::verdict;
use super::manner::Manner;
use super::{Answer, Fhir, only, question};
use crate::access::{Access, Act};
use crate::identity::Caller;
use crate::records::validation::Asked;
use crate::records::{Address, DraftError, LogicalId, Records, RecordsError, ResourceType, strict};

pub(super) fn configure(routes: &mut ServiceConfig) {
    routes
        .service(
            web::resource("/{kind}/$validate")
                .route(web::post().to(given))
                .default_service(only("POST")),
        )
        .service(
            web::resource("/{kind}/{id}/$validate")
                .route(web::post().to(given_for_one))
                .route(web::get().to(stored))
                .route(web::head().to(stored))
                .default_service(only("GET, HEAD, POST")),
        );
}

/// A resource of a type.
async fn given(
    request: HttpRequest,
    kind: Path<String>,
    payload: Payload,
    caller: Caller,
    access: Data<Access>,
    records: Data<Records>,
) -> Answer {
    let subject = Subject::named(&kind, None)?;
    answered(&request, subject, Some(payload), &caller, &access, &records).await
}

/// A resource that is to be what is at this address.
async fn given_for_one(
    request: HttpRequest,
    address: Path<(String, String)>,
    payload: Payload,
    caller: Caller,
    access: Data<Access>,
    records: Data<Records>,
) -> Answer {
    let subject = Subject::named(&address.0, Some(&address.1))?;
    answered(&request, subject, Some(payload), &caller, &access, &records).await
}

/// What is stored at this address.
async fn stored(
    request: HttpRequest,
    address: Path<(String, String)>,
    caller: Caller,
    access: Data<Access>,
    records: Data<Records>,
) -> Answer {
    let subject = Subject::named(&address.0, Some(&address.1))?;
    answered(&request, subject, None, &caller, &access, &records).await
}

/// What the question is about.
struct Subject {
    kind: ResourceType,
    address: Option<Address>,
}

impl Subject {
    fn named(kind: &str, id: Option<&str>) -> Result<Self, RecordsError> {
        let kind = ResourceType::named(kind).ok_or(RecordsError::NoSuchType)?;
        let id = id.map(|id| LogicalId::parse(id).ok_or(DraftError::Id));
        let address = id.transpose()?.map(|id| Address { kind, id });
        Ok(Self { kind, address })
    }
}

async fn answered(
    request: &HttpRequest,
    subject: Subject,
    payload: Option<Payload>,
    caller: &Caller,
    access: &Access,
    records: &Records,
) -> Answer {
    let manner = Manner::of(request)?;
    let Subject { kind, address } = subject;
    let patient = match &address {
        Some(address) => records.chart_of(address).await?,
        None => None,
    };
    let act = Act::Validate {
        kind: kind.name(),
        id: address.as_ref().map(|address| address.id.as_str()),
        patient,
    };
    let permit = access.permit(caller, act).await?;
    let pairs = question::pairs(request.query_string().as_bytes())?;
    let body = match payload {
        Some(payload) => Some(question::resource(request, payload).await?),
        None => None,
    };
    let text = body.as_deref().map(strict::text).transpose();
    let text = text.map_err(DraftError::from).map_err(RecordsError::from)?;
    let asked = Asked::parse(kind, &pairs, text)?;
    let issues = records.validate(&permit, address.as_ref(), asked);
    let issues = issues.await?;
    Ok(Fhir::ok(manner.spelled(verdict(&issues))))
}
