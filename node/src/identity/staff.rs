//! Staff accounts: who may sign in on pages, and as what.

use federation_protocol::time::Timestamp;

use super::session::{end_all, ended};
use super::{Caller, Identity, IdentityError, Owner, Role, store};
use crate::audit::{self, Kind, Line};
use crate::database::DatabaseError;

/// The longest name of a member of staff, characters.
const LONGEST_NAME: usize = 100;

/// A member of staff's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staff {
    /// The staff id, as the audit and signed messages name it.
    pub id: String,
    /// What they may do.
    pub role: Role,
    /// What they are called.
    pub name: String,
    /// Since when.
    pub created_at: Timestamp,
    /// Since when it opens nothing, if it does not.
    pub disabled_at: Option<Timestamp>,
    /// What their passkeys know them by.
    pub(super) handle: [u8; 16],
}

impl Staff {
    /// Who they are at the door.
    ///
    /// # Errors
    /// `Subject`, of a row that somebody edited.
    pub fn caller(&self) -> Result<Caller, IdentityError> {
        Caller::staff(self.role, Some(self.id.clone()))
    }
}

/// Who changes accounts: the operator by command, or an admin by page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By(Option<String>);

impl By {
    /// The operator, at the machine itself.
    #[must_use]
    pub const fn operator() -> Self {
        Self(None)
    }

    /// An admin who is signed in.
    #[must_use]
    pub fn admin(caller: &Caller) -> Self {
        Self(caller.id().map(str::to_owned))
    }

    pub(super) fn id(&self) -> Option<&str> {
        self.0.as_deref()
    }

    pub(super) fn line(&self, now: Timestamp, act: &'static str, staff: &str) -> Line {
        let line = Line::new(Kind::AccessToken, now, Role::Admin.as_str())
            .detail("act", act)
            .detail("staff", staff);
        match &self.0 {
            Some(id) => line.actor_id(id),
            None => line,
        }
    }
}

impl Identity {
    /// Adds an account, or gives the one with this id another role or name and lets it in again. One
    /// that changes its role loses its sessions.
    ///
    /// # Errors
    /// `Subject` for an unusable id, or a role that does not sign in; `Name`; `Database`.
    pub async fn add_staff(
        &self,
        role: Role,
        id: &str,
        name: &str,
        by: By,
    ) -> Result<Staff, IdentityError> {
        let caller = Caller::staff(role, Some(id.to_owned()))?;
        if Owner::of(&caller).is_none() {
            return Err(IdentityError::Subject(role, "does not sign in"));
        }
        let name = name.trim();
        if name.is_empty()
            || name.chars().count() > LONGEST_NAME
            || name.chars().any(char::is_control)
        {
            return Err(IdentityError::Name);
        }
        let now = self.clock.now();
        let new = Staff {
            id: id.to_owned(),
            role,
            name: name.to_owned(),
            created_at: now,
            disabled_at: None,
            handle: *uuid::Uuid::new_v4().as_bytes(),
        };
        self.database
            .transact(move |connection| {
                let known = store::staff::find(connection, &new.id)?;
                if known.is_some_and(|known| known.role != new.role) {
                    let owner = Owner::Staff(new.id.clone());
                    end_all(connection, &owner, now, ended::ACCOUNT)?;
                    store::setup::end_all(connection, &new.id, now)?;
                }
                store::staff::put(connection, &new)?;
                let line = by.line(now, "staff_added", &new.id);
                audit::append(connection, &line.detail("role", new.role.as_str()))?;
                let written = store::staff::find(connection, &new.id)?;
                written.ok_or(IdentityError::NoAccount)
            })
            .await
    }

    /// Disables an account: its sessions end and its setup links open nothing. Doing it again changes
    /// nothing.
    ///
    /// # Errors
    /// `NoAccount`, `Database`.
    pub async fn disable_staff(&self, id: &str, by: By) -> Result<(), IdentityError> {
        let (id, now) = (id.to_owned(), self.clock.now());
        self.database
            .transact(move |connection| {
                if !store::staff::disable(connection, &id, now)? {
                    return Err(IdentityError::NoAccount);
                }
                let owner = Owner::Staff(id.clone());
                end_all(connection, &owner, now, ended::ACCOUNT)?;
                store::setup::end_all(connection, &id, now)?;
                audit::append(connection, &by.line(now, "staff_disabled", &id))?;
                Ok(())
            })
            .await
    }

    /// The account with this id.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn staff(&self, id: &str) -> Result<Option<Staff>, DatabaseError> {
        let id = id.to_owned();
        self.database
            .read(move |connection| store::staff::find(connection, &id))
            .await
    }

    /// Every account, by id.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn all_staff(&self) -> Result<Vec<Staff>, DatabaseError> {
        self.database.read(store::staff::list).await
    }
}
