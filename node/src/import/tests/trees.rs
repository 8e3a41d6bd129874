//! Storage trees as hospitals write them.

use std::path::{Path, PathBuf};

/// A storage tree of one hospital.
pub(super) struct Storage {
    folder: tempfile::TempDir,
}

/// A file of it: what it is about, and where it lies without its flag.
#[derive(Clone)]
pub(super) struct Filed {
    kind: &'static str,
    stem: String,
    patient: &'static str,
    date: &'static str,
}

pub(super) const PATIENT: &str = "00079013";

impl Filed {
    /// Of 雪見 花, undated or of the first of April; `second` tells files of one order apart.
    pub(super) fn of(kind: &'static str, second: u8) -> Self {
        Self::about(PATIENT, kind, second)
    }

    pub(super) fn about(patient: &'static str, kind: &'static str, second: u8) -> Self {
        let undated = matches!(kind, "ADT-00" | "ADT-61" | "PPR-01");
        let date = if undated { "-" } else { "20260401" };
        let order = "000000011000354";
        Self {
            kind,
            stem: format!("{patient}_{date}_{kind}_{order}_202604011030{second:02}000_-"),
            patient,
            date,
        }
    }

    /// With 14 digits of its time in its name, as some systems write it.
    pub(super) fn told_to_the_second(self) -> Self {
        let stem = self.stem.replace("000_-", "_-");
        Self { stem, ..self }
    }
}

impl Storage {
    pub(super) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(super) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn place(&self, file: &Filed, flag: u8) -> PathBuf {
        let Filed {
            kind,
            stem,
            patient,
            date,
        } = file;
        let (first, second) = (&patient[..3], &patient[3..6]);
        let folder = format!("{first}/{second}/{patient}/{date}/{kind}");
        self.root().join(folder).join(format!("{stem}_{flag}"))
    }

    /// Writes a message with flag 1.
    pub(super) fn write(&self, file: &Filed, event: &str, lines: &[&str]) {
        self.write_about(file.patient, file, event, lines);
    }

    /// Writes a message whose PID is about `patient`.
    pub(super) fn write_about(&self, patient: &str, file: &Filed, event: &str, lines: &[&str]) {
        let head = format!("MSH|^~\\&|HIS|MINATO|GW|RCV|20260401103059||{event}|1|P|2.5");
        let pid = format!("PID|0001||{patient}^^^^PI||YUKIMI^HANA^^^^^L^P||19750828|F");
        let all = [head.as_str(), pid.as_str()];
        let all = all.iter().chain(lines).map(|line| format!("{line}\r"));
        let path = self.place(file, 1);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, all.collect::<String>()).unwrap();
    }

    /// Writes a message with flag 1 that holds a sign of the hospital's own making.
    pub(super) fn write_unreadable(&self, file: &Filed, event: &str) {
        self.write(file, event, &[]);
        let place = self.place(file, 1);
        let mut bytes = std::fs::read(&place).unwrap();
        bytes.extend_from_slice(b"NTE|1||\x1b$B\x7f\x21\x1b(B\r");
        std::fs::write(place, bytes).unwrap();
    }

    pub(super) fn rename(&self, file: &Filed, from: u8, to: u8) {
        std::fs::rename(self.place(file, from), self.place(file, to)).unwrap();
    }
}

pub(super) const ADMISSION: &str =
    "PV1|0001|I|10E^5^3^^^N||||0012|||01|||||||0013|||||||||||||||||||||||||||20260401140000";

/// One diagnosis of a list, by its number and code.
pub(super) fn problem(number: &str, code: &str) -> String {
    format!("PRB|AD|20260401|{code}^DISEASE^MDCDX2|{number}|||20260401")
}
