//! The table.

use std::fmt;

use scenarios::Store;

use crate::floors::Floor;
use crate::load::Measured;

/// Everything measured on one kind of database.
pub(crate) struct Report {
    store: Store,
    resources: usize,
    answer_bytes: usize,
    peak_rss_kib: u64,
    node: Vec<Measured>,
    hellos: Vec<(usize, Measured)>,
    signatures: f64,
    digest: f64,
    search: Floor,
    /// At once, CPU microseconds, commits a second.
    commits: Vec<(usize, f64, f64)>,
}

impl Report {
    pub(crate) fn new(store: Store, resources: usize, answer_bytes: usize) -> Self {
        Self {
            store,
            resources,
            answer_bytes,
            peak_rss_kib: 0,
            node: Vec::new(),
            hellos: Vec::new(),
            signatures: 0.0,
            digest: 0.0,
            search: Floor {
                micros: 0.0,
                backend_micros: None,
            },
            commits: Vec::new(),
        }
    }

    pub(crate) fn node(&mut self, measured: Measured) {
        self.node.push(measured);
    }

    pub(crate) fn memory(&mut self, kib: u64) {
        self.peak_rss_kib = kib;
    }

    pub(crate) fn hello(&mut self, bytes: usize, measured: Measured) {
        self.hellos.push((bytes, measured));
    }

    pub(crate) fn signatures(&mut self, micros: f64) {
        self.signatures = micros;
    }

    pub(crate) fn digest(&mut self, micros: f64) {
        self.digest = micros;
    }

    pub(crate) fn search(&mut self, floor: Floor) {
        self.search = floor;
    }

    pub(crate) fn commit(&mut self, lanes: usize, (micros, per_second): (f64, f64)) {
        self.commits.push((lanes, micros, per_second));
    }

    fn hello_at(&self, lanes: usize, bytes: usize) -> f64 {
        let found = self
            .hellos
            .iter()
            .find(|(size, one)| *size == bytes && one.lanes == lanes);
        found.map_or(f64::NAN, |(_, one)| one.micros)
    }

    fn commit_at(&self, lanes: usize) -> f64 {
        let found = self.commits.iter().find(|(at, ..)| *at == lanes);
        found.map_or(f64::NAN, |(_, micros, _)| *micros)
    }

    /// Signatures, search and digest: what no number of open questions changes.
    fn fixed(&self) -> f64 {
        self.signatures + self.search.micros + self.digest
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n{:?}: {} resources, {} bytes per answer; peak memory of the node {} MiB",
            self.store,
            self.resources,
            self.answer_bytes,
            self.peak_rss_kib / 1024
        )?;
        writeln!(
            f,
            "\n  whole answers, by the node's process (load beside it on the same cores)"
        )?;
        writeln!(
            f,
            "  at once   answers/s    p50 ms    p99 ms   CPU µs   of PostgreSQL beside it"
        )?;
        for one in &self.node {
            row(f, one)?;
        }
        self.floors(f)?;
        self.ratios(f)
    }
}

impl Report {
    fn floors(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n  floors, CPU µs")?;
        for (bytes, one) in &self.hellos {
            writeln!(
                f,
                "  mTLS hello of {bytes} bytes, {:>2} at once {:>30.1}   ({:.0}/s)",
                one.lanes, one.micros, one.per_second
            )?;
        }
        writeln!(
            f,
            "  two verify_strict and one sign {:>24.1}",
            self.signatures
        )?;
        write!(
            f,
            "  the bare search with bodies {:>27.1}",
            self.search.micros
        )?;
        match self.search.backend_micros {
            Some(backend) => writeln!(f, "   (and {backend:.1} in the backend)")?,
            None => writeln!(f)?,
        }
        writeln!(f, "  SHA-256 of the answer {:>33.1}", self.digest)?;
        for (lanes, micros, per_second) in &self.commits {
            writeln!(
                f,
                "  one durable audit line, {lanes:>2} at once {micros:>19.1}   ({per_second:.0}/s)"
            )?;
        }
        Ok(())
    }

    fn ratios(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let small = self.hellos.first().map_or(0, |(bytes, _)| *bytes);
        writeln!(f, "\n  node / sum of floors")?;
        writeln!(
            f,
            "  at once   hello of {small} bytes   … of the answer's bytes   … and the durable line"
        )?;
        for one in &self.node {
            let least = self.fixed() + self.hello_at(one.lanes, small);
            let with_bytes = self.fixed() + self.hello_at(one.lanes, self.answer_bytes);
            let durable = with_bytes + self.commit_at(one.lanes);
            writeln!(
                f,
                "  {:>7}   {:>5.2} × {least:<8.0}   {:>5.2} × {with_bytes:<15.0}   {:>5.2} × {durable:.0}",
                one.lanes,
                one.micros / least,
                one.micros / with_bytes,
                one.micros / durable,
            )?;
        }
        Ok(())
    }
}

fn row(f: &mut fmt::Formatter<'_>, one: &Measured) -> fmt::Result {
    write!(
        f,
        "  {:>7}   {:>9.0}   {:>7.2}   {:>7.2}   {:>6.0}",
        one.lanes,
        one.per_second,
        one.p50.as_secs_f64() * 1_000.0,
        one.p99.as_secs_f64() * 1_000.0,
        one.micros
    )?;
    match one.backend_micros {
        Some(backend) => writeln!(f, "   {backend:>6.0}"),
        None => writeln!(f),
    }
}
