//! The way to the registry, and what it says: root, status, time, the directory's number, our state.

use std::time::Duration;

use federation_protocol::directory::{AcceptError, Membership, Reading, Root, Status};
use federation_protocol::jws::PayloadHash;
use federation_protocol::time::Timestamp;
use federation_service::checkup::steps::{
    Endpoint, SOON_DAYS, WayNames, days_left, judge_clock, reach,
};
use federation_service::checkup::{Chain, Checkup, Said};
use federation_service::peer_client::{Fetched, PeerFailure};
use federation_service::registry_client::{RegistryClient, fetch_root_by_pin};

use super::Case;
use super::codes::*;
use super::listing::own_state;

/// How long one document may take.
const DEADLINE: Duration = Duration::from_secs(8);
/// The step's own limit lies behind it, so that the more telling one speaks.
const STEP: Duration = Duration::from_secs(10);
/// The registry remakes its status each minute; twice that is late.
const STATUS_SECONDS: i64 = 120;

const WAY: WayNames = WayNames {
    dns: "registry.dns",
    tcp: "registry.tcp",
    tls: "registry.tls",
};

pub(super) async fn examine(checkup: &mut Checkup, case: &Case) {
    let url = case.config.registry.url.origin().ascii_serialization();
    let mut chain = checkup.chain(None);
    // Which certificate is the registry's, its root says: the next step.
    let endpoint = Endpoint {
        url: &url,
        named: None,
        rules: &case.rules,
    };
    reach(&mut chain, WAY, &endpoint, case.clock.now()).await;
    let root = root(&mut chain, case, &url).await;
    let status = status(&mut chain, case, &url, root.clone()).await;
    clock(&mut chain, case, &url, root).await;
    position(&mut chain, case, status);
    checkup.take(chain);
}

async fn root(chain: &mut Chain, case: &Case, url: &str) -> Option<Root> {
    let (url, rules, clock) = (url.to_owned(), case.rules.clone(), case.clock.clone());
    let pin = PayloadHash::from_bytes(case.config.registry.root_sha256);
    let known = case.stored.as_ref().and_then(|stored| stored.root.clone());
    let work = async move {
        let body = fetch_root_by_pin(&url, &rules, DEADLINE)
            .await
            .map_err(|error| Said::code(REGISTRY_SILENT).with("reason", error))?;
        let now = clock.now();
        let accepted = match known {
            Some(known) => known.successor(&body, Reading::Fresh, now),
            None => Root::pinned(&body, &pin, Reading::Fresh, now),
        };
        let root = accepted.map_err(|error| refused("root", &error))?;
        let until = root.document().exp;
        let days = days_left(until, now);
        let said = match days < SOON_DAYS {
            true => Said::code(ROOT_SOON)
                .with("days", days)
                .with("until", until),
            false => Said::well(root.hash()),
        };
        Ok((root, said))
    };
    chain.try_step("registry.root", STEP, work).await
}

fn refused(document: &str, error: &AcceptError) -> Said {
    match error {
        AcceptError::NotYetValid => REGISTRY_CLOCK_AHEAD.into(),
        AcceptError::KeyNotDelegated | AcceptError::Signature if document == "root" => {
            ROOT_OTHER.into()
        }
        error if error.is_alarm() && document == "root" => ROOT_OTHER.into(),
        error => Said::code(REGISTRY_REFUSED)
            .with("document", document)
            .with("reason", error),
    }
}

fn silent(failure: &PeerFailure) -> Said {
    match failure {
        PeerFailure::Tls(_) => Said::code(CERTIFICATE_OTHER).with("fingerprint", "-"),
        other => Said::code(REGISTRY_SILENT).with("reason", other),
    }
}

async fn status(chain: &mut Chain, case: &Case, url: &str, root: Option<Root>) -> Option<Status> {
    let (url, rules, clock) = (url.to_owned(), case.rules.clone(), case.clock.clone());
    let work = async move {
        let root = root.ok_or_else(|| Said::code(REGISTRY_SILENT).with("reason", "-"))?;
        let client = client(&url, &root, &rules)?;
        let fetched = client.status(None, DEADLINE).await;
        let body = match fetched.map_err(|failure| silent(&failure))? {
            Fetched::Document { body, .. } => String::from_utf8_lossy(&body).into_owned(),
            Fetched::NotModified => String::new(),
        };
        let now = clock.now();
        let status = Status::accept(&body, &root, None, Reading::Fresh, now)
            .map_err(|error| refused("status", &error))?;
        let said = age(&status, now);
        Ok((status, said))
    };
    chain.try_step("registry.status", STEP, work).await
}

fn age(status: &Status, now: Timestamp) -> Said {
    let seconds = now.seconds_since(status.document().iat);
    if seconds > STATUS_SECONDS {
        return Said::code(REGISTRY_STATUS_OLD).with("seconds", seconds);
    }
    Said::well(format!("{} ({seconds} s)", status.document().seq))
}

fn client(
    url: &str,
    root: &Root,
    rules: &federation_service::outbound::OutboundRules,
) -> Result<RegistryClient, Said> {
    let named = &root.document().registry.certificates;
    RegistryClient::new(url, named, rules)
        .map_err(|error| Said::code(REGISTRY_SILENT).with("reason", error))
}

async fn clock(chain: &mut Chain, case: &Case, url: &str, root: Option<Root>) {
    let (url, rules, clock) = (url.to_owned(), case.rules.clone(), case.clock.clone());
    let work = async move {
        let root = root.ok_or_else(|| Said::code(REGISTRY_SILENT).with("reason", "-"))?;
        let told = client(&url, &root, &rules)?.time(DEADLINE).await;
        let told = told.map_err(|failure| silent(&failure))?;
        // A registry behind something that takes the Date away says nothing of its clock.
        let said = told.map_or_else(|| Said::well("-"), |told| judge_clock(told, clock.now()));
        Ok(((), said))
    };
    chain.try_step("registry.clock", STEP, work).await;
}

/// Our copy against what the registry says now: no step of the way, so it is told whatever came
/// before it.
fn position(chain: &mut Chain, case: &Case, status: Option<Status>) {
    let membership = case
        .stored
        .as_ref()
        .and_then(|stored| stored.membership.as_ref());
    let (Some(membership), Some(status)) = (membership, status) else {
        chain.not_tried("registry.directory");
        chain.not_tried("registry.own-state");
        return;
    };
    let ours = membership.directory().document().seq;
    let theirs = status.document().directory.seq;
    let said = match ours < theirs {
        true => Said::code(DIRECTORY_BEHIND)
            .with("ours", ours)
            .with("theirs", theirs),
        false => Said::well(ours),
    };
    chain.note("registry.directory", said);
    let now = case.clock.now();
    let newest: Option<Membership> = membership.with_status(status).ok();
    let state = match &newest {
        Some(newest) => newest.state(&case.me, now),
        None => membership.state(&case.me, now),
    };
    chain.note("registry.own-state", own_state(case, state));
}
