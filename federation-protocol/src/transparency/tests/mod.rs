#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    clippy::print_stdout,
    reason = "tests fail by panicking, and say what they judged"
)]

mod notes;
mod trees;
mod vectors;
mod witness;
