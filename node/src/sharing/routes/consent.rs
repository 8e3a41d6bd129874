//! The consent grid: what is given to whom, changing it, one consent with its history.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Path, Query, ServiceConfig, get, post, resource};
use federation_protocol::category::{Category, Scope};
use federation_protocol::directory::Membership;
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_service::problem::Problem;
use serde::Deserialize;

use super::super::pages::{
    Arrived, Choice, ConsentPage, EditPage, Given, OnePage, Other, Version, counted, kinds,
};
use super::super::preview::Previewing;
use super::super::{Order, Row, Shown};
use super::form::{Form, malformed};
use super::{known, name_of, person, see, unavailable};
use crate::access::Access;
use crate::consent::{
    ArrivalState, ConsentError, Consents, DirectiveId, StoredDirective, Subject, wording,
};
use crate::federation::Federation;
use crate::identity::{Caller, PersonId};
use crate::linkage::Linkage;
use crate::pages::Sheet;
use crate::records::Records;

/// What a person can share for.
const PURPOSES: [Purpose; 3] = [Purpose::Treat, Purpose::Patrqt, Purpose::Hresch];
const ACTIVE: &str = "active";

pub(super) fn configure(config: &mut ServiceConfig) {
    config
        .service(resource("/p/consent").route(get().to(grid)))
        .service(
            resource("/p/consent/edit")
                .route(get().to(edit))
                .route(post().to(save)),
        )
        .service(resource("/p/consent/{id}").route(get().to(one)))
        .service(resource("/p/consent/{id}/withdraw").route(post().to(withdraw)));
}

/// `GET /p/consent`: everything that is given now.
async fn grid(
    page: Sheet,
    caller: Caller,
    federation: Data<Federation>,
    consents: Data<Consents>,
) -> Result<HttpResponse, Problem> {
    let id = person(&caller)?;
    let stored = consents.list(Subject::Person(id.clone())).await;
    let stored = stored.map_err(|error| unavailable(&error))?;
    let requests = federation.deciding().requests(&caller).await?;
    let now = federation.deciding().now();
    let membership = known(&federation);
    let (active, ended): (Vec<_>, Vec<_>) = stored.iter().partition(|one| one.status == ACTIVE);
    let (mut standing, mut visits, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for one in active {
        if !in_force(one, now) {
            continue;
        }
        match Shown::of(one).map_err(|error| unavailable(&error))? {
            Shown::Row(row) if row.practitioner.is_some() => {
                visits.push(given(&page, one, row, membership.as_deref()));
            }
            Shown::Row(row) => standing.push(given(&page, one, row, membership.as_deref())),
            Shown::AsItIs => others.push(Other {
                id: one.id.to_string(),
                text: text_of(one).join(" "),
            }),
        }
    }
    Ok(page.show(&ConsentPage {
        waiting: requests.iter().filter(|one| one.is_open(now)).count(),
        kinds: kinds(&page, Scope::ALL),
        ended: ended.len(),
        standing,
        visits,
        others,
        page: page.clone(),
    }))
}

fn in_force(stored: &StoredDirective, now: federation_protocol::time::Timestamp) -> bool {
    stored
        .directive()
        .is_ok_and(|directive| directive.is_in_force(now))
}

fn given(page: &Sheet, one: &StoredDirective, row: Row, membership: Option<&Membership>) -> Given {
    Given {
        id: one.id.to_string(),
        name: name_of(membership, &row.member),
        purpose: purpose_name(page, row.purpose),
        kinds: kinds(
            page,
            if row.is_permit {
                row.kinds
            } else {
                Scope::EMPTY
            },
        ),
        until: row.until.as_deref().map(|until| page.day(until)),
        row,
    }
}

fn purpose_name(page: &Sheet, purpose: Option<Purpose>) -> String {
    let word = purpose.map_or("any".to_owned(), |one| one.as_str().to_ascii_lowercase());
    page.coded("sharing-purpose-", &word, "any")
}

/// The words that stand in the Consent: what the person was shown.
fn text_of(one: &StoredDirective) -> Vec<String> {
    let value: serde_json::Value = serde_json::from_str(&one.raw).unwrap_or_default();
    let data = value.pointer("/sourceAttachment/data");
    let text = data
        .and_then(serde_json::Value::as_str)
        .and_then(wording::read);
    text.unwrap_or_default()
        .lines()
        .map(ToOwned::to_owned)
        .collect()
}

#[derive(Deserialize)]
struct Editing {
    #[serde(default)]
    member: Option<MemberId>,
    #[serde(default)]
    purpose: Option<Purpose>,
}

/// `GET /p/consent/edit`: what one hospital sees, to be changed.
async fn edit(
    page: Sheet,
    caller: Caller,
    editing: Query<Editing>,
    federation: Data<Federation>,
    consents: Data<Consents>,
) -> Result<HttpResponse, Problem> {
    let id = person(&caller)?;
    let Editing { member, purpose } = editing.into_inner();
    let purpose = purpose.unwrap_or(Purpose::Treat);
    let row = match &member {
        Some(member) => row_about(&consents, id, member, purpose).await?,
        None => None,
    };
    let row = row.map(|(_, row)| row);
    let membership = known(&federation);
    let basic = [Category::Lab, Category::Rx, Category::Allergy];
    let ticked = match &row {
        Some(row) if row.is_permit => row.kinds,
        Some(_kept_back) => Scope::EMPTY,
        None => basic.into_iter().collect(),
    };
    let day = row.as_ref().and_then(|row| row.until.clone());
    Ok(page.show(&EditPage {
        hospitals: members(membership.as_deref(), member.as_ref()),
        purposes: PURPOSES
            .iter()
            .map(|one| Choice {
                member: one.as_str().to_owned(),
                name: purpose_name(&page, Some(*one)),
                chosen: *one == purpose,
            })
            .collect(),
        kinds: kinds(&page, ticked),
        sensitive: row.is_some_and(|row| row.is_permit && row.sensitive),
        until: day.unwrap_or_default().chars().take(10).collect(),
        first: federation
            .deciding()
            .now()
            .to_string()
            .chars()
            .take(10)
            .collect(),
        page: page.clone(),
    }))
}

/// Every member, by name.
fn members(membership: Option<&Membership>, chosen: Option<&MemberId>) -> Vec<Choice> {
    let Some(membership) = membership else {
        return Vec::new();
    };
    let mut every: Vec<Choice> = membership
        .members()
        .map(|one| Choice {
            member: one.id.to_string(),
            name: one.names.ja.clone(),
            chosen: Some(&one.id) == chosen,
        })
        .collect();
    every.sort_by(|one, other| one.name.cmp(&other.name));
    every
}

/// The active directive that is the row of this hospital and purpose.
async fn row_about(
    consents: &Consents,
    id: &PersonId,
    member: &MemberId,
    purpose: Purpose,
) -> Result<Option<(DirectiveId, Row)>, Problem> {
    let stored = consents.list(Subject::Person(id.clone())).await;
    let stored = stored.map_err(|error| unavailable(&error))?;
    let order = Order {
        member: member.clone(),
        purpose,
        kinds: Scope::EMPTY,
        sensitive: false,
        until: None,
    };
    let found = stored
        .iter()
        .filter(|one| one.status == ACTIVE)
        .find_map(|one| match Shown::of(one) {
            Ok(Shown::Row(row)) if order.is_about(&row) => Some((one.id.clone(), row)),
            _other => None,
        });
    Ok(found)
}

/// `POST /p/consent/edit`: a new row, or the next version of the one that stands.
async fn save(
    caller: Caller,
    body: Bytes,
    federation: Data<Federation>,
    consents: Data<Consents>,
    linkage: Data<Linkage>,
) -> Result<HttpResponse, Problem> {
    let id = person(&caller)?;
    let form = Form::of(&body)?;
    let order = order(&form)?;
    let membership = known(&federation).ok_or_else(Problem::not_found)?;
    if membership.member(&order.member).is_none() {
        return Err(malformed());
    }
    let now = federation.deciding().now();
    let root = order.provision(now).map_err(|error| refused(&error))?;
    let enrolled = linkage
        .person(id)
        .await
        .map_err(|error| unavailable(&error))?;
    let patient = format!("Patient/{}", enrolled.patient_id);
    let name = |member: &MemberId| name_of(Some(&membership), member);
    let draft = consents.draft(order.kind(), &patient, root, Vec::new(), &name);
    let changed = match row_about(&consents, id, &order.member, order.purpose).await? {
        Some((directive, _)) => consents.replace(&directive, draft).await,
        None => consents.give(Subject::Person(id.clone()), draft).await,
    };
    let changed = changed.map_err(|error| refused(&error))?;
    Ok(see(&format!("/p/consent/{}", changed.id)))
}

fn order(form: &Form) -> Result<Order, Problem> {
    let kinds = match form.text("preset") {
        Some("all") => Scope::ALL,
        Some("none") => Scope::EMPTY,
        Some("basic") => [Category::Lab, Category::Rx, Category::Allergy]
            .into_iter()
            .collect(),
        _chosen => form.kinds()?,
    };
    Ok(Order {
        member: form.one("member")?,
        purpose: form.one("purpose")?,
        kinds,
        sensitive: form.has("sensitive"),
        until: form.text("until").map(ToOwned::to_owned),
    })
}

fn refused(error: &ConsentError) -> Problem {
    match error {
        ConsentError::Ended => Problem::new(
            StatusCode::BAD_REQUEST,
            "consent_ended",
            "The last day has passed already",
        ),
        ConsentError::Unknown | ConsentError::Withdrawn => Problem::not_found(),
        other => unavailable(other),
    }
}

/// `GET /p/consent/{id}`: one consent: its words, what it shows, where it has arrived, what it was.
async fn one(
    page: Sheet,
    caller: Caller,
    id: Path<String>,
    federation: Data<Federation>,
    consents: Data<Consents>,
    access: Data<Access>,
    records: Data<Records>,
) -> Result<HttpResponse, Problem> {
    let stored = own(&consents, &caller, id.into_inner()).await?;
    let membership = known(&federation);
    let shown = Shown::of(&stored).map_err(|error| unavailable(&error))?;
    let is_active = stored.status == ACTIVE;
    let (mut name, mut edit, mut seen) = (page.t("sharing-one-other"), None, Vec::new());
    if let Shown::Row(row) = &shown {
        name = name_of(membership.as_deref(), &row.member);
        let purpose = row.purpose.unwrap_or(Purpose::Treat);
        if row.practitioner.is_none() && is_active {
            let member = row.member.as_str();
            edit = Some(format!(
                "/p/consent/edit?member={member}&purpose={}",
                purpose.as_str()
            ));
        }
        if row.practitioner.is_none() {
            let previewing = Previewing {
                access: &access,
                records: &records,
                consents: &consents,
            };
            let now = federation.deciding().now();
            let preview = previewing.of(&caller, &row.member, purpose, now).await;
            seen = counted(&page, &preview.map_err(|error| unavailable(&error))?);
        }
    }
    let arrived = arrivals(&page, &caller, &consents, &stored.id, membership.as_deref()).await?;
    let history = consents.history(&stored.id).await;
    let history = history.map_err(|error| unavailable(&error))?;
    Ok(page.show(&OnePage {
        id: stored.id.to_string(),
        lines: text_of(&stored),
        delivered: arrived.iter().filter(|one| one.word == "delivered").count(),
        history: history.iter().map(|one| version(&page, one)).collect(),
        name,
        is_active,
        edit,
        seen,
        arrived,
        page: page.clone(),
    }))
}

/// The caller's own directive of this id; another's is like none.
async fn own(consents: &Consents, caller: &Caller, id: String) -> Result<StoredDirective, Problem> {
    let subject = Subject::Person(person(caller)?.clone());
    let found = consents.read(&DirectiveId::known(id)).await;
    let found = found.map_err(|error| unavailable(&error))?;
    found
        .filter(|stored| stored.subject == subject)
        .ok_or_else(Problem::not_found)
}

async fn arrivals(
    page: &Sheet,
    caller: &Caller,
    consents: &Consents,
    id: &DirectiveId,
    membership: Option<&Membership>,
) -> Result<Vec<Arrived>, Problem> {
    let found = consents.own_arrivals(person(caller)?, id).await;
    let found = found.map_err(|error| unavailable(&error))?;
    let arrived = found.iter().map(|one| {
        let at = match one.state {
            ArrivalState::Delivered(at) | ArrivalState::ByStatusList(at) => at,
            ArrivalState::Pending { at_the_latest, .. } => at_the_latest,
        };
        Arrived {
            name: name_of(membership, &one.hospital),
            word: one.state.as_str(),
            at: page.moment(at),
        }
    });
    Ok(arrived.collect())
}

fn version(page: &Sheet, one: &StoredDirective) -> Version {
    Version {
        at: page.moment(one.written_at),
        word: match (one.status.as_str(), one.version) {
            (ACTIVE, 1) => "given",
            (ACTIVE, _) => "changed",
            _withdrawn => "withdrawn",
        },
    }
}

/// `POST /p/consent/{id}/withdraw`: one tap, after the confirmation.
async fn withdraw(
    caller: Caller,
    id: Path<String>,
    consents: Data<Consents>,
) -> Result<HttpResponse, Problem> {
    let stored = own(&consents, &caller, id.into_inner()).await?;
    match consents.withdraw(&stored.id).await {
        Ok(_) | Err(ConsentError::Withdrawn) => Ok(see(&format!("/p/consent/{}", stored.id))),
        Err(error) => Err(refused(&error)),
    }
}
