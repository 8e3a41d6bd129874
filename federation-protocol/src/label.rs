//! Sensitivity labels: what marks a resource as especially private.

use std::fmt;
use std::str::FromStr;

pub use self::table::{LABEL_TABLE_VERSION, labels_of};

mod table;

/// The code system of the labels other than NOPAT: HL7 v3 `ActCode`.
pub const LABEL_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
/// The code system of the confidentiality codes: HL7 v3 `Confidentiality`.
pub const CONFIDENTIALITY_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";

/// One sensitivity.
///
/// Source: CONSENT section 2, "Sensitivity labels"; codes from v3-ActCode.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// `PSY`: psychiatry.
    Psy,
    /// `HIV`.
    Hiv,
    /// `SDV`: sexual assault, abuse, domestic violence.
    Sdv,
    /// `ETH`: substance abuse.
    Eth,
    /// `GDIS`: genetic disease.
    Gdis,
    /// `NOPAT`: not for the patient before the doctor has spoken. Not a sensitivity: it makes
    /// nothing Restricted, and only stops release for PATRQT.
    Nopat,
}

impl Label {
    /// Every label, in the order of their bits.
    pub const ALL: [Self; 6] = [
        Self::Psy,
        Self::Hiv,
        Self::Sdv,
        Self::Eth,
        Self::Gdis,
        Self::Nopat,
    ];

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Psy => "PSY",
            Self::Hiv => "HIV",
            Self::Sdv => "SDV",
            Self::Eth => "ETH",
            Self::Gdis => "GDIS",
            Self::Nopat => "NOPAT",
        }
    }

    /// The label that a coding of `meta.security` states: v3-ActCode `PSY`, `HIV`, `SDV`, `ETH`,
    /// `GDIS`, and `TBOO` ("taboo", which v3-ActCode has for what NOPAT says) or `NOPAT`.
    #[must_use]
    pub fn from_security(system: &str, code: &str) -> Option<Self> {
        let acts = [
            "",
            LABEL_SYSTEM,
            "http://hl7.org/fhir/v3/ActCode",
            "urn:oid:2.16.840.1.113883.5.4",
        ];
        if !acts.contains(&system) {
            return None;
        }
        if code == "TBOO" {
            Some(Self::Nopat)
        } else {
            code.parse().ok()
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Psy => 1,
            Self::Hiv => 1 << 1,
            Self::Sdv => 1 << 2,
            Self::Eth => 1 << 3,
            Self::Gdis => 1 << 4,
            Self::Nopat => 1 << 5,
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no sensitivity label.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a sensitivity label: expected PSY, HIV, SDV, ETH, GDIS or NOPAT")]
pub struct LabelError;

impl FromStr for Label {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|label| label.as_str() == text)
            .ok_or(LabelError)
    }
}

/// A resource is Normal or Restricted: v3-Confidentiality `N` or `R`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidentiality {
    /// `N`: carries no sensitivity.
    Normal,
    /// `R`: carries at least one.
    Restricted,
}

/// The labels of one resource: a set, stored as the bits of an integer.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Labels(u8);

impl Labels {
    /// No label.
    pub const NONE: Self = Self(0);
    const SENSITIVITIES: u8 = 0b1_1111;
    const EVERY: u8 = 0b11_1111;

    /// The set as an integer for a column: bit 0 PSY, 1 HIV, 2 SDV, 3 ETH, 4 GDIS, 5 NOPAT.
    #[must_use]
    pub fn to_bits(self) -> i64 {
        i64::from(self.0)
    }

    /// The set of a stored integer. Bits that no label has are read as "every sensitivity": a
    /// newer writer must never make an older reader release more.
    #[must_use]
    pub fn from_bits(bits: i64) -> Self {
        match u8::try_from(bits) {
            Ok(bits) if bits & !Self::EVERY == 0 => Self(bits),
            _ => Self(Self::EVERY),
        }
    }

    /// The set with `label` added.
    #[must_use]
    pub const fn with(self, label: Label) -> Self {
        Self(self.0 | label.bit())
    }

    /// What is in either set.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `label` is in the set.
    #[must_use]
    pub const fn contains(self, label: Label) -> bool {
        self.0 & label.bit() != 0
    }

    /// Whether any label is in both sets.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Without NOPAT: what makes a resource Restricted.
    #[must_use]
    pub const fn sensitivities(self) -> Self {
        Self(self.0 & Self::SENSITIVITIES)
    }

    /// Whether everything here is in `other` too.
    #[must_use]
    pub const fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Restricted if any label but NOPAT is in the set, else Normal.
    #[must_use]
    pub const fn confidentiality(self) -> Confidentiality {
        if self.sensitivities().is_empty() {
            Confidentiality::Normal
        } else {
            Confidentiality::Restricted
        }
    }

    /// The members, in the order of [`Label::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Label> {
        Label::ALL
            .into_iter()
            .filter(move |label| self.contains(*label))
    }
}

impl FromIterator<Label> for Labels {
    fn from_iter<I: IntoIterator<Item = Label>>(labels: I) -> Self {
        labels.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_read_back_as_written() {
        for bits in 0..64 {
            assert_eq!(Labels::from_bits(bits).to_bits(), bits);
        }
    }

    #[test]
    fn unknown_bits_hide_rather_than_show() {
        for bits in [64, -1, i64::MAX] {
            assert_eq!(
                Labels::from_bits(bits).confidentiality(),
                Confidentiality::Restricted
            );
            assert!(Labels::from_bits(bits).contains(Label::Nopat));
        }
    }

    #[test]
    fn nopat_alone_stays_normal() {
        let nopat = Labels::NONE.with(Label::Nopat);
        assert_eq!(nopat.confidentiality(), Confidentiality::Normal);
        assert_eq!(
            nopat.with(Label::Hiv).confidentiality(),
            Confidentiality::Restricted
        );
    }

    #[test]
    fn taboo_in_meta_security_is_nopat() {
        assert_eq!(
            Label::from_security(LABEL_SYSTEM, "TBOO"),
            Some(Label::Nopat)
        );
        assert_eq!(Label::from_security(LABEL_SYSTEM, "PSY"), Some(Label::Psy));
        assert_eq!(Label::from_security(CONFIDENTIALITY_SYSTEM, "PSY"), None);
    }
}
