//! The quick start as a user runs it: the binary, real processes, real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests fail by panicking, read the clock and their environment, and say what they skip"
)]

use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_three-hospitals");

/// A base with room above it that nobody uses now.
fn port_base() -> u16 {
    let taken = |base: u16| {
        [0, 11, 12, 13, 14, 21, 22, 23, 24, 31, 32, 33, 34]
            .iter()
            .any(|offset| TcpListener::bind(("127.0.0.1", base + offset)).is_err())
    };
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 20_000 + u16::try_from(std::process::id() % 200).unwrap() * 200;
    let mut bases =
        std::iter::repeat_with(|| start + NEXT.fetch_add(1, Ordering::Relaxed) % 125 * 40);
    bases.find(|base| !taken(*base)).unwrap()
}

/// One town at a time: six at once on two cores would measure the machine.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Town {
    child: Child,
    state: PathBuf,
    ready: Value,
}

impl Town {
    fn start(folder: &Path, more: &[&str]) -> Self {
        let state = folder.join("town");
        let ready_file = folder.join("ready.json");
        let mut child = Command::new(PROGRAM)
            .args(["--port-base", &port_base().to_string()])
            .args(["--state", state.to_str().unwrap()])
            .args(["--ready-file", ready_file.to_str().unwrap()])
            .args(more)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let began = Instant::now();
        while !ready_file.exists() {
            assert!(
                child.try_wait().unwrap().is_none(),
                "the town ended before it was ready"
            );
            assert!(
                began.elapsed() < Duration::from_secs(120),
                "the town was not ready in 120 s"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        let ready = serde_json::from_slice(&std::fs::read(&ready_file).unwrap()).unwrap();
        Self {
            child,
            state,
            ready,
        }
    }

    fn say(&self, words: &[&str]) -> Output {
        let output = Command::new(PROGRAM)
            .args(words)
            .arg("--state")
            .arg(&self.state)
            .output();
        let output = output.unwrap();
        print!("{}", String::from_utf8_lossy(&output.stdout));
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        output
    }

    fn text(&self, pointer: &str) -> &str {
        self.ready
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("{pointer}"))
    }

    /// Ctrl-C.
    fn interrupt(mut self) -> i32 {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        // It has ended already in every test that passes.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn nobody_listens(address: &str) -> bool {
    std::net::TcpStream::connect(address).is_err()
}

#[test]
fn once_asks_every_story_and_ends_with_zero() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(PROGRAM)
        .args(["--once", "--port-base", &port_base().to_string()])
        .args(["--state", folder.path().join("town").to_str().unwrap()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.contains("2 of 2 hospitals answered"), "{said}");
}

#[test]
fn a_killed_hospital_is_named_as_silent_and_comes_back() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let town = Town::start(folder.path(), &[]);

    let whole = town.say(&["ask", "hana", "--at", "shirakaba"]);
    assert_eq!(whole.status.code(), Some(0));

    assert!(town.say(&["kill", "yukimi"]).status.success());
    let began = Instant::now();
    let partial = town.say(&["ask", "hana", "--at", "shirakaba"]);
    let took = began.elapsed();
    assert_eq!(partial.status.code(), Some(7));
    assert!(took < Duration::from_secs(10), "{took:?}");
    let said = String::from_utf8_lossy(&partial.stdout).into_owned();
    assert!(said.contains("1 of 2 hospitals answered"), "{said}");
    let line = said.lines().find(|line| line.contains("雪見病院")).unwrap();
    assert!(line.contains("silent"), "{line}");

    assert!(town.say(&["revive", "yukimi"]).status.success());
    // Five failures opened Shirakaba's circuit breaker: half-open again after 30 s.
    let began = Instant::now();
    while town
        .say(&["ask", "hana", "--at", "shirakaba"])
        .status
        .code()
        != Some(0)
    {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "yukimi is not asked again"
        );
        std::thread::sleep(Duration::from_secs(3));
    }

    let address = town
        .text("/hospitals/minato/hospital_url")
        .replace("http://", "");
    assert!(!nobody_listens(&address));
    assert_eq!(town.interrupt(), 0);
    assert!(nobody_listens(&address), "a node outlived its town");
}

#[test]
fn a_second_town_in_the_same_place_is_refused_with_advice() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let town = Town::start(folder.path(), &[]);
    let again = Command::new(PROGRAM)
        .arg("--state")
        .arg(&town.state)
        .output()
        .unwrap();
    assert_eq!(again.status.code(), Some(1));
    let said = String::from_utf8_lossy(&again.stderr);
    assert!(
        said.contains("already run") && said.contains("next: "),
        "{said}"
    );
    assert_eq!(town.interrupt(), 0);
}

#[test]
fn a_killed_town_leaves_nothing_running_and_starts_again() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut town = Town::start(folder.path(), &[]);
    let address = town
        .text("/hospitals/yukimi/hospital_url")
        .replace("http://", "");
    town.child.kill().unwrap();
    town.child.wait().unwrap();
    let began = Instant::now();
    while !nobody_listens(&address) {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "a node outlived its killed town"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    std::fs::remove_file(folder.path().join("ready.json")).unwrap();
    let town = Town::start(folder.path(), &[]);
    assert_eq!(town.interrupt(), 0);
}

#[test]
fn postgres_serves_the_same_stories() {
    let Ok(server) = std::env::var("MUSUBI_TEST_POSTGRES") else {
        eprintln!("SKIPPED (PostgreSQL): set MUSUBI_TEST_POSTGRES or run ./tests/run");
        return;
    };
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(PROGRAM)
        .args([
            "--once",
            "--database",
            &server,
            "--port-base",
            &port_base().to_string(),
        ])
        .args(["--state", folder.path().join("town").to_str().unwrap()])
        .output()
        .unwrap();
    println!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A Python that has `cryptography`: the one that `./tests/run` prepared, or the system's.
fn python() -> Option<PathBuf> {
    let prepared = std::env::var_os("MUSUBI_TEST_PYTHON").map(PathBuf::from);
    let candidates = prepared.into_iter().chain([PathBuf::from("python3")]);
    candidates.into_iter().find(|python| {
        let asked = Command::new(python)
            .args(["-c", "import cryptography"])
            .output();
        asked.is_ok_and(|output| output.status.success())
    })
}

const SKIPPED: &str = "SKIPPED (Python client): no python3 with `cryptography`; run ./tests/run\n";

#[test]
fn a_second_implementer_agrees_with_the_examples_of_the_wire() {
    let Some(python) = python() else {
        std::io::stderr().write_all(SKIPPED.as_bytes()).unwrap();
        return;
    };
    let check = Path::new(env!("CARGO_MANIFEST_DIR")).join("../python-client/check_examples.py");
    let output = Command::new(python).arg("-B").arg(check).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_second_implementer_signs_asks_and_verifies() {
    let Some(python) = python() else {
        std::io::stderr().write_all(SKIPPED.as_bytes()).unwrap();
        return;
    };
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let town = Town::start(folder.path(), &[]);
    let client = Path::new(env!("CARGO_MANIFEST_DIR")).join("../python-client/musubi_client.py");
    let run = |words: &[&str]| {
        let output = Command::new(&python)
            .arg("-B")
            .arg(&client)
            .args(["--registry", town.text("/registry/url")])
            .args(["--root-sha256", town.text("/registry/root_sha256")])
            .args(["--member", town.text("/hospitals/shirakaba/member")])
            .args(["--keys", town.text("/hospitals/shirakaba/keys")])
            .args([
                "--tls-certificate",
                town.text("/hospitals/shirakaba/tls_certificate"),
            ])
            .args(["--tls-key", town.text("/hospitals/shirakaba/tls_key")])
            .args(words)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        said
    };
    let yukimi = town.text("/hospitals/yukimi/member");
    assert!(run(&["echo", "--to", yukimi]).contains("verified"));

    let code = Command::new(PROGRAM)
        .args([
            "musubi-node",
            "code",
            "--config",
            town.text("/hospitals/minato/config"),
        ])
        .args(["--phone", town.text("/people/hana/phone")])
        .args([
            "--for",
            town.text("/hospitals/shirakaba/member"),
            "-o",
            "json",
        ])
        .output()
        .unwrap();
    let code: Value = serde_json::from_slice(&code.stdout).unwrap();
    let minato = town.text("/hospitals/minato/member");
    let said = run(&[
        "search",
        "--home",
        minato,
        "--code",
        code["code"].as_str().unwrap(),
        "--practitioner",
        "dr-0032",
        "--to",
        yukimi,
        "--type",
        "AllergyIntolerance",
    ]);
    assert!(said.contains("ペニシリン"), "{said}");
    assert_eq!(town.interrupt(), 0);
}
