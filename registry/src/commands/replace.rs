//! `musubi-registry member replace`: a member's next entry, signed by the approvers.

use std::path::PathBuf;

use clap::Args;
use federation_protocol::joining::comparison_number;
use federation_protocol::keys::{SecretKey, Sign};
use federation_protocol::member::MemberId;
use federation_service::clock::{Clock as _, SystemClock};
use serde_json::json;

use super::application::compare;
use super::failure::{Exit, Failure};
use super::output::{Format, Output, pairs, print, print_json};
use super::{ConfigFile, files, open, progress};
use crate::database::Connection;
use crate::directory::{Needs, read_key};
use crate::members::{self, Asked, ReplaceError, Replaced, Replacement};

/// Replaces a member's entry: other certificates, another address, new keys.
///
/// FILE is what `musubi-node certificate request` wrote, signed by the member's recovery key: then it
/// counts from the next directory on. Without that signature, or from a plain description
/// (`musubi-node describe`), it is listed at once, every node is alarmed, and it counts after 24
/// hours, unless it is taken back; while the member is suspended it counts at once.
#[derive(Args)]
#[command(after_help = "\
Examples:
  musubi-registry member replace entry.json --approver-key /media/usb/approver.pem
  musubi-registry member replace entry.json --export statement.json   (approvers elsewhere:
  musubi-registry application sign statement.json --approver-key FILE --out signed.json)
  musubi-registry member replace entry.json --statement signed.json
  musubi-registry member replace entry.json --grant emergency --approver-key /media/usb/approver.pem
  musubi-registry member replace --cancel urn:musubi:member:0110000001")]
pub(super) struct Replace {
    /// What the member handed in; `-` reads standard input.
    #[arg(value_name = "FILE", required_unless_present = "cancel")]
    file: Option<PathBuf>,
    /// Takes back what is on hold, or waits for approvers, before it counts.
    #[arg(long, value_name = "MEMBER", conflicts_with_all = ["file", "approver_key", "statement", "export", "fingerprint"])]
    cancel: Option<MemberId>,
    /// An approver's key, PEM; once for each approver who signs here.
    #[arg(long, value_name = "FILE")]
    approver_key: Vec<PathBuf>,
    /// The statement with signatures made elsewhere.
    #[arg(long, value_name = "FILE")]
    statement: Option<PathBuf>,
    /// Writes the statement for approvers elsewhere, and changes nothing.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["approver_key", "statement"])]
    export: Option<PathBuf>,
    /// The thirty digits that the hospital read out by telephone; without it, the command asks.
    /// What the recovery key signed needs none.
    #[arg(long, value_name = "DIGITS")]
    fingerprint: Option<String>,
    /// A capability that the member asks for and has not yet; may be repeated.
    #[arg(long, value_name = "CAPABILITY")]
    grant: Vec<String>,
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    output: Output,
}

impl Replace {
    pub(super) fn run(self) -> Result<(), Failure> {
        match (&self.cancel, &self.file) {
            (Some(id), _) => self.take_back(id),
            (None, Some(file)) => self.replace(file),
            (None, None) => Err(Failure::new(
                Exit::Usage,
                "nothing was handed in",
                "see `musubi-registry member replace --help`",
            )),
        }
    }

    fn take_back(&self, id: &MemberId) -> Result<(), Failure> {
        let now = SystemClock.now();
        let (mut database, issuer) = open(&self.config, now)?;
        let work = |db: &mut Connection| Ok::<_, Failure>(members::cancel(db, id, now)?);
        let (member, edition) = issuer.change(&mut database, Needs::Directory, now, work)?;
        progress(format_args!(
            "the replacement of {} is taken back from directory {} on",
            member.id, edition.directory.seq
        ));
        Ok(())
    }

    fn replace(&self, file: &std::path::Path) -> Result<(), Failure> {
        let now = SystemClock.now();
        let (mut database, issuer) = open(&self.config, now)?;
        let root = issuer.root();
        let asked = Asked::read(&files::read(file)?)?;
        let shown = database.read(|db| members::prepare(db, &asked, root.registry(), now))?;
        if let Some(out) = &self.export {
            files::write_new(out, &shown.statement.to_json(), 0o644)?;
            // Kept, so that what is signed elsewhere is what is waited for here.
            return Ok(database.transact(|db| members::begin(db, &shown))?);
        }
        self.check_grants(&shown)?;
        self.confirm(&shown)?;
        let brought = self.statement.as_deref().map(files::read).transpose()?;
        let keys = self.approver_key.iter().map(|path| read_key(path));
        let keys: Vec<SecretKey> = keys.collect::<Result<_, _>>()?;
        let approvers: Vec<&dyn Sign> = keys.iter().map(|key| -> &dyn Sign { key }).collect();
        let work = |db: &mut Connection| {
            let again = members::prepare(db, &asked, root.registry(), now)?;
            let (statement, document) = (brought.as_deref(), root.document());
            Ok::<_, Failure>(members::replace(
                db, &again, statement, &approvers, document, now,
            )?)
        };
        let (replaced, edition) = issuer.change(&mut database, Needs::Directory, now, work)?;
        self.tell(&shown, replaced, edition.directory.seq)
    }

    /// A capability is granted by name, never by the way.
    fn check_grants(&self, shown: &Replacement) -> Result<(), Failure> {
        let mut wanted = shown.new_capabilities.iter();
        match wanted.find(|one| !self.grant.contains(one)) {
            None => Ok(()),
            Some(one) => Err(Failure::new(
                Exit::Check,
                format!("the member asks for the capability {one}, which it does not have"),
                format!("grant it by name, if the approvers want it: --grant {one}"),
            )),
        }
    }

    /// What the member's own recovery key signed needs nobody's ear.
    fn confirm(&self, shown: &Replacement) -> Result<(), Failure> {
        let profile = &shown.profile;
        let prints = profile
            .certificates
            .iter()
            .map(|one| one.fingerprint().to_string());
        let mut facts = vec![
            ["member".to_owned(), profile.id.to_string()],
            ["name".to_owned(), profile.names.ja.clone()],
            ["endpoint".to_owned(), profile.endpoints.federation.clone()],
        ];
        facts.extend(prints.map(|print| ["certificate".to_owned(), print]));
        let capabilities = profile.capabilities.join(" ");
        facts.push(["capabilities".to_owned(), capabilities]);
        let signed = match shown.is_vouched_for {
            true => "by the member's recovery key",
            false => "not by the member's recovery key: held for 24 hours unless it is suspended",
        };
        facts.push(["signed".to_owned(), signed.to_owned()]);
        if matches!(self.output.format, Format::Table) {
            print(&pairs(&facts))?;
        }
        if shown.is_vouched_for {
            return Ok(());
        }
        compare(&comparison_number(profile), self.fingerprint.as_deref())
    }

    fn tell(&self, shown: &Replacement, replaced: Replaced, seq: u64) -> Result<(), Failure> {
        let id = &shown.profile.id;
        match replaced {
            Replaced::AtOnce => {
                progress(format_args!("{id} is replaced from directory {seq} on"));
            }
            Replaced::Held(until) => progress(format_args!(
                "{id} is replaced at {until}; every node is alarmed from directory {seq} on\n\
                 next: if the hospital did not want this, musubi-registry member replace --cancel {id}"
            )),
            Replaced::Waiting { needed, signatures } => progress(format_args!(
                "signed: {signatures} of {needed}; the next approver types the same"
            )),
        }
        if matches!(self.output.format, Format::Table) {
            return Ok(());
        }
        print_json(&match replaced {
            Replaced::AtOnce => json!({ "member": id, "state": "in-force", "directory": seq }),
            Replaced::Held(until) => json!({ "member": id, "state": "held",
                "in_force_at": until.to_string(), "directory": seq }),
            Replaced::Waiting { needed, signatures } => json!({ "member": id, "state": "waiting",
                "needed": needed, "signatures": signatures }),
        })
    }
}

impl From<ReplaceError> for Failure {
    fn from(error: ReplaceError) -> Self {
        let what = error.to_string();
        let (exit, next) = match error {
            ReplaceError::Member(error) => return error.into(),
            ReplaceError::Admission(error) => return error.into(),
            ReplaceError::Database(error) => return error.into(),
            ReplaceError::Request(_) => (
                Exit::Check,
                "take the file again, unchanged, as `musubi-node certificate request` writes it",
            ),
            ReplaceError::OtherVersion { .. } => (
                Exit::Check,
                "the hospital writes it once more: musubi-node certificate request",
            ),
            ReplaceError::OtherStatement => (
                Exit::Check,
                "export it once more (--export), and let the approvers sign that",
            ),
            ReplaceError::AnotherHeld(id) => {
                let next = format!("musubi-registry member replace --cancel {id}, if it is to go");
                return Self::new(Exit::Failure, what, next);
            }
            ReplaceError::Ended { .. } | ReplaceError::Nothing(_) => {
                (Exit::Failure, "look at `musubi-registry member list`")
            }
        };
        Self::new(exit, what, next)
    }
}
