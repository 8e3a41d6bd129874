//! Open codes, and the requests that they let somebody make.

use diesel::prelude::*;
use federation_protocol::consent::Practitioner;
use federation_protocol::time::Timestamp;
use subtle::ConstantTimeEq;

use super::unreadable;
use crate::consent::grant::CodeDigest;
use crate::consent::pending::{Answered, OpenCode, PendingRequest};
use crate::database::{DatabaseError, HospitalConnection};
use crate::identity::PersonId;

diesel::table! {
    open_code (id) {
        id -> Text,
        spoken -> Binary,
        scanned -> Binary,
        person -> Text,
        patient_reference -> Text,
        created_at -> BigInt,
        expires_at -> BigInt,
        used_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    pending_request (id) {
        id -> Text,
        code -> Text,
        person -> Text,
        patient_reference -> Text,
        requester -> Text,
        practitioner_id -> Text,
        practitioner_role -> Text,
        practitioner_name -> Nullable<Text>,
        purpose -> Text,
        categories -> Text,
        asked_at -> BigInt,
        expires_at -> BigInt,
        answered_at -> Nullable<BigInt>,
        grant_id -> Nullable<Text>,
    }
}

/// Stores a new open code.
pub(in crate::consent) fn insert_open_code(
    connection: &mut HospitalConnection,
    open: &OpenCode,
    digests: &[CodeDigest; 2],
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), DatabaseError> {
    let [spoken, scanned] = digests;
    diesel::insert_into(open_code::table)
        .values((
            open_code::id.eq(open.id.as_str()),
            open_code::spoken.eq(spoken.0.as_slice()),
            open_code::scanned.eq(scanned.0.as_slice()),
            open_code::person.eq(open.person.as_str()),
            open_code::patient_reference.eq(open.patient.as_str()),
            open_code::created_at.eq(now.micros()),
            open_code::expires_at.eq(expires_at.micros()),
        ))
        .execute(connection)?;
    Ok(())
}

#[derive(Queryable)]
struct OpenRow {
    id: String,
    spoken: Vec<u8>,
    scanned: Vec<u8>,
    person: String,
    patient_reference: String,
    _created_at: i64,
    expires_at: i64,
    used_at: Option<i64>,
}

/// The unexpired, unused open code with this digest. As for a decided one, the compare that decides
/// is constant in time.
pub(in crate::consent) fn find_open_code(
    connection: &mut HospitalConnection,
    digest: &CodeDigest,
    now: Timestamp,
) -> Result<Option<OpenCode>, DatabaseError> {
    let wanted = digest.0.as_slice();
    let same = open_code::spoken
        .eq(wanted)
        .or(open_code::scanned.eq(wanted));
    let row: Option<OpenRow> = open_code::table.filter(same).first(connection).optional()?;
    let Some(row) = row else { return Ok(None) };
    let same = row.spoken.ct_eq(wanted) | row.scanned.ct_eq(wanted);
    if !bool::from(same) || row.used_at.is_some() || row.expires_at <= now.micros() {
        return Ok(None);
    }
    let person = row.person.parse();
    Ok(Some(OpenCode {
        person: person.map_err(|_not| unreadable("person", &row.id))?,
        patient: row.patient_reference,
        id: row.id,
    }))
}

/// Takes the open code for its one use; `false` if someone else was faster.
pub(in crate::consent) fn use_open_code(
    connection: &mut HospitalConnection,
    id: &str,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let unused = open_code::table
        .filter(open_code::id.eq(id))
        .filter(open_code::used_at.is_null());
    let changed = diesel::update(unused)
        .set(open_code::used_at.eq(now.micros()))
        .execute(connection)?;
    Ok(changed == 1)
}

/// Ends every unused open code of a person.
pub(in crate::consent) fn end_open_codes(
    connection: &mut HospitalConnection,
    person: &PersonId,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let unused = open_code::table
        .filter(open_code::person.eq(person.as_str()))
        .filter(open_code::used_at.is_null());
    diesel::update(unused)
        .set(open_code::used_at.eq(now.micros()))
        .execute(connection)?;
    Ok(())
}

/// Ends an unused, unexpired open code of this person; whether there was one.
pub(in crate::consent) fn end_open_code(
    connection: &mut HospitalConnection,
    person: &PersonId,
    id: &str,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let unused = open_code::table
        .filter(open_code::id.eq(id))
        .filter(open_code::person.eq(person.as_str()))
        .filter(open_code::expires_at.gt(now.micros()))
        .filter(open_code::used_at.is_null());
    let changed = diesel::update(unused)
        .set(open_code::used_at.eq(now.micros()))
        .execute(connection)?;
    Ok(changed == 1)
}

/// Stores a new request, made with an open code.
pub(in crate::consent) fn insert(
    connection: &mut HospitalConnection,
    asked: &PendingRequest,
    code: &str,
) -> Result<(), DatabaseError> {
    diesel::insert_into(pending_request::table)
        .values((
            pending_request::id.eq(asked.id.as_str()),
            pending_request::code.eq(code),
            pending_request::person.eq(asked.person.as_str()),
            pending_request::patient_reference.eq(asked.patient.as_str()),
            pending_request::requester.eq(asked.requester.as_str()),
            pending_request::practitioner_id.eq(asked.practitioner.id.as_str()),
            pending_request::practitioner_role.eq(asked.practitioner.role.as_str()),
            pending_request::practitioner_name.eq(asked.name.as_deref()),
            pending_request::purpose.eq(asked.purpose.as_str()),
            pending_request::categories.eq(asked.categories.to_string()),
            pending_request::asked_at.eq(asked.asked_at.micros()),
            pending_request::expires_at.eq(asked.expires_at.micros()),
        ))
        .execute(connection)?;
    Ok(())
}

#[derive(Queryable)]
struct RequestRow {
    id: String,
    _code: String,
    person: String,
    patient_reference: String,
    requester: String,
    practitioner_id: String,
    practitioner_role: String,
    practitioner_name: Option<String>,
    purpose: String,
    categories: String,
    asked_at: i64,
    expires_at: i64,
    answered_at: Option<i64>,
    grant_id: Option<String>,
}

impl RequestRow {
    fn into_request(self) -> Result<PendingRequest, DatabaseError> {
        let broken = |what: &'static str| unreadable(what, &self.id);
        Ok(PendingRequest {
            person: self.person.parse().map_err(|_not| broken("person"))?,
            requester: self.requester.parse().map_err(|_not| broken("requester"))?,
            purpose: self.purpose.parse().map_err(|_not| broken("purpose"))?,
            categories: self
                .categories
                .parse()
                .map_err(|_not| broken("categories"))?,
            patient: self.patient_reference,
            practitioner: Practitioner {
                id: self.practitioner_id,
                role: self.practitioner_role,
            },
            name: self.practitioner_name,
            asked_at: Timestamp::from_micros(self.asked_at),
            expires_at: Timestamp::from_micros(self.expires_at),
            answered: match (self.answered_at, self.grant_id) {
                (None, _) => None,
                (Some(_), Some(grant)) => Some(Answered::Allowed(grant)),
                (Some(_), None) => Some(Answered::Declined),
            },
            id: self.id,
        })
    }
}

/// The request with this id.
pub(in crate::consent) fn find(
    connection: &mut HospitalConnection,
    id: &str,
) -> Result<Option<PendingRequest>, DatabaseError> {
    let row: Option<RequestRow> = pending_request::table
        .find(id)
        .first(connection)
        .optional()?;
    row.map(RequestRow::into_request).transpose()
}

/// The requests that a person was asked after `since`, newest first.
pub(in crate::consent) fn of_person(
    connection: &mut HospitalConnection,
    person: &PersonId,
    since: Timestamp,
) -> Result<Vec<PendingRequest>, DatabaseError> {
    let rows: Vec<RequestRow> = pending_request::table
        .filter(pending_request::person.eq(person.as_str()))
        .filter(pending_request::asked_at.gt(since.micros()))
        .order((pending_request::asked_at.desc(), pending_request::id.asc()))
        .limit(50)
        .load(connection)?;
    rows.into_iter().map(RequestRow::into_request).collect()
}

/// Writes the answer down; `false` if there was one already.
pub(in crate::consent) fn answer(
    connection: &mut HospitalConnection,
    id: &str,
    answered: &Answered,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let grant = match answered {
        Answered::Declined => None,
        Answered::Allowed(grant) => Some(grant.as_str()),
    };
    let unanswered = pending_request::table
        .filter(pending_request::id.eq(id))
        .filter(pending_request::answered_at.is_null());
    let changed = diesel::update(unanswered)
        .set((
            pending_request::answered_at.eq(now.micros()),
            pending_request::grant_id.eq(grant),
        ))
        .execute(connection)?;
    Ok(changed == 1)
}
