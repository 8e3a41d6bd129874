//! The floors: what an answer must do at the very least, each alone, on one thread of this process.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Integer, Text};
use diesel::{Connection as _, PgConnection, QueryResult, RunQueryDsl, SqliteConnection};
use federation_protocol::keys::{PublicKey, SecretKey};
use federation_protocol::time::Timestamp;
use musubi_node::audit::{Audit, Kind, Line};
use musubi_node::database::{HospitalConnection, MultiBackend, testing};
use scenarios::Store;
use sha2::{Digest as _, Sha256};

use crate::measure::{Cpu, parent};
use crate::scene::{ANSWERING, Scene};

/// CPU microseconds of one, here and in the PostgreSQL backend.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Floor {
    pub(crate) micros: f64,
    pub(crate) backend_micros: Option<f64>,
}

/// Does `work` over and over on this thread for about `time`: CPU microseconds of one, and how
/// many.
///
/// Every other core computes something meanwhile, as in the rows that these floors are compared
/// with: two virtual cores are often one real one, and an idle sibling would flatter.
fn repeated(time: Duration, mut work: impl FnMut()) -> (f64, f64) {
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let others = thread::available_parallelism().map_or(0, |cores| cores.get() - 1);
        for _ in 0..others {
            scope.spawn(|| keep_busy(&ended));
        }
        for _ in 0..20 {
            work();
        }
        let (before, start) = (Cpu::of_this_thread(), Instant::now());
        let mut done = 0.0;
        while start.elapsed() < time {
            for _ in 0..20 {
                work();
            }
            done += 20.0;
        }
        let used = Cpu::of_this_thread() - before;
        ended.store(true, Ordering::Relaxed);
        (used.micros / done, done)
    })
}

fn keep_busy(ended: &AtomicBool) {
    let text = [b'x'; 64 * 1024];
    while !ended.load(Ordering::Relaxed) {
        black_box(Sha256::digest(black_box(&text)));
    }
}

/// Two strict verifications and one signature of a message as long as a signature base.
pub(crate) fn signatures(time: Duration) -> f64 {
    let key = SecretKey::from_seed([7; 32]);
    let public: PublicKey = key.public();
    let message = [b'm'; 900];
    let signature = key.sign(&message);
    let (micros, _) = repeated(time, || {
        black_box(public.verify(black_box(&message), &signature)).unwrap();
        black_box(public.verify(black_box(&message), &signature)).unwrap();
        black_box(key.sign(black_box(&message)));
    });
    micros
}

/// SHA-256 over as many bytes as an answer has.
pub(crate) fn digest(bytes: usize, time: Duration) -> f64 {
    let body = vec![b'x'; bytes];
    let (micros, _) = repeated(time, || {
        black_box(Sha256::digest(black_box(&body)));
    });
    micros
}

/// The newest bodies of a chart by one prepared statement, and nothing else.
pub(crate) fn search(scene: &Scene, resources: usize, time: Duration) -> Floor {
    let mut connection = connect(scene);
    let all = Bare::<(BigInt, BigInt)>::new(
        "SELECT k.patient, CAST(k.type AS BIGINT) FROM ix_patient k \
         GROUP BY k.patient, k.type HAVING COUNT(*) >= ",
    );
    let charts = all.bind(resources as i64).load(&mut connection);
    let charts: Vec<(i64, i64)> = charts.unwrap();
    assert!(!charts.is_empty());
    let backend = scene_backend(&mut connection);
    let before = backend.map(Cpu::of_process);
    let mut turn = 0;
    let (micros, done) = repeated(time, || {
        let (patient, kind) = charts[turn % charts.len()];
        turn += 1;
        let statement = Bare::<(Text,)>::new(
            "SELECT r.raw FROM (SELECT k.date, k.rid FROM ix_patient k WHERE k.patient = ",
        )
        .bind(patient)
        .sql(" AND k.type = ")
        .bind(kind)
        .sql(" ORDER BY k.date DESC, k.rid DESC LIMIT ")
        .bind(resources as i64)
        .sql(") p JOIN resource r ON r.rid = p.rid");
        let rows: Vec<(String,)> = statement.load(&mut connection).unwrap();
        assert_eq!(black_box(rows).len(), resources);
    });
    let used = backend.zip(before);
    Floor {
        micros,
        backend_micros: used.map(|(pid, before)| (Cpu::of_process(pid) - before).micros / done),
    }
}

/// One audit line and its durable commit, `lanes` at once on a database of its own: the CPU of this
/// whole process for each. Beside it, how many a second that was.
pub(crate) async fn commit(store: Store, lanes: usize, time: Duration) -> (f64, f64) {
    let scratch = match store {
        Store::Sqlite => testing::sqlite(),
        Store::Postgres => testing::postgres().unwrap(),
    };
    let process = std::process::id();
    let (before, start) = (Cpu::of_process(process), Instant::now());
    let mut running = Vec::new();
    for _ in 0..lanes {
        let audit = Audit::new(scratch.database.clone());
        running.push(tokio::spawn(async move {
            let mut done = 0.0;
            while start.elapsed() < time {
                let now = Timestamp::from_micros(1_800_000_000_000_000);
                let line = Line::new(Kind::Disclosure, now, "physician").detail("path", "/echo");
                audit.append(line).await.unwrap();
                done += 1.0;
            }
            done
        }));
    }
    let mut done: f64 = 0.0;
    for lane in running {
        done += lane.await.unwrap();
    }
    let used = Cpu::of_process(process) - before;
    (used.micros / done, done / start.elapsed().as_secs_f64())
}

/// The postmaster of the answering node's database, if that is a PostgreSQL server of this machine.
pub(crate) fn postmaster(scene: &Scene) -> Option<u32> {
    scene_backend(&mut connect(scene))
        .map(parent)
        .filter(|pid| *pid > 0)
}

fn scene_backend(connection: &mut HospitalConnection) -> Option<u32> {
    if matches!(connection, HospitalConnection::Sqlite(_)) {
        return None;
    }
    let asked = Bare::<(Integer,)>::new("SELECT pg_backend_pid()");
    let rows: Vec<(i32,)> = asked.load(connection).unwrap();
    u32::try_from(rows[0].0).ok()
}

/// A connection of our own to the answering node's database.
fn connect(scene: &Scene) -> HospitalConnection {
    let config = scene.town.at(ANSWERING).config();
    let url = config.database.as_str();
    let Some(path) = url.strip_prefix("sqlite:") else {
        return HospitalConnection::Postgres(PgConnection::establish(url).unwrap());
    };
    let mut connection = SqliteConnection::establish(path).unwrap();
    let pragmas = "PRAGMA mmap_size = 1073741824; PRAGMA cache_size = -32768;";
    connection.batch_execute(pragmas).unwrap();
    HospitalConnection::Sqlite(connection)
}

/// A statement of ours, kept prepared under its text.
struct Bare<ST> {
    pieces: Vec<(&'static str, Option<i64>)>,
    rows: std::marker::PhantomData<ST>,
}

impl<ST> Bare<ST> {
    fn new(sql: &'static str) -> Self {
        Self {
            pieces: vec![(sql, None)],
            rows: std::marker::PhantomData,
        }
    }

    fn sql(mut self, sql: &'static str) -> Self {
        self.pieces.push((sql, None));
        self
    }

    fn bind(mut self, value: i64) -> Self {
        self.pieces.push(("", Some(value)));
        self
    }
}

impl<ST> Query for Bare<ST> {
    type SqlType = ST;
}

impl<ST: 'static> QueryId for Bare<ST> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<ST> QueryFragment<MultiBackend> for Bare<ST> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        for (sql, value) in &self.pieces {
            out.push_sql(sql);
            if let Some(value) = value {
                out.push_bind_param::<BigInt, i64>(value)?;
            }
        }
        Ok(())
    }
}

impl<ST> RunQueryDsl<HospitalConnection> for Bare<ST> {}
