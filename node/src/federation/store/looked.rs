//! What each hospital last said of who looked at a person's records.

use diesel::prelude::*;
use federation_protocol::accesses::AccessReport;
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;
use federation_protocol::transparency::Checkpoint;

use crate::database::{DatabaseError, HospitalConnection};
use crate::federation::looking::checkpoint_of;
use crate::identity::PersonId;

diesel::table! {
    access_report (person, hospital) {
        person -> Text,
        hospital -> Text,
        asked_at -> BigInt,
        outcome -> Text,
        answered_at -> Nullable<BigInt>,
        report -> Nullable<Text>,
    }
}

/// The last word of one hospital, and how it ended when it was asked last.
#[derive(Clone, Debug)]
pub(in crate::federation) struct Kept {
    pub(in crate::federation) asked_at: Timestamp,
    pub(in crate::federation) outcome: String,
    pub(in crate::federation) answered_at: Option<Timestamp>,
    pub(in crate::federation) report: Option<AccessReport>,
}

impl Kept {
    /// The checkpoint that was proved last.
    pub(in crate::federation) fn checkpoint(&self) -> Option<Checkpoint> {
        checkpoint_of(self.report.as_ref()?)
    }
}

/// What is kept of a hospital.
pub(in crate::federation) fn find(
    connection: &mut HospitalConnection,
    person: &PersonId,
    hospital: &MemberId,
) -> Result<Option<Kept>, DatabaseError> {
    type Row = (i64, String, Option<i64>, Option<String>);
    let row: Option<Row> = access_report::table
        .find((person.as_str(), hospital.as_str()))
        .select((
            access_report::asked_at,
            access_report::outcome,
            access_report::answered_at,
            access_report::report,
        ))
        .first(connection)
        .optional()?;
    Ok(row.map(|(asked_at, outcome, answered_at, report)| Kept {
        asked_at: Timestamp::from_micros(asked_at),
        outcome,
        answered_at: answered_at.map(Timestamp::from_micros),
        report: report.and_then(|json| AccessReport::from_json(json.as_bytes()).ok()),
    }))
}

/// Keeps it, in the place of what stood there.
pub(in crate::federation) fn keep(
    connection: &mut HospitalConnection,
    person: &PersonId,
    hospital: &MemberId,
    kept: &Kept,
) -> Result<(), DatabaseError> {
    let report = kept.report.as_ref();
    let report = report.and_then(|report| serde_json::to_string(report).ok());
    let former = access_report::table.find((person.as_str(), hospital.as_str()));
    diesel::delete(former).execute(connection)?;
    diesel::insert_into(access_report::table)
        .values((
            access_report::person.eq(person.as_str()),
            access_report::hospital.eq(hospital.as_str()),
            access_report::asked_at.eq(kept.asked_at.micros()),
            access_report::outcome.eq(kept.outcome.as_str()),
            access_report::answered_at.eq(kept.answered_at.map(|at| at.micros())),
            access_report::report.eq(report),
        ))
        .execute(connection)?;
    Ok(())
}
