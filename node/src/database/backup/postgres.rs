//! The PostgreSQL server: dumped and restored by its own programs.

use std::path::Path;

use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use diesel::sql_types::{BigInt, Text};

use super::super::{Counts, HospitalConnection, counts, migrations, postgres, restored};
use super::{BackupError, Copied, Manifest, Told, folder_of, tools, want_space};

/// How the schemas are named that a restore put aside.
pub(super) const ASIDE: &str = "musubi_before_";

#[derive(diesel::QueryableByName)]
struct Snapshot {
    #[diesel(sql_type = Text)]
    snapshot: String,
    #[diesel(sql_type = BigInt)]
    bytes: i64,
}

/// Dumps the database at `url` into the file `to`; counts are of the same snapshot.
pub(super) fn dump(url: &str, to: &Path, told: Told<'_>) -> Result<Copied, BackupError> {
    let mut dump = tools::tool("pg_dump")?;
    let mut source = HospitalConnection::Postgres(postgres::connect_unhurried(url)?);
    source.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
    let Snapshot { snapshot, bytes } = diesel::sql_query(
        "SELECT pg_export_snapshot() AS snapshot, pg_database_size(current_database()) AS bytes",
    )
    .get_result(&mut source)?;
    // Compressed text of rows without indexes: a fourth of the database is more than it takes.
    let about = u64::try_from(bytes).unwrap_or_default() / 4;
    want_space(folder_of(to), about)?;
    tools::connect(&mut dump, url);
    dump.args(["--format=custom", "--no-owner", "--no-privileges"])
        .arg(format!("--snapshot={snapshot}"))
        .arg(format!("--exclude-schema={ASIDE}*"))
        .arg(format!("--exclude-table={}", restored::TABLE))
        .arg("--file")
        .arg(to);
    tools::run("pg_dump", &mut dump, Some(to), told)?;
    let copied = Copied {
        schema: migrations::applied(&mut source)?,
        tables: counts::count(&mut source)?,
    };
    source.batch_execute("COMMIT")?;
    Ok(copied)
}

/// What is missing from the dump `file`.
pub(super) fn complaints(
    file: &Path,
    manifest: &Manifest,
    told: Told<'_>,
) -> Result<Vec<String>, BackupError> {
    let mut list = tools::tool("pg_restore")?;
    list.arg("--list").arg(file);
    let list = tools::run("pg_restore", &mut list, None, told)?;
    Ok(missing(&manifest.tables, &list))
}

/// The tables whose rows a listing of `pg_restore` does not name:
/// `3421; 0 16402 TABLE DATA public audit_line musubi`.
fn missing(tables: &Counts, list: &str) -> Vec<String> {
    let listed: Vec<&str> = list
        .lines()
        .filter_map(|line| line.split_once(" TABLE DATA ")?.1.split(' ').nth(1))
        .collect();
    let absent = tables
        .keys()
        .filter(|table| !listed.contains(&table.as_str()));
    absent
        .map(|table| format!("{table}: its rows are not in the dump"))
        .collect()
}

/// Puts the dump `file` into the database at `url`, whole or not at all.
pub(super) fn load(url: &str, file: &Path, told: Told<'_>) -> Result<(), BackupError> {
    let mut restore = tools::tool("pg_restore")?;
    tools::connect(&mut restore, url);
    restore
        .args(["--clean", "--if-exists", "--single-transaction"])
        .args(["--no-owner", "--no-privileges"])
        .arg(file);
    tools::run("pg_restore", &mut restore, None, told)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_whose_rows_are_not_listed_is_named() {
        let list = "; Archive\n215; 1259 16394 TABLE public audit_line musubi\n\
                    3421; 0 16402 TABLE DATA public audit_line musubi\n\
                    216; 1259 16395 TABLE public person musubi\n";
        let tables = Counts::from([("audit_line".to_owned(), 3), ("person".to_owned(), 1)]);
        assert_eq!(
            missing(&tables, list),
            ["person: its rows are not in the dump"]
        );
    }
}
