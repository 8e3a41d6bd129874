//! What can be typed.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::control::Order;
use crate::layout::Layout;
use crate::town::{HOSPITALS, Hospital, PEOPLE, Person};
use crate::trouble::Trouble;
use crate::{asking, control, telling, up};

/// A registry and three hospitals on this machine, with synthetic people, and a first question.
///
/// Everything is made afresh in the state folder at each start and ends with Ctrl-C.
#[derive(Parser)]
#[command(name = "three-hospitals", version, after_help = AFTER)]
struct Cli {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    up: up::Options,
    #[command(subcommand)]
    command: Option<Command>,
}

const AFTER: &str = "\
Hospitals: minato, yukimi, shirakaba. People: hana, kenichi, shigeru, misaki, tadashi, mio.
Exit codes of `ask`: 0 everyone answered, 6 refused by consent, 7 some hospital was silent.
`three-hospitals musubi-node …` and `three-hospitals musubi-registry …` are those two programs.";

/// Where the town keeps everything.
#[derive(clap::Args)]
struct Place {
    /// State folder: keys, databases, logs
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        default_value = ".three-hospitals"
    )]
    state: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Kill a hospital's node, as a power cut would (the town must be running)
    Kill {
        /// minato, yukimi or shirakaba
        #[arg(value_parser = hospital)]
        hospital: &'static Hospital,
    },
    /// Start a killed hospital's node again, on the same files
    Revive {
        /// minato, yukimi or shirakaba
        #[arg(value_parser = hospital)]
        hospital: &'static Hospital,
    },
    /// Ask about a person, as a physician of a hospital
    Ask {
        /// hana, kenichi, shigeru, misaki, tadashi or mio
        #[arg(value_parser = person)]
        person: &'static Person,
        /// The hospital that asks
        #[arg(long, default_value = "shirakaba", value_parser = hospital)]
        at: &'static Hospital,
    },
}

fn hospital(word: &str) -> Result<&'static Hospital, String> {
    Hospital::named(word).ok_or_else(|| {
        let known = HOSPITALS
            .iter()
            .map(|h| h.id)
            .collect::<Vec<_>>()
            .join(", ");
        format!("no such hospital; there are {known}")
    })
}

fn person(word: &str) -> Result<&'static Person, String> {
    Person::named(word).ok_or_else(|| {
        let known = PEOPLE.iter().map(|p| p.id).collect::<Vec<_>>().join(", ");
        format!("nobody of that name; there are {known}")
    })
}

/// Runs what `args` (the program's name first) spell out.
pub(crate) fn run(args: Vec<OsString>) -> Result<ExitCode, Trouble> {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too; nobody is left to be told if it cannot be said.
            let _ = error.print();
            return Ok(if error.use_stderr() {
                2.into()
            } else {
                ExitCode::SUCCESS
            });
        }
    };
    let layout = Layout::at(&cli.place.state)?;
    // One thread: servers are started from the main thread, whose end is the town's end.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Trouble::new(error.to_string(), "check this user's limits (ulimit -a)"))?;
    runtime.block_on(async {
        match cli.command {
            None => up::up(&layout, &cli.up).await,
            Some(Command::Kill { hospital }) => {
                obey(&layout, &Order::Kill(hospital.id.to_owned())).await
            }
            Some(Command::Revive { hospital }) => {
                obey(&layout, &Order::Revive(hospital.id.to_owned())).await
            }
            Some(Command::Ask { person, at }) => {
                control::must_run(&layout)?;
                let asked = asking::ask(&layout, person, at).await?;
                telling::tell(&asked);
                Ok(asked.exit.into())
            }
        }
    })
}

async fn obey(layout: &Layout, order: &Order) -> Result<ExitCode, Trouble> {
    let said = control::order(layout, order).await?;
    telling::say(&said);
    Ok(ExitCode::SUCCESS)
}
