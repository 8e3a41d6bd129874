//! `musubi-node load`: FHIR transaction bundles and NDJSON into the record store.

use serde_json::{Value, json};

use super::cli::{LoadArgs, Output};
use super::failure::{Exit, Failure, OrFailure as _};
use super::output::{self, line, note, progress};
use super::{rooms, run};
use crate::access::Act;
use crate::identity::Caller;
use crate::records::{LoadFormat, LoadReport};

/// Who the audit names for what this command writes.
const LOADER: &str = "musubi-node load";

pub(super) fn load(args: &LoadArgs) -> Result<(), Failure> {
    let format: LoadFormat = args
        .format
        .parse()
        .or_failure(Exit::Failure, "see --help")?;
    let rooms = rooms(&args.node)?;
    let report = run::small_runtime()?.block_on(async {
        let loader = Caller::System {
            id: LOADER.to_owned(),
        };
        let permit = rooms.access.permit(&loader, Act::Transaction).await;
        let permit = permit.or_failure(Exit::TryAgain, "the audit could not be written")?;
        let mut told = |report: &LoadReport| progress(&said(report));
        let loaded = rooms
            .records
            .load(&permit, &args.paths, format, &mut told)
            .await;
        loaded.or_failure(
            Exit::Failure,
            "what was counted is stored; mend the cause and run the same command again",
        )
    })?;
    print(&report, args.output.output)?;
    if report.refused.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Partial,
        format!("{} line(s) or file(s) were not taken", report.refused.len()),
        "mend what is named above and run the same command again: the rest is not loaded twice",
    ))
}

fn print(report: &LoadReport, output: Output) -> Result<(), Failure> {
    let refused = report.refused.iter().map(|one| {
        json!({ "file": one.file.display().to_string(), "line": one.line, "reason": one.reason })
    });
    if output == Output::Json {
        return output::json(&json!({
            "files": report.files,
            "created": report.created,
            "updated": report.updated,
            "unchanged": report.unchanged,
            "not_conforming": report.not_conforming,
            "refused": refused.collect::<Vec<Value>>(),
        }));
    }
    for one in &report.refused {
        let place = one.line.map(|line| format!(":{line}")).unwrap_or_default();
        note(&format!("{}{place}: {}", one.file.display(), one.reason));
    }
    line(&said(report));
    Ok(())
}

fn said(report: &LoadReport) -> String {
    let not_conforming = match report.not_conforming {
        0 => String::new(),
        some => format!(", {some} taken although they do not conform"),
    };
    format!(
        "{} created, {} updated, {} unchanged, {} refused, {} file(s){not_conforming}",
        report.created,
        report.updated,
        report.unchanged,
        report.refused.len(),
        report.files
    )
}
