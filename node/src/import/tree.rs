//! SS-MIX2 storage: one scan of a tree, from what each file was to what it is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ssmix2::{Chapter, Found, Institution, Quarantine, Step, StoredFile, Tree};

use crate::records::{DraftError, Incoming, Validator};

use super::deed::{Deed, carry_out, refusals};
use super::job::{Identity, Job, JobState};
use super::seen::SeenFile;
use super::unit::Saying;
use super::{ImportError, Refusal, Run, settling, store};

/// Files of one commit.
const BATCH: usize = if cfg!(test) { 16 } else { 400 };
/// Bytes of files of one commit.
const BATCH_BYTES: u64 = 16 * 1024 * 1024;

/// What [`Tree::millionths`] counts to.
const MILLION: u64 = 1_000_000;

pub(super) const FORMAT: &str = "ss-mix2";

pub(super) async fn scan(
    run: &mut Run<'_>,
    root: &Path,
    institution: &Institution,
) -> Result<(), ImportError> {
    let failed = |error| ImportError::File {
        file: root.to_owned(),
        error,
    };
    let whole = std::fs::canonicalize(root).map_err(failed)?;
    // A root that is not there is no empty tree.
    drop(std::fs::read_dir(&whole).map_err(failed)?);
    let mut scan = Scan::begin(run, whole, institution).await?;
    run.sources.push(scan.job.source.clone());
    let mut walk = Tree::scan(&scan.root);
    loop {
        let files = scan.next_files(run, &mut walk);
        if files.is_empty() {
            break;
        }
        let met = u64::try_from(files.len()).unwrap_or(0);
        let deeds = scan.judge(run, files).await?;
        scan.commit(run, deeds).await?;
        scan.met += met;
        match scan.expected {
            Some(expected) => run.tell(scan.met, Some(expected)),
            None => run.tell(walk.millionths(), Some(MILLION)),
        }
    }
    settling::settle(&mut scan, run).await?;
    scan.end(run).await
}

/// A scan at work.
pub(super) struct Scan {
    pub(super) institution: Institution,
    /// What resources are held against.
    pub(super) validator: Validator,
    pub(super) root: PathBuf,
    job: Job,
    met: u64,
    /// How many files the last scan met.
    expected: Option<u64>,
    /// Whether some folder or file could not be read: it may speak for a unit.
    pub(super) incomplete: bool,
    /// Of a rehearsal, which stores nothing: what it would have stored.
    pub(super) rehearsed: Rehearsed,
}

/// What a rehearsed scan would have stored.
#[derive(Default)]
pub(super) struct Rehearsed {
    /// Units that some file fell silent about.
    pub(super) silent: BTreeSet<String>,
    /// Units that some file was heard about.
    pub(super) heard: BTreeSet<String>,
    /// Files that fell silent.
    pub(super) gone: BTreeSet<String>,
    /// Files that were renamed to 2, by stem.
    pub(super) retired: BTreeMap<String, SeenFile>,
    /// Files that were read.
    pub(super) read: BTreeSet<String>,
}

impl Scan {
    async fn begin(
        run: &Run<'_>,
        root: PathBuf,
        institution: &Institution,
    ) -> Result<Self, ImportError> {
        let source = format!("{FORMAT} {}", institution.as_str());
        let mut job = Job::new(source.clone(), FORMAT, Identity::default());
        let before = move |connection: &mut _| store::job(connection, &source, FORMAT);
        let before = run.import.database.read(before).await?;
        job.place = before.map_or(0, |before| before.place);
        let now = run.now();
        let claim = move |connection: &mut _| Ok(store::claim_job(connection, &job, now)?);
        let job = run.transact(claim).await?;
        Ok(Self {
            institution: institution.clone(),
            validator: Validator::of(&run.import.records).clone(),
            root,
            expected: Some(job.place).filter(|files| *files > 0),
            job,
            met: 0,
            incomplete: false,
            rehearsed: Rehearsed::default(),
        })
    }

    /// The next files of the walk that are of a kind that is read; none at its end.
    fn next_files(&mut self, run: &mut Run<'_>, walk: &mut Tree) -> Vec<StoredFile> {
        let (mut files, mut bytes) = (Vec::new(), 0);
        while files.len() < BATCH && bytes < BATCH_BYTES {
            let Some(found) = walk.next() else { break };
            match found {
                Found::File(file) if file.name.kind().is_read() => {
                    bytes += file.state().size;
                    files.push(file);
                }
                Found::File(file) => skip(run, file.name.kind().as_str()),
                Found::Skipped { data_type, .. } => skip(run, &data_type),
                Found::Stray { path, reason } => self.stray(run, &path, reason.to_string()),
                Found::Unreadable { path, error } => self.unreadable(run, &path, &error),
            }
        }
        files
    }

    /// What cannot be read may speak for any unit. What was renamed since its folder was listed is
    /// nobody's fault: the next scan meets it.
    fn unreadable(&mut self, run: &mut Run<'_>, path: &Path, error: &std::io::Error) {
        self.incomplete = true;
        if error.kind() != std::io::ErrorKind::NotFound {
            self.stray(run, path, format!("cannot be read: {error}"));
        }
    }

    /// Tells what does not belong in a tree. It is met again at every scan: nothing is stored.
    fn stray(&self, run: &mut Run<'_>, path: &Path, reason: String) {
        let below = path.strip_prefix(&self.root).unwrap_or(path);
        run.refuse(&Refusal {
            source: self.job.source.clone(),
            place: below.display().to_string(),
            reason,
            detail: String::new(),
        });
    }

    /// What is to be done about each file, given what it was.
    async fn judge(
        &mut self,
        run: &mut Run<'_>,
        files: Vec<StoredFile>,
    ) -> Result<Vec<Deed>, ImportError> {
        let stems: Vec<String> = files.iter().map(|file| file.name.stem()).collect();
        let institution = self.institution.clone();
        let seen = move |connection: &mut _| store::seen(connection, &institution, &stems);
        let mut seen = run.import.database.read(seen).await?;
        let mut deeds = Vec::new();
        for file in files {
            let before = seen.remove(&file.name.stem());
            let state = before.as_ref().map(SeenFile::state);
            match (file.state().step_from(state), before) {
                (Step::Read, before) => deeds.extend(self.read(run, &file, before)),
                (Step::Retire, Some(before)) => deeds.push(Deed::Retired(before.retired())),
                (Step::Withdraw, Some(before)) => deeds.push(Deed::Silent(before)),
                (Step::Leave | Step::Retire | Step::Withdraw, _) => run.report.left += 1,
            }
        }
        Ok(deeds)
    }

    /// Reads a file; nothing if it cannot be read.
    fn read(
        &mut self,
        run: &mut Run<'_>,
        file: &StoredFile,
        before: Option<SeenFile>,
    ) -> Option<Deed> {
        let now = SeenFile::of(file, &self.root);
        let bytes = match file.read() {
            Ok(bytes) => bytes,
            Err(error) => {
                self.unreadable(run, &file.path, &error);
                return None;
            }
        };
        run.report.files += 1;
        run.report.bytes += u64::try_from(bytes.len()).unwrap_or(0);
        let chapter = ssmix2::read(&file.name, &bytes, &self.institution);
        match chapter.map_err(Unsaid::from).and_then(|chapter| {
            note(run, &chapter);
            said(&self.validator, &now.stem, &chapter)
        }) {
            Ok(saying) => Some(Deed::Heard {
                file: SeenFile {
                    unit: Some(saying.unit.clone()),
                    precedence: saying.precedence.clone(),
                    ..now
                },
                before: before.and_then(|before| before.unit),
                saying,
            }),
            Err(unsaid) => Some(Deed::Refused {
                refusal: unsaid.refusal(&self.job.source, &now),
                file: now.speaking_as(before),
            }),
        }
    }

    /// Does deeds in one transaction.
    pub(super) async fn commit(
        &mut self,
        run: &mut Run<'_>,
        deeds: Vec<Deed>,
    ) -> Result<(), ImportError> {
        if deeds.is_empty() {
            return Ok(());
        }
        let refused = refusals(&deeds);
        if run.rehearses() {
            self.rehearsed.remember(&deeds);
        }
        let (records, permit) = (run.import.records.clone(), run.permit.clone());
        let (institution, job, now) = (self.institution.clone(), self.job.clone(), run.now());
        let rehearses = run.rehearses();
        let became = run
            .transact(move |connection| {
                records.take_turn(&permit, connection)?;
                if !rehearses {
                    job.advance(connection, now)?;
                }
                store::keep_in_quarantine(connection, &refusals(&deeds), now)?;
                carry_out(connection, &deeds, &institution, (&records, &permit))
            })
            .await?;
        self.job.turn += 1;
        run.count(&became);
        for refusal in &refused {
            run.refuse(refusal);
        }
        Ok(())
    }

    async fn end(mut self, run: &Run<'_>) -> Result<(), ImportError> {
        if run.rehearses() {
            return Ok(());
        }
        self.job.place = self.met;
        self.job.state = JobState::Done;
        let (job, now) = (self.job, run.now());
        run.transact(move |connection| job.advance(connection, now))
            .await
    }
}

impl Rehearsed {
    fn remember(&mut self, deeds: &[Deed]) {
        for deed in deeds {
            match deed {
                Deed::Heard { file, saying, .. } => {
                    self.read.insert(file.stem.clone());
                    self.heard.insert(saying.unit.clone());
                }
                Deed::Retired(file) => {
                    self.gone.insert(file.stem.clone());
                    self.silent.extend(file.unit.clone());
                    self.retired.insert(file.stem.clone(), file.clone());
                }
                Deed::Silent(file) => {
                    self.gone.insert(file.stem.clone());
                    self.silent.extend(file.unit.clone());
                }
                _ => {}
            }
        }
    }
}

fn skip(run: &mut Run<'_>, kind: &str) {
    *run.report.skipped.entry(kind.to_owned()).or_default() += 1;
}

fn note(run: &mut Run<'_>, chapter: &Chapter) {
    for note in &chapter.notes {
        let what = format!("{:?} {}", note.oddity, note.field);
        *run.report
            .oddities
            .entry(what.trim_end().to_owned())
            .or_default() += 1;
    }
}

/// Why a file says nothing that can be stored.
pub(super) enum Unsaid {
    File(Quarantine),
    Resource(DraftError),
}

impl From<Quarantine> for Unsaid {
    fn from(quarantine: Quarantine) -> Self {
        Self::File(quarantine)
    }
}

impl Unsaid {
    fn refusal(&self, source: &str, file: &SeenFile) -> Refusal {
        let (reason, detail) = match self {
            Self::File(quarantine) => (quarantine.reason.to_string(), quarantine.detail.clone()),
            Self::Resource(error) => (
                "a resource of it cannot be stored".to_owned(),
                error.to_string(),
            ),
        };
        Refusal {
            source: source.to_owned(),
            place: file.place(),
            reason,
            detail,
        }
    }
}

/// A chapter, ready to be stored.
pub(super) fn said(validator: &Validator, stem: &str, chapter: &Chapter) -> Result<Saying, Unsaid> {
    let parse = |resource: &ssmix2::Resource| Incoming::parse(validator, resource.json.as_bytes());
    let resources: Result<Vec<_>, _> = chapter.resources.iter().map(parse).collect();
    Ok(Saying {
        unit: chapter.key.as_str().to_owned(),
        stem: stem.to_owned(),
        precedence: chapter.precedence.clone(),
        resources: resources.map_err(Unsaid::Resource)?,
    })
}
