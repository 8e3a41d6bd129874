//! `musubi-node import`: NDJSON, bundles and SS-MIX2 storage into the record store.

mod screen;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use federation_service::shutdown;
use ssmix2::Institution;

use super::cli::ConfigArgs;
use super::cli::import::{
    ImportArgs, ImportCommand, ImportFormat, QuarantineClearArgs, QuarantineCommand,
    QuarantineListArgs,
};
use super::failure::{Exit, Failure, OrFailure as _};
use super::output::{Listing, line, note, progress};
use super::{rooms, run, wait};
use crate::access::{Act, Permit};
use crate::app::Rooms;
use crate::identity::Caller;
use crate::import::{IMPORTER, Import, ImportError, Manner, Report};
use screen::Screen;

pub(super) fn import(args: &ImportArgs) -> Result<(), Failure> {
    if let Some(ImportCommand::Quarantine(command)) = &args.command {
        return match command {
            QuarantineCommand::List(list) => quarantine(list),
            QuarantineCommand::Clear(clear) => clear_quarantine(clear),
        };
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

fn import_of(node: &ConfigArgs) -> Result<Import, Failure> {
    let rooms = rooms(node)?;
    Ok(Import::new(
        rooms.database.clone(),
        Arc::clone(&rooms.clock),
        rooms.records.clone(),
    ))
}

fn clear_quarantine(args: &QuarantineClearArgs) -> Result<(), Failure> {
    let import = import_of(&args.node)?;
    let cleared = wait(import.clear_quarantine(args.source.as_deref()));
    let cleared = cleared.or_failure(Exit::TryAgain, "try again")?;
    line(&format!("{cleared} line(s) or file(s) forgotten"));
    Ok(())
}

fn quarantine(args: &QuarantineListArgs) -> Result<(), Failure> {
    let import = import_of(&args.node)?;
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
    let unlisted = wait(import.unlisted()).or_failure(Exit::TryAgain, "try again")?;
    for (source, more) in unlisted {
        let nothing = || "-".to_owned();
        let place = format!("and {more} more line(s)");
        listing.row([nothing(), source, place, nothing(), nothing()]);
    }
    listing.print(args.output.output)
}
