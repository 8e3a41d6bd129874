//! `exchange-bench`: what a whole signed answer costs, beside the floors that it stands on.
//!
//! Builds a town with the harness, starts the answering node again as a process of its own, and asks
//! it over kept-alive mutual TLS. Everything that is charged to the node is read from `/proc` of
//! that process alone: the load generator may be as dear as it likes. Never asserts on time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "this is test code: it fails by panicking, and measures time itself"
)]

mod arguments;
mod floors;
mod load;
mod machine;
mod measure;
mod process;
mod report;
mod scene;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::Parser as _;
use scenarios::Store;

use arguments::{Arguments, Role, StoreChoice, TEST_SERVER};
use load::{Expected, Load};
use process::Process;
use report::Report;
use scene::Scene;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match &arguments.role {
        Some(Role::Node { config }) => process::be_node(config),
        Some(Role::Hello {
            config,
            port,
            bytes,
        }) => process::be_hello(config, *port, *bytes),
        Some(Role::Measure { report }) => {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            for store in stores(&arguments) {
                let measured = runtime.block_on(measure_store(store, &arguments));
                append(report, &measured);
            }
            ExitCode::SUCCESS
        }
        None => measure_apart(&arguments),
    }
}

/// Measures in a process of its own: the commands that make a town say what they do on stdout,
/// which here is for the tables, and the harness takes the server's address from the environment.
fn measure_apart(arguments: &Arguments) -> ExitCode {
    let report = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(std::env::args_os().skip(1));
    command.arg("measure").arg(report.path());
    command.stdout(std::io::stderr().as_fd().try_clone_to_owned().unwrap());
    if let Some(url) = &arguments.database {
        command.env(TEST_SERVER, url);
    }
    println!("{}", machine::machine());
    let ended = command.status().unwrap();
    print!("{}", std::fs::read_to_string(report.path()).unwrap());
    if ended.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn append(file: &Path, report: &Report) {
    let mut file = OpenOptions::new().append(true).open(file).unwrap();
    writeln!(file, "{report}").unwrap();
}

fn stores(arguments: &Arguments) -> Vec<Store> {
    match arguments.store {
        Some(StoreChoice::Sqlite) => vec![Store::Sqlite],
        Some(StoreChoice::Postgres) => vec![Store::Postgres],
        None => Store::each(),
    }
}

/// The whole table for one kind of database.
async fn measure_store(store: Store, arguments: &Arguments) -> Report {
    eprintln!("exchange-bench: {store:?}: making the town …");
    let scene = Scene::make(store, arguments.charts, arguments.resources).await;
    let node = Process::node(&scene).await;
    let load = Load::new(&scene);
    let answer_bytes = load.one_verified(&scene, arguments.resources).await;
    let mut report = Report::new(store, arguments.resources, answer_bytes);
    let floor_time = Duration::from_millis(700);
    let sizes = [12, answer_bytes];
    let hellos = [
        Process::hello(&scene, sizes[0]).await,
        Process::hello(&scene, sizes[1]).await,
    ];
    // The node's row and its floors one after the other: a busy machine is then busy for both.
    for lanes in arguments.concurrency.iter().copied() {
        eprintln!("exchange-bench: {store:?}: {lanes} at once …");
        let time = arguments.time();
        report.node(load.run(&node, lanes, time, Expected::Answer).await);
        for (hello, bytes) in hellos.iter().zip(sizes) {
            let expected = Expected::Bytes(bytes);
            report.hello(bytes, load.run(hello, lanes, time, expected).await);
        }
        report.commit(lanes, floors::commit(store, lanes, floor_time).await);
    }
    report.memory(node.peak_rss_kib());
    report.signatures(floors::signatures(floor_time));
    report.digest(floors::digest(answer_bytes, floor_time));
    report.search(floors::search(&scene, arguments.resources, floor_time));
    node.end();
    for hello in hellos {
        hello.end();
    }
    scene.end().await;
    report
}
