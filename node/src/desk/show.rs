//! The pages of the desk.

use askama::Template;
use askama::filters::Safe;

use super::act::{self, Standing};
use super::find::Chart;
use crate::pages::{Sheet, qr};

/// Where a patient is looked for.
#[derive(Template)]
#[template(path = "desk/templates/find.html")]
pub(super) struct FindPage {
    page: Sheet,
    found: Vec<Banner>,
    has_asked: bool,
    wrong: Option<String>,
}

/// A chart as it stands above everything that is done with it.
#[derive(Clone, Debug)]
pub(super) struct Banner {
    id: String,
    name: String,
    kana: String,
    sex: String,
    born: String,
    number: String,
    is_replaced: bool,
}

impl Banner {
    fn of(page: &Sheet, chart: Chart) -> Self {
        let sex = page.coded("desk-sex-", &chart.gender, "unknown");
        Self {
            born: page.day(&chart.born),
            sex,
            id: chart.id,
            name: chart.name,
            kana: chart.kana,
            number: chart.number,
            is_replaced: chart.is_replaced,
        }
    }
}

impl FindPage {
    /// Before anything was typed.
    pub(super) fn empty(page: &Sheet) -> Self {
        Self {
            found: Vec::new(),
            has_asked: false,
            wrong: None,
            page: page.clone(),
        }
    }

    /// With what was found.
    pub(super) fn found(page: &Sheet, charts: Vec<Chart>) -> Self {
        Self {
            found: charts
                .into_iter()
                .map(|one| Banner::of(page, one))
                .collect(),
            has_asked: true,
            ..Self::empty(page)
        }
    }

    /// With what is wrong with what was typed.
    pub(super) fn wrong(page: &Sheet, word: &str) -> Self {
        Self {
            wrong: Some(page.t(&format!("desk-wrong-{word}"))),
            ..Self::empty(page)
        }
    }
}

/// One chart at the desk.
#[derive(Template)]
#[template(path = "desk/templates/chart.html")]
pub(super) struct ChartPage {
    page: Sheet,
    banner: Banner,
    enrolled: String,
    is_enrolled: bool,
    links: Vec<Linked>,
    offers: Vec<Offered>,
    homes: Vec<(String, String)>,
    wrong: Option<String>,
    done: Option<String>,
}

/// A link in the list.
struct Linked {
    handle: String,
    home: String,
    since: String,
    ended: String,
}

/// A code in the list.
struct Offered {
    id: String,
    home: String,
    made: String,
    state: String,
    is_open: bool,
}

impl ChartPage {
    /// The page; `name` tells the names of members.
    pub(super) fn new(
        page: &Sheet,
        standing: Standing,
        name: impl Fn(&federation_protocol::member::MemberId) -> String,
        (wrong, done): (Option<&str>, Option<&str>),
    ) -> Self {
        let links = standing.links.iter().map(|link| Linked {
            handle: link.handle.to_string(),
            home: name(&link.home),
            since: page.day_of(link.created_at),
            ended: link.ended_at.map(|at| page.day_of(at)).unwrap_or_default(),
        });
        let offers = standing.offers.iter().map(|(offer, state)| Offered {
            id: offer.id.clone(),
            home: offer
                .home
                .as_ref()
                .or(offer.named_home.as_ref())
                .map(&name)
                .unwrap_or_default(),
            made: page.moment(offer.created_at),
            state: page.coded("desk-offer-", state, "other"),
            is_open: matches!(*state, "open" | "begun"),
        });
        let enrolled = standing
            .person
            .as_ref()
            .map(|person| page.day_of(person.enrolled_at));
        Self {
            is_enrolled: enrolled.is_some(),
            enrolled: enrolled.unwrap_or_default(),
            links: links.collect(),
            offers: offers.collect(),
            homes: standing
                .homes
                .iter()
                .map(|(id, name)| (id.to_string(), name.clone()))
                .collect(),
            wrong: wrong.map(|word| page.t(&format!("desk-wrong-{word}"))),
            done: done.map(|word| page.t(&format!("desk-done-{word}"))),
            banner: Banner::of(page, standing.chart),
            page: page.clone(),
        }
    }
}

/// A code on a sheet to take along: shown once.
#[derive(Template)]
#[template(path = "desk/templates/sheet.html")]
pub(super) struct SheetPage {
    page: Sheet,
    banner: Banner,
    kind: &'static str,
    title: String,
    code: String,
    qr: Option<Safe<String>>,
    address: String,
    expires: String,
    steps: Vec<String>,
}

impl SheetPage {
    /// The sheet of a code to come in by (`enrol`) or to link by (`link`).
    pub(super) fn new(page: &Sheet, chart: Chart, made: &act::Sheet, kind: &'static str) -> Self {
        let address = made.address.as_ref().map(|address| address.as_str());
        let steps = (1..=3).map(|step| page.t(&format!("desk-sheet-{kind}-{step}")));
        Self {
            banner: Banner::of(page, chart),
            title: page.t(&format!("desk-sheet-{kind}")),
            code: made.code.to_string(),
            qr: address.and_then(|address| qr(address.as_bytes())).map(Safe),
            // To be typed: without the code behind the mark.
            address: address
                .and_then(|one| one.split('#').next())
                .unwrap_or_default()
                .to_owned(),
            expires: page.moment(made.expires_at),
            steps: steps.collect(),
            kind,
            page: page.clone(),
        }
    }
}
