//! The pages in every state, and through the routes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod routes;
mod states;
mod words;

use askama::Template;
use jiff::civil::{Date, date};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};

use super::gather::{Gathered, Hospital, Missing, Why};
use super::testing::{lab, prescription};
use crate::pages::{Audience, House, Pages, Sheet};
use crate::words::Language;

fn pages() -> Pages {
    let house = House {
        name: "みなと病院".into(),
        name_en: Some("Minato Hospital".into()),
        phone: Some("011-000-0000".into()),
    };
    Pages::open(house, Audience::People, &mut Registry::default()).unwrap()
}

fn sheet(language: Language) -> Sheet {
    Sheet::plain(&pages(), language)
}

fn today() -> Date {
    date(2026, 11, 30)
}

fn hospital(code: &str, name: &str) -> Hospital {
    Hospital {
        member: format!("urn:musubi:member:{code}").parse().unwrap(),
        name: name.into(),
        base: "https://127.0.0.1:1/fhir".into(),
    }
}

/// What two hospitals hold.
fn two(resources: Vec<(usize, Value)>) -> Gathered {
    Gathered {
        hospitals: vec![
            hospital("0110000001", "みなと病院"),
            hospital("0110000002", "雪見病院"),
        ],
        raw: resources
            .into_iter()
            .map(|(hospital, one)| (hospital, one.to_string()))
            .collect(),
        ..Gathered::default()
    }
}

fn html(page: &impl Template) -> String {
    page.render().unwrap()
}
