//! `musubi-node evidence accesses`: that what a person was told of who looked stands in the logs of the
//! hospitals that told it, with nothing but the file and the directory.

use federation_protocol::accesses::AccessReport;
use federation_protocol::json;
use federation_protocol::member::MemberId;
use serde_json::Value;

use super::cli::audit::EvidenceAccessesArgs;
use super::failure::{Exit, Failure};
use super::output::Listing;
use super::{member_name, membership, rooms};
use crate::federation::looking::log_keys_of;

/// The largest file that is read, bytes.
const LONGEST: u64 = 64 * 1024 * 1024;

pub(super) fn accesses(args: &EvidenceAccessesArgs) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::file(&args.file, &error);
    let size = std::fs::metadata(&args.file).map_err(failed)?.len();
    if size > LONGEST {
        return Err(unreadable());
    }
    let bytes = std::fs::read(&args.file).map_err(failed)?;
    let rooms = rooms(&args.node)?;
    let membership = membership(&rooms)?;
    let name = member_name(&rooms);
    let mut listing = Listing::new(&["hospital", "acts", "log", "verdict"]);
    let mut all_proved = true;
    for (hospital, report) in reports(&bytes).ok_or_else(unreadable)? {
        let keys = log_keys_of(&membership, &hospital);
        let verdict = report.verify(hospital.as_str(), &keys, None);
        let (size, said) = match &verdict {
            Ok(checkpoint) => (checkpoint.size.to_string(), "proved".to_owned()),
            Err(error) => ("-".to_owned(), error.to_string()),
        };
        all_proved &= verdict.is_ok();
        listing.row([
            name(&hospital),
            report.accesses.len().to_string(),
            size,
            said,
        ]);
    }
    listing.print(args.output.output)?;
    match all_proved {
        true => Ok(()),
        false => Err(Failure::new(
            Exit::CheckFailed,
            "not everything is proved",
            "ask the hospital that is named, and its auditor: `musubi-node audit prove`",
        )),
    }
}

fn reports(bytes: &[u8]) -> Option<Vec<(MemberId, AccessReport)>> {
    let value = json::parse(bytes).ok()?;
    let reports = value.get("reports").and_then(Value::as_array)?;
    let read = reports.iter().map(|one| {
        let hospital = one.get("hospital")?.as_str()?.parse().ok()?;
        let report = one.get("report")?.to_string();
        let report = AccessReport::from_json(report.as_bytes()).ok()?;
        Some((hospital, report))
    });
    read.collect()
}

fn unreadable() -> Failure {
    Failure::new(
        Exit::Failure,
        "not a file of who looked",
        "give the file that the page 閲覧履歴 lets a person download",
    )
}
