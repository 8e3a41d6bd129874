//! Memory does not grow with an export. Alone in its process: what is resident is the process's.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

#[path = "shared/phone.rs"]
mod phone;

use std::io::{BufWriter, Seek as _};
use std::ops::ControlFlow;

use apple_health::{Limits, Pseudonyms, read_export};

/// `cargo run -p apple-health --example big_export -- 300` does the same with ten times as much.
#[test]
fn thirty_megabytes_of_xml_are_read_in_a_few_of_memory() {
    let mut file = tempfile::tempfile().unwrap();
    let (bytes, days) = phone::zip(BufWriter::new(&file), "export.xml", |mut out| {
        phone::write_days(&mut out, 30 << 20).unwrap()
    });
    file.rewind().unwrap();
    let (_, before) = phone::resident();
    let mut readings = 0_u64;
    let summary = read_export(
        &file,
        &Limits::default(),
        &Pseudonyms::under(b"key"),
        &mut |_reading| {
            readings += 1;
            ControlFlow::Continue(())
        },
    )
    .unwrap();
    let (_, most) = phone::resident();
    assert_eq!(summary.bytes, bytes);
    assert_eq!(summary.readings, readings);
    assert!(days > 100 && readings > 40_000, "{days} days, {readings}");
    let grown = most - before;
    assert!(grown < 12 << 20, "memory grew by {grown} bytes");
}
