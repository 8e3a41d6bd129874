//! The way to this node as peers see it, and to each peer: DNS, TCP, TLS, signed echo, clock, policy.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use federation_protocol::directory::{Certificate, Member, Membership};
use federation_protocol::member::MemberState;
use federation_protocol::time::Timestamp;
use federation_service::checkup::steps::{Endpoint, STEP, WayNames, judge_clock, reach};
use federation_service::checkup::{Chain, Checkup, Said};
use federation_service::outbound::OutboundRules;
use federation_service::outbound::probe::Target;
use futures_util::StreamExt as _;
use futures_util::stream;

use super::codes::*;
use super::listing::own_certificate;
use super::question::{Asker, DEADLINE, Echo};
use super::{Case, endpoint};

/// The protocol version that this program speaks.
const VERSION: u32 = 1;
/// So many peers are looked at together.
const TOGETHER: usize = 8;

const OWN_WAY: WayNames = WayNames {
    dns: "own.dns",
    tcp: "own.tcp",
    tls: "own.tls",
};
const PEER_WAY: WayNames = WayNames {
    dns: "peer.dns",
    tcp: "peer.tcp",
    tls: "peer.tls",
};

/// This node from outside: only where it runs.
pub(super) async fn own(checkup: &mut Checkup, case: &Case) {
    let mut chain = checkup.chain(None);
    let bind = case.config.federation.bind;
    chain
        .try_step("own.running", STEP, async move {
            let at = here(bind);
            let target = Target {
                host: at.ip().to_string(),
                port: at.port(),
            };
            match target.connect(&[at]).await {
                Ok(_) => Ok(((), Said::well(at))),
                Err(_) => Err(Said::code(NODE_NOT_RUNNING).with("address", at)),
            }
        })
        .await;
    // Our own settings name the address: it may be an inner one.
    let anywhere = ["0.0.0.0/0", "::/0"].iter().flat_map(|range| range.parse());
    let rules = OutboundRules::new(anywhere);
    let named: Vec<Certificate> = own_certificate(case).into_iter().collect();
    let way = Endpoint {
        url: &endpoint(&case.config),
        named: Some(&named),
        rules: &rules,
    };
    reach(&mut chain, OWN_WAY, &way, case.clock.now()).await;
    let asker = Asker::of(case, rules.clone());
    let membership = case.stored.as_ref().and_then(|it| it.membership.as_ref());
    let member = membership.and_then(|all| all.member(&case.me)).cloned();
    let (Some(asker), Some(member)) = (asker, member) else {
        chain.not_tried("own.echo");
        return checkup.take(chain);
    };
    chain
        .try_step("own.echo", DEADLINE + STEP, async move {
            match asker.ask(&member, &named).await {
                Echo::Answered(_, said) => Ok(((), said)),
                Echo::Limited => Ok(((), Said::code(PEER_RATE_LIMITED))),
                Echo::OtherTime(_) => Err(ECHO_TIME_REFUSED.into()),
                Echo::Failed(said) => Err(said),
            }
        })
        .await;
    checkup.take(chain);
}

/// Where a listener of this machine is reached from this machine.
fn here(bind: SocketAddr) -> SocketAddr {
    let ip = match bind.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, bind.port())
}

/// Every peer that the copy lists.
pub(super) async fn all(checkup: &mut Checkup, case: &Case) {
    let Some(membership) = case.stored.as_ref().and_then(|it| it.membership.as_ref()) else {
        let mut chain = checkup.chain(None);
        chain.not_tried("peers");
        return checkup.take(chain);
    };
    let gone = |member: &&Member| {
        let state = membership.state(&member.id, case.clock.now());
        matches!(state, Some(MemberState::Revoked | MemberState::Withdrawn))
    };
    let mut peers: Vec<&Member> = membership
        .members()
        .filter(|member| member.id != case.me && !gone(member))
        .collect();
    peers.sort_by(|a, b| a.id.as_str().cmp(b.id.as_str()));
    checkup.note("peers", Said::well(peers.len()));
    examine(checkup, case, membership, peers).await;
}

/// One peer: its number, its id, or what its id ends with.
pub(super) async fn one(checkup: &mut Checkup, case: &Case, asked: &str) {
    let Some(membership) = case.stored.as_ref().and_then(|it| it.membership.as_ref()) else {
        let mut chain = checkup.chain(None);
        chain.not_tried("peers");
        return checkup.take(chain);
    };
    let found = membership
        .members()
        .find(|member| member.id.as_str() == asked || member.id.code() == asked);
    match found {
        Some(member) => examine(checkup, case, membership, vec![member]).await,
        None => checkup.note("peers", Said::code(PEER_UNKNOWN).with("member", asked)),
    }
}

async fn examine(checkup: &mut Checkup, case: &Case, membership: &Membership, peers: Vec<&Member>) {
    let asker = Asker::of(case, case.rules.clone());
    let looks: Vec<_> = peers
        .into_iter()
        .map(|member| {
            let subject = format!("{} {}", member.id.code(), member.names.ja);
            let look = Look {
                chain: checkup.chain(Some(subject)),
                state: membership.state(&member.id, case.clock.now()),
                member: member.clone(),
                rules: case.rules.clone(),
                now: case.clock.now(),
            };
            look.take(asker.clone(), case)
        })
        .collect();
    let chains: Vec<Chain> = stream::iter(looks).buffered(TOGETHER).collect().await;
    for chain in chains {
        checkup.take(chain);
    }
}

/// One peer under examination.
struct Look {
    chain: Chain,
    member: Member,
    state: Option<MemberState>,
    rules: OutboundRules,
    now: Timestamp,
}

impl Look {
    async fn take(mut self, asker: Option<Asker>, case: &Case) -> Chain {
        let way = Endpoint {
            url: self.member.federation_endpoint(),
            named: Some(&self.member.certificates),
            rules: &self.rules,
        };
        reach(&mut self.chain, PEER_WAY, &way, self.now).await;
        let takes_part = self.state.is_some_and(MemberState::takes_part);
        let limited = match asker {
            Some(asker) if takes_part => self.echo(asker, case).await,
            _ => {
                self.chain.not_tried("peer.echo");
                self.chain.not_tried("peer.clock");
                false
            }
        };
        let said = self.policy(limited);
        self.chain.note("peer.policy", said);
        self.chain
    }

    /// Asks; whether the peer wants fewer questions.
    async fn echo(&mut self, asker: Asker, case: &Case) -> bool {
        let member = self.member.clone();
        let (mut limited, mut theirs) = (false, None);
        let work = async move {
            let echo = asker.ask(&member, &member.certificates).await;
            let said = match &echo {
                Echo::Answered(_, said) | Echo::Failed(said) => said.clone(),
                Echo::Limited => Said::code(PEER_RATE_LIMITED),
                Echo::OtherTime(_) => ECHO_TIME_REFUSED.into(),
            };
            (echo, said)
        };
        let told = self.chain.tell("peer.echo", DEADLINE + STEP, work).await;
        match told {
            Some(Echo::Answered(time, _) | Echo::OtherTime(time)) => theirs = Some(time),
            Some(Echo::Limited) => limited = true,
            Some(Echo::Failed(_)) | None => {}
        }
        match theirs {
            Some(theirs) => {
                let said = judge_clock(theirs, case.clock.now());
                self.chain.note("peer.clock", said);
            }
            None => self.chain.not_tried("peer.clock"),
        }
        limited
    }

    /// What the directory says of it, whatever the network does.
    fn policy(&self, limited: bool) -> Said {
        let range = self.member.protocol;
        let state = self.state.map_or("-", MemberState::as_str);
        if !self.state.is_some_and(MemberState::takes_part) {
            return Said::code(PEER_NOT_TAKING_PART).with("state", state);
        }
        if !(range.min..=range.max).contains(&VERSION) {
            return Said::code(PEER_VERSION)
                .with("min", range.min)
                .with("max", range.max)
                .with("ours", VERSION);
        }
        if limited {
            return PEER_RATE_LIMITED.into();
        }
        Said::well(format!("{state}, version {}-{}", range.min, range.max))
    }
}
