//! A check-up: what `doctor` of both programs finds, how its checks are kept apart, and how people
//! and programs read it.
//!
//! A check never changes anything, never stops another, and has a time of its own. What it finds is
//! a code; the code says how bad it is, and the words of `doctor.ftl` say it to people.

mod report;
mod run;
pub mod steps;

pub use report::{Report, check_name};
pub use run::{Chain, Checkup};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Well,
    /// Could not be tried, because a step before it failed.
    NotTried,
    /// Will become a problem, or is worth knowing.
    Warning,
    /// Does not work, or must not stay so.
    Problem,
}

impl Verdict {
    /// The word for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Well => "ok",
            Self::NotTried => "not-tried",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// A code that programs may rely on, and how bad it is. The same code is the id of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// In kebab case.
    pub name: &'static str,
    /// How bad it is.
    pub verdict: Verdict,
}

/// The code of every check that went well and has nothing else to tell.
pub const WELL: Code = Code {
    name: "well",
    verdict: Verdict::Well,
};
/// The code of a step after one that failed.
pub const NOT_TRIED: Code = Code {
    name: "not-tried",
    verdict: Verdict::NotTried,
};
/// The code of a check that was not done in its time.
pub const TOO_SLOW: Code = Code {
    name: "check-too-slow",
    verdict: Verdict::Problem,
};
/// The code of a check that broke off: an error in this program.
pub const BROKE_OFF: Code = Code {
    name: "check-broke-off",
    verdict: Verdict::Problem,
};
/// The codes of this file.
pub const GENERAL: [Code; 4] = [WELL, NOT_TRIED, TOO_SLOW, BROKE_OFF];

/// Names a room's codes, and tests that each has its words.
#[macro_export]
macro_rules! checkup_codes {
    ($( $constant:ident = $verdict:ident $name:literal; )+) => {
        $(
            pub(crate) const $constant: $crate::checkup::Code = $crate::checkup::Code {
                name: $name,
                verdict: $crate::checkup::Verdict::$verdict,
            };
        )+
        #[cfg(test)]
        mod words_of_codes {
            #[test]
            fn every_code_has_its_words_and_every_bad_one_what_mends_it_in_both_languages() {
                use $crate::words::{DOCTOR, Language};
                for language in [Language::Ja, Language::En] {
                    let keys = DOCTOR.keys(language);
                    for code in [ $( super::$constant, )+ ] {
                        assert!(keys.contains(&code.name.to_owned()), "{}", code.name);
                        let mended = keys.contains(&format!("{}.mend", code.name));
                        let well = code.verdict < $crate::checkup::Verdict::Warning;
                        assert!(mended || well, "{}", code.name);
                    }
                }
            }
        }
    };
}

/// What a check says: its code, and the values that its text names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The code.
    pub code: Code,
    /// Values by name; never a secret, a name of a person, or content of a record.
    pub values: Vec<(&'static str, String)>,
}

impl Said {
    /// A code without values.
    #[must_use]
    pub const fn code(code: Code) -> Self {
        Self {
            code,
            values: Vec::new(),
        }
    }

    /// One more value.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.values.push((name, value.to_string()));
        self
    }

    /// All is well, and this is what was seen.
    #[must_use]
    pub fn well(seen: impl ToString) -> Self {
        Self::code(WELL).with("seen", seen)
    }
}

impl From<Code> for Said {
    fn from(code: Code) -> Self {
        Self::code(code)
    }
}

/// What one check found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which check, `room` or `room.step`.
    pub check: &'static str,
    /// Which member it is about, where it is about one.
    pub subject: Option<String>,
    /// What was found.
    pub said: Said,
    /// How long it took, milliseconds.
    pub took_ms: u64,
}
