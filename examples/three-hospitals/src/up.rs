//! Brings the town up, asks the first question, stays until Ctrl-C, takes orders meanwhile.

use std::path::PathBuf;
use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::control::{Door, Order, Reply};
use crate::layout::Layout;
use crate::ports::Ports;
use crate::process::Server;
use crate::setup::{Furnished, furnish, start_node};
use crate::telling::{note, say, tell};
use crate::town::{Hospital, PEOPLE, Person};
use crate::trouble::Trouble;
use crate::{asking, checking, ready};

/// How the town is made.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Ask the first question, check the answer, end: 0 if all was as it must be
    #[arg(long)]
    once: bool,
    /// First of the ports on 127.0.0.1 that are used (up to +34)
    #[arg(long, value_name = "N", default_value_t = 7300)]
    port_base: u16,
    /// PostgreSQL instead of SQLite: postgres://user:password@host/town; a database per hospital
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// When all is up, write every URL, id, token and key file there (JSON, readable by you only)
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

/// Runs the town.
pub(crate) async fn up(layout: &Layout, options: &Options) -> Result<ExitCode, Trouble> {
    let ports = Ports::from(options.port_base)?;
    let mut interrupts = Interrupts::watch()?;
    let _lock = layout.take()?;
    ports.all_free()?;
    if let Some(stale) = options.ready_file.as_deref().filter(|path| path.exists()) {
        // Whoever waits for it must not find an earlier town's.
        std::fs::remove_file(stale).map_err(|error| Trouble::file(stale, &error))?;
    }
    let mut servers = Vec::new();
    let outcome = tokio::select! {
        outcome = live(layout, ports, options, &mut servers) => outcome,
        () = interrupts.next() => {
            note("");
            Ok(if options.once { ExitCode::from(130) } else { ExitCode::SUCCESS })
        }
    };
    note("ending the hospitals and the registry");
    for server in servers.iter_mut().rev() {
        server.end().await;
    }
    outcome
}

async fn live(
    layout: &Layout,
    ports: Ports,
    options: &Options,
    servers: &mut Vec<Server>,
) -> Result<ExitCode, Trouble> {
    let made = furnish(layout, ports, options.database.as_deref(), servers).await?;
    if options.once {
        ready::write(layout, ports, &made, options.ready_file.as_deref())?;
        return checking::every_story(layout).await;
    }
    let door = Door::open(layout)?;
    first_question(layout).await?;
    ready::write(layout, ports, &made, options.ready_file.as_deref())?;
    what_to_try(layout, ports);
    pages_to_try(ports, &made);
    loop {
        let visit = door.next().await;
        let reply = match obey(layout, ports, servers, &visit.order).await {
            Ok(said) => {
                note(&said);
                Reply::Done(said)
            }
            Err(trouble) => Reply::Refused(trouble.to_string()),
        };
        visit.reply(&reply).await;
    }
}

async fn first_question(layout: &Layout) -> Result<(), Trouble> {
    let nobody = || Trouble::new("nobody lives here", "report this as a bug");
    let hana: &'static Person = PEOPLE.first().ok_or_else(nobody)?;
    let at = Hospital::named("shirakaba").ok_or_else(nobody)?;
    tell(&asking::ask(layout, hana, at).await?);
    Ok(())
}

async fn obey(
    layout: &Layout,
    ports: Ports,
    servers: &mut [Server],
    order: &Order,
) -> Result<String, Trouble> {
    let (Order::Kill(word) | Order::Revive(word)) = order;
    let unknown = || {
        Trouble::new(
            format!("no hospital {word} runs here"),
            "name one of the three",
        )
    };
    let hospital = Hospital::named(word).ok_or_else(unknown)?;
    let place = servers
        .iter_mut()
        .find(|server| server.name == hospital.id)
        .ok_or_else(unknown)?;
    match order {
        Order::Kill(_) if !place.runs() => Ok(format!("{} was not running", hospital.id)),
        Order::Kill(_) => {
            place.kill().await;
            Ok(format!("{} is down", hospital.id))
        }
        Order::Revive(_) if place.runs() => Ok(format!("{} runs already", hospital.id)),
        Order::Revive(_) => {
            *place = start_node(layout, ports, hospital).await?;
            Ok(format!("{} is up again{BREAKER}", hospital.id))
        }
    }
}

/// Why an answer may still be missing after a revival.
const BREAKER: &str = "; whoever failed to reach it five times leaves it alone for up to 30 s";

fn what_to_try(layout: &Layout, ports: Ports) {
    let state = layout.root().display();
    let me = "cargo run --release -p three-hospitals --";
    say("");
    say("The town is up. In another terminal:");
    say(&format!(
        "  {me} kill yukimi            # then ask again: yukimi is named as silent"
    ));
    say(&format!(
        "  {me} ask hana               # asked at shirakaba; exit code 7 when partial"
    ));
    say(&format!("  {me} revive yukimi"));
    for person in PEOPLE.iter().skip(1) {
        say(&format!(
            "  {:<66}# {}",
            format!("{me} ask {}", person.id),
            person.story
        ));
    }
    if let Some(minato) = Hospital::named("minato") {
        say(&format!(
            "  curl -s -H \"Authorization: Bearer $(cat {state}/tokens/minato-physician)\" \\\n       \
             'http://{}/fhir/MedicationRequest?patient=p-00012045&_count=2' | jq",
            ports.hospital(minato)
        ));
    }
    say(&format!(
        "Every address, token and key: {}",
        layout.ready_file().display()
    ));
    say("More to try: README.md. Ctrl-C ends everything.");
}

/// The pages, for a browser: whom one comes in as, by one-time links, and a person to begin with.
fn pages_to_try(ports: Ports, made: &Furnished) {
    say("");
    say(
        "In a browser, each link once, each makes a passkey (docs/PHYSICIAN.md and docs/PATIENT.md say what then):",
    );
    for (hospital, role) in [
        ("minato", "registrar"),
        ("yukimi", "registrar"),
        ("shirakaba", "physician"),
        ("minato", "admin"),
        ("minato", "auditor"),
    ] {
        let mut accounts = made.staff.iter();
        let found = accounts.find(|one| one.hospital.id == hospital && one.role == role);
        if let Some(account) = found {
            say(&format!("  {:<10}{role:<11}{}", hospital, account.link));
        }
    }
    if let Some(minato) = Hospital::named("minato") {
        say(&format!(
            "  a phone: {}/p/start, with the code that Minato's desk gives 渡辺 節子 \
             (number 00050501, born 1957-05-20, 090-0000-1107; 8801 at Yukimi, H4401 at Shirakaba)",
            ports.people_pages(minato)
        ));
    }
}

/// Ctrl-C, or a polite kill.
struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    /// From here on a signal ends the town in order.
    fn watch() -> Result<Self, Trouble> {
        let watch = |kind| {
            signal(kind).map_err(|error| Trouble::new(format!("signals: {error}"), "try again"))
        };
        let interrupt = watch(SignalKind::interrupt())?;
        Ok(Self {
            interrupt,
            terminate: watch(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
