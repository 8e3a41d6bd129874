#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| musubi_node::records::testing::fuzz::interaction(data));
