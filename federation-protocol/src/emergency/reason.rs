//! Why somebody asks without a consent.

use serde::{Deserialize, Serialize};

/// The fewest characters of a reason's text.
pub const SHORTEST_REASON: usize = 10;
/// The most characters.
const LONGEST_REASON: usize = 500;

/// Why, in a word that officers can sort by.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    /// The person is unconscious.
    Unconscious,
    /// Awake, but cannot make themself understood or decide.
    Incapacitated,
    /// Life is in danger, and there is no time to ask.
    LifeThreatening,
    /// Many are hurt at once.
    Disaster,
    /// Something else, as the text says.
    Other,
}

impl ReasonCode {
    /// Every code.
    pub const ALL: [Self; 5] = [
        Self::Unconscious,
        Self::Incapacitated,
        Self::LifeThreatening,
        Self::Disaster,
        Self::Other,
    ];

    /// The word on the wire and in the audit.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unconscious => "unconscious",
            Self::Incapacitated => "incapacitated",
            Self::LifeThreatening => "life_threatening",
            Self::Disaster => "disaster",
            Self::Other => "other",
        }
    }

    /// The code of a word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == word)
    }
}

/// Why somebody asks without a consent, in a word and in their own. The person reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// The word.
    pub code: ReasonCode,
    /// The text, [`SHORTEST_REASON`] to 500 characters without those at either end that are spaces.
    pub text: String,
}

impl Reason {
    /// Whether the text says something: long enough, not one character over and over, no control
    /// characters.
    #[must_use]
    pub fn is_told(&self) -> bool {
        let text = self.text.trim();
        let signs = text.chars().filter(|sign| !sign.is_whitespace()).count();
        let first = text.chars().next();
        signs >= SHORTEST_REASON
            && text.chars().count() <= LONGEST_REASON
            && !text.chars().any(char::is_control)
            && text.chars().any(|sign| Some(sign) != first)
    }
}
