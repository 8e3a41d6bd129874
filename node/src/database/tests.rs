#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    reason = "tests fail by panicking"
)]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::BigInt;

use super::testing::{empty, on_each, on_each_async, on_each_empty, postgres, sqlite};
use super::{Company, Database, DatabaseError, HospitalConnection, Kind, counts};

diesel::table! {
    note (id) { id -> BigInt, text -> Text, }
}

fn txid() -> diesel::expression::SqlLiteral<BigInt> {
    diesel::dsl::sql("txid_current()")
}

fn make_table(database: &Database) {
    database
        .transact_blocking(|connection| {
            connection.batch_execute(
                "CREATE TABLE note (id BIGINT NOT NULL PRIMARY KEY, text TEXT NOT NULL)",
            )?;
            Ok::<_, DatabaseError>(())
        })
        .unwrap();
}

fn insert(connection: &mut HospitalConnection, id: i64) -> Result<i64, DatabaseError> {
    diesel::insert_into(note::table)
        .values((note::id.eq(id), note::text.eq("漢字")))
        .execute(connection)?;
    Ok(id)
}

fn count(connection: &mut HospitalConnection) -> Result<i64, DatabaseError> {
    Ok(note::table.count().get_result(connection)?)
}

#[test]
fn a_refused_job_rolls_back_alone() {
    on_each(|database| {
        make_table(&database);
        let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
        let outcomes = runtime.block_on(async {
            let jobs: Vec<_> = (0..64)
                .map(|id| {
                    let database = database.clone();
                    tokio::spawn(async move {
                        database
                            .transact(move |connection| {
                                insert(connection, id)?;
                                if id % 2 == 1 {
                                    return Err(DatabaseError::Query(Error::RollbackTransaction));
                                }
                                Ok(id)
                            })
                            .await
                    })
                })
                .collect();
            let mut outcomes = Vec::new();
            for job in jobs {
                outcomes.push(job.await.unwrap());
            }
            outcomes
        });
        assert_eq!(
            outcomes.iter().filter(|outcome| outcome.is_ok()).count(),
            32
        );
        assert_eq!(database.read_blocking(count).unwrap(), 32);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_queued_up_behind_a_commit_shares_the_next_one() {
    let Some(server) = postgres() else { return };
    let database = server.database.clone();
    make_table(&database);
    // Every writer is held until the queue is full: one after the other, or one would take two.
    let held = Arc::new(Barrier::new(super::POSTGRES_WRITERS + 1));
    let mut busy = Vec::new();
    for _ in 0..super::POSTGRES_WRITERS {
        let (begun, begins) = std::sync::mpsc::channel();
        let (database, held) = (database.clone(), held.clone());
        busy.push(tokio::spawn(async move {
            let wait = move |_: &mut HospitalConnection| {
                begun.send(()).unwrap();
                held.wait();
                Ok::<_, DatabaseError>(())
            };
            database.transact(wait).await
        }));
        tokio::task::spawn_blocking(move || begins.recv().unwrap())
            .await
            .unwrap();
    }
    let jobs: Vec<_> = (0..64)
        .map(|id| {
            let database = database.clone();
            tokio::spawn(async move {
                database
                    .transact(move |connection| {
                        insert(connection, id)?;
                        Ok::<_, DatabaseError>(
                            diesel::select(txid()).get_result::<i64>(connection)?,
                        )
                    })
                    .await
            })
        })
        .collect();
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    tokio::task::spawn_blocking(move || held.wait())
        .await
        .unwrap();
    for one in busy {
        one.await.unwrap().unwrap();
    }
    let mut commits = std::collections::BTreeSet::new();
    for job in jobs {
        commits.insert(job.await.unwrap().unwrap());
    }
    assert!(commits.len() < 32, "{} commits of 64 jobs", commits.len());
    assert_eq!(database.read_blocking(count).unwrap(), 64);
}

#[test]
fn a_unique_violation_inside_a_savepoint_leaves_the_rest_standing() {
    on_each(|database| {
        make_table(&database);
        database
            .transact_blocking(|connection| insert(connection, 1))
            .unwrap();
        let clash = database.transact_blocking(|connection| {
            insert(connection, 2)?;
            let clash = connection.transaction(|connection| insert(connection, 1));
            insert(connection, 3)?;
            Ok::<_, DatabaseError>(clash.is_err_and(|error| error.is_unique_violation()))
        });
        assert!(clash.unwrap());
        assert_eq!(database.read_blocking(count).unwrap(), 3);
    });
}

#[test]
fn a_read_cannot_write_and_sees_one_snapshot() {
    on_each(|database| {
        make_table(&database);
        let refused = database.read_blocking(|connection| insert(connection, 1));
        assert!(refused.is_err());
        let other = database.clone();
        let (before, after) = database
            .read_blocking(move |connection| {
                let before = count(connection)?;
                other.transact_blocking(|connection| insert(connection, 7))?;
                Ok::<_, DatabaseError>((before, count(connection)?))
            })
            .unwrap();
        assert_eq!((before, after), (0, 0));
        assert_eq!(database.read_blocking(count).unwrap(), 1);
    });
}

#[test]
fn work_that_panics_is_rolled_back_and_others_go_on() {
    on_each(|database| {
        make_table(&database);
        let broken = database.transact_blocking(|connection| -> Result<(), DatabaseError> {
            connection.transaction(|connection| -> Result<(), DatabaseError> {
                insert(connection, 1)?;
                panic!("a bug in a room")
            })
        });
        assert!(matches!(broken, Err(DatabaseError::Closed)), "{broken:?}");
        let broken = database.read_blocking(|_| -> Result<(), DatabaseError> { panic!("a bug") });
        assert!(matches!(broken, Err(DatabaseError::Closed)));
        database
            .transact_blocking(|connection| insert(connection, 2))
            .unwrap();
        assert_eq!(database.read_blocking(count).unwrap(), 1);
    });
}

#[tokio::test]
async fn concurrent_read_then_write_is_serializable() {
    on_each_async(async |database: Database| {
        make_table(&database);
        let jobs: Vec<_> = (0..24)
            .map(|_| {
                let database = database.clone();
                tokio::spawn(async move {
                    database
                        .transact(|connection| {
                            let next = count(connection)?;
                            insert(connection, next)
                        })
                        .await
                })
            })
            .collect();
        let mut ids = Vec::new();
        for job in jobs {
            ids.push(job.await.unwrap().unwrap());
        }
        ids.sort_unstable();
        assert_eq!(ids, (0..24).collect::<Vec<_>>());
    })
    .await;
}

#[test]
fn a_second_process_shares_the_file_and_waits_for_its_turn() {
    let scratch = sqlite();
    make_table(&scratch.database);
    let second = Database::open(&scratch.url).unwrap();
    let writers: Vec<_> = [(scratch.database.clone(), 0), (second.clone(), 1000)]
        .into_iter()
        .map(|(database, from)| {
            std::thread::spawn(move || {
                for id in from..from + 50 {
                    database
                        .transact_blocking(move |connection| insert(connection, id))
                        .unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    assert_eq!(second.read_blocking(count).unwrap(), 100);
}

#[test]
fn a_newer_schema_is_refused() {
    for scratch in std::iter::once(sqlite()).chain(postgres()) {
        scratch
            .database
            .transact_blocking(|connection| {
                connection.batch_execute(
                    "INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')",
                )?;
                Ok::<_, DatabaseError>(())
            })
            .unwrap();
        let newer = Database::open(&scratch.url).err();
        assert!(matches!(&newer, Some(DatabaseError::Newer { found, .. }) if found == "9999"));
    }
}

#[test]
fn the_file_is_its_owners_alone_and_the_settings_hold() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = sqlite();
    assert_eq!(scratch.database.kind(), Kind::Sqlite);
    let path = scratch.url.strip_prefix("sqlite:").unwrap();
    for file in [path.to_owned(), format!("{path}-wal")] {
        let mode = std::fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    #[derive(QueryableByName)]
    struct Setting {
        #[diesel(sql_type = BigInt)]
        synchronous: i64,
    }
    let setting: Setting = scratch
        .database
        .transact_blocking(|connection| {
            Ok::<_, DatabaseError>(diesel::sql_query("PRAGMA synchronous").get_result(connection)?)
        })
        .unwrap();
    assert_eq!(setting.synchronous, 2);
}

#[test]
fn urls_of_neither_kind_are_refused() {
    for url in ["mysql://x", "sqlite:", "sqlite::memory:", ""] {
        assert!(matches!(
            Database::open(url).err(),
            Some(DatabaseError::Url(_))
        ));
    }
    let lost = Database::open("sqlite:/nowhere/at/all.sqlite");
    assert!(matches!(lost.err(), Some(DatabaseError::Open(_))));
}

#[test]
fn a_lost_postgres_connection_is_made_anew() {
    let Some(scratch) = postgres() else { return };
    make_table(&scratch.database);
    scratch
        .database
        .transact_blocking(|connection| insert(connection, 1))
        .unwrap();
    let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                  WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for round in 0..8_i64 {
        let killed = scratch.database.transact_blocking(move |connection| {
            connection.batch_execute(others)?;
            Ok::<_, DatabaseError>(())
        });
        killed.unwrap();
        scratch
            .database
            .transact_blocking(move |c| insert(c, 10 + round))
            .unwrap();
        assert_eq!(scratch.database.read_blocking(count).unwrap(), 2 + round);
    }
}

#[test]
fn who_wants_to_be_alone_waits_for_nobody_and_keeps_others_out() {
    on_each_empty(|place| {
        let shared = Database::open(&place.url).unwrap();
        let second = Database::open(&place.url).unwrap();
        let alone = || Database::open_in(&place.url, Company::Alone, None);
        assert!(matches!(alone().err(), Some(DatabaseError::InUse)));
        drop(second);
        assert!(matches!(alone().err(), Some(DatabaseError::InUse)));
        drop(shared);
        let alone = alone().unwrap();
        let refused = Database::open(&place.url);
        assert!(matches!(refused.err(), Some(DatabaseError::InUse)));
        make_table(&alone);
        assert_eq!(alone.read_blocking(count).unwrap(), 0);
        drop(alone);
        Database::open(&place.url).unwrap();
    });
}

#[test]
fn a_node_whose_sessions_were_lost_is_seen_again_at_its_next_work() {
    let Some(place) = empty(Kind::Postgres) else {
        return;
    };
    let node = Database::open(&place.url).unwrap();
    make_table(&node);
    node.transact_blocking(|connection| {
        connection.batch_execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )?;
        Ok::<_, DatabaseError>(())
    })
    .unwrap();
    node.read_blocking(count).unwrap();
    let alone = Database::open_in(&place.url, Company::Alone, None);
    assert!(matches!(alone.err(), Some(DatabaseError::InUse)));
}

#[test]
fn reads_leave_the_file_and_its_log_as_they_are() {
    let scratch = sqlite();
    make_table(&scratch.database);
    scratch
        .database
        .transact_blocking(|connection| insert(connection, 1))
        .unwrap();
    let path = scratch.url.strip_prefix("sqlite:").unwrap();
    let bytes =
        || [path.to_owned(), format!("{path}-wal")].map(|file| std::fs::read(file).unwrap());
    let before = bytes();
    for _ in 0..40 {
        let tables = scratch.database.read_blocking(counts::count).unwrap();
        assert_eq!(tables["note"], 1);
    }
    assert!(bytes() == before, "a read wrote to the disk");
}

#[test]
fn a_reader_cannot_write_even_outside_its_snapshot() {
    on_each(|database| {
        make_table(&database);
        let refused = database.read_blocking(|connection| {
            connection.batch_execute("ROLLBACK; INSERT INTO note VALUES (1, 'x'); BEGIN;")?;
            Ok::<_, DatabaseError>(())
        });
        assert!(refused.is_err());
        assert_eq!(database.read_blocking(count).unwrap(), 0);
    });
}

#[test]
fn a_log_that_one_large_transaction_made_long_is_cut_back() {
    let scratch = sqlite();
    make_table(&scratch.database);
    let path = scratch.url.strip_prefix("sqlite:").unwrap();
    let length = || std::fs::metadata(format!("{path}-wal")).unwrap().len();
    scratch
        .database
        .transact_blocking(|connection| {
            connection.batch_execute(
                "CREATE TABLE scan (bytes BLOB); INSERT INTO scan VALUES (zeroblob(90000000))",
            )?;
            Ok::<_, DatabaseError>(())
        })
        .unwrap();
    assert!(length() > 90_000_000);
    for id in 0..2 {
        let write = move |connection: &mut HospitalConnection| insert(connection, id);
        scratch.database.transact_blocking(write).unwrap();
    }
    assert!(length() <= 64 << 20, "{}", length());
}

#[test]
fn bringing_a_servers_tables_up_to_date_may_take_longer_than_a_question() {
    let Some(place) = empty(Kind::Postgres) else {
        return;
    };
    let mut session = PgConnection::establish(&place.url).unwrap();
    // As on a large database: each index takes five times what a statement may.
    session
        .batch_execute(
            "CREATE FUNCTION slowly() RETURNS event_trigger LANGUAGE plpgsql \
               AS 'BEGIN PERFORM pg_sleep(0.1); END'; \
             CREATE EVENT TRIGGER slowly ON ddl_command_start WHEN TAG IN ('CREATE INDEX') \
               EXECUTE FUNCTION slowly(); \
             SET statement_timeout = '20ms'",
        )
        .unwrap();
    let mut session = HospitalConnection::Postgres(session);
    super::migrations::migrate(&mut session).unwrap();
    let refused = session.batch_execute("SELECT pg_sleep(0.1)");
    assert!(refused.is_err(), "questions may take as long as before");
}

#[test]
fn a_program_that_writes_without_a_pause_lets_the_others_have_their_turn() {
    let scratch = sqlite();
    make_table(&scratch.database);
    let import = Database::open(&scratch.url).unwrap();
    let (over, commits) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|threads| {
        threads.spawn(|| {
            while !over.load(Ordering::Relaxed) && commits.load(Ordering::Relaxed) < 1_000 {
                let held = |_connection: &mut HospitalConnection| {
                    std::thread::sleep(Duration::from_millis(25));
                    Ok::<_, DatabaseError>(())
                };
                import.transact_blocking(held).unwrap();
                commits.fetch_add(1, Ordering::Relaxed);
            }
        });
        while commits.load(Ordering::Relaxed) == 0 {
            std::thread::yield_now();
        }
        let before = commits.load(Ordering::Relaxed);
        for id in 0..20 {
            let write = move |connection: &mut HospitalConnection| insert(connection, id);
            scratch.database.transact_blocking(write).unwrap();
        }
        let meanwhile = commits.load(Ordering::Relaxed) - before;
        over.store(true, Ordering::Relaxed);
        assert!(
            meanwhile <= 60,
            "{meanwhile} of the other's while 20 waited"
        );
    });
}
