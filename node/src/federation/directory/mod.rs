//! This node's copy of who belongs: root, directory and status, as last accepted.
//!
//! Owns the copy on disk and in memory. Judges nothing itself: `federation-protocol` accepts or
//! refuses, and what it refuses changes nothing here. Where a refusal means that somebody may be
//! lying (an older document, another truth under the same number), people are told: an error in the
//! log, a counter, a line in the audit.
//!
//! Source: PROTOCOL section 2.

mod cache;
mod neighbours;
mod poll;
mod source;

pub use poll::PollError;

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use federation_protocol::directory::{
    AcceptError, Directory, Freshness, Membership, Reading, Root, Status,
};
use federation_protocol::jws::PayloadHash;
use federation_protocol::member::MemberId;
use federation_protocol::signature::FedDirectory;
use federation_protocol::time::Timestamp;
use federation_service::clock::SharedClock;
use federation_service::outbound::OutboundRules;
use federation_service::registry_client::RegistryClient;
use federation_service::signed::Memberships;
use tokio::sync::Notify;

use super::metrics::FederationMetrics;
use super::peers::Peers;
use crate::audit::{Audit, Kind, Line};
use crate::keys::Keys;
use cache::Cache;

/// A node that a peer is ahead of fetches at once, but not more often than this, seconds.
const FORCED_FETCH_SECONDS: i64 = 10;
/// Rounds between two comparisons with a neighbour: ten minutes.
const COMPARE_EVERY: u32 = 30;
/// The longest time between two looks at the registry's status.
const POLL: Duration = Duration::from_secs(20);

/// What the copy stands on.
pub struct DirectorySettings<'a> {
    /// The folder of the accepted documents; made if it is not there.
    pub folder: &'a Path,
    /// The registry's address, `https://host[:port]`.
    pub registry: String,
    /// SHA-256 of the root payload that was pinned at joining.
    pub root_sha256: [u8; 32],
    /// Which addresses may be called.
    pub rules: OutboundRules,
    /// What time it is.
    pub clock: SharedClock,
    /// Where alarms are written down.
    pub audit: Audit,
    /// Where they are counted.
    pub metrics: FederationMetrics,
}

/// Why the copy could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// The folder cannot be read or written.
    #[error("the directory's folder: {0}")]
    Folder(#[from] io::Error),
    /// What stands on disk is not what was accepted: someone changed it, or the pin is another.
    #[error("the stored {document} is not acceptable: {error}")]
    Stored {
        /// `root`, `directory` or `status`.
        document: &'static str,
        /// What is wrong with it.
        error: AcceptError,
    },
}

/// One of the three documents as it is served again, with its entity tag.
#[derive(Clone, Debug)]
pub struct Served {
    /// The JWS as the registry signed it.
    pub jws: Arc<str>,
    /// The hash of its payload.
    pub hash: PayloadHash,
}

/// Which document is served again.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Document {
    /// Root: JWS general JSON.
    Root,
    /// The directory: JWS compact.
    Directory,
    /// The status: JWS compact.
    Status,
}

/// The copy. Cheap to clone: all clones are one.
#[derive(Clone)]
pub struct MemberDirectory {
    shared: Arc<Shared>,
}

struct Shared {
    registry: String,
    pin: PayloadHash,
    rules: OutboundRules,
    clock: SharedClock,
    audit: Audit,
    metrics: FederationMetrics,
    cache: Cache,
    accepted: RwLock<Accepted>,
    client: Mutex<Option<(PayloadHash, Arc<RegistryClient>)>>,
    polling: tokio::sync::Mutex<()>,
    wake: Notify,
    forced_at: Mutex<Option<Timestamp>>,
    root_asked_at: Mutex<Option<Timestamp>>,
    neighbours: Mutex<Option<(MemberId, Arc<Peers>)>>,
    told: Mutex<BTreeSet<String>>,
    /// The keys that sign as this directory lists them.
    keys: Mutex<Option<(MemberId, Arc<Keys>)>>,
}

/// What was accepted last. `membership` is there as soon as all three documents are.
#[derive(Clone, Default)]
struct Accepted {
    root: Option<(Root, Arc<str>)>,
    directory: Option<(Directory, Arc<str>)>,
    status: Option<(Status, Arc<str>)>,
    membership: Option<Arc<Membership>>,
    status_etag: Option<String>,
}

impl MemberDirectory {
    /// Opens the copy with what stands on disk; the registry is not needed for that.
    ///
    /// # Errors
    /// The folder cannot be used, or what stands in it was not accepted by this node.
    pub fn open(settings: DirectorySettings<'_>) -> Result<Self, DirectoryError> {
        let cache = Cache::open(settings.folder)?;
        let pin = PayloadHash::from_bytes(settings.root_sha256);
        let accepted = stored(&cache, &pin, settings.clock.now())?;
        let directory = Self {
            shared: Arc::new(Shared {
                registry: settings.registry,
                pin,
                rules: settings.rules,
                clock: settings.clock,
                audit: settings.audit,
                metrics: settings.metrics,
                cache,
                accepted: RwLock::new(accepted),
                client: Mutex::default(),
                polling: tokio::sync::Mutex::default(),
                wake: Notify::new(),
                forced_at: Mutex::default(),
                root_asked_at: Mutex::default(),
                neighbours: Mutex::default(),
                told: Mutex::default(),
                keys: Mutex::default(),
            }),
        };
        directory.count();
        Ok(directory)
    }

    /// What members are judged by now; `None` until all three documents were accepted once.
    #[must_use]
    pub fn membership(&self) -> Option<Arc<Membership>> {
        let accepted = self
            .shared
            .accepted
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        accepted.membership.clone()
    }

    /// Whether what was heard last of the registry is older than ten minutes: lines of the audit say
    /// so.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        let now = self.shared.clock.now();
        self.membership()
            .is_some_and(|membership| membership.freshness(now) != Freshness::Current)
    }

    /// Lets the keys of `me` sign as this directory lists them, from now on with each new one.
    pub fn tell_keys(&self, me: MemberId, keys: Arc<Keys>) {
        *lock(&self.shared.keys) = Some((me, keys));
        self.tell_what_is_listed();
    }

    fn tell_what_is_listed(&self) {
        let told = lock(&self.shared.keys).clone();
        if let (Some((me, keys)), Some(membership)) = (told, self.membership()) {
            keys.follow(&membership, &me, &self.shared.clock);
        }
    }

    /// What an answer names as its ground; zeros until something was accepted.
    #[must_use]
    pub fn position(&self) -> FedDirectory {
        let unknown = FedDirectory { seq: 0, status: 0 };
        self.membership()
            .map_or(unknown, |membership| membership.position())
    }

    /// A document to serve again.
    #[must_use]
    pub fn document(&self, which: Document) -> Option<Served> {
        let accepted = self.accepted();
        let (jws, hash) = match which {
            Document::Root => accepted.root.map(|(root, jws)| (jws, root.hash()))?,
            Document::Directory => accepted.directory.map(|(it, jws)| (jws, it.hash()))?,
            Document::Status => accepted.status.map(|(it, jws)| (jws, it.hash()))?,
        };
        Some(Served { jws, hash })
    }

    /// A directory of the past, to serve again to a neighbour that missed it.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub async fn archived(&self, seq: u64) -> io::Result<Option<Arc<str>>> {
        let cache = self.shared.cache.clone();
        let read = move || cache.archived(cache::Kind::Directory, seq);
        let read = tokio::task::spawn_blocking(read).await;
        let found = read.map_err(io::Error::other)??;
        Ok(found.map(Arc::from))
    }

    /// A peer judges under `position`: if that is ahead of here, the registry is asked at once.
    pub fn peer_is_at(&self, position: &FedDirectory) {
        let behind = self
            .membership()
            .is_none_or(|membership| membership.is_behind_peer(*position));
        if !behind {
            return;
        }
        let now = self.shared.clock.now();
        let mut forced_at = lock(&self.shared.forced_at);
        if forced_at.is_none_or(|last| now.seconds_since(last) >= FORCED_FETCH_SECONDS) {
            *forced_at = Some(now);
            self.shared.wake.notify_one();
        }
    }

    /// Looks at the registry for ever: every 20 s, a little earlier by chance, and at once when a
    /// peer is ahead. Ends only when it is dropped.
    pub async fn keep_current(&self) {
        for round in 1_u32.. {
            if let Err(error) = self.poll().await {
                tracing::warn!("the registry was not heard: {error}");
            }
            if round.is_multiple_of(COMPARE_EVERY)
                && let Err(error) = self.compare().await
            {
                tracing::warn!("nothing was compared with a neighbour: {error}");
            }
            let earlier = super::exchange::random::<1>().map_or(0, |[byte]| u64::from(byte) * 20);
            let pause = POLL.saturating_sub(Duration::from_millis(earlier));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.shared.wake.notified() => {}
            }
        }
    }

    fn accepted(&self) -> Accepted {
        self.shared
            .accepted
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Puts what was accepted in the place of what was: whole, in one step.
    fn swap(&self, accepted: Accepted) {
        *self
            .shared
            .accepted
            .write()
            .unwrap_or_else(PoisonError::into_inner) = accepted;
        self.tell_what_is_listed();
        self.count();
    }

    fn count(&self) {
        if let Some(membership) = self.membership() {
            let FedDirectory { seq, status } = membership.position();
            let age = self
                .shared
                .clock
                .now()
                .seconds_since(membership.status().document().iat);
            self.shared.metrics.directory(seq, status, age);
            let held = membership.directory().held().count();
            self.shared.metrics.replacements_held(held);
        }
    }

    /// Tells people, once for each thing to tell: log, counter, audit.
    async fn alarm(&self, alarm: &'static str, text: &str) {
        if !lock(&self.shared.told).insert(format!("{alarm} {text}")) {
            return;
        }
        tracing::error!(alarm, "the directory: {text}");
        self.shared.metrics.directory_alarm(alarm);
        let line = Line::new(Kind::Directory, self.shared.clock.now(), "system")
            .outcome(alarm)
            .detail("registry", self.shared.registry.as_str())
            .detail("reason", text);
        if let Err(error) = self.shared.audit.append(line).await {
            tracing::error!("the alarm could not be written into the audit: {error}");
        }
    }
}

impl Memberships for MemberDirectory {
    fn current(&self) -> Option<Arc<Membership>> {
        self.membership()
    }
}

/// The directory of this `seq` as it was accepted and archived below `folder`; `None` when it was
/// never accepted here. Needs neither the registry nor a newer directory.
///
/// # Errors
/// The archive cannot be read, or what stands in it is not what was accepted.
pub fn archived_directory(
    folder: &Path,
    root_sha256: [u8; 32],
    seq: u64,
    now: Timestamp,
) -> Result<Option<Directory>, DirectoryError> {
    let cache = Cache::open(folder)?;
    let Some(jws) = cache.archived(cache::Kind::Directory, seq)? else {
        return Ok(None);
    };
    let pin = PayloadHash::from_bytes(root_sha256);
    // The directory was signed under the root of its day, which is one of the chain.
    let mut refused = AcceptError::KeyNotDelegated;
    for root in roots(&cache, &pin, now)? {
        match Directory::accept(&jws, &root, None, Reading::Stored, now) {
            Ok(directory) if directory.document().seq == seq => return Ok(Some(directory)),
            Ok(_) => refused = AcceptError::Schema,
            Err(error) => refused = error,
        }
    }
    Err(DirectoryError::Stored {
        document: "directory",
        error: refused,
    })
}

/// Every root that was ever accepted, the pinned one first.
fn roots(cache: &Cache, pin: &PayloadHash, now: Timestamp) -> Result<Vec<Root>, DirectoryError> {
    let refused = |error| DirectoryError::Stored {
        document: "root",
        error,
    };
    let Some(pinned) = cache.read(cache::Kind::PinnedRoot)? else {
        return Ok(Vec::new());
    };
    let mut root = Root::pinned(pinned.as_bytes(), pin, Reading::Stored, now).map_err(refused)?;
    let mut roots = vec![root.clone()];
    while let Some(next) = cache.archived(cache::Kind::Root, root.document().seq + 1)? {
        root = root
            .successor(next.as_bytes(), Reading::Stored, now)
            .map_err(refused)?;
        roots.push(root.clone());
    }
    Ok(roots)
}

/// What a node has accepted, as it stands on disk: for a look from beside, which changes nothing.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// The newest root, once one was accepted.
    pub root: Option<Root>,
    /// Who belongs, once all three documents were accepted.
    pub membership: Option<Arc<Membership>>,
}

/// Reads what the node whose copy is in `folder` has accepted under the pin `root_sha256`.
///
/// # Errors
/// As [`MemberDirectory::open`]; a folder that is not there holds nothing.
pub fn look(
    folder: &Path,
    root_sha256: [u8; 32],
    now: Timestamp,
) -> Result<Stored, DirectoryError> {
    let pin = PayloadHash::from_bytes(root_sha256);
    let accepted = stored(&Cache::at(folder), &pin, now)?;
    Ok(Stored {
        root: accepted.root.map(|(root, _)| root),
        membership: accepted.membership,
    })
}

/// What the disk holds, judged as when it came but for its age.
fn stored(cache: &Cache, pin: &PayloadHash, now: Timestamp) -> Result<Accepted, DirectoryError> {
    let mut accepted = Accepted::default();
    let refused = |document| move |error| DirectoryError::Stored { document, error };
    let Some(pinned) = cache.read(cache::Kind::PinnedRoot)? else {
        return Ok(accepted);
    };
    let mut root =
        Root::pinned(pinned.as_bytes(), pin, Reading::Stored, now).map_err(refused("root"))?;
    let mut root_jws = pinned;
    let mut former = Vec::new();
    while let Some(next) = cache.archived(cache::Kind::Root, root.document().seq + 1)? {
        let next_root = root
            .successor(next.as_bytes(), Reading::Stored, now)
            .map_err(refused("root"))?;
        former.push(std::mem::replace(&mut root, next_root));
        root_jws = next;
    }
    if let Some(jws) = cache.read(cache::Kind::Directory)? {
        let accept = |root: &Root| Directory::accept(&jws, root, None, Reading::Stored, now);
        let directory = under_any(&root, &former, accept).map_err(refused("directory"))?;
        accepted.directory = Some((directory, jws.into()));
    }
    if let Some(jws) = cache.read(cache::Kind::Status)? {
        let accept = |root: &Root| Status::accept(&jws, root, None, Reading::Stored, now);
        let status = under_any(&root, &former, accept).map_err(refused("status"))?;
        accepted.status = Some((status, jws.into()));
    }
    accepted.root = Some((root, root_jws.into()));
    accepted.assemble().map_err(refused("directory"))?;
    Ok(accepted)
}

/// A document as the newest root accepts it, or the newest of the former ones that does: a node may
/// have been stopped between taking a root and what was signed under it.
fn under_any<T>(
    root: &Root,
    former: &[Root],
    accept: impl Fn(&Root) -> Result<T, AcceptError>,
) -> Result<T, AcceptError> {
    accept(root).or_else(|error| {
        let earlier = former.iter().rev();
        earlier.map(&accept).find_map(Result::ok).ok_or(error)
    })
}

impl Accepted {
    /// Makes the membership of the three documents, once all are there.
    fn assemble(&mut self) -> Result<(), AcceptError> {
        if let (Some((root, _)), Some((directory, _)), Some((status, _))) =
            (&self.root, &self.directory, &self.status)
        {
            let membership = Membership::new(root.clone(), directory.clone(), status.clone())?;
            self.membership = Some(Arc::new(membership));
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is in there is replaced whole: a thread that panicked left nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
