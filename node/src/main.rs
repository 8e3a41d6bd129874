//! The program `musubi-node`.

use std::process::ExitCode;

fn main() -> ExitCode {
    musubi_node::commands::main(std::env::args_os())
}
