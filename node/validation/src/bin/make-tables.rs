//! Writes the tables that ship.
//!
//! `cargo run -p fhir-validation --features generator --bin make-tables -- ARCHIVES TABLES`

use std::path::PathBuf;
use std::process::ExitCode;

use fhir_validation::generator::make;

#[expect(clippy::print_stderr, reason = "a tool for the command line")]
fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(archives), Some(tables)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: make-tables ARCHIVES TABLES");
        return ExitCode::from(2);
    };
    let made = match make(&archives) {
        Ok(made) => made,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    for table in made {
        let bytes = table.bytes();
        let path = tables.join(&table.file);
        if let Err(error) = std::fs::write(&path, &bytes) {
            eprintln!("{}: {error}", path.display());
            return ExitCode::FAILURE;
        }
        let (text, ignored) = (table.text.len(), table.ignored_invariants);
        let (file, size) = (path.display(), bytes.len());
        eprintln!("{file}: {size} bytes ({text} inflated), {ignored} invariants left out");
    }
    ExitCode::SUCCESS
}
