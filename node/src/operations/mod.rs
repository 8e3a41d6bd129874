//! The pages of those who look after the node: how it stands, what the audit says, which emergency
//! accesses nobody has looked at yet. Staff accounts are the identity room's.
//!
//! Stores nothing.

mod pages;
pub mod routes;

pub use routes::Operations;

#[cfg(test)]
mod tests;
