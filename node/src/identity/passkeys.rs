//! Passkeys: made on somebody's own device, shown to get in, shown again to resume.
//!
//! Each is discoverable and verifies its user (a finger, a face, a PIN), so one touch is two factors and
//! nobody types a name. What is refused is told alike and at the same pace, whoever it was.

use federation_protocol::time::Timestamp;
use reqwest::Url;
use serde_json::{Value, json};
use webauthn_rs::prelude::{
    CredentialID, DiscoverableKey, Passkey, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Uuid, Webauthn, WebauthnBuilder,
};

use super::ceremony::{Ceremony, Door};
use super::session::{self, Session, Shown, line_of, owner_line};
use super::{Caller, EntryError, Identity, Owner, PlainCeremony, PlainSession, Signed, store};
use crate::audit::{self, Kind, Line};
use crate::database::{DatabaseError, HospitalConnection, Rid};

/// So many passkeys may one person have.
const MOST_PASSKEYS: usize = 20;
/// The longest name of one, characters.
const LONGEST_LABEL: usize = 60;

/// A ceremony that a browser goes on with: its name, and what the authenticator is asked.
pub struct Begun {
    /// What names it: the browser sends it back with the answer.
    pub ceremony: PlainCeremony,
    /// `PublicKeyCredentialCreationOptions` or `…RequestOptions` as JSON, bytes in base64url.
    pub options: Value,
}

/// A passkey as it stands in its owner's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedPasskey {
    /// Its id here: removes it.
    pub id: String,
    /// What its owner calls it.
    pub label: String,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was last shown, if it was.
    pub used_at: Option<Timestamp>,
}

/// A passkey's row.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) id: String,
    pub(super) owner: Owner,
    pub(super) patient: Option<Rid>,
    pub(super) label: String,
    pub(super) passkey: Passkey,
    pub(super) created_at: Timestamp,
    pub(super) used_at: Option<Timestamp>,
}

/// Whose passkey is made.
pub(super) struct Holder<'a> {
    pub(super) handle: Uuid,
    pub(super) name: &'a str,
    pub(super) owner: &'a Owner,
}

impl Identity {
    pub(super) fn webauthn(&self, origin: &Url) -> Result<Webauthn, EntryError> {
        let host = origin.domain().ok_or(EntryError::Site)?;
        let builder = WebauthnBuilder::new(host, origin).map_err(|_unusable| EntryError::Site)?;
        let built = builder.rp_name(&self.organization).build();
        built.map_err(|_unusable| EntryError::Site)
    }

    /// Begins a sign-in by any passkey: nobody says who they are.
    ///
    /// # Errors
    /// `Site`, `Busy`, `Database`.
    pub async fn begin_login(&self, origin: &Url, door: Door) -> Result<Begun, EntryError> {
        let started = self.webauthn(origin)?.start_discoverable_authentication();
        let (options, state) = started.map_err(|_never| EntryError::Site)?;
        let state = Box::new(state);
        let ceremony = self.begin(&Ceremony::Login { door, state }).await?;
        Ok(Begun {
            ceremony,
            options: public_key(&options)?,
        })
    }

    /// Ends a sign-in: a session of whose passkey it was, under a new token. The audit line, also of
    /// what is refused, is durable when this returns.
    ///
    /// # Errors
    /// `Refused` for whatever is wrong; `Site`, `Database`.
    pub async fn finish_login(
        &self,
        origin: &Url,
        door: Door,
        ceremony: &str,
        shown: &PublicKeyCredential,
    ) -> Result<PlainSession, EntryError> {
        let webauthn = self.webauthn(origin)?;
        let begun = self.take(ceremony).await?;
        let kept = self.passkey_of(shown).await?;
        let judged = login(&webauthn, begun, door, shown, kept);
        let (mut kept, result) = match judged {
            Ok(judged) => judged,
            Err((why, owner)) => return self.refused(why, owner.as_ref()).await,
        };
        let now = self.clock.now();
        let plain = PlainSession::random()?;
        kept.passkey.update_credential(&result);
        let digest = plain.digest();
        let handle = webauthn
            .identify_discoverable_authentication(shown)
            .map_or(Uuid::nil(), |(handle, _)| handle);
        let (owner, identity) = (kept.owner.clone(), self.clone());
        let opened = self.database.transact(move |connection| {
            let caller = caller_of(connection, &kept, handle)?.ok_or(EntryError::Refused)?;
            let session = identity.drafted(&caller, Shown::Passkey, now)?;
            store::passkeys::used(connection, &kept, now)?;
            session::insert(connection, &session, &digest, now)?;
            Ok(())
        });
        match opened.await {
            Ok(()) => Ok(plain),
            Err(EntryError::Refused) => self.refused("account", Some(&owner)).await,
            Err(other) => Err(other),
        }
    }

    /// Begins to show a passkey again: to resume a locked session, or to have a fresh second factor.
    ///
    /// # Errors
    /// `NoPasskey` for who has none; `Site`, `Busy`, `Database`.
    pub async fn begin_resume(&self, origin: &Url, signed: &Signed) -> Result<Begun, EntryError> {
        let owner = Owner::of(&signed.caller).ok_or(EntryError::Refused)?;
        let kept = self.passkeys(&owner).await?;
        if kept.is_empty() {
            return Err(EntryError::NoPasskey);
        }
        let passkeys: Vec<Passkey> = kept.into_iter().map(|one| one.passkey).collect();
        let started = self
            .webauthn(origin)?
            .start_passkey_authentication(&passkeys);
        let (options, state) = started.map_err(|_never| EntryError::Site)?;
        let ceremony = Ceremony::Resume {
            session: signed.session.clone(),
            state: Box::new(state),
        };
        Ok(Begun {
            ceremony: self.begin(&ceremony).await?,
            options: public_key(&options)?,
        })
    }

    /// Resumes a session, under a new token: the one before opens nothing from now on.
    ///
    /// # Errors
    /// `Refused` for whatever is wrong; `Site`, `Database`.
    pub async fn finish_resume(
        &self,
        origin: &Url,
        signed: &Signed,
        ceremony: &str,
        shown: &PublicKeyCredential,
    ) -> Result<PlainSession, EntryError> {
        let webauthn = self.webauthn(origin)?;
        let owner = Owner::of(&signed.caller).ok_or(EntryError::Refused)?;
        let begun = self.take(ceremony).await?;
        let kept = self.passkey_of(shown).await?;
        let kept = kept.filter(|kept| kept.owner == owner);
        let (Some(Ceremony::Resume { session, state }), Some(mut kept)) = (begun, kept) else {
            return self.refused("ceremony", Some(&owner)).await;
        };
        let result = webauthn.finish_passkey_authentication(shown, &state);
        let Some(result) = result.ok().filter(|_| session == signed.session) else {
            return self.refused("assertion", Some(&owner)).await;
        };
        kept.passkey.update_credential(&result);
        let plain = PlainSession::random()?;
        let (digest, now, caller) = (plain.digest(), self.clock.now(), signed.caller.clone());
        self.database
            .transact(move |connection| {
                if !store::sessions::resume(connection, &session, &digest, now)? {
                    return Err(EntryError::Refused);
                }
                store::passkeys::used(connection, &kept, now)?;
                let line = line_of(&caller, now, "resume").detail("session", session.as_str());
                audit::append(connection, &line)?;
                Ok(())
            })
            .await?;
        Ok(plain)
    }

    /// Begins one more passkey of who is signed in.
    ///
    /// # Errors
    /// `NoFreshFactor` unless a passkey was shown within the last 15 minutes; `TooMany`; `Site`,
    /// `Busy`, `Database`.
    pub async fn begin_add(&self, origin: &Url, signed: &Signed) -> Result<Begun, EntryError> {
        let now = self.clock.now();
        signed.fresh_factor(now).ok_or(EntryError::NoFreshFactor)?;
        let owner = Owner::of(&signed.caller).ok_or(EntryError::Refused)?;
        let (handle, patient) = match (&signed.caller, &owner) {
            (Caller::Person { patient, .. }, owner) => (handle_of_person(owner)?, Some(patient.0)),
            (_staff, owner) => {
                let staff = self.staff(owner.id()).await?.ok_or(EntryError::Refused)?;
                (Uuid::from_bytes(staff.handle), None)
            }
        };
        let name = signed.name.as_deref().unwrap_or(&self.organization);
        let holder = Holder {
            handle,
            name,
            owner: &owner,
        };
        let (options, state) = self.start_registration(origin, &holder).await?;
        let ceremony = Ceremony::Add {
            owner: owner.to_string(),
            patient,
            state: Box::new(state),
        };
        Ok(Begun {
            ceremony: self.begin(&ceremony).await?,
            options,
        })
    }

    /// Keeps one more passkey of who is signed in.
    ///
    /// # Errors
    /// `Refused`, `NoFreshFactor`, `TooMany`, `Site`, `Database`.
    pub async fn finish_add(
        &self,
        origin: &Url,
        signed: &Signed,
        ceremony: &str,
        made: &RegisterPublicKeyCredential,
        label: &str,
    ) -> Result<(), EntryError> {
        let now = self.clock.now();
        signed.fresh_factor(now).ok_or(EntryError::NoFreshFactor)?;
        let webauthn = self.webauthn(origin)?;
        let owner = Owner::of(&signed.caller).ok_or(EntryError::Refused)?;
        let Some(Ceremony::Add {
            owner: of,
            patient,
            state,
        }) = self.take(ceremony).await?
        else {
            return self.refused("ceremony", Some(&owner)).await;
        };
        let passkey = webauthn.finish_passkey_registration(made, &state);
        let Some(passkey) = passkey.ok().filter(|_| of == owner.to_string()) else {
            return self.refused("attestation", Some(&owner)).await;
        };
        let kept = Kept::new(owner, patient.map(Rid), label, passkey, now);
        self.database
            .transact(move |connection| keep(connection, &kept, now))
            .await
    }

    /// The passkeys of `owner`, newest first.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn passkeys_of(&self, owner: &Owner) -> Result<Vec<ListedPasskey>, DatabaseError> {
        let kept = self.passkeys(owner).await?;
        let listed = kept.into_iter().map(|kept| ListedPasskey {
            id: kept.id,
            label: kept.label,
            created_at: kept.created_at,
            used_at: kept.used_at,
        });
        Ok(listed.collect())
    }

    /// Removes a passkey of who is signed in; never the last one, which would lock them out.
    ///
    /// # Errors
    /// `NoFreshFactor`, `LastPasskey`, `Refused` if they have no such passkey, `Database`.
    pub async fn remove_passkey(&self, signed: &Signed, id: &str) -> Result<(), EntryError> {
        let now = self.clock.now();
        signed.fresh_factor(now).ok_or(EntryError::NoFreshFactor)?;
        let owner = Owner::of(&signed.caller).ok_or(EntryError::Refused)?;
        let id = id.to_owned();
        self.database
            .transact(move |connection| {
                if store::passkeys::of(connection, &owner)?.len() < 2 {
                    return Err(EntryError::LastPasskey);
                }
                if !store::passkeys::remove(connection, &owner, &id)? {
                    return Err(EntryError::Refused);
                }
                let line = owner_line(&owner, now, "passkey_removed");
                audit::append(connection, &line.detail("passkey", id.as_str()))?;
                Ok(())
            })
            .await
    }

    pub(super) async fn start_registration(
        &self,
        origin: &Url,
        holder: &Holder<'_>,
    ) -> Result<(Value, PasskeyRegistration), EntryError> {
        let kept = self.passkeys(holder.owner).await?;
        if kept.len() >= MOST_PASSKEYS {
            return Err(EntryError::TooMany);
        }
        let known: Vec<CredentialID> = kept
            .iter()
            .map(|kept| kept.passkey.cred_id().clone())
            .collect();
        let webauthn = self.webauthn(origin)?;
        let started = webauthn.start_passkey_registration(
            holder.handle,
            holder.name,
            holder.name,
            Some(known),
        );
        let (options, state) = started.map_err(|_never| EntryError::Site)?;
        Ok((discoverable(public_key(&options)?), state))
    }

    async fn passkeys(&self, owner: &Owner) -> Result<Vec<Kept>, DatabaseError> {
        let owner = owner.clone();
        self.database
            .read(move |connection| store::passkeys::of(connection, &owner))
            .await
    }

    async fn passkey_of(&self, shown: &PublicKeyCredential) -> Result<Option<Kept>, DatabaseError> {
        let credential = shown.get_credential_id().to_vec();
        self.database
            .read(move |connection| store::passkeys::find(connection, &credential))
            .await
    }

    /// Writes down that somebody was not let in, and says no more than that.
    pub(super) async fn refused<T>(
        &self,
        why: &'static str,
        owner: Option<&Owner>,
    ) -> Result<T, EntryError> {
        let now = self.clock.now();
        let line = match owner {
            Some(owner) => owner_line(owner, now, "login"),
            None => Line::new(Kind::Login, now, "stranger").detail("act", "login"),
        };
        let line = line.outcome("refused").detail("why", why);
        self.database
            .transact(move |connection| audit::append(connection, &line))
            .await?;
        Err(EntryError::Refused)
    }
}

impl Kept {
    pub(super) fn new(
        owner: Owner,
        patient: Option<Rid>,
        label: &str,
        passkey: Passkey,
        now: Timestamp,
    ) -> Self {
        let label = label.trim().chars().filter(|letter| !letter.is_control());
        Self {
            id: uuid::Uuid::new_v4().to_string(),
            owner,
            patient,
            label: label.take(LONGEST_LABEL).collect(),
            passkey,
            created_at: now,
            used_at: None,
        }
    }
}

type Judged = (Kept, webauthn_rs::prelude::AuthenticationResult);

/// Whether this answer fits what was begun, and whose passkey it was; else what is written down.
fn login(
    webauthn: &Webauthn,
    begun: Option<Ceremony>,
    door: Door,
    shown: &PublicKeyCredential,
    kept: Option<Kept>,
) -> Result<Judged, (&'static str, Option<Owner>)> {
    let Some(Ceremony::Login { door: at, state }) = begun else {
        return Err(("ceremony", None));
    };
    let kept = kept.ok_or(("unknown_passkey", None))?;
    let owner = kept.owner.clone();
    let theirs = match owner {
        Owner::Staff(_) => Door::Staff,
        Owner::Person(_) => Door::People,
    };
    if at != door || theirs != door {
        return Err(("door", Some(owner)));
    }
    let key = DiscoverableKey::from(&kept.passkey);
    match webauthn.finish_discoverable_authentication_v2(shown, *state, &key) {
        Ok(result) if result.user_verified() => Ok((kept, result)),
        _ => Err(("assertion", Some(owner))),
    }
}

/// Who the owner of a passkey is now, if the handle that came with it is theirs.
fn caller_of(
    connection: &mut HospitalConnection,
    kept: &Kept,
    handle: Uuid,
) -> Result<Option<Caller>, EntryError> {
    match &kept.owner {
        Owner::Person(id) => {
            let patient = kept.patient.filter(|_| handle.to_string() == id.as_str());
            Ok(patient.map(|patient| Caller::Person {
                id: id.clone(),
                patient,
            }))
        }
        Owner::Staff(id) => {
            let staff = store::staff::find(connection, id)?;
            let staff = staff.filter(|one| one.disabled_at.is_none());
            let staff = staff.filter(|one| one.handle == *handle.as_bytes());
            Ok(staff.map(|one| one.caller()).transpose()?)
        }
    }
}

/// Keeps a new passkey, with its audit line.
pub(super) fn keep(
    connection: &mut HospitalConnection,
    kept: &Kept,
    now: Timestamp,
) -> Result<(), EntryError> {
    if store::passkeys::of(connection, &kept.owner)?.len() >= MOST_PASSKEYS {
        return Err(EntryError::TooMany);
    }
    if store::passkeys::find(connection, kept.passkey.cred_id())?.is_some() {
        return Err(EntryError::Refused);
    }
    store::passkeys::insert(connection, kept)?;
    let line = owner_line(&kept.owner, now, "passkey_added");
    audit::append(connection, &line.detail("passkey", kept.id.as_str()))?;
    Ok(())
}

/// Keeps a new passkey and opens a session of its owner.
pub(super) fn keep_and_enter(
    connection: &mut HospitalConnection,
    kept: &Kept,
    session: &Session,
    digest: &super::TokenDigest,
    now: Timestamp,
) -> Result<(), EntryError> {
    keep(connection, kept, now)?;
    session::insert(connection, session, digest, now)?;
    Ok(())
}

pub(super) fn handle_of_person(owner: &Owner) -> Result<Uuid, EntryError> {
    Uuid::try_parse(owner.id()).map_err(|_never| EntryError::Refused)
}

/// What stands in `publicKey` of the options.
fn public_key(options: &impl serde::Serialize) -> Result<Value, EntryError> {
    let mut options = serde_json::to_value(options).map_err(|_never| EntryError::Site)?;
    let inner = options.get_mut("publicKey").map(Value::take);
    inner.ok_or(EntryError::Site)
}

/// The options of a passkey that is found without a name being typed.
fn discoverable(mut options: Value) -> Value {
    if let Some(selection) = options.get_mut("authenticatorSelection")
        && let Some(selection) = selection.as_object_mut()
    {
        selection.insert("residentKey".into(), json!("required"));
        selection.insert("requireResidentKey".into(), json!(true));
    }
    options
}
