//! `musubi-registry member …`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use federation_protocol::directory::{KeyStatement, Profile};
use federation_protocol::keys::{SecretKey, Sign};
use federation_protocol::member::{MemberId, MemberState};
use federation_service::clock::{Clock as _, SystemClock};
use serde_json::json;

use super::failure::{Exit, Failure};
use super::keys::RevokeKey;
use super::output::{Format, Output, pairs, print, print_json, table};
use super::{ConfigFile, confirm, files, open, progress};
use crate::database::{Connection, Database};
use crate::directory::{Needs, read_key};
use crate::members::{self, Admission, Change, MemberRow, ReplacementRow};

/// Who belongs.
#[derive(Subcommand)]
pub(super) enum Member {
    /// Admits a member: checks its description and signs the entry with the approver's key.
    Add(Add),
    /// Everyone, with their states.
    List(List),
    /// One member: names, endpoint, keys, certificates, history.
    Show(Show),
    /// Replaces a member's entry: other certificates, another address, new keys.
    Replace(super::replace::Replace),
    /// Stops a member for now. Every connected node refuses it within 60 s.
    Suspend(Suspend),
    /// Lets a suspended member, or one in maintenance, take part again.
    Resume(Resume),
    /// Says that a member announced that it may be away; it still takes part.
    Maintain(Maintain),
    /// Ends a membership for ever.
    Revoke(Revoke),
    /// Ends one key of a member at once and for ever.
    RevokeKey(RevokeKey),
}

/// Admits a member.
///
/// DESCRIPTION.json is what `musubi-node describe` wrote at the member. Read its key fingerprint
/// back to the member by telephone before you sign: this is the moment that everyone else relies on.
#[derive(Args)]
#[command(after_help = "\
Example:
  musubi-registry member add minato.json --approver-key /media/usb/approver.pem
  musubi-node describe | musubi-registry member add - --approver-key approver.pem")]
pub(super) struct Add {
    /// The member's own description; `-` reads standard input.
    #[arg(value_name = "DESCRIPTION.json")]
    description: PathBuf,
    /// An approver's key, PEM; once for each approver that root demands. Keep it away from this
    /// machine when it is not in use.
    #[arg(long, value_name = "FILE", required = true)]
    approver_key: Vec<PathBuf>,
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    output: Output,
}

/// Everyone, with their states.
#[derive(Args)]
#[command(after_help = "\
Examples:
  musubi-registry member list
  musubi-registry member list -o json")]
pub(super) struct List {
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    output: Output,
}

/// One member: names, endpoint, keys, certificates, history.
#[derive(Args)]
#[command(after_help = "\
Example:
  musubi-registry member show urn:musubi:member:0110000001")]
pub(super) struct Show {
    /// The member's id.
    #[arg(value_name = "MEMBER")]
    id: MemberId,
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    output: Output,
}

/// Stops a member for now.
///
/// Needs no approver: whoever keeps this server may always stop a member.
#[derive(Args)]
#[command(after_help = "\
Example:
  musubi-registry member suspend urn:musubi:member:0110000001 --reason 'key may be stolen'")]
pub(super) struct Suspend {
    #[command(flatten)]
    step: Step,
}

/// Lets a suspended member take part again.
#[derive(Args)]
#[command(after_help = "\
Example:
  musubi-registry member resume urn:musubi:member:0110000001 --reason 'was a false alarm'")]
pub(super) struct Resume {
    #[command(flatten)]
    step: Step,
}

/// Says that a member announced that it may be away.
#[derive(Args)]
#[command(after_help = "\
Example:
  musubi-registry member maintain urn:musubi:member:0110000001 --reason 'new power supply'")]
pub(super) struct Maintain {
    #[command(flatten)]
    step: Step,
}

/// Ends a membership for ever. The id is never a member's again; to stop one for now, suspend it.
#[derive(Args)]
#[command(after_help = "\
Example:
  musubi-registry member revoke urn:musubi:member:0110000001 --reason 'closed' --yes")]
pub(super) struct Revoke {
    #[command(flatten)]
    step: Step,
    /// Does not ask.
    #[arg(long)]
    yes: bool,
}

/// A step in a member's life.
#[derive(Args)]
struct Step {
    /// The member's id.
    #[arg(value_name = "MEMBER")]
    id: MemberId,
    /// Why, for the member's history. Never a patient's name.
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    output: Output,
}

impl Member {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Add(add) => add.run(),
            Self::List(list) => list.run(),
            Self::Show(show) => show.run(),
            Self::Replace(replace) => replace.run(),
            Self::Suspend(Suspend { step }) => step.run(MemberState::Suspended),
            Self::Resume(Resume { step }) => step.run(MemberState::Active),
            Self::Maintain(Maintain { step }) => step.run(MemberState::Maintenance),
            Self::Revoke(revoke) => revoke.run(),
            Self::RevokeKey(revoke) => revoke.run(),
        }
    }
}

impl Add {
    fn run(self) -> Result<(), Failure> {
        let now = SystemClock.now();
        let (mut database, issuer) = open(&self.config, now)?;
        let root = issuer.root();
        let admission = Admission::check(&files::read(&self.description)?, now)?;
        let keys = self.approver_key.iter().map(|path| read_key(path));
        let keys: Vec<SecretKey> = keys.collect::<Result<_, _>>()?;
        let approvers: Vec<&dyn Sign> = keys.iter().map(|key| -> &dyn Sign { key }).collect();
        let entry = admission.approve(root.registry(), &approvers, now);
        let work = |db: &mut Connection| {
            let admitted = members::admit(db, &entry, root.document(), now)?;
            let (to, reason) = (MemberState::Active, "added by an operator, not probed");
            Ok::<_, Failure>(members::change_state(db, &admitted.id, to, reason, now)?)
        };
        let (member, edition) = issuer.change(&mut database, Needs::Directory, now, work)?;
        progress(format_args!(
            "{} is {} from directory {} on (status {})",
            member.id, member.state, edition.directory.seq, edition.status.seq
        ));
        self.output.one(&member, admission.profile(), &[])
    }
}

impl Revoke {
    fn run(self) -> Result<(), Failure> {
        let id = &self.step.id;
        let question = format_args!("{id} is ended for ever. Type yes: ");
        if self.yes || confirm(question)? {
            return self.step.run(MemberState::Revoked);
        }
        let next = "to stop a member for now: musubi-registry member suspend";
        Err(Failure::new(Exit::Failure, "nothing was changed", next))
    }
}

impl List {
    fn run(self) -> Result<(), Failure> {
        let mut database = Database::open(&self.config.load()?.database_path()?)?;
        let members = database.read(members::all)?;
        let waiting = database.read(members::replacements)?;
        let of = |id: &MemberId| waiting.iter().find(|one| one.member == *id);
        let members = members
            .into_iter()
            .map(|row| profile(&row).map(|profile| (row, profile)))
            .collect::<Result<Vec<_>, _>>()?;
        match self.output.format {
            Format::Json => {
                let all = members
                    .iter()
                    .map(|(row, profile)| as_json(row, profile, of(&row.id)))
                    .collect();
                print_json(&serde_json::Value::Array(all))
            }
            Format::Table => {
                let line = |(row, profile): &(MemberRow, Profile)| {
                    [
                        row.id.to_string(),
                        match of(&row.id).map(said_of) {
                            None => row.state.to_string(),
                            Some(said) => format!("{}, {said}", row.state),
                        },
                        profile.names.ja.clone(),
                        profile.endpoints.federation.clone(),
                        row.changed_at.to_string(),
                    ]
                };
                let rows: Vec<_> = members.iter().map(line).collect();
                print(&table(
                    ["MEMBER", "STATE", "NAME", "ENDPOINT", "SINCE"],
                    &rows,
                ))
            }
        }
    }
}

impl Show {
    fn run(self) -> Result<(), Failure> {
        let mut database = Database::open(&self.config.load()?.database_path()?)?;
        let (member, history) = database.read(|db| members::show(db, &self.id))?;
        let waiting = database.read(members::replacements)?;
        let waiting = waiting.iter().find(|one| one.member == self.id);
        self.output
            .with(&member, &profile(&member)?, &history, waiting)
    }
}

impl Step {
    fn run(self, to: MemberState) -> Result<(), Failure> {
        let now = SystemClock.now();
        let (mut database, issuer) = open(&self.config, now)?;
        let work = |db: &mut Connection| {
            Ok::<_, Failure>(members::change_state(db, &self.id, to, &self.reason, now)?)
        };
        let (member, edition) = issuer.change(&mut database, Needs::Status, now, work)?;
        if let Some(trouble) = &edition.trouble {
            progress(format_args!(
                "warning: {trouble}; the status says it all the same"
            ));
        }
        progress(format_args!(
            "{} is {} from status {} on (directory {})",
            member.id, member.state, edition.status.seq, edition.directory.seq
        ));
        self.output.one(&member, &profile(&member)?, &[])
    }
}

/// What the approvers signed about a member.
fn profile(row: &MemberRow) -> Result<Profile, Failure> {
    row.profile().ok_or_else(|| {
        Failure::new(
            Exit::Check,
            format!("the entry of {} cannot be read", row.id),
            "the database was altered by something else: put it back from backup",
        )
    })
}

impl Output {
    fn one(&self, row: &MemberRow, member: &Profile, history: &[Change]) -> Result<(), Failure> {
        self.with(row, member, history, None)
    }

    fn with(
        &self,
        row: &MemberRow,
        member: &Profile,
        history: &[Change],
        waiting: Option<&ReplacementRow>,
    ) -> Result<(), Failure> {
        match self.format {
            Format::Json => {
                let mut value = as_json(row, member, waiting);
                if let (Some(object), false) = (value.as_object_mut(), history.is_empty()) {
                    let history = history.iter().map(change_as_json).collect();
                    object.insert("history".to_owned(), history);
                }
                print_json(&value)
            }
            Format::Table => print(&as_text(row, member, history, waiting)),
        }
    }
}

/// How a replacement stands.
fn said_of(row: &ReplacementRow) -> String {
    match row.in_force_at {
        Some(at) => format!("replaced at {at}"),
        None => "replacement waits for approvers".to_owned(),
    }
}

fn replacement_as_json(row: &ReplacementRow) -> serde_json::Value {
    let profile = row
        .statement()
        .and_then(|statement| members::profile_of(&statement));
    json!({
        "asked_at": row.asked_at.to_string(),
        "in_force_at": row.in_force_at.map(|at| at.to_string()),
        "endpoint": profile.map(|profile| profile.endpoints.federation),
    })
}

fn as_json(
    row: &MemberRow,
    member: &Profile,
    waiting: Option<&ReplacementRow>,
) -> serde_json::Value {
    json!({
        "id": row.id,
        "state": row.state,
        "replacement": waiting.map(replacement_as_json),
        "added_at": row.added_at.to_string(),
        "changed_at": row.changed_at.to_string(),
        "names": member.names,
        "region": member.region,
        "phone": member.phone,
        "operator": member.operator,
        "endpoint": member.endpoints.federation,
        "capabilities": member.capabilities,
        "protocol": member.protocol,
        "keys": member.keys.iter().map(key_as_json).collect::<serde_json::Value>(),
        "certificates": member.certificates.iter()
            .map(|certificate| json!({ "sha256": certificate.fingerprint().to_string() }))
            .collect::<serde_json::Value>(),
    })
}

fn key_as_json(key: &KeyStatement) -> serde_json::Value {
    json!({
        "use": key.key_use,
        "kid": key.kid,
        "not_before": key.not_before.to_string(),
        "not_after": key.not_after.to_string(),
    })
}

fn change_as_json(change: &Change) -> serde_json::Value {
    json!({
        "at": change.at.to_string(),
        "from": change.from,
        "to": change.to,
        "reason": change.reason,
    })
}

fn as_text(
    row: &MemberRow,
    member: &Profile,
    history: &[Change],
    waiting: Option<&ReplacementRow>,
) -> String {
    let mut facts = vec![
        ["member".to_owned(), row.id.to_string()],
        [
            "state".to_owned(),
            format!("{} since {}", row.state, row.changed_at),
        ],
        [
            "name".to_owned(),
            format!("{} / {}", member.names.ja, member.names.en),
        ],
        ["region".to_owned(), member.region.clone()],
        ["phone".to_owned(), member.phone.clone().unwrap_or_default()],
        ["operator".to_owned(), member.operator.clone()],
        ["endpoint".to_owned(), member.endpoints.federation.clone()],
        ["capabilities".to_owned(), member.capabilities.join(" ")],
    ];
    facts.extend(waiting.map(|row| ["replacement".to_owned(), said_of(row)]));
    for key in &member.keys {
        let until = key.not_after;
        facts.push([
            format!("{} key", key.key_use.as_str()),
            format!("{} until {until}", key.kid),
        ]);
    }
    for certificate in &member.certificates {
        facts.push([
            "certificate".to_owned(),
            certificate.fingerprint().to_string(),
        ]);
    }
    for change in history {
        let from = change
            .from
            .map(|from| format!("{from} → "))
            .unwrap_or_default();
        let Change { to, reason, at, .. } = change;
        facts.push([
            "history".to_owned(),
            format!("{at} {from}{to} {reason}").trim_end().to_owned(),
        ]);
    }
    pairs(&facts)
}
