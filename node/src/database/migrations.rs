//! Brings the tables up to date when the database is opened. Each room owns its own migrations.

use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel::{Connection, PgConnection, RunQueryDsl, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::backup::BeforeChange;
use super::place::Place;
use super::transaction::UNHURRIED;
use super::{DatabaseError, HospitalConnection, Kind, counts};

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Any number that no one else uses as an advisory lock: "musubi" in ASCII.
const MIGRATION_LOCK: i64 = 0x6d75_7375_6269;

/// Where diesel writes down what was applied.
const APPLIED: &str = "__diesel_schema_migrations";

/// Refuses what a newer program changed, and runs what is pending; before that, where something is
/// stored already, the backup that `before` asks for.
pub(super) fn bring_up_to_date(
    connection: &mut HospitalConnection,
    place: &Place,
    before: Option<&BeforeChange>,
) -> Result<(), DatabaseError> {
    let applied = applied(connection)?;
    refuse_newer(place.kind(), &applied)?;
    if let (Some(before), Some(newest)) = (before, to_be_changed(place.kind(), &applied)?) {
        before.back_up(place, &newest)?;
    }
    migrate(connection)
}

/// Runs what is pending, in one transaction that other processes wait for.
pub(super) fn migrate(connection: &mut HospitalConnection) -> Result<(), DatabaseError> {
    match connection {
        HospitalConnection::Sqlite(connection) => migrate_sqlite(connection),
        HospitalConnection::Postgres(connection) => migrate_postgres(connection),
    }
}

fn migrate_sqlite(connection: &mut SqliteConnection) -> Result<(), DatabaseError> {
    connection.immediate_transaction(|connection| {
        let applied = connection.applied_migrations().map_err(failed)?;
        refuse_newer(Kind::Sqlite, &texts(&applied))?;
        connection.run_pending_migrations(SQLITE).map_err(failed)?;
        Ok(())
    })
}

fn migrate_postgres(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    connection.transaction(|connection| {
        connection.batch_execute(UNHURRIED)?;
        diesel::sql_query("SELECT pg_advisory_xact_lock($1)")
            .bind::<diesel::sql_types::BigInt, _>(MIGRATION_LOCK)
            .execute(connection)?;
        let applied = connection.applied_migrations().map_err(failed)?;
        refuse_newer(Kind::Postgres, &texts(&applied))?;
        connection
            .run_pending_migrations(POSTGRES)
            .map_err(failed)?;
        Ok(())
    })
}

fn texts(versions: &[MigrationVersion<'static>]) -> Vec<String> {
    versions.iter().map(ToString::to_string).collect()
}

/// The versions that were applied, oldest first; none in a new database. Changes nothing.
pub(super) fn applied(connection: &mut HospitalConnection) -> Result<Vec<String>, DatabaseError> {
    #[derive(diesel::QueryableByName)]
    struct Applied {
        #[diesel(sql_type = diesel::sql_types::Text)]
        version: String,
    }
    let there = counts::tables(connection)?
        .iter()
        .any(|table| table == APPLIED);
    if !there {
        return Ok(Vec::new());
    }
    let select = format!("SELECT version FROM {APPLIED} ORDER BY version");
    let rows: Vec<Applied> = diesel::sql_query(select).load(connection)?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}

/// The versions that this program knows, oldest first.
pub(super) fn known(kind: Kind) -> Result<Vec<String>, DatabaseError> {
    fn versions<DB: diesel::backend::Backend>(
        source: &impl MigrationSource<DB>,
    ) -> Result<Vec<String>, DatabaseError> {
        let all: Vec<Box<dyn Migration<DB>>> = source.migrations().map_err(failed)?;
        let mut versions: Vec<String> =
            all.iter().map(|m| m.name().version().to_string()).collect();
        versions.sort();
        Ok(versions)
    }
    match kind {
        Kind::Sqlite => versions::<diesel::sqlite::Sqlite>(&SQLITE),
        Kind::Postgres => versions::<diesel::pg::Pg>(&POSTGRES),
    }
}

/// Refuses tables that a newer program has changed: this one would misread them.
pub(super) fn refuse_newer(kind: Kind, applied: &[String]) -> Result<(), DatabaseError> {
    let known = known(kind)?;
    match applied.iter().find(|version| !known.contains(version)) {
        Some(unknown) => Err(DatabaseError::Newer {
            found: unknown.clone(),
            known: known.last().cloned().unwrap_or_default(),
        }),
        None => Ok(()),
    }
}

/// The newest version of a database that holds something and is about to be changed; `None` for a
/// new one, and for one that is up to date.
fn to_be_changed(kind: Kind, applied: &[String]) -> Result<Option<String>, DatabaseError> {
    let pending = known(kind)?
        .iter()
        .any(|version| !applied.contains(version));
    Ok(applied.last().filter(|_| pending).cloned())
}

fn failed(error: Box<dyn std::error::Error + Send + Sync>) -> DatabaseError {
    DatabaseError::Migration(error.to_string())
}

/// Brings new tables to where a program stood that knew these migrations.
#[cfg(test)]
pub(super) fn migrate_these(
    connection: &mut HospitalConnection,
    versions: &[String],
) -> Result<(), DatabaseError> {
    fn these<DB: diesel::backend::Backend>(
        harness: &mut impl MigrationHarness<DB>,
        source: &impl MigrationSource<DB>,
        versions: &[String],
    ) -> Result<(), DatabaseError> {
        let mut all: Vec<Box<dyn Migration<DB>>> = source.migrations().map_err(failed)?;
        all.sort_by_key(|migration| migration.name().version().as_owned());
        for migration in all {
            if versions.contains(&migration.name().version().to_string()) {
                harness.run_migration(&migration).map_err(failed)?;
            }
        }
        Ok(())
    }
    match connection {
        HospitalConnection::Sqlite(connection) => {
            connection.applied_migrations().map_err(failed)?;
            these(connection, &SQLITE, versions)
        }
        HospitalConnection::Postgres(connection) => {
            connection.applied_migrations().map_err(failed)?;
            these(connection, &POSTGRES, versions)
        }
    }
}
