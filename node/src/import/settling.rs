//! Units whose file was renamed away, once every file of the tree was seen: the next file that
//! speaks for the unit takes its place. Where there is none, and the file was deleted (0), what the
//! unit put in is deleted; where it was replaced (2) by a file that cannot be read, what it put in
//! stays until that file is mended or the old one is deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use ssmix2::{FileName, Flag, Institution, MAX_FILE_BYTES};

use crate::database::{DatabaseError, HospitalConnection};

use super::deed::Deed;
use super::seen::{SeenFile, slot};
use super::tree::{Scan, said};
use super::unit::Saying;
use super::{ImportError, Run, store};

/// Units of one commit.
const PAGE: usize = 100;

/// A unit that lost its file.
struct Orphan {
    unit: String,
    /// The files that still speak for it, the first to be heard first.
    speakers: Vec<SeenFile>,
    /// The files that spoke for it and were replaced, without its being known by what.
    retired: Vec<SeenFile>,
}

pub(super) async fn settle(scan: &mut Scan, run: &mut Run<'_>) -> Result<(), ImportError> {
    let mut after = String::new();
    loop {
        let units = orphaned(scan, run, after).await?;
        let Some(last) = units.last() else {
            return Ok(());
        };
        after = last.clone();
        for page in units.chunks(PAGE) {
            settle_page(scan, run, page).await?;
        }
        if run.rehearses() {
            return Ok(());
        }
    }
}

async fn settle_page(
    scan: &mut Scan,
    run: &mut Run<'_>,
    units: &[String],
) -> Result<(), ImportError> {
    let mut deeds = Vec::new();
    for orphan in orphans(scan, run, units).await? {
        if awaits(scan, run, &orphan).await? {
            run.report.waiting += 1;
        } else {
            deeds.extend(verdict(scan, &orphan));
        }
    }
    scan.commit(run, deeds).await
}

/// The keys of the next units that lost their file. A rehearsal has stored none of its own: it
/// remembers them, and all are told at once.
async fn orphaned(scan: &Scan, run: &Run<'_>, after: String) -> Result<Vec<String>, ImportError> {
    let institution = scan.institution.clone();
    let most = if run.rehearses() { usize::MAX } else { PAGE };
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let listed = move |connection: &mut _| store::orphans(connection, &institution, &after, limit);
    let stored = run.import.database.read(listed).await?;
    if !run.rehearses() {
        return Ok(stored);
    }
    let all: BTreeSet<String> = stored
        .into_iter()
        .chain(scan.rehearsed.silent.iter().cloned())
        .collect();
    Ok(all.into_iter().collect())
}

/// Units that lost their file, with the files that speak and spoke for them.
async fn orphans(scan: &Scan, run: &Run<'_>, units: &[String]) -> Result<Vec<Orphan>, ImportError> {
    let (institution, units) = (scan.institution.clone(), units.to_vec());
    let listed = move |connection: &mut _| with_files(connection, &institution, units.clone());
    let mut orphans = run.import.database.read(listed).await?;
    for orphan in &mut orphans {
        let gone = &scan.rehearsed.gone;
        orphan.speakers.retain(|file| !gone.contains(&file.stem));
        orphan.retired.retain(|file| !gone.contains(&file.stem));
        let retired = scan.rehearsed.retired.values();
        let of_it = retired.filter(|file| file.unit.as_ref() == Some(&orphan.unit));
        orphan.retired.extend(of_it.cloned());
    }
    Ok(orphans)
}

fn with_files(
    connection: &mut HospitalConnection,
    institution: &Institution,
    units: Vec<String>,
) -> Result<Vec<Orphan>, DatabaseError> {
    let keys: Vec<&str> = units.iter().map(String::as_str).collect();
    let mut retired: BTreeMap<String, Vec<SeenFile>> = BTreeMap::new();
    for file in store::retired(connection, institution, &keys)? {
        if let Some(unit) = &file.unit {
            retired.entry(unit.clone()).or_default().push(file);
        }
    }
    let each = units.into_iter().map(|unit| {
        Ok(Orphan {
            speakers: store::speakers(connection, institution, &unit)?,
            retired: retired.remove(&unit).unwrap_or_default(),
            unit,
        })
    });
    each.collect()
}

/// Whether what a unit put in stays for now: one of its files was replaced, and no file that could
/// be read has come in its place.
async fn awaits(scan: &Scan, run: &Run<'_>, orphan: &Orphan) -> Result<bool, ImportError> {
    if scan.rehearsed.heard.contains(&orphan.unit) {
        return Ok(false);
    }
    for file in &orphan.retired {
        let successors = in_its_place(scan, file);
        let was_read = |stem| scan.rehearsed.read.contains(stem);
        if successors.iter().any(was_read) {
            continue;
        }
        let institution = scan.institution.clone();
        let seen = move |connection: &mut _| store::seen(connection, &institution, &successors);
        let seen = run.import.database.read(seen).await?;
        if seen.values().all(|successor| successor.unit.is_none()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The stems of the files with flag 1 that lie in the place of one that was replaced.
fn in_its_place(scan: &Scan, retired: &SeenFile) -> Vec<String> {
    let listed = std::fs::read_dir(scan.root.join(&retired.folder));
    let names = listed.into_iter().flatten().flatten();
    let files = names.filter_map(|entry| entry.file_name().to_str()?.parse::<FileName>().ok());
    let current = files.filter(|file| file.flag() == Flag::Current);
    let stems = current.map(|file| file.stem());
    stems.filter(|stem| slot(stem) == retired.slot()).collect()
}

/// What becomes of a unit; nothing for now where that cannot be told at this scan.
fn verdict(scan: &Scan, orphan: &Orphan) -> Option<Deed> {
    if scan.rehearsed.heard.contains(&orphan.unit) {
        return None;
    }
    if orphan.speakers.is_empty() {
        // What could not be read may be its successor.
        return (!scan.incomplete).then(|| Deed::Withdrawn(orphan.unit.clone()));
    }
    for speaker in &orphan.speakers {
        match hear_again(scan, orphan, speaker) {
            Heard::Saying(saying) => return Some(Deed::Settled(saying)),
            Heard::Unreadable => {}
            Heard::Moved => return None,
        }
    }
    None
}

enum Heard {
    Saying(Saying),
    /// It is in no state to be read; the next may be.
    Unreadable,
    /// It is not what it was when the walk passed by: the next scan meets it.
    Moved,
}

fn hear_again(scan: &Scan, orphan: &Orphan, speaker: &SeenFile) -> Heard {
    let most = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(speaker.path(&scan.root));
    let read = opened.and_then(|file| file.take(most + 1).read_to_end(&mut bytes));
    let (Ok(_), Ok(name)) = (read, speaker.name().parse::<FileName>()) else {
        return Heard::Moved;
    };
    let Ok(chapter) = ssmix2::read(&name, &bytes, &scan.institution) else {
        return Heard::Unreadable;
    };
    match said(&scan.validator, &speaker.stem, &chapter) {
        Ok(saying) if saying.unit == orphan.unit => Heard::Saying(saying),
        Ok(_) => Heard::Moved,
        Err(_) => Heard::Unreadable,
    }
}
