//! One page for one reader: language, who is in, and what the shell needs around it.

use std::sync::Arc;

use super::when::{self, Day};
use super::{Assets, House, Pages};
use crate::words::{Language, Speech, Value};
use federation_protocol::time::Timestamp;

/// Whom a listener's pages are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The hospital's staff.
    Staff,
    /// People who look at their own records, on a phone.
    People,
}

/// How large a reader wants the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TextSize {
    /// As the pages are made.
    #[default]
    Normal,
    /// 125 %.
    Large,
    /// 150 %.
    Largest,
}

impl TextSize {
    /// The word in the cookie and in the style sheet.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Large => "large",
            Self::Largest => "largest",
        }
    }

    /// The size of that word, if it is one.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Normal, Self::Large, Self::Largest]
            .into_iter()
            .find(|size| size.as_str() == word)
    }
}

/// Who is in, as the door told it to the pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visitor {
    /// The name that they know themselves by.
    pub name: String,
    /// The word of their role: `physician`, `registrar`, `person`, …
    pub role: &'static str,
    /// Seconds without a touch after which the page is locked; `None`: there is no session to lock.
    pub idle_seconds: Option<u64>,
}

/// What the shell around a page needs. Made for each request; templates have it as `page`.
#[derive(Clone)]
pub struct Sheet {
    pub(super) speech: Speech,
    pub(super) assets: Arc<Assets>,
    pub(super) house: Arc<House>,
    pub(super) audience: Audience,
    pub(super) nonce: String,
    pub(super) visitor: Option<Visitor>,
    pub(super) path: String,
    pub(super) size: TextSize,
}

impl Sheet {
    /// A sheet outside of any request, for tests and files: nobody is in.
    #[must_use]
    pub fn plain(pages: &Pages, language: Language) -> Self {
        Self {
            speech: pages.languages.speech(language).clone(),
            assets: Arc::clone(&pages.assets),
            house: Arc::clone(&pages.house),
            audience: pages.audience,
            nonce: String::new(),
            visitor: None,
            path: String::new(),
            size: TextSize::Normal,
        }
    }

    /// The text `key`.
    #[must_use]
    pub fn t(&self, key: &str) -> String {
        self.speech.say(key, &[])
    }

    /// The text `key` with one value put in.
    #[must_use]
    pub fn t1(&self, key: &str, name: &str, value: impl Value) -> String {
        self.speech.say(key, &[(name, &value)])
    }

    /// The text `key` with two values put in.
    #[must_use]
    pub fn t2(&self, key: &str, a: &str, first: impl Value, b: &str, second: impl Value) -> String {
        self.speech.say(key, &[(a, &first), (b, &second)])
    }

    /// The text `key` with any values put in.
    #[must_use]
    pub fn say(&self, key: &str, values: &[(&str, &dyn Value)]) -> String {
        self.speech.say(key, values)
    }

    /// The text whose key is `head` and `tail`, or that of `head` and `other` where there is none:
    /// for codes that grow.
    #[must_use]
    pub fn coded(&self, head: &str, tail: &str, other: &str) -> String {
        let found = self.speech.find(&format!("{head}{tail}"));
        found.unwrap_or_else(|| self.t(&format!("{head}{other}")))
    }

    /// The language.
    #[must_use]
    pub fn language(&self) -> Language {
        self.speech.language()
    }

    /// Its BCP 47 tag, for `lang`.
    #[must_use]
    pub fn lang(&self) -> &'static str {
        self.language().as_str()
    }

    /// The day of a FHIR date or dateTime, in Japan; the text itself where it is none.
    #[must_use]
    pub fn day(&self, fhir: &str) -> String {
        Day::parse(fhir).map_or_else(|| fhir.to_owned(), |day| day.long(self.language()))
    }

    /// The same, short: `11/18`, `2025/11/18` of another year than `now`'s.
    #[must_use]
    pub fn short_day(&self, fhir: &str) -> String {
        Day::parse(fhir).map_or_else(|| fhir.to_owned(), |day| day.short())
    }

    /// A moment, in Japan, to the minute.
    #[must_use]
    pub fn moment(&self, at: Timestamp) -> String {
        when::moment(at, self.language())
    }

    /// The day of a moment, in Japan.
    #[must_use]
    pub fn day_of(&self, at: Timestamp) -> String {
        Day::of(at).long(self.language())
    }

    /// Who is in.
    #[must_use]
    pub fn visitor(&self) -> Option<&Visitor> {
        self.visitor.as_ref()
    }

    /// The hospital's name for this reader.
    #[must_use]
    pub fn hospital(&self) -> &str {
        self.house.name_in(self.language())
    }

    /// The telephone number that people may call.
    #[must_use]
    pub fn phone(&self) -> Option<&str> {
        self.house.phone.as_deref()
    }

    /// Whether the page is for people rather than for staff.
    #[must_use]
    pub fn is_for_people(&self) -> bool {
        self.audience == Audience::People
    }

    /// The word of the text size, for the style sheet.
    #[must_use]
    pub fn text_size(&self) -> &'static str {
        self.size.as_str()
    }

    /// The path that was asked for.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The nonce of this page's scripts.
    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// The address of an embedded file: it changes with the file.
    #[must_use]
    pub fn asset(&self, name: &str) -> String {
        self.assets.address(name)
    }

    /// The places of this reader's navigation.
    #[must_use]
    pub fn places(&self) -> Vec<Place> {
        let role = self.visitor.as_ref().map_or("", |visitor| visitor.role);
        let places = PLACES.iter().filter(|place| place.role == role);
        places
            .map(|place| Place {
                here: place.is_at(&self.path),
                ..*place
            })
            .collect()
    }
}

/// A place in the navigation.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    role: &'static str,
    /// Its path.
    pub path: &'static str,
    /// The key of its name.
    pub key: &'static str,
    /// The name of its drawing in `templates/icon.html`.
    pub icon: &'static str,
    /// Whether the reader is there.
    pub here: bool,
}

impl Place {
    const fn new(
        role: &'static str,
        path: &'static str,
        key: &'static str,
        icon: &'static str,
    ) -> Self {
        Self {
            role,
            path,
            key,
            icon,
            here: false,
        }
    }

    /// `/p` is at `/p` alone, `/p/results` also at what is below.
    fn is_at(&self, path: &str) -> bool {
        let below = path.strip_prefix(self.path);
        if self.path == "/p/consent" && SHARING.iter().any(|one| path.starts_with(one)) {
            return true;
        }
        match self.path {
            "/p" | "/c" | "/desk" | "/admin" => below == Some(""),
            _ => below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        }
    }
}

/// Pages that stand under sharing.
const SHARING: [&str; 5] = [
    "/p/code",
    "/p/links",
    "/p/looked",
    "/p/paper",
    "/p/requests",
];

/// Who finds what where.
const PLACES: &[Place] = &[
    Place::new("person", "/p", "pages-nav-home", "home"),
    Place::new("person", "/p/results", "pages-nav-results", "results"),
    Place::new("person", "/p/medicines", "pages-nav-medicines", "medicines"),
    Place::new("person", "/p/consent", "pages-nav-sharing", "sharing"),
    Place::new("person", "/p/settings", "pages-nav-settings", "settings"),
    Place::new("physician", "/c", "pages-nav-patients", "patients"),
    Place::new("physician", "/c/history", "pages-nav-history", "history"),
    Place::new("registrar", "/desk", "pages-nav-desk", "patients"),
    Place::new("admin", "/admin", "pages-nav-overview", "home"),
    Place::new("admin", "/admin/staff", "pages-nav-staff", "patients"),
    Place::new("auditor", "/admin", "pages-nav-overview", "home"),
    Place::new("auditor", "/admin/audit", "pages-nav-audit", "history"),
    Place::new("auditor", "/admin/reviews", "pages-nav-reviews", "results"),
    Place::new("security", "/admin", "pages-nav-overview", "home"),
    Place::new("security", "/admin/reviews", "pages-nav-reviews", "results"),
    Place::new("observer", "/admin", "pages-nav-overview", "home"),
    Place::new("physician", "/account", "pages-nav-account", "settings"),
    Place::new("observer", "/account", "pages-nav-account", "settings"),
    Place::new("security", "/account", "pages-nav-account", "settings"),
    Place::new("auditor", "/account", "pages-nav-account", "settings"),
    Place::new("admin", "/account", "pages-nav-account", "settings"),
    Place::new("registrar", "/account", "pages-nav-account", "settings"),
];
