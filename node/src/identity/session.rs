//! Browsers that are signed in: opened, found again by their cookie, locked when nobody is there,
//! resumed, ended.
//!
//! A session's token is new at every login and at every resume, so that none that somebody planted or
//! took down before is worth anything afterwards. What the cookie opens is judged at each request: the
//! account as it stands now, the idling, the end.

use std::time::Duration;

use federation_protocol::emergency::SECOND_FACTOR_SECONDS;
use federation_protocol::time::Timestamp;

use super::{Caller, Identity, IdentityError, Owner, PlainSession, Role, store};
use crate::audit::{self, Kind, Line};
use crate::database::{DatabaseError, HospitalConnection};

/// How exactly it is known when a session was last used, seconds: so seldom is it written.
const SEEN_EXACTLY_SECONDS: i64 = 30;

/// How somebody showed who they are.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// By a passkey, with the user verified: two factors at once.
    Passkey,
    /// At the hospital's own sign-in (OIDC).
    Hospital,
    /// In the hospital's record system, which sent them here by a signed link.
    DeepLink,
}

impl Shown {
    /// The word in the table, in audit lines, and in `acr` towards members.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passkey => "passkey",
            Self::Hospital => "oidc",
            Self::DeepLink => "deep-link",
        }
    }

    pub(super) fn of_row(word: &str) -> Option<Self> {
        [Self::Passkey, Self::Hospital, Self::DeepLink]
            .into_iter()
            .find(|shown| shown.as_str() == word)
    }

    /// Whether it is a second factor too.
    const fn is_second_factor(self) -> bool {
        matches!(self, Self::Passkey)
    }
}

/// Who is in, by a session: an extension of each request that came with a cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The session's id: ends it.
    pub session: String,
    /// Who it is.
    pub caller: Caller,
    /// What a member of staff is called; a person's name stands in their chart.
    pub name: Option<String>,
    /// How they showed it.
    pub shown: Shown,
    /// When they last showed a second factor in this session.
    pub second_factor_at: Option<Timestamp>,
    /// Whether nobody was there for too long: nothing opens before it is resumed.
    pub locked: bool,
    /// When the session ends whatever happens.
    pub expires_at: Timestamp,
}

impl Signed {
    /// When the second factor was shown, if that was within the last 15 minutes.
    #[must_use]
    pub fn fresh_factor(&self, now: Timestamp) -> Option<Timestamp> {
        self.second_factor_at
            .filter(|at| (0..=SECOND_FACTOR_SECONDS).contains(&now.seconds_since(*at)))
    }
}

/// A session as it stands in the list of its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedSession {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub owner: Owner,
    /// How they showed who they are.
    pub shown: Shown,
    /// Since when.
    pub created_at: Timestamp,
    /// Last used, exact to half a minute.
    pub last_seen_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Since when it is locked, if it is.
    pub locked_at: Option<Timestamp>,
}

/// A session's row.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) caller: Caller,
    pub(super) shown: Shown,
    pub(super) last_seen_at: Timestamp,
    pub(super) expires_at: Timestamp,
    pub(super) locked_at: Option<Timestamp>,
    pub(super) second_factor_at: Option<Timestamp>,
}

/// Why a session ended: a word of the table.
pub(super) mod ended {
    pub(crate) const LOGOUT: &str = "logout";
    pub(crate) const BY_OWNER: &str = "by_owner";
    pub(crate) const BY_ADMIN: &str = "by_admin";
    pub(crate) const ACCOUNT: &str = "account_changed";
}

impl Identity {
    /// Opens a session for somebody who just showed who they are. The audit line is durable when this
    /// returns.
    ///
    /// # Errors
    /// `Subject` for a system or a caller without an id; `NoAccount` for staff without an account, with
    /// another role or a disabled one; `Entropy`, `Database`.
    pub async fn open_session(
        &self,
        caller: &Caller,
        shown: Shown,
    ) -> Result<PlainSession, IdentityError> {
        let plain = PlainSession::random()?;
        let (digest, now) = (plain.digest(), self.clock.now());
        let session = self.drafted(caller, shown, now)?;
        self.database
            .transact(move |connection| insert(connection, &session, &digest, now))
            .await?;
        Ok(plain)
    }

    /// A session that begins now.
    pub(super) fn drafted(
        &self,
        caller: &Caller,
        shown: Shown,
        now: Timestamp,
    ) -> Result<Session, IdentityError> {
        if Owner::of(caller).is_none() {
            return Err(IdentityError::Subject(caller.role(), "does not sign in"));
        }
        Ok(Session {
            id: uuid::Uuid::new_v4().to_string(),
            caller: caller.clone(),
            shown,
            last_seen_at: now,
            expires_at: now.plus_seconds(seconds(self.sessions.max)),
            locked_at: None,
            second_factor_at: shown.is_second_factor().then_some(now),
        })
    }

    /// Who this cookie stands for: nobody, if it is unknown, ended or over, or if the account is
    /// disabled or has another role now. A session that idled is locked, durably, before this returns.
    /// `counts` says whether the request shows that somebody is there.
    ///
    /// # Errors
    /// The database could not be read or written: nobody may pass.
    pub async fn authenticate_session(
        &self,
        cookie: &str,
        counts: bool,
    ) -> Result<Option<Signed>, DatabaseError> {
        let Some(digest) = PlainSession::digest_of(cookie) else {
            return Ok(None);
        };
        let now = self.clock.now();
        let read = self.database.read(move |connection| {
            let found = store::sessions::find_live(connection, &digest, now)?;
            Ok::<_, DatabaseError>(match found {
                Some(session) => standing(connection, &session)?.map(|name| (session, name)),
                None => None,
            })
        });
        let Some((mut session, name)) = read.await? else {
            return Ok(None);
        };
        self.watch(&mut session, now, counts).await?;
        Ok(Some(Signed {
            session: session.id,
            caller: session.caller,
            name,
            shown: session.shown,
            second_factor_at: session.second_factor_at,
            locked: session.locked_at.is_some(),
            expires_at: session.expires_at,
        }))
    }

    /// Locks the session if it idled, or writes down that somebody is there.
    async fn watch(
        &self,
        session: &mut Session,
        now: Timestamp,
        counts: bool,
    ) -> Result<(), DatabaseError> {
        let silent_for = now.seconds_since(session.last_seen_at);
        if session.locked_at.is_some() {
            return Ok(());
        }
        if silent_for > seconds(self.idle_of(&session.caller)) {
            self.lock_at(&session.id, &session.caller, now).await?;
            session.locked_at = Some(now);
        } else if counts && silent_for >= SEEN_EXACTLY_SECONDS {
            let id = session.id.clone();
            self.database
                .transact(move |connection| store::sessions::touch(connection, &id, now))
                .await?;
        }
        Ok(())
    }

    /// When the second factor of this session was shown, if that was within the last 15 minutes.
    #[must_use]
    pub fn fresh_factor(&self, signed: &Signed) -> Option<Timestamp> {
        signed.fresh_factor(self.clock.now())
    }

    /// After how long without a request a session of this caller is locked.
    #[must_use]
    pub fn idle_of(&self, caller: &Caller) -> Duration {
        match caller {
            Caller::Person { .. } => self.sessions.person_idle,
            _staff => self.sessions.staff_idle,
        }
    }

    /// Locks a session: whoever comes back resumes it where it was.
    ///
    /// # Errors
    /// Not written.
    pub async fn lock(&self, signed: &Signed) -> Result<(), DatabaseError> {
        let now = self.clock.now();
        self.lock_at(&signed.session, &signed.caller, now).await
    }

    async fn lock_at(
        &self,
        id: &str,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<(), DatabaseError> {
        let (id, caller) = (id.to_owned(), caller.clone());
        self.database
            .transact(move |connection| {
                if store::sessions::lock(connection, &id, now)? {
                    let line = line_of(&caller, now, "lock").detail("session", id.as_str());
                    audit::append(connection, &line)?;
                }
                Ok(())
            })
            .await
    }

    /// Ends the session that somebody leaves.
    ///
    /// # Errors
    /// Not written.
    pub async fn end(&self, signed: &Signed) -> Result<(), DatabaseError> {
        let (id, caller, now) = (
            signed.session.clone(),
            signed.caller.clone(),
            self.clock.now(),
        );
        self.database
            .transact(move |connection| {
                if store::sessions::end(connection, &id, None, now, ended::LOGOUT)? {
                    let line = line_of(&caller, now, "logout").detail("session", id.as_str());
                    audit::append(connection, &line)?;
                }
                Ok(())
            })
            .await
    }

    /// Ends one session of `owner` by its id.
    ///
    /// # Errors
    /// `UnknownSession` if this owner has no such session that is open; `Database`.
    pub async fn end_one_of(&self, owner: &Owner, id: &str) -> Result<(), IdentityError> {
        let (owner, id, now) = (owner.clone(), id.to_owned(), self.clock.now());
        self.database
            .transact(move |connection| {
                if !store::sessions::end(connection, &id, Some(&owner), now, ended::BY_OWNER)? {
                    return Err(IdentityError::UnknownSession);
                }
                let line = owner_line(&owner, now, "end").detail("session", id.as_str());
                audit::append(connection, &line)?;
                Ok(())
            })
            .await
    }

    /// Ends every session of `owner`; how many there were.
    ///
    /// # Errors
    /// Not written: they stay.
    pub async fn end_all_of(&self, owner: &Owner) -> Result<usize, DatabaseError> {
        let (owner, now) = (owner.clone(), self.clock.now());
        self.database
            .transact(move |connection| end_all(connection, &owner, now, ended::BY_ADMIN))
            .await
    }

    /// The open sessions of `owner`, newest first.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn sessions_of(&self, owner: &Owner) -> Result<Vec<ListedSession>, DatabaseError> {
        let (owner, now) = (owner.clone(), self.clock.now());
        self.database
            .read(move |connection| store::sessions::list(connection, &owner, now))
            .await
    }
}

/// Writes a new session and its audit line, for an account that stands.
pub(super) fn insert(
    connection: &mut HospitalConnection,
    session: &Session,
    digest: &super::TokenDigest,
    now: Timestamp,
) -> Result<(), IdentityError> {
    if standing(connection, session)?.is_none() {
        return Err(IdentityError::NoAccount);
    }
    store::sessions::insert(connection, session, digest, now)?;
    let line = line_of(&session.caller, now, "login")
        .detail("session", session.id.as_str())
        .detail("acr", session.shown.as_str());
    audit::append(connection, &line)?;
    Ok(())
}

/// Whether the account behind a session stands as the session says: then what it is called.
fn standing(
    connection: &mut HospitalConnection,
    session: &Session,
) -> Result<Option<Option<String>>, DatabaseError> {
    let (role, Some(id)) = (session.caller.role(), session.caller.id()) else {
        return Ok(None);
    };
    if role == Role::Person {
        return Ok(Some(None));
    }
    let account = store::staff::find(connection, id)?;
    let account = account.filter(|one| one.disabled_at.is_none() && one.role == role);
    Ok(account.map(|one| Some(one.name)))
}

/// Ends every session of `owner`, with an audit line if there was one.
pub(super) fn end_all(
    connection: &mut HospitalConnection,
    owner: &Owner,
    now: Timestamp,
    why: &'static str,
) -> Result<usize, DatabaseError> {
    let count = store::sessions::end_all(connection, owner, now, why)?;
    if count > 0 {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let line = owner_line(owner, now, "end")
            .detail("sessions", count)
            .detail("why", why);
        audit::append(connection, &line)?;
    }
    Ok(count)
}

/// A line about a login, and what comes after it.
pub(super) fn line_of(caller: &Caller, now: Timestamp, act: &'static str) -> Line {
    let mut line = Line::new(Kind::Login, now, caller.role().as_str()).detail("act", act);
    match caller {
        Caller::Person { id, patient } => line = line.person(id.as_str()).patient(*patient),
        staff => {
            if let Some(id) = staff.id() {
                line = line.actor_id(id);
            }
        }
    }
    line
}

pub(super) fn owner_line(owner: &Owner, now: Timestamp, act: &'static str) -> Line {
    let line = |role| Line::new(Kind::Login, now, role).detail("act", act);
    match owner {
        Owner::Staff(id) => line("staff").actor_id(id),
        Owner::Person(id) => line("person").person(id.as_str()),
    }
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}
