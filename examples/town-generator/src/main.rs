//! The command: parses, lets the library write, says how far it is.

mod cli;

use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use town_generator::{DeliveryError, Tally};

use self::cli::{Cli, Place};

/// Resources between two lines of progress.
const STEP: u64 = 100_000;

fn main() -> ExitCode {
    let (order, place) = match Cli::try_parse().and_then(Cli::order) {
        Ok(ordered) => ordered,
        Err(usage) => {
            // Help and version come this way too; nobody is left to be told if it cannot be said.
            let _closed_pipe = usage.print();
            return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(2));
        }
    };
    let mut next = STEP;
    let mut progress = |tally: &Tally| {
        if tally.resources >= next {
            next = tally.resources + STEP;
            note(&so_far(tally));
        }
    };
    let delivered = match place {
        Place::Folder(folder) => order.to_folder(&folder, &mut progress),
        Place::Stream(hospital) => {
            order.to_stream(hospital, Box::new(std::io::stdout()), &mut progress)
        }
    };
    end(delivered)
}

fn end(delivered: Result<Tally, DeliveryError>) -> ExitCode {
    match delivered {
        Ok(tally) => {
            note(&format!("done: {}", so_far(&tally)));
            ExitCode::SUCCESS
        }
        // Whoever reads has enough.
        Err(failure) if failure.error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            note(&format!(
                "error: {failure}\nnext: make room, or name a folder that can be written with --out"
            ));
            ExitCode::FAILURE
        }
    }
}

fn so_far(tally: &Tally) -> String {
    let Tally {
        patients,
        charts,
        resources,
        bytes,
    } = tally;
    let megabytes = bytes / 1_000_000;
    format!("{patients} patients, {charts} charts, {resources} resources, {megabytes} MB")
}

/// A line on standard error.
fn note(line: &str) {
    // Nobody is left to be told when standard error is closed.
    let _closed_pipe = writeln!(std::io::stderr(), "{line}");
}
