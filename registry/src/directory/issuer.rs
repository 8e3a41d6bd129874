//! The only place that signs for the registry.
//!
//! Everything happens inside one transaction: read what is so, count the next `seq`, sign, write.
//! The signature leaves this file only after the commit.

use std::collections::HashMap;

use federation_protocol::directory::{
    DIRECTORY_TYP, DOCUMENT_VERSION, Directory, DirectoryDocument, DirectoryPosition, DocumentKind,
    ListedMember, Pending, Policy, Reading, Root, STATUS_LIFE_SECONDS, STATUS_TYP, SignedDocument,
    Status, StatusDocument,
};
use federation_protocol::jws::{Compact, General};
use federation_protocol::keys::KeyId;
use federation_protocol::member::{MemberId, MemberState};
use federation_protocol::time::Timestamp;

use super::published::Edition;
use super::{Issue, Kind, OnlineKeys, PublishError, archive, store};
use crate::config::KeyFolder;
use crate::database::{Connection, Database, DatabaseError};
use crate::members;

/// How old a status may be before it is remade.
const STATUS_EVERY_SECONDS: i64 = 60;

/// How old a directory may be before it is remade.
const DIRECTORY_EVERY_SECONDS: i64 = 86_400;

/// How long a directory lives: a registry that is away for a week is a registry to worry about.
/// While it is away, the age of the status says what nodes may do, not this.
const DIRECTORY_LIFE_SECONDS: i64 = 7 * 86_400;

/// How long old statuses are kept, for questions about what was said when.
const STATUS_KEPT_SECONDS: i64 = 7 * 86_400;

/// Old statuses are swept out once in so many.
const SWEEP_EVERY: u64 = 64;

/// How long the status names a revoked key: longer than any directory lives that still lists it.
const REVOKED_SAID_SECONDS: i64 = 31 * 86_400;

/// How often nodes ask for the status.
const POLL_SECONDS: u32 = 20;

/// Longest stored document that is read back, bytes.
const LONGEST: usize = 64 * 1024 * 1024;

/// What a change must bring about to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// The new directory; otherwise nothing is changed.
    Directory,
    /// The new status. A directory that cannot be remade must not keep a member from being stopped.
    Status,
}

/// Signs for the registry.
pub(crate) struct Issuer {
    root: Root,
    keys: OnlineKeys,
}

impl Issuer {
    /// Takes root from the database and the online keys from their files.
    ///
    /// # Errors
    /// `Database`, `NoRoot`, `Root`, `Key`.
    pub(crate) fn load(
        database: &mut Database,
        folder: &KeyFolder,
        now: Timestamp,
    ) -> Result<Self, PublishError> {
        let issue = database
            .read(|db| store::newest(db, Kind::Root))?
            .ok_or(PublishError::NoRoot)?;
        // An ended root is told to every node by its own date; serving it, and saying so in
        // /readyz, is better than falling silent.
        let root = Root::pinned(issue.document.as_bytes(), &issue.hash, Reading::Stored, now)
            .map_err(PublishError::Root)?;
        let keys = OnlineKeys::load(folder, root.document())?;
        Ok(Self { root, keys })
    }

    /// The root that everything stands on.
    pub(crate) const fn root(&self) -> &Root {
        &self.root
    }

    /// Makes what is due, and returns what is then to be served.
    ///
    /// # Errors
    /// `Database`, `Refused`, `Unreadable`; nothing new is served then.
    pub(crate) fn bring_up_to_date(
        &self,
        database: &mut Database,
        now: Timestamp,
    ) -> Result<Edition, PublishError> {
        database.transact(|db| self.publish(db, now))
    }

    /// Makes a change and what follows from it, all or nothing.
    ///
    /// # Errors
    /// What `work` returns, or what publishing meets, as far as `needs` says.
    pub(crate) fn change<T, E>(
        &self,
        database: &mut Database,
        needs: Needs,
        now: Timestamp,
        work: impl FnOnce(&mut Connection) -> Result<T, E>,
    ) -> Result<(T, Edition), E>
    where
        E: From<DatabaseError> + From<PublishError>,
    {
        database.transact(|db| {
            let value = work(db)?;
            let mut edition = self.publish(db, now)?;
            match edition.trouble.take() {
                Some(trouble) if needs == Needs::Directory => Err(trouble.into()),
                trouble => Ok((value, Edition { trouble, ..edition })),
            }
        })
    }

    fn publish(&self, db: &mut Connection, now: Timestamp) -> Result<Edition, PublishError> {
        let root = store::newest(db, Kind::Root)?.ok_or(PublishError::NoRoot)?;
        if root.hash != self.root.hash() {
            return Err(PublishError::RootChanged);
        }
        members::put_due_in_force(db, now)?;
        let last = store::newest(db, Kind::Directory)?;
        let (directory, trouble) = match self.directory(db, last.as_ref(), now) {
            Ok(directory) => (directory, None),
            // Status must go on, or a broken entry would silence the registry and, after ten
            // minutes, the federation.
            Err(trouble) => match last {
                Some(last) => (last, Some(trouble)),
                None => return Err(trouble),
            },
        };
        let status = self.status(db, &directory, now)?;
        Ok(Edition {
            root: root.into(),
            directory: directory.into(),
            status: status.into(),
            next_in_force: next_in_force(db)?,
            trouble,
        })
    }

    /// The directory of this moment: the last one, or the next when members or the date say so.
    fn directory(
        &self,
        db: &mut Connection,
        last: Option<&Issue>,
        now: Timestamp,
    ) -> Result<Issue, PublishError> {
        let mut document = DirectoryDocument {
            ver: DOCUMENT_VERSION,
            iss: self.root.registry().to_owned(),
            seq: last.map_or(0, |last| last.seq).saturating_add(1),
            prev: last.map(|last| last.hash),
            iat: whole_seconds(now),
            exp: whole_seconds(now).plus_seconds(DIRECTORY_LIFE_SECONDS),
            members: listed_members(db)?,
            archive: Vec::new(),
            policy: Policy {
                poll_seconds: POLL_SECONDS,
            },
        };
        let said = last.map(|last| payload::<DirectoryDocument>(&last.document, DIRECTORY_TYP));
        let said = said.transpose()?;
        let revoked = members::keys::revoked_at(db)?;
        document.archive = archive::filled(said.as_ref(), &document, &revoked);
        if let (Some(last), Some(said)) = (last, &said) {
            let unchanged = said.members == document.members
                && said.archive == document.archive
                && said.policy == document.policy;
            let stands = self.delegates(&last.document, DIRECTORY_TYP, DocumentKind::Directory);
            if unchanged && stands && !is_due(last.issued_at, DIRECTORY_EVERY_SECONDS, now) {
                return Ok(last.clone());
            }
        }
        let signed = document.sign(&self.keys.directory);
        self.would_be_accepted(last, &signed, now)?;
        let issue = Issue::of(
            Kind::Directory,
            document.seq,
            signed,
            (document.iat, document.exp),
        );
        store::insert(db, &issue)?;
        Ok(issue)
    }

    /// Whether root delegates the online key that signed this document, still: what another signed is
    /// no word of this registry any more.
    fn delegates(&self, document: &str, typ: &str, kind: DocumentKind) -> bool {
        let kid = Compact::parse(document, typ, LONGEST).map(|signed| signed.kid);
        kid.is_ok_and(|kid| self.root.document().delegated(&kid, kind).is_some())
    }

    /// A node's own judgement of what is about to be published.
    fn would_be_accepted(
        &self,
        last: Option<&Issue>,
        next: &SignedDocument,
        now: Timestamp,
    ) -> Result<(), PublishError> {
        let accept = |jws: &str, previous: Option<&Directory>, reading| {
            Directory::accept(jws, &self.root, previous, reading, now)
        };
        // One made while the clock was ahead cannot be compared with: nodes will say so too, and
        // the next directory after this one can.
        let last = last.and_then(|last| accept(&last.document, None, Reading::Stored).ok());
        accept(&next.jws, last.as_ref(), Reading::Fresh)
            .map(|_| ())
            .map_err(|cause| PublishError::Refused {
                kind: Kind::Directory,
                cause,
            })
    }

    /// The status of this moment: the last one, or the next when something changed or a minute
    /// has passed.
    fn status(
        &self,
        db: &mut Connection,
        directory: &Issue,
        now: Timestamp,
    ) -> Result<Issue, PublishError> {
        let last = store::newest(db, Kind::Status)?;
        let document = StatusDocument {
            ver: DOCUMENT_VERSION,
            iss: self.root.registry().to_owned(),
            seq: last.as_ref().map_or(0, |last| last.seq).saturating_add(1),
            iat: whole_seconds(now),
            exp: whole_seconds(now).plus_seconds(STATUS_LIFE_SECONDS),
            directory: DirectoryPosition {
                seq: directory.seq,
                hash: directory.hash,
            },
            suspended: suspended_members(db)?,
            revoked: revoked_keys(db, now)?,
            maintenance: Vec::new(),
        };
        if let Some(last) = last {
            let said: StatusDocument = payload(&last.document, STATUS_TYP)?;
            let unchanged = said.directory == document.directory
                && said.suspended == document.suspended
                && said.revoked == document.revoked;
            let stands = self.delegates(&last.document, STATUS_TYP, DocumentKind::Status);
            if unchanged && stands && !is_due(last.issued_at, STATUS_EVERY_SECONDS, now) {
                return Ok(last);
            }
        }
        let signed = document.sign(&self.keys.status);
        Status::accept(&signed.jws, &self.root, None, Reading::Fresh, now).map_err(|cause| {
            PublishError::Refused {
                kind: Kind::Status,
                cause,
            }
        })?;
        let issue = Issue::of(
            Kind::Status,
            document.seq,
            signed,
            (document.iat, document.exp),
        );
        store::insert(db, &issue)?;
        if issue.seq.is_multiple_of(SWEEP_EVERY) {
            store::forget_statuses(db, issue.seq, now.plus_seconds(-STATUS_KEPT_SECONDS))?;
        }
        Ok(issue)
    }
}

impl Issue {
    fn of(
        kind: Kind,
        seq: u64,
        signed: SignedDocument,
        (issued_at, expires_at): (Timestamp, Timestamp),
    ) -> Self {
        Self {
            kind,
            seq,
            hash: signed.hash,
            document: signed.jws,
            issued_at,
            expires_at,
        }
    }
}

/// Writes the first root into a new database.
///
/// # Errors
/// `Database`, also when there is a root already.
pub(crate) fn first_root(
    database: &mut Database,
    root: &Root,
    signed: SignedDocument,
) -> Result<(), PublishError> {
    let document = root.document();
    let issue = Issue::of(
        Kind::Root,
        document.seq,
        signed,
        (document.iat, document.exp),
    );
    database.transact(|db| Ok(store::insert(db, &issue)?))
}

/// The newest document of a kind, from the ledger.
///
/// # Errors
/// From the database.
pub(crate) fn newest(database: &mut Database, kind: Kind) -> Result<Option<Issue>, DatabaseError> {
    database.read(|db| store::newest(db, kind))
}

/// The document of a kind that took `seq`, from the ledger.
///
/// # Errors
/// From the database.
pub(crate) fn find(
    database: &mut Database,
    kind: Kind,
    seq: u64,
) -> Result<Option<Issue>, DatabaseError> {
    database.read(|db| store::find(db, kind, seq))
}

/// Whether something made at `made` is to be made again. A time ahead of the clock is the mark of
/// a clock that was wrong: what was made then is refused by nodes until it comes true.
pub(super) fn is_due(made: Timestamp, every_seconds: i64, now: Timestamp) -> bool {
    made > now || now.seconds_since(made) >= every_seconds
}

/// Whether a status or directory made at these times is to be made again.
pub(super) fn either_is_due(directory: Timestamp, status: Timestamp, now: Timestamp) -> bool {
    is_due(directory, DIRECTORY_EVERY_SECONDS, now) || is_due(status, STATUS_EVERY_SECONDS, now)
}

/// Times in documents are whole seconds, so what is kept beside them must be the same.
const fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_unix_seconds(time.unix_seconds())
}

fn listed_members(db: &mut Connection) -> Result<Vec<ListedMember>, PublishError> {
    let mut held = held(db)?;
    let rows = members::all(db)?.into_iter();
    rows.map(|row| listed(db, &row, held.remove(&row.id)))
        .collect()
}

fn listed(
    db: &mut Connection,
    row: &members::MemberRow,
    pending: Option<Pending>,
) -> Result<ListedMember, PublishError> {
    let entry = General::parse(row.entry.as_bytes(), LONGEST)
        .or(Err(PublishError::Unreadable("member's entry")))?;
    Ok(ListedMember {
        state: row.state,
        since: whole_seconds(row.changed_at),
        entry,
        key_changes: members::keys::changes(db, row)?,
        pending,
    })
}

/// Keys that were revoked as lately as somebody may still hold a directory that lists them.
fn revoked_keys(db: &mut Connection, now: Timestamp) -> Result<Vec<KeyId>, PublishError> {
    let since = now.plus_seconds(-REVOKED_SAID_SECONDS);
    let lately = members::keys::revoked(db)?.into_iter();
    let lately = lately.filter(|key| key.at >= since);
    Ok(lately.map(|key| key.kid).collect())
}

/// What is on hold, by member; what waits for approvers is nobody else's business.
fn held(db: &mut Connection) -> Result<HashMap<MemberId, Pending>, PublishError> {
    let mut held = HashMap::new();
    for row in members::replacements(db)? {
        let Some(in_force_at) = row.in_force_at else {
            continue;
        };
        let entry = row
            .statement()
            .ok_or(PublishError::Unreadable("replacement"))?;
        held.insert(row.member, Pending { in_force_at, entry });
    }
    Ok(held)
}

/// When the next replacement has been held long enough.
fn next_in_force(db: &mut Connection) -> Result<Option<Timestamp>, DatabaseError> {
    let all = members::replacements(db)?;
    Ok(all.into_iter().filter_map(|row| row.in_force_at).min())
}

fn suspended_members(db: &mut Connection) -> Result<Vec<MemberId>, PublishError> {
    let suspended = |row: &members::MemberRow| row.state == MemberState::Suspended;
    Ok(members::all(db)?
        .into_iter()
        .filter(suspended)
        .map(|row| row.id)
        .collect())
}

/// What a document of our own says.
fn payload<T: serde::de::DeserializeOwned>(jws: &str, typ: &str) -> Result<T, PublishError> {
    Compact::parse(jws, typ, LONGEST)
        .ok()
        .and_then(|jws| serde_json::from_slice(&jws.payload).ok())
        .ok_or(PublishError::Unreadable("document"))
}
