//! `musubi-registry root …`

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use federation_protocol::directory::{
    Certificate, DocumentKind, KeyQuorum, NamedKey, OnlineKey, ROOT_TYP, RootDocument,
};
use federation_protocol::jws::General;
use federation_protocol::keys::{Fingerprint, KeyId, PublicKey, SecretKey, Sign};
use federation_service::clock::{Clock as _, SystemClock};
use serde_json::json;

use super::failure::{Exit, Failure};
use super::init::{key, pem};
use super::output::{Format, Output, pairs, print, print_json};
use super::{ConfigFile, files, online_keys, open, progress};
use crate::directory::{OnlineKeys, RotationError, draft, read_key, rotate};

/// The document that names every key that counts.
#[derive(Subcommand)]
pub(super) enum Root {
    /// The newest root: keys, thresholds, certificates, its end.
    Show(Show),
    /// Writes the next root, to be signed: a year long, with the changes that are asked for.
    Draft(Draft),
    /// Signs a drafted root; needs neither the registry nor its folder.
    Sign(Sign_),
    /// Issues a signed root: from then on every node follows it.
    Rotate(Rotate),
    /// Makes a key for an approver or for root, and prints its public half.
    NewKey(NewKey),
}

/// The newest root.
#[derive(Args)]
#[command(after_help = "\
Example:
  musubi-registry root show")]
pub(super) struct Show {
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    output: Output,
}

/// Writes the next root, to be signed.
#[derive(Args)]
#[command(after_help = "\
To replace an approver without asking any member: add the new one in one root, name its key at
`root rotate --approver-key`, and take the old one off in the next root.

Examples:
  musubi-registry root draft --out root2.json
  musubi-registry root draft --add-approver X --approver-threshold 2 --out root2.json
  musubi-registry root draft --new-probe-key --out root2.json
  musubi-registry root draft --new-online-keys --out root2.json")]
pub(super) struct Draft {
    /// A new file.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// A public key, as `root new-key` prints it; may be repeated.
    #[arg(long, value_name = "X", allow_hyphen_values = true, value_parser = PublicKey::from_x)]
    add_approver: Vec<PublicKey>,
    /// An approver's kid; may be repeated.
    #[arg(long, value_name = "KID", allow_hyphen_values = true)]
    remove_approver: Vec<KeyId>,
    /// How many approvers must sign an entry.
    #[arg(long, value_name = "N")]
    approver_threshold: Option<u32>,
    /// A public key, as `root new-key` prints it; may be repeated.
    #[arg(long, value_name = "X", allow_hyphen_values = true, value_parser = PublicKey::from_x)]
    add_root_key: Vec<PublicKey>,
    /// A root key's kid; may be repeated.
    #[arg(long, value_name = "KID", allow_hyphen_values = true)]
    remove_root_key: Vec<KeyId>,
    /// How many root keys must sign the root after this one.
    #[arg(long, value_name = "N")]
    root_threshold: Option<u32>,
    /// Another TLS certificate of the registry, PEM; may be repeated. The registry goes on with
    /// the old one until its settings name the new one.
    #[arg(long, value_name = "FILE")]
    add_certificate: Vec<PathBuf>,
    /// A certificate's SHA-256, as `root show` has it; may be repeated.
    #[arg(long, value_name = "SHA256", allow_hyphen_values = true)]
    remove_certificate: Vec<String>,
    /// Makes a key for probes, where root names none yet.
    #[arg(long)]
    new_probe_key: bool,
    /// Makes other keys for directory, status and probes: the server may be stolen, or they are old.
    #[arg(long, conflicts_with = "new_probe_key")]
    new_online_keys: bool,
    #[command(flatten)]
    config: ConfigFile,
}

/// Signs a drafted root.
#[derive(Args)]
#[command(after_help = "\
Example:
  musubi-registry root sign root2.json --root-key /media/usb/root.pem --out root2-signed.json")]
pub(super) struct Sign_ {
    /// What `root draft` wrote, or another holder of a root key signed.
    #[arg(value_name = "FILE")]
    draft: PathBuf,
    /// A root key, PEM; may be repeated. The old threshold signs, and the new one.
    #[arg(long, value_name = "FILE", required = true)]
    root_key: Vec<PathBuf>,
    /// A new file.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Issues a signed root.
#[derive(Args)]
#[command(after_help = "\
Example:
  musubi-registry root rotate root2-signed.json
  musubi-registry root rotate root2-signed.json --approver-key /media/usb/new-approver.pem")]
pub(super) struct Rotate {
    /// What `root sign` wrote.
    #[arg(value_name = "FILE")]
    signed: PathBuf,
    /// A new approver's key, PEM: signs every entry too; may be repeated.
    #[arg(long, value_name = "FILE")]
    approver_key: Vec<PathBuf>,
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    output: Output,
}

/// Makes a key for an approver or for root.
#[derive(Args)]
#[command(after_help = "\
Example:
  musubi-registry root new-key --out /media/usb/approver2.pem")]
pub(super) struct NewKey {
    /// A new file, best on a medium that a person takes along.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    output: Output,
}

impl Root {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Show(show) => show.run(),
            Self::Draft(draft) => draft.run(),
            Self::Sign(sign) => sign.run(),
            Self::Rotate(rotate) => rotate.run(),
            Self::NewKey(new_key) => new_key.run(),
        }
    }
}

impl Show {
    fn run(self) -> Result<(), Failure> {
        let (_, issuer) = open(&self.config, SystemClock.now())?;
        shown(&self.output, issuer.root())
    }
}

impl Draft {
    fn run(self) -> Result<(), Failure> {
        let now = SystemClock.now();
        let (_, issuer) = open(&self.config, now)?;
        let mut next = draft(issuer.root(), now);
        change(
            &mut next.approvers,
            &self.add_approver,
            &self.remove_approver,
            self.approver_threshold,
        )?;
        change(
            &mut next.root,
            &self.add_root_key,
            &self.remove_root_key,
            self.root_threshold,
        )?;
        self.certificates(&mut next)?;
        if self.new_probe_key {
            next.online.push(self.probe_key(&next)?);
        }
        if self.new_online_keys {
            online_keys::replace(&self.config.load()?.key_folder(), &mut next)?;
        }
        let payload = serde_json::to_vec(&next).unwrap_or_default();
        files::write_new(&self.out, &General::new(&payload).to_json(), 0o644)?;
        progress(format_args!(
            "root {} is drafted, until {}
next: musubi-registry root sign {} --root-key FILE --out SIGNED",
            next.seq,
            next.exp,
            self.out.display()
        ));
        Ok(())
    }

    fn certificates(&self, next: &mut RootDocument) -> Result<(), Failure> {
        let certificates = &mut next.registry.certificates;
        for removed in &self.remove_certificate {
            let named = |one: &Certificate| one.fingerprint().to_string() == *removed;
            if !certificates.iter().any(named) {
                return Err(not_there("certificate", removed));
            }
            certificates.retain(|one| !named(one));
        }
        for path in &self.add_certificate {
            let read = openssl::x509::X509::from_pem(files::read(path)?.as_bytes());
            let der = read.and_then(|certificate| certificate.to_der());
            let der = der.map_err(|error| {
                let what = format!("{}: {error}", path.display());
                Failure::new(Exit::Check, what, "name a certificate in PEM")
            })?;
            certificates.push(Certificate::from_der(der));
        }
        Ok(())
    }

    fn probe_key(&self, next: &RootDocument) -> Result<OnlineKey, Failure> {
        let probes = |online: &OnlineKey| online.may.contains(&DocumentKind::Probe);
        if next.online.iter().any(probes) {
            let next = "leave --new-probe-key out";
            return Err(Failure::new(
                Exit::Failure,
                "root names a probe key already",
                next,
            ));
        }
        let folder = self.config.load()?.key_folder();
        let path = folder.file(OnlineKeys::PROBE_FILE);
        let key = online_keys::make(&folder, OnlineKeys::PROBE_FILE)?;
        progress(format_args!(
            "{} was made; restart the registry once this root is issued",
            path.display()
        ));
        Ok(OnlineKey {
            kid: key.kid().clone(),
            x: key.public(),
            may: vec![DocumentKind::Probe],
        })
    }
}

/// Adds and takes off keys; a threshold that no longer fits is found when the root is judged.
fn change(
    quorum: &mut KeyQuorum,
    add: &[PublicKey],
    remove: &[KeyId],
    threshold: Option<u32>,
) -> Result<(), Failure> {
    for kid in remove {
        if !quorum.keys.iter().any(|key| key.kid == *kid) {
            return Err(not_there("key", kid.as_str()));
        }
        quorum.keys.retain(|key| key.kid != *kid);
    }
    quorum.keys.extend(add.iter().map(NamedKey::of));
    if let Some(threshold) = threshold {
        quorum.threshold = threshold;
    }
    Ok(())
}

fn not_there(what: &str, which: &str) -> Failure {
    let next = "look at `musubi-registry root show`";
    Failure::new(Exit::Failure, format!("root names no {what} {which}"), next)
}

impl Sign_ {
    fn run(self) -> Result<(), Failure> {
        let draft: General = serde_json::from_str(&files::read(&self.draft)?).map_err(|error| {
            let what = format!("{}: {error}", self.draft.display());
            Failure::new(Exit::Check, what, "draft it once more")
        })?;
        let keys = read_keys(&self.root_key)?;
        let signed = keys
            .iter()
            .filter(|key| !draft.is_signed_by(ROOT_TYP, key.kid()))
            .fold(draft.clone(), |signed, key| signed.signed(ROOT_TYP, key));
        files::write_new(&self.out, &signed.to_json(), 0o644)?;
        progress(format_args!(
            "{} signatures\nnext: musubi-registry root rotate {}",
            signed.signatures(),
            self.out.display()
        ));
        Ok(())
    }
}

impl Rotate {
    fn run(self) -> Result<(), Failure> {
        let now = SystemClock.now();
        let (mut database, issuer) = open(&self.config, now)?;
        let signed = files::read(&self.signed)?;
        let keys = read_keys(&self.approver_key)?;
        let approvers: Vec<&dyn Sign> = keys.iter().map(|key| -> &dyn Sign { key }).collect();
        let next = rotate(&mut database, issuer.root(), signed.trim(), &approvers, now)?;
        let folder = self.config.load()?.key_folder();
        OnlineKeys::take_their_places(&folder, next.document())?;
        progress(format_args!(
            "root {} is in force; nodes follow it within ten minutes",
            next.document().seq
        ));
        if next.document().online != issuer.root().document().online {
            progress(format_args!(
                "next: restart the registry, which witnesses and probes with the online keys too"
            ));
        }
        shown(&self.output, &next)
    }
}

impl NewKey {
    fn run(self) -> Result<(), Failure> {
        let key = key()?;
        files::write_new(&self.out, &pem(&key)?, 0o600)?;
        let (kid, x) = (key.kid(), key.public().x());
        match self.output.format {
            Format::Json => print_json(&json!({ "kid": kid, "x": x })),
            Format::Table => print(&pairs(&[
                ["kid".to_owned(), kid.to_string()],
                ["x".to_owned(), x],
            ])),
        }
    }
}

fn read_keys(paths: &[PathBuf]) -> Result<Vec<SecretKey>, Failure> {
    let keys = paths.iter().map(|path: &PathBuf| read_key(Path::new(path)));
    Ok(keys.collect::<Result<_, _>>()?)
}

fn shown(output: &Output, root: &federation_protocol::directory::Root) -> Result<(), Failure> {
    let document = root.document();
    let certificates: Vec<Fingerprint> = document
        .registry
        .certificates
        .iter()
        .map(Certificate::fingerprint)
        .collect();
    if matches!(output.format, Format::Json) {
        let kids = |quorum: &KeyQuorum| -> Vec<String> {
            quorum.keys.iter().map(|key| key.kid.to_string()).collect()
        };
        return print_json(&json!({
            "seq": document.seq, "root_sha256": root.hash(), "ends_at": document.exp.to_string(),
            "root": { "threshold": document.root.threshold, "keys": kids(&document.root) },
            "approvers": {
                "threshold": document.approvers.threshold, "keys": kids(&document.approvers),
            },
            "online": document.online.iter()
                .map(|key| json!({ "kid": key.kid, "may": key.may })).collect::<Vec<_>>(),
            "certificates": certificates.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }));
    }
    let mut facts = vec![
        [
            "root".to_owned(),
            format!("{} ({})", document.seq, root.hash()),
        ],
        ["ends".to_owned(), document.exp.to_string()],
    ];
    for (name, quorum) in [
        ("root key", &document.root),
        ("approver", &document.approvers),
    ] {
        for key in &quorum.keys {
            let of = format!(
                "{} ({} of {} sign)",
                key.kid,
                quorum.threshold,
                quorum.keys.len()
            );
            facts.push([name.to_owned(), of]);
        }
    }
    for print in certificates {
        facts.push(["certificate".to_owned(), print.to_string()]);
    }
    print(&pairs(&facts))
}

impl From<RotationError> for Failure {
    fn from(error: RotationError) -> Self {
        let what = error.to_string();
        match error {
            RotationError::Publish(error) => error.into(),
            RotationError::Database(error) => error.into(),
            RotationError::Refused(_) => Self::new(
                Exit::NotAuthorised,
                what,
                "let the old root's threshold sign, and the new one's; draft anew if another root \
                 was issued meanwhile",
            ),
            RotationError::Entry { .. } => Self::new(
                Exit::Check,
                what,
                "name the new approvers' keys with --approver-key: they sign every entry too",
            ),
        }
    }
}
