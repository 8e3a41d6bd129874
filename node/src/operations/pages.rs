//! What the pages show.

use askama::Template;
use federation_protocol::directory::Membership;
use federation_protocol::member::{MemberId, MemberState};
use federation_protocol::time::Timestamp;

use crate::audit::{Kind, Recorded};
use crate::emergency::Access;
use crate::pages::Sheet;

/// How the node stands.
#[derive(Template)]
#[template(path = "operations/templates/overview.html")]
pub(super) struct Overview {
    pub(super) page: Sheet,
    pub(super) standing: Standing,
    pub(super) may_audit: bool,
}

/// What the overview knows.
pub(super) struct Standing {
    pub(super) serves: bool,
    pub(super) directory: Option<Known>,
    pub(super) logins: i64,
    pub(super) open_reviews: Vec<Access>,
    pub(super) overdue: usize,
}

/// What this node knows of the federation.
pub(super) struct Known {
    pub(super) number: u64,
    pub(super) is_stale: bool,
    pub(super) members: Vec<Member>,
}

/// A member, as the directory names it.
pub(super) struct Member {
    pub(super) name: String,
    pub(super) state: &'static str,
    pub(super) endpoint: String,
}

/// The newest lines of the audit.
#[derive(Template)]
#[template(path = "operations/templates/audit.html")]
pub(super) struct AuditPage {
    pub(super) page: Sheet,
    pub(super) kinds: Vec<Choice>,
    pub(super) lines: Vec<Row>,
    pub(super) older: Option<String>,
}

/// A kind to narrow by.
pub(super) struct Choice {
    pub(super) word: &'static str,
    pub(super) chosen: bool,
}

/// A line as an auditor reads it: ids, never names.
pub(super) struct Row {
    pub(super) seq: i64,
    pub(super) at: Timestamp,
    pub(super) kind: String,
    pub(super) actor: String,
    pub(super) peer: String,
    pub(super) chart: String,
    pub(super) outcome: String,
    pub(super) counts: String,
    pub(super) detail: String,
}

impl Row {
    pub(super) fn of(line: Recorded, name: impl Fn(&str) -> String) -> Self {
        let actor = match &line.actor_id {
            Some(id) => format!("{} {id}", line.actor_role),
            None => line.actor_role.clone(),
        };
        let counts = match (line.shown, line.withheld) {
            (None, None) => String::new(),
            (shown, withheld) => format!(
                "{} / {}",
                shown.unwrap_or_default(),
                withheld.unwrap_or_default()
            ),
        };
        Self {
            seq: line.seq,
            at: line.at,
            kind: line.kind,
            actor,
            peer: line.peer.as_deref().map(name).unwrap_or_default(),
            chart: line
                .patient
                .map(|chart| chart.0.to_string())
                .unwrap_or_default(),
            outcome: line.outcome,
            counts,
            detail: line.detail.to_string(),
        }
    }

    /// Whether something was refused.
    pub(super) fn is_refused(&self) -> bool {
        self.outcome != "ok" && self.kind == Kind::Refusal.as_str() || self.outcome == "forbidden"
    }
}

/// Emergency accesses and what came of looking at them.
#[derive(Template)]
#[template(path = "operations/templates/reviews.html")]
pub(super) struct Reviews {
    pub(super) page: Sheet,
    pub(super) reviews: Vec<Review>,
    pub(super) all: bool,
    pub(super) said: Option<&'static str>,
}

/// One access.
pub(super) struct Review {
    pub(super) access: Access,
    pub(super) asker: String,
    pub(super) overdue: bool,
}

impl Review {
    pub(super) fn of(access: Access, now: Timestamp, name: impl Fn(&MemberId) -> String) -> Self {
        Self {
            asker: name(&access.asker),
            overdue: access.is_overdue(now),
            access,
        }
    }
}

/// The word of a state, as the words of the page have it.
fn word(state: Option<MemberState>) -> &'static str {
    match state {
        Some(MemberState::Active) => "active",
        Some(MemberState::Maintenance) => "maintenance",
        Some(MemberState::Suspended) => "suspended",
        Some(MemberState::Applied | MemberState::Probation) => "probation",
        Some(MemberState::Revoked | MemberState::Withdrawn) | None => "ended",
    }
}

/// The members that `membership` lists, by name.
pub(super) fn members(membership: &Membership, now: Timestamp) -> Vec<Member> {
    let mut members: Vec<Member> = membership
        .members()
        .map(|member| Member {
            name: member.names.ja.clone(),
            state: word(membership.state(&member.id, now)),
            endpoint: member.federation_endpoint().to_owned(),
        })
        .collect();
    members.sort_by(|a, b| a.name.cmp(&b.name));
    members
}
