//! The node among its peers: what it asks them, what it answers them, and what it knows of them.
//!
//! Owns the copy of the directory, the replay window, the peers' standing, and the grants that this
//! node's physicians hold. Decides nothing about records: `access` does. Knows no person: `linkage`
//! and `consent` do.

pub mod answer;
pub mod breaker;
pub mod directory;
pub mod exchange;
pub mod held;
pub mod manifest;
pub mod merge;
pub mod metrics;
pub mod outbound;
pub mod outcome;
pub mod peers;
pub mod query;
pub mod replay;
mod splice;
pub mod sse;
mod store;
