//! `musubi-registry directory …`

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use federation_protocol::directory::{
    AcceptError, Directory as Accepted, Membership, Profile, Reading, Root, Status,
};
use federation_protocol::jws::PayloadHash;
use federation_protocol::time::Timestamp;
use federation_service::clock::{Clock as _, SystemClock};
use federation_service::outbound::OutboundRules;
use federation_service::peer_client::Fetched;
use federation_service::registry_client::{RegistryClient, fetch_root_by_pin};
use serde_json::json;

use super::failure::{Exit, Failure};
use super::output::{Format, Output, pairs, print, print_json, table};
use super::{ConfigFile, files};
use crate::database::Database;
use crate::directory::{Issue, Kind, find, newest};
use crate::members::profile_of;

/// How long one fetch may take.
const FETCH_DEADLINE: Duration = Duration::from_secs(10);

/// What this registry has signed.
#[derive(Subcommand)]
pub(super) enum Directory {
    /// Shows a directory from the ledger: the newest, or one of the past.
    Show(Show),
    /// Judges a directory as every node does.
    Verify(Verify),
}

/// Shows a directory from the ledger.
#[derive(Args)]
#[command(after_help = "\
Examples:
  musubi-registry directory show
  musubi-registry directory show --seq 12 -o json
  musubi-registry directory show --raw > directory.jws")]
pub(super) struct Show {
    /// Which one; without it, the newest.
    #[arg(long)]
    seq: Option<u64>,
    /// The signed document itself, byte for byte.
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    output: Output,
}

/// Judges a directory as every node does.
///
/// Without FILE and --url, the newest of the ledger, with its status. With --url, what a registry
/// serves now, fetched as a node would. Exit code 3 when a node would refuse it.
#[derive(Args)]
#[command(after_help = "\
Examples:
  musubi-registry directory verify
  musubi-registry directory verify directory.jws
  musubi-registry directory verify --url https://registry.example:9000 --root-sha256 PIN")]
pub(super) struct Verify {
    /// A directory document; `-` reads standard input.
    #[arg(value_name = "FILE", conflicts_with = "url")]
    file: Option<PathBuf>,
    /// A registry, `https://host[:port]`.
    #[arg(long)]
    url: Option<String>,
    /// The root to trust, as `init` printed it; without it, the root of the configured database.
    #[arg(long, value_name = "PIN")]
    root_sha256: Option<PayloadHash>,
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    output: Output,
}

impl Directory {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Show(show) => show.run(),
            Self::Verify(verify) => verify.run(),
        }
    }
}

impl Show {
    fn run(self) -> Result<(), Failure> {
        let now = SystemClock.now();
        let mut database = Database::open(&self.config.load()?.database_path()?)?;
        let root = pinned(&issue(&mut database, Kind::Root, None)?, None, now)?;
        let issue = issue(&mut database, Kind::Directory, self.seq)?;
        if self.raw {
            return print(&issue.document);
        }
        let directory = Accepted::accept(&issue.document, &root, None, Reading::Stored, now)
            .map_err(refused)?;
        let document = directory.document();
        let status = newest(&mut database, Kind::Status)?;
        match self.output.format {
            Format::Json => print_json(&json!(document)),
            Format::Table => print(&text(&root, &directory, status.as_ref())),
        }
    }
}

fn text(root: &Root, directory: &Accepted, status: Option<&Issue>) -> String {
    let document = directory.document();
    let mut text = pairs(&[
        ["registry".into(), root.registry().into()],
        ["root".into(), root.hash().to_string()],
        [
            "directory".into(),
            format!("{} ({})", document.seq, directory.hash()),
        ],
        ["made".into(), document.iat.to_string()],
        ["ends".into(), document.exp.to_string()],
        [
            "status".into(),
            status
                .map(|status| status.seq.to_string())
                .unwrap_or_default(),
        ],
        ["members".into(), document.members.len().to_string()],
    ]);
    let rows: Vec<_> = document
        .members
        .iter()
        .filter_map(|listed| Some((listed.state, profile_of(&listed.entry)?)))
        .map(
            |(
                state,
                Profile {
                    id,
                    names,
                    endpoints,
                    ..
                },
            )| {
                [
                    id.to_string(),
                    state.to_string(),
                    names.ja,
                    endpoints.federation,
                ]
            },
        )
        .collect();
    if !rows.is_empty() {
        text.push('\n');
        text.push_str(&table(["MEMBER", "STATE", "NAME", "ENDPOINT"], &rows));
    }
    text
}

impl Verify {
    fn run(self) -> Result<(), Failure> {
        let now = SystemClock.now();
        let verdict = match (&self.url, &self.file) {
            (Some(url), _) => self.served(url, now)?,
            (None, Some(file)) => {
                let root = self.own_root(now)?;
                let text = files::read(file)?;
                let directory = Accepted::accept(text.trim(), &root, None, Reading::Fresh, now);
                Verdict::of(&root, &directory.map_err(refused)?, None)
            }
            (None, None) => {
                let mut database = self.database()?;
                let root = self.own_root(now)?;
                let directory = issue(&mut database, Kind::Directory, None)?;
                let status = issue(&mut database, Kind::Status, None)?;
                judge(root, &directory.document, &status.document, now)?
            }
        };
        verdict.print(self.output.format)
    }

    fn database(&self) -> Result<Database, Failure> {
        Ok(Database::open(&self.config.load()?.database_path()?)?)
    }

    fn own_root(&self, now: Timestamp) -> Result<Root, Failure> {
        pinned(
            &issue(&mut self.database()?, Kind::Root, None)?,
            self.root_sha256,
            now,
        )
    }

    /// What a registry serves now, fetched and judged as by a node that knows only the pin.
    fn served(&self, url: &str, now: Timestamp) -> Result<Verdict, Failure> {
        let pin = match self.root_sha256 {
            Some(pin) => pin,
            None => self.own_root(now)?.hash(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| unreachable(url, &error))?;
        runtime.block_on(async {
            // An operator names this address on purpose: private ones are allowed.
            let rules =
                OutboundRules::new(["0.0.0.0/0", "::/0"].iter().flat_map(|range| range.parse()));
            let root = fetch_root_by_pin(url, &rules, FETCH_DEADLINE)
                .await
                .map_err(|error| unreachable(url, &error))?;
            let root = Root::pinned(&root, &pin, Reading::Fresh, now).map_err(refused)?;
            let named = &root.document().registry.certificates;
            let client = RegistryClient::new(url, named, &rules)
                .map_err(|error| unreachable(url, &error))?;
            let status = client.status(None, FETCH_DEADLINE).await;
            let status = body(url, status)?;
            let directory = client.directory(None, None, FETCH_DEADLINE).await;
            let directory = body(url, directory)?;
            judge(root, &directory, &status, now)
        })
    }
}

fn body<E: std::fmt::Display>(url: &str, fetched: Result<Fetched, E>) -> Result<String, Failure> {
    match fetched.map_err(|error| unreachable(url, &error))? {
        Fetched::Document { body, .. } => {
            String::from_utf8(body.to_vec()).map_err(|error| unreachable(url, &error))
        }
        Fetched::NotModified => Err(unreachable(url, &"an answer to another question")),
    }
}

fn judge(root: Root, directory: &str, status: &str, now: Timestamp) -> Result<Verdict, Failure> {
    let directory =
        Accepted::accept(directory, &root, None, Reading::Fresh, now).map_err(refused)?;
    let status = Status::accept(status, &root, None, Reading::Fresh, now).map_err(refused)?;
    let verdict = Verdict::of(&root, &directory, Some(status.document().seq));
    Membership::new(root, directory, status).map_err(refused)?;
    Ok(verdict)
}

/// What was found in order.
struct Verdict {
    registry: String,
    root: PayloadHash,
    seq: u64,
    hash: PayloadHash,
    members: usize,
    status: Option<u64>,
}

impl Verdict {
    fn of(root: &Root, directory: &Accepted, status: Option<u64>) -> Self {
        Self {
            registry: root.registry().to_owned(),
            root: root.hash(),
            seq: directory.document().seq,
            hash: directory.hash(),
            members: directory.document().members.len(),
            status,
        }
    }

    fn print(&self, format: Format) -> Result<(), Failure> {
        let Self {
            registry,
            root,
            seq,
            hash,
            members,
            status,
        } = self;
        match format {
            Format::Json => print_json(&json!({
                "accepted": true, "registry": registry, "root_sha256": root,
                "directory": { "seq": seq, "hash": hash, "members": members }, "status": status,
            })),
            Format::Table => print(&pairs(&[
                ["accepted".into(), "as every node would".into()],
                ["registry".into(), registry.clone()],
                ["root".into(), root.to_string()],
                [
                    "directory".into(),
                    format!("{seq} ({hash}), {members} members"),
                ],
                [
                    "status".into(),
                    status.map_or("not asked".into(), |seq| seq.to_string()),
                ],
            ])),
        }
    }
}

fn issue(database: &mut Database, kind: Kind, seq: Option<u64>) -> Result<Issue, Failure> {
    let found = match seq {
        Some(seq) => find(database, kind, seq)?,
        None => newest(database, kind)?,
    };
    found.ok_or_else(|| {
        let which = seq.map(|seq| format!(" {seq}")).unwrap_or_default();
        let what = format!("there is no {}{which} in the ledger", kind.name());
        Failure::new(
            Exit::Failure,
            what,
            "the first is made by `run`, or by `member add`",
        )
    })
}

fn pinned(issue: &Issue, pin: Option<PayloadHash>, now: Timestamp) -> Result<Root, Failure> {
    let pin = pin.unwrap_or(issue.hash);
    Root::pinned(issue.document.as_bytes(), &pin, Reading::Stored, now).map_err(refused)
}

fn refused(error: AcceptError) -> Failure {
    let next = if error.is_alarm() {
        "somebody may be showing another truth: tell the other operators, and change nothing"
    } else {
        "check this machine's clock and that it is the right file and registry"
    };
    Failure::new(
        Exit::Check,
        format!("every node would refuse this: {error}"),
        next,
    )
}

fn unreachable(url: &str, cause: &dyn std::fmt::Display) -> Failure {
    let next = "check the address, and that the registry runs";
    Failure::new(Exit::Unreachable, format!("{url}: {cause}"), next)
}
