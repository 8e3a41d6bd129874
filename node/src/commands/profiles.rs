//! `musubi-node profiles`: the FHIR packages that resources are held against.

use std::io::Read as _;
use std::path::Path;

use fhir_validation::{PackageError, add_package, list as listed};
use serde_json::{Value, json};

use super::cli::Output;
use super::cli::upkeep::{DatabaseArgs, ProfilesAddArgs, ProfilesCommand};
use super::failure::{Exit, Failure, OrFailure as _};
use super::output::{self, Listing, line, note};
use super::{PROFILES, settings};

pub(super) fn profiles(command: &ProfilesCommand) -> Result<(), Failure> {
    match command {
        ProfilesCommand::Add(args) => add(args),
        ProfilesCommand::List(args) => list(args),
    }
}

fn add(args: &ProfilesAddArgs) -> Result<(), Failure> {
    let config = settings(&args.node)?;
    let bytes = read(&args.file).map_err(|error| Failure::file(&args.file, &error))?;
    let (name, version) = (args.name.as_deref(), args.version.as_deref());
    let added = add_package(&config.records.profiles, &bytes, name, version);
    let added = added.map_err(|error| Failure::new(Exit::Failure, &error, next(&error)))?;
    match args.output.output {
        Output::Json => output::json(&json!({
            "name": added.name,
            "version": added.version,
            "profiles": added.profiles,
            "without_snapshot": added.without_snapshot,
            "ignored_invariants": added.ignored_invariants,
        }))?,
        Output::Table => {
            let (name, version) = (&added.name, &added.version);
            line(&format!("{name} {version}: {} profiles", added.profiles));
            if added.without_snapshot > 0 {
                let without = added.without_snapshot;
                line(&format!(
                    "{without} of its definitions have no snapshot: not checked"
                ));
            }
            if added.ignored_invariants > 0 {
                let ignored = added.ignored_invariants;
                line(&format!(
                    "{ignored} of its invariants cannot be evaluated: not checked"
                ));
            }
        }
    }
    note("a running node knows it after it is started again");
    Ok(())
}

/// The file, or standard input where it is `-`.
fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    if file != Path::new("-") {
        return std::fs::read(file);
    }
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn next(error: &PackageError) -> &'static str {
    match error {
        PackageError::Unnamed(_) | PackageError::Name(_) => "give --name and --version",
        PackageError::Folder { .. } => {
            "check that records.profiles may be written, and make room on its disk"
        }
        _ => "give a FHIR package (.tgz) whose profiles have snapshots",
    }
}

fn list(args: &DatabaseArgs) -> Result<(), Failure> {
    let config = settings(&args.node)?;
    let packages = listed(&config.records.profiles).or_failure(Exit::Config, PROFILES)?;
    if args.output.output == Output::Json {
        let packages = packages.iter().map(|package| {
            json!({
                "name": package.name,
                "version": package.version,
                "profiles": package.profiles,
                "shipped": package.shipped,
            })
        });
        return output::json(&Value::Array(packages.collect()));
    }
    let mut listing = Listing::new(&["name", "version", "profiles", "from"]);
    for package in packages {
        let from = if package.shipped {
            "musubi-node"
        } else {
            "records.profiles"
        };
        let profiles = package.profiles.to_string();
        listing.row([package.name, package.version, profiles, from.to_owned()]);
    }
    listing.print(Output::Table)
}
