//! The kinds of data that people decide about, and which kind each resource is of.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

mod classify;

/// The code system of the categories, as `class` in a Consent's provision names them.
pub const CATEGORY_SYSTEM: &str = "urn:musubi:category";

/// A kind of data: the person's words for what is in a chart.
///
/// Source: CONSENT section 2, "Category of a resource".
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// 検査: laboratory results, their reports and specimens.
    Lab,
    /// くすり: what was prescribed, dispensed, given or taken.
    Rx,
    /// バイタル: vital signs, body measurements, activity.
    Vital,
    /// アレルギー.
    Allergy,
    /// 病名.
    Condition,
    /// 処置・手術・予防接種・診察所見.
    Procedure,
    /// 画像: images and their reports.
    Imaging,
    /// 文書: letters, summaries.
    Document,
    /// 遺伝子: chromosomes and genes.
    Genomic,
    /// Anything else. It never leaves a hospital: no scope, no rule and no consent can name it.
    Other,
}

impl Category {
    /// The nine categories that a consent can name, in the order of the protocol's list.
    pub const RELEASABLE: [Self; 9] = [
        Self::Lab,
        Self::Rx,
        Self::Vital,
        Self::Allergy,
        Self::Condition,
        Self::Procedure,
        Self::Imaging,
        Self::Document,
        Self::Genomic,
    ];

    /// The category of a resource: total, and independent of the order of codings.
    ///
    /// `categories` are the (system, code) pairs of `category` (for ImagingStudy also of
    /// `modality`), `codes` those of `code`; an absent system is the empty text. `category`
    /// decides for Observation and DiagnosticReport, `code` only where `category` says nothing
    /// known; a genetic code decides over everything.
    ///
    /// Decided here, because no standard says it: Immunization is `procedure` (予防接種 is
    /// something done to the person, and it must be releasable). Physical examination findings
    /// (`exam`), and observations of `procedure` and `therapy`, are `procedure`: what was found
    /// or done by hand. Social history, surveys and family history are `Other`: smoking, housing,
    /// or the illness of a relative is none of the nine kinds that the person was asked about.
    /// Standalone Medication is `rx`.
    #[must_use]
    pub fn of(resource_type: &str, categories: &[(&str, &str)], codes: &[(&str, &str)]) -> Self {
        classify::category(resource_type, categories, codes)
    }

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lab => "lab",
            Self::Rx => "rx",
            Self::Vital => "vital",
            Self::Allergy => "allergy",
            Self::Condition => "condition",
            Self::Procedure => "procedure",
            Self::Imaging => "imaging",
            Self::Document => "document",
            Self::Genomic => "genomic",
            Self::Other => "other",
        }
    }

    const fn bit(self) -> u16 {
        match self {
            Self::Lab => 1,
            Self::Rx => 1 << 1,
            Self::Vital => 1 << 2,
            Self::Allergy => 1 << 3,
            Self::Condition => 1 << 4,
            Self::Procedure => 1 << 5,
            Self::Imaging => 1 << 6,
            Self::Document => 1 << 7,
            Self::Genomic => 1 << 8,
            Self::Other => 0,
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is none of the nine category words (`other` is not one).
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a category: expected lab, rx, vital, allergy, condition, procedure, imaging, document or genomic"
)]
pub struct CategoryError;

impl FromStr for Category {
    type Err = CategoryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::RELEASABLE
            .into_iter()
            .find(|category| category.as_str() == text)
            .ok_or(CategoryError)
    }
}

impl Serialize for Category {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Category {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// A set of releasable categories: what is asked for, or what a token covers.
///
/// On the wire it is one text of words with single spaces between them, in the order of
/// [`Category::RELEASABLE`]: `lab rx`. `Other` cannot be a member.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Default)]
pub struct Scope(u16);

impl Scope {
    /// No category.
    pub const EMPTY: Self = Self(0);
    /// All nine.
    pub const ALL: Self = Self(0x1ff);

    /// Whether `category` is in the set; never true for `Other`.
    #[must_use]
    pub const fn contains(self, category: Category) -> bool {
        self.0 & category.bit() != 0
    }

    /// The set with `category` added; `Other` adds nothing.
    #[must_use]
    pub const fn with(self, category: Category) -> Self {
        Self(self.0 | category.bit())
    }

    /// What is in both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in either set.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether everything here is in `other` too.
    #[must_use]
    pub const fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// The members, in the order of [`Category::RELEASABLE`].
    pub fn iter(self) -> impl Iterator<Item = Category> {
        Category::RELEASABLE
            .into_iter()
            .filter(move |category| self.contains(*category))
    }
}

impl FromIterator<Category> for Scope {
    fn from_iter<I: IntoIterator<Item = Category>>(categories: I) -> Self {
        categories.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, category) in self.iter().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            f.write_str(category.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scope({self})")
    }
}

impl FromStr for Scope {
    type Err = CategoryError;

    /// At least one word, in the protocol's order, one space between two: a scope has one
    /// spelling, because it is signed.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let scope = text
            .split(' ')
            .map(str::parse)
            .collect::<Result<Self, CategoryError>>()?;
        if scope.to_string() == text {
            Ok(scope)
        } else {
            Err(CategoryError)
        }
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_reads_back_as_it_is_written() {
        let scope: Scope = [Category::Rx, Category::Lab].into_iter().collect();
        assert_eq!(scope.to_string(), "lab rx");
        assert_eq!("lab rx".parse(), Ok(scope));
        assert_eq!(Scope::ALL.to_string().parse(), Ok(Scope::ALL));
    }

    #[test]
    fn an_odd_scope_is_refused() {
        for text in [
            "", "lab  rx", " lab", "lab lab", "rx lab", "other", "lab,rx", "LAB",
        ] {
            assert_eq!(text.parse::<Scope>(), Err(CategoryError), "{text}");
        }
    }

    #[test]
    fn other_is_in_no_scope() {
        assert!(!Scope::ALL.contains(Category::Other));
        assert!(Scope::EMPTY.with(Category::Other).is_empty());
    }
}
