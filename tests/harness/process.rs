//! Nodes as processes of their own: to be killed, and to be asked for exit codes.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use crate::hospital::Hospital;
use crate::town::text;

/// A node started by a test has to serve within this time.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program that plays every role. A test names it: `env!("CARGO_BIN_EXE_role")`.
#[derive(Clone, Debug)]
pub struct Program(PathBuf);

/// A running node. Dropped, it is killed.
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
