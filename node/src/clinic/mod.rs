//! The physician's screen: who the patient is, whether they consent, one row for each hospital, and
//! what came of all of them put together.
//!
//! Owns the charts that are open, in memory alone, and nothing that is stored. Decides nothing: every
//! question goes through `federation` and `access`, each is an audit line there, and each look at what
//! was kept is one here.

mod asking;
mod find;
mod manner;
mod open;
mod pages;
pub mod routes;
mod row;
#[cfg(test)]
mod tests;
pub mod views;

use std::sync::Arc;

use federation_service::clock::SharedClock;

use crate::access::Access;
use crate::audit::Audit;
use crate::federation::Federation;
use crate::records::Records;

pub use open::{Key, OpenChart, OpenCharts, Snapshot, Under};
pub use row::{Cause, Completeness, Look, Row, State};

/// What the physician's screen stands on. Cheap to clone.
#[derive(Clone)]
pub struct Clinic {
    clock: SharedClock,
    access: Access,
    audit: Audit,
    records: Records,
    federation: Arc<Federation>,
    open: OpenCharts,
}

/// The rooms that the clinic goes to.
pub struct ClinicParts {
    /// What time it is.
    pub clock: SharedClock,
    /// Who may what.
    pub access: Access,
    /// One's own lines.
    pub audit: Audit,
    /// The own charts.
    pub records: Records,
    /// Other hospitals.
    pub federation: Arc<Federation>,
}

impl Clinic {
    /// A clinic in which no chart is open.
    #[must_use]
    pub fn new(parts: ClinicParts) -> Self {
        Self {
            clock: parts.clock,
            access: parts.access,
            audit: parts.audit,
            records: parts.records,
            federation: parts.federation,
            open: OpenCharts::default(),
        }
    }
}
