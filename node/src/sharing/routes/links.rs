//! Linked hospitals: which, one more by a code of its desk, one less.

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data, Path, ServiceConfig, get, post, resource};
use federation_protocol::grants::PlainCode;
use federation_protocol::member::MemberId;
use federation_service::problem::Problem;

use super::super::pages::{Choice, Linked, LinksPage, ToSign};
use super::form::Form;
use super::{known, name_of, person, see, unavailable};
use crate::consent::ConsentError;
use crate::federation::Federation;
use crate::federation::own_view::OwnViewError;
use crate::identity::Caller;
use crate::linkage::claims::HandedIn;
use crate::linkage::{Linkage, LinkageError};
use crate::pages::Sheet;

pub(super) fn configure(config: &mut ServiceConfig) {
    config
        .service(
            resource("/p/links")
                .route(get().to(links))
                .route(post().to(add)),
        )
        .service(resource("/p/links/{member}/end").route(post().to(end)));
}

/// `GET /p/links`: the linked hospitals, and which of them the person's own view covers.
async fn links(
    page: Sheet,
    caller: Caller,
    federation: Data<Federation>,
) -> Result<HttpResponse, Problem> {
    let found = federation.deciding().links(&caller).await?;
    let membership = known(&federation);
    let state = match federation.own_view().state(&caller).await {
        Ok(state) => Some(state),
        // What one kept back from oneself, or no directory: the links are there all the same.
        Err(OwnViewError::Consent(ConsentError::Refused(_)) | OwnViewError::DirectoryExpired) => {
            None
        }
        Err(error) => return Err(error.into()),
    };
    let hospitals = state.iter().flat_map(|state| &state.hospitals);
    let covered_until = |member: &MemberId| {
        let mut hospitals = hospitals.clone();
        let one = hospitals.find(|one| one.needed.responder == *member)?;
        one.covered_until.map(|at| page.day_of(at))
    };
    let signing = hospitals.clone().filter(|one| one.covered_until.is_none());
    let signing = signing
        .map(|one| {
            let name = name_of(membership.as_deref(), &one.needed.responder);
            ToSign::of(&one.needed, name)
        })
        .collect();
    let linked = |member: &MemberId| found.iter().any(|link| link.responder == *member);
    let members = membership.iter().flat_map(|known| known.members());
    let mut others: Vec<Choice> = members
        .filter(|one| !linked(&one.id))
        .map(|one| Choice {
            member: one.id.to_string(),
            name: one.names.ja.clone(),
            chosen: false,
        })
        .collect();
    others.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(page.show(&LinksPage {
        links: found
            .iter()
            .map(|link| Linked {
                member: link.responder.to_string(),
                name: name_of(membership.as_deref(), &link.responder),
                covered: covered_until(&link.responder),
            })
            .collect(),
        others,
        is_open: state
            .as_ref()
            .is_some_and(|state| state.open_until.is_some()),
        until: state.as_ref().map_or(0, |state| state.until.unix_seconds()),
        signing,
        page: page.clone(),
    }))
}

/// `POST /p/links`: hands in a code of a hospital's desk, with a fresh public key of this device.
async fn add(
    caller: Caller,
    body: Bytes,
    federation: Data<Federation>,
) -> Result<HttpResponse, Problem> {
    person(&caller)?;
    let form = Form::of(&body)?;
    let key: String = form.one("device_key")?;
    let handed_in = HandedIn {
        responder: form.one("hospital")?,
        code: PlainCode::read(form.text("code").unwrap_or_default()),
        device_key: federation_protocol::keys::PublicKey::from_x(&key)
            .or(Err(super::form::malformed()))?,
    };
    federation.linking().link(&caller, handed_in).await?;
    Ok(see("/p/links"))
}

/// `POST /p/links/{member}/end`: the link and its tokens end at once.
async fn end(
    caller: Caller,
    member: Path<String>,
    linkage: Data<Linkage>,
) -> Result<HttpResponse, Problem> {
    let hospital: MemberId = member.parse().or(Err(Problem::not_found()))?;
    match linkage.end_home_link(person(&caller)?, &hospital).await {
        Ok(()) | Err(LinkageError::NoLink) => Ok(see("/p/links")),
        Err(error) => Err(unavailable(&error)),
    }
}
