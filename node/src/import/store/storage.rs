//! SS-MIX2: the files that speak, and what each unit put into the records.

use std::collections::BTreeMap;

use diesel::prelude::*;
use ssmix2::{Flag, Institution, Precedence};

use super::{counted, stored, unreadable};
use crate::database::{DatabaseError, HospitalConnection};
use crate::import::seen::SeenFile;
use crate::import::unit::Unit;
use crate::records::Address;

diesel::table! {
    import_file (institution, stem) {
        institution -> Text,
        stem -> Text,
        flag -> Text,
        folder -> Text,
        size -> BigInt,
        modified -> Nullable<BigInt>,
        unit -> Nullable<Text>,
        step -> SmallInt,
        occurrence -> Text,
    }
}

diesel::table! {
    import_unit (institution, unit) {
        institution -> Text,
        unit -> Text,
        stem -> Nullable<Text>,
        step -> SmallInt,
        occurrence -> Text,
        resources -> Text,
    }
}

type FileRow = (
    String,
    String,
    String,
    i64,
    Option<i64>,
    Option<String>,
    i16,
    String,
);

fn read_file(row: FileRow) -> Result<SeenFile, DatabaseError> {
    let (stem, flag, folder, size, modified, unit, step, occurrence) = row;
    Ok(SeenFile {
        stem,
        flag: flag_of(&flag)?,
        folder,
        size: counted(size),
        modified,
        unit,
        precedence: precedence(step, occurrence)?,
    })
}

fn flag_of(text: &str) -> Result<Flag, DatabaseError> {
    let remembered = [Flag::Current, Flag::History];
    let found = remembered.into_iter().find(|flag| flag.as_str() == text);
    found.ok_or_else(|| unreadable("a flag"))
}

fn precedence(step: i16, occurrence: String) -> Result<Precedence, DatabaseError> {
    let step = u8::try_from(step).map_err(|_not| unreadable("a step"))?;
    Ok(Precedence { step, occurrence })
}

macro_rules! file_columns {
    () => {
        (
            import_file::stem,
            import_file::flag,
            import_file::folder,
            import_file::size,
            import_file::modified,
            import_file::unit,
            import_file::step,
            import_file::occurrence,
        )
    };
}

/// The files with these stems as they were last seen.
pub(in crate::import) fn seen(
    connection: &mut HospitalConnection,
    institution: &Institution,
    stems: &[String],
) -> Result<BTreeMap<String, SeenFile>, DatabaseError> {
    let rows: Vec<FileRow> = import_file::table
        .filter(import_file::institution.eq(institution.as_str()))
        .filter(import_file::stem.eq_any(stems))
        .select(file_columns!())
        .load(connection)?;
    let files = rows.into_iter().map(read_file);
    files
        .map(|file| file.map(|file| (file.stem.clone(), file)))
        .collect()
}

/// Every file that speaks for this unit, the one that is to be heard first.
pub(in crate::import) fn speakers(
    connection: &mut HospitalConnection,
    institution: &Institution,
    unit: &str,
) -> Result<Vec<SeenFile>, DatabaseError> {
    let rows: Vec<FileRow> = import_file::table
        .filter(import_file::institution.eq(institution.as_str()))
        .filter(import_file::unit.eq(unit))
        .filter(import_file::flag.eq(Flag::Current.as_str()))
        .order((
            import_file::step.desc(),
            import_file::occurrence.desc(),
            import_file::stem.asc(),
        ))
        .select(file_columns!())
        .load(connection)?;
    rows.into_iter().map(read_file).collect()
}

/// The files that spoke for one of these units until they were renamed to 2.
pub(in crate::import) fn retired(
    connection: &mut HospitalConnection,
    institution: &Institution,
    units: &[&str],
) -> Result<Vec<SeenFile>, DatabaseError> {
    let rows: Vec<FileRow> = import_file::table
        .filter(import_file::institution.eq(institution.as_str()))
        .filter(import_file::unit.eq_any(units))
        .filter(import_file::flag.eq(Flag::History.as_str()))
        .order(import_file::stem.asc())
        .select(file_columns!())
        .load(connection)?;
    rows.into_iter().map(read_file).collect()
}

pub(in crate::import) fn remember_file(
    connection: &mut HospitalConnection,
    institution: &Institution,
    file: &SeenFile,
) -> Result<(), DatabaseError> {
    forget_file(connection, institution, &file.stem)?;
    diesel::insert_into(import_file::table)
        .values((
            import_file::institution.eq(institution.as_str()),
            import_file::stem.eq(&file.stem),
            import_file::flag.eq(file.flag.as_str()),
            import_file::folder.eq(&file.folder),
            import_file::size.eq(stored(file.size)),
            import_file::modified.eq(file.modified),
            import_file::unit.eq(file.unit.as_deref()),
            import_file::step.eq(i16::from(file.precedence.step)),
            import_file::occurrence.eq(&file.precedence.occurrence),
        ))
        .execute(connection)?;
    Ok(())
}

pub(in crate::import) fn forget_file(
    connection: &mut HospitalConnection,
    institution: &Institution,
    stem: &str,
) -> Result<(), DatabaseError> {
    let one = import_file::table
        .filter(import_file::institution.eq(institution.as_str()))
        .filter(import_file::stem.eq(stem));
    diesel::delete(one).execute(connection)?;
    Ok(())
}

type UnitRow = (String, Option<String>, i16, String, String);

/// The units with these keys that are stored.
pub(in crate::import) fn units(
    connection: &mut HospitalConnection,
    institution: &Institution,
    keys: &[&str],
) -> Result<BTreeMap<String, Unit>, DatabaseError> {
    let rows: Vec<UnitRow> = import_unit::table
        .filter(import_unit::institution.eq(institution.as_str()))
        .filter(import_unit::unit.eq_any(keys))
        .select((
            import_unit::unit,
            import_unit::stem,
            import_unit::step,
            import_unit::occurrence,
            import_unit::resources,
        ))
        .load(connection)?;
    let read = |(key, stem, step, occurrence, resources): UnitRow| {
        let unit = Unit {
            stem,
            precedence: precedence(step, occurrence)?,
            resources: read_addresses(&resources)?,
        };
        Ok((key, unit))
    };
    rows.into_iter().map(read).collect()
}

fn read_addresses(text: &str) -> Result<Vec<Address>, DatabaseError> {
    let parse = |one| Address::parse(one).ok_or_else(|| unreadable("an address"));
    text.split_whitespace().map(parse).collect()
}

/// Keys of units that lost their file, after `after`, at most `limit`.
pub(in crate::import) fn orphans(
    connection: &mut HospitalConnection,
    institution: &Institution,
    after: &str,
    limit: i64,
) -> Result<Vec<String>, DatabaseError> {
    Ok(import_unit::table
        .filter(import_unit::institution.eq(institution.as_str()))
        .filter(import_unit::stem.is_null())
        .filter(import_unit::unit.gt(after))
        .order(import_unit::unit.asc())
        .limit(limit)
        .select(import_unit::unit)
        .load(connection)?)
}

pub(in crate::import) fn remember_unit(
    connection: &mut HospitalConnection,
    institution: &Institution,
    key: &str,
    unit: &Unit,
) -> Result<(), DatabaseError> {
    forget_unit(connection, institution, key)?;
    let resources: Vec<String> = unit.resources.iter().map(Address::to_string).collect();
    diesel::insert_into(import_unit::table)
        .values((
            import_unit::institution.eq(institution.as_str()),
            import_unit::unit.eq(key),
            import_unit::stem.eq(unit.stem.as_deref()),
            import_unit::step.eq(i16::from(unit.precedence.step)),
            import_unit::occurrence.eq(&unit.precedence.occurrence),
            import_unit::resources.eq(resources.join(" ")),
        ))
        .execute(connection)?;
    Ok(())
}

pub(in crate::import) fn forget_unit(
    connection: &mut HospitalConnection,
    institution: &Institution,
    key: &str,
) -> Result<(), DatabaseError> {
    let one = import_unit::table
        .filter(import_unit::institution.eq(institution.as_str()))
        .filter(import_unit::unit.eq(key));
    diesel::delete(one).execute(connection)?;
    Ok(())
}
