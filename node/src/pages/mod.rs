//! What every page of this node has in common: the shell around it, its style and its module, the
//! headers that keep it in its place, dates and numbers as readers expect them, refusals in words.
//!
//! Owns nothing that is stored. Knows no person: who is in is handed to it as a [`Visitor`] by the
//! door. A page of another room is an askama template that extends `pages/templates/shell.html` and
//! has a field `page` of type [`Sheet`].

mod assets;
pub mod chart;
mod qr;
pub mod routes;
mod sheet;
pub mod when;

use std::sync::Arc;

use federation_service::words::PageError;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use crate::words::{Language, Languages};

pub use assets::Assets;
pub use qr::qr;
pub use sheet::{Audience, Sheet, TextSize, Visitor};

/// What pages are made of, for one listener. Share it as `Data<Pages>`.
#[derive(Clone)]
pub struct Pages {
    languages: Languages,
    assets: Arc<Assets>,
    house: Arc<House>,
    audience: Audience,
    reports: Counter,
}

/// The hospital that the pages are of, as its settings name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct House {
    /// Its name.
    pub name: String,
    /// Its name in English, where it has one.
    pub name_en: Option<String>,
    /// The telephone number that people may call, where it says one.
    pub phone: Option<String>,
}

impl House {
    /// The name for readers of `language`.
    #[must_use]
    pub fn name_in(&self, language: Language) -> &str {
        match (language, &self.name_en) {
            (Language::En, Some(name)) => name,
            _ => &self.name,
        }
    }
}

impl Pages {
    /// The pages of `house` for `audience`; refusals that browsers report are counted in `registry`.
    ///
    /// # Errors
    /// A file of words cannot be read: never (test).
    pub fn open(
        house: House,
        audience: Audience,
        registry: &mut Registry,
    ) -> Result<Self, PageError> {
        let reports = Counter::default();
        registry.register(
            "csp_reports",
            "What browsers refused to run or load on this node's pages, as they reported it",
            reports.clone(),
        );
        Ok(Self {
            languages: Languages::open()?,
            assets: Arc::new(Assets::embedded()),
            house: Arc::new(house),
            audience,
            reports,
        })
    }

    /// The same pages for another audience.
    #[must_use]
    pub fn to(&self, audience: Audience) -> Self {
        Self {
            audience,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests;
