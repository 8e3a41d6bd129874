//! Sheets of paper codes, and where they were used.

use diesel::prelude::*;
use federation_protocol::grants::Witness;
use federation_protocol::time::Timestamp;
use subtle::ConstantTimeEq;

use super::unreadable;
use crate::consent::DirectiveId;
use crate::consent::grant::{CodeDigest, StoredGrant};
use crate::consent::paper::{PaperUse, Sheet, Usable};
use crate::database::{DatabaseError, HospitalConnection};
use crate::identity::PersonId;

diesel::table! {
    paper_sheet (id) {
        id -> Text,
        person -> Text,
        patient_reference -> Text,
        hospitals -> Text,
        made_at -> BigInt,
        expires_at -> BigInt,
        revoked_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    paper_code (id) {
        id -> Text,
        sheet -> Text,
        person -> Text,
        digest -> Binary,
        used_at -> Nullable<BigInt>,
        requester -> Nullable<Text>,
        practitioner -> Nullable<Text>,
        witness_id -> Nullable<Text>,
        witness_role -> Nullable<Text>,
        text_digest -> Nullable<Binary>,
        categories -> Nullable<Text>,
        directive -> Nullable<Text>,
        ends_at -> Nullable<BigInt>,
    }
}

/// Stores a new sheet with its codes.
pub(in crate::consent) fn insert_sheet(
    connection: &mut HospitalConnection,
    sheet: &Sheet,
    codes: &[CodeDigest],
) -> Result<(), DatabaseError> {
    let hospitals: Vec<&str> = sheet.hospitals.iter().map(|one| one.as_str()).collect();
    diesel::insert_into(paper_sheet::table)
        .values((
            paper_sheet::id.eq(sheet.id.as_str()),
            paper_sheet::person.eq(sheet.person.as_str()),
            paper_sheet::patient_reference.eq(sheet.patient.as_str()),
            paper_sheet::hospitals.eq(hospitals.join(" ")),
            paper_sheet::made_at.eq(sheet.made_at.micros()),
            paper_sheet::expires_at.eq(sheet.expires_at.micros()),
        ))
        .execute(connection)?;
    for digest in codes {
        diesel::insert_into(paper_code::table)
            .values((
                paper_code::id.eq(uuid::Uuid::new_v4().to_string()),
                paper_code::sheet.eq(sheet.id.as_str()),
                paper_code::person.eq(sheet.person.as_str()),
                paper_code::digest.eq(digest.0.as_slice()),
            ))
            .execute(connection)?;
    }
    Ok(())
}

type SheetRow = (String, String, String, String, i64, i64, Option<i64>);

fn sheet(connection: &mut HospitalConnection, row: SheetRow) -> Result<Sheet, DatabaseError> {
    let (id, person, patient, hospitals, made_at, expires_at, revoked_at) = row;
    let left: i64 = paper_code::table
        .filter(paper_code::sheet.eq(&id))
        .filter(paper_code::used_at.is_null())
        .count()
        .get_result(connection)?;
    let hospitals = hospitals.split_whitespace().map(str::parse);
    Ok(Sheet {
        person: person.parse().map_err(|_not| unreadable("person", &id))?,
        hospitals: hospitals
            .collect::<Result<_, _>>()
            .map_err(|_not| unreadable("hospitals", &id))?,
        patient,
        made_at: Timestamp::from_micros(made_at),
        expires_at: Timestamp::from_micros(expires_at),
        revoked_at: revoked_at.map(Timestamp::from_micros),
        left: usize::try_from(left).unwrap_or_default(),
        id,
    })
}

/// The sheets of a person, newest first.
pub(in crate::consent) fn sheets(
    connection: &mut HospitalConnection,
    person: &PersonId,
) -> Result<Vec<Sheet>, DatabaseError> {
    let rows: Vec<SheetRow> = paper_sheet::table
        .filter(paper_sheet::person.eq(person.as_str()))
        .order((paper_sheet::made_at.desc(), paper_sheet::id.asc()))
        .load(connection)?;
    rows.into_iter().map(|row| sheet(connection, row)).collect()
}

/// Revokes a living sheet of this person; whether there was one.
pub(in crate::consent) fn revoke(
    connection: &mut HospitalConnection,
    person: &PersonId,
    id: &str,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let living = paper_sheet::table
        .filter(paper_sheet::id.eq(id))
        .filter(paper_sheet::person.eq(person.as_str()))
        .filter(paper_sheet::revoked_at.is_null());
    let changed = diesel::update(living)
        .set(paper_sheet::revoked_at.eq(now.micros()))
        .execute(connection)?;
    Ok(changed == 1)
}

/// The unused code with this digest, of a sheet that is good at `now`. As for a visit code, the
/// compare that decides is constant in time.
pub(in crate::consent) fn find_usable(
    connection: &mut HospitalConnection,
    digest: &CodeDigest,
    now: Timestamp,
) -> Result<Option<Usable>, DatabaseError> {
    let wanted = digest.0.as_slice();
    let found: Option<(String, String, Vec<u8>)> = paper_code::table
        .filter(paper_code::digest.eq(wanted))
        .filter(paper_code::used_at.is_null())
        .select((paper_code::id, paper_code::sheet, paper_code::digest))
        .first(connection)
        .optional()?;
    let Some((code, of, kept)) = found else {
        return Ok(None);
    };
    let row: SheetRow = paper_sheet::table.find(&of).first(connection)?;
    let sheet = sheet(connection, row)?;
    let good = sheet.revoked_at.is_none() && now < sheet.expires_at;
    Ok((good && bool::from(kept.ct_eq(wanted))).then_some(Usable { code, sheet }))
}

/// How many codes of a person were used after `since`.
pub(in crate::consent) fn used_since(
    connection: &mut HospitalConnection,
    person: &PersonId,
    since: Timestamp,
) -> Result<i64, DatabaseError> {
    Ok(paper_code::table
        .filter(paper_code::person.eq(person.as_str()))
        .filter(paper_code::used_at.gt(since.micros()))
        .count()
        .get_result(connection)?)
}

/// Takes the code for its one use and keeps who used it before whom; `false` if someone else was
/// faster.
pub(in crate::consent) fn use_code(
    connection: &mut HospitalConnection,
    id: &str,
    grant: &StoredGrant,
    witness: &Witness,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let unused = paper_code::table
        .filter(paper_code::id.eq(id))
        .filter(paper_code::used_at.is_null());
    let practitioner = grant.practitioner.as_ref().map(|one| one.id.as_str());
    let changed = diesel::update(unused)
        .set((
            paper_code::used_at.eq(now.micros()),
            paper_code::requester.eq(grant.requester.as_str()),
            paper_code::practitioner.eq(practitioner),
            paper_code::witness_id.eq(witness.id.as_str()),
            paper_code::witness_role.eq(witness.role.as_str()),
            paper_code::text_digest.eq(witness.text.as_slice()),
            paper_code::categories.eq(grant.categories.to_string()),
            paper_code::directive.eq(grant.directive.as_str()),
            paper_code::ends_at.eq(grant.ends_at.micros()),
        ))
        .execute(connection)?;
    Ok(changed == 1)
}

#[derive(Queryable)]
struct UseRow {
    id: String,
    _sheet: String,
    _person: String,
    _digest: Vec<u8>,
    used_at: Option<i64>,
    requester: Option<String>,
    practitioner: Option<String>,
    witness_id: Option<String>,
    witness_role: Option<String>,
    text_digest: Option<Vec<u8>>,
    categories: Option<String>,
    directive: Option<String>,
    ends_at: Option<i64>,
}

impl UseRow {
    fn into_use(self) -> Option<PaperUse> {
        Some(PaperUse {
            directive: DirectiveId::known(self.directive?),
            requester: self.requester?.parse().ok()?,
            practitioner: self.practitioner?,
            witness: (self.witness_id?, self.witness_role?),
            text: self.text_digest?.try_into().ok()?,
            categories: self.categories?.parse().ok()?,
            used_at: Timestamp::from_micros(self.used_at?),
            ends_at: Timestamp::from_micros(self.ends_at?),
        })
    }
}

/// The used codes of a person, newest first.
pub(in crate::consent) fn uses(
    connection: &mut HospitalConnection,
    person: &PersonId,
) -> Result<Vec<PaperUse>, DatabaseError> {
    let rows: Vec<UseRow> = paper_code::table
        .filter(paper_code::person.eq(person.as_str()))
        .filter(paper_code::used_at.is_not_null())
        .order((paper_code::used_at.desc(), paper_code::id.asc()))
        .load(connection)?;
    rows.into_iter()
        .map(|row| {
            let id = row.id.clone();
            row.into_use().ok_or_else(|| unreadable("use", &id))
        })
        .collect()
}
