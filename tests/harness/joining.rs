//! Hospitals that join a town by invitation, as their operators do it.

use std::path::PathBuf;
use std::process::Output;

use serde_json::Value;

use crate::hospital::Hospital;
use crate::process::Program;
use crate::town::{Town, free_port, text};

impl Town {
    /// The settings of the registry.
    #[must_use]
    pub fn registry_config(&self) -> PathBuf {
        self.folder().join("registry/registry.toml")
    }

    /// The approver's key.
    #[must_use]
    pub fn approver_key(&self) -> PathBuf {
        self.folder().join("approver.pem")
    }

    /// `musubi-registry WORDS -o json` on this town's registry, which must succeed.
    pub async fn registry_says(&self, program: &Program, words: &[&str]) -> Value {
        let output = self.registry_tries(program, words).await;
        assert!(output.status.success(), "{words:?}: {}", said(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The same where it may fail.
    pub async fn registry_tries(&self, program: &Program, words: &[&str]) -> Output {
        let config = self.registry_config();
        let more = ["-o", "json", "--config", text(&config)];
        program.run("registry", &[words, &more].concat()).await
    }

    /// `musubi-registry invite`: the join token.
    pub async fn invite(&self, program: &Program, number: &str) -> String {
        let words = ["invite", "--member", number, "--name", "小樽みなと病院"];
        let made = self.registry_says(program, &words).await;
        made["token"].as_str().unwrap().to_owned()
    }

    /// `musubi-node join TOKEN` for a new hospital of the town, which then stands still; what the
    /// command printed.
    pub async fn join(
        &mut self,
        program: &Program,
        (name, number): (&str, &str),
        token: &str,
    ) -> Output {
        let home = self.folder().join(name);
        let [federation, hospital, patient] = [free_port(), free_port(), free_port()];
        let endpoint = format!("https://127.0.0.1:{federation}");
        let (hospital, patient) = (
            format!("127.0.0.1:{hospital}"),
            format!("127.0.0.1:{patient}"),
        );
        let mut words = vec![
            "join",
            token,
            "--dir",
            text(&home),
            "--name",
            name,
            "--endpoint",
            &endpoint,
            "--hospital-bind",
            &hospital,
            "--patient-bind",
            &patient,
            "--allow-cidr",
            "127.0.0.0/8",
            "--phone",
            "0134-00-0000",
            "-o",
            "json",
        ];
        let database = self.store.make();
        if let Some(database) = &database {
            words.extend(["--database", &database.url]);
        }
        let output = program.run("node", &words).await;
        if home.join("node.toml").exists() {
            let made = Hospital::made(name, number, &home, database);
            self.hospitals.insert(name.to_owned(), made);
        }
        output
    }
}

/// What an operator reads when a command failed.
#[must_use]
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
