//! A role of a town as a process of its own: `role node …` is `musubi-node …`, `role registry …`
//! is `musubi-registry …`. For tests that kill processes, and that read exit codes.

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let role = words.next().unwrap_or_default();
    let as_if = |name: &str| std::iter::once(OsString::from(name)).chain(words);
    match role.to_str() {
        Some("node") => musubi_node::commands::main(as_if("musubi-node")),
        Some("registry") => musubi_registry::commands::main(as_if("musubi-registry")),
        _ => ExitCode::from(2),
    }
}
