//! Visit codes, the tries that missed, and the grants that a redeemed code opens.

use diesel::prelude::*;
use federation_protocol::consent::{LabelTerms, Practitioner};
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::time::Timestamp;
use subtle::ConstantTimeEq;

use super::unreadable;
use crate::consent::grant::{CodeDigest, Decision, Evidence, StoredGrant, TickedResponder};
use crate::consent::{DirectiveId, practitioner};
use crate::database::{DatabaseError, HospitalConnection};
use crate::identity::PersonId;

diesel::table! {
    visit_code (id) {
        id -> Text,
        spoken -> Binary,
        scanned -> Binary,
        person -> Text,
        patient_reference -> Text,
        requester -> Text,
        practitioner_id -> Nullable<Text>,
        practitioner_role -> Nullable<Text>,
        purpose -> Text,
        categories -> Text,
        labels -> Text,
        ends_at -> BigInt,
        created_at -> BigInt,
        expires_at -> BigInt,
        used_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    visit_responder (code, responder) {
        code -> Text,
        responder -> Text,
        evidence_scope -> Nullable<Text>,
        evidence_until -> Nullable<BigInt>,
        evidence -> Nullable<Binary>,
    }
}

diesel::table! {
    code_miss (id) {
        id -> BigInt,
        requester -> Text,
        at -> BigInt,
    }
}

diesel::table! {
    care_grant (id) {
        id -> Text,
        code -> Text,
        directive -> Text,
        person -> Text,
        requester -> Text,
        practitioner_id -> Nullable<Text>,
        practitioner_role -> Nullable<Text>,
        purpose -> Text,
        categories -> Text,
        redeemed_at -> BigInt,
        ends_at -> BigInt,
    }
}

/// Stores a new code with the person's decision.
pub(in crate::consent) fn insert_code(
    connection: &mut HospitalConnection,
    id: &str,
    digests: &[CodeDigest; 2],
    decision: &Decision,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), DatabaseError> {
    let [spoken, scanned] = digests;
    let (practitioner_id, practitioner_role) = halves(decision.practitioner.as_ref());
    diesel::insert_into(visit_code::table)
        .values((
            visit_code::id.eq(id),
            visit_code::spoken.eq(spoken.0.as_slice()),
            visit_code::scanned.eq(scanned.0.as_slice()),
            visit_code::person.eq(decision.person.as_str()),
            visit_code::patient_reference.eq(decision.patient.as_str()),
            visit_code::requester.eq(decision.requester.as_str()),
            visit_code::practitioner_id.eq(practitioner_id),
            visit_code::practitioner_role.eq(practitioner_role),
            visit_code::purpose.eq(decision.purpose.as_str()),
            visit_code::categories.eq(decision.categories.to_string()),
            visit_code::labels.eq(label_words(decision.labels)),
            visit_code::ends_at.eq(decision.ends_at.micros()),
            visit_code::created_at.eq(now.micros()),
            visit_code::expires_at.eq(expires_at.micros()),
        ))
        .execute(connection)?;
    for ticked in &decision.responders {
        insert_responder(connection, id, ticked)?;
    }
    Ok(())
}

fn insert_responder(
    connection: &mut HospitalConnection,
    code: &str,
    ticked: &TickedResponder,
) -> Result<(), DatabaseError> {
    let evidence = ticked.evidence.as_ref();
    diesel::insert_into(visit_responder::table)
        .values((
            visit_responder::code.eq(code),
            visit_responder::responder.eq(ticked.responder.as_str()),
            visit_responder::evidence_scope.eq(evidence.map(|signed| signed.scope.to_string())),
            visit_responder::evidence_until.eq(evidence.map(|signed| signed.until.micros())),
            visit_responder::evidence.eq(evidence.map(|signed| signed.signature.to_vec())),
        ))
        .execute(connection)?;
    Ok(())
}

/// Puts hospitals with their signatures beside those of a decision, in the place of theirs before.
/// What was signed for other kinds of data goes: a grant's tokens all say the same.
pub(in crate::consent) fn sign_for(
    connection: &mut HospitalConnection,
    code: &str,
    signed: &[TickedResponder],
) -> Result<(), DatabaseError> {
    for ticked in signed {
        let scope = ticked.evidence.as_ref().map(|one| one.scope.to_string());
        let former = visit_responder::table
            .filter(visit_responder::code.eq(code))
            .filter(
                visit_responder::responder
                    .eq(ticked.responder.as_str())
                    .or(visit_responder::evidence_scope.ne(scope)),
            );
        diesel::delete(former).execute(connection)?;
        insert_responder(connection, code, ticked)?;
    }
    Ok(())
}

#[derive(Queryable)]
struct CodeRow {
    id: String,
    spoken: Vec<u8>,
    scanned: Vec<u8>,
    person: String,
    patient_reference: String,
    requester: String,
    practitioner_id: Option<String>,
    practitioner_role: Option<String>,
    purpose: String,
    categories: String,
    labels: String,
    ends_at: i64,
    _created_at: i64,
    expires_at: i64,
    used_at: Option<i64>,
}

/// The unexpired, unused code with this digest that was made for `requester`.
///
/// The digest is keyed, so nobody can steer the index lookup; the compare that decides is constant
/// in time, and so is the way through here for a wrong, a foreign, an expired and a used code.
pub(in crate::consent) fn find_code(
    connection: &mut HospitalConnection,
    digest: &CodeDigest,
    requester: &MemberId,
    now: Timestamp,
) -> Result<Option<(String, Decision)>, DatabaseError> {
    let wanted = digest.0.as_slice();
    let row: Option<CodeRow> = visit_code::table
        .filter(
            visit_code::spoken
                .eq(wanted)
                .or(visit_code::scanned.eq(wanted)),
        )
        .first(connection)
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let same = row.spoken.ct_eq(wanted) | row.scanned.ct_eq(wanted);
    let theirs = row
        .requester
        .as_bytes()
        .ct_eq(requester.as_str().as_bytes());
    let live = row.used_at.is_none() && now.micros() < row.expires_at;
    if !bool::from(same & theirs) || !live {
        return Ok(None);
    }
    let id = row.id.clone();
    decision(connection, row).map(|decision| Some((id, decision)))
}

fn decision(connection: &mut HospitalConnection, row: CodeRow) -> Result<Decision, DatabaseError> {
    let responders = responders_of(connection, &row.id)?;
    Ok(Decision {
        person: row
            .person
            .parse()
            .map_err(|_not| unreadable("person", &row.id))?,
        patient: row.patient_reference,
        requester: row
            .requester
            .parse()
            .map_err(|_not| unreadable("requester", &row.id))?,
        practitioner: practitioner(row.practitioner_id, row.practitioner_role),
        purpose: row
            .purpose
            .parse()
            .map_err(|_not| unreadable("purpose", &row.id))?,
        categories: row
            .categories
            .parse()
            .map_err(|_not| unreadable("categories", &row.id))?,
        labels: label_terms(&row.labels).ok_or_else(|| unreadable("labels", &row.id))?,
        ends_at: Timestamp::from_micros(row.ends_at),
        responders,
    })
}

/// The hospitals that were ticked with a code, with the phone's signatures.
pub(in crate::consent) fn responders_of(
    connection: &mut HospitalConnection,
    code: &str,
) -> Result<Vec<TickedResponder>, DatabaseError> {
    type Row = (String, Option<String>, Option<i64>, Option<Vec<u8>>);
    let rows: Vec<Row> = visit_responder::table
        .filter(visit_responder::code.eq(code))
        .order(visit_responder::responder.asc())
        .select((
            visit_responder::responder,
            visit_responder::evidence_scope,
            visit_responder::evidence_until,
            visit_responder::evidence,
        ))
        .load(connection)?;
    let ticked = rows
        .into_iter()
        .map(|(responder, signed_scope, until, signature)| {
            let evidence = match (signed_scope, until, signature) {
                (Some(signed), Some(until), Some(signature)) => Some(Evidence {
                    scope: signed
                        .parse()
                        .map_err(|_not| unreadable("evidence", code))?,
                    until: Timestamp::from_micros(until),
                    signature: signature
                        .as_slice()
                        .try_into()
                        .map_err(|_length| unreadable("evidence", code))?,
                }),
                _none => None,
            };
            let responder = responder
                .parse()
                .map_err(|_not| unreadable("responder", code))?;
            Ok(TickedResponder {
                responder,
                evidence,
            })
        });
    ticked.collect()
}

/// Takes the code for its one use; `false` if someone else was faster.
pub(in crate::consent) fn use_code(
    connection: &mut HospitalConnection,
    id: &str,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let unused = visit_code::table
        .filter(visit_code::id.eq(id))
        .filter(visit_code::used_at.is_null());
    let changed = diesel::update(unused)
        .set(visit_code::used_at.eq(now.micros()))
        .execute(connection)?;
    Ok(changed == 1)
}

/// Ends an unused, unexpired code of this person; whether there was one.
pub(in crate::consent) fn end_code(
    connection: &mut HospitalConnection,
    person: &PersonId,
    id: &str,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let unused = visit_code::table
        .filter(visit_code::id.eq(id))
        .filter(visit_code::person.eq(person.as_str()))
        .filter(visit_code::expires_at.gt(now.micros()))
        .filter(visit_code::used_at.is_null());
    let changed = diesel::update(unused)
        .set(visit_code::used_at.eq(now.micros()))
        .execute(connection)?;
    Ok(changed == 1)
}

/// How many codes `requester` got wrong since `since`.
pub(in crate::consent) fn misses(
    connection: &mut HospitalConnection,
    requester: &MemberId,
    since: Timestamp,
) -> Result<i64, DatabaseError> {
    let count = code_miss::table
        .filter(code_miss::requester.eq(requester.as_str()))
        .filter(code_miss::at.gt(since.micros()))
        .count()
        .get_result(connection)?;
    Ok(count)
}

/// Notes a wrong try, and forgets those before `since`.
pub(in crate::consent) fn add_miss(
    connection: &mut HospitalConnection,
    requester: &MemberId,
    now: Timestamp,
    since: Timestamp,
) -> Result<(), DatabaseError> {
    diesel::delete(code_miss::table.filter(code_miss::at.le(since.micros())))
        .execute(connection)?;
    diesel::insert_into(code_miss::table)
        .values((
            code_miss::requester.eq(requester.as_str()),
            code_miss::at.eq(now.micros()),
        ))
        .execute(connection)?;
    Ok(())
}

/// Stores what a redeemed code lets its requester come back for.
pub(in crate::consent) fn insert_grant(
    connection: &mut HospitalConnection,
    grant: &StoredGrant,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let (practitioner_id, practitioner_role) = halves(grant.practitioner.as_ref());
    diesel::insert_into(care_grant::table)
        .values((
            care_grant::id.eq(grant.id.as_str()),
            care_grant::code.eq(grant.code.as_str()),
            care_grant::directive.eq(grant.directive.as_str()),
            care_grant::person.eq(grant.person.as_str()),
            care_grant::requester.eq(grant.requester.as_str()),
            care_grant::practitioner_id.eq(practitioner_id),
            care_grant::practitioner_role.eq(practitioner_role),
            care_grant::purpose.eq(grant.purpose.as_str()),
            care_grant::categories.eq(grant.categories.to_string()),
            care_grant::redeemed_at.eq(now.micros()),
            care_grant::ends_at.eq(grant.ends_at.micros()),
        ))
        .execute(connection)?;
    Ok(())
}

#[derive(Queryable)]
struct GrantRow {
    id: String,
    code: String,
    directive: String,
    person: String,
    requester: String,
    practitioner_id: Option<String>,
    practitioner_role: Option<String>,
    purpose: String,
    categories: String,
    _redeemed_at: i64,
    ends_at: i64,
}

/// The grant with this id.
pub(in crate::consent) fn find_grant(
    connection: &mut HospitalConnection,
    id: &str,
) -> Result<Option<StoredGrant>, DatabaseError> {
    let row: Option<GrantRow> = care_grant::table
        .filter(care_grant::id.eq(id))
        .first(connection)
        .optional()?;
    row.map(stored_grant).transpose()
}

/// The grants of a person for this requester and purpose that end after `now`, newest first.
pub(in crate::consent) fn grants_of(
    connection: &mut HospitalConnection,
    person: &PersonId,
    requester: &MemberId,
    purpose: Purpose,
    now: Timestamp,
) -> Result<Vec<StoredGrant>, DatabaseError> {
    let rows: Vec<GrantRow> = care_grant::table
        .filter(care_grant::person.eq(person.as_str()))
        .filter(care_grant::requester.eq(requester.as_str()))
        .filter(care_grant::purpose.eq(purpose.as_str()))
        .filter(care_grant::ends_at.gt(now.micros()))
        .order((care_grant::redeemed_at.desc(), care_grant::id.asc()))
        .load(connection)?;
    rows.into_iter().map(stored_grant).collect()
}

fn stored_grant(row: GrantRow) -> Result<StoredGrant, DatabaseError> {
    Ok(StoredGrant {
        person: row
            .person
            .parse()
            .map_err(|_not| unreadable("person", &row.id))?,
        requester: row
            .requester
            .parse()
            .map_err(|_not| unreadable("requester", &row.id))?,
        practitioner: practitioner(row.practitioner_id, row.practitioner_role),
        purpose: row
            .purpose
            .parse()
            .map_err(|_not| unreadable("purpose", &row.id))?,
        categories: row
            .categories
            .parse()
            .map_err(|_not| unreadable("categories", &row.id))?,
        ends_at: Timestamp::from_micros(row.ends_at),
        directive: DirectiveId::known(row.directive),
        code: row.code,
        id: row.id,
    })
}

fn label_words(terms: LabelTerms) -> String {
    terms.words().collect::<Vec<_>>().join(" ")
}

fn label_terms(words: &str) -> Option<LabelTerms> {
    words
        .split_whitespace()
        .try_fold(LabelTerms::default(), LabelTerms::with_word)
}

fn halves(practitioner: Option<&Practitioner>) -> (Option<&str>, Option<&str>) {
    practitioner
        .map(|known| (known.id.as_str(), known.role.as_str()))
        .unzip()
}
