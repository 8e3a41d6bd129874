//! Brings the tables up to date when the database is opened. Each room owns its own migrations.

use diesel::migration::{Migration, MigrationSource};
use diesel::{Connection, PgConnection, RunQueryDsl, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::DatabaseError;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Any number that no one else uses as an advisory lock: "musubi" in ASCII.
const MIGRATION_LOCK: i64 = 0x6d75_7375_6269;

/// Runs what is pending, in one transaction that other processes wait for.
pub(super) fn migrate_sqlite(connection: &mut SqliteConnection) -> Result<(), DatabaseError> {
    connection.immediate_transaction(|connection| {
        let applied = connection.applied_migrations().map_err(failed)?;
        refuse_newer::<diesel::sqlite::Sqlite>(&SQLITE, &applied)?;
        connection.run_pending_migrations(SQLITE).map_err(failed)?;
        Ok(())
    })
}

/// Runs what is pending, in one transaction under an advisory lock.
pub(super) fn migrate_postgres(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    connection.transaction(|connection| {
        diesel::sql_query("SELECT pg_advisory_xact_lock($1)")
            .bind::<diesel::sql_types::BigInt, _>(MIGRATION_LOCK)
            .execute(connection)?;
        let applied = connection.applied_migrations().map_err(failed)?;
        refuse_newer::<diesel::pg::Pg>(&POSTGRES, &applied)?;
        connection
            .run_pending_migrations(POSTGRES)
            .map_err(failed)?;
        Ok(())
    })
}

fn refuse_newer<DB: diesel::backend::Backend>(
    known: &impl MigrationSource<DB>,
    applied: &[diesel::migration::MigrationVersion<'static>],
) -> Result<(), DatabaseError> {
    let known: Vec<Box<dyn Migration<DB>>> = known.migrations().map_err(failed)?;
    for version in applied {
        if !known
            .iter()
            .any(|migration| migration.name().version() == *version)
        {
            return Err(DatabaseError::Newer(version.to_string()));
        }
    }
    Ok(())
}

fn failed(error: Box<dyn std::error::Error + Send + Sync>) -> DatabaseError {
    DatabaseError::Migration(error.to_string())
}
