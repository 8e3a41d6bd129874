//! A member's next entry: signed by the approvers, held for 24 hours unless the member's recovery key
//! signed it too or the member is suspended, put in force when its time has come.
//!
//! Source: PROTOCOL section 2, "Who can add a member".

use federation_protocol::directory::{
    ENTRY_TYP, Entry, EntryError, HOLD_SECONDS, KeyChain, MemberDescription, Profile,
    ReplacementError, ReplacementRequest, RootDocument,
};
use federation_protocol::jws::General;
use federation_protocol::keys::Sign;
use federation_protocol::member::{MemberId, MemberState};
use federation_protocol::time::Timestamp;

use super::admission::check_profile;
use super::{AdmissionError, KeysError, MemberError, MemberRow, keys, store};
use crate::database::{Connection, DatabaseError};

/// Longest statement that is read, bytes.
const LONGEST: usize = 1024 * 1024;

/// A replacement as the registry keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplacementRow {
    /// Whose.
    pub member: MemberId,
    /// The next entry, with the signatures that it has so far.
    pub entry: String,
    /// When it was first asked for, UTC.
    pub asked_at: Timestamp,
    /// From when it counts, UTC; none while too few approvers have signed.
    pub in_force_at: Option<Timestamp>,
}

impl ReplacementRow {
    /// The statement; none when it cannot be read.
    pub(crate) fn statement(&self) -> Option<General> {
        General::parse(self.entry.as_bytes(), LONGEST).ok()
    }
}

/// What came of a replacement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// It counts from the next directory on.
    AtOnce,
    /// It is listed, and counts from this moment on.
    Held(Timestamp),
    /// It waits for more signatures.
    Waiting {
        /// How many approvers root demands.
        needed: u32,
        /// The approvers' signatures that it has.
        signatures: usize,
    },
}

/// Why nothing is replaced; nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplaceError {
    /// No such member, or one whose membership has ended.
    #[error(transparent)]
    Member(#[from] MemberError),
    /// The membership has ended: there is nothing to replace.
    #[error("{id} is {state}: its entry stays as it is")]
    Ended {
        /// Who.
        id: MemberId,
        /// How it ended.
        state: MemberState,
    },
    /// What the member handed in does not stand up.
    #[error(transparent)]
    Request(#[from] ReplacementError),
    /// What it says is not in order, or a signature is missing.
    #[error(transparent)]
    Admission(#[from] AdmissionError),
    /// It was written for another registry, or for another entry than the one in force.
    #[error(
        "it follows version {found} of registry {registry}, not the entry in force, version {version}"
    )]
    OtherVersion {
        /// The version that it would follow.
        found: u64,
        /// The registry that it names.
        registry: String,
        /// The version in force.
        version: u64,
    },
    /// Another one is on hold: it does not vanish without anybody saying so.
    #[error("another replacement of {0} is on hold")]
    AnotherHeld(MemberId),
    /// The statement that was brought back says something else.
    #[error("the statement is not about this replacement as it stands now")]
    OtherStatement,
    /// There is no replacement.
    #[error("no replacement of {0} waits")]
    Nothing(MemberId),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// What a member, or the operator for it, hands in.
#[derive(Debug)]
pub(crate) enum Asked {
    /// The next entry, written and signed by the member.
    Written(ReplacementRequest),
    /// A description only: the entry is written here, and the member has not signed it.
    Described(Box<MemberDescription>),
}

impl Asked {
    /// Reads a request, or a description as `musubi-node describe` writes it.
    ///
    /// # Errors
    /// `Request`, `Admission`.
    pub(crate) fn read(text: &str) -> Result<Self, ReplaceError> {
        if text.trim_start().starts_with('{') {
            return Ok(Self::Written(ReplacementRequest::read(text)?));
        }
        let described = MemberDescription::verify(text).map_err(AdmissionError::from)?;
        Ok(Self::Described(Box::new((*described).clone())))
    }

    /// Whose entry it is about, as far as can be seen without judging it.
    pub(crate) fn member(&self) -> Option<MemberId> {
        match self {
            Self::Written(request) => super::profile_of(&request.entry).map(|member| member.id),
            Self::Described(described) => Some(described.member.id.clone()),
        }
    }
}

/// A replacement that is ready to be signed by approvers.
#[derive(Debug)]
pub(crate) struct Replacement {
    /// The statement, with the signatures that it has so far.
    pub(crate) statement: General,
    /// What it says about the member.
    pub(crate) profile: Profile,
    /// Whether the member's recovery key signed it.
    pub(crate) is_vouched_for: bool,
    /// What the member may then that it may not now.
    pub(crate) new_capabilities: Vec<String>,
    member: MemberRow,
    asked_at: Timestamp,
    /// What is on hold already: whether it is this very statement, and until when.
    held: Option<(bool, Timestamp)>,
}

impl Replacement {
    fn check_held(&self) -> Result<(), ReplaceError> {
        match self.held {
            Some((false, _)) => Err(ReplaceError::AnotherHeld(self.member.id.clone())),
            _ => Ok(()),
        }
    }
}

/// Checks what was handed in against the entry in force, and finds the statement that approvers
/// sign: the one begun before, if it says the same.
///
/// # Errors
/// [`ReplaceError`], in the order of the checks.
pub(crate) fn prepare(
    db: &mut Connection,
    asked: &Asked,
    registry: &str,
    now: Timestamp,
) -> Result<Replacement, ReplaceError> {
    let id = asked.member().ok_or(ReplacementError::Schema)?;
    let unknown = || MemberError::Unknown(id.clone());
    let member = store::find(db, &id)?.ok_or_else(unknown)?;
    if matches!(member.state, MemberState::Revoked | MemberState::Withdrawn) {
        let state = member.state;
        return Err(ReplaceError::Ended { id, state });
    }
    let before = entry_of(&member.entry).ok_or_else(unknown)?;
    let chain = keys::chain(db, &member).map_err(|error| match error {
        KeysError::Database(error) => ReplaceError::Database(error),
        _ => unknown().into(),
    })?;
    let begun = store::replacement_of(db, &id)?;
    let next = match asked {
        Asked::Written(request) => written(request, &before, &chain, registry)?,
        Asked::Described(described) => Entry::new(
            registry,
            before.version.saturating_add(1),
            since_before(described.member.clone(), &chain),
            now,
        ),
    };
    check_profile(&next.member, now)?;
    check_keys(db, &next.member)?;
    let fresh = match asked {
        Asked::Written(request) => request.entry.clone(),
        Asked::Described(_) => next.sign(&[]),
    };
    // Whoever begins the same once more goes on with what was signed already.
    let same = |row: &ReplacementRow| {
        let kept = entry_of(&row.entry)?;
        let says_the_same = kept.version == next.version && kept.member == next.member;
        let statement = row.statement().filter(|_| says_the_same)?;
        match asked {
            Asked::Written(request) => (statement.payload_hash() == request.entry.payload_hash())
                .then_some((statement, row.asked_at)),
            Asked::Described(_) => Some((statement, row.asked_at)),
        }
    };
    let going_on = begun.as_ref().and_then(same);
    let held = begun.as_ref().and_then(|row| row.in_force_at);
    let held = held.map(|until| (going_on.is_some(), until));
    let (statement, asked_at) = going_on.unwrap_or((fresh, now));
    let granted = &before.member.capabilities;
    let asked_for = next.member.capabilities.iter();
    let new_capabilities = asked_for.filter(|one| !granted.contains(one)).cloned();
    Ok(Replacement {
        new_capabilities: new_capabilities.collect(),
        is_vouched_for: chain.vouches_for(&statement, now),
        profile: next.member,
        statement,
        member,
        asked_at,
        held,
    })
}

fn written(
    request: &ReplacementRequest,
    before: &Entry,
    chain: &KeyChain,
    registry: &str,
) -> Result<Entry, ReplaceError> {
    // Keys that came by rotation were proved then.
    let known = Profile {
        keys: chain.unrevoked().cloned().collect(),
        ..before.member.clone()
    };
    let next = request.check(&known)?;
    if next.iss != registry || next.version != before.version.saturating_add(1) {
        return Err(ReplaceError::OtherVersion {
            found: next.version.saturating_sub(1),
            registry: next.iss,
            version: before.version,
        });
    }
    Ok(next)
}

/// A description dates every key anew; one that was listed counts since then, or what it signed would
/// be worth nothing from now on.
fn since_before(mut next: Profile, before: &KeyChain) -> Profile {
    for key in &mut next.keys {
        let listed = before.find(key.kid.as_str()).map(|known| &known.statement);
        if let Some(listed) = listed.filter(|listed| listed.key_use == key.key_use) {
            key.not_before = key.not_before.min(listed.not_before);
        }
    }
    next
}

/// No key of the next entry is, or once was, somebody else's.
fn check_keys(db: &mut Connection, next: &Profile) -> Result<(), ReplaceError> {
    for key in &next.keys {
        match store::owner_of_key(db, &key.kid)? {
            Some(owner) if owner != next.id => {
                let kid = key.kid.clone();
                return Err(AdmissionError::KnownKey { kid, owner }.into());
            }
            _ => {}
        }
    }
    Ok(())
}

/// Keeps the statement that approvers elsewhere are to sign; what is on hold stays.
///
/// # Errors
/// `AnotherHeld`, `Database`.
pub(crate) fn begin(db: &mut Connection, prepared: &Replacement) -> Result<(), ReplaceError> {
    prepared.check_held()?;
    if prepared.held.is_some() {
        return Ok(());
    }
    let row = ReplacementRow {
        member: prepared.member.id.clone(),
        entry: prepared.statement.to_json(),
        asked_at: prepared.asked_at,
        in_force_at: None,
    };
    Ok(store::keep_replacement(db, &row)?)
}

/// Adds signatures and, once they are enough, replaces the entry, or puts the replacement on hold;
/// inside the caller's transaction. `brought` is the statement with signatures made elsewhere.
///
/// # Errors
/// `OtherStatement`, `Admission` for signatures that do not fit or are too few, `Database`.
pub(crate) fn replace(
    db: &mut Connection,
    prepared: &Replacement,
    brought: Option<&str>,
    approvers: &[&dyn Sign],
    root: &RootDocument,
    now: Timestamp,
) -> Result<Replaced, ReplaceError> {
    let statement = match brought {
        None => prepared.statement.clone(),
        Some(text) => same_statement(text, &prepared.statement)?,
    };
    let statement = approvers.iter().fold(statement, |statement, key| {
        match statement.is_signed_by(ENTRY_TYP, key.kid()) {
            true => statement,
            false => statement.signed(ENTRY_TYP, *key),
        }
    });
    let mut row = ReplacementRow {
        member: prepared.member.id.clone(),
        entry: statement.to_json(),
        asked_at: prepared.asked_at,
        in_force_at: None,
    };
    let needed = root.approvers.threshold;
    match Entry::verify(&statement, root) {
        Err(EntryError::TooFewApprovers) if needed > 1 => {
            let signatures = Entry::approvals(&statement, root);
            if signatures == 0 {
                return Err(AdmissionError::Entry(EntryError::TooFewApprovers).into());
            }
            prepared.check_held()?;
            store::keep_replacement(db, &row)?;
            return Ok(Replaced::Waiting { needed, signatures });
        }
        Err(error) => return Err(AdmissionError::Entry(error).into()),
        Ok(_) => {}
    }
    for key in &prepared.profile.keys {
        store::claim_key(db, &key.kid, &prepared.member.id)?;
    }
    let member = &prepared.member;
    if prepared.is_vouched_for || member.state == MemberState::Suspended {
        let reason = match prepared.is_vouched_for {
            true => "entry replaced: the member's recovery key and the approvers signed",
            false => "entry replaced while suspended: the approvers signed",
        };
        put_in_force(db, &row, member.state, reason, now)?;
        return Ok(Replaced::AtOnce);
    }
    prepared.check_held()?;
    if let Some((_, until)) = prepared.held {
        return Ok(Replaced::Held(until));
    }
    let until = Timestamp::from_unix_seconds(now.unix_seconds()).plus_seconds(HOLD_SECONDS);
    row.in_force_at = Some(until);
    store::keep_replacement(db, &row)?;
    let reason = format!("replacement without the member's signature held until {until}");
    store::note(db, &member.id, member.state, &reason, now)?;
    Ok(Replaced::Held(until))
}

/// A statement that an approver brings back, if it is the very one that waits here.
fn same_statement(text: &str, known: &General) -> Result<General, ReplaceError> {
    let brought = General::parse(text.trim().as_bytes(), LONGEST)
        .map_err(|_form| ReplaceError::OtherStatement)?;
    let same = brought.payload_hash().is_some() && brought.payload_hash() == known.payload_hash();
    same.then_some(brought).ok_or(ReplaceError::OtherStatement)
}

fn put_in_force(
    db: &mut Connection,
    row: &ReplacementRow,
    state: MemberState,
    reason: &str,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    store::set_entry(db, &row.member, &row.entry)?;
    store::forget_replacement(db, &row.member)?;
    store::note(db, &row.member, state, reason, now)
}

/// Puts in force what has been held long enough, inside the caller's transaction.
///
/// # Errors
/// From the database.
pub(crate) fn put_due_in_force(db: &mut Connection, now: Timestamp) -> Result<(), DatabaseError> {
    let now = Timestamp::from_unix_seconds(now.unix_seconds());
    for row in store::replacements(db)? {
        let is_due = row.in_force_at.is_some_and(|at| at <= now);
        let Some(member) = store::find(db, &row.member)?.filter(|_| is_due) else {
            continue;
        };
        let ended = matches!(member.state, MemberState::Revoked | MemberState::Withdrawn);
        match ended {
            true => store::forget_replacement(db, &row.member)?,
            false => put_in_force(db, &row, member.state, "entry replaced after its hold", now)?,
        }
    }
    Ok(())
}

/// Takes a replacement back before it counts.
///
/// # Errors
/// `Member`, `Nothing`, `Database`.
pub(crate) fn cancel(
    db: &mut Connection,
    id: &MemberId,
    now: Timestamp,
) -> Result<MemberRow, ReplaceError> {
    let unknown = || MemberError::Unknown(id.clone());
    let member = store::find(db, id)?.ok_or_else(unknown)?;
    if store::replacement_of(db, id)?.is_none() {
        return Err(ReplaceError::Nothing(id.clone()));
    }
    store::forget_replacement(db, id)?;
    store::note(db, id, member.state, "replacement taken back", now)?;
    Ok(member)
}

fn entry_of(text: &str) -> Option<Entry> {
    let statement = General::parse(text.as_bytes(), LONGEST).ok()?;
    let payload = statement.open(ENTRY_TYP).ok()?.payload;
    federation_protocol::json::parse_as(&payload).ok()
}
