//! What the figures were measured on.

use std::fs;

/// One line about the machine.
pub(crate) fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .and_then(|rest| rest.split_once(':'))
        .map_or("unknown processor", |(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = read("/proc/meminfo");
    let kib: u64 = memory
        .split_whitespace()
        .nth(1)
        .and_then(|word| word.parse().ok())
        .unwrap_or(0);
    let built = if cfg!(debug_assertions) {
        "DEBUG BUILD: figures mean nothing"
    } else {
        "release build"
    };
    format!(
        "{model}, {cores} cores, {} GiB, Linux {}, load {}, {built}",
        kib / 1_048_576,
        read("/proc/sys/kernel/osrelease").trim(),
        load(),
    )
}

/// How many threads wanted a core in the last minute.
pub(crate) fn load() -> String {
    let read = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    read.split_whitespace().next().unwrap_or("?").to_owned()
}
