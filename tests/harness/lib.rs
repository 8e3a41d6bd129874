//! Whole towns of nodes: a registry and hospitals with real TLS, real databases and real files, in
//! this process, on loopback, by a clock that the test moves.
//!
//! Everything is made with the commands and rooms that operators use; nothing here knows more of a
//! node than its public surface.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    clippy::missing_panics_doc,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "this is test code: it fails by panicking, and reads its settings where it likes"
)]

pub mod browser;
pub mod charts;
pub mod emergency;
pub mod endings;
pub mod envoy;
pub mod evil;
pub mod hospital;
pub mod joining;
pub mod process;
pub mod provider;
pub mod store;
pub mod town;
pub mod witness;

pub use browser::{Browser, Window};
pub use envoy::{Envoy, Reply};
pub use evil::{EvilNode, EvilRegistry};
pub use hospital::{Hospital, Patient};
pub use joining::said;
pub use process::{Process, Program};
pub use provider::Provider;
pub use store::Store;
pub use town::Town;
pub use witness::Witness;
