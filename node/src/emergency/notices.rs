//! What people are told: at the responder owed to their homes until it is told, at home kept for them.
//!
//! Whoever has no home, or no link, reads it at the responder: [`Emergency::told_of_chart`].

use federation_protocol::emergency::{EmergencyNotice, Reason};
use federation_protocol::link::PatientHandle;
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;

use super::accesses::Access;
use super::{Emergency, store};
use crate::audit::{self, Kind, Line};
use crate::database::{DatabaseError, HospitalConnection, Rid};
use crate::identity::PersonId;
use crate::linkage;

/// How long after a failed try the next one comes, seconds; the last one from then on.
const RETRY_SECONDS: [i64; 4] = [1, 5, 30, 60];

/// A notice that a home has not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    /// The access.
    pub access: String,
    /// Whose, as the home knows them.
    pub handle: PatientHandle,
    /// To whom.
    pub home: MemberId,
    /// How often it was tried in vain.
    pub tries: i64,
    /// When it is to be tried next.
    pub next_try_at: Timestamp,
}

/// An emergency access as the person reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The access.
    pub id: String,
    /// The hospital whose records were asked for.
    pub responder: MemberId,
    /// The hospital that asked.
    pub asker: MemberId,
    /// That hospital's id of the practitioner.
    pub practitioner: String,
    /// Why, as they said.
    pub reason: Reason,
    /// When.
    pub at: Timestamp,
    /// How many resources were given out.
    pub shown: i64,
}

impl Emergency {
    /// Every notice that a home has not acknowledged, due or not, with what it says.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn owed(&self) -> Result<Vec<(Owed, EmergencyNotice)>, DatabaseError> {
        let owed = self
            .parts
            .database
            .read(|connection| {
                let owed = store::notices::owed(connection)?;
                let mut told = Vec::with_capacity(owed.len());
                for one in owed {
                    if let Some(access) = store::accesses::find(connection, &one.access)? {
                        let notice = notice_of(&access, &one.handle);
                        told.push((one, notice));
                    }
                }
                Ok::<_, DatabaseError>(told)
            })
            .await?;
        self.parts.metrics.owed(owed.len());
        Ok(owed)
    }

    /// What came of telling a home.
    ///
    /// # Errors
    /// Not noted: it is told again.
    pub async fn tried(&self, owed: &Owed, is_told: bool) -> Result<(), DatabaseError> {
        let (owed, now) = (owed.clone(), self.parts.clock.now());
        self.parts.metrics.notice(match is_told {
            true => "told",
            false => "failed",
        });
        self.parts
            .database
            .transact(move |connection| {
                let wait = usize::try_from(owed.tries)
                    .ok()
                    .and_then(|tries| RETRY_SECONDS.get(tries))
                    .or(RETRY_SECONDS.last())
                    .copied()
                    .unwrap_or_default();
                store::notices::tried(
                    connection,
                    &owed,
                    is_told.then_some(now),
                    now.plus_seconds(wait),
                )?;
                if is_told {
                    let line = Line::new(Kind::Emergency, now, "system")
                        .peer(&owed.home)
                        .outcome("notice_told")
                        .detail("access", owed.access.as_str());
                    audit::append(connection, &line)?;
                }
                Ok(())
            })
            .await
    }

    /// At home, in the caller's transaction: keeps what `responder` told of a person that it knows by
    /// the notice's handle. `None` for a handle that is not that member's; nothing is kept then, and
    /// the sender is told the same.
    ///
    /// # Errors
    /// Roll back.
    pub fn keep_notice(
        &self,
        connection: &mut HospitalConnection,
        responder: &MemberId,
        notice: &EmergencyNotice,
        now: Timestamp,
    ) -> Result<Option<PersonId>, DatabaseError> {
        let person = linkage::person_of_handle(connection, responder, &notice.patient)?;
        if let Some(person) = &person
            && store::notices::keep(connection, responder, person, notice, now)?
        {
            self.parts.metrics.notice("kept");
        }
        Ok(person)
    }

    /// What an enrolled person was told by other hospitals, and what happened to their own chart
    /// here; newest first.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn told(
        &self,
        person: &PersonId,
        chart: Option<Rid>,
    ) -> Result<Vec<Told>, DatabaseError> {
        let (person, me) = (person.clone(), self.parts.me.clone());
        self.parts
            .database
            .read(move |connection| {
                let mut told = store::notices::of_person(connection, &person)?;
                if let Some(chart) = chart {
                    for access in store::accesses::of_chart(connection, chart)? {
                        if !told.iter().any(|one| one.id == access.id) {
                            told.push(told_here(&me, access));
                        }
                    }
                }
                told.sort_by(|one, other| (other.at, &other.id).cmp(&(one.at, &one.id)));
                Ok(told)
            })
            .await
    }

    /// What happened to a chart here, newest first: for people whose home this is not.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn told_of_chart(&self, chart: Rid) -> Result<Vec<Told>, DatabaseError> {
        let me = self.parts.me.clone();
        self.parts
            .database
            .read(move |connection| {
                let accesses = store::accesses::of_chart(connection, chart)?.into_iter();
                Ok(accesses.map(|access| told_here(&me, access)).collect())
            })
            .await
    }
}

impl Emergency {
    /// Chart `from` was given up for chart `into`: what happened to it in emergencies is told with
    /// the surviving one. Again does nothing.
    ///
    /// # Errors
    /// Not moved.
    pub async fn follow_merge(&self, from: Rid, into: Rid) -> Result<(), DatabaseError> {
        self.parts
            .database
            .transact(move |connection| store::accesses::move_chart(connection, from, into))
            .await
    }
}

fn told_here(me: &MemberId, access: Access) -> Told {
    Told {
        id: access.id,
        responder: me.clone(),
        asker: access.asker,
        practitioner: access.practitioner,
        reason: access.reason,
        at: access.at,
        shown: access.shown,
    }
}

/// What a home is told of an access.
pub(super) fn notice_of(access: &Access, handle: &PatientHandle) -> EmergencyNotice {
    EmergencyNotice {
        id: access.id.clone(),
        patient: handle.clone(),
        asker: access.asker.clone(),
        practitioner: access.practitioner.clone(),
        reason: access.reason.clone(),
        at: access.at.unix_seconds(),
        shown: u32::try_from(access.shown).unwrap_or(u32::MAX),
    }
}
