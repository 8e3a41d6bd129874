//! Stories of whole towns, a file each.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests fail by panicking, and say what they measured"
)]

mod bad_input;
mod certificates;
mod clinic;
mod decisions;
mod doctor;
mod doors;
mod emergency;
mod endings;
mod evil_node;
mod evil_registry;
mod flood;
mod fourteen_checks;
mod fuzz_bodies;
mod joining;
mod jp_core_search;
mod key_life;
mod kill_export;
mod kill_import;
mod kill_nine;
mod linking;
mod other_clients;
mod outage;
mod page_doors;
mod real_input;
mod reconciled;
mod replacement;
mod revocations;
mod sameness;
mod silent_hospital;
mod story;
mod text;
mod token_codes;
mod unlinking;
mod witnessed;

/// The program that plays every role in a process of its own.
fn program() -> scenarios::Program {
    scenarios::Program::at(env!("CARGO_BIN_EXE_role"))
}
