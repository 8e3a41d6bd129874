//! Every page and every state in a real browser, at 360 and at 1280 points, and the attacks on them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "tests fail by panicking, and measure what a person waits for"
)]

mod clinic;
mod doors;
mod entry;
mod operations;
mod person;
mod sharing;
mod story;
