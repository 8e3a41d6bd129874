//! What a page's form says: names may come several times.

use std::str::FromStr;

use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use federation_protocol::base64url;
use federation_protocol::category::{Category, Scope};
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;
use federation_service::problem::Problem;

use crate::federation::query::form_pairs;

/// The longest form, bytes.
const LONGEST: usize = 32 * 1_024;

/// A form's fields.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a body.
    ///
    /// # Errors
    /// No form, or too long.
    pub(super) fn of(body: &Bytes) -> Result<Self, Problem> {
        if body.len() > LONGEST {
            return Err(malformed());
        }
        form_pairs(body).map(Self).or(Err(malformed()))
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let mut fields = self.0.iter();
        let found = fields.find(|(field, value)| field == name && !value.trim().is_empty());
        found.map(|(_, value)| value.trim())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.text(name).is_some()
    }

    pub(super) fn one<T: FromStr>(&self, name: &str) -> Result<T, Problem> {
        let text = self.text(name).ok_or_else(malformed)?;
        text.parse().or(Err(malformed()))
    }

    /// Every value of a name.
    pub(super) fn each<T: FromStr>(&self, name: &str) -> Result<Vec<T>, Problem> {
        let values = self.0.iter().filter(|(field, _)| field == name);
        values
            .map(|(_, value)| value.parse().or(Err(malformed())))
            .collect()
    }

    pub(super) fn kinds(&self) -> Result<Scope, Problem> {
        Ok(self.each::<Category>("kind")?.into_iter().collect())
    }

    /// What the phone signed: `signature` fields beside `signed-for` fields, in the same order.
    pub(super) fn signatures(&self) -> Result<Vec<(MemberId, [u8; 64])>, Problem> {
        let hospitals: Vec<MemberId> = self.each("signed-for")?;
        let signatures: Vec<String> = self.each("signature")?;
        if hospitals.len() != signatures.len() {
            return Err(malformed());
        }
        let pairs = hospitals.into_iter().zip(signatures);
        pairs
            .map(|(hospital, text)| match base64url::decode_array(&text) {
                Ok(signature) => Ok((hospital, signature)),
                Err(_) => Err(malformed()),
            })
            .collect()
    }

    /// A moment in seconds since 1970.
    pub(super) fn seconds(&self, name: &str) -> Result<Option<Timestamp>, Problem> {
        match self.text(name) {
            Some(text) => {
                let seconds: u32 = text.parse().or(Err(malformed()))?;
                Ok(Some(Timestamp::from_unix_seconds(i64::from(seconds))))
            }
            None => Ok(None),
        }
    }
}

pub(super) fn malformed() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "form_malformed",
        "The form cannot be read",
    )
}
