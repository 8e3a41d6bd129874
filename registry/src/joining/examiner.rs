//! Probes who waits: applicants until their node passed, members on probation until they take part.
//!
//! One task. It looks at the database rather than being told, because an operator's command runs in
//! another process; a node that does not pass is tried again, ever more seldom.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use federation_protocol::directory::{MemberDescription, Profile};
use federation_protocol::joining::{ApplicationId, ApplicationState, Report};
use federation_protocol::member::MemberState;
use federation_protocol::time::Timestamp;
use federation_service::clock::SharedClock;
use tokio::task::{JoinHandle, spawn_blocking};

use super::{ApplicationRow, Prober, keep_report, store};
use crate::database::{Connection, Database, DatabaseError};
use crate::members::{self, MemberError};

/// How often the database is looked at.
const ROUND: Duration = Duration::from_millis(500);
/// Rounds between two tries at one node, at the most: five minutes.
const LONGEST_REST: u32 = 600;

/// The running task. Dropping it does not stop it; [`Examiner::stop`] does.
pub(crate) struct Examiner {
    task: JoinHandle<()>,
}

struct Round {
    database: Arc<Mutex<Database>>,
    prober: Prober,
    clock: SharedClock,
    /// The database's version when it was last read.
    seen: Option<i64>,
    waiting: Vec<ApplicationRow>,
    rests: HashMap<Subject, Rest>,
}

/// One description of one applicant: a new one is probed at once.
type Subject = (ApplicationId, String);

/// How long a node that did not pass rests.
struct Rest {
    length: u32,
    left: u32,
}

impl Examiner {
    /// Probes until stopped. Call it inside a runtime.
    pub(crate) fn start(database: Database, prober: Prober, clock: SharedClock) -> Self {
        let mut round = Round {
            database: Arc::new(Mutex::new(database)),
            prober,
            clock,
            seen: None,
            waiting: Vec::new(),
            rests: HashMap::new(),
        };
        let task = tokio::spawn(async move {
            loop {
                if let Err(error) = round.run().await {
                    tracing::error!(%error, "applicants could not be probed");
                }
                tokio::time::sleep(ROUND).await;
            }
        });
        Self { task }
    }

    /// Ends the task, in the middle of a probe if need be: what it found is simply not kept.
    pub(crate) fn stop(&self) {
        self.task.abort();
    }
}

impl Round {
    async fn run(&mut self) -> Result<(), MemberError> {
        self.look().await?;
        let due: Vec<ApplicationRow> = self
            .waiting
            .iter()
            .filter(|row| is_due(&mut self.rests, row))
            .cloned()
            .collect();
        for row in due {
            let Some(profile) = profile_of(&row) else {
                continue;
            };
            let report = self.prober.examine(&profile).await;
            let passed = report.passed();
            tracing::info!(member.id = %row.member, passed, "probed {}", row.member);
            let now = self.clock.now();
            let subject = subject_of(&row);
            self.transact(move |db| {
                keep_report(db, &row, &report)?;
                match passed {
                    true => end_probation(db, &row, now),
                    false => Ok(()),
                }
            })
            .await?;
            if passed {
                self.rests.remove(&subject);
            }
            self.seen = None;
        }
        Ok(())
    }

    /// Reads who waits, when the database changed.
    async fn look(&mut self) -> Result<(), MemberError> {
        let (seen, database) = (self.seen, Arc::clone(&self.database));
        let looked = spawn_blocking(move || {
            let mut database = lock(&database);
            // The version first, so that no change between the two is missed.
            let version = database.version()?;
            if seen == Some(version) {
                return Ok(None);
            }
            let waiting = database.read(waiting)?;
            Ok::<_, DatabaseError>(Some((version, waiting)))
        });
        // A task that was cancelled is one of a process that ends.
        if let Ok(looked) = looked.await
            && let Some((version, waiting)) = looked?
        {
            let waits = |subject: &Subject| waiting.iter().any(|row| subject_of(row) == *subject);
            self.rests.retain(|subject, _| waits(subject));
            self.waiting = waiting;
            self.seen = Some(version);
        }
        Ok(())
    }

    async fn transact(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<(), MemberError> + Send + 'static,
    ) -> Result<(), MemberError> {
        let database = Arc::clone(&self.database);
        let done = spawn_blocking(move || lock(&database).transact(work)).await;
        // As above.
        done.unwrap_or(Ok(()))
    }
}

/// Applicants whose node has not passed, and members that were approved before theirs did.
fn waiting(db: &mut Connection) -> Result<Vec<ApplicationRow>, DatabaseError> {
    let mut waiting = Vec::new();
    for row in store::all(db)? {
        let waits = match row.state {
            ApplicationState::Applied => !row.report.as_ref().is_some_and(Report::passed),
            ApplicationState::Approved => {
                let member = members::find(db, &row.member)?;
                member.is_some_and(|member| member.state == MemberState::Probation)
            }
            ApplicationState::Returned | ApplicationState::Rejected => false,
        };
        if waits {
            waiting.push(row);
        }
    }
    Ok(waiting)
}

/// A node that passed takes part from now on, if the approvers have signed already.
fn end_probation(
    db: &mut Connection,
    row: &ApplicationRow,
    now: Timestamp,
) -> Result<(), MemberError> {
    let member = members::find(db, &row.member)?;
    if member.is_some_and(|member| member.state == MemberState::Probation) {
        let reason = "its node passed the probe";
        members::change_state(db, &row.member, MemberState::Active, reason, now)?;
    }
    Ok(())
}

fn subject_of(row: &ApplicationRow) -> Subject {
    (row.id, row.description.clone())
}

/// Whether this one is tried in this round: at once the first time, then after 1, 2, 4, … rounds.
fn is_due(rests: &mut HashMap<Subject, Rest>, row: &ApplicationRow) -> bool {
    let rest = rests
        .entry(subject_of(row))
        .or_insert(Rest { length: 1, left: 0 });
    if rest.left > 0 {
        rest.left -= 1;
        return false;
    }
    rest.left = rest.length;
    rest.length = rest.length.saturating_mul(2).min(LONGEST_REST);
    true
}

fn profile_of(row: &ApplicationRow) -> Option<Profile> {
    let description = MemberDescription::verify(&row.description).ok()?;
    Some(description.into_inner().member)
}

fn lock(database: &Mutex<Database>) -> MutexGuard<'_, Database> {
    // Transactions are whole or not at all: a thread that panicked left nothing half done.
    database.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use federation_protocol::joining::Contact;
    use federation_protocol::member::MemberId;

    use super::*;

    #[test]
    fn a_node_that_does_not_pass_is_tried_ever_more_seldom_a_new_description_at_once() {
        let at = Timestamp::from_unix_seconds(1_782_864_000);
        let mut row = ApplicationRow {
            id: ApplicationId::new([1; 16]),
            member: MemberId::from_code("0110000001").unwrap(),
            description: "first".into(),
            contact: Contact::default(),
            state: ApplicationState::Applied,
            reason: String::new(),
            applied_at: at,
            changed_at: at,
            statement: None,
            report: None,
        };
        let mut rests = HashMap::new();
        let tries: Vec<usize> = (0..40).filter(|_| is_due(&mut rests, &row)).collect();
        assert_eq!(tries, [0, 2, 5, 10, 19, 36]);
        row.description = "second".into();
        assert!(is_due(&mut rests, &row));
        let many = (0..10_000).filter(|_| is_due(&mut rests, &row)).count();
        assert!(many > 20, "it is never given up: {many}");
    }
}
