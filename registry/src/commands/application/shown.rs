//! An application on the screen: for people, and for programs.

use federation_protocol::joining::{Report, comparison_number};
use federation_protocol::time::Timestamp;
use federation_service::clock::{Clock as _, SystemClock};
use serde_json::json;

use super::super::failure::Failure;
use super::super::output::{Format, Output, pairs, print, print_json};
use crate::joining::{ApplicationRow, Step};
use crate::members::Admission;

pub(super) fn probed(report: Option<&Report>) -> &'static str {
    match report {
        None => "not yet",
        Some(report) if report.passed() => "passed",
        Some(_) => "failed",
    }
}

pub(super) fn shown(
    output: &Output,
    row: &ApplicationRow,
    history: &[Step],
) -> Result<(), Failure> {
    let now = SystemClock.now();
    match output.format {
        Format::Json => print_json(&as_json(row, history, now)),
        Format::Table => print(&as_text(row, history, now)),
    }
}

pub(super) fn as_json(row: &ApplicationRow, history: &[Step], now: Timestamp) -> serde_json::Value {
    let admission = row.admission(now);
    let mut value = json!({
        "id": row.id,
        "member": row.member,
        "state": row.state,
        "reason": row.reason,
        "applied_at": row.applied_at.to_string(),
        "changed_at": row.changed_at.to_string(),
        "contact": row.contact,
        "probe": row.report.as_ref().map(|report| json!({
            "at": report.at.to_string(), "passed": report.passed(), "checks": report.checks,
        })),
    });
    let said = match &admission {
        Ok(admission) => json!({
            "names": admission.profile().names,
            "endpoint": admission.profile().endpoints.federation,
            "capabilities": admission.profile().capabilities,
            "software": admission.software(),
            "fingerprint": comparison_number(admission.profile()),
        }),
        Err(error) => json!({ "not_in_order": error.to_string() }),
    };
    let steps: Vec<_> = history
        .iter()
        .map(|step| json!({ "at": step.at.to_string(), "to": step.to, "reason": step.reason }))
        .collect();
    if let (Some(object), Some(said)) = (value.as_object_mut(), said.as_object()) {
        object.extend(said.clone());
        if !steps.is_empty() {
            object.insert("history".to_owned(), steps.into());
        }
    }
    value
}

pub(super) fn as_text(row: &ApplicationRow, history: &[Step], now: Timestamp) -> String {
    let mut facts = vec![
        ["application".to_owned(), row.id.to_string()],
        ["member".to_owned(), row.member.to_string()],
        [
            "state".to_owned(),
            format!("{} since {} {}", row.state, row.changed_at, row.reason),
        ],
        ["contact".to_owned(), row.contact.name.clone()],
        ["phone".to_owned(), row.contact.phone.clone()],
        ["email".to_owned(), row.contact.email.clone()],
    ];
    match row.admission(now) {
        Ok(admission) => facts.extend(described(&admission)),
        Err(error) => facts.push(["not in order".to_owned(), error.to_string()]),
    }
    let report = row.report.as_ref();
    facts.push(["probe".to_owned(), probed(report).to_owned()]);
    for check in report.iter().flat_map(|report| &report.checks) {
        let word = if check.passed { "ok" } else { "FAILED" };
        facts.push([
            format!("  {}", check.name),
            format!("{word}: {}", check.found),
        ]);
    }
    for Step { to, reason, at } in history {
        let line = format!("{at} {to} {reason}").trim_end().to_owned();
        facts.push(["history".to_owned(), line]);
    }
    pairs(&facts)
}

fn described(admission: &Admission) -> Vec<[String; 2]> {
    let profile = admission.profile();
    let mut facts = vec![
        [
            "name".to_owned(),
            format!("{} / {}", profile.names.ja, profile.names.en),
        ],
        ["operator".to_owned(), profile.operator.clone()],
        ["endpoint".to_owned(), profile.endpoints.federation.clone()],
        ["capabilities".to_owned(), profile.capabilities.join(" ")],
        ["software".to_owned(), admission.software().to_owned()],
        ["fingerprint".to_owned(), comparison_number(profile)],
    ];
    for key in &profile.keys {
        let text = format!("{} until {}", key.kid, key.not_after);
        facts.push([format!("{} key", key.key_use.as_str()), text]);
    }
    facts
}
