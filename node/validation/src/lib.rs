//! What FHIR R4 and JP Core demand of a resource, as compact tables, and the verdict on one
//! resource.
//!
//! Owns the tables of definitions, the packages that a hospital adds to them, and the engine that
//! judges by them. It never reads a clock or a database and never asks the network; it touches files
//! only in the folder of added packages. It ships facts: paths, types, cardinalities, fixed values,
//! slices, canonical URLs, codes of base FHIR; no sentence of the originals and no licensed code list.

mod compile;
mod date;
mod definitions;
mod engine;
mod fhirpath;
mod folder;
#[cfg(any(test, feature = "generator"))]
pub mod generator;
mod issue;
mod model;
mod package;
mod path;
mod primitive;
pub mod system;
mod table;

pub use definitions::{Added, Claimable, Definitions};
pub use engine::{validate, validate_against};
pub use folder::{Listed, add_package, list};
pub use issue::{Issue, IssueCode, Severity};
pub use package::PackageError;
