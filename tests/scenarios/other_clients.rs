//! FHIR clients that others wrote, each with a chart of its own: the scripts of `examples/clients`.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use musubi_node::identity::Role;
use scenarios::town::workspace;
use scenarios::{Store, Town};

/// Fewer steps than either script has, and more than one that ended early would say.
const STEPS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_others_wrote_find_here_what_fhir_promises() {
    let scripts: Vec<_> = [fhirpy(), fhir_kit_client()]
        .into_iter()
        .flatten()
        .collect();
    if scripts.is_empty() {
        return;
    }
    for store in Store::each() {
        let town = Town::in_real_time(&["minato"], store).await;
        let minato = town.at("minato");
        let token = minato.token(Role::System, "ehr").await;
        let base = format!("{}/fhir", minato.staff_url());
        for one in &scripts {
            let said = one.talk(&base, &token).await;
            let steps = said.lines().filter(|line| line.starts_with("ok: "));
            assert!(steps.count() >= STEPS, "{said}");
        }
        town.stop().await;
    }
}

/// A script and what runs it.
struct Script {
    interpreter: OsString,
    file: PathBuf,
}

impl Script {
    /// What it says against a node, if nothing there surprises it.
    async fn talk(&self, base: &str, token: &str) -> String {
        let mut command = Command::new(&self.interpreter);
        command
            .env("FHIR_BASE", base)
            .env("FHIR_TOKEN", token)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .arg(&self.file);
        let ended = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = ended.await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{}: {said}{}",
            self.file.display(),
            String::from_utf8_lossy(&output.stderr)
        );
        said
    }
}

/// With the Python that `./tests/run` prepared, or the system's.
fn fhirpy() -> Option<Script> {
    let prepared = std::env::var_os("MUSUBI_TEST_PYTHON");
    let mut candidates = prepared.into_iter().chain(["python3".into()]);
    let Some(interpreter) = candidates.find(|python| runs(python, &["-c", "import fhirpy"])) else {
        skipped("fhirpy", "no python3 with `fhirpy`");
        return None;
    };
    let file = script("fhirpy_client.py");
    Some(Script { interpreter, file })
}

/// Beside the modules that `./tests/run` installed: node looks nowhere else for them.
fn fhir_kit_client() -> Option<Script> {
    let prepared = std::env::var_os("MUSUBI_TEST_JAVASCRIPT").map(PathBuf::from);
    let Some(place) = prepared.filter(|place| has_modules(place)) else {
        skipped("fhir-kit-client", "no node with `fhir-kit-client`");
        return None;
    };
    let file = place.join("fhir_kit_client.mjs");
    std::fs::copy(script("fhir_kit_client.mjs"), &file).unwrap();
    let interpreter = "node".into();
    Some(Script { interpreter, file })
}

fn has_modules(place: &Path) -> bool {
    place.join("node_modules/fhir-kit-client").is_dir() && runs("node", &["--version"])
}

fn runs(program: impl AsRef<OsStr>, arguments: &[&str]) -> bool {
    let asked = Command::new(program).args(arguments).output();
    asked.is_ok_and(|output| output.status.success())
}

fn script(name: &str) -> PathBuf {
    workspace().join("examples/clients").join(name)
}

/// Straight to stderr, where the test runner does not keep it for itself.
fn skipped(client: &str, why: &str) {
    let line = format!("SKIPPED ({client}): {why}; run ./tests/run\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}
