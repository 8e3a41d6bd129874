//! Units whose file was renamed away, once every file of the tree was seen: the next file that
//! speaks for the unit takes its place; where there is none, what the unit put in is deleted.

use std::io::Read as _;
use std::ops::Bound;

use ssmix2::{FileName, MAX_FILE_BYTES};

use super::deed::Deed;
use super::seen::SeenFile;
use super::tree::{Scan, said};
use super::unit::Saying;
use super::{ImportError, Run, store};

/// Units of one commit.
const PAGE: usize = 100;

/// A unit that lost its file, and the files that still speak for it, the first to be heard first.
struct Orphan {
    unit: String,
    speakers: Vec<SeenFile>,
}

pub(super) async fn settle(scan: &mut Scan, run: &mut Run<'_>) -> Result<(), ImportError> {
    let mut after = String::new();
    loop {
        let orphans = orphans(scan, run, after).await?;
        let Some(last) = orphans.last() else {
            return Ok(());
        };
        after = last.unit.clone();
        let deeds = orphans.iter().filter_map(|orphan| verdict(scan, orphan));
        let deeds = deeds.collect();
        scan.commit(run, deeds).await?;
    }
}

/// The next units that lost their file. A rehearsal has stored none of them: it remembers.
async fn orphans(scan: &Scan, run: &Run<'_>, after: String) -> Result<Vec<Orphan>, ImportError> {
    let institution = scan.institution.clone();
    let rehearsed: Option<Vec<String>> = run.rehearses().then(|| {
        let beyond = (Bound::Excluded(after.clone()), Bound::Unbounded);
        let silent = scan.rehearsed.silent.range(beyond).take(PAGE);
        silent.cloned().collect()
    });
    let listed = move |connection: &mut _| {
        let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
        let units = match &rehearsed {
            Some(units) => units.clone(),
            None => store::orphans(connection, &institution, &after, limit)?,
        };
        let with_speakers = units.into_iter().map(|unit| {
            let speakers = store::speakers(connection, &institution, &unit)?;
            Ok(Orphan { unit, speakers })
        });
        with_speakers.collect::<Result<Vec<_>, crate::database::DatabaseError>>()
    };
    let mut orphans = run.import.database.read(listed).await?;
    for orphan in &mut orphans {
        let speakers = &mut orphan.speakers;
        speakers.retain(|file| !scan.rehearsed.gone.contains(&file.stem));
    }
    Ok(orphans)
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
