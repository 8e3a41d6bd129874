//! `musubi-node backup`: copies of the database, whether they are whole, and the way back.

use federation_service::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use super::cli::Output;
use super::cli::upkeep::{BackupCommand, BackupCreateArgs, BackupRestoreArgs, BackupVerifyArgs};
use super::failure::{Exit, Failure};
use super::output::{self, line, note, progress};
use super::{database_failure, settings};
use crate::config::Config;
use crate::database::DatabaseError;
use crate::database::backup::{
    self, BackupError, Folder, Manifest, Occasion, Overwrite, Progress, Restored,
};

/// How the file system knows that nobody works on the database.
const STOP_IT: &str = "stop the node (systemctl stop musubi-node) and every command, then again";

pub(super) fn backup(command: &BackupCommand) -> Result<(), Failure> {
    match command {
        BackupCommand::Create(args) => create(args),
        BackupCommand::Verify(args) => verify(args),
        BackupCommand::Restore(args) => restore(args),
    }
}

fn create(args: &BackupCreateArgs) -> Result<(), Failure> {
    let config = settings(&args.node)?;
    let occasion = occasion(&config);
    let url = config.database.as_str();
    let folder = Folder::at(config.backup.folder.clone());
    let file = match &args.out {
        None => folder
            .prepare()
            .and_then(|()| Ok(folder.new_file(url, &occasion)?)),
        Some(out) if out.is_dir() => Folder::at(out.clone())
            .new_file(url, &occasion)
            .map_err(Into::into),
        Some(out) => Ok(out.clone()),
    };
    let made = file
        .and_then(|file| backup::create(url, &file, &occasion, &mut |done| told("copied", done)))
        .map_err(|error| failure(&error))?;
    progress("");
    if args.out.is_none() {
        folder
            .keep_newest_asked_for(url, &occasion, config.backup.keep)
            .map_err(|error| failure(&error))?;
    }
    let file = made.file.display().to_string();
    match args.output.output {
        Output::Json => output::json(&with(&made.manifest, "file", json!(file))),
        Output::Table => {
            line(&file);
            note(&format!(
                "next: keep it and {file}.json on another machine too; the keys in {} and the \
                 settings are not in it: keep copies of them elsewhere",
                config.state_dir.join("keys").display()
            ));
            Ok(())
        }
    }
}

fn verify(args: &BackupVerifyArgs) -> Result<(), Failure> {
    let looked = backup::verify(&args.file, &mut |done| told("read", done));
    progress("");
    let looked = looked.map_err(|error| failure(&error))?;
    match args.output.output {
        Output::Json => {
            output::json(&with(&looked.manifest, "problems", json!(looked.problems)))?;
        }
        Output::Table if looked.problems.is_empty() => {
            line(&format!("ok: {}", described(&looked.manifest)));
        }
        Output::Table => looked.problems.iter().for_each(|problem| line(problem)),
    }
    if looked.problems.is_empty() {
        Ok(())
    } else {
        Err(failure(&BackupError::Unsound(looked.problems)))
    }
}

fn restore(args: &BackupRestoreArgs) -> Result<(), Failure> {
    let config = settings(&args.node)?;
    let overwrite = match args.force {
        true => Overwrite::PutAside,
        false => Overwrite::Refuse,
    };
    let (url, occasion) = (config.database.as_str(), occasion(&config));
    let restored = backup::restore(url, &args.file, &occasion, overwrite, &mut |done| {
        told("read", done);
    });
    progress("");
    let Restored { manifest, aside } = restored.map_err(|error| failure(&error))?;
    match args.output.output {
        Output::Json => output::json(&with(&manifest, "aside", json!(aside)))?,
        Output::Table => line(&format!("restored: {}", described(&manifest))),
    }
    if let Some(aside) = aside {
        note(&format!(
            "the former database is now {aside}; it holds health records: remove it once it is \
             not needed"
        ));
    }
    note(&format!(
        "next: start the node; it refuses peers for 180 seconds from now on. What was decided after \
         {} is lost: consents withdrawn since then must be withdrawn again",
        manifest.made_at
    ));
    Ok(())
}

fn occasion(config: &Config) -> Occasion {
    Occasion {
        member: config.member_urn(),
        at: SystemClock.now(),
    }
}

fn described(manifest: &Manifest) -> String {
    let rows: i64 = manifest.tables.values().sum();
    format!(
        "{}, {} of {}, schema {}, {} rows in {} tables",
        manifest.member,
        manifest.kind.as_str(),
        manifest.made_at,
        manifest.schema.last().map_or("-", String::as_str),
        rows,
        manifest.tables.len()
    )
}

fn with(manifest: &Manifest, key: &str, value: Value) -> Value {
    let mut all = manifest.to_json();
    if let Value::Object(members) = &mut all {
        members.insert(key.to_owned(), value);
    }
    all
}

fn told(word: &str, Progress { done, of }: Progress) {
    let mib = |bytes: u64| bytes >> 20;
    match of {
        Some(of) => progress(&format!("{word} {} of about {} MiB", mib(done), mib(of))),
        None => progress(&format!("{word} {} MiB", mib(done))),
    }
}

/// What happened, and what to do next.
pub(super) fn failure(error: &BackupError) -> Failure {
    let (exit, next) = match error {
        BackupError::Database(DatabaseError::InUse) => (Exit::TryAgain, STOP_IT),
        BackupError::Database(error) => return database_failure(error),
        BackupError::Exists(_) => (Exit::Failure, "choose another --out: none is written over"),
        BackupError::NoSpace { .. } => (
            Exit::Failure,
            "make room there, or name another folder with --out or backup.dir",
        ),
        BackupError::NoTool(_) => (Exit::Failure, "apt-get install postgresql-client"),
        BackupError::ToolFailed { .. } => (
            Exit::Failure,
            "the program must not be older than the server, and the user must own the tables",
        ),
        BackupError::Manifest { .. } => (
            Exit::CheckFailed,
            "the manifest FILE.json belongs beside the backup: bring both",
        ),
        BackupError::Unsound(_) => (Exit::CheckFailed, "take another backup, or another copy"),
        BackupError::OtherKind { .. } | BackupError::OtherMember { .. } => (
            Exit::Config,
            "take this node's backup, or mend the settings",
        ),
        BackupError::NotEmpty => (
            Exit::Failure,
            "give --force: what is there is then put aside, not removed",
        ),
        BackupError::NotPutBack { .. } => (
            Exit::Failure,
            "give that schema its former name again, or restore again with --force",
        ),
        BackupError::File { .. } => (
            Exit::Failure,
            "check that the path exists and that this user may read and write it",
        ),
    };
    Failure::new(exit, error, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_runs_is_to_be_stopped_and_a_newer_schema_is_not_tried_again() {
        let in_use = failure(&BackupError::Database(DatabaseError::InUse));
        assert_eq!(in_use.exit.code(), 75);
        assert!(in_use.next.contains("systemctl stop"));
        let newer = failure(&BackupError::Database(DatabaseError::Newer {
            found: "9999".into(),
            known: "0010".into(),
        }));
        assert_eq!(newer.exit.code(), 78);
        let damaged = failure(&BackupError::Unsound(vec!["x".into()]));
        assert_eq!(damaged.exit.code(), 3);
        let file = failure(&BackupError::Exists("/b".into()));
        assert_eq!(file.exit.code(), 1);
    }
}
