//! The pages, as their templates take them.

use askama::Template;
use federation_protocol::base64url;
use federation_protocol::category::{Category, Scope};

use super::{Preview, Row};
use crate::consent::EvidenceNeeded;
use crate::pages::Sheet;

/// A kind of data with its name, and whether it is ticked.
pub(super) struct Kind {
    pub(super) word: &'static str,
    pub(super) name: String,
    pub(super) ticked: bool,
}

/// Every kind that ever leaves, those of `ticked` ticked.
pub(super) fn kinds(page: &Sheet, ticked: Scope) -> Vec<Kind> {
    let every = Category::RELEASABLE.into_iter();
    every
        .map(|category| Kind {
            word: category.as_str(),
            name: kind_name(page, category.as_str()),
            ticked: ticked.contains(category),
        })
        .collect()
}

pub(super) fn kind_name(page: &Sheet, word: &str) -> String {
    page.coded("sharing-kind-", word, "other")
}

/// A hospital that can be chosen.
pub(super) struct Choice {
    pub(super) member: String,
    pub(super) name: String,
    pub(super) chosen: bool,
}

/// One row of the grid.
pub(super) struct Given {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) purpose: String,
    pub(super) row: Row,
    pub(super) kinds: Vec<Kind>,
    pub(super) until: Option<String>,
}

/// A directive that is more than a row.
pub(super) struct Other {
    pub(super) id: String,
    pub(super) text: String,
}

/// `/p/consent`
#[derive(Template)]
#[template(path = "sharing/templates/consent.html")]
pub(super) struct ConsentPage {
    pub(super) page: Sheet,
    pub(super) waiting: usize,
    pub(super) standing: Vec<Given>,
    pub(super) visits: Vec<Given>,
    pub(super) others: Vec<Other>,
    pub(super) kinds: Vec<Kind>,
    pub(super) ended: usize,
}

/// `/p/consent/edit`
#[derive(Template)]
#[template(path = "sharing/templates/edit.html")]
pub(super) struct EditPage {
    pub(super) page: Sheet,
    pub(super) hospitals: Vec<Choice>,
    pub(super) purposes: Vec<Choice>,
    pub(super) kinds: Vec<Kind>,
    pub(super) sensitive: bool,
    pub(super) until: String,
    pub(super) first: String,
}

/// A version of a directive.
pub(super) struct Version {
    pub(super) at: String,
    pub(super) word: &'static str,
}

/// How far a change has come at one hospital.
pub(super) struct Arrived {
    pub(super) name: String,
    pub(super) word: &'static str,
    pub(super) at: String,
}

/// A count of the preview.
pub(super) struct Counted {
    pub(super) name: String,
    pub(super) shown: usize,
    pub(super) hidden: Vec<(String, usize)>,
}

/// The counts of a preview, kind by kind.
pub(super) fn counted(page: &Sheet, preview: &Preview) -> Vec<Counted> {
    let every = Category::RELEASABLE.into_iter().map(Category::as_str);
    every
        .map(|word| Counted {
            name: kind_name(page, word),
            shown: preview.shown.get(word).copied().unwrap_or_default(),
            hidden: preview
                .hidden
                .iter()
                .filter(|((kind, _), _)| *kind == word)
                .map(|((_, reason), count)| {
                    let why = page.coded("sharing-why-", reason.as_str(), "not-given");
                    (why, *count)
                })
                .collect(),
        })
        .filter(|one| one.shown > 0 || !one.hidden.is_empty())
        .collect()
}

/// `/p/consent/{id}`
#[derive(Template)]
#[template(path = "sharing/templates/one.html")]
pub(super) struct OnePage {
    pub(super) page: Sheet,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) lines: Vec<String>,
    pub(super) is_active: bool,
    pub(super) edit: Option<String>,
    pub(super) seen: Vec<Counted>,
    pub(super) arrived: Vec<Arrived>,
    pub(super) delivered: usize,
    pub(super) history: Vec<Version>,
}

/// A request, open or over.
pub(super) struct Asked {
    pub(super) id: String,
    pub(super) hospital: String,
    pub(super) who: String,
    pub(super) purpose: String,
    pub(super) at: String,
    pub(super) until: i64,
    pub(super) state: &'static str,
    pub(super) kinds: Vec<Kind>,
}

/// A paper code that was used.
pub(super) struct OnPaper {
    pub(super) consent: String,
    pub(super) hospital: String,
    pub(super) who: String,
    pub(super) witness: String,
    pub(super) at: String,
    pub(super) is_active: bool,
}

/// `/p/requests`
#[derive(Template)]
#[template(path = "sharing/templates/requests.html")]
pub(super) struct RequestsPage {
    pub(super) page: Sheet,
    pub(super) open: Vec<Asked>,
    pub(super) over: Vec<Asked>,
    pub(super) paper: Vec<OnPaper>,
    pub(super) hospitals: Vec<Choice>,
}

/// The part that says whether somebody asks.
#[derive(Template)]
#[template(path = "sharing/templates/waiting.html")]
pub(super) struct WaitingPart {
    pub(super) page: Sheet,
    pub(super) waiting: usize,
}

/// Bytes that the phone signs for one hospital.
pub(super) struct ToSign {
    pub(super) hospital: String,
    pub(super) name: String,
    pub(super) bytes: String,
}

impl ToSign {
    pub(super) fn of(needed: &EvidenceNeeded, name: String) -> Self {
        Self {
            hospital: needed.responder.to_string(),
            name,
            bytes: base64url::encode(&needed.message),
        }
    }
}

/// The phone signs, and the form is sent again.
#[derive(Template)]
#[template(path = "sharing/templates/sign.html")]
pub(super) struct SignPage {
    pub(super) page: Sheet,
    pub(super) action: String,
    pub(super) fields: Vec<(String, String)>,
    pub(super) signing: Vec<ToSign>,
}

/// `/p/code`
#[derive(Template)]
#[template(path = "sharing/templates/code.html")]
pub(super) struct CodePage {
    pub(super) page: Sheet,
    pub(super) hospitals: Vec<Choice>,
    pub(super) kinds: Vec<Kind>,
}

/// A code, shown once.
#[derive(Template)]
#[template(path = "sharing/templates/shown.html")]
pub(super) struct ShownPage {
    pub(super) page: Sheet,
    pub(super) id: String,
    pub(super) code: String,
    pub(super) qr: String,
    pub(super) until: i64,
    pub(super) until_said: String,
    pub(super) is_open: bool,
}

/// A sheet of paper codes without its codes.
pub(super) struct SheetView {
    pub(super) id: String,
    pub(super) made: String,
    pub(super) until: String,
    pub(super) left: usize,
    pub(super) is_good: bool,
    pub(super) hospitals: Vec<String>,
}

/// `/p/paper`
#[derive(Template)]
#[template(path = "sharing/templates/paper.html")]
pub(super) struct PaperPage {
    pub(super) page: Sheet,
    pub(super) sheets: Vec<SheetView>,
    pub(super) hospitals: Vec<Choice>,
    pub(super) codes: Vec<String>,
}

/// A linked hospital.
pub(super) struct Linked {
    pub(super) member: String,
    pub(super) name: String,
    pub(super) covered: Option<String>,
}

/// `/p/links`
#[derive(Template)]
#[template(path = "sharing/templates/links.html")]
pub(super) struct LinksPage {
    pub(super) page: Sheet,
    pub(super) links: Vec<Linked>,
    pub(super) others: Vec<Choice>,
    pub(super) is_open: bool,
    pub(super) until: i64,
    pub(super) signing: Vec<ToSign>,
}

/// Somebody who looked.
pub(super) struct Looker {
    pub(super) at: String,
    pub(super) who: String,
    pub(super) act: String,
    pub(super) purpose: String,
    pub(super) what: String,
    pub(super) state: &'static str,
    pub(super) outcome: String,
}

/// What one hospital says.
pub(super) struct Place {
    pub(super) name: String,
    pub(super) own: bool,
    pub(super) is_proved: bool,
    pub(super) outcome: String,
    pub(super) told: Option<String>,
    pub(super) more: bool,
    /// The telephone number that people may call.
    pub(super) phone: Option<String>,
    pub(super) lookers: Vec<Looker>,
}

/// `/p/looked`
#[derive(Template)]
#[template(path = "sharing/templates/looked.html")]
pub(super) struct LookedPage {
    pub(super) page: Sheet,
    pub(super) part: LookedPart,
}

/// The part that fills when every hospital was asked.
#[derive(Template)]
#[template(path = "sharing/templates/looked_part.html")]
pub(super) struct LookedPart {
    pub(super) page: Sheet,
    pub(super) places: Vec<Place>,
    pub(super) is_asked: bool,
}
