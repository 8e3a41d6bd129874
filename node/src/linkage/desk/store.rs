//! The desk's only SQL: offers, and wrong tries.

use diesel::prelude::*;
use federation_protocol::keys::PublicKey;
use federation_protocol::link::PatientHandle;
use federation_protocol::linking::comparison::{Commitment, Proof, Proofs};
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;
use subtle::ConstantTimeEq;

use super::{CodeDigest, Ended, Offer, Trier};
use crate::database::{DatabaseError, HospitalConnection, Rid};

diesel::table! {
    link_offer (id) {
        id -> Text,
        spoken -> Binary,
        scanned -> Binary,
        patient -> BigInt,
        patient_id -> Text,
        facts -> Text,
        named_home -> Nullable<Text>,
        shown -> Text,
        created_at -> BigInt,
        expires_at -> BigInt,
        home -> Nullable<Text>,
        device_key -> Nullable<Text>,
        their_commitment -> Nullable<Binary>,
        our_commitment -> Nullable<Binary>,
        home_proof -> Nullable<Binary>,
        our_proof -> Nullable<Binary>,
        ended_at -> Nullable<BigInt>,
        ended_as -> Nullable<Text>,
        handle -> Nullable<Text>,
        assertion -> Nullable<Text>,
    }
}

diesel::table! {
    link_miss (id) {
        id -> BigInt,
        who -> Text,
        at -> BigInt,
    }
}

/// Offers listed at once.
const MOST_OFFERS: i64 = 500;

fn unreadable(what: &str) -> DatabaseError {
    let message = format!("{what} of a link offer cannot be read");
    DatabaseError::Query(diesel::result::Error::DeserializationError(message.into()))
}

/// An offer with what the comparison needs.
pub(super) struct Known {
    pub(super) offer: Offer,
    pub(super) facts: String,
    pub(super) begun: Option<Begun>,
    pub(super) made: Option<(PatientHandle, String)>,
}

/// How far the comparison has come.
pub(super) struct Begun {
    pub(super) device_key: PublicKey,
    pub(super) theirs: Commitment,
    pub(super) ours: Commitment,
    pub(super) proofs: Proofs,
}

#[derive(Queryable)]
struct Row {
    id: String,
    spoken: Vec<u8>,
    scanned: Vec<u8>,
    patient: i64,
    patient_id: String,
    facts: String,
    named_home: Option<String>,
    _shown: String,
    created_at: i64,
    expires_at: i64,
    home: Option<String>,
    device_key: Option<String>,
    their_commitment: Option<Vec<u8>>,
    our_commitment: Option<Vec<u8>>,
    home_proof: Option<Vec<u8>>,
    our_proof: Option<Vec<u8>>,
    _ended_at: Option<i64>,
    ended_as: Option<String>,
    handle: Option<String>,
    assertion: Option<String>,
}

pub(super) fn insert(
    connection: &mut HospitalConnection,
    new: &Offer,
    digests: &[CodeDigest; 2],
    facts: &str,
    shown: &str,
) -> Result<(), DatabaseError> {
    let [spoken, scanned] = digests;
    diesel::insert_into(link_offer::table)
        .values((
            link_offer::id.eq(new.id.as_str()),
            link_offer::spoken.eq(spoken.0.as_slice()),
            link_offer::scanned.eq(scanned.0.as_slice()),
            link_offer::patient.eq(new.patient.0),
            link_offer::patient_id.eq(new.patient_id.as_str()),
            link_offer::facts.eq(facts),
            link_offer::named_home.eq(new.named_home.as_ref().map(MemberId::as_str)),
            link_offer::shown.eq(shown),
            link_offer::created_at.eq(new.created_at.micros()),
            link_offer::expires_at.eq(new.expires_at.micros()),
        ))
        .execute(connection)?;
    Ok(())
}

/// The offer of a code, however it stands. The digest is keyed, so nobody can steer the index
/// lookup; the compare that decides is constant in time.
pub(super) fn of_code(
    connection: &mut HospitalConnection,
    digest: &CodeDigest,
) -> Result<Option<Known>, DatabaseError> {
    let wanted = digest.0.as_slice();
    let either = link_offer::spoken
        .eq(wanted)
        .or(link_offer::scanned.eq(wanted));
    let row: Option<Row> = link_offer::table
        .filter(either)
        .first(connection)
        .optional()?;
    let same = |row: &Row| bool::from(row.spoken.ct_eq(wanted) | row.scanned.ct_eq(wanted));
    row.filter(same).map(known).transpose()
}

pub(super) fn find(
    connection: &mut HospitalConnection,
    id: &str,
) -> Result<Option<Offer>, DatabaseError> {
    let row: Option<Row> = link_offer::table.find(id).first(connection).optional()?;
    row.as_ref().map(offer).transpose()
}

pub(super) fn offers(connection: &mut HospitalConnection) -> Result<Vec<Offer>, DatabaseError> {
    let rows: Vec<Row> = link_offer::table
        .order((link_offer::created_at.desc(), link_offer::id.asc()))
        .limit(MOST_OFFERS)
        .load(connection)?;
    rows.iter().map(offer).collect()
}

fn offer(row: &Row) -> Result<Offer, DatabaseError> {
    let member = |text: &Option<String>| {
        let read = text.as_deref().map(str::parse::<MemberId>).transpose();
        read.map_err(|_not| unreadable("a member"))
    };
    let ended = row.ended_as.as_deref().map(|word| {
        let ended = Ended::of(word);
        ended.ok_or_else(|| unreadable("the end"))
    });
    Ok(Offer {
        id: row.id.clone(),
        patient: Rid(row.patient),
        patient_id: row.patient_id.clone(),
        named_home: member(&row.named_home)?,
        created_at: Timestamp::from_micros(row.created_at),
        expires_at: Timestamp::from_micros(row.expires_at),
        home: member(&row.home)?,
        ended: ended.transpose()?,
    })
}

fn known(row: Row) -> Result<Known, DatabaseError> {
    Ok(Known {
        offer: offer(&row)?,
        begun: begun(&row)?,
        made: match (row.handle, row.assertion) {
            (Some(handle), Some(assertion)) => {
                let handle = handle.parse().map_err(|_not| unreadable("the handle"))?;
                Some((handle, assertion))
            }
            _none => None,
        },
        facts: row.facts,
    })
}

fn begun(row: &Row) -> Result<Option<Begun>, DatabaseError> {
    let Some(key) = &row.device_key else {
        return Ok(None);
    };
    Ok(Some(Begun {
        device_key: PublicKey::from_x(key).map_err(|_not| unreadable("a device key"))?,
        theirs: Commitment(bytes(row.their_commitment.as_deref())?),
        ours: Commitment(bytes(row.our_commitment.as_deref())?),
        proofs: Proofs {
            home: Proof(bytes(row.home_proof.as_deref())?),
            responder: Proof(bytes(row.our_proof.as_deref())?),
        },
    }))
}

fn bytes<const N: usize>(column: Option<&[u8]>) -> Result<[u8; N], DatabaseError> {
    let bytes = column.unwrap_or_default().try_into();
    bytes.map_err(|_length| unreadable("the comparison"))
}

/// A home has come with the code: from now on it serves that one comparison alone.
pub(super) fn begin(
    connection: &mut HospitalConnection,
    id: &str,
    home: &MemberId,
    begun: &Begun,
) -> Result<(), DatabaseError> {
    diesel::update(link_offer::table.find(id))
        .set((
            link_offer::home.eq(home.as_str()),
            link_offer::device_key.eq(begun.device_key.x()),
            link_offer::their_commitment.eq(begun.theirs.0.as_slice()),
            link_offer::our_commitment.eq(begun.ours.0.as_slice()),
            link_offer::home_proof.eq(begun.proofs.home.0.as_slice()),
            link_offer::our_proof.eq(begun.proofs.responder.0.as_slice()),
        ))
        .execute(connection)?;
    Ok(())
}

/// The offer has become a link.
pub(super) fn become_link(
    connection: &mut HospitalConnection,
    id: &str,
    handle: &PatientHandle,
    assertion: &str,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    end(connection, id, Ended::Linked, now)?;
    diesel::update(link_offer::table.find(id))
        .set((
            link_offer::handle.eq(handle.as_str()),
            link_offer::assertion.eq(assertion),
        ))
        .execute(connection)?;
    Ok(())
}

pub(super) fn end(
    connection: &mut HospitalConnection,
    id: &str,
    ended: Ended,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    diesel::update(link_offer::table.find(id))
        .set((
            // What the chart said is needed no longer.
            link_offer::facts.eq(""),
            link_offer::ended_at.eq(now.micros()),
            link_offer::ended_as.eq(ended.as_str()),
        ))
        .execute(connection)?;
    Ok(())
}

/// Takes back every offer of a chart that has not ended; how many.
pub(in crate::linkage) fn withdraw_of_chart(
    connection: &mut HospitalConnection,
    chart: Rid,
    now: Timestamp,
) -> Result<usize, DatabaseError> {
    let open = link_offer::table
        .filter(link_offer::patient.eq(chart.0))
        .filter(link_offer::ended_at.is_null());
    let count = diesel::update(open)
        .set((
            link_offer::facts.eq(""),
            link_offer::ended_at.eq(now.micros()),
            link_offer::ended_as.eq(Ended::Withdrawn.as_str()),
        ))
        .execute(connection)?;
    Ok(count)
}

/// Forgets what the charts said of every offer that has expired; how many.
pub(super) fn forget_facts_of_expired(
    connection: &mut HospitalConnection,
    now: Timestamp,
) -> Result<usize, DatabaseError> {
    let expired = link_offer::table
        .filter(link_offer::expires_at.le(now.micros()))
        .filter(link_offer::facts.ne(""));
    Ok(diesel::update(expired)
        .set(link_offer::facts.eq(""))
        .execute(connection)?)
}

/// Wrong tries since then.
pub(in crate::linkage) fn misses(
    connection: &mut HospitalConnection,
    who: &Trier<'_>,
    since: Timestamp,
) -> Result<i64, DatabaseError> {
    let count = link_miss::table
        .filter(link_miss::who.eq(who.name()))
        .filter(link_miss::at.gt(since.micros()))
        .count()
        .get_result(connection)?;
    Ok(count)
}

/// Notes a wrong try, and forgets those before `since`.
pub(in crate::linkage) fn add_miss(
    connection: &mut HospitalConnection,
    who: &Trier<'_>,
    now: Timestamp,
    since: Timestamp,
) -> Result<(), DatabaseError> {
    diesel::delete(link_miss::table.filter(link_miss::at.le(since.micros())))
        .execute(connection)?;
    diesel::insert_into(link_miss::table)
        .values((
            link_miss::who.eq(who.name()),
            link_miss::at.eq(now.micros()),
        ))
        .execute(connection)?;
    Ok(())
}
