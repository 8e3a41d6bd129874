//! The table of own parameters: numbers given out, how far older resources have been read for each,
//! and the taking out of what nobody asks for any more.

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Nullable, SmallInt, Text};

use super::super::classify::category_number;
use super::super::extract::Extracted;
use super::super::own::{Defined, DefinitionRefused, OwnParameter, OwnParameters, Reading};
use super::super::own::{defined_by, parameter};
use super::super::strict::strict;
use super::super::types::Parameter;
use super::super::{Address, DraftError, RecordsError, ResourceType};
use super::index::{IndexRows, insert_rows, named, unindex_values};
use super::rows::{COLUMNS, ColumnTypes, Stored};
use super::statement::Statement;
use super::target::target_of;
use super::write::{Change, add_referred};
use crate::database::{DatabaseError, HospitalConnection, take_turn};

/// How many row numbers one step goes on.
const STEP: i64 = 500;
/// How many index rows of one table one step takes out.
const MOST_TAKEN_OUT: i64 = 2_000;

/// Every index table that own rows stand in, and the columns of its key.
const TABLES: [(&str, &str); 5] = [
    ("ix_token", "(slot, value, patient, date, rid)"),
    ("ix_date", "(slot, patient, date, rid, lo, hi)"),
    ("ix_string", "(slot, value, patient, date, rid)"),
    ("ix_reference", "(slot, target, patient, date, rid)"),
    (
        "ix_quantity",
        "(slot, patient, date, rid, lo, hi, coded, code, unit)",
    ),
];

/// A row of the table that is in force.
#[derive(diesel::Queryable)]
struct Living {
    slot: i16,
    kind: i16,
    definition: String,
    state: String,
    reindexed_to: i64,
    last_rid: i64,
}

/// The own parameters in force, the latest first.
pub(in crate::records) fn own_parameters(
    connection: &mut HospitalConnection,
) -> Result<OwnParameters, DatabaseError> {
    let select = Statement::<(SmallInt, SmallInt, Text, Text, BigInt, BigInt)>::new(
        "SELECT o.slot, o.type, o.definition, o.state, o.reindexed_to, \
         (SELECT c.rid FROM records_counter c WHERE c.one = 1) FROM own_parameter o \
         WHERE o.state IN ('reading', 'ready') ORDER BY o.slot",
    );
    let living = select.load::<Living>(connection)?;
    let own = living.into_iter().filter_map(|living| {
        let kind = ResourceType::coded(living.kind)?;
        let reading = Reading {
            to: living.reindexed_to,
            of: living.last_rid,
        };
        Some(OwnParameter {
            kind,
            by: parameter(living.slot, kind, &living.definition)?,
            reading: (living.state == "reading").then_some(reading),
        })
    });
    Ok(OwnParameters::of(own.collect()))
}

/// Takes up what SearchParameters among the changes define, and gives up what they define no more.
/// Then tells what is in force.
pub(super) fn redefine(
    connection: &mut HospitalConnection,
    changes: &[Change],
) -> Result<OwnParameters, RecordsError> {
    for change in changes {
        if change.address.kind.name() == "SearchParameter" {
            let draft = change.draft.as_ref();
            let defined = draft.map(|draft| defined_by(&draft.value())).transpose();
            let defined = defined.map_err(DraftError::from)?.unwrap_or_default();
            define(connection, &change.address, &defined)?;
        }
    }
    Ok(own_parameters(connection)?)
}

/// Makes what one resource defines the whole of what it defines.
fn define(
    connection: &mut HospitalConnection,
    by: &Address,
    defined: &[Defined],
) -> Result<(), RecordsError> {
    let mut select = Statement::<(SmallInt, SmallInt, Text)>::new(
        "SELECT o.slot, o.type, o.definition FROM own_parameter o \
         WHERE o.state IN ('reading', 'ready') AND o.defined_by = ",
    );
    select.text(by.id.as_str());
    let before = select
        .load::<(i16, i16, String)>(connection)
        .map_err(DatabaseError::from)?;
    let same = |one: &Defined, (_, kind, definition): &(i16, i16, String)| {
        one.kind.code() == *kind && one.definition == *definition
    };
    for row in &before {
        if !defined.iter().any(|one| same(one, row)) {
            set_state(connection, row.0, "leaving")?;
        }
    }
    for one in defined {
        if !before.iter().any(|row| same(one, row)) {
            add(connection, by, one)?;
        }
    }
    Ok(())
}

fn add(
    connection: &mut HospitalConnection,
    by: &Address,
    one: &Defined,
) -> Result<(), RecordsError> {
    let least = Statement::<(Nullable<SmallInt>,)>::new("SELECT MIN(slot) FROM own_parameter");
    let (least,) = least
        .get_result::<(Option<i16>,)>(connection)
        .map_err(DatabaseError::from)?;
    let slot = least
        .unwrap_or(0)
        .checked_sub(1)
        .ok_or(DefinitionRefused::NoNumber)
        .map_err(DraftError::from)?;
    let mut insert = Statement::<()>::new(
        "INSERT INTO own_parameter (slot, type, code, defined_by, definition, state, reindexed_to) \
         VALUES (",
    );
    insert.int(slot).sql(", ").int(one.kind.code()).sql(", ");
    insert.text(one.code.as_str()).sql(", ");
    insert.text(by.id.as_str()).sql(", ");
    insert.text(one.definition.as_str()).sql(", ");
    let state = if one.composite { "ready" } else { "reading" };
    insert.text(state).sql(", 0)");
    insert.run(connection).map_err(DatabaseError::from)?;
    Ok(())
}

fn set_state(
    connection: &mut HospitalConnection,
    slot: i16,
    state: &'static str,
) -> Result<(), DatabaseError> {
    let mut update = Statement::<()>::new("UPDATE own_parameter SET state = ");
    update.text(state).sql(" WHERE slot = ").int(slot);
    update.run(connection)?;
    Ok(())
}

/// Whether no older resource waits to be read, and no row to be taken out.
pub(in crate::records) fn has_nothing_to_index(
    connection: &mut HospitalConnection,
) -> Result<bool, RecordsError> {
    let leaving =
        Statement::<(BigInt,)>::new("SELECT COUNT(*) FROM own_parameter WHERE state = 'leaving'");
    let (leaving,) = leaving
        .get_result::<(i64,)>(connection)
        .map_err(DatabaseError::from)?;
    // One whose definition this program cannot read waits for another program.
    Ok(leaving == 0 && own_parameters(connection)?.readings().next().is_none())
}

/// One step: takes some rows out, or reads some older resources. The codes of the parameters that
/// it was the last step for.
pub(in crate::records) fn index_some(
    connection: &mut HospitalConnection,
) -> Result<Vec<&'static str>, RecordsError> {
    take_turn(connection)?;
    let leaving = Statement::<(SmallInt,)>::new(
        "SELECT o.slot FROM own_parameter o WHERE o.state = 'leaving' ORDER BY o.slot LIMIT 1",
    );
    let leaving = leaving
        .load::<(i16,)>(connection)
        .map_err(DatabaseError::from)?;
    if let Some((slot,)) = leaving.first() {
        take_out(connection, *slot)?;
        return Ok(Vec::new());
    }
    Ok(read_some(connection)?)
}

/// Takes rows of one slot out; after the last one the number rests.
fn take_out(connection: &mut HospitalConnection, slot: i16) -> Result<(), DatabaseError> {
    for (table, key) in TABLES {
        let mut delete = Statement::<()>::new("DELETE FROM ");
        delete.sql(table).sql(" WHERE ");
        match connection {
            // By place: the planner knows nothing of a new slot, and would take every row for one.
            HospitalConnection::Postgres(_) => {
                delete.sql("ctid = ANY (ARRAY(SELECT ctid");
            }
            HospitalConnection::Sqlite(_) => {
                let columns = key.trim_matches(['(', ')']);
                delete.sql("slot = ").int(slot).sql(" AND ").sql(key);
                delete.sql(" IN (SELECT * FROM (SELECT ").sql(columns);
            }
        }
        delete.sql(" FROM ").sql(table).sql(" WHERE slot = ");
        delete
            .int(slot)
            .sql(" LIMIT ")
            .int(MOST_TAKEN_OUT)
            .sql("))");
        if delete.run(connection)? > 0 {
            return Ok(());
        }
    }
    set_state(connection, slot, "gone")?;
    let mut forget = Statement::<()>::new("UPDATE own_parameter SET definition = '' WHERE slot = ");
    forget.int(slot).run(connection)?;
    Ok(())
}

/// Reads the next resources for those parameters that are the furthest behind.
fn read_some(connection: &mut HospitalConnection) -> Result<Vec<&'static str>, DatabaseError> {
    let own = own_parameters(connection)?;
    let Some(Reach { from, to, last }) = reach(&own) else {
        return Ok(Vec::new());
    };
    let behind: Vec<&OwnParameter> = own.reading_from(from).collect();
    let mut select = Statement::<ColumnTypes>::new("SELECT ");
    select.sql(COLUMNS).sql(" FROM resource r WHERE r.rid > ");
    select.int(from).sql(" AND r.rid <= ").int(to);
    select.sql(" AND r.version > 0 AND NOT r.deleted AND r.type IN ");
    let kinds: Vec<i64> = behind.iter().map(|own| own.kind.code().into()).collect();
    select.list(&kinds);
    let mut rows = IndexRows::default();
    for stored in select.load::<Stored>(connection)? {
        read_one(connection, &stored, &behind, &mut rows)?;
    }
    insert_rows(connection, rows)?;
    let slots: Vec<i64> = behind.iter().map(|own| own.by.slot.into()).collect();
    let mut update = Statement::<()>::new("UPDATE own_parameter SET reindexed_to = ");
    update.int(to).sql(", state = ");
    update.text(if last { "ready" } else { "reading" });
    update.sql(" WHERE slot IN ").list(&slots).run(connection)?;
    let done = behind.iter().filter(|_| last);
    Ok(done.map(|own| own.by.definition.code()).collect())
}

/// Which row numbers the next step reads.
struct Reach {
    from: i64,
    to: i64,
    /// Nothing is left behind them.
    last: bool,
}

/// From where those are that are the furthest behind, not beyond where others are: from there on
/// they go together.
fn reach(own: &OwnParameters) -> Option<Reach> {
    let readings: Vec<Reading> = own.readings().collect();
    let from = readings.iter().map(|one| one.to).min()?;
    let others = readings.iter().map(|one| one.to).filter(|to| *to > from);
    let of = readings.iter().map(|one| one.of).max()?;
    let to = from.saturating_add(STEP).min(of);
    let to = others.min().map_or(to, |other| to.min(other)).max(from);
    Some(Reach {
        from,
        to,
        last: to >= of,
    })
}

/// Adds one older resource's rows. It may have been written meanwhile, and have them: they are
/// taken out first.
fn read_one(
    connection: &mut HospitalConnection,
    stored: &Stored,
    behind: &[&OwnParameter],
    rows: &mut IndexRows,
) -> Result<(), DatabaseError> {
    let of_type = behind.iter().filter(|own| own.kind.code() == stored.kind);
    let by: Vec<&'static Parameter> = of_type.map(|own| own.by).collect();
    let Ok(value) = strict(&stored.raw) else {
        return Ok(());
    };
    let extracted = Extracted::by(&by, &value);
    unindex_values(connection, &extracted, stored)?;
    let mut known = Vec::new();
    for address in named(&extracted) {
        let target = match target_of(connection, address)? {
            Some(target) => target,
            None => add_referred(connection, address)?,
        };
        known.push((address.clone(), target));
    }
    let target_of = |address: &Address| {
        let mut known = known.iter();
        known
            .find(|(of, _)| of == address)
            .map_or(0, |(_, target)| *target)
    };
    let category = category_number(stored.facts().category);
    let row = (stored.rid, stored.patient, stored.when(), category);
    rows.add_values(&extracted, row, target_of);
    Ok(())
}
