//! Asking the hospitals, and taking in what comes, as it comes.
//!
//! What was asked goes on to its end although nobody looks any more: each exchange is written down
//! here as it is at the other end. Nothing is taken in before its line is written.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;

use super::Clinic;
use super::open::{KEPT_SECONDS, Key, OpenChart, Under};
use super::row::{Came, Cause, State};
use super::views::Source;
use crate::federation::asking::{AskError, Stands, Whole};
use crate::federation::emergency::{Urgent, UrgentError};
use crate::federation::outcome::Hospital;
use crate::identity::Caller;

/// A chart younger than this was asked under tokens that were judged just now, seconds.
const JUST_ASKED_SECONDS: i64 = 20;
/// A page does not wait longer for the home to say whether a consent stands.
const STANDING_TIMEOUT: Duration = Duration::from_millis(1500);

impl Clinic {
    /// Asks every hospital of the grant in `key` for the whole chart, and opens it. Must be called in
    /// a local task set: the answers are taken in where it was made.
    ///
    /// # Errors
    /// Nothing was asked.
    pub(super) async fn ask(&self, caller: &Caller, key: &Key) -> Result<Arc<OpenChart>, AskError> {
        let whole = self
            .federation
            .asking()
            .plan_whole(caller, &key.under)
            .await?;
        let under = Under {
            patient: whole.grant().patient.clone(),
            purpose: whole.grant().purpose.as_str(),
            is_grant: true,
        };
        let sources = sources(&whole.hospitals());
        let chart = Arc::new(OpenChart::new(whole.at(), under, sources));
        self.open
            .open(key.clone(), Arc::clone(&chart), self.clock.now());
        self.collect(whole, Arc::clone(&chart));
        Ok(chart)
    }

    /// Asks one hospital of an open chart again.
    ///
    /// # Errors
    /// Nothing was asked.
    pub(super) async fn ask_again(
        &self,
        caller: &Caller,
        key: &Key,
        chart: &Arc<OpenChart>,
        place: usize,
    ) -> Result<(), AskError> {
        let whole = self
            .federation
            .asking()
            .plan_whole(caller, &key.under)
            .await?;
        let mut hospitals = whole.hospitals().into_iter();
        let wanted =
            hospitals.find(|(hospital, _)| chart.place(hospital.member.as_str()) == Some(place));
        if let Some((hospital, _)) = wanted {
            chart.ask_again(place);
            self.collect(whole.only(hospital.member), Arc::clone(chart));
        }
        Ok(())
    }

    fn collect(&self, whole: Whole, chart: Arc<OpenChart>) {
        let clinic = self.clone();
        tokio::task::spawn_local(async move {
            let asking = clinic.federation.asking();
            let mut coming = asking.send_whole(&whole);
            let mut came = Vec::new();
            while let Some(part) = coming.next().await {
                let written = asking.record_whole(&whole, &part).await.is_ok();
                if let Some(place) = chart.place(part.hospital.member.as_str()) {
                    chart.take(place, shown(&part, place, written));
                }
                came.extend(written.then_some(part));
            }
            chart.give_up();
            if let Err(error) = asking.close_whole(&whole, came).await {
                tracing::error!("the manifest could not be kept: {error}");
            }
            drop((whole, chart));
            clinic.sweep_later().await;
        });
    }

    /// Asks in an emergency, and opens what comes.
    ///
    /// # Errors
    /// Nothing was asked.
    pub(super) async fn ask_in_emergency(
        &self,
        caller: &Caller,
        session: String,
        patient: &str,
        urgent: Urgent,
    ) -> Result<Key, UrgentError> {
        let asking = Arc::clone(self.federation.asking_in_emergency());
        let planned = Arc::new(asking.plan(caller, urgent).await?);
        let under = Under {
            patient: Some(patient.to_owned()),
            purpose: federation_protocol::purpose::Purpose::Btg.as_str(),
            is_grant: false,
        };
        let hospitals: Vec<_> = planned
            .hospitals
            .iter()
            .map(|one| (one.clone(), false))
            .collect();
        let chart = Arc::new(OpenChart::new(planned.at, under, sources(&hospitals)));
        let key = Key {
            session,
            under: planned.id.clone(),
        };
        self.open
            .open(key.clone(), Arc::clone(&chart), self.clock.now());
        let clinic = self.clone();
        tokio::task::spawn_local(async move {
            let mut coming = asking.send(&planned);
            let mut came = Vec::new();
            while let Some(part) = coming.next().await {
                let written = asking.record(&planned, &part).await.is_ok();
                if let Some(place) = chart.place(part.hospital.member.as_str()) {
                    chart.take(place, shown(&part, place, written));
                }
                came.extend(written.then_some(part));
            }
            chart.give_up();
            if let Err(error) = asking.close(&planned, came).await {
                tracing::error!("the manifest could not be kept: {error}");
            }
            drop(chart);
            clinic.sweep_later().await;
        });
        Ok(key)
    }

    /// Whether what is open under `key` may go on to be shown; clears it where its consent is over.
    ///
    /// # Errors
    /// The grant is not the caller's.
    pub(super) async fn still_stands(
        &self,
        caller: &Caller,
        key: &Key,
        chart: &OpenChart,
    ) -> Result<Stands, AskError> {
        let age = self.clock.now().seconds_since(chart.asked_at);
        if !chart.under.is_grant || age < JUST_ASKED_SECONDS {
            return Ok(Stands::Yes);
        }
        let asked = self.federation.consent_stands(caller, &key.under);
        let stands = match tokio::time::timeout(STANDING_TIMEOUT, asked).await {
            Ok(stands) => stands?,
            Err(_late) => Stands::Unknown,
        };
        if stands == Stands::No {
            chart.clear();
        }
        Ok(stands)
    }

    /// Waits until every hospital has answered, or its time is over.
    pub(super) async fn all_answered(chart: &OpenChart) {
        let mut changes = chart.changes();
        while chart.now().completeness.asking > 0 {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    async fn sweep_later(&self) {
        let seconds = u64::try_from(KEPT_SECONDS).unwrap_or_default();
        tokio::time::sleep(Duration::from_secs(seconds.saturating_add(1))).await;
        self.open.sweep(self.clock.now());
    }
}

/// What may be shown of a part: nothing that could not be written down.
fn shown(part: &crate::federation::outcome::Part, place: usize, written: bool) -> Came {
    if written {
        return Came::of(part, place);
    }
    tracing::error!("an answer is not shown, for it could not be written down");
    Came {
        state: State::Missing(Cause::NotWritten),
        taken: Vec::new(),
        bytes: 0,
    }
}

/// The hospitals as sources; two of one short name have their whole names.
fn sources(hospitals: &[(Hospital, bool)]) -> Vec<Source> {
    let mut sources: Vec<Source> = hospitals
        .iter()
        .map(|(hospital, own)| {
            let source = Source::new(hospital.member.as_str(), &hospital.name, *own);
            source.reached_at(hospital.phone.as_deref())
        })
        .collect();
    let shorts: Vec<String> = sources.iter().map(|source| source.short.clone()).collect();
    for source in &mut sources {
        if shorts
            .iter()
            .filter(|short| **short == source.short)
            .count()
            > 1
        {
            source.short = source.name.chars().take(12).collect();
        }
    }
    sources
}
