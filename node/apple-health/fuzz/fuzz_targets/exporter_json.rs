#![no_main]

#[path = "../bodies/exporter_json.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
