//! What people read on this node's pages, in Japanese and in English: one Fluent file a room, in
//! `node/words/{ja,en}`, compiled in.
//!
//! A text is named by its key, which begins with its file's name (`clinic-timeline-title`). Tests
//! hold the languages against each other and the keys against the pages that name them.

use std::sync::Arc;

use federation_service::words::{FluentArgs, FluentValue, Page, PageError, Words};

pub use federation_service::words::Language;

/// The texts of one file in both languages.
macro_rules! file {
    ($name:literal) => {
        Page::new(
            $name,
            include_str!(concat!("../../words/ja/", $name, ".ftl")),
            include_str!(concat!("../../words/en/", $name, ".ftl")),
        )
    };
}

/// Every file there is.
#[rustfmt::skip]
pub const FILES: &[Page] = &[
    file!("clinic"),
    file!("desk"),
    file!("entry"),
    file!("operations"),
    file!("pages"),
    file!("patient"),
    file!("problem"),
    file!("results"),
    file!("sharing"),
    file!("vitals"),
];

/// Both languages, ready to speak. Cheap to clone.
#[derive(Clone)]
pub struct Languages {
    ja: Speech,
    en: Speech,
}

impl Languages {
    /// Reads every file.
    ///
    /// # Errors
    /// A file cannot be read: never (test).
    pub fn open() -> Result<Self, PageError> {
        Ok(Self {
            ja: Speech::of(FILES, Language::Ja)?,
            en: Speech::of(FILES, Language::En)?,
        })
    }

    /// The texts in `language`.
    #[must_use]
    pub fn speech(&self, language: Language) -> &Speech {
        match language {
            Language::Ja => &self.ja,
            Language::En => &self.en,
        }
    }
}

/// The texts in one language. Cheap to clone.
#[derive(Clone)]
pub struct Speech {
    language: Language,
    words: Arc<Words>,
}

impl Speech {
    fn of(files: &[Page], language: Language) -> Result<Self, PageError> {
        let words = Arc::new(Words::of(files, language)?);
        Ok(Self { language, words })
    }

    /// Which language.
    #[must_use]
    pub const fn language(&self) -> Language {
        self.language
    }

    /// The text `key` with `values` put in; the key itself where there is none (test: never).
    #[must_use]
    pub fn say(&self, key: &str, values: &[(&str, &dyn Value)]) -> String {
        let mut arguments = FluentArgs::new();
        for (name, value) in values {
            arguments.set(*name, value.fluent());
        }
        let said = self.words.say_with(key, &arguments);
        said.unwrap_or_else(|| key.to_owned())
    }

    /// The text `key`, where there is one.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<String> {
        self.words.say(key, [])
    }
}

/// What can be put into a text.
pub trait Value {
    /// The value as Fluent takes it.
    fn fluent(&self) -> FluentValue<'_>;
}

impl Value for str {
    fn fluent(&self) -> FluentValue<'_> {
        FluentValue::from(self)
    }
}

impl Value for String {
    fn fluent(&self) -> FluentValue<'_> {
        FluentValue::from(self.as_str())
    }
}

impl<T: Value + ?Sized> Value for &T {
    fn fluent(&self) -> FluentValue<'_> {
        (**self).fluent()
    }
}

macro_rules! number {
    ($($kind:ty),*) => {$(
        impl Value for $kind {
            fn fluent(&self) -> FluentValue<'_> {
                FluentValue::from(*self)
            }
        }
    )*};
}

number!(u16, u32, i32, i64, u64, usize);

#[cfg(test)]
mod tests;
