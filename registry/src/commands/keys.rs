//! `musubi-registry keys …` and `musubi-registry member revoke-key`

use clap::{Args, Subcommand};
use federation_protocol::directory::{ChainKey, KeyChain};
use federation_protocol::keys::KeyId;
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;
use federation_service::clock::{Clock as _, SystemClock};
use serde_json::json;

use super::failure::{Exit, Failure};
use super::keys_encrypt::Encrypt;
use super::output::{Format, Output, print, print_json, table};
use super::{ConfigFile, open, progress};
use crate::database::{Connection, Database};
use crate::directory::Needs;
use crate::members::{self, KeysError};

/// The members' keys.
#[derive(Subcommand)]
pub(super) enum Keys {
    /// Every key of a member, those that ended or were revoked too.
    List(List),
    /// Seals the online keys and the TLS key with the passphrase, or changes it.
    Encrypt(Encrypt),
}

/// Every key of a member, those that ended or were revoked too.
#[derive(Args)]
#[command(after_help = "\
Examples:
  musubi-registry keys list urn:musubi:member:0110000001
  musubi-registry keys list urn:musubi:member:0110000001 -o json")]
pub(super) struct List {
    /// The member's id.
    #[arg(value_name = "MEMBER")]
    id: MemberId,
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    output: Output,
}

/// Ends one key of a member at once and for ever.
///
/// Needs no approver: whoever keeps this server may always stop a key. The status says it at once,
/// and every connected node refuses the key within 60 s. What the key signed before stays provable.
/// The member brings a new key with its recovery key, or is described and approved again.
#[derive(Args)]
#[command(after_help = "\
Example:
  musubi-registry keys list urn:musubi:member:0110000001
  musubi-registry member revoke-key urn:musubi:member:0110000001 KID --reason 'laptop stolen'")]
pub(super) struct RevokeKey {
    /// The member's id.
    #[arg(value_name = "MEMBER")]
    id: MemberId,
    /// The key, as `keys list` shows it.
    #[arg(value_name = "KID", allow_hyphen_values = true)]
    kid: KeyId,
    /// Why, for the record. Never a patient's name.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    config: ConfigFile,
}

impl Keys {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run(),
            Self::Encrypt(encrypt) => encrypt.run(),
        }
    }
}

impl List {
    fn run(self) -> Result<(), Failure> {
        let mut database = Database::open(&self.config.load()?.database_path()?)?;
        let chain = database.read(|db| {
            let (row, _) = members::show(db, &self.id)?;
            Ok::<_, Failure>(members::keys::chain(db, &row)?)
        })?;
        let now = SystemClock.now();
        match self.output.format {
            Format::Json => print_json(&as_json(&chain, now)),
            Format::Table => print(&as_table(&chain, now)),
        }
    }
}

fn standing(key: &ChainKey, now: Timestamp) -> &'static str {
    match key.revoked_at {
        Some(_) => "revoked",
        None if key.statement.not_after < now => "ended",
        None if key.statement.not_before > now => "to come",
        None if key.gave_way => "giving way",
        None => "counts",
    }
}

fn as_json(chain: &KeyChain, now: Timestamp) -> serde_json::Value {
    let key_as_json = |key: &ChainKey| {
        json!({
            "use": key.statement.key_use,
            "kid": key.statement.kid,
            "standing": standing(key, now),
            "not_before": key.statement.not_before.to_string(),
            "not_after": key.statement.not_after.to_string(),
            "revoked_at": key.revoked_at.map(|at| at.to_string()),
        })
    };
    chain.keys().iter().map(key_as_json).collect()
}

fn as_table(chain: &KeyChain, now: Timestamp) -> String {
    let line = |key: &ChainKey| {
        [
            key.statement.key_use.to_string(),
            key.statement.kid.to_string(),
            standing(key, now).to_owned(),
            key.statement.not_before.to_string(),
            key.revoked_at
                .unwrap_or(key.statement.not_after)
                .to_string(),
        ]
    };
    let rows: Vec<_> = chain.keys().iter().map(line).collect();
    table(["USE", "KID", "STANDING", "FROM", "UNTIL"], &rows)
}

impl RevokeKey {
    pub(super) fn run(self) -> Result<(), Failure> {
        let now = SystemClock.now();
        let (mut database, issuer) = open(&self.config, now)?;
        let work = |db: &mut Connection| {
            members::keys::revoke(db, &self.id, &self.kid, &self.reason, now)?;
            Ok::<_, Failure>(())
        };
        let ((), edition) = issuer.change(&mut database, Needs::Status, now, work)?;
        if let Some(trouble) = &edition.trouble {
            progress(format_args!(
                "warning: {trouble}; the status says it all the same"
            ));
        }
        progress(format_args!(
            "{} counts no more from status {} on (directory {})\n\
             next: the member types `musubi-node keys revoke {} --recovery-key FILE --replace`, \
             or is described and approved again",
            self.kid, edition.status.seq, edition.directory.seq, self.kid
        ));
        Ok(())
    }
}

impl From<KeysError> for Failure {
    fn from(error: KeysError) -> Self {
        let what = error.to_string();
        match error {
            KeysError::Database(error) => error.into(),
            KeysError::Refused(_) => Self::new(
                Exit::Check,
                what,
                "the database was altered by something else: put it back from backup",
            ),
            KeysError::NoSuchKey { member, .. } => {
                let next = format!("look at `musubi-registry keys list {member}`");
                Self::new(Exit::Failure, what, next)
            }
            _ => Self::new(Exit::Failure, what, "look at `musubi-registry member list`"),
        }
    }
}
