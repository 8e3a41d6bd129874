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

use scenarios::Hospital;

mod clinic;
mod doors;
mod entry;
mod operations;
mod person;
mod rows;
mod sharing;
mod story;

/// Gives a hospital the name that pages show of it.
pub(crate) fn named(hospital: &Hospital) {
    let name = match hospital.name() {
        "minato" => "港総合病院",
        "yukimi" => "雪見病院",
        "shirakaba" => "白樺病院",
        "kawabe" => "川辺医院",
        other => other,
    };
    hospital.set("organization", &format!("name = \"{name}\""));
}
