//! `musubi-registry init`

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use federation_protocol::directory::{
    Certificate, DOCUMENT_VERSION, DocumentKind, KeyQuorum, NamedKey, OnlineKey, Reading,
    RegistryTls, Root, RootDocument, SignedDocument,
};
use federation_protocol::keys::SecretKey;
use federation_protocol::time::Timestamp;
use federation_service::clock::{Clock as _, SystemClock};
use federation_service::tls::TlsIdentity;
use zeroize::Zeroize as _;

use super::failure::{Exit, Failure};
use super::output::{Format, Output, pairs, print, print_json};
use super::{files, folder_of, progress};
use crate::config::Host;
use crate::database::Database;
use crate::directory::{OnlineKeys, first_root};

/// A root lives a year; before it ends, a next one is signed.
const ROOT_LIFE_SECONDS: i64 = 365 * 86_400;

/// The certificate outlives root by a month, so that a root renewed on time can keep it.
const CERTIFICATE_LIFE_SECONDS: i64 = 396 * 86_400;

/// What a registry's id begins with.
const ID_PREFIX: &str = "urn:musubi:registry:";

const CONFIG_FILE: &str = "registry.toml";
const DATABASE_FILE: &str = "registry.db";
const CERTIFICATE_FILE: &str = "tls/certificate.pem";
const TLS_KEY_FILE: &str = "tls/key.pem";

/// Makes a new registry: keys, certificate, root, database, configuration.
///
/// Two keys leave the registry's folder at once and belong to people: the approver's key, which
/// makes members, and the root key, which makes the next root. Whoever steals the server then
/// still can do neither.
#[derive(Args)]
#[command(after_help = "\
Example:
  musubi-registry init --dir registry --approver-key /media/usb/approver.pem \\
    --id urn:musubi:registry:hokkaido --url https://registry.example:9000 --bind 0.0.0.0:9000

The folder can be moved as a whole: its configuration names files relative to itself. Best it is
made on a machine that is not the server.")]
pub(super) struct Init {
    /// The new registry's folder. It must not exist, or be empty.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The registry's id, urn:musubi:registry:<label>.
    #[arg(long, value_name = "URN")]
    id: String,
    /// Where nodes reach it, https://host[:port].
    #[arg(long)]
    url: String,
    /// Where it listens.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9000")]
    bind: SocketAddr,
    /// Where to write the approver's key: a new file outside DIR.
    #[arg(long, value_name = "FILE")]
    approver_key: PathBuf,
    /// Where to write the root key: a new file outside DIR. Without it, `root.pem` beside the
    /// approver's key.
    #[arg(long, value_name = "FILE")]
    root_key: Option<PathBuf>,
    /// Private network that hospitals' nodes may be in, for the probes; may be repeated.
    #[arg(long = "allow-cidr", value_name = "CIDR")]
    allow_cidrs: Vec<federation_service::outbound::Cidr>,
    #[command(flatten)]
    output: Output,
}

/// The secrets of a new registry.
struct NewKeys {
    root: SecretKey,
    approver: SecretKey,
    directory: SecretKey,
    status: SecretKey,
    probe: SecretKey,
}

impl Init {
    pub(super) fn run(self) -> Result<(), Failure> {
        let now = SystemClock.now();
        let host = self.check()?;
        let root_key = self
            .root_key
            .clone()
            .unwrap_or_else(|| folder_of(&self.approver_key).join("root.pem"));
        self.refuse_inside(&root_key)?;
        self.refuse_inside(&self.approver_key)?;

        let keys = NewKeys::generate()?;
        let identity = TlsIdentity::generate(
            &host.to_string(),
            now,
            now.plus_seconds(CERTIFICATE_LIFE_SECONDS),
        )
        .map_err(tls_failure)?;
        let (root, signed) = self.root(&keys, &identity, now)?;

        // Everything is made beside the final place and moved there whole, so that an init that
        // was interrupted leaves no half of a registry behind.
        let draft = Draft::beside(&self.dir)?;
        self.fill(&draft.path, &keys, &identity, &root, signed)?;
        files::write_new(&root_key, &pem(&keys.root)?, 0o600)?;
        if let Err(failure) = files::write_new(&self.approver_key, &pem(&keys.approver)?, 0o600)
            .and_then(|()| draft.move_to(&self.dir))
        {
            // The key was made a moment ago and has signed nothing that remains.
            let _ = std::fs::remove_file(&root_key);
            return Err(failure);
        }
        self.report(&root, &root_key)
    }

    /// What can be refused before anything is made.
    fn check(&self) -> Result<Host, Failure> {
        let label = self.id.strip_prefix(ID_PREFIX).unwrap_or_default();
        let in_label = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if !(1..=64).contains(&label.len()) || !label.bytes().all(in_label) {
            let what = format!("{} is not {ID_PREFIX}<label>", self.id);
            let next = "use 1 to 64 lower-case letters, digits and hyphens as label";
            return Err(Failure::new(Exit::Usage, what, next));
        }
        let host = Host::of_https_origin(&self.url).ok_or_else(|| {
            let what = format!("{} is not https://host[:port]", self.url);
            Failure::new(Exit::Usage, what, "leave out path, query and user")
        })?;
        let taken = match std::fs::read_dir(&self.dir) {
            Ok(mut entries) => entries.next().is_some(),
            Err(error) => error.kind() != std::io::ErrorKind::NotFound,
        };
        if taken {
            let what = format!("{} is there and is not an empty folder", self.dir.display());
            let next = "name another folder; a registry is never made over another";
            return Err(Failure::new(Exit::Failure, what, next));
        }
        for file in std::iter::once(&self.approver_key).chain(&self.root_key) {
            if file.exists() {
                let what = format!("{} exists", file.display());
                let next = "name another file; a key is never written over another";
                return Err(Failure::new(Exit::Failure, what, next));
            }
        }
        Ok(host)
    }

    /// A key that could make members or roots must not lie where a thief of the server finds it.
    fn refuse_inside(&self, key: &Path) -> Result<(), Failure> {
        let absolute = |path: &Path| {
            let folder = folder_of(path);
            let folder = folder
                .canonicalize()
                .or_else(|_| std::path::absolute(folder));
            folder.map(|folder| folder.join(path.file_name().unwrap_or_default()))
        };
        match (absolute(key), absolute(&self.dir)) {
            (Ok(key), Ok(dir)) if !key.starts_with(&dir) => Ok(()),
            _ => Err(Failure::new(
                Exit::Usage,
                format!("{} would lie inside {}", key.display(), self.dir.display()),
                "hand this key to a person: name a file outside, best on another medium",
            )),
        }
    }

    fn root(
        &self,
        keys: &NewKeys,
        identity: &TlsIdentity,
        now: Timestamp,
    ) -> Result<(Root, SignedDocument), Failure> {
        let one_of_one = |key: &SecretKey| KeyQuorum {
            threshold: 1,
            keys: vec![NamedKey::of(&key.public())],
        };
        let online = |key: &SecretKey, kind| OnlineKey {
            kid: key.kid().clone(),
            x: key.public(),
            may: vec![kind],
        };
        let certificate = identity.certificate_der().map_err(tls_failure)?;
        let iat = Timestamp::from_unix_seconds(now.unix_seconds());
        let document = RootDocument {
            ver: DOCUMENT_VERSION,
            iss: self.id.clone(),
            seq: 1,
            prev: None,
            iat,
            exp: iat.plus_seconds(ROOT_LIFE_SECONDS),
            registry: RegistryTls {
                certificates: vec![Certificate::from_der(certificate)],
            },
            root: one_of_one(&keys.root),
            online: vec![
                online(&keys.directory, DocumentKind::Directory),
                online(&keys.status, DocumentKind::Status),
                online(&keys.probe, DocumentKind::Probe),
            ],
            approvers: one_of_one(&keys.approver),
        };
        let signed = document.sign(&[&keys.root]);
        let root = Root::pinned(signed.jws.as_bytes(), &signed.hash, Reading::Fresh, now);
        let root = root.map_err(|error| {
            let what = format!("this root would be refused by every node: {error}");
            Failure::new(Exit::Failure, what, "check --id and this machine's clock")
        })?;
        Ok((root, signed))
    }

    fn fill(
        &self,
        dir: &Path,
        keys: &NewKeys,
        identity: &TlsIdentity,
        root: &Root,
        signed: SignedDocument,
    ) -> Result<(), Failure> {
        for folder in ["keys", "tls"] {
            files::make_private_folder(&dir.join(folder))?;
        }
        identity
            .write_pem(&dir.join(CERTIFICATE_FILE), &dir.join(TLS_KEY_FILE))
            .map_err(tls_failure)?;
        files::write_new(
            &dir.join(OnlineKeys::DIRECTORY_FILE),
            &pem(&keys.directory)?,
            0o600,
        )?;
        files::write_new(
            &dir.join(OnlineKeys::STATUS_FILE),
            &pem(&keys.status)?,
            0o600,
        )?;
        files::write_new(&dir.join(OnlineKeys::PROBE_FILE), &pem(&keys.probe)?, 0o600)?;
        files::write_new(&dir.join(CONFIG_FILE), &self.configuration(), 0o644)?;
        let mut database = Database::create(&dir.join(DATABASE_FILE))?;
        first_root(&mut database, root, signed)?;
        Ok(())
    }

    fn configuration(&self) -> String {
        // An address and an origin hold nothing that TOML would need escaped.
        let Self { bind, url, .. } = self;
        let allowed: Vec<String> = self
            .allow_cidrs
            .iter()
            .map(|range| format!("\"{range}\""))
            .collect();
        let allowed = allowed.join(", ");
        format!(
            "\
# Made by `musubi-registry init`. Relative paths start at this file's folder. Each key can be
# overridden by the environment: http.bind is MUSUBI_REGISTRY_HTTP__BIND.

[http]
bind = \"{bind}\"
public_url = \"{url}\"
tls_certificate_file = \"{CERTIFICATE_FILE}\"
tls_key_file = \"{TLS_KEY_FILE}\"

[state]
dir = \".\"

[database]
url = \"sqlite:{DATABASE_FILE}\"

[joining]
allow_cidrs = [{allowed}]

[log]
format = \"json\"
level = \"info\"
"
        )
    }

    fn report(&self, root: &Root, root_key: &Path) -> Result<(), Failure> {
        let config = self.dir.join(CONFIG_FILE);
        let (approver_key, pin) = (&self.approver_key, root.hash().to_string());
        match self.output.format {
            Format::Json => print_json(&serde_json::json!({
                "registry": self.id, "url": self.url, "root_sha256": pin, "config": config,
                "approver_key": approver_key, "root_key": root_key,
            }))?,
            Format::Table => print(&pairs(&[
                ["registry".into(), self.id.clone()],
                ["url".into(), self.url.clone()],
                ["root_sha256".into(), pin],
                ["config".into(), config.display().to_string()],
                ["approver key".into(), approver_key.display().to_string()],
                ["root key".into(), root_key.display().to_string()],
            ]))?,
        }
        progress(format_args!(
            "\nWhat to do next:
  1. Take {} and {} off this machine: they belong to people.
  2. Start it:     musubi-registry run --config {config}
  3. Tell nodes:   [registry] url = \"{}\", root_sha256 = \"{}\"
  4. Invite nodes: musubi-registry invite --member NUMBER --name NAME --config {config}",
            approver_key.display(),
            root_key.display(),
            self.url,
            root.hash(),
            config = config.display(),
        ));
        Ok(())
    }
}

impl NewKeys {
    fn generate() -> Result<Self, Failure> {
        Ok(Self {
            root: key()?,
            approver: key()?,
            directory: key()?,
            status: key()?,
            probe: key()?,
        })
    }
}

/// A fresh key.
pub(super) fn key() -> Result<SecretKey, Failure> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| {
        Failure::new(
            Exit::Failure,
            format!("no randomness: {error}"),
            "try on another machine",
        )
    })?;
    let key = SecretKey::from_seed(seed);
    seed.zeroize();
    Ok(key)
}

/// A key as its file has it.
pub(super) fn pem(key: &SecretKey) -> Result<zeroize::Zeroizing<String>, Failure> {
    key.to_pkcs8_pem()
        .map_err(|error| Failure::new(Exit::Failure, error.to_string(), "try once more"))
}

fn tls_failure(error: federation_service::tls::TlsError) -> Failure {
    Failure::new(
        Exit::Failure,
        error.to_string(),
        "check --url and the folder's owner and mode",
    )
}

/// A folder in the making, removed again unless it is moved to its place.
struct Draft {
    path: PathBuf,
}

impl Draft {
    fn beside(place: &Path) -> Result<Self, Failure> {
        let mut name = std::ffi::OsString::from(".");
        name.push(place.file_name().unwrap_or_default());
        name.push(format!(".draft-{}", std::process::id()));
        let path = folder_of(place).join(name);
        files::make_private_folder(&path)?;
        Ok(Self { path })
    }

    fn move_to(&self, place: &Path) -> Result<(), Failure> {
        // Takes the place of nothing, or of an empty folder; anything else makes it fail.
        std::fs::rename(&self.path, place).map_err(|error| {
            let what = format!("{}: {error}", place.display());
            Failure::new(Exit::Failure, what, "name another folder")
        })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After the move there is nothing here any more.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
