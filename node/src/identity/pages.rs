//! The pages by which one gets in, and looks after how.

use askama::Template;

use super::passkeys::ListedPasskey;
use super::session::ListedSession;
use super::staff::Staff;
use crate::pages::Sheet;

/// `GET /login`.
#[derive(Template)]
#[template(path = "identity/templates/login.html")]
pub(super) struct LoginPage {
    pub(super) page: Sheet,
    pub(super) next: String,
    /// Where the hospital's own sign-in begins, where there is one.
    pub(super) hospital: Option<String>,
}

/// `GET /lock`.
#[derive(Template)]
#[template(path = "identity/templates/lock.html")]
pub(super) struct LockPage {
    pub(super) page: Sheet,
    pub(super) next: String,
    pub(super) has_passkey: bool,
    pub(super) hospital: Option<String>,
}

/// `GET /setup`.
#[derive(Template)]
#[template(path = "identity/templates/setup.html")]
pub(super) struct SetupPage {
    pub(super) page: Sheet,
}

/// `GET /p/start`.
#[derive(Template)]
#[template(path = "identity/templates/start.html")]
pub(super) struct StartPage {
    pub(super) page: Sheet,
}

/// `GET /account`.
#[derive(Template)]
#[template(path = "identity/templates/account.html")]
pub(super) struct AccountPage {
    pub(super) page: Sheet,
    pub(super) fresh: bool,
    pub(super) passkeys: Vec<PasskeyRow>,
    pub(super) sessions: Vec<SessionRow>,
}

/// One of one's passkeys, as it is read.
pub(super) struct PasskeyRow {
    pub(super) id: String,
    pub(super) label: String,
    pub(super) made: String,
    pub(super) used: Option<String>,
}

impl PasskeyRow {
    pub(super) fn of(page: &Sheet, one: ListedPasskey) -> Self {
        Self {
            made: page.moment(one.created_at),
            used: one.used_at.map(|at| page.moment(at)),
            id: one.id,
            label: one.label,
        }
    }
}

/// One of one's sessions, as it is read.
pub(super) struct SessionRow {
    pub(super) is_this: bool,
    pub(super) is_locked: bool,
    pub(super) shown: &'static str,
    pub(super) since: String,
    pub(super) seen: String,
    pub(super) id: String,
}

impl SessionRow {
    /// `session` is the one that the reader is in.
    pub(super) fn of(page: &Sheet, one: ListedSession, session: &str) -> Self {
        Self {
            is_this: one.id == session,
            is_locked: one.locked_at.is_some(),
            shown: one.shown.as_str(),
            since: page.moment(one.created_at),
            seen: page.moment(one.last_seen_at),
            id: one.id,
        }
    }
}

/// `GET /admin/staff`.
#[derive(Template)]
#[template(path = "identity/templates/staff.html")]
pub(super) struct StaffPage {
    pub(super) page: Sheet,
    pub(super) fresh: bool,
    pub(super) staff: Vec<Staff>,
    pub(super) roles: Vec<&'static str>,
    /// The key of what went wrong, if something did.
    pub(super) wrong: Option<&'static str>,
}

/// A setup link that was just made: shown this once.
#[derive(Template)]
#[template(path = "identity/templates/link.html")]
pub(super) struct LinkPage {
    pub(super) page: Sheet,
    pub(super) name: String,
    pub(super) url: String,
    /// An SVG of our own making.
    pub(super) qr: String,
    /// Until when it works.
    pub(super) until: String,
}

/// A signed link that opens nothing: the same whatever is wrong with it.
#[derive(Template)]
#[template(path = "identity/templates/refused.html")]
pub(super) struct RefusedPage {
    pub(super) page: Sheet,
}
