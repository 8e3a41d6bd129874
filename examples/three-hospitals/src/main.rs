//! The quick start: a registry, three hospitals and people with stories, on loopback.
fn main() {}
