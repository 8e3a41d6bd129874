//! The state folder: what stands where, and whose it is.
//!
//! `three-hospitals.json` marks the folder as ours: only a folder that carries it is ever cleared.
//! `lock` is held (flock) while a town runs. Folders: `registry/`, `operator/`, one per hospital, `phones/`,
//! `tokens/`, `people/`, `logs/`. `run.json` says how to reach the running town.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use crate::town::{Hospital, Person};
use crate::trouble::Trouble;

const MARK: &str = "three-hospitals.json";

/// The state folder of one town.
#[derive(Clone)]
pub(crate) struct Layout {
    root: PathBuf,
}

/// Held while a town runs in this folder.
pub(crate) struct Lock(#[expect(dead_code, reason = "the lock ends when it is dropped")] File);

impl Layout {
    /// The folder at `root`, absolute.
    pub(crate) fn at(root: &Path) -> Result<Self, Trouble> {
        let root = std::path::absolute(root).map_err(|error| Trouble::file(root, &error))?;
        Ok(Self { root })
    }

    /// Takes the folder for a new town: clears what an earlier one left, never a folder of
    /// someone else's, never one in use.
    pub(crate) fn take(&self) -> Result<Lock, Trouble> {
        if self.occupied_by_others()? {
            return Err(Trouble::new(
                format!(
                    "{} holds files that are not this program's",
                    self.root.display()
                ),
                "choose an empty or new folder with --state",
            ));
        }
        make_private(&self.root)?;
        let lock = self.lock()?.ok_or_else(|| {
            Trouble::new(
                format!("three hospitals already run in {}", self.root.display()),
                "use `three-hospitals ask|kill|revive` with them, end them with Ctrl-C, or choose \
                 another folder with --state and other ports with --port-base",
            )
        })?;
        for entry in fs::read_dir(&self.root).map_err(|error| Trouble::file(&self.root, &error))? {
            let path = entry
                .map_err(|error| Trouble::file(&self.root, &error))?
                .path();
            if path.ends_with("lock") || path.ends_with(MARK) {
                continue;
            }
            let removed = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            removed.map_err(|error| Trouble::file(&path, &error))?;
        }
        write_private(&self.root.join(MARK), "{\"three-hospitals\":1}\n")?;
        for folder in [
            "operator",
            "descriptions",
            "people",
            "phones",
            "tokens",
            "logs",
        ] {
            make_private(&self.root.join(folder))?;
        }
        Ok(Lock(lock))
    }

    fn occupied_by_others(&self) -> Result<bool, Trouble> {
        if self.root.join(MARK).exists() || !self.root.exists() {
            return Ok(false);
        }
        let mut entries =
            fs::read_dir(&self.root).map_err(|error| Trouble::file(&self.root, &error))?;
        Ok(entries.any(|entry| entry.is_ok_and(|entry| entry.file_name() != "lock")))
    }

    /// The lock, or none when another process holds it.
    fn lock(&self) -> Result<Option<File>, Trouble> {
        let path = self.root.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| Trouble::file(&path, &error))?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file)),
            Err(_held) => Ok(None),
        }
    }

    /// Whether a town runs here now.
    pub(crate) fn running(&self) -> bool {
        self.run_file().exists() && matches!(self.lock(), Ok(None))
    }

    pub(crate) fn run_file(&self) -> PathBuf {
        self.root.join("run.json")
    }

    pub(crate) fn ready_file(&self) -> PathBuf {
        self.root.join("ready.json")
    }

    pub(crate) fn registry(&self) -> PathBuf {
        self.root.join("registry")
    }

    /// The key that signs members' entries: the operator's, never in the registry's folder.
    pub(crate) fn approver_key(&self) -> PathBuf {
        self.root.join("operator").join("approver.pem")
    }

    pub(crate) fn hospital(&self, hospital: &Hospital) -> PathBuf {
        self.root.join(hospital.id)
    }

    pub(crate) fn node_config(&self, hospital: &Hospital) -> PathBuf {
        self.hospital(hospital).join("node.toml")
    }

    pub(crate) fn description(&self, hospital: &Hospital) -> PathBuf {
        self.root
            .join("descriptions")
            .join(format!("{}.json", hospital.id))
    }

    pub(crate) fn people(&self) -> PathBuf {
        self.root.join("people")
    }

    pub(crate) fn phone(&self, person: &Person) -> PathBuf {
        self.root.join("phones").join(format!("{}.json", person.id))
    }

    /// The bearer token of `whom` (`minato-physician`, `hana`).
    pub(crate) fn token(&self, whom: &str) -> PathBuf {
        self.root.join("tokens").join(whom)
    }

    pub(crate) fn log(&self, whose: &str) -> PathBuf {
        self.root.join("logs").join(format!("{whose}.log"))
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }
}

/// Makes a folder that only this user can enter.
pub(crate) fn make_private(folder: &Path) -> Result<(), Trouble> {
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder);
    made.map_err(|error| Trouble::file(folder, &error))
}

/// Writes a file that only this user can read, whole or not at all.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), Trouble> {
    let draft = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&draft, path)
    };
    write().map_err(|error| Trouble::file(path, &error))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn what_an_earlier_town_left_is_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::at(&folder.path().join("town")).unwrap();
        drop(layout.take().unwrap());
        fs::write(layout.token("minato-physician"), "old").unwrap();
        let _lock = layout.take().unwrap();
        assert!(!layout.token("minato-physician").exists());
        assert!(layout.log("minato").parent().unwrap().is_dir());
    }

    #[test]
    fn a_folder_of_someone_elses_is_never_cleared() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.txt"), "years").unwrap();
        let layout = Layout::at(folder.path()).unwrap();
        assert!(layout.take().is_err());
        assert!(folder.path().join("thesis.txt").exists());
    }

    #[test]
    fn two_towns_never_share_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::at(folder.path()).unwrap();
        let _lock = layout.take().unwrap();
        assert!(
            layout
                .take()
                .err()
                .unwrap()
                .to_string()
                .contains("already run")
        );
    }
}
