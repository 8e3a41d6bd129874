//! The way in: a member's own description, checked, then signed by the approvers.

use federation_protocol::Verified;
use federation_protocol::directory::{
    DescriptionError, Entry, EntryError, KeyStatement, MemberDescription, Profile, RootDocument,
};
use federation_protocol::jws::General;
use federation_protocol::keys::{Fingerprint, KeyId, KeyUse, Sign};
use federation_protocol::member::{MemberId, MemberState};
use federation_protocol::time::Timestamp;

use super::certificate::{self, CertificateError};
use super::{MemberRow, store};
use crate::config::Host;
use crate::database::{Connection, DatabaseError};

/// How far a member's clock may be ahead when it describes itself, in seconds.
const SKEW_SECONDS: i64 = 60;

/// The version of a member's first entry.
const FIRST_VERSION: u64 = 1;

/// Why a description, or an entry made of it, is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdmissionError {
    /// Not a sound description: form, schema, self-signature, or a proof of possession.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// Made in the future: the member's clock, or ours, is wrong.
    #[error("the description was made at {made}, which is in the future (now {now})")]
    Future {
        /// The description's time.
        made: Timestamp,
        /// Our time.
        now: Timestamp,
    },
    /// No signing key counts now.
    #[error("none of its signing keys is valid now")]
    NoValidKey,
    /// The endpoint is not `https://host[:port]`.
    #[error("its endpoint {0} is not https://host[:port]")]
    Endpoint(String),
    /// A certificate cannot stand for the endpoint.
    #[error("its certificate {fingerprint} {cause}")]
    Certificate {
        /// Which.
        fingerprint: Fingerprint,
        /// Why.
        cause: CertificateError,
    },
    /// There is such a member.
    #[error("{0} is a member already")]
    KnownMember(MemberId),
    /// A key is, or once was, somebody's.
    #[error("its key {kid} is a key of {owner}")]
    KnownKey {
        /// Which.
        kid: KeyId,
        /// Whose.
        owner: MemberId,
    },
    /// The entry is not signed as root demands.
    #[error("the entry: {0}")]
    Entry(#[from] EntryError),
    /// The database failed; nothing was changed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// A description that a node may be admitted by; what is left is the approvers' word.
#[derive(Debug)]
pub struct Admission {
    description: Verified<MemberDescription>,
}

impl Admission {
    /// Checks what a member says about itself.
    ///
    /// # Errors
    /// In the order checked: `Description`, `Future`, `NoValidKey`, `Endpoint`, `Certificate`.
    ///
    /// Source: PROTOCOL sections 1 and 3.
    pub fn check(text: &str, now: Timestamp) -> Result<Self, AdmissionError> {
        let description = MemberDescription::verify(text)?;
        let made = description.iat;
        if made > now.plus_seconds(SKEW_SECONDS) {
            return Err(AdmissionError::Future { made, now });
        }
        check_profile(&description.member, now)?;
        Ok(Self { description })
    }

    /// What the member says about itself.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.description.member
    }

    /// Name and version of the member's software.
    #[must_use]
    pub fn software(&self) -> &str {
        &self.description.software
    }

    /// The key that signed the description: its `kid`.
    #[must_use]
    pub fn signer(&self) -> Option<&KeyStatement> {
        self.description.signer()
    }

    /// The entry, signed by these approvers of this registry: none yet, some, or enough.
    #[must_use]
    pub fn approve(&self, registry: &str, approvers: &[&dyn Sign], now: Timestamp) -> General {
        Entry::new(registry, FIRST_VERSION, self.profile().clone(), now).sign(approvers)
    }
}

/// Checks what holds of a member at each entry: a signing key that counts, an address, certificates
/// that can stand for it.
///
/// # Errors
/// In the order checked: `NoValidKey`, `Endpoint`, `Certificate`.
pub(super) fn check_profile(member: &Profile, now: Timestamp) -> Result<(), AdmissionError> {
    let signs = |key_use| key_use == KeyUse::Sign;
    if !member
        .keys
        .iter()
        .any(|key| signs(key.key_use) && key.holds_at(now))
    {
        return Err(AdmissionError::NoValidKey);
    }
    let endpoint = &member.endpoints.federation;
    let host = Host::of_https_origin(endpoint)
        .ok_or_else(|| AdmissionError::Endpoint(endpoint.clone()))?;
    for certificate in &member.certificates {
        certificate::check(certificate.der(), &host, now).map_err(|cause| {
            AdmissionError::Certificate {
                fingerprint: certificate.fingerprint(),
                cause,
            }
        })?;
    }
    Ok(())
}

/// Takes a new member in, inside the caller's transaction: it has applied, and is on probation from
/// then on. It takes part once it is moved to active.
///
/// # Errors
/// In the order checked: `Entry` when too few of root's approvers signed, `KnownMember`,
/// `KnownKey`, `Database`.
pub(crate) fn admit(
    db: &mut Connection,
    entry: &General,
    root: &RootDocument,
    now: Timestamp,
) -> Result<MemberRow, AdmissionError> {
    let (statement, _) = Entry::verify(entry, root)?;
    let member = statement.member;
    if store::find(db, &member.id)?.is_some() {
        return Err(AdmissionError::KnownMember(member.id));
    }
    let kids: Vec<KeyId> = member.keys.into_iter().map(|key| key.kid).collect();
    for kid in &kids {
        if let Some(owner) = store::owner_of_key(db, kid)? {
            return Err(AdmissionError::KnownKey {
                kid: kid.clone(),
                owner,
            });
        }
    }
    let new = MemberRow {
        id: member.id,
        entry: entry.to_json(),
        state: MemberState::Applied,
        added_at: now,
        changed_at: now,
    };
    store::insert(db, &new, &kids, "described itself")?;
    let (from, to) = (MemberState::Applied, MemberState::Probation);
    store::set_state(db, &new.id, from, to, "the approvers signed", now)?;
    Ok(MemberRow { state: to, ..new })
}
