//! What an import tells: how far it is, what it did, what it refused.

use std::collections::BTreeMap;

/// So many kinds of faults are told apart: their words come from the file.
const FAULTS: usize = 1_000;

/// What an import has done so far, and in the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Files read.
    pub files: u64,
    /// Files that were left: seen before and still the same, or taken before.
    pub left: u64,
    /// Lines read, of NDJSON.
    pub lines: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Resources that were not here before.
    pub created: u64,
    /// Resources of which there is a new version.
    pub updated: u64,
    /// Resources that said nothing new.
    pub unchanged: u64,
    /// Resources that the source no longer has.
    pub deleted: u64,
    /// What was created, updated or found unchanged, by the first profile that it claims; by its
    /// type where it claims none.
    pub profiles: BTreeMap<String, u64>,
    /// Of the created and updated, those that do not conform and were taken all the same, by profile
    /// and first fault.
    pub not_conforming: BTreeMap<String, u64>,
    /// SS-MIX2: files and folders of kinds that are not read, by kind.
    pub skipped: BTreeMap<String, u64>,
    /// SS-MIX2: what was odd and read all the same, by oddity and field.
    pub oddities: BTreeMap<String, u64>,
    /// SS-MIX2: units whose file was replaced by one that could not be read. What they put in stays
    /// until that file is mended, or the old one is deleted.
    pub waiting: u64,
    /// Lines or files that were not taken, this time.
    pub refused: u64,
    /// Lines of the same NDJSON files, or files of the same storage, that are in quarantine in the
    /// end, this time's and earlier ones.
    pub quarantined: u64,
}

/// A line or file that was not taken. Holds no content; the path of an SS-MIX2 file contains the
/// patient's number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// The file, `-` for standard input; of SS-MIX2 `ss-mix2 ` and the institution's number.
    pub source: String,
    /// `line 7`; `file` as a whole; of SS-MIX2 the path below the root, without the flag.
    pub place: String,
    /// Why, for counting.
    pub reason: String,
    /// Where in it, or more about the reason; may be empty.
    pub detail: String,
}

/// How far an import is.
#[derive(Debug)]
pub struct Reached<'r> {
    /// What is stored.
    pub report: &'r Report,
    /// Bytes or files done; of a tree that was never walked before, millionths.
    pub done: u64,
    /// How many of these were done before this import began.
    pub given: u64,
    /// Of how many, where that is known or was so at the last scan.
    pub of: Option<u64>,
}

impl Report {
    /// How many of the created and updated do not conform.
    #[must_use]
    pub fn not_conforming(&self) -> u64 {
        self.not_conforming.values().sum()
    }

    /// Counts one that was taken although it does not conform.
    pub(super) fn find_fault(&mut self, fault: &str) {
        let known = self.not_conforming.contains_key(fault);
        let told = match known || self.not_conforming.len() < FAULTS {
            true => fault,
            false => "others",
        };
        *self.not_conforming.entry(told.to_owned()).or_default() += 1;
    }
}

/// Who hears of an import.
pub trait Watcher: Send + Sync {
    /// Another batch is stored.
    fn reached(&mut self, reached: &Reached<'_>);
    /// A line or file was not taken; it is in quarantine.
    fn refused(&mut self, refusal: &Refusal);
}
