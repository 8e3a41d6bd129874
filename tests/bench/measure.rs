//! Reading `/proc`: what a process, a thread, or a PostgreSQL server's backends have used.

use std::fs;
use std::ops::Sub;

/// CPU time of user and system together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cpu {
    /// Microseconds.
    pub(crate) micros: f64,
}

impl Sub for Cpu {
    type Output = Cpu;

    fn sub(self, earlier: Cpu) -> Cpu {
        Cpu {
            micros: self.micros - earlier.micros,
        }
    }
}

/// Linux fixes the unit of `/proc/<pid>/stat` for programs at 100 per second.
const MICROS_PER_TICK: f64 = 10_000.0;

impl Cpu {
    /// All threads of a process, ended ones too.
    pub(crate) fn of_process(pid: u32) -> Self {
        let ticks = stat(pid).map_or(0.0, |fields| fields[11] + fields[12]);
        Self {
            micros: ticks * MICROS_PER_TICK,
        }
    }

    /// The calling thread, to the nanosecond.
    pub(crate) fn of_this_thread() -> Self {
        let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        let nanos: f64 = text.split_whitespace().next().unwrap().parse().unwrap();
        Self {
            micros: nanos / 1_000.0,
        }
    }

    /// Every child of `postmaster`, and those that have ended.
    pub(crate) fn of_backends(postmaster: u32) -> Self {
        let ended = stat(postmaster).map_or(0.0, |fields| fields[13] + fields[14]);
        let living: f64 = processes()
            .filter_map(stat)
            .filter(|fields| fields[1] as u32 == postmaster)
            .map(|fields| fields[11] + fields[12])
            .sum();
        Self {
            micros: (ended + living) * MICROS_PER_TICK,
        }
    }
}

/// The parent of a process.
pub(crate) fn parent(pid: u32) -> u32 {
    stat(pid).map_or(0, |fields| fields[1] as u32)
}

/// The largest resident memory so far.
pub(crate) fn peak_rss_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|word| word.parse().ok()).unwrap_or(0)
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The fields of `/proc/<pid>/stat` behind the command's name, the state (0) counted as nothing.
fn stat(pid: u32) -> Option<Vec<f64>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, behind) = text.rsplit_once(')')?;
    Some(
        behind
            .split_whitespace()
            .map(|word| word.parse().unwrap_or(0.0))
            .collect(),
    )
}
