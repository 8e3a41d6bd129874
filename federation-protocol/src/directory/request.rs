//! What a member hands in to have its entry replaced: the next entry, for the approvers to sign.
//!
//! The member writes the entry itself and signs it with its recovery key, so that what approvers
//! countersign is word for word what the hospital wants. Signed by another key, or described only, a
//! replacement is held for 24 hours.

use serde::{Deserialize, Serialize};

use crate::json;
use crate::jws::General;
use crate::keys::Sign;

use super::description::{DescriptionError, MemberDescription};
use super::entry::{ENTRY_TYP, Entry};
use super::profile::{Profile, ProfileError};
use super::{DOCUMENT_VERSION, payload};

const LONGEST: usize = 512 * 1_024;

/// The next entry of a member, signed by the member; beside it, where it names keys that the entry
/// before does not, the proof that the member has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplacementRequest {
    /// The entry, for the approvers to sign too.
    pub entry: General,
    /// A [`MemberDescription`] of the same profile, as `describe` writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Why a request is not put before the approvers.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplacementError {
    /// It is no such request.
    #[error("not a request for a replacement")]
    Schema,
    /// What its entry says cannot be.
    #[error("the entry is not sound: {0}")]
    Profile(#[from] ProfileError),
    /// It is about another member.
    #[error("it is about another member")]
    OtherMember,
    /// It names a key that nobody has proved to have.
    #[error("it names a new key without the description that proves it")]
    NoProof,
    /// The description does not stand up.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// The description says something else than the entry.
    #[error("its description says something else than its entry")]
    OtherProfile,
}

impl ReplacementRequest {
    /// The entry, signed by the member with `key`: its recovery key, if the replacement is to count
    /// at once.
    #[must_use]
    pub fn new(entry: &Entry, key: &dyn Sign, description: Option<String>) -> Self {
        Self {
            entry: General::new(&payload(entry)).signed(ENTRY_TYP, key),
            description,
        }
    }

    /// Reads the JSON form; white space around it does not matter. Nothing is verified yet.
    ///
    /// # Errors
    /// [`ReplacementError::Schema`].
    pub fn read(text: &str) -> Result<Self, ReplacementError> {
        let text = text.trim();
        if text.len() > LONGEST {
            return Err(ReplacementError::Schema);
        }
        json::parse_as(text.as_bytes()).or(Err(ReplacementError::Schema))
    }

    /// The JSON form.
    #[must_use]
    pub fn to_json(&self) -> String {
        String::from_utf8(payload(self)).unwrap_or_default()
    }

    /// What the entry says, if it may follow `before`: every key in it is one of `before`, or proved
    /// by the description. Whose signatures it bears is judged by [`Entry::verify`] and
    /// [`Entry::vouches_for`].
    ///
    /// # Errors
    /// [`ReplacementError`], the first in the order of its variants.
    pub fn check(&self, before: &Profile) -> Result<Entry, ReplacementError> {
        let schema = || ReplacementError::Schema;
        let opened = self.entry.open(ENTRY_TYP).map_err(|_form| schema())?;
        let entry: Entry = json::parse_as(&opened.payload).map_err(|_form| schema())?;
        if entry.ver != DOCUMENT_VERSION {
            return Err(schema());
        }
        entry.member.check()?;
        if entry.member.id != before.id {
            return Err(ReplacementError::OtherMember);
        }
        let known = |profile: &Profile| {
            let mut keys = profile.keys.iter();
            keys.all(|key| {
                before
                    .keys
                    .iter()
                    .any(|one| one.kid == key.kid && one.key_use == key.key_use)
            })
        };
        match &self.description {
            None if known(&entry.member) => Ok(entry),
            None => Err(ReplacementError::NoProof),
            Some(text) => {
                let described = MemberDescription::verify(text)?;
                match described.member == entry.member {
                    true => Ok(entry),
                    false => Err(ReplacementError::OtherProfile),
                }
            }
        }
    }
}
