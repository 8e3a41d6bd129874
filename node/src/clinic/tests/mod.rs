#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod kept;
mod shown;

use std::sync::Arc;

use askama::Template as _;
use federation_protocol::time::Timestamp;
use prometheus_client::registry::Registry;

use super::manner::Manner;
use super::open::{OpenChart, Under};
use super::pages::{Showing, Tab, chart_page};
use super::row::{Came, State};
use super::views::tests::today;
use super::views::{Source, Taken};
use crate::pages::{Audience, House, Pages, Sheet};
use crate::words::Language;

fn sheet(language: Language) -> Sheet {
    let pages = Pages::open(House::default(), Audience::Staff, &mut Registry::default()).unwrap();
    Sheet::plain(&pages, language)
}

/// A chart of hospitals of these names, under a grant, of which nothing has come.
fn open(names: &[&str]) -> OpenChart {
    let sources = names.iter().zip(1..).map(|(name, number)| {
        Source::new(
            &format!("urn:musubi:member:011000000{number}"),
            name,
            number == 1,
        )
    });
    let under = Under {
        patient: Some("p1".into()),
        purpose: "TREAT",
        is_grant: true,
    };
    OpenChart::new(today(), under, sources.collect())
}

/// What a hospital answered.
fn came(source: usize, resources: &[serde_json::Value]) -> Came {
    let taken: Vec<Taken> = resources
        .iter()
        .filter_map(|one| Taken::read(source, &one.to_string()))
        .collect();
    Came {
        state: State::Answered {
            count: taken.len(),
            newest: None,
            took_ms: 812,
            is_cut: false,
        },
        bytes: 1000,
        taken,
    }
}

fn state(state: State) -> Came {
    Came {
        state,
        taken: Vec::new(),
        bytes: 0,
    }
}

/// The page of a tab, as it is sent.
fn page(open: &OpenChart, tab: &Tab, query: &str, language: Language) -> Option<String> {
    let (sheet, manner) = (sheet(language), Manner::of(query));
    let showing = Showing {
        sheet: &sheet,
        base: "/c/grants/g1",
        open,
        tab,
        manner: &manner,
        now: now(),
        is_unsure: false,
    };
    chart_page(&showing, None).map(|page| page.render().unwrap())
}

fn now() -> Timestamp {
    today().plus_seconds(5)
}

fn shared(open: OpenChart) -> Arc<OpenChart> {
    Arc::new(open)
}
