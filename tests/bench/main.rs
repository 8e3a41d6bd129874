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
mod measure;
mod process;
mod report;
mod scene;

use std::os::unix::process::CommandExt as _;
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
        Some(Role::Node { config }) => return process::be_node(config),
        Some(Role::Hello {
            config,
            port,
            bytes,
        }) => return process::be_hello(config, *port, *bytes),
        None => {}
    }
    if let Some(url) = arguments.server_not_yet_named() {
        // The harness reads the server's address from the environment, which is fixed at the start.
        let this = std::env::current_exe().unwrap();
        let error = Command::new(this)
            .args(std::env::args_os().skip(1))
            .env(TEST_SERVER, url)
            .exec();
        eprintln!("exchange-bench: cannot start again: {error}");
        return ExitCode::FAILURE;
    }
    println!("{}", report::machine());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for store in stores(&arguments) {
        runtime.block_on(measure_store(store, &arguments));
    }
    ExitCode::SUCCESS
}

fn stores(arguments: &Arguments) -> Vec<Store> {
    match arguments.store {
        Some(StoreChoice::Sqlite) => vec![Store::Sqlite],
        Some(StoreChoice::Postgres) => vec![Store::Postgres],
        None => Store::each(),
    }
}

/// The whole table for one kind of database.
async fn measure_store(store: Store, arguments: &Arguments) {
    eprintln!("exchange-bench: {store:?}: making the town …");
    let scene = Scene::make(store, arguments.charts, arguments.resources).await;
    let node = Process::node(&scene).await;
    let load = Load::new(&scene);
    let answer_bytes = load.one_verified(&scene, arguments.resources).await;
    let mut report = Report::new(store, arguments.resources, answer_bytes);
    for lanes in &arguments.concurrency {
        eprintln!("exchange-bench: {store:?}: {lanes} at once …");
        let expected = Expected::Answer;
        report.node(load.run(&node, *lanes, arguments.time(), expected).await);
    }
    report.memory(node.peak_rss_kib());
    node.end();

    eprintln!("exchange-bench: {store:?}: floors …");
    for bytes in [12, answer_bytes] {
        let hello = Process::hello(&scene, bytes).await;
        for lanes in &arguments.concurrency {
            let measured = load
                .run(&hello, *lanes, arguments.time(), Expected::Bytes(bytes))
                .await;
            report.hello(bytes, measured);
        }
        hello.end();
    }
    let floor_time = Duration::from_millis(700);
    report.signatures(floors::signatures(floor_time));
    report.digest(floors::digest(answer_bytes, floor_time));
    report.search(floors::search(&scene, arguments.resources, floor_time));
    for lanes in &arguments.concurrency {
        report.commit(*lanes, floors::commit(store, *lanes, floor_time).await);
    }
    println!("{report}");
    scene.end().await;
}
