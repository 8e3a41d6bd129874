//! What stands in the house: settings, keys, certificate, database, disk, backups.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use federation_protocol::keys::KeyUse;
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;
use federation_service::checkup::steps::{days_left, free_bytes, host_of, judge_certificate};
use federation_service::checkup::{Checkup, Said};
use federation_service::key_file::{KeyFileError, plain_files};
use federation_service::tls::{TlsError, TlsIdentity};

use super::codes::*;
use super::{Case, FILES};
use crate::config::{Config, ConfigError};
use crate::database::DatabaseError;
use crate::database::backup::Folder;
use crate::database::look::{self, Schema};
use crate::federation::certificates::{CertificateSettings, Certificates};
use crate::federation::directory::Stored;
use crate::keys::{Keys, KeysError};

/// How long the database's first answer may take.
const OPENING: Duration = Duration::from_secs(15);
/// How long its pages are read.
const READING: Duration = Duration::from_secs(30);
/// A backup older than this is no daily one.
const BACKUP_DAYS: i64 = 7;
/// A disk with less is no place for a database, however small it is.
const LEAST_FREE: u64 = 256 << 20;

pub(super) fn settings(file: &Path) -> Result<((Config, MemberId), Said), Said> {
    let config = Config::load(file).map_err(|error| {
        let code = match &error {
            ConfigError::UnknownKey { .. } => CONFIG_UNKNOWN_KEY,
            _ => CONFIG_UNREADABLE,
        };
        Said::code(code).with("reason", &error)
    })?;
    let me: MemberId = config
        .member_urn()
        .parse()
        .map_err(|error| Said::code(CONFIG_UNREADABLE).with("reason", error))?;
    Ok(((config, me), Said::well(file.display())))
}

/// The passphrase, the folder, and every key in it.
pub(super) fn keys(config: &Config) -> Result<(Keys, Said), Said> {
    let folder = config.state_dir.join("keys");
    let passphrase = config
        .passphrase
        .passphrase()
        .map_err(|error| key_file(&error))?;
    let keys = Keys::open(&folder, passphrase).map_err(|error| match &error {
        KeysError::File(error) => key_file(error),
        _ => Said::code(KEYS_MISSING).with("reason", &error),
    })?;
    let said = match keys.signer(KeyUse::Recovery) {
        Some(_) => {
            Said::code(RECOVERY_KEY_HERE).with("path", folder.join("recovery.pem").display())
        }
        None => Said::well(folder.display()),
    };
    Ok((keys, said))
}

/// Whether a stolen copy of the disk is a stolen hospital: keys that no passphrase seals.
pub(super) fn seals(config: &Config) -> Said {
    if !config.passphrase.is_set() {
        return KEYS_WITHOUT_PASSPHRASE.into();
    }
    let tls = [config.federation.tls.key.clone()];
    match plain_files(&config.state_dir.join("keys"), &tls) {
        Err(error) => Said::code(KEYS_MISSING).with("reason", error),
        Ok(plain) => match plain.first() {
            None => Said::well("PBES2"),
            Some(first) => Said::code(KEYS_PLAIN)
                .with("path", first.display())
                .with("number", plain.len()),
        },
    }
}

fn key_file(error: &KeyFileError) -> Said {
    match error {
        KeyFileError::Mode { path, mode, wanted } => keys_mode(path, *mode, *wanted),
        KeyFileError::Malformed(path) => Said::code(KEYS_MALFORMED).with("path", path.display()),
        KeyFileError::NoPassphrase(_)
        | KeyFileError::WrongPassphrase(_)
        | KeyFileError::Passphrase { .. } => Said::code(KEYS_CLOSED).with("reason", error),
        _ => Said::code(KEYS_MISSING).with("reason", error),
    }
}

fn keys_mode(path: &Path, mode: u32, wanted: u32) -> Said {
    Said::code(KEYS_MODE)
        .with("path", path.display())
        .with("mode", format!("{mode:04o}"))
        .with("wanted", format!("{wanted:04o}"))
}

/// What the running node shows: the present certificate, or the next once it is time.
fn shown(
    settings: CertificateSettings,
    stored: Option<&Stored>,
) -> Result<Arc<TlsIdentity>, TlsError> {
    let membership = stored.and_then(|stored| stored.membership.as_deref());
    Ok(Certificates::open(settings, membership)?.shown().now())
}

/// The certificate, also one that has ended: peers are asked with it all the same, so that it is
/// seen what they say.
pub(super) fn certificate(
    settings: CertificateSettings,
    stored: Option<&Stored>,
    endpoint: &str,
    now: Timestamp,
) -> Result<(Arc<TlsIdentity>, Said), Said> {
    let unusable = |error: TlsError| match &error {
        TlsError::Key(error @ KeyFileError::File { .. }) => {
            Said::code(CERTIFICATE_FILE).with("reason", error)
        }
        TlsError::Key(error) => key_file(error),
        TlsError::KeyMismatch => CERTIFICATE_KEY_MISMATCH.into(),
        _ => Said::code(CERTIFICATE_FILE).with("reason", &error),
    };
    let identity = shown(settings, stored).map_err(unusable)?;
    let der = identity.certificate_der().map_err(unusable)?;
    let said = judge_certificate(&der, &host_of(endpoint), now);
    Ok((identity, said))
}

pub(super) async fn database(checkup: &mut Checkup, case: &Case, min_free: Option<u64>) {
    let url = case.config.database.as_str().to_owned();
    let mut bytes = None;
    let mut chain = checkup.chain(None);
    let address = url.clone();
    let looked = chain
        .try_step("database", OPENING, async move {
            let looked = tokio::task::spawn_blocking(move || look::look(&address)).await;
            let looked = looked.map_err(|error| closed(&error))?;
            let looked = looked.map_err(|error| unopened(&error))?;
            let seen = format!("{}, {}", looked.kind.as_str(), mib(looked.bytes));
            Ok((looked, Said::well(seen)))
        })
        .await;
    if let Some(looked) = &looked {
        bytes = Some(looked.bytes);
    }
    let schema = looked.map(|looked| looked.schema);
    chain
        .try_step("database.schema", FILES, async move {
            match schema {
                Some(schema) => Ok(((), said_of(schema))),
                None => Err(closed(&"not looked at")),
            }
        })
        .await;
    if chain.is_broken() {
        chain.not_tried("database.soundness");
    } else {
        chain.note("database.soundness", soundness(url).await);
    }
    checkup.take(chain);
    disk(checkup, case, bytes, min_free).await;
    let (folder, now) = (case.config.backup.folder.clone(), case.clock.now());
    checkup
        .check_blocking("backup", FILES, move || backup(&folder, now))
        .await;
}

fn closed(reason: &dyn std::fmt::Display) -> Said {
    Said::code(DATABASE_CLOSED).with("reason", reason)
}

fn unopened(error: &DatabaseError) -> Said {
    match error {
        DatabaseError::HalfRestored => DATABASE_HALF_RESTORED.into(),
        other => closed(other),
    }
}

fn said_of(schema: Schema) -> Said {
    match schema {
        Schema::Current(newest) => Said::well(newest),
        Schema::Behind(pending) => Said::code(DATABASE_OLDER).with("pending", pending),
        Schema::Newer { found, known } => Said::code(DATABASE_NEWER)
            .with("found", found)
            .with("known", known),
    }
}

/// Reads as much as the time allows: what was not read is no problem yet.
async fn soundness(url: String) -> Said {
    let reading = tokio::task::spawn_blocking(move || look::complaints(&url));
    match tokio::time::timeout(READING, reading).await {
        Ok(Ok(Ok(complaints))) => match complaints.first() {
            None => Said::well("-"),
            Some(first) => Said::code(DATABASE_UNSOUND).with("reason", first),
        },
        Ok(Ok(Err(error))) => Said::code(DATABASE_UNSOUND).with("reason", error),
        Ok(Err(error)) => closed(&error),
        Err(_elapsed) => Said::code(DATABASE_CHECK_UNFINISHED).with("seconds", READING.as_secs()),
    }
}

/// Each disk that the node writes on: room for the database once more, as the backup before an
/// upgrade takes.
async fn disk(checkup: &mut Checkup, case: &Case, bytes: Option<u64>, min_free: Option<u64>) {
    let wanted = min_free.unwrap_or_else(|| bytes.unwrap_or(0).max(LEAST_FREE));
    let config = &case.config;
    let mut folders: BTreeSet<PathBuf> = [
        config.state_dir.clone(),
        config.backup.folder.clone(),
        config.export.folder.clone(),
    ]
    .into();
    folders.extend(look::folder(config.database.as_str()));
    checkup
        .check_blocking("disk", FILES, move || {
            // The tightest has the word.
            let free = folders.iter().filter_map(|folder| {
                let free = free_bytes(folder)?;
                Some((free, folder.clone()))
            });
            free.min().map_or_else(
                || Said::well("-"),
                |(free, folder)| room(free, wanted, &folder),
            )
        })
        .await;
}

fn room(free: u64, wanted: u64, folder: &Path) -> Said {
    let code = if free < wanted {
        DISK_FULL
    } else if free < wanted.saturating_mul(2) {
        DISK_LOW
    } else {
        return Said::well(mib(free));
    };
    Said::code(code)
        .with("folder", folder.display())
        .with("free", mib(free))
        .with("wanted", mib(wanted))
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}

fn backup(folder: &Path, now: Timestamp) -> Said {
    let Some(newest) = Folder::at(folder.to_owned()).newest() else {
        return Said::code(BACKUP_NONE).with("folder", folder.display());
    };
    let days = days_left(now, newest);
    if days > BACKUP_DAYS {
        return Said::code(BACKUP_OLD).with("days", days);
    }
    Said::well(newest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use federation_service::checkup::Verdict;

    #[test]
    fn a_disk_is_full_below_what_is_wanted_and_low_below_twice_as_much() {
        let judged = |free| room(free, 100, Path::new("/")).code;
        assert_eq!(judged(99), DISK_FULL);
        assert_eq!(judged(199), DISK_LOW);
        assert_eq!(judged(200).verdict, Verdict::Well);
    }
}
