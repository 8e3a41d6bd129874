//! The registry's own program; all of it is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    musubi_registry::commands::main(std::env::args_os())
}
