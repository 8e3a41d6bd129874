//! Taking files in: FHIR transaction Bundles, NDJSON, single resources, and folders of them.
//!
//! What has an id is written only where it says something new, so that a second run of the same
//! files changes nothing. Reading a batch and writing the one before it happen at the same time.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use federation_protocol::time::Timestamp;
use tokio::task::JoinHandle;

use crate::access::Permit;

use super::draft::{Draft, DraftError};
use super::json;
use super::store::{self, Change, Changed, Expect};
use super::strict;
use super::transaction::Transaction;
use super::validation::is_error;
use super::writing::may_write;
use super::{Address, Done, LogicalId, Outcome, Records, RecordsError};

/// Resources of one commit.
const BATCH: usize = 400;
/// Bytes of one commit.
const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// Index rows of one commit. A commit keeps each page that it touches in memory until its end.
const BATCH_ROWS: usize = 40_000;
/// After this many new resources the database looks at its tables again, to plan its searches.
const WORTH_LOOKING: usize = 1_000;
/// The longest line, and the largest file that is no NDJSON, in bytes.
const LARGEST: u64 = 64 * 1024 * 1024;

/// What the files hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LoadFormat {
    /// By the file's name, and what its text says it is.
    #[default]
    Auto,
    /// One transaction Bundle, or one resource, a file.
    Bundle,
    /// One resource a line.
    Ndjson,
}

/// The text names no format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a format: auto, bundle or ndjson is wanted")]
pub struct LoadFormatError;

impl FromStr for LoadFormat {
    type Err = LoadFormatError;

    fn from_str(text: &str) -> Result<Self, LoadFormatError> {
        match text {
            "auto" => Ok(Self::Auto),
            "bundle" => Ok(Self::Bundle),
            "ndjson" => Ok(Self::Ndjson),
            _ => Err(LoadFormatError),
        }
    }
}

/// What a load has done so far, and in the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Files read.
    pub files: usize,
    /// Bytes read.
    pub bytes: u64,
    /// Resources that were not here before.
    pub created: usize,
    /// Resources of which there is a new version.
    pub updated: usize,
    /// Resources that said nothing new.
    pub unchanged: usize,
    /// Of the created and updated, those that do not conform and were taken all the same.
    pub not_conforming: usize,
    /// What was not taken.
    pub refused: Vec<Refused>,
}

/// A line or file that was not taken, and why. Holds no patient data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The file, `-` for standard input.
    pub file: PathBuf,
    /// The line, from 1; `None`: the file as a whole.
    pub line: Option<usize>,
    /// Why.
    pub reason: String,
}

/// Why a load ended early. What was reported as loaded is stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A file or folder could not be read.
    #[error("{}: {error}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The records could not be written.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

impl Records {
    /// Loads files (`-` is standard input) and folders, whose `.json`, `.ndjson` and `.jsonl` files
    /// are taken in the order of their names. `progress` hears of every commit.
    ///
    /// A refused line or file does not stop the rest: see [`LoadReport::refused`].
    ///
    /// # Errors
    /// `File`, `Records` (`ReadOnly`, `Database`).
    pub async fn load(
        &self,
        permit: &Permit,
        paths: &[PathBuf],
        format: LoadFormat,
        progress: &mut (dyn FnMut(&LoadReport) + Send),
    ) -> Result<LoadReport, LoadError> {
        may_write(permit)?;
        let mut files = Vec::new();
        for path in paths {
            collect(path, &["json", "ndjson", "jsonl"], &mut files)?;
        }
        let mut load = Load {
            records: self,
            report: LoadReport::default(),
            batch: Vec::new(),
            batch_bytes: 0,
            batch_rows: 0,
            writing: None,
            progress,
        };
        for file in &files {
            load.file(file, format).await?;
            load.report.files = load.report.files.saturating_add(1);
        }
        load.commit().await?;
        load.written().await?;
        let report = load.report;
        if report.created >= WORTH_LOOKING {
            self.database
                .transact(store::look_at_tables)
                .await
                .map_err(RecordsError::from)?;
        }
        Ok(report)
    }
}

/// The file at `path`, or the files with one of these `extensions` in the folder and those below
/// it, in the order of their names.
///
/// # Errors
/// `File`: a folder could not be read.
pub fn files_below(path: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>, LoadError> {
    let mut files = Vec::new();
    collect(path, extensions, &mut files)?;
    Ok(files)
}

fn collect(path: &Path, extensions: &[&str], files: &mut Vec<PathBuf>) -> Result<(), LoadError> {
    let failed = |error| LoadError::File {
        file: path.to_owned(),
        error,
    };
    if path == Path::new("-") || !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let mut inside = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        inside.push(entry.map_err(failed)?.path());
    }
    inside.sort();
    for path in inside {
        if path.is_dir() || is_named(&path, extensions) {
            collect(&path, extensions, files)?;
        }
    }
    Ok(())
}

fn is_named(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| extensions.contains(&extension))
}

struct Load<'r> {
    records: &'r Records,
    report: LoadReport,
    /// Read, not yet being written.
    batch: Vec<Change>,
    /// Of what is read.
    batch_bytes: usize,
    batch_rows: usize,
    /// The commit under way.
    writing: Option<Writing>,
    progress: &'r mut (dyn FnMut(&LoadReport) + Send),
}

/// A commit under way.
struct Writing {
    batch: Arc<Vec<Change>>,
    changed: JoinHandle<Result<Vec<Changed>, RecordsError>>,
}

impl Load<'_> {
    async fn file(&mut self, file: &Path, format: LoadFormat) -> Result<(), LoadError> {
        let failed = |error| LoadError::File {
            file: file.to_owned(),
            error,
        };
        let input: Box<dyn Read + Send> = if file == Path::new("-") {
            Box::new(std::io::stdin())
        } else {
            Box::new(File::open(file).map_err(failed)?)
        };
        let mut input = BufReader::with_capacity(1 << 20, input);
        let lines = match format {
            LoadFormat::Ndjson => true,
            LoadFormat::Bundle => false,
            LoadFormat::Auto if is_named(file, &["ndjson", "jsonl"]) => true,
            LoadFormat::Auto if is_named(file, &["json"]) => false,
            // By its first line: a resource on one line is a line of NDJSON.
            LoadFormat::Auto => looks_like_lines(input.fill_buf().map_err(failed)?),
        };
        if lines {
            self.lines(file, &mut input).await
        } else {
            self.whole(file, &mut input).await
        }
    }

    async fn lines(
        &mut self,
        file: &Path,
        input: &mut (dyn BufRead + Send),
    ) -> Result<(), LoadError> {
        let failed = |error| LoadError::File {
            file: file.to_owned(),
            error,
        };
        let mut line = Vec::new();
        for number in 1_usize.. {
            line.clear();
            let mut limited = input.take(LARGEST);
            let read = limited.read_until(b'\n', &mut line).map_err(failed)?;
            if read == 0 {
                return Ok(());
            }
            let cut = limited.limit() == 0 && !line.ends_with(b"\n");
            self.report.bytes = self
                .report
                .bytes
                .saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
            if cut {
                self.refuse(
                    file,
                    Some(number),
                    "the line is longer than 64 MiB".to_owned(),
                );
                return Ok(());
            }
            // The line's end is none of the resource's bytes.
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            match strict::text(line)
                .map_err(DraftError::from)
                .and_then(|text| Draft::parse(text, &self.records.validator))
            {
                Ok(draft) => self.take(draft, line.len()).await?,
                Err(error) => self.refuse(file, Some(number), error.to_string()),
            }
        }
        Ok(())
    }

    async fn whole(
        &mut self,
        file: &Path,
        input: &mut (dyn BufRead + Send),
    ) -> Result<(), LoadError> {
        let failed = |error| LoadError::File {
            file: file.to_owned(),
            error,
        };
        let mut body = Vec::new();
        let read = input.take(LARGEST).read_to_end(&mut body).map_err(failed)?;
        let read = u64::try_from(read).unwrap_or(u64::MAX);
        self.report.bytes = self.report.bytes.saturating_add(read);
        if read >= LARGEST {
            self.refuse(file, None, "the file is larger than 64 MiB".to_owned());
            return Ok(());
        }
        let text = match strict::text(&body) {
            Ok(text) => text,
            Err(error) => {
                self.refuse(file, None, error.to_string());
                return Ok(());
            }
        };
        if !is_bundle(&body) {
            match Draft::parse(text, &self.records.validator) {
                Ok(draft) => self.take(draft, text.len()).await?,
                Err(error) => self.refuse(file, None, error.to_string()),
            }
            return Ok(());
        }
        // A transaction stands alone: what was read before it is stored before it.
        self.commit().await?;
        self.written().await?;
        match self.transaction(text).await {
            Ok(()) => (self.progress)(&self.report),
            Err(RecordsError::Database(error)) => return Err(RecordsError::from(error).into()),
            Err(refused) => self.refuse(file, None, refused.to_string()),
        }
        Ok(())
    }

    async fn transaction(&mut self, text: &str) -> Result<(), RecordsError> {
        let at = self.records.now_in_milliseconds();
        let mut transaction = Transaction::parse(text, at)?;
        transaction.only_differences();
        let done = self
            .records
            .do_transaction(Arc::new(transaction), at)
            .await?;
        for written in done.entries.iter().filter_map(Done::written) {
            match written.outcome {
                Outcome::Created => self.report.created += 1,
                Outcome::Updated | Outcome::Deleted => self.report.updated += 1,
                Outcome::Unchanged | Outcome::Absent => self.report.unchanged += 1,
            }
            if written.is_new() && written.issues.iter().any(is_error) {
                self.report.not_conforming += 1;
            }
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.batch.len() >= BATCH
            || self.batch_bytes >= BATCH_BYTES
            || self.batch_rows >= BATCH_ROWS
    }

    async fn take(&mut self, draft: Draft, bytes: usize) -> Result<(), LoadError> {
        let id = match &draft.id {
            Some(id) => id.clone(),
            None => LogicalId::fresh(self.records.now_in_milliseconds()),
        };
        let address = Address {
            kind: draft.kind,
            id,
        };
        self.batch_rows = self.batch_rows.saturating_add(draft.rows());
        self.batch.push(Change {
            address,
            draft: Some(draft),
            expect: Expect::Difference,
        });
        self.batch_bytes = self.batch_bytes.saturating_add(bytes);
        if self.is_full() {
            self.commit().await
        } else {
            Ok(())
        }
    }

    /// Starts writing the batch, once the one before it is stored.
    async fn commit(&mut self) -> Result<(), LoadError> {
        self.written().await?;
        (self.batch_bytes, self.batch_rows) = (0, 0);
        let batch = Arc::new(std::mem::take(&mut self.batch));
        if !batch.is_empty() {
            let changes = Arc::clone(&batch);
            let database = self.records.database.clone();
            let at: Timestamp = self.records.now_in_milliseconds();
            let changed = tokio::spawn(async move {
                let write =
                    database.transact(move |connection| store::apply(connection, &changes, at));
                write.await
            });
            self.writing = Some(Writing { batch, changed });
        }
        Ok(())
    }

    async fn written(&mut self) -> Result<(), LoadError> {
        let Some(writing) = self.writing.take() else {
            return Ok(());
        };
        let closed = |_broken| RecordsError::Database(crate::database::DatabaseError::Closed);
        let changed = writing.changed.await.map_err(closed)??;
        for (change, changed) in writing.batch.iter().zip(changed) {
            match changed {
                Changed::Created { .. } => self.report.created += 1,
                Changed::Unchanged { .. } => {
                    self.report.unchanged += 1;
                    continue;
                }
                _ => self.report.updated += 1,
            }
            let issues = change.issues();
            self.records.validator.stored(&change.address, &issues);
            self.report.not_conforming += usize::from(issues.iter().any(is_error));
        }
        (self.progress)(&self.report);
        Ok(())
    }

    fn refuse(&mut self, file: &Path, line: Option<usize>, reason: String) {
        self.report.refused.push(Refused {
            file: file.to_owned(),
            line,
            reason,
        });
    }
}

/// Whether the first line is an object of its own.
fn looks_like_lines(beginning: &[u8]) -> bool {
    let first = beginning
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let whole = strict::text(first)
        .ok()
        .and_then(|line| json::Document::parse(line).ok());
    whole.is_some_and(|document| document.get("resourceType") != Some("\"Bundle\""))
}

/// Whether the body is a Bundle, well-formed or not inside.
#[must_use]
pub fn is_bundle(body: &[u8]) -> bool {
    let document = strict::text(body).and_then(json::Document::parse);
    document.is_ok_and(|document| document.get("resourceType") == Some("\"Bundle\""))
}
