//! Break-glass on the wire: what is asked without a consent token, and what the person is told of it.
//!
//! `POST /federation/v1/emergency/fhir` carries an [`EmergencyQuestion`]; the responder tells the
//! person's home by `POST /federation/v1/notices` with an [`EmergencyNotice`].
//!
//! Source: CONSENT section 5; PROTOCOL section 4; `docs/WIRE.md` sections 3.10 and 4.7.1.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::consent::Span;
use crate::json;
use crate::refusal::Refusal;
use crate::signature::Actor;
use crate::time::Timestamp;

mod notice;
mod reason;

pub use notice::{EmergencyNotice, NoticeError};
pub use reason::{Reason, ReasonCode, SHORTEST_REASON};

/// The path of notices to the homes of people.
pub const NOTICES_PATH: &str = "/federation/v1/notices";
/// The capability in a member's entry that lets it ask in an emergency.
pub const EMERGENCY_CAPABILITY: &str = "emergency";
/// The only role that asks in an emergency.
pub const EMERGENCY_ROLE: &str = "physician";
/// How long ago the second factor may have been shown, seconds.
pub const SECOND_FACTOR_SECONDS: i64 = 900;
/// The words of `acr` that are a second factor.
pub const SECOND_FACTORS: [&str; 2] = ["passkey", "totp"];
/// The most queries of one question.
pub const MOST_QUERIES: usize = 64;
/// The most questions that a responder lets one member ask on one day in Asia/Tokyo, misses counted.
pub const MOST_OF_A_MEMBER: i64 = 20;
/// The most questions that a practitioner asks on one day in Asia/Tokyo.
pub const MOST_OF_A_PRACTITIONER: i64 = 5;

/// How far the clocks of members may be apart, seconds.
const SKEW_SECONDS: i64 = 60;
const LONGEST_QUERY: usize = 8 * 1024;
const LONGEST_TEXT: usize = 400;

/// Who an emergency question is about: one of two ways to say it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum EmergencyPatient {
    /// By the insured-person identifier.
    Insured(InsuredPerson),
    /// By kana name, birth date and sex.
    Described(DescribedPerson),
}

/// An insured-person identifier as JP Core writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InsuredPerson {
    /// `insurer:symbol:number:branch`. With its branch number: without one it names a family.
    pub insured: String,
}

/// A person as those around them can tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DescribedPerson {
    /// Family and given name in kana, with a space between them.
    pub kana: String,
    /// The birth date, `YYYY-MM-DD`.
    #[serde(rename = "birthDate")]
    pub birth_date: String,
    /// The administrative sex.
    pub gender: EmergencySex,
}

/// The administrative sexes that a person can be told by.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmergencySex {
    /// `female`.
    Female,
    /// `male`.
    Male,
}

impl EmergencyPatient {
    fn is_formed(&self) -> bool {
        match self {
            Self::Insured(InsuredPerson { insured }) => names_one_person(insured),
            Self::Described(person) => {
                let mut words = person.kana.split([' ', '\u{3000}']);
                person.kana.len() <= LONGEST_TEXT
                    && person
                        .kana
                        .chars()
                        .all(|sign| is_kana(sign) || is_space(sign))
                    && words
                        .by_ref()
                        .take(2)
                        .filter(|word| !word.is_empty())
                        .count()
                        == 2
                    && person.birth_date.len() == "0000-00-00".len()
                    && Span::of_fhir(&person.birth_date).is_ok()
            }
        }
    }
}

/// `insurer:symbol:number:branch` with a branch number: what names one person of a family.
fn names_one_person(insured: &str) -> bool {
    let digits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let mut parts = insured.split(':');
    let four = [parts.next(), parts.next(), parts.next(), parts.next()];
    let [Some(insurer), Some(_symbol), Some(number), Some(branch)] = four else {
        return false;
    };
    insured.len() <= LONGEST_TEXT
        && !insured.chars().any(char::is_control)
        && parts.next().is_none()
        && digits(insurer, 8)
        && !number.trim().is_empty()
        && digits(branch, 2)
}

fn is_kana(sign: char) -> bool {
    matches!(sign, '\u{3041}'..='\u{309f}' | '\u{30a0}'..='\u{30ff}' | '\u{ff66}'..='\u{ff9f}')
}

fn is_space(sign: char) -> bool {
    matches!(sign, ' ' | '\u{3000}')
}

/// What is asked in an emergency: the body of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmergencyQuestion {
    /// Who it is about.
    pub patient: EmergencyPatient,
    /// Why. Without one nothing is answered: `btg_reason_required`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The searches, `Type?parameters` each, as in a batch: 1 to [`MOST_QUERIES`].
    pub queries: Vec<String>,
}

/// The body is no emergency question.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an emergency question")]
pub struct EmergencyError;

/// What the responder knows before it reads the body.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether the responder answers emergency questions at all: a setting of the house.
    pub is_answered_here: bool,
    /// Whether the asking member's entry holds [`EMERGENCY_CAPABILITY`].
    pub may_ask: bool,
}

impl EmergencyQuestion {
    /// Reads the body: closed schema, nothing that would be written back otherwise.
    ///
    /// # Errors
    /// [`EmergencyError`].
    pub fn from_json(body: &[u8]) -> Result<Self, EmergencyError> {
        let question: Self = closed(body).ok_or(EmergencyError)?;
        let some = (1..=MOST_QUERIES).contains(&question.queries.len());
        let short = |query: &String| (1..=LONGEST_QUERY).contains(&query.len());
        if some && question.queries.iter().all(short) && question.patient.is_formed() {
            Ok(question)
        } else {
            Err(EmergencyError)
        }
    }

    /// The body.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Judges a request whose signature was verified, in the order of CONSENT section 5: who asks,
    /// what is asked, why. How often, and of whom, is the responder's to say afterwards.
    ///
    /// # Errors
    /// `BtgNotPermitted`, `QueryNotAllowed`, `BtgReasonRequired`.
    pub fn admit(
        body: &[u8],
        standing: Standing,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(Self, Reason), Refusal> {
        if !standing.is_answered_here || !standing.may_ask || !has_second_factor(actor, now) {
            return Err(Refusal::BtgNotPermitted);
        }
        let mut question = Self::from_json(body).or(Err(Refusal::QueryNotAllowed))?;
        match question.reason.take().filter(Reason::is_told) {
            Some(reason) => Ok((question, reason)),
            None => Err(Refusal::BtgReasonRequired),
        }
    }
}

/// Whether a physician asks who showed a second factor at most [`SECOND_FACTOR_SECONDS`] ago.
#[must_use]
pub fn has_second_factor(actor: &Actor, now: Timestamp) -> bool {
    let shown = actor.acr.as_deref();
    let age = actor.at.map(|at| now.seconds_since(at));
    actor.id.is_some()
        && actor.role == EMERGENCY_ROLE
        && shown.is_some_and(|shown| SECOND_FACTORS.contains(&shown))
        && age.is_some_and(|age| {
            (-SKEW_SECONDS..=SECOND_FACTOR_SECONDS.saturating_add(SKEW_SECONDS)).contains(&age)
        })
}

/// A value that is written back as it was read.
fn closed<T: Serialize + DeserializeOwned>(body: &[u8]) -> Option<T> {
    let value = json::parse(body).ok()?;
    let read: T = serde_json::from_value(value.clone()).ok()?;
    // A null, or a list in the place of a structure, would be read too.
    (serde_json::to_value(&read).ok()? == value).then_some(read)
}

#[cfg(test)]
mod tests;
