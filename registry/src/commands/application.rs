//! `musubi-registry application …`

mod shown;
mod typed;

use std::path::PathBuf;

use federation_protocol::directory::ENTRY_TYP;
use federation_protocol::joining::{ApplicationState, Report, comparison_number};
use federation_protocol::jws::General;
use federation_protocol::keys::{SecretKey, Sign};
use federation_service::clock::{Clock as _, SystemClock};

use super::failure::{Exit, Failure};
use super::output::{Format, print, print_json, table};
use super::{ConfigFile, confirm, files, open, progress};
use crate::database::{Connection, Database};
use crate::directory::{Needs, read_key};
use crate::joining::{self, ApplicationRow, Approved, Prober};
use shown::{as_json, as_text, probed, shown};
pub(super) use typed::Application;
use typed::{Approve, Decision, Export, List, Probe, Reject, Return, Show, Sign_};

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
        let mut database = Database::open(&self.chosen.config.load()?.database_path()?)?;
        let (row, history) = database.read(|db| joining::show(db, self.chosen.id))?;
        shown(&self.chosen.output, &row, &history)
    }
}

impl Probe {
    fn run(self) -> Result<(), Failure> {
        let (mut database, issuer) = open(&self.chosen.config, SystemClock.now())?;
        let (row, _) = database.read(|db| joining::show(db, self.chosen.id))?;
        let prober = prober(&self.chosen.config, &issuer)?;
        let report = probe_now(&prober, &mut database, &row)?;
        let row = ApplicationRow {
            report: Some(report.clone()),
            ..row
        };
        shown(&self.chosen.output, &row, &[])?;
        match report.passed() {
            true => Ok(()),
            false => Err(not_passed(&row)),
        }
    }
}

impl Decision {
    fn run(self, to: ApplicationState) -> Result<(), Failure> {
        let mut database = Database::open(&self.chosen.config.load()?.database_path()?)?;
        let now = SystemClock.now();
        let row =
            database.transact(|db| joining::decide(db, self.chosen.id, to, &self.reason, now))?;
        progress(format_args!(
            "{} is {}; the hospital is told: {}",
            row.member, row.state, row.reason
        ));
        shown(&self.chosen.output, &row, &[])
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
            "next: musubi-registry application approve ID (or member replace FILE) --statement {}",
            self.out.display()
        ));
        Ok(())
    }
}

impl Approve {
    fn run(self) -> Result<(), Failure> {
        let now = SystemClock.now();
        let (mut database, issuer) = open(&self.chosen.config, now)?;
        let (mut row, _) = database.read(|db| joining::show(db, self.chosen.id))?;
        let admission = row.admission(now)?;
        if !row.report.as_ref().is_some_and(Report::passed) && !self.on_probation {
            let prober = prober(&self.chosen.config, &issuer)?;
            row.report = Some(probe_now(&prober, &mut database, &row)?);
        }
        if !matches!(self.chosen.output.format, Format::Json) {
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
            let (current, _) = joining::show(db, self.chosen.id)?;
            if current.description != row.description {
                return Err(changed_meanwhile());
            }
            let approved = joining::approve(db, self.chosen.id, statement, &approvers, root, now)?;
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
        match self.chosen.output.format {
            Format::Json => {
                let (row, history) = database.read(|db| joining::show(db, self.chosen.id))?;
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
pub(super) fn compare(number: &str, read_out: Option<&str>) -> Result<(), Failure> {
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
