//! 医師に見せる: a code in large letters and as a picture; codes on paper.

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data, Path, ServiceConfig, get, post, resource};
use federation_protocol::category::{Category, Scope};
use federation_protocol::purpose::Purpose;
use federation_service::problem::Problem;

use super::super::pages::{Choice, CodePage, PaperPage, SheetView, ShownPage, kinds};
use super::form::{Form, malformed};
use super::requests::ONCE_SECONDS;
use super::{known, name_of, person, see, unavailable};
use crate::consent::{NewCode, Sheet as Paper};
use crate::federation::Federation;
use crate::federation::deciding::{CodeFor, Shown};
use crate::identity::Caller;
use crate::pages::{Sheet, qr};

pub(super) fn configure(config: &mut ServiceConfig) {
    config
        .service(
            resource("/p/code")
                .route(get().to(choose))
                .route(post().to(make)),
        )
        .service(resource("/p/code/{id}/withdraw").route(post().to(withdraw)))
        .service(
            resource("/p/paper")
                .route(get().to(paper))
                .route(post().to(make_sheet)),
        )
        .service(resource("/p/paper/{id}/revoke").route(post().to(revoke)));
}

/// `GET /p/code`: an open code, or one for a hospital.
async fn choose(
    page: Sheet,
    caller: Caller,
    federation: Data<Federation>,
) -> Result<HttpResponse, Problem> {
    person(&caller)?;
    let membership = known(&federation);
    let members = membership.iter().flat_map(|known| known.members());
    let mut hospitals: Vec<Choice> = members
        .map(|one| Choice {
            member: one.id.to_string(),
            name: one.names.ja.clone(),
            chosen: false,
        })
        .collect();
    hospitals.sort_by(|one, other| one.name.cmp(&other.name));
    let basic: Scope = [Category::Lab, Category::Rx, Category::Allergy]
        .into_iter()
        .collect();
    Ok(page.show(&CodePage {
        hospitals,
        kinds: kinds(&page, basic),
        page: page.clone(),
    }))
}

/// `POST /p/code`: the code, shown once.
async fn make(
    page: Sheet,
    caller: Caller,
    body: Bytes,
    federation: Data<Federation>,
) -> Result<HttpResponse, Problem> {
    let form = Form::of(&body)?;
    let deciding = federation.deciding();
    let is_open = !form.has("member");
    let made = if is_open {
        deciding.open_code(&caller).await?
    } else {
        let kinds = form.kinds()?;
        if kinds.is_empty() {
            return Err(malformed());
        }
        let code = CodeFor {
            requester: form.one("member")?,
            practitioner: None,
            purpose: Purpose::Treat,
            shown: Shown {
                hospitals: Vec::new(),
                categories: Some(kinds),
                sensitive: form.has("sensitive"),
                until: deciding.now().plus_seconds(ONCE_SECONDS),
                signatures: Vec::new(),
            },
        };
        deciding.code_for(&caller, code).await?
    };
    let address = format!("{}/v#{}", federation.endpoint(), made.code.scanned());
    let picture = qr(address.as_bytes()).ok_or_else(|| unavailable(&"too long an address"))?;
    Ok(page.show(&shown(&page, &made, picture, is_open)))
}

fn shown(page: &Sheet, made: &NewCode, picture: String, is_open: bool) -> ShownPage {
    ShownPage {
        id: made.id.clone(),
        code: made.code.spoken(),
        qr: picture,
        until: made.expires_at.unix_seconds(),
        until_said: page.moment(made.expires_at),
        is_open,
        page: page.clone(),
    }
}

/// `POST /p/code/{id}/withdraw`
async fn withdraw(
    caller: Caller,
    id: Path<String>,
    federation: Data<Federation>,
) -> Result<HttpResponse, Problem> {
    federation.deciding().withdraw_code(&caller, &id).await?;
    Ok(see("/p/code"))
}

/// `GET /p/paper`: the sheets, and a new one.
async fn paper(
    page: Sheet,
    caller: Caller,
    federation: Data<Federation>,
) -> Result<HttpResponse, Problem> {
    show(page, &caller, &federation, Vec::new()).await
}

/// `POST /p/paper`: a sheet of codes, shown once, to be printed or copied.
async fn make_sheet(
    page: Sheet,
    caller: Caller,
    body: Bytes,
    federation: Data<Federation>,
) -> Result<HttpResponse, Problem> {
    let hospitals = Form::of(&body)?.each("hospital")?;
    if hospitals.is_empty() {
        return Err(malformed());
    }
    let made = federation.deciding().make_sheet(&caller, hospitals).await?;
    let codes = made.codes.iter().map(|code| code.grouped().to_string());
    show(page, &caller, &federation, codes.collect()).await
}

async fn show(
    page: Sheet,
    caller: &Caller,
    federation: &Federation,
    codes: Vec<String>,
) -> Result<HttpResponse, Problem> {
    let deciding = federation.deciding();
    let (sheets, _uses) = deciding.paper(caller).await?;
    let links = deciding.links(caller).await?;
    let (now, membership) = (deciding.now(), known(federation));
    let view = |sheet: &Paper| SheetView {
        id: sheet.id.clone(),
        made: page.day_of(sheet.made_at),
        until: page.day_of(sheet.expires_at),
        left: sheet.left,
        is_good: sheet.revoked_at.is_none() && now < sheet.expires_at,
        hospitals: sheet
            .hospitals
            .iter()
            .map(|one| name_of(membership.as_deref(), one))
            .collect(),
    };
    Ok(page.show(&PaperPage {
        sheets: sheets.iter().map(view).collect(),
        hospitals: links
            .iter()
            .map(|link| Choice {
                member: link.responder.to_string(),
                name: name_of(membership.as_deref(), &link.responder),
                chosen: true,
            })
            .collect(),
        codes,
        page: page.clone(),
    }))
}

/// `POST /p/paper/{id}/revoke`
async fn revoke(
    caller: Caller,
    id: Path<String>,
    federation: Data<Federation>,
) -> Result<HttpResponse, Problem> {
    federation.deciding().revoke_sheet(&caller, &id).await?;
    Ok(see("/p/paper"))
}
