//! What a question is asked for: the purposes of use that a member may state.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The code system of the purposes: HL7 v3 `ActReason`.
pub const PURPOSE_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";

/// A purpose of use. On the wire it is the v3-ActReason code, upper case.
///
/// Source: PROTOCOL section 4, `Fed-Purpose`; CONSENT section 2.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// `TREAT`: treating the patient.
    Treat,
    /// `ETREAT`: treating the patient in an emergency, with a consent.
    Etreat,
    /// `PATRQT`: at the patient's own request; a store of the patient's choosing (外部保存).
    Patrqt,
    /// `HRESCH`: research.
    Hresch,
    /// `PUBHLTH`: public health.
    Pubhlth,
    /// `BTG`: break-glass, without a consent. Its own request kind; never in a token.
    Btg,
}

impl Purpose {
    /// Every purpose, in the order of the protocol's list.
    pub const ALL: [Self; 6] = [
        Self::Treat,
        Self::Etreat,
        Self::Patrqt,
        Self::Hresch,
        Self::Pubhlth,
        Self::Btg,
    ];

    /// The v3-ActReason code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Treat => "TREAT",
            Self::Etreat => "ETREAT",
            Self::Patrqt => "PATRQT",
            Self::Hresch => "HRESCH",
            Self::Pubhlth => "PUBHLTH",
            Self::Btg => "BTG",
        }
    }

    /// Whether a consent token may carry it: all but break-glass.
    #[must_use]
    pub const fn fits_in_token(self) -> bool {
        !matches!(self, Self::Btg)
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is not one of the six purpose codes.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a purpose of use: expected TREAT, ETREAT, PATRQT, HRESCH, PUBHLTH or BTG")]
pub struct PurposeError;

impl FromStr for Purpose {
    type Err = PurposeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|purpose| purpose.as_str() == text)
            .ok_or(PurposeError)
    }
}

impl Serialize for Purpose {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Purpose {
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
    fn a_purpose_reads_back_as_it_is_written() {
        for purpose in Purpose::ALL {
            assert_eq!(purpose.to_string().parse(), Ok(purpose));
        }
    }

    #[test]
    fn lower_case_and_unknown_codes_are_no_purposes() {
        for text in ["treat", "", "HMARKT", "TREAT "] {
            assert_eq!(text.parse::<Purpose>(), Err(PurposeError), "{text}");
        }
    }
}
