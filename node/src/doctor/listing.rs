//! This node's copy of who belongs, and how it lists this node: state, endpoint, keys, certificate.

use std::path::Path;

use federation_protocol::directory::{
    AcceptError, Certificate, Freshness, KeyChain, KeyStatement, Member, Membership, ROTATED_USES,
};
use federation_protocol::keys::KeyUse;
use federation_protocol::member::MemberState;
use federation_protocol::time::Timestamp;
use federation_service::checkup::steps::{SOON_DAYS, days_left};
use federation_service::checkup::{Checkup, Said};

use super::codes::*;
use super::{Case, endpoint};
use crate::federation::directory::{self, DirectoryError, Stored};
use crate::keys::{Keys, NodePublicKey};

pub(super) fn stored(folder: &Path, pin: [u8; 32], now: Timestamp) -> Result<(Stored, Said), Said> {
    let stored = directory::look(folder, pin, now).map_err(|error| {
        let code = match &error {
            DirectoryError::Stored {
                error: AcceptError::NotYetValid,
                ..
            } => DIRECTORY_FUTURE,
            _ => DIRECTORY_DAMAGED,
        };
        Said::code(code)
            .with("reason", &error)
            .with("path", folder.display())
    })?;
    let said = match &stored.membership {
        Some(membership) => {
            let minutes = now.seconds_since(membership.status().document().iat) / 60;
            match membership.freshness(now) {
                Freshness::Current => Said::well(membership.position()),
                Freshness::Stale => Said::code(DIRECTORY_STALE).with("minutes", minutes),
                _ => Said::code(DIRECTORY_TOO_OLD).with("minutes", minutes),
            }
        }
        None => DIRECTORY_NONE.into(),
    };
    // Too old is a problem, and still all that is known of the members.
    Ok((stored, said))
}

/// How the copy lists this node.
pub(super) fn own(checkup: &mut Checkup, case: &Case) {
    let membership = case
        .stored
        .as_ref()
        .and_then(|stored| stored.membership.as_ref());
    let mut chain = checkup.chain(None);
    let Some(membership) = membership else {
        for check in [
            "directory.own",
            "directory.keys",
            "directory.certificate",
            "directory.held",
        ] {
            chain.not_tried(check);
        }
        return checkup.take(chain);
    };
    let now = case.clock.now();
    match membership.member(&case.me) {
        Some(member) => {
            let state = membership.state(&case.me, now);
            chain.note("directory.own", entry(case, member, state));
            match &case.keys {
                Some(keys) => {
                    let own = membership.directory().chain(&case.me);
                    chain.note("directory.keys", listed_keys(keys, member, own, now));
                }
                None => chain.not_tried("directory.keys"),
            }
            match own_certificate(case) {
                Some(own) => chain.note("directory.certificate", listed_certificate(&own, member)),
                None => chain.not_tried("directory.certificate"),
            }
        }
        None => {
            chain.note("directory.own", NOT_JOINED);
            chain.not_tried("directory.keys");
            chain.not_tried("directory.certificate");
        }
    }
    chain.note("directory.held", held(case, membership));
    checkup.take(chain);
}

/// Replacements that their members did not sign: our own before those of others.
fn held(case: &Case, membership: &Membership) -> Said {
    let mut held: Vec<_> = membership.directory().held().collect();
    held.sort_by_key(|(member, at)| (**member != case.me, *at));
    match held.first() {
        None => Said::well("-"),
        Some((member, at)) => {
            let code = match **member == case.me {
                true => OWN_REPLACEMENT_HELD,
                false => REPLACEMENT_HELD,
            };
            Said::code(code).with("member", member).with("at", at)
        }
    }
}

/// What this node shows in TLS.
pub(super) fn own_certificate(case: &Case) -> Option<Certificate> {
    case.identity.as_ref()?.certificate().ok()
}

fn entry(case: &Case, member: &Member, state: Option<MemberState>) -> Said {
    let (here, listed) = (endpoint(&case.config), member.federation_endpoint());
    if here != listed {
        return Said::code(ENDPOINT_DIFFERS)
            .with("here", here)
            .with("listed", listed);
    }
    own_state(case, state)
}

/// What this node's state lets it do.
pub(super) fn own_state(case: &Case, state: Option<MemberState>) -> Said {
    match state {
        Some(MemberState::Active) => Said::well("active"),
        Some(MemberState::Maintenance) => OWN_MAINTENANCE.into(),
        Some(state) => Said::code(OWN_NOT_ACTIVE)
            .with("state", state.as_str())
            .with("member", &case.me),
        None => NOT_JOINED.into(),
    }
}

fn listed_keys(keys: &Keys, member: &Member, own: Option<&KeyChain>, now: Timestamp) -> Said {
    let here: Vec<(KeyUse, String)> = keys.public_keys().iter().map(named).collect();
    let is_here = |listed: &KeyStatement| keys.holds(listed.key_use, &listed.kid);
    // One that gave way to another only runs out.
    let gives_way = |listed: &KeyStatement| {
        let key = own.and_then(|own| own.find(&listed.kid));
        key.is_some_and(|key| key.gave_way)
    };
    let uses = |uses: Vec<KeyUse>| {
        let words: Vec<_> = uses.into_iter().map(KeyUse::as_str).collect();
        words.join(", ")
    };
    let is_listed = |kid: &str| member.keys.iter().any(|listed| listed.kid.as_str() == kid);
    let unlisted: Vec<_> = here
        .iter()
        .filter(|(_, kid)| !is_listed(kid))
        .map(|(key_use, _)| *key_use)
        .collect();
    if !unlisted.is_empty() {
        return Said::code(KEYS_NOT_LISTED).with("uses", uses(unlisted));
    }
    // The recovery key belongs elsewhere; one that has ended needs no copy here.
    let missing: Vec<_> = member
        .keys
        .iter()
        .filter(|listed| listed.key_use != KeyUse::Recovery && listed.not_after >= now)
        .filter(|listed| !is_here(listed) && !gives_way(listed))
        .map(|listed| listed.key_use)
        .collect();
    if !missing.is_empty() {
        return Said::code(KEYS_NOT_HERE).with("uses", uses(missing));
    }
    let first_to_end = member.keys.iter();
    let first_to_end = first_to_end.filter(|listed| is_here(listed) && !gives_way(listed));
    match first_to_end.min_by_key(|listed| listed.not_after) {
        Some(key) => until(key, now),
        None => NOT_JOINED.into(),
    }
}

fn named(key: &NodePublicKey) -> (KeyUse, String) {
    match key {
        NodePublicKey::Signing(key_use, key) => (*key_use, key.kid().as_str().to_owned()),
        NodePublicKey::Seal(key) => (KeyUse::Seal, key.kid().as_str().to_owned()),
    }
}

fn until(key: &KeyStatement, now: Timestamp) -> Said {
    let days = days_left(key.not_after, now);
    let rotates = ROTATED_USES.contains(&key.key_use);
    let code = if key.not_after < now {
        if rotates { KEY_RUN_OUT } else { KEY_ENDED }
    } else if days < SOON_DAYS {
        if rotates { KEY_ROTATE_SOON } else { KEY_SOON }
    } else {
        return Said::well(format!("… {}", key.not_after));
    };
    Said::code(code)
        .with("uses", key.key_use)
        .with("kid", &key.kid)
        .with("days", days)
        .with("until", key.not_after)
}

fn listed_certificate(own: &Certificate, member: &Member) -> Said {
    let print = own.fingerprint();
    let is_listed = member
        .certificates
        .iter()
        .any(|listed| listed.der() == own.der());
    if is_listed {
        Said::well(print)
    } else {
        Said::code(CERTIFICATE_NOT_LISTED).with("fingerprint", print)
    }
}
