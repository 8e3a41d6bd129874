//! What the hospital knows about its patients: FHIR resources, kept byte for byte, found by the
//! patient's chart and by search parameters.
//!
//! Owns the FHIR tables. Every method wants a permit from the access room; nothing here decides who
//! may see what, but what a permit does not allow is neither found nor counted for its holder.

mod address;
mod classify;
mod cursor;
mod date;
mod extract;
mod fold;
mod json;
mod query;
mod system;
mod types;

pub use address::{Address, LogicalId};
pub use cursor::CursorError;
pub use json::JsonError;
pub use query::{QueryError, SearchQuery};
pub use types::ResourceType;
