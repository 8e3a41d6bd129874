//! The hospital's data as a file: written as it is made, read line by line, never all in memory.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;

use tempfile::TempDir;
use town_generator::{Enough, Order};

/// One hospital of the town, as NDJSON.
pub(crate) struct Source {
    folder: TempDir,
    /// Lines.
    pub(crate) resources: u64,
    /// Of the file.
    pub(crate) bytes: u64,
}

impl Source {
    /// Writes the first of three hospitals, with charts until it has `resources`.
    pub(crate) fn write(resources: u64) -> Self {
        eprintln!("records-bench: writing {resources} resources …");
        let folder = tempfile::tempdir().unwrap();
        let order = Order {
            seed: 1,
            enough: Enough::Resources(resources),
            hospitals: 3,
            only: Some(1),
        };
        let tally = order.to_folder(folder.path(), &mut |_| {}).unwrap();
        Self {
            folder,
            resources: tally.resources,
            bytes: tally.bytes,
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("hospital-00001.ndjson")
    }

    /// One resource each.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        let file = BufReader::new(File::open(self.path()).unwrap());
        file.lines().map(|line| line.unwrap())
    }
}
