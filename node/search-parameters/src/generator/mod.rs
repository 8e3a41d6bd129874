//! Makes the tables that this package ships, out of the published packages of FHIR R4 and JP Core:
//! names, types and expressions, sorted, none of the originals' sentences. It reads bytes that are
//! handed to it; the example of the same name knows the files.
//!
//! Expressions are compiled with the tables that are compiled in. R4 does not change any more; were
//! a type ever added, the generator would have to be run twice.

mod archive;
mod merge;
mod structure;
mod typing;
mod write;

pub use archive::ArchiveError;

use archive::Package;
use structure::Structures;

/// The four tables, as they are committed below `tables/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    /// `search-parameters.tsv`: one line for each type and code.
    pub search_parameters: String,
    /// `types.tsv`: the names of types, and what puts a resource in a patient's compartment.
    pub types: String,
    /// `choices.tsv`: elements that may be of several types.
    pub choices: String,
    /// `outlines.tsv`: which elements of a resource are mandatory, and which are its summary.
    pub outlines: String,
}

impl Tables {
    /// Makes the tables from gzipped tar archives: the FHIR R4 core package, then editions of JP
    /// Core, the older first. Where those define one parameter with different expressions, what any
    /// of them finds is found.
    ///
    /// # Errors
    /// An archive or a definition in it that cannot be read, or an expression that cannot be
    /// compiled.
    pub fn generate(core: &[u8], additions: &[&[u8]]) -> Result<Self, ArchiveError> {
        let core = Package::read(core, "http://hl7.org/fhir/")?;
        let addition = |bytes: &&[u8]| Package::read(bytes, "http://jpfhir.jp/fhir/core/");
        let additions = additions.iter().map(addition);
        let additions: Vec<_> = additions.collect::<Result<_, _>>()?;
        let structures = Structures::of(&core.structures);
        let parameters = merge::parameters(&core, &additions, &structures)?;
        Ok(Self {
            search_parameters: write::parameters(&parameters),
            types: write::types(&core),
            choices: write::choices(&structures),
            outlines: write::outlines(&core),
        })
    }
}
