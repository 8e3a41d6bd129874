//! Makes an export of any size and reads it, telling how much memory that took:
//!
//! ```text
//! cargo run -p apple-health --example big_export -- 300 /tmp/export.zip
//! ```
//!
//! The first word is the size of the XML in megabytes. A file that is there already is read as it
//! is.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a program for developers, which tells and fails by panicking"
)]

#[path = "../tests/shared/phone.rs"]
mod phone;

use std::fs::File;
use std::io::BufWriter;
use std::ops::ControlFlow;
use std::path::PathBuf;

use apple_health::{Limits, Pseudonyms, read_export};

fn main() {
    let mut words = std::env::args().skip(1);
    let megabytes: u64 = words.next().map_or(300, |word| word.parse().unwrap());
    let path = words.next().map_or_else(
        || std::env::temp_dir().join("musubi-export.zip"),
        PathBuf::from,
    );
    if !path.exists() {
        let file = BufWriter::new(File::create(&path).unwrap());
        let (bytes, days) = phone::zip(file, "export.xml", |mut out| {
            phone::write_days(&mut out, megabytes << 20).unwrap()
        });
        println!("made {}: {days} days, {bytes} bytes of XML", path.display());
        println!("next: the same command once more, which reads it");
        return;
    }
    let (before, _) = phone::resident();
    let mut readings = 0_u64;
    let began = std::time::Instant::now();
    let summary = read_export(
        File::open(&path).unwrap(),
        &Limits::default(),
        &Pseudonyms::under(b"example"),
        &mut |_reading| {
            readings += 1;
            ControlFlow::Continue(())
        },
    )
    .unwrap();
    let (_, most) = phone::resident();
    println!("{summary:#?}");
    println!(
        "{readings} readings of {} bytes of XML in {:.1} s; memory grew by {:.1} MiB",
        summary.bytes,
        began.elapsed().as_secs_f64(),
        f64::from(u32::try_from((most - before) >> 10).unwrap()) / 1_024.0
    );
}
