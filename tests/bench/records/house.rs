//! The hospital that is measured: a fresh database, and the rooms that stand on it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use diesel::dsl::sql;
use diesel::sql_types::Integer;
use diesel::{Connection as _, PgConnection, RunQueryDsl as _};
use federation_protocol::member::MemberId;
use federation_service::clock::SystemClock;
use fhir_validation::Definitions;
use musubi_node::access::{Access, Act, Permit};
use musubi_node::audit::Audit;
use musubi_node::config::Validation;
use musubi_node::database::testing::{self, Scratch};
use musubi_node::identity::Caller;
use musubi_node::import::{IMPORTER, Import, Manner, Reached, Refusal, Watcher};
use musubi_node::records::{Records, Validator};
use tokio::runtime::Runtime;

use crate::arguments::StoreChoice;
use crate::measure::{Cpu, peak_rss_kib};
use crate::source::Source;

/// Records, and who may do what with them.
pub(crate) struct House {
    scratch: Scratch,
    pub(crate) records: Records,
    pub(crate) access: Access,
    /// The hospital's own system, which reads and writes every chart.
    pub(crate) system: Caller,
    pub(crate) permit: Arc<Permit>,
    meter: Meter,
}

/// What an import took.
pub(crate) struct Imported {
    pub(crate) took: Duration,
    pub(crate) used: Used,
    pub(crate) resources: u64,
    /// The largest resident memory of this process so far.
    pub(crate) peak_rss_kib: u64,
}

impl House {
    /// On a fresh database, judging by the definitions that ship.
    pub(crate) fn open(store: StoreChoice, policy: Validation, runtime: &Runtime) -> Self {
        let scratch = match store {
            StoreChoice::Sqlite => testing::sqlite(),
            StoreChoice::Postgres => testing::postgres().unwrap(),
        };
        let own: MemberId = "urn:musubi:member:0119900001".parse().unwrap();
        let validator = Validator::new(Arc::new(Definitions::shipped()), policy);
        let (database, clock) = (scratch.database.clone(), SystemClock::shared());
        let records = Records::open(database.clone(), Arc::clone(&clock), &own, validator);
        let access = Access::new(Audit::new(database), clock);
        let system = Caller::System {
            id: IMPORTER.to_owned(),
        };
        let act = Act::Import { format: "ndjson" };
        let permit = runtime.block_on(access.permit(&system, act));
        Self {
            meter: Meter::of(&scratch.url),
            records: records.unwrap(),
            permit: Arc::new(permit.unwrap()),
            access,
            system,
            scratch,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.scratch.url
    }

    /// What this process and its sessions on the server have used so far.
    pub(crate) fn used(&self) -> Used {
        self.meter.read()
    }

    /// Imports the file as `musubi-node import` does.
    pub(crate) async fn import(&self, source: &Source) -> Imported {
        let (database, clock) = (self.scratch.database.clone(), SystemClock::shared());
        let import = Import::new(database, clock, self.records.clone());
        let (before, start) = (self.used(), Instant::now());
        let mut screen = Screen { next: STEP };
        let path = source.path();
        let done = import.lines(&self.permit, &path, Manner::Anew, &mut screen);
        let report = done.await.unwrap();
        let took = start.elapsed();
        assert_eq!((report.created, report.refused), (source.resources, 0));
        Imported {
            took,
            used: self.used() - before,
            resources: source.resources,
            peak_rss_kib: peak_rss_kib(std::process::id()),
        }
    }
}

/// Says how far the import is.
struct Screen {
    next: u64,
}

/// Resources between two lines of progress.
const STEP: u64 = 20_000;

impl Watcher for Screen {
    fn reached(&mut self, reached: &Reached<'_>) {
        let created = reached.report.created;
        if created >= self.next {
            self.next = created + STEP;
            eprintln!("records-bench: {created} imported");
        }
    }

    fn refused(&mut self, refusal: &Refusal) {
        eprintln!("records-bench: refused: {refusal:?}");
    }
}

/// CPU of this process, and of its sessions on the PostgreSQL server.
#[derive(Clone)]
pub(crate) struct Used {
    pub(crate) process: Cpu,
    /// By the session's process.
    sessions: Option<BTreeMap<u32, Cpu>>,
}

impl Used {
    /// Of all sessions together; `None` without a server.
    pub(crate) fn backends(&self) -> Option<f64> {
        let sessions = self.sessions.as_ref()?;
        Some(sessions.values().map(|cpu| cpu.micros).sum())
    }
}

impl std::ops::Sub for Used {
    type Output = Used;

    fn sub(self, earlier: Used) -> Used {
        let then = earlier.sessions.unwrap_or_default();
        let since =
            |(pid, now): (u32, Cpu)| (pid, now - then.get(&pid).copied().unwrap_or_default());
        Used {
            process: self.process - earlier.process,
            sessions: self
                .sessions
                .map(|now| now.into_iter().map(since).collect()),
        }
    }
}

/// Reads what was used. On the server it looks at the sessions of this database alone, which live
/// long once they are open: others may be at work there. Workers of a parallel query are not in
/// it, nor are the checkpointer and the WAL writer.
struct Meter {
    server: Option<Mutex<PgConnection>>,
}

const SESSIONS: &str = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
    AND pid <> pg_backend_pid() AND backend_type = 'client backend'";

impl Meter {
    fn of(url: &str) -> Self {
        let server = url.starts_with("postgres");
        Self {
            server: server.then(|| Mutex::new(PgConnection::establish(url).unwrap())),
        }
    }

    fn read(&self) -> Used {
        Used {
            process: Cpu::of_process(std::process::id()),
            sessions: self.server.as_ref().map(|server| {
                let asked = sql::<Integer>(SESSIONS);
                let pids: Vec<i32> = asked.load(&mut *server.lock().unwrap()).unwrap();
                let pids = pids.into_iter().map(i32::unsigned_abs);
                pids.map(|pid| (pid, Cpu::of_process(pid))).collect()
            }),
        }
    }
}
