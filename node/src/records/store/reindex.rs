//! Making the whole index anew when a newer program reads resources differently.

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::sql_types::BigInt;
use federation_protocol::label::LABEL_TABLE_VERSION;

use super::super::classify::{category_number, contained_bits};
use super::super::extract::EXTRACTION_VERSION;
use super::super::own::OwnParameters;
use super::super::system::hash;
use super::super::types;
use super::super::{Address, ResourceType};
use super::index::{IndexRows, insert_rows, named, read_again};
use super::own::own_parameters;
use super::rows::{COLUMNS, ColumnTypes, Stored};
use super::statement::Statement;
use super::target::target_of;
use crate::database::{DatabaseError, HospitalConnection, unhurried};

/// How many resources are read at a time.
const BATCH: i64 = 500;
/// After so many resources the log says how far it is.
const SAID: usize = 50_000;

/// What the rows in the database must have been read by.
fn reading() -> i64 {
    let table = types::reading();
    let versions = [
        EXTRACTION_VERSION.to_be_bytes(),
        LABEL_TABLE_VERSION.to_be_bytes(),
    ]
    .concat();
    hash(&[table.as_bytes(), &versions])
}

/// Makes index and facts anew if they were made by another reading. Whether it did.
pub(in crate::records) fn reindex_if_older(
    connection: &mut HospitalConnection,
) -> Result<bool, DatabaseError> {
    if let HospitalConnection::Postgres(postgres) = connection {
        postgres.batch_execute("LOCK TABLE records_counter IN EXCLUSIVE MODE")?;
    }
    let made_by =
        Statement::<(BigInt,)>::new("SELECT c.extraction FROM records_counter c WHERE c.one = 1");
    if made_by.get_result::<(i64,)>(connection)?.0 == reading() {
        return Ok(false);
    }
    tracing::info!("the index of the records is being made anew: nothing is served until it is");
    unhurried(connection)?;
    connection.batch_execute(
        "DELETE FROM ix_token; DELETE FROM ix_date; DELETE FROM ix_string; \
         DELETE FROM ix_reference; DELETE FROM ix_quantity; DELETE FROM ix_patient;",
    )?;
    let own = own_parameters(connection)?;
    let mut read: usize = 0;
    // What marks others first: they share its labels.
    let marking: Vec<i64> = ResourceType::all()
        .filter(|kind| !kind.marking_slots().is_empty())
        .map(|kind| i64::from(kind.code()))
        .collect();
    for condition in [" AND r.type IN ", " AND r.type NOT IN "] {
        let mut last = 0;
        while let Some((next, some)) = reindex_some(connection, last, (condition, &marking), &own)?
        {
            last = next;
            read = read.saturating_add(some);
            if read % SAID < some {
                tracing::info!("{read} resources read for the index");
            }
        }
    }
    let mut done = Statement::<()>::new("UPDATE records_counter SET extraction = ");
    done.int(reading()).sql(" WHERE one = 1").run(connection)?;
    Ok(true)
}

/// Makes index and facts anew, by whichever reading they were made.
pub(in crate::records) fn reindex(
    connection: &mut HospitalConnection,
) -> Result<(), DatabaseError> {
    connection.batch_execute("UPDATE records_counter SET extraction = 0 WHERE one = 1")?;
    reindex_if_older(connection)?;
    Ok(())
}

/// Has PostgreSQL count what its planner plans by; SQLite's plans do not depend on counts here.
pub(in crate::records) fn look_at_tables(
    connection: &mut HospitalConnection,
) -> Result<(), DatabaseError> {
    if let HospitalConnection::Postgres(postgres) = connection {
        postgres.batch_execute(
            "ANALYZE resource; ANALYZE ix_token; ANALYZE ix_date; ANALYZE ix_string; \
             ANALYZE ix_reference; ANALYZE ix_quantity; ANALYZE ix_patient;",
        )?;
    }
    Ok(())
}

/// One batch after row `last`; the row to go on after and how many were read, `None` at the end.
fn reindex_some(
    connection: &mut HospitalConnection,
    last: i64,
    (condition, kinds): (&'static str, &[i64]),
    own: &OwnParameters,
) -> Result<Option<(i64, usize)>, DatabaseError> {
    let mut select = Statement::<ColumnTypes>::new("SELECT ");
    select
        .sql(COLUMNS)
        .sql(" FROM resource r WHERE r.rid > ")
        .int(last);
    select
        .sql(" AND r.version > 0 AND NOT r.deleted")
        .sql(condition)
        .list(kinds);
    select.sql(" ORDER BY r.rid LIMIT ").int(BATCH);
    let stored = select.load::<Stored>(connection)?;
    let mut rows = IndexRows::default();
    for one in &stored {
        reindex_one(connection, one, own, &mut rows)?;
    }
    insert_rows(connection, rows)?;
    Ok(stored.last().map(|one| (one.rid, stored.len())))
}

fn reindex_one(
    connection: &mut HospitalConnection,
    one: &Stored,
    own: &OwnParameters,
    rows: &mut IndexRows,
) -> Result<(), DatabaseError> {
    let Some(extracted) = read_again(one, own) else {
        return Ok(());
    };
    let mut known = std::collections::HashMap::new();
    let addresses: Vec<&Address> = named(&extracted).collect();
    for address in addresses {
        let target = match target_of(connection, address)? {
            Some(target) => target,
            None => super::write::add_referred(connection, address)?,
        };
        known.insert(address.clone(), target);
    }
    let target_of = |address: &Address| known.get(address).copied().unwrap_or(0);
    let patient = match &extracted.patient {
        Some(patient) => target_of(patient),
        None if ResourceType::coded(one.kind).is_some_and(|kind| kind.name() == "Patient") => {
            one.rid
        }
        None => 0,
    };
    let facts = &extracted.facts;
    let (category, when) = (category_number(facts.category), extracted.when);
    rows.add(
        &extracted,
        one.kind,
        (one.rid, patient, when, category),
        target_of,
    );
    let mut update = Statement::<()>::new("UPDATE resource SET patient = ");
    update.int(patient).sql(", category = ").int(category);
    update.sql(", contained = ").int(contained_bits(facts));
    update.sql(", labels = ").int(facts.labels.to_bits());
    for by in &extracted.marked_by {
        // A bit that is in both is added once: labels are a set.
        update
            .sql(" | (SELECT e.labels FROM resource e WHERE e.type = ")
            .int(by.kind.code())
            .sql(" AND e.id = ")
            .text(by.id.as_str());
        update.sql(")");
    }
    update
        .sql(", date = ")
        .int(when.lo)
        .sql(", date_end = ")
        .int(when.hi);
    update.sql(", authors = ").text(facts.authors.join("\n"));
    update.sql(", related = ").text(facts.related.join("\n"));
    update.sql(" WHERE rid = ").int(one.rid).run(connection)?;
    Ok(())
}

/// How many index rows there are.
#[cfg(test)]
pub(in crate::records) fn count_index_rows(
    connection: &mut HospitalConnection,
) -> diesel::QueryResult<i64> {
    let count = Statement::<(BigInt,)>::new(
        "SELECT (SELECT COUNT(*) FROM ix_token) + (SELECT COUNT(*) FROM ix_date) \
         + (SELECT COUNT(*) FROM ix_string) + (SELECT COUNT(*) FROM ix_reference) \
         + (SELECT COUNT(*) FROM ix_quantity) + (SELECT COUNT(*) FROM ix_patient)",
    );
    Ok(count.get_result::<(i64,)>(connection)?.0)
}

/// Leaves the database as an older program would.
#[cfg(test)]
pub(in crate::records) fn spoil_index(
    connection: &mut HospitalConnection,
) -> Result<(), DatabaseError> {
    connection.batch_execute(
        "UPDATE records_counter SET extraction = 0; UPDATE resource SET patient = 0, date = 5; \
         DELETE FROM ix_token; DELETE FROM ix_date; DELETE FROM ix_string; \
         DELETE FROM ix_reference; DELETE FROM ix_quantity; DELETE FROM ix_patient;",
    )?;
    Ok(())
}
