//! What a person decides and sees of the sharing of their records, on their phone: the consent grid,
//! who asks, codes, links, who looked.
//!
//! Owns nothing that is stored: directives are the consent room's, questions to hospitals the
//! federation's. A directive that the grid cannot show as a row of its own is shown as it stands,
//! and never written over.

mod grid;
mod pages;
mod preview;
pub mod routes;

pub use grid::{Order, Row, Shown};
pub use preview::{Preview, Reason};

#[cfg(test)]
mod tests;
