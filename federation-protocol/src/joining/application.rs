//! The application: a description, vouched for by the keys in it, with the code that invited it.

use serde::{Deserialize, Serialize};

use crate::directory::{DescriptionError, MemberDescription};
use crate::json;
use crate::jws::{Compact, JwsError, PayloadHash, sign_compact};
use crate::keys::Sign;
use crate::time::Timestamp;
use crate::verified::Verified;

use super::token::InvitationCode;
use super::{STATEMENT_SECONDS, VERSION};

/// `typ` of an application.
pub const APPLICATION_TYP: &str = "musubi-application+jwt";

/// The longest application that is read, bytes: a description is at most 256 KiB before it is
/// encoded once more.
pub const LONGEST_APPLICATION: usize = 384 * 1_024;

const LONGEST_TEXT: usize = 256;

/// Whom the operators can call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// Who answers for the node.
    pub name: String,
    /// Where they are called; the operator compares it with a number from elsewhere.
    pub phone: String,
    /// Where mail reaches them; may be empty.
    pub email: String,
}

impl Contact {
    /// Whether all texts are short and without control characters, and somebody can be called.
    fn is_sound(&self) -> bool {
        let sound = |text: &str| text.len() <= LONGEST_TEXT && !text.chars().any(char::is_control);
        [&self.name, &self.phone, &self.email]
            .into_iter()
            .all(|text| sound(text))
    }
}

/// What a node posts to join: `POST /v1/applications`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// 1.
    pub ver: u32,
    /// The root that the applicant pinned: an application is worth nothing at another registry.
    pub root: PayloadHash,
    /// The invitation's code.
    pub code: InvitationCode,
    /// When it was signed.
    pub iat: Timestamp,
    /// Whom the operators can call.
    pub contact: Contact,
    /// The description, compact JWS of the same `sign` key. Its `jti` is what every other key
    /// signed.
    pub description: String,
}

/// Why an application is not read.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplicationError {
    /// Not the signed statement that it should be.
    #[error("not an application: {0}")]
    Form(#[from] JwsError),
    /// The payload does not fit its schema.
    #[error("the application does not fit its schema")]
    Schema,
    /// Signed too long ago, or in the future.
    #[error("the application was signed more than {STATEMENT_SECONDS} s from now")]
    Time,
    /// The description in it is not sound.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// The application is not signed by the key that signed the description.
    #[error("the application's signature does not fit")]
    Signature,
}

impl Application {
    /// An application to be signed.
    #[must_use]
    pub fn new(
        root: PayloadHash,
        code: InvitationCode,
        contact: Contact,
        description: String,
        now: Timestamp,
    ) -> Self {
        Self {
            ver: VERSION,
            root,
            code,
            iat: now,
            contact,
            description,
        }
    }

    /// Signs with the `sign` key of the description.
    #[must_use]
    pub fn sign(&self, sign: &dyn Sign) -> String {
        // Our own structures always serialise.
        let payload = serde_json::to_vec(self).unwrap_or_default();
        sign_compact(APPLICATION_TYP, &payload, sign)
    }

    /// What an application says, before anything of it is believed: its code can be looked up
    /// before a signature is worked on.
    ///
    /// # Errors
    /// `Form`, `Schema`.
    pub fn read(text: &str) -> Result<Self, ApplicationError> {
        let jws = Compact::parse(text.trim(), APPLICATION_TYP, LONGEST_APPLICATION)?;
        let application: Self = json::parse_as(&jws.payload).or(Err(ApplicationError::Schema))?;
        let fits = application.ver == VERSION && application.contact.is_sound();
        fits.then_some(application).ok_or(ApplicationError::Schema)
    }

    /// Opens an application: its description, and that both are one key's.
    ///
    /// # Errors
    /// [`ApplicationError`], the first in the order of its variants.
    ///
    /// Source: PROTOCOL section 3, step 2.
    pub fn verify(
        text: &str,
        now: Timestamp,
    ) -> Result<(Verified<Self>, Verified<MemberDescription>), ApplicationError> {
        let application = Self::read(text)?;
        if !super::applicant::is_fresh(application.iat, now) {
            return Err(ApplicationError::Time);
        }
        let description = MemberDescription::verify(&application.description)?;
        let jws = Compact::parse(text.trim(), APPLICATION_TYP, LONGEST_APPLICATION)?;
        let signer = description.signer().filter(|key| key.kid == jws.kid);
        let key = signer
            .and_then(|key| key.public_key())
            .ok_or(ApplicationError::Signature)?;
        jws.verify(&key).or(Err(ApplicationError::Signature))?;
        Ok((Verified::new(application), description))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;
    use crate::keys::SecretKey;
    use crate::sample::{NOW, SampleMember};

    fn minato() -> SampleMember {
        SampleMember::new("0110000001", 10)
    }

    fn application() -> Application {
        let minato = minato();
        let described = MemberDescription::new(minato.profile(), "test 1", [3; 16], NOW)
            .sign(&minato.sign, &[&minato.consent, &minato.recovery]);
        let contact = Contact {
            name: "情報管理室".into(),
            phone: "011-000-0000".into(),
            email: String::new(),
        };
        let code = InvitationCode::new([7; 16]);
        Application::new(PayloadHash::of(b"root"), code, contact, described, NOW)
    }

    #[test]
    fn an_application_is_its_own_keys_word() {
        let signed = application().sign(&minato().sign);
        let (opened, description) = Application::verify(&signed, NOW).unwrap();
        assert_eq!(*opened, application());
        assert_eq!(description.member, minato().profile());
    }

    #[test]
    fn anothers_description_cannot_be_handed_in() {
        let thief = SecretKey::from_seed([66; 32]);
        let refused = Application::verify(&application().sign(&thief), NOW);
        assert_eq!(refused.unwrap_err(), ApplicationError::Signature);
    }

    #[test]
    fn an_old_application_and_one_of_tomorrow_are_refused() {
        let signed = application().sign(&minato().sign);
        for seconds in [STATEMENT_SECONDS + 1, -STATEMENT_SECONDS - 1] {
            let refused = Application::verify(&signed, NOW.plus_seconds(seconds));
            assert_eq!(refused.unwrap_err(), ApplicationError::Time);
        }
        assert!(Application::verify(&signed, NOW.plus_seconds(STATEMENT_SECONDS)).is_ok());
    }

    #[test]
    fn the_schema_is_closed() {
        let payload = serde_json::to_string(&application()).unwrap();
        let twice = payload.replacen("\"ver\":1", "\"ver\":1,\"ver\":1", 1);
        let more = payload.replacen("\"ver\":1", "\"ver\":1,\"more\":1", 1);
        let other = payload.replacen("\"ver\":1", "\"ver\":2", 1);
        let loud = payload.replacen("011-000-0000", "011\\n000", 1);
        for payload in [twice, more, other, loud] {
            let signed = sign_compact(APPLICATION_TYP, payload.as_bytes(), &minato().sign);
            assert_eq!(Application::read(&signed), Err(ApplicationError::Schema));
        }
    }
}
