//! What stands in the house: settings, disk, online keys, certificate, the listener.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use federation_protocol::directory::{DocumentKind, Root};
use federation_protocol::time::Timestamp;
use federation_service::checkup::steps::{STEP, host_of, judge_certificate};
use federation_service::checkup::{Checkup, Said};
use federation_service::key_file::{self, KeyFileError};
use federation_service::outbound::probe::Target;
use federation_service::tls::{TlsError, TlsIdentity};

use super::FILES;
use super::codes::*;
use crate::config::KeyFolder;
use crate::config::{Config, ConfigError};
use crate::directory::{OnlineKeys, read_online_key};

/// A disk with less is no place for a database, however small it is.
const LEAST_FREE: u64 = 256 << 20;

pub(super) fn settings(file: &Path) -> Result<(Config, Said), Said> {
    let config = Config::load(file).map_err(|error| {
        let code = match &error {
            ConfigError::UnknownKey { .. } => CONFIG_UNKNOWN_KEY,
            _ => CONFIG_UNREADABLE,
        };
        Said::code(code).with("reason", &error)
    })?;
    Ok((config, Said::well(file.display())))
}

pub(super) async fn disk(checkup: &mut Checkup, config: &Config, min_free: Option<u64>) {
    let folder = config.state.dir.clone();
    let bytes = config.database_path().ok();
    let bytes = bytes.and_then(|path| std::fs::metadata(path).ok());
    let wanted = min_free.unwrap_or_else(|| bytes.map_or(0, |file| file.len()).max(LEAST_FREE));
    checkup
        .check_blocking(
            "disk",
            FILES,
            move || match federation_service::checkup::steps::free_bytes(&folder) {
                Some(free) => room(free, wanted, &folder),
                None => Said::well("-"),
            },
        )
        .await;
}

fn room(free: u64, wanted: u64, folder: &Path) -> Said {
    let mib = |bytes: u64| format!("{} MiB", bytes.div_ceil(1 << 20));
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

/// Both online keys: their files, and what root lets them sign.
pub(super) fn keys(checkup: &mut Checkup, config: &Config, root: Option<&Root>) {
    for (file, kind, word) in [
        (
            OnlineKeys::DIRECTORY_FILE,
            DocumentKind::Directory,
            "directory",
        ),
        (OnlineKeys::STATUS_FILE, DocumentKind::Status, "status"),
    ] {
        let folder = config.key_folder();
        checkup.note("online-keys", online_key(&folder, file, (kind, word), root));
    }
}

fn online_key(
    folder: &KeyFolder,
    file: &str,
    (kind, word): (DocumentKind, &str),
    root: Option<&Root>,
) -> Said {
    let path = &folder.file(file);
    let mode = std::fs::metadata(path).map_or(0, |file| file.mode() & 0o777);
    if mode & 0o077 != 0 {
        return keys_mode(path, mode);
    }
    let key = match read_online_key(folder, file) {
        Ok(key) => key,
        Err(error) => {
            return Said::code(KEY_UNUSABLE)
                .with("reason", error)
                .with("path", path.display());
        }
    };
    let online = root.map(|root| &root.document().online);
    let delegated = online.is_none_or(|online| {
        let mut keys = online.iter();
        keys.any(|one| one.kid == *key.kid() && one.may.contains(&kind))
    });
    if !delegated {
        return Said::code(KEY_NOT_DELEGATED)
            .with("path", path.display())
            .with("kind", word);
    }
    if folder.is_sealed() && !key_file::is_sealed_at(path).unwrap_or(true) {
        return Said::code(KEYS_PLAIN)
            .with("path", path.display())
            .with("number", 1);
    }
    Said::well(path.display())
}

fn keys_mode(path: &Path, mode: u32) -> Said {
    Said::code(KEYS_MODE)
        .with("path", path.display())
        .with("mode", format!("{mode:04o}"))
        .with("wanted", "0600")
}

pub(super) fn certificate(
    checkup: &mut Checkup,
    config: &Config,
    root: Option<&Root>,
    now: Timestamp,
) {
    let judged = judge(config, root, now).unwrap_or_else(|said| said);
    checkup.note("certificate", judged);
}

fn judge(config: &Config, root: Option<&Root>, now: Timestamp) -> Result<Said, Said> {
    let unusable = |error: TlsError| match &error {
        TlsError::Key(KeyFileError::Mode { path, mode, .. }) => keys_mode(path, *mode),
        TlsError::KeyMismatch => CERTIFICATE_KEY_MISMATCH.into(),
        _ => Said::code(CERTIFICATE_FILE).with("reason", &error),
    };
    let http = &config.http;
    let passphrase = config.key_folder().passphrase();
    let passphrase = passphrase.map_err(|error| unusable(error.into()))?;
    let (certificate, key) = (&http.tls_certificate_file, &http.tls_key_file);
    let identity = TlsIdentity::open(certificate, key, passphrase.as_deref()).map_err(unusable)?;
    let der = identity.certificate_der().map_err(unusable)?;
    let named = root.map(|root| &root.document().registry.certificates);
    let is_named = named.is_none_or(|named| named.iter().any(|one| one.der() == der));
    if !is_named {
        return Err(CERTIFICATE_NOT_IN_ROOT.into());
    }
    Ok(judge_certificate(&der, &host_of(&http.public_url), now))
}

/// Whether somebody listens where the settings say.
pub(super) async fn running(checkup: &mut Checkup, config: &Config) -> bool {
    let at = here(config.http.bind);
    let mut chain = checkup.chain(None);
    let runs = chain
        .try_step("running", STEP, async move {
            let target = Target {
                host: at.ip().to_string(),
                port: at.port(),
            };
            match target.connect(&[at]).await {
                Ok(_) => Ok(((), Said::well(at))),
                Err(_) => Err(Said::code(REGISTRY_NOT_RUNNING).with("address", at)),
            }
        })
        .await;
    checkup.take(chain);
    runs.is_some()
}

/// Where a listener of this machine is reached from this machine.
fn here(bind: SocketAddr) -> SocketAddr {
    let ip = match bind.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, bind.port())
}
