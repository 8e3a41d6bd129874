//! `musubi-registry application …`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use federation_protocol::directory::ENTRY_TYP;
use federation_protocol::joining::{ApplicationId, ApplicationState, Report, comparison_number};
use federation_protocol::jws::General;
use federation_protocol::keys::{SecretKey, Sign};
use federation_protocol::time::Timestamp;
use federation_service::clock::{Clock as _, SystemClock};
use serde_json::json;

use super::failure::{Exit, Failure};
use super::output::{Format, Output, pairs, print, print_json, table};
use super::{ConfigFile, confirm, files, open, progress};
use crate::database::{Connection, Database};
use crate::directory::{Needs, read_key};
use crate::joining::{self, ApplicationRow, Approved, Prober, Step};
use crate::members::Admission;

/// Who wants to join.
#[derive(Subcommand)]
pub(super) enum Application {
    /// Every application, newest first.
    List(List),
    /// One application: who, where, which keys, what the probe found, what was done with it.
    Show(Show),
    /// Probes the applicant's node now.
    Probe(Probe),
    /// Signs with an approver's key; with enough of them, the applicant is a member.
    Approve(Approve),
    /// Gives it back with a reason; the hospital mends it and hands it in again.
    Return(Return),
    /// Refuses it for good, with a reason.
    Reject(Reject),
    /// Writes the statement that approvers sign, to be signed on another machine.
    Export(Export),
    /// Signs an exported statement; needs neither the registry nor its folder.
    Sign(Sign_),
}

/// Every application, newest first.
#[derive(Args)]
#[command(after_help = "\
Examples:
  musubi-registry application list
  musubi-registry application list -o json")]
pub(super) struct List {
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    output: Output,
}

/// One application.
#[derive(Args)]
#[command(after_help = "\
Example:
  musubi-registry application show ID")]
pub(super) struct Show {
    /// The application, as `list` shows it.
    #[arg(value_name = "ID", allow_hyphen_values = true)]
    id: ApplicationId,
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    output: Output,
}

/// Probes the applicant's node now.
///
/// A running registry does this by itself, until the node has passed.
#[derive(Args)]
#[command(after_help = "\
Exit code 3 when the node did not pass.

Example:
  musubi-registry application probe ID")]
pub(super) struct Probe {
    /// The application, as `list` shows it.
    #[arg(value_name = "ID", allow_hyphen_values = true)]
    id: ApplicationId,
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    output: Output,
}

/// Signs with an approver's key; with enough of them, the applicant is a member.
///
/// Call the hospital at a number that you know from elsewhere and compare the thirty digits: this is
/// the moment that everyone else relies on.
#[derive(Args)]
#[command(after_help = "\
Where root asks for several approvers, each signs in turn: the first one's signature is kept, the
last one makes the member.

Examples:
  musubi-registry application approve ID --approver-key /media/usb/approver.pem
  musubi-registry application approve ID --approver-key a.pem --fingerprint '12345 …'
  musubi-registry application approve ID --statement signed.json --fingerprint '12345 …'")]
pub(super) struct Approve {
    /// The application, as `list` shows it.
    #[arg(value_name = "ID", allow_hyphen_values = true)]
    id: ApplicationId,
    /// An approver's key, PEM; may be repeated. Keep it away from this machine when not in use.
    #[arg(long, value_name = "FILE", required_unless_present = "statement")]
    approver_key: Vec<PathBuf>,
    /// A statement that was signed on another machine (`application sign`).
    #[arg(long, value_name = "FILE")]
    statement: Option<PathBuf>,
    /// The thirty digits as the hospital read them out; without it you are asked.
    #[arg(long, value_name = "DIGITS")]
    fingerprint: Option<String>,
    /// Approves although the node has not passed the probe: the member is on probation, and takes
    /// part once it passes.
    #[arg(long)]
    on_probation: bool,
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    output: Output,
}

/// Gives it back with a reason.
#[derive(Args)]
#[command(after_help = "\
Example:
  musubi-registry application return ID --reason 'the name in kana is missing'")]
pub(super) struct Return {
    #[command(flatten)]
    decision: Decision,
}

/// Refuses it for good, with a reason.
#[derive(Args)]
#[command(after_help = "\
Example:
  musubi-registry application reject ID --reason 'not the hospital that we invited'")]
pub(super) struct Reject {
    #[command(flatten)]
    decision: Decision,
}

#[derive(Args)]
struct Decision {
    /// The application, as `list` shows it.
    #[arg(value_name = "ID", allow_hyphen_values = true)]
    id: ApplicationId,
    /// Why. The hospital reads it.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    output: Output,
}

/// Writes the statement that approvers sign.
#[derive(Args)]
#[command(after_help = "\
Example:
  musubi-registry application export ID --out statement.json")]
pub(super) struct Export {
    /// The application, as `list` shows it.
    #[arg(value_name = "ID", allow_hyphen_values = true)]
    id: ApplicationId,
    /// A new file.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    config: ConfigFile,
}

/// Signs an exported statement.
#[derive(Args)]
#[command(after_help = "\
Example:
  musubi-registry application sign statement.json --approver-key approver.pem --out signed.json")]
pub(super) struct Sign_ {
    /// What `application export` wrote, or another approver signed.
    #[arg(value_name = "FILE")]
    statement: PathBuf,
    /// An approver's key, PEM.
    #[arg(long, value_name = "FILE", required = true)]
    approver_key: Vec<PathBuf>,
    /// A new file.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The thirty digits as the hospital read them out; without it you are asked.
    #[arg(long, value_name = "DIGITS")]
    fingerprint: Option<String>,
}

impl Application {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run(),
            Self::Show(show) => show.run(),
            Self::Probe(probe) => probe.run(),
            Self::Approve(approve) => approve.run(),
            Self::Return(Return { decision }) => decision.run(ApplicationState::Returned),
            Self::Reject(Reject { decision }) => decision.run(ApplicationState::Rejected),
            Self::Export(export) => export.run(),
            Self::Sign(sign) => sign.run(),
        }
    }
}

impl List {
    fn run(self) -> Result<(), Failure> {
        let mut database = Database::open(&self.config.load()?.database_path()?)?;
        let rows = database.read(joining::all)?;
        let now = SystemClock.now();
        match self.output.format {
            Format::Json => {
                let all = rows.iter().map(|row| as_json(row, &[], now)).collect();
                print_json(&serde_json::Value::Array(all))
            }
            Format::Table => {
                let line = |row: &ApplicationRow| {
                    let admission = row.admission(now).ok();
                    let name = admission.map(|it| it.profile().names.ja.clone());
                    [
                        row.id.to_string(),
                        row.member.to_string(),
                        name.unwrap_or_else(|| "not in order".to_owned()),
                        row.state.to_string(),
                        probed(row.report.as_ref()).to_owned(),
                        row.changed_at.to_string(),
                    ]
                };
                let rows: Vec<_> = rows.iter().map(line).collect();
                let heads = ["APPLICATION", "MEMBER", "NAME", "STATE", "PROBE", "SINCE"];
                print(&table(heads, &rows))
            }
        }
    }
}

impl Show {
    fn run(self) -> Result<(), Failure> {
        let mut database = Database::open(&self.config.load()?.database_path()?)?;
        let (row, history) = database.read(|db| joining::show(db, self.id))?;
        shown(&self.output, &row, &history)
    }
}

impl Probe {
    fn run(self) -> Result<(), Failure> {
        let (mut database, issuer) = open(&self.config, SystemClock.now())?;
        let (row, _) = database.read(|db| joining::show(db, self.id))?;
        let prober = prober(&self.config, &issuer)?;
        let report = probe_now(&prober, &mut database, &row)?;
        let row = ApplicationRow {
            report: Some(report.clone()),
            ..row
        };
        shown(&self.output, &row, &[])?;
        match report.passed() {
            true => Ok(()),
            false => Err(not_passed(&row)),
        }
    }
}

impl Decision {
    fn run(self, to: ApplicationState) -> Result<(), Failure> {
        let mut database = Database::open(&self.config.load()?.database_path()?)?;
        let now = SystemClock.now();
        let row = database.transact(|db| joining::decide(db, self.id, to, &self.reason, now))?;
        progress(format_args!(
            "{} is {}; the hospital is told: {}",
            row.member, row.state, row.reason
        ));
        shown(&self.output, &row, &[])
    }
}

impl Export {
    fn run(self) -> Result<(), Failure> {
        let now = SystemClock.now();
        let (mut database, issuer) = open(&self.config, now)?;
        let (row, _) = database.read(|db| joining::show(db, self.id))?;
        let statement = joining::statement(&row, issuer.root().registry(), now)?;
        files::write_new(&self.out, &statement.to_json(), 0o644)?;
        progress(format_args!(
            "next: musubi-registry application sign {} --approver-key FILE --out SIGNED",
            self.out.display()
        ));
        Ok(())
    }
}

impl Sign_ {
    fn run(self) -> Result<(), Failure> {
        let text = files::read(&self.statement)?;
        let unreadable = || {
            let what = format!("{} is no statement", self.statement.display());
            Failure::new(Exit::Check, what, "export it once more")
        };
        let statement: General = serde_json::from_str(&text).map_err(|_other| unreadable())?;
        let profile = crate::members::profile_of(&statement).ok_or_else(unreadable)?;
        progress(format_args!(
            "{} {} at {}",
            profile.id, profile.names.ja, profile.endpoints.federation
        ));
        compare(&comparison_number(&profile), self.fingerprint.as_deref())?;
        let keys = read_keys(&self.approver_key)?;
        let signed = keys
            .iter()
            .filter(|key| !statement.is_signed_by(ENTRY_TYP, key.kid()))
            .fold(statement.clone(), |signed, key| {
                signed.signed(ENTRY_TYP, key)
            });
        files::write_new(&self.out, &signed.to_json(), 0o644)?;
        progress(format_args!(
            "next: musubi-registry application approve ID --statement {}",
            self.out.display()
        ));
        Ok(())
    }
}

impl Approve {
    fn run(self) -> Result<(), Failure> {
        let now = SystemClock.now();
        let (mut database, issuer) = open(&self.config, now)?;
        let (mut row, _) = database.read(|db| joining::show(db, self.id))?;
        let admission = row.admission(now)?;
        if !row.report.as_ref().is_some_and(Report::passed) && !self.on_probation {
            let prober = prober(&self.config, &issuer)?;
            row.report = Some(probe_now(&prober, &mut database, &row)?);
        }
        if !matches!(self.output.format, Format::Json) {
            print(&as_text(&row, &[], now))?;
        }
        if !row.report.as_ref().is_some_and(Report::passed) && !self.on_probation {
            return Err(not_passed(&row));
        }
        let number = comparison_number(admission.profile());
        compare(&number, self.fingerprint.as_deref())?;
        let brought = self.statement.as_deref().map(files::read).transpose()?;
        let keys = read_keys(&self.approver_key)?;
        let approvers: Vec<&dyn Sign> = keys.iter().map(|key| -> &dyn Sign { key }).collect();
        let root = issuer.root().document();
        let work = |db: &mut Connection| {
            let statement = brought.as_deref();
            // Approved is what stood on the screen: the hospital may have handed in anew since.
            let (current, _) = joining::show(db, self.id)?;
            if current.description != row.description {
                return Err(changed_meanwhile());
            }
            let approved = joining::approve(db, self.id, statement, &approvers, root, now)?;
            Ok::<_, Failure>(approved)
        };
        let (approved, edition) = issuer.change(&mut database, Needs::Directory, now, work)?;
        match &approved {
            Approved::Member(member) => progress(format_args!(
                "{} is {} from directory {} on (status {})",
                member.id, member.state, edition.directory.seq, edition.status.seq
            )),
            Approved::Waiting { needed, signatures } => progress(format_args!(
                "signed: {signatures} of {needed}; the next approver types the same"
            )),
        }
        match self.output.format {
            Format::Json => {
                let (row, history) = database.read(|db| joining::show(db, self.id))?;
                print_json(&as_json(&row, &history, now))
            }
            Format::Table => Ok(()),
        }
    }
}

fn prober(config: &ConfigFile, issuer: &crate::directory::Issuer) -> Result<Prober, Failure> {
    let config = config.load()?;
    let prober = Prober::load(&config, issuer.root().document(), SystemClock::shared());
    prober
        .map_err(|error| {
            let next = "let state.dir and http.tls_* name the files that init made";
            Failure::new(Exit::Config, error.to_string(), next)
        })?
        .ok_or_else(|| {
            let next = "musubi-registry root draft --new-probe-key, or approve --on-probation";
            Failure::new(Exit::Config, "root names no key for probes", next)
        })
}

fn probe_now(
    prober: &Prober,
    database: &mut Database,
    row: &ApplicationRow,
) -> Result<Report, Failure> {
    let admission = row.admission(SystemClock.now())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Temporary, error.to_string(), "try again"))?;
    let report = runtime.block_on(prober.examine(admission.profile()));
    database.transact(|db| joining::keep_report(db, row, &report))?;
    Ok(report)
}

fn read_keys(paths: &[PathBuf]) -> Result<Vec<SecretKey>, Failure> {
    let keys = paths.iter().map(|path| read_key(path));
    Ok(keys.collect::<Result<_, _>>()?)
}

/// Both sides say the same thirty digits, or nobody signs.
fn compare(number: &str, read_out: Option<&str>) -> Result<(), Failure> {
    let digits = |text: &str| -> String { text.chars().filter(char::is_ascii_digit).collect() };
    let same = match read_out {
        Some(read_out) => digits(read_out) == digits(number),
        None => confirm(format_args!(
            "\nCall the hospital at a number that you know from elsewhere. Its node shows\n\n    \
             {number}\n\nDo they read out the same digits? Type yes: "
        ))?,
    };
    if same {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Check,
        "the digits were not confirmed; nothing was signed",
        "if they differ, somebody is between you and the hospital: reject the application",
    ))
}

fn not_passed(row: &ApplicationRow) -> Failure {
    let failed: Vec<_> = row
        .report
        .iter()
        .flat_map(|report| &report.checks)
        .filter(|check| !check.passed)
        .map(|check| format!("{}: {}", check.name, check.found))
        .collect();
    Failure::new(
        Exit::Check,
        format!("the node did not pass the probe: {}", failed.join("; ")),
        "let them start the node and mend it (`application return`), or approve --on-probation",
    )
}

fn changed_meanwhile() -> Failure {
    Failure::new(
        Exit::Temporary,
        "the hospital has handed in another description meanwhile; nothing was signed",
        "look at it, compare the digits again, and approve again",
    )
}

fn probed(report: Option<&Report>) -> &'static str {
    match report {
        None => "not yet",
        Some(report) if report.passed() => "passed",
        Some(_) => "failed",
    }
}

fn shown(output: &Output, row: &ApplicationRow, history: &[Step]) -> Result<(), Failure> {
    let now = SystemClock.now();
    match output.format {
        Format::Json => print_json(&as_json(row, history, now)),
        Format::Table => print(&as_text(row, history, now)),
    }
}

fn as_json(row: &ApplicationRow, history: &[Step], now: Timestamp) -> serde_json::Value {
    let admission = row.admission(now);
    let mut value = json!({
        "id": row.id,
        "member": row.member,
        "state": row.state,
        "reason": row.reason,
        "applied_at": row.applied_at.to_string(),
        "changed_at": row.changed_at.to_string(),
        "contact": row.contact,
        "probe": row.report.as_ref().map(|report| json!({
            "at": report.at.to_string(), "passed": report.passed(), "checks": report.checks,
        })),
    });
    let said = match &admission {
        Ok(admission) => json!({
            "names": admission.profile().names,
            "endpoint": admission.profile().endpoints.federation,
            "software": admission.software(),
            "fingerprint": comparison_number(admission.profile()),
        }),
        Err(error) => json!({ "not_in_order": error.to_string() }),
    };
    let steps: Vec<_> = history
        .iter()
        .map(|step| json!({ "at": step.at.to_string(), "to": step.to, "reason": step.reason }))
        .collect();
    if let (Some(object), Some(said)) = (value.as_object_mut(), said.as_object()) {
        object.extend(said.clone());
        if !steps.is_empty() {
            object.insert("history".to_owned(), steps.into());
        }
    }
    value
}

fn as_text(row: &ApplicationRow, history: &[Step], now: Timestamp) -> String {
    let mut facts = vec![
        ["application".to_owned(), row.id.to_string()],
        ["member".to_owned(), row.member.to_string()],
        [
            "state".to_owned(),
            format!("{} since {} {}", row.state, row.changed_at, row.reason),
        ],
        ["contact".to_owned(), row.contact.name.clone()],
        ["phone".to_owned(), row.contact.phone.clone()],
        ["email".to_owned(), row.contact.email.clone()],
    ];
    match row.admission(now) {
        Ok(admission) => facts.extend(described(&admission)),
        Err(error) => facts.push(["not in order".to_owned(), error.to_string()]),
    }
    let report = row.report.as_ref();
    facts.push(["probe".to_owned(), probed(report).to_owned()]);
    for check in report.iter().flat_map(|report| &report.checks) {
        let word = if check.passed { "ok" } else { "FAILED" };
        facts.push([
            format!("  {}", check.name),
            format!("{word}: {}", check.found),
        ]);
    }
    for Step { to, reason, at } in history {
        let line = format!("{at} {to} {reason}").trim_end().to_owned();
        facts.push(["history".to_owned(), line]);
    }
    pairs(&facts)
}

fn described(admission: &Admission) -> Vec<[String; 2]> {
    let profile = admission.profile();
    let mut facts = vec![
        [
            "name".to_owned(),
            format!("{} / {}", profile.names.ja, profile.names.en),
        ],
        ["operator".to_owned(), profile.operator.clone()],
        ["endpoint".to_owned(), profile.endpoints.federation.clone()],
        ["software".to_owned(), admission.software().to_owned()],
        ["fingerprint".to_owned(), comparison_number(profile)],
    ];
    for key in &profile.keys {
        let text = format!("{} until {}", key.kid, key.not_after);
        facts.push([format!("{} key", key.key_use.as_str()), text]);
    }
    facts
}
