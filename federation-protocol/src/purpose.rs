//! What an access is for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The purpose of an access, as a code of v3-ActReason.
///
/// Source: PROTOCOL section 4, `Fed-Purpose`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Purpose {
    /// Treatment.
    Treat,
    /// Emergency treatment.
    Etreat,
    /// The person's own request.
    Patrqt,
    /// Research.
    Hresch,
    /// Public health.
    Pubhlth,
    /// Break-glass: on the emergency path only, never in a token.
    Btg,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 6] = [
        Self::Treat,
        Self::Etreat,
        Self::Patrqt,
        Self::Hresch,
        Self::Pubhlth,
        Self::Btg,
    ];

    /// The code.
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
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is no purpose.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a purpose of use")]
pub struct PurposeError;

impl FromStr for Purpose {
    type Err = PurposeError;

    fn from_str(text: &str) -> Result<Self, PurposeError> {
        Self::ALL
            .into_iter()
            .find(|purpose| purpose.as_str() == text)
            .ok_or(PurposeError)
    }
}
