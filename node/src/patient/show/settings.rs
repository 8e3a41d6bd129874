//! P12 and P13: how one wants the pages, everything to take home, and how things are done.

use askama::Template;

use crate::pages::Sheet;

/// The settings.
#[derive(Template)]
#[template(path = "patient/templates/settings.html")]
pub(in crate::patient) struct SettingsPage {
    page: Sheet,
    sizes: Vec<Size>,
}

/// A size of text to choose.
struct Size {
    word: &'static str,
    name: String,
    is_chosen: bool,
}

impl SettingsPage {
    /// The page.
    pub(in crate::patient) fn new(page: &Sheet) -> Self {
        let sizes = ["normal", "large", "largest"].map(|word| Size {
            word,
            name: page.t(&format!("patient-size-{word}")),
            is_chosen: page.text_size() == word,
        });
        Self {
            sizes: sizes.into_iter().collect(),
            page: page.clone(),
        }
    }
}

/// The help.
#[derive(Template)]
#[template(path = "patient/templates/help.html")]
pub(in crate::patient) struct HelpPage {
    page: Sheet,
    guides: Vec<Guide>,
}

/// One thing and how it is done.
struct Guide {
    title: String,
    steps: Vec<String>,
}

/// How many steps each guide has.
const GUIDES: [(&str, usize); 5] = [
    ("first", 3),
    ("results", 3),
    ("notebook", 3),
    ("share", 3),
    ("lost", 2),
];

impl HelpPage {
    /// The page.
    pub(in crate::patient) fn new(page: &Sheet) -> Self {
        let guides = GUIDES.map(|(name, steps)| Guide {
            title: page.t(&format!("patient-help-{name}")),
            steps: (1..=steps)
                .map(|step| page.t(&format!("patient-help-{name}-{step}")))
                .collect(),
        });
        Self {
            guides: guides.into_iter().collect(),
            page: page.clone(),
        }
    }
}
