//! Who asks (同意待ち), and the person's answer.

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data, Path, ServiceConfig, get, post, resource};
use federation_protocol::category::Scope;
use federation_protocol::directory::Membership;
use federation_protocol::time::Timestamp;
use federation_service::problem::Problem;

use super::super::pages::{
    Asked, Choice, OnPaper, RequestsPage, SignPage, ToSign, WaitingPart, kinds,
};
use super::form::{Form, malformed};
use super::{known, name_of, person, see, unavailable};
use crate::consent::{Answered, Consents, EvidenceNeeded, PaperUse, PendingRequest};
use crate::federation::Federation;
use crate::federation::deciding::{Answer, DecidingError, Shown};
use crate::identity::Caller;
use crate::pages::Sheet;
use crate::pages::routes::fragment;

/// 今回だけ: as long as one token lives.
pub(super) const ONCE_SECONDS: i64 = 12 * 3_600;

pub(super) fn configure(config: &mut ServiceConfig) {
    config
        .service(resource("/p/requests").route(get().to(requests)))
        .service(resource("/p/requests/waiting").route(get().to(waiting)))
        .service(resource("/p/requests/{id}").route(post().to(answer)));
}

/// `GET /p/requests`: who asks, and what was answered today; where paper codes were used.
async fn requests(
    page: Sheet,
    caller: Caller,
    federation: Data<Federation>,
    consents: Data<Consents>,
) -> Result<HttpResponse, Problem> {
    let deciding = federation.deciding();
    let found = deciding.requests(&caller).await?;
    let (_sheets, uses) = deciding.paper(&caller).await?;
    let links = deciding.links(&caller).await?;
    let (now, membership) = (deciding.now(), known(&federation));
    let views = found
        .iter()
        .map(|one| asked(&page, one, now, membership.as_deref()));
    let (open, over) = views.partition(|one| one.state == "open");
    let mut paper = Vec::new();
    for one in uses.iter().take(10) {
        paper.push(on_paper(&page, &consents, one, membership.as_deref()).await?);
    }
    Ok(page.show(&RequestsPage {
        open,
        over,
        paper,
        hospitals: links
            .iter()
            .map(|link| Choice {
                member: link.responder.to_string(),
                name: name_of(membership.as_deref(), &link.responder),
                chosen: true,
            })
            .collect(),
        page: page.clone(),
    }))
}

fn asked(
    page: &Sheet,
    one: &PendingRequest,
    now: Timestamp,
    membership: Option<&Membership>,
) -> Asked {
    let id = &one.practitioner.id;
    Asked {
        id: one.id.clone(),
        hospital: name_of(membership, &one.requester),
        who: match &one.name {
            Some(name) => page.t2("sharing-who-named", "name", name, "id", id),
            None => page.t1("sharing-who", "id", id),
        },
        purpose: page.coded(
            "sharing-purpose-",
            &one.purpose.as_str().to_ascii_lowercase(),
            "any",
        ),
        at: page.moment(one.asked_at),
        until: one.expires_at.unix_seconds(),
        state: match &one.answered {
            Some(Answered::Declined) => "declined",
            Some(Answered::Allowed(_)) => "allowed",
            None if one.is_open(now) => "open",
            None => "expired",
        },
        kinds: kinds(page, one.categories)
            .into_iter()
            .filter(|kind| kind.ticked)
            .collect(),
    }
}

async fn on_paper(
    page: &Sheet,
    consents: &Consents,
    one: &PaperUse,
    membership: Option<&Membership>,
) -> Result<OnPaper, Problem> {
    let stored = consents.read(&one.directive).await;
    let stored = stored.map_err(|error| unavailable(&error))?;
    Ok(OnPaper {
        consent: one.directive.to_string(),
        hospital: name_of(membership, &one.requester),
        who: page.t1("sharing-who", "id", &one.practitioner),
        witness: one.witness.0.clone(),
        at: page.moment(one.used_at),
        is_active: stored.is_some_and(|stored| stored.status == "active"),
    })
}

/// `GET /p/requests/waiting`: the part of a page that says whether somebody asks now.
async fn waiting(
    page: Sheet,
    caller: Caller,
    federation: Data<Federation>,
) -> Result<HttpResponse, Problem> {
    let found = federation.deciding().requests(&caller).await?;
    let now = federation.deciding().now();
    Ok(fragment(&WaitingPart {
        waiting: found.iter().filter(|one| one.is_open(now)).count(),
        page,
    }))
}

/// `POST /p/requests/{id}`: 許可, 今回だけ or 断る.
async fn answer(
    page: Sheet,
    caller: Caller,
    id: Path<String>,
    body: Bytes,
    federation: Data<Federation>,
) -> Result<HttpResponse, Problem> {
    person(&caller)?;
    let form = Form::of(&body)?;
    let now = federation.deciding().now();
    let (word, answer) = read(&form, now)?;
    let until = match &answer {
        Answer::Allow(shown) => Some(shown.until),
        Answer::Decline => None,
    };
    match federation.deciding().answer(&caller, &id, answer).await {
        Ok(()) => Ok(see("/p/requests")),
        Err(DecidingError::Sign(needed)) => {
            let fields = again(&form, word, until)?;
            Ok(to_sign(
                page,
                &federation,
                format!("/p/requests/{id}"),
                fields,
                &needed,
            ))
        }
        Err(error) => Err(error.into()),
    }
}

fn read(form: &Form, now: Timestamp) -> Result<(&'static str, Answer), Problem> {
    let (word, longest) = match form.text("answer") {
        Some("decline") => return Ok(("decline", Answer::Decline)),
        Some("once") => ("once", ONCE_SECONDS),
        Some("allow") => ("allow", days(form)? * 86_400),
        _other => return Err(malformed()),
    };
    let until = form.seconds("until-at")?;
    let until = until.unwrap_or_else(|| now.plus_seconds(longest));
    let shown = Shown {
        hospitals: form.each("hospital")?,
        categories: Some(form.kinds()?).filter(|kinds| *kinds != Scope::EMPTY),
        sensitive: form.has("sensitive"),
        until: until.min(now.plus_seconds(longest)),
        signatures: form.signatures()?,
    };
    // No box ticked is not every box: nothing would be meant.
    let ticked = !shown.hospitals.is_empty() && shown.categories.is_some();
    match ticked {
        true => Ok((word, Answer::Allow(shown))),
        false => Err(malformed()),
    }
}

fn days(form: &Form) -> Result<i64, Problem> {
    let days: i64 = form.one("days")?;
    (1..=365)
        .contains(&days)
        .then_some(days)
        .ok_or_else(malformed)
}

/// The fields of a form that is sent again, signed.
fn again(
    form: &Form,
    word: &str,
    until: Option<Timestamp>,
) -> Result<Vec<(String, String)>, Problem> {
    let mut fields = vec![("answer".to_owned(), word.to_owned())];
    for name in ["kind", "hospital"] {
        let values: Vec<String> = form.each(name)?;
        fields.extend(values.into_iter().map(|value| (name.to_owned(), value)));
    }
    for name in ["days", "sensitive"] {
        if let Some(value) = form.text(name) {
            fields.push((name.to_owned(), value.to_owned()));
        }
    }
    if let Some(until) = until {
        fields.push(("until-at".to_owned(), until.unix_seconds().to_string()));
    }
    Ok(fields)
}

/// The page on which the phone signs.
pub(super) fn to_sign(
    page: Sheet,
    federation: &Federation,
    action: String,
    fields: Vec<(String, String)>,
    needed: &[EvidenceNeeded],
) -> HttpResponse {
    let membership = known(federation);
    let signing = needed.iter();
    let signing = signing
        .map(|one| ToSign::of(one, name_of(membership.as_deref(), &one.responder)))
        .collect();
    page.show(&SignPage {
        action,
        fields,
        signing,
        page: page.clone(),
    })
}
