//! Bundles of requests: a batch entry by entry, a transaction as a whole.

use super::answer::{self, Failure};
use super::desk::Desk;
use super::reply::{Reply, refused_entry};
use crate::access::Act;
use crate::records::bundle::{Bundle, BundleEntry, BundleKind};
use crate::records::transaction::LARGEST_ANSWER;
use crate::records::{DraftError, RecordsError, strict};

/// The Bundle that answers this one.
pub(super) async fn answered(desk: &Desk<'_>, body: &[u8]) -> Result<String, Failure> {
    let text = strict::text(body)
        .map_err(DraftError::from)
        .map_err(RecordsError::from)?;
    let bundle = Bundle::parse(text)?;
    let (kind, entries) = match bundle.kind {
        BundleKind::Batch => ("batch-response", each(desk, bundle.entries).await),
        BundleKind::Transaction => {
            let entries: Result<Vec<_>, _> = bundle.entries.into_iter().collect();
            ("transaction-response", all(desk, entries).await?)
        }
    };
    Ok(answer::bundle(kind, "", &entries))
}

/// A batch: every entry is permitted, done and answered for itself.
async fn each(desk: &Desk<'_>, entries: Vec<Result<BundleEntry, RecordsError>>) -> Vec<String> {
    let mut answers = Vec::with_capacity(entries.len());
    let mut size = 0_usize;
    for entry in entries {
        let reply = match entry {
            Ok(_) if size > LARGEST_ANSWER => Err(RecordsError::TooCostly.into()),
            Ok(entry) => one(desk, entry).await,
            Err(refused) => Err(refused.into()),
        };
        answers.push(match reply {
            Ok(reply) => {
                size = size.saturating_add(reply.size());
                reply.entry(desk.manner)
            }
            Err(failure) => refused_entry(&failure),
        });
    }
    answers
}

async fn one(desk: &Desk<'_>, entry: BundleEntry) -> Result<Reply, Failure> {
    let permit = desk.permit(&entry.interaction).await?;
    desk.perform(&permit, entry.interaction, entry.content)
        .await
}

/// A transaction: one permit to write, and an audit line for each read in it.
async fn all(
    desk: &Desk<'_>,
    entries: Result<Vec<BundleEntry>, RecordsError>,
) -> Result<Vec<String>, Failure> {
    let permit = desk.access.permit(desk.caller, Act::Transaction).await?;
    let entries = entries?;
    for entry in &entries {
        if !entry.interaction.writes() {
            desk.permit(&entry.interaction).await?;
        }
    }
    let done = desk.records.transact(&permit, entries).await?;
    let mut answers = Vec::with_capacity(done.entries.len());
    for done in &done.entries {
        answers.push(desk.done(&permit, done).await?.entry(desk.manner));
    }
    Ok(answers)
}
