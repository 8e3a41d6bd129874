//! A hospital's NDJSON: synthetic charts, some of them corrected further down, and lines that are
//! none.

use std::fmt::Write as _;
use std::path::PathBuf;

use tempfile::TempDir;
use town_generator::{Enough, Order};

use super::in_folder;

/// At least; the corrections come on top.
const RESOURCES: u64 = 5_000;
/// A line is corrected so many lines later: in the same commit, and in the next but one.
const CORRECTED_LATER: [usize; 2] = [7, 900];

pub(super) struct Lines {
    _folder: TempDir,
    path: PathBuf,
}

impl Lines {
    pub(super) fn write() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let order = Order {
            seed: 7,
            enough: Enough::Resources(RESOURCES),
            hospitals: 1,
            only: Some(1),
        };
        order.to_folder(folder.path(), &mut |_| {}).unwrap();
        let path = in_folder(&folder, "hospital-00001.ndjson");
        let made = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, disturbed(&made)).unwrap();
        Self {
            _folder: folder,
            path,
        }
    }

    pub(super) fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }
}

/// The same lines with corrections of some among them, and some that are refused.
fn disturbed(made: &str) -> String {
    let lines: Vec<&str> = made.lines().collect();
    let mut all = String::new();
    for (number, line) in lines.iter().enumerate() {
        writeln!(all, "{line}").unwrap();
        for later in CORRECTED_LATER {
            let before = number.checked_sub(later).filter(|before| before % 5 == 0);
            if let Some(line) = before.and_then(|before| corrected(lines[before])) {
                writeln!(all, "{line}").unwrap();
            }
        }
        match number % 307 {
            17 => writeln!(all, "{}", &line[..line.len() / 2]).unwrap(),
            120 => writeln!(all, "{{\"resourceType\":\"Unicorn\",\"id\":\"u{number}\"}}").unwrap(),
            200 => writeln!(all, "  \n[1, 2, 3]").unwrap(),
            _ => {}
        }
    }
    all
}

/// A result, amended.
fn corrected(line: &str) -> Option<String> {
    let amended = line.replacen("\"status\":\"final\"", "\"status\":\"amended\"", 1);
    (amended != line).then_some(amended)
}
