//! `musubi-node database`: how large, how sound, and the upkeep that nobody else may watch.

use serde_json::json;

use super::cli::upkeep::{DatabaseArgs, DatabaseCommand};
use super::cli::{ConfigArgs, Output};
use super::failure::{Exit, Failure};
use super::output::{self, Listing, line, note};
use super::{backup, database_failure, settings};
use crate::app::before_change;
use crate::database::upkeep::{self, Size};
use crate::database::{Company, Database};
use crate::records;

pub(super) fn database(command: &DatabaseCommand) -> Result<(), Failure> {
    match command {
        DatabaseCommand::Size(args) => size(args),
        DatabaseCommand::Check(args) => check(args),
        DatabaseCommand::Vacuum(args) => vacuum(args),
        DatabaseCommand::Reindex(args) => reindex(args),
    }
}

fn size(args: &DatabaseArgs) -> Result<(), Failure> {
    let config = settings(&args.node)?;
    let size = upkeep::size(config.database.as_str()).map_err(|error| database_failure(&error))?;
    if args.output.output == Output::Json {
        return output::json(&json!({
            "database": size.kind.as_str(),
            "schema": size.schema,
            "bytes": size.bytes,
            "unused_bytes": size.unused,
            "free_on_disk_bytes": size.free_on_disk,
            "tables": size.rows,
        }));
    }
    let mut listing = Listing::new(&["table", "rows"]);
    for (table, rows) in &size.rows {
        listing.row([table.clone(), rows.to_string()]);
    }
    listing.print(Output::Table)?;
    line(&said(&size));
    Ok(())
}

fn said(size: &Size) -> String {
    let mib = |bytes: u64| format!("{} MiB", bytes.div_ceil(1 << 20));
    let mut text = format!("{}: {}", size.kind.as_str(), mib(size.bytes));
    if let Some(unused) = size.unused {
        text.push_str(&format!(", {} of it unused", mib(unused)));
    }
    if let Some(free) = size.free_on_disk {
        text.push_str(&format!("; {} free on the disk", mib(free)));
    }
    text
}

fn check(args: &DatabaseArgs) -> Result<(), Failure> {
    let config = settings(&args.node)?;
    let problems =
        upkeep::check(config.database.as_str()).map_err(|error| database_failure(&error))?;
    match args.output.output {
        Output::Json => output::json(&json!({ "problems": problems }))?,
        Output::Table if problems.is_empty() => line("ok"),
        Output::Table => problems.iter().for_each(|problem| line(problem)),
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        Exit::CheckFailed,
        format!("{} problem(s) in the database", problems.len()),
        "stop the node, keep a copy of what is there, and restore the newest sound backup",
    ))
}

fn vacuum(args: &ConfigArgs) -> Result<(), Failure> {
    let config = settings(args)?;
    let url = config.database.as_str();
    let before = upkeep::size(url).map_err(|error| database_failure(&error))?;
    upkeep::vacuum(url).map_err(|error| backup::failure(&error))?;
    let after = upkeep::size(url).map_err(|error| database_failure(&error))?;
    note(&format!("before: {}", said(&before)));
    line(&said(&after));
    Ok(())
}

fn reindex(args: &ConfigArgs) -> Result<(), Failure> {
    let config = settings(args)?;
    let before = before_change(&config, &federation_service::clock::SystemClock);
    let url = config.database.as_str();
    let database = Database::open_in(url, Company::Alone, before.as_ref())
        .map_err(|error| database_failure(&error))?;
    records::reindex(&database).map_err(|error| database_failure(&error))?;
    line("the index of the records was made anew");
    Ok(())
}
