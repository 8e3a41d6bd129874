//! How a person comes in for the first time: a code that the desk prints, and their birth date.
//!
//! The code is eight letters for people with old eyes, so it opens nothing alone: with it goes the birth
//! date, both are kept as keyed digests only, five wrong tries lock it for a while and fifteen for good.
//! Whatever is wrong is told alike.

use std::fmt;

use federation_protocol::base64url;
use federation_protocol::time::Timestamp;
use reqwest::Url;
use unicode_normalization::UnicodeNormalization as _;
use webauthn_rs::prelude::RegisterPublicKeyCredential;
use zeroize::Zeroizing;

use super::birth::BirthDate;
use super::ceremony::Ceremony;
use super::passkeys::{Begun, Holder, Kept, handle_of_person, keep_and_enter};
use super::session::{Shown, owner_line};
use super::{Caller, EntryError, Identity, IdentityError, Owner, PersonId, PlainSession, store};
use crate::audit::{self, Kind, Line};
use crate::database::{DatabaseError, HospitalConnection, Rid};

/// How long a code is good, seconds.
pub const CODE_LIFE_SECONDS: i64 = 24 * 3_600;
/// Characters of a code.
const LENGTH: usize = 8;
/// Crockford's alphabet without what old eyes and dim printers mix up: neither `0` nor `1`, nor letters
/// like them, nor both of a pair.
const ALPHABET: &[u8; 28] = b"23456789ABCDEFGHJKMNPQRTVWXY";
/// So many wrong tries within the window lock a code.
const MOST_MISSES: i64 = 5;
const MISS_WINDOW_SECONDS: i64 = 600;
/// So many wrong tries end it.
const MOST_MISSES_EVER: i64 = 15;

/// An enrolment code in the clear: shown once, on paper. No `Debug`.
pub struct PlainEnrolment(Zeroizing<String>);

impl PlainEnrolment {
    fn random() -> Result<Self, IdentityError> {
        let mut code = Zeroizing::new(String::with_capacity(LENGTH));
        while code.len() < LENGTH {
            let mut byte = [0_u8];
            getrandom::fill(&mut byte).map_err(|_none| IdentityError::Entropy)?;
            // 252 is a multiple of 28: every letter is equally likely.
            let [byte] = byte;
            let letter = ALPHABET.get(usize::from(byte % 28)).filter(|_| byte < 252);
            code.extend(letter.map(|letter| char::from(*letter)));
        }
        Ok(Self(code))
    }

    /// Reads what somebody typed: full-width or not, in any case, with spaces and hyphens. What nobody
    /// was given stays a code: a wrong try counts whatever its shape.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let letters = text.nfkc().filter(char::is_ascii_alphanumeric);
        let letters = letters.map(|letter| letter.to_ascii_uppercase());
        Self(Zeroizing::new(letters.take(LENGTH * 4).collect()))
    }

    /// In two groups of four, `7K2Q-9D4H`.
    #[must_use]
    pub fn grouped(&self) -> Zeroizing<String> {
        match self.0.split_at_checked(LENGTH / 2) {
            Some((first, second)) => Zeroizing::new(format!("{first}-{second}")),
            None => self.0.clone(),
        }
    }
}

impl fmt::Display for PlainEnrolment {
    /// Never its text: whoever shows it asks for [`PlainEnrolment::grouped`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainEnrolment(..)")
    }
}

/// A code that was just made.
pub struct EnrolmentCode {
    /// What is printed.
    pub code: PlainEnrolment,
    /// From when on it opens nothing.
    pub expires_at: Timestamp,
}

impl EnrolmentCode {
    /// The address that the QR code beside it holds, at the patient listener's `origin`: the code stands
    /// behind `#`, where no server and no log sees it.
    #[must_use]
    pub fn url(&self, origin: &Url) -> String {
        let origin = origin.origin().ascii_serialization();
        format!("{origin}/p/start#{}", self.code.grouped().as_str())
    }
}

/// A code's row.
#[derive(Clone)]
pub(super) struct KeptCode {
    pub(super) digest: [u8; 32],
    pub(super) birth: [u8; 32],
    pub(super) person: PersonId,
    pub(super) patient: Rid,
    pub(super) expires_at: Timestamp,
}

impl Identity {
    /// Makes a code for an enrolled person, whose own chart here says that they were born on `birth`.
    /// Those made before for them end.
    ///
    /// # Errors
    /// `Entropy`, `Database`.
    pub async fn enrolment_code(
        &self,
        person: &PersonId,
        patient: Rid,
        birth: BirthDate,
        by: super::staff::By,
    ) -> Result<EnrolmentCode, IdentityError> {
        let code = PlainEnrolment::random()?;
        let now = self.clock.now();
        let expires_at = now.plus_seconds(CODE_LIFE_SECONDS);
        let kept = KeptCode {
            digest: self.digest_of_code(&code),
            birth: self.digest_of_both(&code, birth),
            person: person.clone(),
            patient,
            expires_at,
        };
        self.database
            .transact(move |connection| {
                store::enrolment::end_all(connection, &kept.person, now)?;
                store::enrolment::insert(connection, &kept, now)?;
                let line = by.made_code(now, &kept);
                audit::append(connection, &line)?;
                Ok::<_, IdentityError>(())
            })
            .await?;
        Ok(EnrolmentCode { code, expires_at })
    }

    /// Begins the passkey of the person whom this code was printed for.
    ///
    /// # Errors
    /// `Refused`, alike for a code that is unknown, used, over or locked and for another birth date;
    /// `Site`, `Busy`, `TooMany`, `Database`.
    pub async fn begin_enrolment(
        &self,
        origin: &Url,
        code: &str,
        birth: &str,
    ) -> Result<Begun, EntryError> {
        let code = PlainEnrolment::read(code);
        let digest = self.digest_of_code(&code);
        let birth = BirthDate::read(birth).map(|birth| self.digest_of_both(&code, birth));
        let now = self.clock.now();
        // What is refused is committed as well: the count of wrong tries must stay.
        let judged = self
            .database
            .transact(move |connection| judge(connection, digest, birth, now))
            .await?;
        let Some(kept) = judged else {
            return Err(EntryError::Refused);
        };
        let owner = Owner::Person(kept.person.clone());
        let holder = Holder {
            handle: handle_of_person(&owner)?,
            name: &self.organization,
            owner: &owner,
        };
        let (options, state) = self.start_registration(origin, &holder).await?;
        let ceremony = Ceremony::Enrol {
            code: base64url::encode(kept.digest),
            state: Box::new(state),
        };
        Ok(Begun {
            ceremony: self.begin(&ceremony).await?,
            options,
        })
    }

    /// Keeps the person's passkey and opens a session; the code is used up. Of two at once one wins.
    ///
    /// # Errors
    /// `Refused`, `TooMany`, `Site`, `Database`.
    pub async fn finish_enrolment(
        &self,
        origin: &Url,
        ceremony: &str,
        made: &RegisterPublicKeyCredential,
        label: &str,
    ) -> Result<PlainSession, EntryError> {
        let webauthn = self.webauthn(origin)?;
        let Some(Ceremony::Enrol { code, state }) = self.take(ceremony).await? else {
            return self.refused("ceremony", None).await;
        };
        let Ok(passkey) = webauthn.finish_passkey_registration(made, &state) else {
            return self.refused("attestation", None).await;
        };
        let digest_of_code = base64url::decode_array::<32>(&code);
        let digest_of_code = digest_of_code.map_err(|_never| EntryError::Refused)?;
        let (now, plain, identity) = (self.clock.now(), PlainSession::random()?, self.clone());
        let (digest, label) = (plain.digest(), label.to_owned());
        let entered = self.database.transact(move |connection| {
            let code = store::enrolment::spend(connection, &digest_of_code, now)?;
            let code = code.ok_or(EntryError::Refused)?;
            let owner = Owner::Person(code.person.clone());
            let kept = Kept::new(owner, Some(code.patient), &label, passkey.clone(), now);
            let caller = Caller::Person {
                id: code.person,
                patient: code.patient,
            };
            let session = identity.drafted(&caller, Shown::Passkey, now)?;
            keep_and_enter(connection, &kept, &session, &digest, now)
        });
        match entered.await {
            Ok(()) => Ok(plain),
            Err(EntryError::Refused) => self.refused("enrolment_code", None).await,
            Err(other) => Err(other),
        }
    }

    fn digest_of_code(&self, code: &PlainEnrolment) -> [u8; 32] {
        // Never the digest of a visit code or a link code: those begin otherwise.
        let text = Zeroizing::new(format!("enrolment\0{}", code.0.as_str()));
        self.keys.code_digest(&text)
    }

    fn digest_of_both(&self, code: &PlainEnrolment, birth: BirthDate) -> [u8; 32] {
        let text = Zeroizing::new(format!("enrolment\0{}\0{birth}", code.0.as_str()));
        self.keys.code_digest(&text)
    }
}

/// The code, if it is good now and the birth date is that of its person; else the try is counted.
fn judge(
    connection: &mut HospitalConnection,
    digest: [u8; 32],
    birth: Option<[u8; 32]>,
    now: Timestamp,
) -> Result<Option<KeptCode>, DatabaseError> {
    let since = now.plus_seconds(-MISS_WINDOW_SECONDS);
    let locked = store::enrolment::misses(connection, &digest, since)? >= MOST_MISSES;
    let found = store::enrolment::find_live(connection, &digest, now)?;
    let fits = |kept: &KeptCode| birth.is_some_and(|birth| is_same(&kept.birth, &birth));
    if let Some(kept) = found.as_ref().filter(|kept| !locked && fits(kept)) {
        return Ok(Some(kept.clone()));
    }
    let line = match &found {
        Some(kept) => owner_line(&Owner::Person(kept.person.clone()), now, "enrol"),
        None => Line::new(Kind::Login, now, "stranger").detail("act", "enrol"),
    };
    let why = match (&found, locked) {
        (_, true) => "locked",
        (Some(_), false) => "birth_date",
        (None, false) => "unknown_code",
    };
    audit::append(connection, &line.outcome("refused").detail("why", why))?;
    if !locked {
        store::enrolment::miss(connection, &digest, now)?;
    }
    let ever = now.plus_seconds(-CODE_LIFE_SECONDS);
    if store::enrolment::misses(connection, &digest, ever)? >= MOST_MISSES_EVER {
        store::enrolment::end(connection, &digest, now)?;
    }
    Ok(None)
}

fn is_same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    use subtle::ConstantTimeEq as _;
    one.ct_eq(other).into()
}

impl super::staff::By {
    fn made_code(&self, now: Timestamp, kept: &KeptCode) -> Line {
        let line = Line::new(Kind::AccessToken, now, "registrar")
            .detail("act", "enrolment_code")
            .detail("expires", kept.expires_at.unix_seconds())
            .person(kept.person.as_str())
            .patient(kept.patient);
        match self.id() {
            Some(id) => line.actor_id(id),
            None => line,
        }
    }
}
