//! Stories of whole towns, a file each.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests fail by panicking, and say what they measured"
)]

mod decisions;
mod doors;
mod fourteen_checks;
mod sameness;
mod story;
mod token_codes;
