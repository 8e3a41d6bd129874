//! Whose charts an export is about: everybody's, a Group's, or those that were named.

use std::collections::HashSet;

use serde_json::json;

use super::job::{Job, Scope};
use super::{Desk, ExportError};
use crate::access::Permit;
use crate::records::{Address, Charts, Entry, RecordsError};

/// Whose charts a job is about.
pub(super) async fn charts(desk: &Desk, job: &Job, permit: &Permit) -> Result<Charts, ExportError> {
    let asked = job.asked.patients.clone();
    let patients = match (&job.charted.scope, asked) {
        (Scope::Everyone, None) => return Ok(Charts::Every),
        (Scope::Everyone, Some(asked)) => asked,
        (Scope::Group(_), asked) => {
            let group = job.charted.scope.group().ok_or(ExportError::NotFound)?;
            let version = job.charted.version;
            let group = desk.records.vread(permit, &group, version).await?;
            let mut members = members(&group)?;
            if let Some(asked) = asked {
                let asked: HashSet<Address> = asked.into_iter().collect();
                members.retain(|member| asked.contains(member));
            }
            members
        }
    };
    Ok(desk.records.charts(permit, patients).await?)
}

/// The patients in a Group: those that are members still.
fn members(group: &Entry) -> Result<Vec<Address>, ExportError> {
    let group: serde_json::Value =
        serde_json::from_str(&group.raw).map_err(|_stored| RecordsError::NotFound)?;
    let members = group.get("member").and_then(|list| list.as_array());
    let active = members
        .into_iter()
        .flatten()
        .filter(|member| member.get("inactive") != Some(&json!(true)));
    let references = active.filter_map(|member| member.pointer("/entity/reference")?.as_str());
    let patients = references.filter_map(Address::parse);
    Ok(patients
        .filter(|one| one.kind.name() == "Patient")
        .collect())
}
