//! `musubi-node import`: NDJSON, bundles and SS-MIX2 storage into the record store.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use federation_protocol::time::Timestamp;
use federation_service::clock::{Clock as _, SystemClock};
use federation_service::shutdown;
use serde_json::{Value, json};
use ssmix2::Institution;

use super::cli::Output;
use super::cli::import::{
    ImportArgs, ImportCommand, ImportFormat, QuarantineCommand, QuarantineListArgs,
};
use super::failure::{Exit, Failure, OrFailure as _};
use super::output::{self, Listing, line, note, progress};
use super::{rooms, run, wait};
use crate::access::{Act, Permit};
use crate::app::Rooms;
use crate::identity::Caller;
use crate::import::{IMPORTER, Import, ImportError, Manner, Reached, Refusal, Report, Watcher};

/// So many refusals are kept to be printed; the quarantine has them all.
const PRINTED: usize = 100;

pub(super) fn import(args: &ImportArgs) -> Result<(), Failure> {
    if let Some(ImportCommand::Quarantine(QuarantineCommand::List(list))) = &args.command {
        return quarantine(list);
    }
    let what = Source::of(args)?;
    let rooms = rooms(&args.node)?;
    let own = rooms.config.organization.code.to_string();
    let institution = args.institution.as_ref().unwrap_or(&own);
    let institution = match what.format {
        ImportFormat::SsMix2 => Some(institution.parse::<Institution>().or_failure(
            Exit::Config,
            "give the institution's number with --institution, ten digits",
        )?),
        _ => None,
    };
    let import = Import::new(
        rooms.database.clone(),
        Arc::clone(&rooms.clock),
        rooms.records.clone(),
    );
    let work = Work {
        import,
        what,
        institution,
        args,
    };
    run::small_runtime()?.block_on(work.all(&rooms))
}

/// What is imported.
struct Source {
    path: PathBuf,
    format: ImportFormat,
}

impl Source {
    fn of(args: &ImportArgs) -> Result<Self, Failure> {
        let missing = || Failure::new(Exit::Failure, "PATH and --format are wanted", "see --help");
        let path = args.path.clone().ok_or_else(missing)?;
        let format = args.format.ok_or_else(missing)?;
        let tree = format == ImportFormat::SsMix2;
        let of_trees = args.watch || args.institution.is_some();
        if (of_trees && !tree) || (tree && path == Path::new("-")) {
            return Err(Failure::new(
                Exit::Failure,
                "--watch and --institution are for SS-MIX2 trees, - for the other formats",
                "see --help",
            ));
        }
        Ok(Self { path, format })
    }
}

/// One import, or one after the other.
struct Work<'a> {
    import: Import,
    what: Source,
    institution: Option<Institution>,
    args: &'a ImportArgs,
}

impl Work<'_> {
    async fn all(&self, rooms: &Rooms) -> Result<(), Failure> {
        let importer = Caller::System {
            id: IMPORTER.to_owned(),
        };
        let act = Act::Import {
            format: self.format(),
        };
        let permit = rooms.access.permit(&importer, act).await;
        let permit = permit.or_failure(Exit::TryAgain, "the audit could not be written")?;
        let permit = Arc::new(permit);
        let mut screen = Screen::open(self.args)?;
        if self.args.watch {
            return self.watch(&permit, &mut screen).await;
        }
        let report = self.once(&permit, &mut screen).await?;
        screen.print(&report, self.args)?;
        screen.verdict(&report)
    }

    const fn format(&self) -> &'static str {
        match self.what.format {
            ImportFormat::Ndjson => "ndjson",
            ImportFormat::Bundle => "bundle",
            ImportFormat::SsMix2 => "ss-mix2",
        }
    }

    async fn once(&self, permit: &Arc<Permit>, screen: &mut Screen) -> Result<Report, Failure> {
        let manner = match (self.args.dry_run, self.args.resume) {
            (true, _) => Manner::Rehearsed,
            (false, true) => Manner::Resumed,
            (false, false) => Manner::Anew,
        };
        screen.begin();
        let (import, path) = (&self.import, self.what.path.as_path());
        let done = match (self.what.format, &self.institution) {
            (ImportFormat::SsMix2, Some(number)) => {
                import.tree(permit, path, number, manner, screen).await
            }
            (ImportFormat::Bundle, _) => import.bundles(permit, path, manner, screen).await,
            _ => import.lines(permit, path, manner, screen).await,
        };
        progress("");
        screen.flush()?;
        done.map_err(|error| failure(&error))
    }

    /// Scans until the process is asked to end. A scan in the middle is left as it stands: what it
    /// stored stays, and the next one goes on.
    async fn watch(&self, permit: &Arc<Permit>, screen: &mut Screen) -> Result<(), Failure> {
        let mut ending = std::pin::pin!(shutdown::asked_to_end());
        loop {
            let scan = async {
                match self.once(permit, screen).await {
                    Ok(report) => screen.print_changes(&report, self.args)?,
                    Err(failure) if failure.exit == Exit::TryAgain => {
                        note(&format!("{}; the next scan tries again", failure.message));
                    }
                    Err(failure) => return Err(failure),
                }
                tokio::time::sleep(self.args.every).await;
                Ok(())
            };
            tokio::select! {
                // First, so that signals are heard from the first scan on.
                biased;
                asked = &mut ending => {
                    asked.or_failure(Exit::Failure, "signals cannot be heard here")?;
                    progress("");
                    note("ended");
                    return Ok(());
                }
                scanned = scan => scanned?,
            }
        }
    }
}

fn failure(error: &ImportError) -> Failure {
    let (exit, next) = match error {
        ImportError::File { .. } => (
            Exit::Failure,
            "check that the path exists and that this user may read it",
        ),
        ImportError::Changed(_) => (Exit::Failure, "import it anew, without --resume"),
        ImportError::NotResumable => (
            Exit::Failure,
            "run it again without --resume: what is there already is not written again",
        ),
        ImportError::Displaced => (Exit::Failure, "let the other one end"),
        _ => (
            Exit::TryAgain,
            "what was counted is stored; run the same command again, NDJSON with --resume",
        ),
    };
    Failure::new(exit, error, next)
}

/// Standard error, standard output, and the file of what was not taken.
struct Screen {
    errors: Option<(PathBuf, BufWriter<File>)>,
    failed: Option<std::io::Error>,
    began: Timestamp,
    refused: Vec<Refusal>,
}

impl Screen {
    fn open(args: &ImportArgs) -> Result<Self, Failure> {
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
        })
    }

    fn begin(&mut self) {
        self.began = SystemClock.now();
        self.refused.clear();
    }

    /// What is not taken is on disk when the report is printed.
    fn flush(&mut self) -> Result<(), Failure> {
        let Some((path, file)) = &mut self.errors else {
            return Ok(());
        };
        let flushed = self.failed.take().map_or_else(|| file.flush(), Err);
        flushed.map_err(|error| Failure::file(path, &error))
    }

    fn print(&self, report: &Report, args: &ImportArgs) -> Result<(), Failure> {
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
    fn print_changes(&self, report: &Report, args: &ImportArgs) -> Result<(), Failure> {
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
            "skipped": report.skipped,
            "oddities": report.oddities,
            "refused": report.refused,
            "refusals": refused.collect::<Vec<Value>>(),
        })
    }

    fn verdict(&self, report: &Report) -> Result<(), Failure> {
        if report.refused == 0 {
            return Ok(());
        }
        Err(Failure::new(
            Exit::CheckFailed,
            format!("{} line(s) or file(s) were not taken", report.refused),
            "mend what is named and run the same command again: the rest is not taken twice",
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
        if let (Some((_, file)), None) = (&mut self.errors, &self.failed) {
            self.failed = file.write_all(row(refusal).as_bytes()).err();
        }
        if self.refused.len() < PRINTED {
            self.refused.push(refusal.clone());
        }
    }
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
    format!(
        "{} created, {} updated, {} unchanged, {} deleted, {} refused, {} file(s), {} left",
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
    let left = milliseconds.saturating_mul(of - done) / done / 1_000;
    let percent = done.saturating_mul(100) / of;
    format!("{percent}% {said}, {} left", clock_face(left))
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

fn quarantine(args: &QuarantineListArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let import = Import::new(
        rooms.database.clone(),
        Arc::clone(&rooms.clock),
        rooms.records.clone(),
    );
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let listed = wait(import.quarantine(limit)).or_failure(Exit::TryAgain, "try again")?;
    let mut listing = Listing::new(&["at", "source", "place", "reason", "detail"]);
    for one in listed {
        let refusal = one.refusal;
        let detail = match refusal.detail.as_str() {
            "" => "-".to_owned(),
            detail => detail.to_owned(),
        };
        listing.row([
            one.at.to_string(),
            refusal.source,
            refusal.place,
            refusal.reason,
            detail,
        ]);
    }
    listing.print(args.output.output)
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
