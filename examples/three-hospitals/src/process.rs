//! Starts this binary again in its other roles: commands that end, and servers that stay.

use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::process::{Child, Command};

use crate::trouble::Trouble;

/// The first argument that makes this binary the node's program.
pub(crate) const NODE: &str = "musubi-node";
/// The first argument that makes this binary the registry's program.
pub(crate) const REGISTRY: &str = "musubi-registry";

/// How long a server may take to end after SIGTERM before it is killed.
const ENDING: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(50);

/// Lets the kernel end this server when the town that started it is gone, even by kill -9.
pub(crate) fn end_with_the_town() {
    #[cfg(target_os = "linux")]
    // Where the kernel refuses, a killed town leaves its servers behind: no reason not to serve.
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::TERM));
}

/// What a command said and how it ended.
pub(crate) struct Finished {
    /// The exit code; 128 + the signal when it was killed.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    shown: String,
}

impl Finished {
    /// The standard output of a command that must succeed.
    pub(crate) fn succeeded(self) -> Result<String, Trouble> {
        if self.code == 0 {
            return Ok(self.stdout);
        }
        Err(self.failed())
    }

    /// The failure of a command, in its own words.
    pub(crate) fn failed(&self) -> Trouble {
        let said = self.stderr.trim_end();
        let (what, next) = match said.rsplit_once("next:") {
            Some((what, next)) => (what.trim_end(), next.trim()),
            None => (said, "run the command above by hand"),
        };
        Trouble::new(
            format!("`{}` ended with {}\n{what}", self.shown, self.code),
            next,
        )
    }
}

fn command(role: &str, words: &Words) -> Result<Command, Trouble> {
    let program = std::env::current_exe().map_err(|error| {
        Trouble::new(
            format!("this program cannot find itself: {error}"),
            "start it by its path",
        )
    })?;
    let mut command = Command::new(program);
    command
        .arg(role)
        .args(&words.0)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MUSUBI_") {
            command.env_remove(name);
        }
    }
    Ok(command)
}

/// The words of a command line, one after another.
#[derive(Clone)]
pub(crate) struct Words(Vec<OsString>);

impl Words {
    /// A command, as `["person", "enroll"]`.
    pub(crate) fn of(command: &[&str]) -> Self {
        Self(command.iter().map(OsString::from).collect())
    }

    /// One more word.
    pub(crate) fn word(mut self, word: impl AsRef<OsStr>) -> Self {
        self.0.push(word.as_ref().to_owned());
        self
    }

    /// An option and its value.
    pub(crate) fn option(self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.word(name).word(value)
    }

    /// The result as JSON.
    pub(crate) fn json(self) -> Self {
        self.option("-o", "json")
    }
}

/// Runs a command to its end.
pub(crate) async fn run(role: &str, words: Words) -> Result<Finished, Trouble> {
    let shown = std::iter::once(role.to_owned())
        .chain(words.0.iter().map(|arg| arg.to_string_lossy().into_owned()))
        .collect::<Vec<_>>()
        .join(" ");
    let output = command(role, &words)?.output().await.map_err(|error| {
        Trouble::new(
            format!("`{shown}` could not be started: {error}"),
            "try again",
        )
    })?;
    Ok(Finished {
        code: output.status.code().unwrap_or(128),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        shown,
    })
}

/// A server that runs until it is told to end.
pub(crate) struct Server {
    /// `registry`, or the hospital's id.
    pub(crate) name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts a server; what it says goes to `log`.
    pub(crate) fn start(
        name: &'static str,
        role: &str,
        words: Words,
        environment: &[(&str, String)],
        log: &Path,
    ) -> Result<Self, Trouble> {
        let open = || {
            OpenOptions::new()
                .create(true)
                .append(true)
                .mode(0o600)
                .open(log)
        };
        let file = || open().map_err(|error| Trouble::file(log, &error));
        let mut command = command(role, &words)?;
        command.envs(environment.iter().map(|(name, value)| (*name, value)));
        // A group of its own: Ctrl-C reaches the town, and the town ends its servers in order.
        command.process_group(0).stdout(file()?).stderr(file()?);
        let child = command.spawn().map_err(|error| {
            Trouble::new(format!("{name} could not be started: {error}"), "try again")
        })?;
        Ok(Self {
            name,
            child,
            log: log.to_owned(),
        })
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until `ready` holds.
    pub(crate) async fn until(
        &mut self,
        limit: Duration,
        ready: impl AsyncFn() -> bool,
    ) -> Result<(), Trouble> {
        let mut waited = Duration::ZERO;
        loop {
            if !self.runs() {
                return Err(self.ended_early());
            }
            if ready().await {
                return Ok(());
            }
            if waited >= limit {
                return Err(Trouble::new(
                    format!(
                        "{} was not ready after {} s{}",
                        self.name,
                        limit.as_secs(),
                        self.tail()
                    ),
                    format!("read {}", self.log.display()),
                ));
            }
            tokio::time::sleep(LOOK).await;
            waited += LOOK;
        }
    }

    fn ended_early(&self) -> Trouble {
        Trouble::new(
            format!("{} ended by itself{}", self.name, self.tail()),
            format!("read {}", self.log.display()),
        )
    }

    /// The last lines of the log.
    fn tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(5).collect();
        lines
            .into_iter()
            .rev()
            .map(|line| format!("\n  | {line}"))
            .collect()
    }

    /// SIGKILL, as a power cut would.
    pub(crate) async fn kill(&mut self) {
        // Both fail only when it has ended already, which is what was wanted.
        let _ = self.child.start_kill();
        let _ = self.child.wait().await;
    }

    /// SIGTERM, and SIGKILL when that is not enough.
    pub(crate) async fn end(&mut self) {
        let pid = self
            .child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // It fails only when the server has ended already.
            let _ = rustix::process::kill_process(pid, Signal::TERM);
        }
        if tokio::time::timeout(ENDING, self.child.wait())
            .await
            .is_err()
        {
            self.kill().await;
        }
    }
}
