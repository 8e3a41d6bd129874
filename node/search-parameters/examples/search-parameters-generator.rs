//! Makes the tables of this package anew:
//! `cargo run -p fhir-search-parameters --example search-parameters-generator -- ARCHIVES TABLES`.
//!
//! ARCHIVES is a folder with the packages named below; TABLES is `node/search-parameters/tables`.

use std::error::Error;
use std::path::Path;

use fhir_search_parameters::generator::Tables;

const CORE: &str = "hl7.fhir.r4.core-4.0.1.tgz";
const ADDITIONS: [&str; 2] = ["jp-core-1.1.2.tgz", "jp-core-1.2.0-sushi.tgz"];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [archives, tables] = arguments.as_slice() else {
        return Err("usage: search-parameters-generator ARCHIVES TABLES".into());
    };
    let (archives, folder) = (Path::new(archives), Path::new(tables));
    let core = std::fs::read(archives.join(CORE))?;
    let [older, newer] = ADDITIONS.map(|name| std::fs::read(archives.join(name)));
    let made = Tables::generate(&core, &[&older?, &newer?])?;
    std::fs::write(folder.join("search-parameters.tsv"), made.search_parameters)?;
    std::fs::write(folder.join("types.tsv"), made.types)?;
    std::fs::write(folder.join("choices.tsv"), made.choices)?;
    std::fs::write(folder.join("outlines.tsv"), made.outlines)?;
    Ok(())
}
