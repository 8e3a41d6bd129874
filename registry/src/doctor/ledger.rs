//! What the registry has signed, as its database has it.

use std::path::Path;

use federation_protocol::directory::{Reading, Root};
use federation_protocol::time::Timestamp;
use federation_service::checkup::steps::{SOON_DAYS, days_left};
use federation_service::checkup::{Checkup, Said};

use super::codes::*;
use crate::database::{Database, DatabaseError, Schema};
use crate::directory::{Issue, Kind, newest};
use crate::members::{self, MemberRow, ReplacementRow};

/// A status is remade each minute; twice that is late.
const STATUS_SECONDS: i64 = 120;
/// A clock may be set back by so much without anybody noticing, seconds.
const BACK_SECONDS: i64 = 5;

/// The newest of each document, and the members.
pub(super) struct Ledger {
    schema: Schema,
    complaints: Vec<String>,
    root: Option<Issue>,
    directory: Option<Issue>,
    status: Option<Issue>,
    pub(super) members: Vec<MemberRow>,
    pub(super) replacements: Vec<ReplacementRow>,
}

pub(super) fn closed(reason: &dyn std::fmt::Display) -> Said {
    Said::code(DATABASE_CLOSED).with("reason", reason)
}

pub(super) fn open(path: &Path) -> Result<(Ledger, Said), Said> {
    let (mut database, schema) = Database::look(path).map_err(|error| closed(&error))?;
    let ledger = Ledger {
        schema,
        complaints: database.complaints().map_err(|error| closed(&error))?,
        root: newest(&mut database, Kind::Root).map_err(|error| closed(&error))?,
        directory: newest(&mut database, Kind::Directory).map_err(|error| closed(&error))?,
        status: newest(&mut database, Kind::Status).map_err(|error| closed(&error))?,
        members: database
            .read(members::all)
            .map_err(|error: DatabaseError| closed(&error))?,
        // An older database has no such table yet; that it is older is said beside.
        replacements: database.read(members::replacements).unwrap_or_default(),
    };
    Ok((ledger, Said::well(path.display())))
}

impl Ledger {
    pub(super) fn schema(&self) -> Said {
        match &self.schema {
            Schema::Current(newest) => Said::well(newest),
            Schema::Behind(pending) => Said::code(DATABASE_OLDER).with("pending", pending),
            Schema::Newer { found, known } => Said::code(DATABASE_NEWER)
                .with("found", found)
                .with("known", known),
        }
    }

    pub(super) fn soundness(&self) -> Said {
        match self.complaints.first() {
            None => Said::well("-"),
            Some(first) => Said::code(DATABASE_UNSOUND).with("reason", first),
        }
    }

    /// The root that everything stands on.
    pub(super) fn root(&self, now: Timestamp) -> Result<Root, Said> {
        let missing =
            |reason: &dyn std::fmt::Display| Said::code(ROOT_MISSING).with("reason", reason);
        let issue = self.root.as_ref().ok_or_else(|| missing(&"-"))?;
        Root::pinned(issue.document.as_bytes(), &issue.hash, Reading::Stored, now)
            .map_err(|error| missing(&error))
    }

    /// Root, directory, status, clock. What is not remade is a problem only where the registry is
    /// said to run.
    pub(super) fn judge(&self, checkup: &mut Checkup, running: bool, now: Timestamp) {
        let root = match self.root(now) {
            Ok(root) => judge_root(root.document().exp, now),
            Err(said) => said,
        };
        checkup.note("root", root);
        let directory = match &self.directory {
            None => Said::code(NOTHING_ISSUED).with("document", "directory"),
            Some(issue) if issue.expires_at <= now => {
                Said::code(DIRECTORY_ENDED).with("until", issue.expires_at)
            }
            Some(issue) => Said::well(format!("{} ({})", issue.seq, issue.issued_at)),
        };
        checkup.note("directory", directory);
        checkup.note("status", self.judge_status(running, now));
        checkup.note("clock", self.judge_clock(now));
    }

    fn judge_status(&self, running: bool, now: Timestamp) -> Said {
        let Some(issue) = &self.status else {
            return Said::code(NOTHING_ISSUED).with("document", "status");
        };
        let seconds = now.seconds_since(issue.issued_at);
        if running && seconds > STATUS_SECONDS {
            return Said::code(STATUS_NOT_REMADE).with("seconds", seconds);
        }
        Said::well(format!("{} ({seconds} s)", issue.seq))
    }

    /// What was signed lies behind us, or the clock was put back.
    fn judge_clock(&self, now: Timestamp) -> Said {
        let issues = [&self.root, &self.directory, &self.status];
        let newest = issues
            .into_iter()
            .flatten()
            .map(|issue| issue.issued_at)
            .max();
        let ahead = newest.map_or(0, |newest| newest.seconds_since(now));
        if ahead > BACK_SECONDS {
            return Said::code(CLOCK_BEHIND_LEDGER).with("seconds", ahead);
        }
        Said::well(now)
    }
}

fn judge_root(until: Timestamp, now: Timestamp) -> Said {
    let days = days_left(until, now);
    if until <= now {
        return Said::code(ROOT_ENDED).with("until", until);
    }
    if days < SOON_DAYS {
        return Said::code(ROOT_SOON)
            .with("days", days)
            .with("until", until);
    }
    Said::well(format!("… {until}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_warned_of_thirty_days_before_its_end() {
        let now = Timestamp::from_unix_seconds(1_782_864_000);
        let judged = |days: i64| judge_root(now.plus_seconds(days * 86_400), now).code.name;
        assert_eq!(judged(31), "well");
        assert_eq!(judged(29), "root-ends-soon");
        assert_eq!(judged(0), "root-ended");
    }
}
