//! A storage tree as a hospital's gateway writes it, and as it stands after a busy hour: orders
//! replaced, discharges taken back, files mended. The synthetic tree beside the project is part of
//! it, where it is.

use std::path::PathBuf;

use flate2::read::GzDecoder;
use scenarios::town::workspace;
use tempfile::TempDir;

use super::in_folder;

/// Each has five files: some commits' worth.
const PATIENTS: usize = 500;

pub(super) struct Tree {
    _folder: TempDir,
    root: PathBuf,
}

/// A file of the tree.
struct Filed {
    patient: String,
    kind: &'static str,
    second: u8,
}

impl Tree {
    pub(super) fn write() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = workspace().join("../shared/data/ssmix2/synthetic-tree.tgz");
        if let Ok(packed) = std::fs::File::open(data) {
            let mut unpacked = tar::Archive::new(GzDecoder::new(packed));
            unpacked.unpack(folder.path()).unwrap();
        }
        let root = in_folder(&folder, "ssmixtwins-synthetic");
        let tree = Self {
            _folder: folder,
            root,
        };
        for number in 0..PATIENTS {
            tree.admit(number);
        }
        tree
    }

    pub(super) fn root(&self) -> &str {
        self.root.to_str().unwrap()
    }

    fn admit(&self, number: usize) {
        let file = |kind, second| Filed::of(number, kind, second);
        // What is about somebody else is refused.
        let about = if number.is_multiple_of(50) {
            number + 1
        } else {
            number
        };
        self.message(&file("ADT-00", 0), about, "ADT^A08", &[]);
        let problems = [problem("P1", "1"), problem("P2", "2")];
        self.message(&file("PPR-01", 0), number, "PPR^ZD1", &problems);
        self.message(
            &file("ADT-22", 1),
            number,
            "ADT^A01",
            &[ADMISSION.to_owned()],
        );
        let ended = format!("{ADMISSION}|20260401160000");
        self.message(&file("ADT-52", 2), number, "ADT^A03", &[ended]);
        self.message(&file("ADT-61", 3), number, "ADT^A60", &[ALLERGY.to_owned()]);
    }

    /// An hour later.
    pub(super) fn change(&self) {
        for number in 0..PATIENTS {
            let file = |kind, second| Filed::of(number, kind, second);
            if number.is_multiple_of(2) {
                self.rename(&file("PPR-01", 0), 1, 2);
                let problems = [problem("P2", "2"), problem("P3", "3")];
                self.message(&file("PPR-01", 1), number, "PPR^ZD1", &problems);
            }
            if number.is_multiple_of(3) {
                self.rename(&file("ADT-52", 2), 1, 0);
            }
            if number.is_multiple_of(5) {
                // Written again; of some of those that were refused, about the right one.
                let about = if number.is_multiple_of(100) {
                    number + 1
                } else {
                    number
                };
                self.message(
                    &file("ADT-00", 0),
                    about,
                    "ADT^A08",
                    &["ZZZ|again".to_owned()],
                );
            }
        }
    }

    fn place(&self, file: &Filed, flag: u8) -> PathBuf {
        let Filed {
            patient,
            kind,
            second,
        } = file;
        let date = match *kind {
            "ADT-22" | "ADT-52" => "20260401",
            _ => "-",
        };
        let folder = format!(
            "{}/{}/{patient}/{date}/{kind}",
            &patient[..3],
            &patient[3..6]
        );
        let stem = format!("{patient}_{date}_{kind}_000000011000354_202604011030{second:02}000_-");
        self.root.join(folder).join(format!("{stem}_{flag}"))
    }

    /// Writes a message with flag 1.
    fn message(&self, file: &Filed, about: usize, event: &str, lines: &[String]) {
        let about = patient(about);
        let head = format!("MSH|^~\\&|HIS|MINATO|GW|RCV|20260401103059||{event}|1|P|2.5\r");
        let pid = format!("PID|0001||{about}^^^^PI||YUKIMI^HANA^^^^^L^P||19750828|F\r");
        let lines: String = lines.iter().map(|line| format!("{line}\r")).collect();
        let path = self.place(file, 1);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, head + &pid + &lines).unwrap();
    }

    fn rename(&self, file: &Filed, from: u8, to: u8) {
        std::fs::rename(self.place(file, from), self.place(file, to)).unwrap();
    }
}

impl Filed {
    fn of(number: usize, kind: &'static str, second: u8) -> Self {
        Self {
            patient: patient(number),
            kind,
            second,
        }
    }
}

fn patient(number: usize) -> String {
    format!("9{number:07}")
}

const ADMISSION: &str =
    "PV1|0001|I|10E^5^3^^^N||||0012|||01|||||||0013|||||||||||||||||||||||||||20260401140000";
const ALLERGY: &str = "IAM|1|DA^^HL70127|0001^PENICILLIN^99XYZ||||||||||20260401";

/// One diagnosis of a list, by its number and code.
fn problem(number: &str, code: &str) -> String {
    format!("PRB|AD|20260401|{code}^DISEASE^MDCDX2|{number}|||20260401")
}
