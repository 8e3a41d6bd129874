//! The folder that backups gather in: their names, and how many stay.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::super::owner::belongs_to_its_folder;
use super::super::{DatabaseError, Kind, place::Place};
use super::{BackupError, Occasion, manifest};

/// The end of the name of a file that is not whole yet.
pub(super) const PARTIAL: &str = ".partial";

/// Where backups are put when nobody says otherwise.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

/// A backup's name: whose, when (UTC), and why. Sorted by name, those of one member and one reason
/// are sorted by time.
pub(super) struct Name {
    stem: String,
    reason: String,
    ending: &'static str,
}

impl Name {
    fn new(occasion: &Occasion, kind: Kind, reason: String) -> Self {
        let code = occasion.member.rsplit(':').next().unwrap_or_default();
        Self {
            stem: format!("musubi-{code}-{}", occasion.second()),
            reason,
            ending: match kind {
                Kind::Sqlite => ".sqlite",
                Kind::Postgres => ".pgdump",
            },
        }
    }

    fn asked_for(occasion: &Occasion, kind: Kind) -> Self {
        Self::new(occasion, kind, String::new())
    }

    /// The name of a backup before a change of tables that stand at schema `newest`.
    pub(super) fn before_change(occasion: &Occasion, kind: Kind, newest: &str) -> Self {
        Self::new(occasion, kind, format!("-before-change-of-{newest}"))
    }

    fn text(&self) -> String {
        format!("{}{}{}", self.stem, self.reason, self.ending)
    }

    /// Whether `other` was made by the same member for the same reason, whatever the schema.
    fn is_like(&self, other: &str) -> bool {
        let length = self.stem.len();
        let of_member = self.stem.rsplit_once('-').map_or("", |(member, _)| member);
        let (Some(stem), Some(rest)) = (other.get(..length), other.get(length..)) else {
            return false;
        };
        let Some(reason) = rest.strip_suffix(self.ending) else {
            return false;
        };
        stem.rsplit_once('-')
            .is_some_and(|(member, _)| member == of_member)
            && reason.is_empty() == self.reason.is_empty()
            && (reason.is_empty() || reason.starts_with("-before-change-of-"))
    }
}

impl Folder {
    /// The folder at `path`; it need not be there yet.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes it, for its owner alone, if it is not there.
    ///
    /// # Errors
    /// `File`.
    pub fn prepare(&self) -> Result<(), BackupError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)
            .map_err(|error| BackupError::file(&self.0, error))?;
        belongs_to_its_folder(&self.0);
        Ok(())
    }

    /// A file here for a backup that somebody asked for, of the database at `url`.
    ///
    /// # Errors
    /// `Database` when the URL is of neither kind.
    pub fn new_file(&self, url: &str, occasion: &Occasion) -> Result<PathBuf, DatabaseError> {
        Ok(self.file(&Name::asked_for(occasion, Place::of(url)?.kind())))
    }

    /// When the newest whole backup here was made, by its manifest; `None` where there is none.
    #[must_use]
    pub fn newest(&self) -> Option<federation_protocol::time::Timestamp> {
        let listed = fs::read_dir(&self.0).ok()?;
        let files = listed.filter_map(|entry| Some(entry.ok()?.path()));
        let whole = files.filter(|file| {
            let ending = file.extension().and_then(|ending| ending.to_str());
            matches!(ending, Some("sqlite" | "pgdump"))
        });
        let made = whole.filter_map(|file| manifest::Manifest::read_beside(&file).ok());
        made.map(|manifest| manifest.made_at).max()
    }

    pub(super) fn file(&self, name: &Name) -> PathBuf {
        self.0.join(name.text())
    }

    /// Removes the oldest backups that this member asked for here, but `keep` of them. Those that
    /// lie here under other names, and those made before a change of tables, are not looked at.
    ///
    /// # Errors
    /// `File`.
    pub fn keep_newest_asked_for(
        &self,
        url: &str,
        occasion: &Occasion,
        keep: usize,
    ) -> Result<(), BackupError> {
        self.keep_newest(&Name::asked_for(occasion, Place::of(url)?.kind()), keep)
    }

    /// Removes the oldest of those like `name`, but `keep` of them, and what broke off.
    pub(super) fn keep_newest(&self, name: &Name, keep: usize) -> Result<(), BackupError> {
        let listed = fs::read_dir(&self.0).map_err(|error| BackupError::file(&self.0, error))?;
        let names = listed.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut whole = Vec::new();
        for file in names {
            match file.strip_suffix(PARTIAL) {
                Some(partial) if name.is_like(partial) => remove_if_broken_off(&self.0.join(&file)),
                None if name.is_like(&file) => whole.push(file),
                _ => {}
            }
        }
        whole.sort_unstable();
        let too_many = whole.len().saturating_sub(keep);
        for file in whole.iter().take(too_many) {
            remove(&self.0.join(file))?;
        }
        Ok(())
    }
}

/// The file first: a manifest without its backup misleads nobody.
fn remove(file: &Path) -> Result<(), BackupError> {
    fs::remove_file(file).map_err(|error| BackupError::file(file, error))?;
    drop(fs::remove_file(manifest::beside(file)));
    Ok(())
}

/// Whoever still writes it holds a lock on it.
fn remove_if_broken_off(partial: &Path) {
    if File::open(partial).is_ok_and(|file| file.try_lock().is_ok()) {
        drop(fs::remove_file(partial));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use federation_protocol::time::Timestamp;

    use super::*;

    fn occasion(second: i64) -> Occasion {
        Occasion {
            member: "urn:musubi:member:x-minato-2".into(),
            at: Timestamp::from_unix_seconds(1_782_864_000 + second),
        }
    }

    #[test]
    fn the_name_says_whose_when_and_why() {
        let name = Name::asked_for(&occasion(1), Kind::Sqlite);
        assert_eq!(name.text(), "musubi-x-minato-2-20260701T000001Z.sqlite");
        let before = Name::before_change(&occasion(1), Kind::Postgres, "0004");
        assert_eq!(
            before.text(),
            "musubi-x-minato-2-20260701T000001Z-before-change-of-0004.pgdump"
        );
    }

    #[test]
    fn only_the_oldest_of_the_same_member_and_reason_go() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = Folder::at(scratch.path().join("backups"));
        folder.prepare().unwrap();
        let others = [
            "hand-made.sqlite".to_owned(),
            "musubi-x-minato-20260601T000001Z.sqlite".to_owned(),
            Name::asked_for(&occasion(0), Kind::Postgres).text(),
            Name::before_change(&occasion(0), Kind::Sqlite, "0004").text(),
        ];
        let ours = [3, 1, 2].map(|second| Name::asked_for(&occasion(second), Kind::Sqlite).text());
        for name in others.iter().chain(&ours) {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        let broken_off = Name::asked_for(&occasion(0), Kind::Sqlite).text() + PARTIAL;
        fs::write(folder.path().join(&broken_off), "x").unwrap();

        let newest = Name::asked_for(&occasion(3), Kind::Sqlite);
        folder.keep_newest(&newest, 2).unwrap();

        let there = |name: &str| folder.path().join(name).exists();
        assert!(others.iter().all(|name| there(name)));
        assert_eq!(ours.map(|name| there(&name)), [true, false, true]);
        assert!(!there(&broken_off));
    }
}
