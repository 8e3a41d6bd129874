//! What an import shows: its pace, what was not taken, what was.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use federation_protocol::time::Timestamp;
use federation_service::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};

use crate::commands::cli::Output;
use crate::commands::cli::import::ImportArgs;
use crate::commands::failure::{Exit, Failure};
use crate::commands::output::{self, line, note, progress};
use crate::import::{Reached, Refusal, Report, Watcher};

/// So many refusals are kept to be printed; the quarantine has them all.
const PRINTED: usize = 100;

/// So many refusals of one scan are remembered at the next: what does not belong in a tree is met
/// again at each, and need not be told again.
const REMEMBERED: usize = 10_000;

/// Standard error, standard output, and the file of what was not taken.
pub(super) struct Screen {
    errors: Option<(PathBuf, BufWriter<File>)>,
    failed: Option<std::io::Error>,
    began: Timestamp,
    refused: Vec<Refusal>,
    /// What was refused at the last scan and at this one.
    told: [HashSet<Refusal>; 2],
}

impl Screen {
    pub(super) fn open(args: &ImportArgs) -> Result<Self, Failure> {
        let opened = args.errors.as_ref().map(|path| {
            let file = File::create(path).map_err(|error| Failure::file(path, &error))?;
            Ok((path.clone(), BufWriter::new(file)))
        });
        let mut errors: Option<(PathBuf, BufWriter<File>)> = opened.transpose()?;
        if let Some((path, file)) = &mut errors {
            let head = file.write_all(b"source,place,reason,detail\r\n");
            head.map_err(|error| Failure::file(path, &error))?;
        }
        Ok(Self {
            errors,
            failed: None,
            began: SystemClock.now(),
            refused: Vec::new(),
            told: Default::default(),
        })
    }

    pub(super) fn begin(&mut self) {
        self.began = SystemClock.now();
        self.refused.clear();
        let [before, now] = &mut self.told;
        *before = std::mem::take(now);
    }

    /// What is not taken is on disk when the report is printed.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        let Some((path, file)) = &mut self.errors else {
            return Ok(());
        };
        let flushed = self.failed.take().map_or_else(|| file.flush(), Err);
        flushed.map_err(|error| Failure::file(path, &error))
    }

    pub(super) fn print(&self, report: &Report, args: &ImportArgs) -> Result<(), Failure> {
        if args.output.output == Output::Json {
            return output::json(&self.json(report, args.dry_run));
        }
        for one in &self.refused {
            note(&said(one));
        }
        if let Some(more) = unprinted(report, &self.refused) {
            note(&format!(
                "and {more} more: musubi-node import quarantine list"
            ));
        }
        for (profile, count) in &report.profiles {
            line(&format!("{count:>9}  {profile}"));
        }
        for (fault, count) in &report.not_conforming {
            line(&format!("{count:>9}  does not conform: {fault}"));
        }
        for (kind, count) in &report.skipped {
            line(&format!("{count:>9}  skipped: {kind}"));
        }
        for (what, count) in &report.oddities {
            line(&format!("{count:>9}  odd: {what}"));
        }
        let would = if args.dry_run { "would be: " } else { "" };
        line(&format!("{would}{}", summed(report)));
        Ok(())
    }

    /// Of a scan among others: nothing where nothing happened.
    pub(super) fn print_changes(&self, report: &Report, args: &ImportArgs) -> Result<(), Failure> {
        let happened = report.files + report.deleted > 0 || !self.refused.is_empty();
        match args.output.output {
            _ if !happened => Ok(()),
            Output::Json => {
                let text = self.json(report, false).to_string();
                line(&text);
                Ok(())
            }
            Output::Table => {
                self.refused.iter().for_each(|one| note(&said(one)));
                line(&summed(report));
                Ok(())
            }
        }
    }

    fn json(&self, report: &Report, dry_run: bool) -> Value {
        let refused = self.refused.iter().map(|one| {
            json!({
                "source": one.source, "place": one.place,
                "reason": one.reason, "detail": one.detail,
            })
        });
        json!({
            "dry_run": dry_run,
            "files": report.files,
            "left": report.left,
            "lines": report.lines,
            "bytes": report.bytes,
            "created": report.created,
            "updated": report.updated,
            "unchanged": report.unchanged,
            "deleted": report.deleted,
            "profiles": report.profiles,
            "not_conforming": report.not_conforming,
            "skipped": report.skipped,
            "oddities": report.oddities,
            "waiting": report.waiting,
            "refused": report.refused,
            "quarantined": report.quarantined,
            "refusals": refused.collect::<Vec<Value>>(),
        })
    }

    pub(super) fn verdict(&self, report: &Report) -> Result<(), Failure> {
        let (refused, kept) = (report.refused, report.quarantined);
        if refused + kept == 0 {
            return waiting(report);
        }
        Err(Failure::new(
            Exit::CheckFailed,
            format!("{refused} line(s) or file(s) were not taken; in quarantine now: {kept}"),
            "see `musubi-node import quarantine list`, mend the source, and run the same command \
             again: the rest is not taken twice",
        ))
    }
}

impl Watcher for Screen {
    fn reached(&mut self, reached: &Reached<'_>) {
        let elapsed = SystemClock.now().micros() - self.began.micros();
        let elapsed = Duration::from_micros(u64::try_from(elapsed).unwrap_or(0));
        progress(&paced(reached, elapsed));
    }

    fn refused(&mut self, refusal: &Refusal) {
        let [before, now] = &mut self.told;
        if now.len() < REMEMBERED {
            now.insert(refusal.clone());
        }
        if before.contains(refusal) {
            return;
        }
        if let (Some((_, file)), None) = (&mut self.errors, &self.failed) {
            self.failed = file.write_all(row(refusal).as_bytes()).err();
        }
        if self.refused.len() < PRINTED {
            self.refused.push(refusal.clone());
        }
    }
}

/// Files that were replaced by none that can be read: what they said stands for now.
fn waiting(report: &Report) -> Result<(), Failure> {
    if report.waiting == 0 {
        return Ok(());
    }
    Err(Failure::new(
        Exit::CheckFailed,
        format!(
            "{} unit(s) keep what they had: their file was renamed to 2, and none that can be read \
             has come in its place",
            report.waiting
        ),
        "run the same command again when the storage is complete",
    ))
}

fn unprinted(report: &Report, printed: &[Refusal]) -> Option<u64> {
    let printed = u64::try_from(printed.len()).unwrap_or(u64::MAX);
    report.refused.checked_sub(printed).filter(|more| *more > 0)
}

fn said(refusal: &Refusal) -> String {
    let Refusal {
        source,
        place,
        reason,
        detail,
    } = refusal;
    let detail = match detail.as_str() {
        "" => String::new(),
        detail => format!(" ({detail})"),
    };
    format!("{source}, {place}: {reason}{detail}")
}

fn summed(report: &Report) -> String {
    let counted = [
        (
            report.not_conforming(),
            "taken although they do not conform",
        ),
        (report.waiting, "waiting for a file that can be read"),
    ];
    let more = counted.into_iter().filter(|(count, _)| *count > 0);
    let more: String = more
        .map(|(count, what)| format!(", {count} {what}"))
        .collect();
    format!(
        "{} created, {} updated, {} unchanged, {} deleted, {} refused, {} file(s), {} left{more}",
        report.created,
        report.updated,
        report.unchanged,
        report.deleted,
        report.refused,
        report.files,
        report.left
    )
}

/// How far it is, how fast, and how long it may take.
fn paced(reached: &Reached<'_>, elapsed: Duration) -> String {
    let report = reached.report;
    let written = report.created + report.updated + report.unchanged + report.deleted;
    let milliseconds = u64::try_from(elapsed.as_millis())
        .unwrap_or(u64::MAX)
        .max(1);
    let rate = written.saturating_mul(1_000) / milliseconds;
    let said = format!("{written} resources, {rate}/s, {} refused", report.refused);
    let Some(of) = reached.of.filter(|of| *of > 0) else {
        return said;
    };
    let done = reached.done.clamp(1, of);
    let percent = done.saturating_mul(100) / of;
    // What was done before this import began tells nothing of its pace.
    let own = done.saturating_sub(reached.given);
    match milliseconds.saturating_mul(of - done).checked_div(own) {
        Some(left) => format!("{percent}% {said}, {} left", clock_face(left / 1_000)),
        None => format!("{percent}% {said}"),
    }
}

/// `1:02:03`, `2:03`.
fn clock_face(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        hours => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// One line of CSV (RFC 4180).
fn row(refusal: &Refusal) -> String {
    let cells = [
        &refusal.source,
        &refusal.place,
        &refusal.reason,
        &refusal.detail,
    ];
    let quoted = cells.map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")));
    format!("{}\r\n", quoted.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_tells_rate_and_time_left() {
        let report = Report {
            created: 1_000,
            ..Report::default()
        };
        let reached = |done, of| Reached {
            report: &report,
            done,
            given: 0,
            of,
        };
        assert_eq!(
            paced(&reached(25, Some(100)), Duration::from_secs(10)),
            "25% 1000 resources, 100/s, 0 refused, 0:30 left"
        );
        assert_eq!(
            paced(&reached(25, None), Duration::from_secs(10)),
            "1000 resources, 100/s, 0 refused"
        );
        // More than there were at the last scan.
        assert!(paced(&reached(9, Some(3)), Duration::ZERO).ends_with("0:00 left"));
        // Half of it was done when this import began: only the other half tells its pace.
        let resumed = Reached {
            given: 50,
            ..reached(75, Some(100))
        };
        let said = paced(&resumed, Duration::from_secs(10));
        assert_eq!(said, "75% 1000 resources, 100/s, 0 refused, 0:10 left");
        let left = Reached {
            given: 75,
            ..resumed
        };
        assert!(paced(&left, Duration::ZERO).ends_with("0 refused"));
        assert_eq!(clock_face(3_723), "1:02:03");
    }

    #[test]
    fn a_cell_of_csv_may_hold_anything() {
        let refusal = Refusal {
            source: "a,b.ndjson".to_owned(),
            place: "line 7".to_owned(),
            reason: "said \"no\"".to_owned(),
            detail: String::new(),
        };
        assert_eq!(
            row(&refusal),
            "\"a,b.ndjson\",\"line 7\",\"said \"\"no\"\"\",\"\"\r\n"
        );
    }
}
