//! The quick start: a registry, three hospitals and people with stories, on loopback.
//!
//! One binary. Started as `three-hospitals musubi-node …` or `three-hospitals musubi-registry …` it
//! *is* that program: so the town runs as separate processes and there is only one thing to build.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

mod answers;
mod asking;
mod checking;
mod cli;
mod control;
mod databases;
mod layout;
mod outputs;
mod people;
mod ports;
mod process;
mod ready;
mod setup;
mod telling;
mod town;
mod trouble;
mod up;

fn main() -> ExitCode {
    let mut args: Vec<OsString> = std::env::args_os().collect();
    match args.get(1).and_then(|word| word.to_str()) {
        Some(process::NODE) => {
            args.remove(0);
            process::end_with_the_town();
            musubi_node::commands::main(args)
        }
        Some(process::REGISTRY) => {
            args.remove(0);
            process::end_with_the_town();
            musubi_registry::commands::main(args)
        }
        _ => match cli::run(args) {
            Ok(code) => code,
            Err(trouble) => {
                // Nobody is left to be told when standard error is closed.
                let _ = write!(std::io::stderr(), "{trouble}");
                trouble.exit.into()
            }
        },
    }
}
