//! What evaluation costs: `cargo test -p fhir-search-parameters --release --test speed -- --ignored
//! --nocapture`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a measurement reads the clock and prints its figures"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use fhir_search_parameters::Catalogue;

mod archive;

const ROUNDS: u32 = 20_000;

#[test]
#[ignore = "prints figures; for release builds"]
fn all_parameters_of_an_observation_take_microseconds() {
    let Some(examples) = archive::resources("examples-jp-core-1.1.2.tgz") else {
        return;
    };
    let before = Instant::now();
    let catalogue = Catalogue::shipped();
    println!("tables read in {:?}", before.elapsed());
    for name in ["labresult", "physicalexam", "vitalsigns"] {
        let resource = &examples[&format!("Observation-jp-observation-{name}-example-1")];
        let parameters = catalogue.of("Observation");
        let mut found = 0_u64;
        let before = Instant::now();
        for _ in 0..ROUNDS {
            for parameter in parameters {
                parameter.elements(black_box(resource), &mut |base| {
                    found += 1;
                    for component in parameter.components() {
                        component.elements(base, resource, &mut |_| found += 1);
                    }
                });
            }
        }
        let each = before.elapsed() / ROUNDS;
        let count = found / u64::from(ROUNDS);
        println!(
            "{name}: {} parameters, {count} elements, {each:?}",
            parameters.len()
        );
        assert!(each < Duration::from_millis(1));
    }
}
