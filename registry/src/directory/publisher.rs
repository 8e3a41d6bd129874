//! Keeps what is served up to date: each minute, each day, and at once when anything changed.
//!
//! One thread of its own. It watches the database rather than being told, because an operator's
//! command runs in another process.

use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::Duration;

use federation_protocol::time::Timestamp;
use federation_service::clock::SharedClock;

use super::published::{Edition, Published};
use super::{Issuer, PublishError};
use crate::config::KeyFolder;
use crate::database::Database;

/// How often the database and the clock are looked at: what a change waits for, at the most.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);

/// How long a failed attempt rests before the next, so that the log stays readable.
const RETRY_SECONDS: i64 = 5;

/// The running thread. Dropping it does not stop it; [`Publisher::stop`] does.
pub(crate) struct Publisher {
    stop: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Publisher {
    /// Brings the documents up to date, and keeps them so until stopped.
    ///
    /// # Errors
    /// What the first attempt meets; after it, failures are logged and tried again.
    pub(crate) fn start(
        mut database: Database,
        issuer: Issuer,
        keys: KeyFolder,
        clock: SharedClock,
    ) -> Result<(Published, Self), PublishError> {
        // Before the first publication, so that no change between the two is missed.
        let seen = database.version()?;
        let published = Published::new(issuer.bring_up_to_date(&mut database, clock.now())?);
        let (stop, stopped) = mpsc::sync_channel(1);
        let mut watch = Watch {
            database,
            issuer,
            keys,
            clock,
            seen,
            published: published.clone(),
            owed: false,
            rest_until: None,
        };
        let thread = std::thread::Builder::new()
            .name("publisher".to_owned())
            .spawn(move || {
                while stopped.recv_timeout(WATCH_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                    watch.look();
                }
            })
            .map_err(PublishError::Thread)?;
        Ok((published, Self { stop, thread }))
    }

    /// Ends the thread and waits for it. What it was writing is finished first.
    pub(crate) fn stop(self) {
        // Either it hears this, or it has ended already.
        let _ = self.stop.try_send(());
        if self.thread.join().is_err() {
            tracing::error!("the publisher had panicked");
        }
    }
}

struct Watch {
    database: Database,
    issuer: Issuer,
    /// Where the online keys are, for when root was rotated.
    keys: KeyFolder,
    clock: SharedClock,
    published: Published,
    /// The database's version when it was last read.
    seen: i64,
    /// The last attempt failed, so another is owed.
    owed: bool,
    /// Unless the database changes, no attempt before this moment, after one that failed.
    rest_until: Option<Timestamp>,
}

impl Watch {
    /// One look at the database and the clock.
    fn look(&mut self) {
        let now = self.clock.now();
        match self.catch_up(now) {
            Ok(None) => {}
            Ok(Some(edition)) => {
                self.owed = false;
                if let Some(trouble) = &edition.trouble {
                    let seq = edition.directory.seq;
                    tracing::error!(%trouble, seq, "the directory stays as it was; the status goes on");
                    self.rest_until = Some(now.plus_seconds(RETRY_SECONDS));
                }
                self.published.replace(edition);
            }
            Err(error) => {
                tracing::error!(%error, "what is served could not be brought up to date");
                self.owed = true;
                self.rest_until = Some(now.plus_seconds(RETRY_SECONDS));
                self.published.note_publisher(false);
            }
        }
    }

    /// A new edition, when the database changed or something is due.
    fn catch_up(&mut self, now: Timestamp) -> Result<Option<Edition>, PublishError> {
        // A clock that was put back must not make the rest last for hours.
        let resting = |until: Timestamp| (1..=RETRY_SECONDS).contains(&until.seconds_since(now));
        let resting = self.rest_until.is_some_and(resting);
        let version = match self.database.version() {
            Err(_) if resting => return Ok(None),
            version => version?,
        };
        let due = self.owed || self.published.now().is_due(now);
        if version == self.seen && (resting || !due) {
            return Ok(None);
        }
        self.seen = version;
        match self.issuer.bring_up_to_date(&mut self.database, now) {
            Err(PublishError::RootChanged) => {
                self.issuer = Issuer::load(&mut self.database, &self.keys, now)?;
                self.issuer.bring_up_to_date(&mut self.database, now)
            }
            done => done,
        }
        .map(Some)
    }
}
