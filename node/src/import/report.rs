//! What an import tells: how far it is, what it did, what it refused.

use std::collections::BTreeMap;

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
    /// SS-MIX2: files and folders of kinds that are not read, by kind.
    pub skipped: BTreeMap<String, u64>,
    /// SS-MIX2: what was odd and read all the same, by oddity and field.
    pub oddities: BTreeMap<String, u64>,
    /// Lines or files that were not taken, this time.
    pub refused: u64,
    /// Lines of the same NDJSON files, or files of the same storage, that are in quarantine in the
    /// end, this time's and earlier ones.
    pub quarantined: u64,
}

/// A line or file that was not taken. Holds no content; the path of an SS-MIX2 file contains the
/// patient's number.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// Bytes, or files, done.
    pub done: u64,
    /// Of how many, where that is known or was so at the last scan.
    pub of: Option<u64>,
}

/// Who hears of an import.
pub trait Watcher: Send + Sync {
    /// Another batch is stored.
    fn reached(&mut self, reached: &Reached<'_>);
    /// A line or file was not taken; it is in quarantine.
    fn refused(&mut self, refusal: &Refusal);
}
