//! What people read, in their language: texts in Fluent files, one per page or command, each in
//! Japanese and in English.
//!
//! A text is found by the code that programs read, so nobody translates in the code. The files are
//! compiled in; a test reads each of them and holds the languages against each other.

mod language;
mod wide;

use fluent_bundle::FluentResource;
use fluent_bundle::concurrent::FluentBundle;
pub use fluent_bundle::{FluentArgs, FluentValue};
pub use language::{Language, LanguageError};
pub use wide::width;

/// One page's texts in both languages, as they stand in the source.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    name: &'static str,
    ja: &'static str,
    en: &'static str,
}

/// The texts of `doctor`, of both programs.
pub const DOCTOR: Page = Page {
    name: "doctor",
    ja: include_str!("../../words/ja/doctor.ftl"),
    en: include_str!("../../words/en/doctor.ftl"),
};

/// Every page there is: the tests of this file read them all.
pub const PAGES: [Page; 1] = [DOCTOR];

/// A page in one language, ready to speak.
pub struct Words {
    bundle: FluentBundle<FluentResource>,
}

/// Why a page cannot be read: an error of whoever wrote it, found by a test.
#[derive(Debug, thiserror::Error)]
#[error("{page}.ftl ({language}): {reason}")]
pub struct PageError {
    page: &'static str,
    language: Language,
    reason: String,
}

impl Page {
    /// The texts of a file `<name>.ftl` of each language.
    #[must_use]
    pub const fn new(name: &'static str, ja: &'static str, en: &'static str) -> Self {
        Self { name, ja, en }
    }

    /// The file's name, without its ending.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The page in `language`.
    ///
    /// # Errors
    /// [`PageError`]; never for a page of [`PAGES`] (test).
    pub fn words(&self, language: Language) -> Result<Words, PageError> {
        Words::of(std::slice::from_ref(self), language)
    }

    fn resource(&self, language: Language) -> Result<FluentResource, PageError> {
        let text = self.text(language).to_owned();
        FluentResource::try_new(text)
            .map_err(|(_, errors)| self.wrong(language, format!("{errors:?}")))
    }

    fn wrong(&self, language: Language, reason: String) -> PageError {
        PageError {
            page: self.name,
            language,
            reason,
        }
    }

    const fn text(&self, language: Language) -> &'static str {
        match language {
            Language::Ja => self.ja,
            Language::En => self.en,
        }
    }

    /// The ids of the messages in `language`, with those of their attributes as `id.attribute`, in
    /// the order of the file.
    #[must_use]
    pub fn keys(&self, language: Language) -> Vec<String> {
        let text = self.text(language);
        let mut keys = Vec::new();
        let mut message = "";
        for line in text.lines() {
            let Some((left, _)) = line.split_once(" =") else {
                continue;
            };
            match left.trim_start().strip_prefix('.') {
                Some(attribute) if line.starts_with(' ') => {
                    keys.push(format!("{message}.{attribute}"));
                }
                None if !line.starts_with([' ', '#']) => {
                    message = left;
                    keys.push(left.to_owned());
                }
                _ => {}
            }
        }
        keys
    }

    /// The `$names` that the message or attribute `key` uses in `language`, sorted: both languages
    /// should use the same.
    #[must_use]
    pub fn values(&self, language: Language, key: &str) -> Vec<String> {
        let text = self.text(language);
        let mut inside = false;
        let (message, attribute) = key.split_once('.').unwrap_or((key, ""));
        let mut current = "";
        let mut found = Vec::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some((left, _)) = line.split_once(" =") {
                match left.trim_start().strip_prefix('.') {
                    Some(name) => inside = current == message && name == attribute,
                    None => {
                        current = left;
                        inside = current == message && attribute.is_empty();
                    }
                }
            }
            if inside {
                let names = line.split('$').skip(1);
                found.extend(names.map(|rest| {
                    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                    rest.get(..end.unwrap_or(rest.len()))
                        .unwrap_or_default()
                        .to_owned()
                }));
            }
        }
        found.sort();
        found.dedup();
        found
    }
}

impl Words {
    /// The texts of several pages in one; a text of the same id in a later page is refused.
    ///
    /// # Errors
    /// [`PageError`] of the first page that cannot be read.
    pub fn of(pages: &[Page], language: Language) -> Result<Self, PageError> {
        let mut locales = Vec::new();
        if let Ok(locale) = language.as_str().parse() {
            locales.push(locale);
        }
        let mut bundle = FluentBundle::new_concurrent(locales);
        // The marks around inserted text would break the columns of a table and what is copied.
        bundle.set_use_isolating(false);
        for page in pages {
            bundle
                .add_resource(page.resource(language)?)
                .map_err(|errors| page.wrong(language, format!("{errors:?}")))?;
        }
        Ok(Self { bundle })
    }

    /// The text `id` (`message`, or `message.attribute`) with `values` put in; `None` where the
    /// page has none. A value that is missing shows as its name in braces.
    #[must_use]
    pub fn say<'v>(
        &self,
        id: &str,
        values: impl IntoIterator<Item = (&'v str, &'v str)>,
    ) -> Option<String> {
        let mut arguments = FluentArgs::new();
        for (name, value) in values {
            arguments.set(name, value);
        }
        self.say_with(id, &arguments)
    }

    /// [`Words::say`] with values that may be numbers, so that a text can choose by them.
    #[must_use]
    pub fn say_with(&self, id: &str, arguments: &FluentArgs<'_>) -> Option<String> {
        let (message, attribute) = match id.split_once('.') {
            Some((message, attribute)) => (message, Some(attribute)),
            None => (id, None),
        };
        let found = self.bundle.get_message(message)?;
        let pattern = match attribute {
            Some(attribute) => found.get_attribute(attribute)?.value(),
            None => found.value()?,
        };
        let mut missing = Vec::new();
        let said = self
            .bundle
            .format_pattern(pattern, Some(arguments), &mut missing);
        Some(said.into_owned())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn every_page_reads_in_both_languages() {
        for page in PAGES {
            for language in [Language::Ja, Language::En] {
                let words = page.words(language).unwrap();
                for key in page.keys(language) {
                    assert!(words.say(&key, []).is_some(), "{}: {key}", page.name);
                }
            }
        }
    }

    #[test]
    fn both_languages_have_the_same_texts_with_the_same_values_in_the_same_order() {
        for page in PAGES {
            assert_eq!(page.keys(Language::Ja), page.keys(Language::En));
            for key in page.keys(Language::En) {
                let values = |language| page.values(language, &key);
                assert_eq!(values(Language::Ja), values(Language::En), "{key}");
            }
        }
    }

    #[test]
    fn a_value_is_put_in_as_it_is() {
        let words = DOCTOR.words(Language::En).unwrap();
        let said = words.say("config-unreadable", [("reason", "<b>{ $x }</b>")]);
        assert!(said.unwrap().contains("<b>{ $x }</b>"));
        assert_eq!(words.say("no-such-text", []), None);
    }
}
