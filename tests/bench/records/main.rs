//! `records-bench`: what the records cost: to import, to read, to search, to write.
//!
//! One hospital of the town generator is written to a file, imported as an operator imports it, and
//! asked in this process over the public methods of the rooms: no HTTP, no TLS. Each database is
//! measured in a process of its own, so that its memory and its CPU are its own. Never asserts on
//! time.

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
mod asking;
mod house;
mod layout;
#[path = "../machine.rs"]
mod machine;
#[expect(
    dead_code,
    reason = "the other bench charges threads and whole servers"
)]
#[path = "../measure.rs"]
mod measure;
mod question;
mod report;
mod source;

use std::process::{Command, ExitCode};
use std::sync::Arc;

use clap::Parser as _;
use musubi_node::config::Validation;

use arguments::{Arguments, Role, StoreChoice, TEST_SERVER};
use asking::Lanes;
use house::House;
use question::{Kind, Questions};
use report::Report;
use source::Source;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(Role::Measure { store }) = arguments.role {
        measure_store(store, &arguments);
        return ExitCode::SUCCESS;
    }
    println!("{}", machine::machine());
    for store in arguments.stores() {
        if !measure_apart(store, &arguments) {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Measures one database in a process of its own, which prints its tables.
fn measure_apart(store: StoreChoice, arguments: &Arguments) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(std::env::args_os().skip(1));
    command.arg("measure").arg(store.as_str());
    if let Some(url) = &arguments.database {
        command.env(TEST_SERVER, url);
    }
    command.status().unwrap().success()
}

/// Every row of one database.
fn measure_store(store: StoreChoice, arguments: &Arguments) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let source = Source::write(arguments.resources);
    let mut report = Report::new(store, &source);
    let policies: &[Validation] = match arguments.once {
        true => &[Validation::Warn],
        false => &[Validation::Off, Validation::Warn],
    };
    for policy in policies.iter().copied() {
        let house = Arc::new(House::open(store, policy, &runtime));
        eprintln!("records-bench: {store:?}: importing, validation {policy:?} …");
        report.import(policy, runtime.block_on(house.import(&source)));
        if policy == Validation::Off || arguments.import_only {
            continue;
        }
        report.layout(layout::of(house.url()));
        let questions = Arc::new(Questions::of(&source));
        for (kind, lanes) in rows(arguments) {
            eprintln!(
                "records-bench: {store:?}: {}, {lanes} at once …",
                kind.name()
            );
            let row = Lanes::new(&house, &questions, kind, lanes);
            report.row(runtime.block_on(row.run(arguments.time())));
        }
    }
    println!("{report}");
}

/// What is asked, with how many at once. The mix comes last: it is the one that changes what the
/// others would find.
fn rows(arguments: &Arguments) -> impl Iterator<Item = (Kind, usize)> {
    let at_once = arguments.concurrency.clone();
    let asked = Kind::ALONE
        .into_iter()
        .flat_map(move |kind| at_once.clone().into_iter().map(move |lanes| (kind, lanes)));
    asked.chain([(Kind::Mix, MIXED_AT_ONCE)])
}

const MIXED_AT_ONCE: usize = 8;
