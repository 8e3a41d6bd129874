//! Nodes as processes of their own: to be killed, and to be asked for exit codes.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use crate::hospital::Hospital;
use crate::town::{Town, text};

/// A node started by a test has to serve within this time.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program that plays every role. A test names it: `env!("CARGO_BIN_EXE_role")`.
#[derive(Clone, Debug)]
pub struct Program(PathBuf);

/// A running node or command. Dropped, it is killed.
pub struct Process {
    child: Child,
}

impl Program {
    /// The program at `path`.
    #[must_use]
    pub fn at(path: &str) -> Self {
        Self(PathBuf::from(path))
    }

    /// `musubi-node WORDS --config …` of this hospital, run to its end.
    #[must_use]
    pub fn node(&self, hospital: &Hospital, words: &[&str]) -> Output {
        self.command(hospital, words).output().unwrap()
    }

    /// The same without standing in a thread's way.
    pub async fn node_later(&self, hospital: &Hospital, words: &[&str]) -> Output {
        let mut command = self.command(hospital, words);
        tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap()
    }

    /// Starts `musubi-node WORDS --config …` and leaves it at its work. What it says goes to
    /// `command.log` in the hospital's folder.
    #[must_use]
    pub fn begin(&self, hospital: &Hospital, words: &[&str]) -> Process {
        let log = hospital.config_file().with_file_name("command.log");
        let log = OpenOptions::new().create(true).append(true).open(&log);
        let mut command = self.command(hospital, words);
        command.stdout(Stdio::null()).stderr(log.unwrap());
        Process {
            child: command.spawn().unwrap(),
        }
    }

    /// `musubi-registry WORDS --config …` of this town, without standing in a thread's way.
    pub async fn registry_later(&self, town: &Town, words: &[&str]) -> Output {
        let config = town.folder().join("registry/registry.toml");
        let mut command = Command::new(&self.0);
        command.arg("registry").args(words);
        command.args(["--config", text(&config)]);
        command.stdin(Stdio::null());
        tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap()
    }

    /// `musubi-node WORDS` or `musubi-registry WORDS`, by the role's name, run to its end without
    /// standing in a thread's way.
    pub async fn run(&self, role: &str, words: &[&str]) -> Output {
        let mut command = Command::new(&self.0);
        command.arg(role).args(words).stdin(Stdio::null());
        tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap()
    }

    fn command(&self, hospital: &Hospital, words: &[&str]) -> Command {
        let config = hospital.config_file();
        let mut command = Command::new(&self.0);
        command.arg("node").args(words);
        command.args(["--config", text(&config)]);
        command.stdin(Stdio::null());
        command
    }

    /// Starts the node of this hospital, which does not run, and waits until it serves. Its log
    /// goes to `node.log` in the hospital's folder.
    pub async fn serve(&self, hospital: &Hospital) -> Process {
        let log = hospital.config_file().with_file_name("node.log");
        let log = OpenOptions::new().create(true).append(true).open(&log);
        let mut command = self.command(hospital, &["run"]);
        command.stdout(Stdio::null()).stderr(log.unwrap());
        let mut process = Process {
            child: command.spawn().unwrap(),
        };
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}/readyz", hospital.staff_url());
        let ready = async {
            while !client
                .get(&url)
                .send()
                .await
                .is_ok_and(|one| one.status().is_success())
            {
                let ended = process.child.try_wait().unwrap();
                assert!(ended.is_none(), "the node ended: {ended:?}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ready)
            .await
            .expect("the node serves");
        process
    }
}

impl Process {
    /// The most memory that it ever held, in bytes, where the system tells.
    #[must_use]
    pub fn peak_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
        Some(kibibytes * 1_024)
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// The operating system's number of it.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`, and waits until the process is no more.
    pub fn kill_nine(mut self) -> ExitStatus {
        self.child.kill().unwrap();
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
