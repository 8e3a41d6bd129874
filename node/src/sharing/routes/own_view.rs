//! One's own view of other hospitals: opened by the phone's signatures, closed by one tap.

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data, ServiceConfig, post, resource};
use federation_service::problem::Problem;

use super::form::{Form, malformed};
use super::see;
use crate::consent::SignedOwnView;
use crate::federation::Federation;
use crate::identity::Caller;

pub(super) fn configure(config: &mut ServiceConfig) {
    config
        .service(resource("/p/own-view").route(post().to(open)))
        .service(resource("/p/own-view/close").route(post().to(close)));
}

/// `POST /p/own-view`
async fn open(
    caller: Caller,
    body: Bytes,
    federation: Data<Federation>,
) -> Result<HttpResponse, Problem> {
    let form = Form::of(&body)?;
    let signed = SignedOwnView {
        until: form.seconds("until-at")?.ok_or_else(malformed)?,
        signatures: form.signatures()?,
    };
    federation.own_view().open(&caller, signed).await?;
    Ok(see("/p/links"))
}

/// `POST /p/own-view/close`
async fn close(caller: Caller, federation: Data<Federation>) -> Result<HttpResponse, Problem> {
    federation.own_view().close(&caller).await?;
    Ok(see("/p/links"))
}
