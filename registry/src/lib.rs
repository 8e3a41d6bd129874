//! Who belongs to the federation, with which keys, at which address. It never learns that a
//! patient exists.
//!
//! Owns the members' entries and states, and the ledger of what it signed. It cannot add a member:
//! an entry is signed by approver keys that are never on this machine (PROTOCOL section 2).

mod app;
pub mod commands;
pub mod config;
pub mod database;
pub mod directory;
pub mod doctor;
pub mod joining;
pub mod members;
mod server;
pub mod witness;

pub use app::{Registry, RunningRegistry, StartError};
pub use config::Config;
pub use server::ListenError;
