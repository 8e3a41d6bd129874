//! When charts turn out to be one, or a handle to mean the wrong one.
//!
//! Merged: everything that hung on the chart that is given up hangs on the surviving one, the
//! patient's reservations first of all, for without them more would be let out than before. Link codes
//! die: the desk saw the other chart.
//! Corrected: the handle means another chart from now on, and every token that was minted for it
//! before is refused: it may have been given for somebody else's chart.

use federation_protocol::link::PatientHandle;

use super::{Linkage, LinkageError, desk, store};
use crate::audit::{self, Kind, Line};
use crate::consent::Consents;
use crate::database::Rid;

/// What moved with a merged chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// Handles that mean the surviving chart now.
    pub handles: Vec<PatientHandle>,
    /// Reservations of the patient that hold for the surviving chart now.
    pub reservations: usize,
    /// Link codes that died with the chart: the desk gives new ones.
    pub withdrawn_codes: usize,
    /// Whether the chart was an enrolled person's own.
    pub enrolled: bool,
}

impl Linkage {
    /// At the desk: chart `from` was given up for chart `into` (`Patient.link` says `replaced-by`):
    /// its handles, its person and its reservations move.
    ///
    /// # Errors
    /// `SameChart`; `Enrolled` if both charts are enrolled persons' own: which of the two goes on is
    /// theirs to say; `Consent`, `Database`.
    pub async fn merge(&self, from: Rid, into: Rid, into_id: &str) -> Result<Merged, LinkageError> {
        if from == into {
            return Err(LinkageError::SameChart);
        }
        let now = self.clock.now();
        let into_id = into_id.to_owned();
        self.database
            .transact(move |connection| {
                let person = store::person_of_chart(connection, from)?;
                if let Some(other) = store::person_of_chart(connection, into)?
                    && person.is_some()
                {
                    return Err(LinkageError::Enrolled(other.id));
                }
                let handles = store::move_links(connection, from, into, &into_id)?;
                store::move_person(connection, from, into, &into_id)?;
                let withdrawn_codes = desk::chart_given_up(connection, from, now)?;
                let reservations = Consents::move_reservations(connection, from, into)?;
                // One line for each chart: whoever looks at either finds it.
                for (patient, outcome) in [(from, "chart_given_up"), (into, "chart_merged")] {
                    let texts: Vec<&str> = handles.iter().map(PatientHandle::as_str).collect();
                    let line = Line::new(Kind::Link, now, "registrar")
                        .patient(patient)
                        .outcome(outcome)
                        .detail("handles", texts.join(" "))
                        .detail("reservations", reservations)
                        .detail("withdrawn_codes", withdrawn_codes);
                    audit::append(connection, &line)?;
                }
                Ok(Merged {
                    handles,
                    reservations,
                    withdrawn_codes,
                    enrolled: person.is_some(),
                })
            })
            .await
    }

    /// At the desk: a living handle means another chart than it was made for. Tokens that were
    /// minted for it before are refused from now on.
    ///
    /// # Errors
    /// `NoLink`, `SameChart`, `Database`.
    pub async fn correct(
        &self,
        handle: &PatientHandle,
        patient: Rid,
        patient_id: &str,
    ) -> Result<(), LinkageError> {
        let now = self.clock.now();
        let (handle, patient_id) = (handle.clone(), patient_id.to_owned());
        self.database
            .transact(move |connection| {
                let link = store::find_link(connection, &handle)?.ok_or(LinkageError::NoLink)?;
                if link.patient == patient {
                    return Err(LinkageError::SameChart);
                }
                store::correct_link(connection, &handle, patient, &patient_id, now)?;
                let charts = [
                    (link.patient, "link_taken_away"),
                    (patient, "link_corrected"),
                ];
                for (chart, outcome) in charts {
                    let line = Line::new(Kind::Link, now, "registrar")
                        .patient(chart)
                        .peer(&link.home)
                        .outcome(outcome)
                        .detail("handle", handle.as_str());
                    audit::append(connection, &line)?;
                }
                Ok(())
            })
            .await
    }
}
