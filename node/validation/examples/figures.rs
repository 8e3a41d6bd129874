//! What judging costs: cold start, memory, time per resource.
//!
//! `cargo run --release -p fhir-validation --example figures -- ../shared/data/jpcore`

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::expect_used,
    reason = "a measuring tool for the command line"
)]

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fhir_validation::{Definitions, validate};
use flate2::read::GzDecoder;
use serde_json::Value;

/// How often the warm resources are judged.
const ROUNDS: u32 = 200;

fn main() {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.expect("usage: figures FOLDER_OF_ARCHIVES");
    let examples = resources(&folder.join("examples-jp-core-1.1.2.tgz"));
    let singles = resources(&folder.join("examples-jp-clins-single.tgz"));
    let lab = named(&examples, "Observation-jp-observation-labresult-example-1");
    println!("rss before                 {:>9} kB", rss_kilobytes());

    let start = Instant::now();
    let mut definitions = Definitions::shipped();
    println!(
        "tables found               {:>9.1} ms",
        millis(start.elapsed())
    );
    let issues = validate(&definitions, lab).len();
    println!(
        "cold start to verdict      {:>9.1} ms ({issues} issues)",
        millis(start.elapsed())
    );
    for (_, resource) in &examples {
        validate(&definitions, resource);
    }
    println!("rss, JP Core examples      {:>9} kB", rss_kilobytes());

    let clins = std::fs::read(folder.join("jp-clins-1.5.2.tgz")).expect("JP-CLINS is there");
    let start = Instant::now();
    let added = definitions.add(&clins, None, Some("1.5.2"));
    println!(
        "JP-CLINS compiled, added   {:>9.1} ms",
        millis(start.elapsed())
    );
    added.expect("JP-CLINS is a package");
    drop(clins);
    for (_, resource) in &singles {
        validate(&definitions, resource);
    }
    println!("rss, with JP-CLINS         {:>9} kB", rss_kilobytes());

    warm(&definitions, "lab Observation", &[lab]);
    warm(&definitions, "JP Core examples", &all(&examples));
    let clins_lab = named(&singles, "Observation-Example-JP-Obs-LabResult-eCS-K");
    warm(&definitions, "JP-CLINS lab Observation", &[clins_lab]);
    warm(&definitions, "JP-CLINS singles", &all(&singles));
}

fn warm(definitions: &Definitions, what: &str, resources: &[&Value]) {
    let start = Instant::now();
    for _ in 0..ROUNDS {
        for resource in resources {
            std::hint::black_box(validate(definitions, resource));
        }
    }
    let count = f64::from(ROUNDS) * resources.iter().map(|_| 1.0).sum::<f64>();
    let micros = start.elapsed().as_secs_f64() * 1e6 / count;
    println!("{what:<26} {micros:>9.1} µs each");
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn all(resources: &[(String, Value)]) -> Vec<&Value> {
    resources.iter().map(|(_, resource)| resource).collect()
}

fn named<'r>(resources: &'r [(String, Value)], name: &str) -> &'r Value {
    let found = resources.iter().find(|(found, _)| found == name);
    found
        .map(|(_, resource)| resource)
        .expect("the example is there")
}

fn resources(archive: &Path) -> Vec<(String, Value)> {
    let bytes = std::fs::read(archive).expect("the archive is there");
    let mut tar = tar::Archive::new(GzDecoder::new(bytes.as_slice()));
    let mut found = Vec::new();
    for entry in tar.entries().expect("the archive is a tar") {
        let mut entry = entry.expect("the archive is whole");
        let path = entry.path().expect("names are texts").into_owned();
        if path.extension().is_some_and(|ending| ending == "json") {
            let mut text = String::new();
            entry.read_to_string(&mut text).expect("JSON is text");
            let name = path.file_stem().map(|n| n.to_string_lossy().into_owned());
            let resource = serde_json::from_str(&text).expect("examples are JSON");
            found.push((name.unwrap_or_default(), resource));
        }
    }
    found
}

fn rss_kilobytes() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    let number = line.and_then(|l| l.split_whitespace().next());
    number.unwrap_or("?").to_owned()
}
