//! The charts that are open: what came of a question, kept in memory for the length of a visit.
//!
//! Kept for one session and one grant, ten minutes at most after it was asked, within a bounded amount
//! of memory. What other hospitals answered is gone at once when the consent is over. Nothing of it is
//! written anywhere.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use federation_protocol::time::Timestamp;
use tokio::sync::watch;

use super::row::{Came, Cause, Completeness, Row, State};
use super::views::{Chart, Person, Source, Taken};
use crate::database::Rid;

/// How long answers are kept, seconds. Shorter than any session's idle lock.
pub(super) const KEPT_SECONDS: i64 = 600;
/// The most charts that are open at a time.
const MOST_CHARTS: usize = 200;
/// The most bytes of resources, as they came, of all of them. In memory they take about four times
/// as much.
const MOST_BYTES: usize = 192 * 1024 * 1024;

/// The most of one of them.
const MOST_OF_A_CHART: usize = 64 * 1024 * 1024;

/// Whose chart is open: the session, and the grant or emergency that it was opened under.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The session.
    pub session: String,
    /// The grant, or the emergency access.
    pub under: String,
}

/// Under what a chart is open, as the page says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Under {
    /// The patient of this hospital, by logical id, where one was named.
    pub patient: Option<String>,
    /// `TREAT`, `ETREAT`, `BTG`.
    pub purpose: &'static str,
    /// Whether there is a consent behind it; an emergency has none.
    pub is_grant: bool,
}

/// One open chart.
pub struct OpenChart {
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// Under what.
    pub under: Under,
    inner: Mutex<Inner>,
    changed: watch::Sender<u64>,
    person: OnceLock<(Person, Option<Rid>)>,
}

#[derive(Default)]
struct Inner {
    rows: Vec<Row>,
    taken: Vec<Vec<Arc<Taken>>>,
    /// Of what came, by place.
    bytes: Vec<usize>,
    is_cleared: bool,
}

/// A chart as it is at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The rows.
    pub rows: Vec<Row>,
    /// How much of it is there.
    pub completeness: Completeness,
    /// What came.
    pub chart: Arc<Chart>,
    /// Whether its consent ended while it was open.
    pub is_cleared: bool,
}

impl OpenChart {
    /// A chart of which nothing has come yet.
    #[must_use]
    pub fn new(asked_at: Timestamp, under: Under, sources: Vec<Source>) -> Self {
        let rows = sources.into_iter().map(|source| Row {
            source,
            state: State::Asking,
        });
        let rows: Vec<Row> = rows.collect();
        let inner = Inner {
            taken: rows.iter().map(|_| Vec::new()).collect(),
            bytes: vec![0; rows.len()],
            rows,
            ..Inner::default()
        };
        Self {
            asked_at,
            under,
            inner: Mutex::new(inner),
            changed: watch::Sender::new(0),
            person: OnceLock::new(),
        }
    }

    /// The place of a hospital among the rows.
    #[must_use]
    pub fn place(&self, member: &str) -> Option<usize> {
        lock(&self.inner)
            .rows
            .iter()
            .position(|row| row.source.member == member)
    }

    /// Who it is of, and their chart here, once that was read.
    #[must_use]
    pub fn person(&self) -> Option<&(Person, Option<Rid>)> {
        self.person.get()
    }

    /// Keeps who it is of beside what came: the banner of each page needs no read of its own.
    pub fn is_of(&self, person: Person, chart: Option<Rid>) {
        let _known_already = self.person.set((person, chart));
    }

    /// Puts in what came of the hospital at `place`. A consent that is over clears what the other
    /// hospitals answered, and lets nothing more of them in.
    pub fn take(&self, place: usize, came: Came) {
        let mut inner = lock(&self.inner);
        if came.state == State::Missing(Cause::ConsentOver) && self.under.is_grant {
            inner.forget();
        }
        inner.put(place, came);
        drop(inner);
        self.tell();
    }

    /// Sets the row at `place` back to asking, to ask it again.
    pub fn ask_again(&self, place: usize) {
        if let Some(row) = lock(&self.inner).rows.get_mut(place) {
            row.state = State::Asking;
        }
        self.tell();
    }

    /// What is not answered will not be: whoever collected answers has ended.
    pub fn give_up(&self) {
        let unusable = State::Missing(Cause::Unusable);
        for row in &mut lock(&self.inner).rows {
            if row.state.is_asking() {
                row.state = unusable.clone();
            }
        }
        self.tell();
    }

    /// Forgets what other hospitals answered, because the consent is over.
    pub fn clear(&self) {
        lock(&self.inner).forget();
        self.tell();
    }

    /// The chart as it is now.
    #[must_use]
    pub fn now(&self) -> Snapshot {
        let inner = lock(&self.inner);
        let rows = inner.rows.clone();
        let taken = inner.taken.clone();
        let is_cleared = inner.is_cleared;
        drop(inner);
        let sources = rows.iter().map(|row| row.source.clone()).collect();
        let taken = taken.into_iter().flatten().collect();
        Snapshot {
            completeness: Completeness::of(&rows),
            rows,
            chart: Arc::new(Chart { sources, taken }),
            is_cleared,
        }
    }

    /// Wakes when something changes.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Whether it may not be shown any longer.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        !(0..KEPT_SECONDS).contains(&now.seconds_since(self.asked_at))
    }

    fn bytes(&self) -> usize {
        lock(&self.inner).total()
    }

    fn tell(&self) {
        self.changed
            .send_modify(|count| *count = count.wrapping_add(1));
    }
}

impl Inner {
    fn total(&self) -> usize {
        self.bytes.iter().copied().fold(0, usize::saturating_add)
    }

    fn put(&mut self, place: usize, came: Came) {
        let Some(row) = self.rows.get_mut(place) else {
            return;
        };
        if self.is_cleared && !row.source.is_own {
            return;
        }
        // What is asked again takes the place of what was there.
        if let Some(bytes) = self.bytes.get_mut(place) {
            *bytes = 0;
        }
        let came = came.within(MOST_OF_A_CHART.saturating_sub(self.total()));
        if let Some(bytes) = self.bytes.get_mut(place) {
            *bytes = came.bytes;
        }
        if let Some(row) = self.rows.get_mut(place) {
            row.state = came.state;
        }
        if let Some(taken) = self.taken.get_mut(place) {
            *taken = came.taken.into_iter().map(Arc::new).collect();
        }
    }

    /// The own chart stays: it needs no consent.
    fn forget(&mut self) {
        self.is_cleared = true;
        let places = self.rows.iter_mut().zip(&mut self.taken);
        for ((row, taken), bytes) in places.zip(&mut self.bytes) {
            if !row.source.is_own {
                row.state = State::Missing(Cause::ConsentOver);
                taken.clear();
                *bytes = 0;
            }
        }
    }
}

/// Every open chart. Cheap to clone.
#[derive(Clone, Default)]
pub struct OpenCharts {
    charts: Arc<Mutex<HashMap<Key, Arc<OpenChart>>>>,
}

impl OpenCharts {
    /// The chart that is open under `key`, if it may still be shown.
    #[must_use]
    pub fn find(&self, key: &Key, now: Timestamp) -> Option<Arc<OpenChart>> {
        let mut charts = lock(&self.charts);
        charts.retain(|_, chart| !chart.is_over(now));
        charts.get(key).map(Arc::clone)
    }

    /// Opens a chart under `key`, in the place of one that was open. The oldest give way where there
    /// are too many, or they are too large.
    pub fn open(&self, key: Key, chart: Arc<OpenChart>, now: Timestamp) {
        let mut charts = lock(&self.charts);
        charts.retain(|_, chart| !chart.is_over(now));
        charts.insert(key, chart);
        while charts.len() > MOST_CHARTS || size(&charts) > MOST_BYTES {
            let oldest = charts.iter().min_by_key(|(_, chart)| chart.asked_at);
            let Some(oldest) = oldest
                .map(|(key, _)| key.clone())
                .filter(|_| charts.len() > 1)
            else {
                break;
            };
            charts.remove(&oldest);
        }
    }

    /// Closes the chart that is open under `key`.
    pub fn close(&self, key: &Key) {
        lock(&self.charts).remove(key);
    }

    /// Closes what is over: called some time after a chart was opened, so that it does not stay in
    /// memory until somebody opens the next.
    pub fn sweep(&self, now: Timestamp) {
        lock(&self.charts).retain(|_, chart| !chart.is_over(now));
    }

    /// How many are open.
    #[must_use]
    pub fn count(&self) -> usize {
        lock(&self.charts).len()
    }
}

fn size(charts: &HashMap<Key, Arc<OpenChart>>) -> usize {
    let sizes = charts.values().map(|chart| chart.bytes());
    sizes.fold(0, usize::saturating_add)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is in there is replaced whole: a thread that panicked left nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
