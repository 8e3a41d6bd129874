//! Every page and every state in a real browser, at 360 and at 1280 points, and the attacks on them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod clinic;
mod doors;
mod entry;
mod operations;
mod person;
mod sharing;
mod story;
