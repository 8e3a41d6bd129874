//! Taking index rows out, and making the whole index anew when a newer program reads resources
//! differently.
//!
//! Index rows have no key by resource: they are found again by reading the resource's text as it
//! was read when they were made. That holds only as long as both readings are the same, which is
//! why the version of the reading stands in the database.

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::sql_types::BigInt;
use federation_protocol::label::LABEL_TABLE_VERSION;

use super::super::classify::{category_bits, category_number};
use super::super::extract::{EXTRACTION_VERSION, Extracted, extract};
use super::super::json::strict;
use super::super::system::hash;
use super::super::types::TABLE;
use super::super::{Address, ResourceType};
use super::rows::{COLUMNS, ColumnTypes, Stored};
use super::search::rid_of;
use super::statement::Statement;
use super::write::{IndexRows, insert_rows, named};
use crate::database::{DatabaseError, HospitalConnection, Rid};

/// How many resources are read at a time.
const BATCH: i64 = 500;

/// Takes out the index rows of a version that is no longer the newest.
pub(super) fn unindex(
    connection: &mut HospitalConnection,
    old: &Stored,
) -> Result<(), DatabaseError> {
    let Some(extracted) = read_again(old) else {
        return Ok(());
    };
    for (slot, value) in &extracted.tokens {
        let mut delete = Statement::<()>::new("DELETE FROM ix_token WHERE slot = ");
        delete.int(*slot).sql(" AND value = ").int(*value);
        of_row(&mut delete, old).run(connection)?;
    }
    for (slot, span) in &extracted.dates {
        let mut delete = Statement::<()>::new("DELETE FROM ix_date WHERE slot = ");
        delete
            .int(*slot)
            .sql(" AND lo = ")
            .int(span.lo)
            .sql(" AND hi = ")
            .int(span.hi);
        of_row(&mut delete, old).run(connection)?;
    }
    for (slot, text) in &extracted.texts {
        let mut delete = Statement::<()>::new("DELETE FROM ix_string WHERE slot = ");
        delete.int(*slot).sql(" AND value = ").text(text.as_str());
        of_row(&mut delete, old).run(connection)?;
    }
    for (slot, target) in &extracted.references {
        let Some(Rid(target)) = rid_of(connection, target)? else {
            continue;
        };
        let mut delete = Statement::<()>::new("DELETE FROM ix_reference WHERE slot = ");
        delete.int(*slot).sql(" AND target = ").int(target);
        of_row(&mut delete, old).run(connection)?;
    }
    let mut delete = Statement::<()>::new("DELETE FROM ix_patient WHERE type = ");
    delete.int(old.kind);
    of_row(&mut delete, old).run(connection)?;
    Ok(())
}

fn of_row<'s, 'v>(delete: &'s mut Statement<'v>, old: &Stored) -> &'s mut Statement<'v> {
    delete
        .sql(" AND patient = ")
        .int(old.patient)
        .sql(" AND date = ")
        .int(old.date);
    delete.sql(" AND rid = ").int(old.rid)
}

fn read_again(stored: &Stored) -> Option<Extracted> {
    Some(extract(
        ResourceType::coded(stored.kind)?,
        &strict(&stored.raw).ok()?,
    ))
}

/// What the rows in the database must have been read by.
fn reading() -> i64 {
    let table = format!("{TABLE:?}");
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
    connection.batch_execute(
        "DELETE FROM ix_token; DELETE FROM ix_date; DELETE FROM ix_string; \
         DELETE FROM ix_reference; DELETE FROM ix_patient;",
    )?;
    // Encounters first: what belongs to them shares their labels.
    let encounters = ResourceType::named("Encounter").map_or(0, ResourceType::code);
    for condition in [" AND r.type = ", " AND r.type <> "] {
        let mut last = 0;
        while let Some(next) = reindex_some(connection, last, condition, encounters)? {
            last = next;
        }
    }
    let mut done = Statement::<()>::new("UPDATE records_counter SET extraction = ");
    done.int(reading()).sql(" WHERE one = 1").run(connection)?;
    Ok(true)
}

/// One batch after row `last`; the row to go on after, `None` at the end.
fn reindex_some(
    connection: &mut HospitalConnection,
    last: i64,
    condition: &'static str,
    encounters: i16,
) -> Result<Option<i64>, DatabaseError> {
    let mut select = Statement::<ColumnTypes>::new("SELECT ");
    select
        .sql(COLUMNS)
        .sql(" FROM resource r WHERE r.rid > ")
        .int(last);
    select
        .sql(" AND r.version > 0 AND NOT r.deleted")
        .sql(condition)
        .int(encounters);
    select.sql(" ORDER BY r.rid LIMIT ").int(BATCH);
    let stored = select.load::<Stored>(connection)?;
    let mut rows = IndexRows::default();
    for one in &stored {
        reindex_one(connection, one, &mut rows)?;
    }
    insert_rows(connection, &rows)?;
    Ok(stored.last().map(|one| one.rid))
}

fn reindex_one(
    connection: &mut HospitalConnection,
    one: &Stored,
    rows: &mut IndexRows,
) -> Result<(), DatabaseError> {
    let Some(extracted) = read_again(one) else {
        return Ok(());
    };
    let mut known = std::collections::HashMap::new();
    let addresses: Vec<&Address> = named(&extracted).collect();
    for address in addresses {
        let rid = match rid_of(connection, address)? {
            Some(Rid(rid)) => rid,
            None => super::write::add_referred(connection, address)?,
        };
        known.insert(address.clone(), rid);
    }
    let rid_of = |address: &Address| known.get(address).copied().unwrap_or(0);
    let patient = match &extracted.patient {
        Some(patient) => rid_of(patient),
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
        rid_of,
    );
    let mut update = Statement::<()>::new("UPDATE resource SET patient = ");
    update.int(patient).sql(", category = ").int(category);
    update
        .sql(", contained = ")
        .int(category_bits(&facts.contained));
    update.sql(", labels = ").int(facts.labels.to_bits());
    if let Some(encounter) = &extracted.encounter {
        // A bit that is in both is added once: labels are a set.
        update
            .sql(" | (SELECT e.labels FROM resource e WHERE e.rid = ")
            .int(rid_of(encounter));
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
         + (SELECT COUNT(*) FROM ix_patient)",
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
         DELETE FROM ix_reference; DELETE FROM ix_patient;",
    )?;
    Ok(())
}
