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
mod emergency;
mod entry;
mod operations;
mod person;
mod rows;
mod sent;
mod sharing;
mod signed_in;
mod story;

/// Gives a hospital the name and the telephone number that pages show of it.
pub(crate) fn named(hospital: &Hospital) {
    let (name, phone) = match hospital.name() {
        "minato" => ("港総合病院", "011-000-0000"),
        "yukimi" => ("雪見病院", "0134-00-0000"),
        "shirakaba" => ("白樺病院", "0166-00-0000"),
        "kawabe" => ("川辺医院", "0138-00-0000"),
        other => (other, "0120-000-000"),
    };
    let settings = format!("name = \"{name}\"\nphone = \"{phone}\"");
    hospital.set("organization", &settings);
}
