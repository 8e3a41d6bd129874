//! 閲覧履歴: who looked, where, when, what for and at what.

use actix_web::HttpResponse;
use actix_web::web::{Data, Query, ServiceConfig, get, resource};
use federation_protocol::accesses::{Access, AccessAct};
use federation_protocol::directory::Membership;
use federation_service::problem::Problem;
use serde::Deserialize;

use super::super::pages::{LookedPage, LookedPart, Looker, Place};
use super::{known, name_of};
use crate::federation::Federation;
use crate::federation::looking::Told;
use crate::identity::Caller;
use crate::pages::Sheet;
use crate::pages::routes::fragment;

pub(super) fn configure(config: &mut ServiceConfig) {
    config
        .service(resource("/p/looked").route(get().to(looked)))
        .service(resource("/p/looked/part").route(get().to(part)));
}

#[derive(Deserialize)]
struct Waiting {
    /// `1`: every hospital is asked before the page is shown, for readers without the module.
    #[serde(default)]
    wait: Option<u8>,
}

/// `GET /p/looked`: what was told before, at once; the part asks for what is new.
async fn looked(
    page: Sheet,
    caller: Caller,
    waiting: Query<Waiting>,
    federation: Data<Federation>,
) -> Result<HttpResponse, Problem> {
    let is_asked = waiting.wait == Some(1);
    let part = told(&page, &caller, &federation, is_asked).await?;
    Ok(page.show(&LookedPage {
        part,
        page: page.clone(),
    }))
}

/// `GET /p/looked/part`: the same once every hospital was asked.
async fn part(
    page: Sheet,
    caller: Caller,
    federation: Data<Federation>,
) -> Result<HttpResponse, Problem> {
    Ok(fragment(&told(&page, &caller, &federation, true).await?))
}

async fn told(
    page: &Sheet,
    caller: &Caller,
    federation: &Federation,
    is_asked: bool,
) -> Result<LookedPart, Problem> {
    let told = federation.looking().who_looked(caller, is_asked).await?;
    let membership = known(federation);
    let places = told
        .iter()
        .map(|one| place(page, one, membership.as_deref()));
    Ok(LookedPart {
        page: page.clone(),
        places: places.collect(),
        is_asked,
    })
}

fn place(page: &Sheet, told: &Told, membership: Option<&Membership>) -> Place {
    let lookers = told.accesses().iter();
    Place {
        name: told.hospital.name.clone(),
        own: told.own,
        is_proved: told.is_proved(),
        outcome: page.coded("sharing-told-", &told.outcome.replace('_', "-"), "other"),
        told: told.told_at.map(|at| page.moment(at)),
        phone: told.hospital.phone.clone(),
        more: told.report.as_ref().is_some_and(|report| report.more),
        // Their own looks at home are in the proof; on the page they would hide the others'.
        lookers: lookers
            .filter(|one| one.role != "person")
            .map(|one| looker(page, one, &told.hospital.name, membership))
            .collect(),
    }
}

fn looker(page: &Sheet, one: &Access, here: &str, membership: Option<&Membership>) -> Looker {
    let is_own = one.role == "person" || (one.purpose.map(|p| p.as_str()) == Some("PATRQT"));
    let role = page.coded("sharing-role-", &one.role, "other");
    let hospital = match &one.member {
        Some(member) => name_of(membership, member),
        None => here.to_owned(),
    };
    let (state, act) = match one.act {
        AccessAct::Refusal => ("", "refusal"),
        AccessAct::Emergency => ("warn", "emergency"),
        AccessAct::Disclosure => ("ok", "disclosure"),
        AccessAct::Read => ("ok", "read"),
        AccessAct::Export => ("ok", "export"),
    };
    let refused = one.act == AccessAct::Refusal || one.outcome == "forbidden";
    Looker {
        at: one.at().map(|at| page.moment(at)).unwrap_or_default(),
        who: match (is_own, &one.actor) {
            (true, _) => page.t("sharing-looked-you"),
            (false, Some(actor)) => format!("{hospital} {role} ({actor})"),
            (false, None) => format!("{hospital} {role}"),
        },
        act: page.coded("sharing-act-", act, "read"),
        purpose: one.purpose.map_or(String::new(), |purpose| {
            let word = purpose.as_str().to_ascii_lowercase();
            page.coded("sharing-purpose-", &word, "any")
        }),
        what: types(page, &one.types),
        state: if refused { "" } else { state },
        outcome: match refused {
            true => page.t("sharing-looked-refused"),
            false => one.shown.map_or(String::new(), |shown| {
                page.t1("sharing-looked-shown", "count", shown)
            }),
        },
    }
}

fn types(page: &Sheet, types: &[String]) -> String {
    let names = types.iter().map(|one| {
        let word = one.to_ascii_lowercase();
        page.coded("sharing-type-", &word, "other")
    });
    let mut names: Vec<String> = names.collect();
    names.dedup();
    names.join("・")
}
