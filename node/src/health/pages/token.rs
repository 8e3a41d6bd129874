//! Sending keys: made, shown once, listed, stopped; and what to do with one.

use askama::Template;

use crate::health::token::UploadToken;
use crate::pages::Sheet;

/// One key in the list.
pub(super) struct Listed {
    id: String,
    label: String,
    made: String,
    used: String,
}

/// `/p/vitals/token`.
#[derive(Template)]
#[template(path = "health/templates/token.html")]
pub(in crate::health) struct TokenPage {
    page: Sheet,
    address: String,
    shown: Option<String>,
    tokens: Vec<Listed>,
    notice: Option<&'static str>,
    wrong: Option<String>,
}

impl TokenPage {
    pub(in crate::health) fn new(page: Sheet, address: String, tokens: &[UploadToken]) -> Self {
        let listed = tokens.iter().map(|token| Listed {
            id: token.id.clone(),
            label: match token.label.as_str() {
                "" => page.t("vitals-token-unnamed"),
                label => label.to_owned(),
            },
            made: page.t1("vitals-token-made", "day", page.day_of(token.created_at)),
            used: match token.used_at {
                Some(at) => page.t1("vitals-token-used", "day", page.day_of(at)),
                None => page.t("vitals-token-unused"),
            },
        });
        Self {
            address,
            shown: None,
            tokens: listed.collect(),
            notice: None,
            wrong: None,
            page,
        }
    }

    /// Showing a key, this once.
    pub(in crate::health) fn showing(mut self, token: &str) -> Self {
        self.shown = Some(token.to_owned());
        self
    }

    pub(in crate::health) fn noticing(mut self, key: Option<&'static str>) -> Self {
        self.notice = key;
        self
    }

    /// Saying what is wrong.
    pub(in crate::health) fn saying(mut self, code: &str) -> Self {
        self.wrong = Some(self.page.coded("vitals-error-", code, "internal"));
        self
    }

    pub(in crate::health) fn sheet(&self) -> &Sheet {
        &self.page
    }
}
