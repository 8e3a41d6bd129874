//! The way to each member's endpoint, as far as TLS.

use federation_protocol::directory::Certificate;
use federation_protocol::time::Timestamp;
use federation_service::checkup::steps::{Endpoint, WayNames, reach};
use federation_service::checkup::{Checkup, Said};
use federation_service::outbound::{Cidr, OutboundRules};
use futures_util::StreamExt as _;
use futures_util::stream;

use super::codes::*;
use super::ledger::Ledger;
use crate::members::MemberRow;

/// So many members are looked at together.
const TOGETHER: usize = 8;

const WAY: WayNames = WayNames {
    dns: "member.dns",
    tcp: "member.tcp",
    tls: "member.tls",
};

pub(super) async fn examine(
    checkup: &mut Checkup,
    ledger: &Ledger,
    allow: &[Cidr],
    now: Timestamp,
) {
    let rules = OutboundRules::new(allow.iter().copied());
    let belong = |row: &&MemberRow| {
        use federation_protocol::member::MemberState::{Revoked, Withdrawn};
        !matches!(row.state, Revoked | Withdrawn)
    };
    let members: Vec<_> = ledger.members.iter().filter(belong).collect();
    let said = match members.len() {
        0 => NO_MEMBERS.into(),
        number => Said::well(number),
    };
    checkup.note("members", said);
    checkup.note("replacements", held(ledger));
    let looks: Vec<_> = members
        .into_iter()
        .filter_map(|row| {
            let profile = row.profile()?;
            let subject = format!("{} {}", row.id.code(), profile.names.ja);
            let mut chain = checkup.chain(Some(subject));
            let rules = rules.clone();
            Some(async move {
                let named: &[Certificate] = &profile.certificates;
                let endpoint = Endpoint {
                    url: &profile.endpoints.federation,
                    named: Some(named),
                    rules: &rules,
                };
                reach(&mut chain, WAY, &endpoint, now).await;
                chain
            })
        })
        .collect();
    let chains: Vec<_> = stream::iter(looks).buffered(TOGETHER).collect().await;
    for chain in chains {
        checkup.take(chain);
    }
}

/// The next entry that is to count without its member's signature.
fn held(ledger: &Ledger) -> Said {
    let held = ledger.replacements.iter();
    let held = held.filter_map(|row| Some((&row.member, row.in_force_at?)));
    match held.min_by_key(|(_, at)| *at) {
        None => Said::well("-"),
        Some((member, at)) => Said::code(REPLACEMENT_HELD)
            .with("member", member)
            .with("at", at),
    }
}
