//! Break-glass, but for what crosses the wire: second factors, daily limits, notices to people,
//! reviews.
//!
//! Owns the tables `second_factor` and `emergency_*`. Never asks and never answers a member: the
//! federation room does, and has this room count, note and tell in its transactions.
//!
//! Source: CONSENT section 5.

pub mod accesses;
mod factor;
mod metrics;
mod notices;
mod reviews;
pub mod routes;
mod store;
mod totp;

use std::sync::Arc;

use federation_protocol::member::MemberId;
use federation_service::clock::SharedClock;

use crate::database::Database;
use crate::keys::Keys;

pub use accesses::{Access, AskRefusal, Closing, REVIEWED_WITHIN_SECONDS, ShownFactor, Side};
pub use factor::FactorError;
pub use metrics::EmergencyMetrics;
pub use notices::{Owed, Told};
pub use reviews::ReviewError;

/// What this house keeps of emergencies. Cheap to clone.
#[derive(Clone)]
pub struct Emergency {
    parts: Arc<Parts>,
}

struct Parts {
    database: Database,
    clock: SharedClock,
    keys: Arc<Keys>,
    me: MemberId,
    metrics: EmergencyMetrics,
}

impl Emergency {
    /// What member `me` keeps in `database`; the secrets of second factors are made with `keys`.
    #[must_use]
    pub fn new(database: Database, clock: SharedClock, keys: Arc<Keys>, me: MemberId) -> Self {
        Self {
            parts: Arc::new(Parts {
                database,
                clock,
                keys,
                me,
                metrics: EmergencyMetrics::default(),
            }),
        }
    }

    /// The counters.
    #[must_use]
    pub fn metrics(&self) -> &EmergencyMetrics {
        &self.parts.metrics
    }
}

#[cfg(test)]
mod tests;
