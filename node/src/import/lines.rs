//! NDJSON: one resource a line.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use tokio::task::{JoinHandle, spawn_blocking};

use crate::database::DatabaseError;
use crate::records::{Incoming, Intake, Validator, files_below};

use super::job::{Identity, Job, JobState};
use super::{ImportError, Manner, Refusal, Run, store, take_in};

/// Lines of one commit. A commit writes each page of the index that it touches, sorted, once: so many
/// lines share a page that 400 of them cost a quarter more. Others who write wait for a fifth of a
/// second at most.
const BATCH: usize = if cfg!(test) { 8 } else { 1_000 };
/// Bytes of one commit.
const BATCH_BYTES: u64 = 8 * 1024 * 1024;
/// Index rows of one commit: a line may have many. A commit keeps each page that it touches in
/// memory until its end.
const BATCH_ROWS: usize = 40_000;
/// The longest line, in bytes.
const LONGEST: u64 = 64 * 1024 * 1024;

pub(super) const FORMAT: &str = "ndjson";

pub(super) async fn import(run: &mut Run<'_>, path: &Path) -> Result<(), ImportError> {
    if path == Path::new("-") {
        if run.manner == Manner::Resumed {
            return Err(ImportError::NotResumable);
        }
        let input = BufReader::with_capacity(1 << 20, std::io::stdin());
        let whole = Part {
            before: 0,
            of: None,
        };
        let reader = Reader::anew("-", Box::new(input));
        return Lines { job: None }.all(reader, run, whole).await;
    }
    let files = files_below(path, &["ndjson", "jsonl"])?;
    let sizes = files.iter().map(|file| size_of(file));
    let mut part = Part {
        before: 0,
        of: Some(sizes.sum()),
    };
    for file in files {
        let size = size_of(&file);
        import_file(run, file, part).await?;
        part.before += size;
    }
    Ok(())
}

/// Which part of all the bytes a file is.
#[derive(Clone, Copy)]
struct Part {
    /// Bytes of the files before it.
    before: u64,
    /// Bytes of all files, where that is known.
    of: Option<u64>,
}

/// Of a file that is gone, nothing: opening it says so.
fn size_of(file: &Path) -> u64 {
    std::fs::metadata(file).map_or(0, |found| found.len())
}

async fn import_file(run: &mut Run<'_>, file: PathBuf, part: Part) -> Result<(), ImportError> {
    let failed = |error| ImportError::File {
        file: file.clone(),
        error,
    };
    let whole = std::fs::canonicalize(&file).map_err(failed)?;
    let identity = Identity::of(&whole).map_err(failed)?;
    let source = whole.display().to_string();
    run.sources.push(source.clone());
    let Some(job) = begin(run, Job::new(source.clone(), FORMAT, identity), &file).await? else {
        run.report.left += 1;
        run.given += size_of(&file);
        return Ok(());
    };
    let mut opened = File::open(&whole).map_err(failed)?;
    opened.seek(SeekFrom::Start(job.place)).map_err(failed)?;
    let mut reader = Reader::anew(&source, Box::new(BufReader::with_capacity(1 << 20, opened)));
    reader.line = job.line;
    run.given += job.place;
    Lines { job: Some(job) }.all(reader, run, part).await
}

/// Where the import of a file begins; nowhere if it is done and to be resumed.
async fn begin(run: &Run<'_>, job: Job, file: &Path) -> Result<Option<Job>, ImportError> {
    if run.manner == Manner::Resumed {
        let source = job.source.clone();
        let before = move |connection: &mut _| store::job(connection, &source, FORMAT);
        match run.import.database.read(before).await? {
            Some(before) if before.identity != job.identity => {
                return Err(ImportError::Changed(file.to_owned()));
            }
            Some(before) if before.state == JobState::Done => return Ok(None),
            Some(before) => return claim(run, before).await.map(Some),
            None => {}
        }
    }
    claim(run, job).await.map(Some)
}

/// Takes the turn from whoever else imports this file. What was refused before is looked at anew
/// where the import begins anew.
async fn claim(run: &Run<'_>, job: Job) -> Result<Job, ImportError> {
    let now = run.now();
    run.transact(move |connection| {
        if job.place == 0 {
            store::forget_quarantine(connection, &job.source)?;
        }
        Ok(store::claim_job(connection, &job, now)?)
    })
    .await
}

/// Reads the lines of one source.
pub(super) struct Reader {
    source: String,
    input: Box<dyn BufRead + Send>,
    pub(super) ended: bool,
    /// Lines before the next.
    line: u64,
}

/// What a batch of lines holds.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) bytes: u64,
    pub(super) lines: u64,
    rows: usize,
    pub(super) taken: Vec<Intake>,
    pub(super) refused: Vec<Refusal>,
    /// The number of its last line.
    line: u64,
    /// Nothing comes after it.
    last: bool,
}

impl Reader {
    pub(super) fn anew(source: &str, input: Box<dyn BufRead + Send>) -> Self {
        Self {
            source: source.to_owned(),
            input,
            ended: false,
            line: 0,
        }
    }

    /// Reads until a batch is full or the source is at its end.
    pub(super) fn next_batch(&mut self, validator: &Validator) -> std::io::Result<Batch> {
        let mut batch = Batch::default();
        let mut line = Vec::new();
        let full = |batch: &Batch| {
            batch.taken.len() + batch.refused.len() >= BATCH
                || batch.bytes >= BATCH_BYTES
                || batch.rows >= BATCH_ROWS
        };
        while !full(&batch) {
            let read = read_line(&mut self.input, &mut line)?;
            if read == 0 {
                self.ended = true;
                break;
            }
            batch.bytes += read;
            batch.lines += 1;
            self.line += 1;
            if read > LONGEST {
                batch
                    .refused
                    .push(self.refusal("the line is longer than 64 MiB"));
            } else if !line.trim_ascii().is_empty() {
                // Without its end, so that a fault is told to be in line 1 of it.
                match Incoming::parse(validator, line.trim_ascii_end()) {
                    Ok(incoming) => {
                        batch.rows = batch.rows.saturating_add(incoming.rows());
                        batch.taken.push(Intake::Put(Box::new(incoming)));
                    }
                    Err(error) => batch.refused.push(self.refusal(&error.to_string())),
                }
            }
        }
        (batch.line, batch.last) = (self.line, self.ended);
        Ok(batch)
    }

    fn refusal(&self, reason: &str) -> Refusal {
        Refusal {
            source: self.source.clone(),
            place: format!("line {}", self.line),
            reason: reason.to_owned(),
            detail: String::new(),
        }
    }
}

/// The next batch of a source.
enum Next {
    /// Is read while the one before it is stored.
    Ahead(JoinHandle<(Reader, std::io::Result<Batch>)>),
    /// Is read when it is wanted.
    Later(Reader),
}

impl Next {
    fn after(mut reader: Reader, validator: &Validator, ahead: bool) -> Self {
        if !ahead {
            return Self::Later(reader);
        }
        let validator = validator.clone();
        Self::Ahead(spawn_blocking(move || {
            let batch = reader.next_batch(&validator);
            (reader, batch)
        }))
    }

    async fn read(
        self,
        validator: &Validator,
    ) -> Result<(Reader, std::io::Result<Batch>), DatabaseError> {
        match self {
            Self::Ahead(reading) => reading.await.map_err(|_broken| DatabaseError::Closed),
            Self::Later(mut reader) => {
                let batch = reader.next_batch(validator);
                Ok((reader, batch))
            }
        }
    }
}

/// How far the lines of one source are stored.
struct Lines {
    /// None of standard input, which is not resumed.
    job: Option<Job>,
}

impl Lines {
    /// Stores batch after batch; of a file the next one is read meanwhile.
    async fn all(
        mut self,
        reader: Reader,
        run: &mut Run<'_>,
        part: Part,
    ) -> Result<(), ImportError> {
        let mut done = part.before + self.job.as_ref().map_or(0, |job| job.place);
        let source = reader.source.clone();
        if self.job.is_none() {
            let source = source.clone();
            let forget =
                move |connection: &mut _| Ok(store::forget_quarantine(connection, &source)?);
            run.transact(forget).await?;
        }
        let validator = Validator::of(&run.import.records).clone();
        let failed = |error| ImportError::File {
            file: PathBuf::from(&source),
            error,
        };
        // Who types on standard input is not read behind their back.
        let ahead = self.job.is_some();
        let mut next = Next::Later(reader);
        loop {
            let (reader, batch) = next.read(&validator).await?;
            let batch = batch.map_err(failed)?;
            let (last, bytes) = (batch.last, batch.bytes);
            next = Next::after(reader, &validator, ahead && !last);
            self.store(&source, run, batch).await?;
            done += bytes;
            run.tell(done, part.of);
            if last {
                break;
            }
        }
        run.report.files += 1;
        Ok(())
    }

    async fn store(
        &mut self,
        source: &str,
        run: &mut Run<'_>,
        batch: Batch,
    ) -> Result<(), ImportError> {
        let Batch {
            bytes,
            lines,
            taken,
            refused,
            line,
            last,
            rows: _,
        } = batch;
        if let Some(job) = &mut self.job {
            job.place += bytes;
            job.line = line;
            if last {
                job.state = JobState::Done;
            }
        }
        let (records, permit) = (run.import.records.clone(), run.permit.clone());
        let (job, kept, now) = (self.job.clone(), refused.clone(), run.now());
        let source = source.to_owned();
        let rehearses = run.rehearses();
        let work = move |connection: &mut _| {
            records.take_turn(&permit, connection)?;
            if let Some(job) = job.as_ref().filter(|_| !rehearses) {
                job.advance(connection, now)?;
            }
            store::keep_some(connection, &source, &kept, now)?;
            take_in(&records, &permit, connection, taken.clone())
        };
        let became = run.transact(work).await?;
        if let Some(job) = &mut self.job {
            job.turn += 1;
        }
        run.report.bytes += bytes;
        run.report.lines += lines;
        run.count(&became);
        for refusal in &refused {
            run.refuse(refusal);
        }
        Ok(())
    }
}

/// Reads one line and gives its length; of a line that is too long no more than the limit is kept.
fn read_line(input: &mut (dyn BufRead + Send), line: &mut Vec<u8>) -> std::io::Result<u64> {
    line.clear();
    let mut limited = input.take(LONGEST + 1);
    limited.read_until(b'\n', line)?;
    let mut read = LONGEST + 1 - limited.limit();
    while read > LONGEST && !line.ends_with(b"\n") {
        // The rest of it is passed over.
        line.clear();
        let mut limited = input.take(1 << 20);
        let more = limited.read_until(b'\n', line)?;
        if more == 0 {
            break;
        }
        read += u64::try_from(more).unwrap_or(u64::MAX);
    }
    Ok(read)
}
