//! The hospital's own sign-in: staff come in with the account they have there (OpenID Connect, the code
//! flow with PKCE). What comes back opens a session without a second factor.
//!
//! The accounts are made here, unless the settings name a claim that says the role; admins and security
//! officers are always made here: who runs the hospital's accounts must not be able to run this node.
//!
//! Source: OpenID Connect Core 1.0 sections 3.1.2, 3.1.3.7; RFC 7636; RFC 9207.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use federation_protocol::time::Timestamp;
use federation_service::outbound::OutboundRules;
use federation_service::outbound::issuer::{IssuerClient, IssuerError};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::ceremony::Ceremony;
use super::jwks::Jwks;
use super::jwt::Unverified;
use super::session::{Shown, insert};
use super::staff::By;
use super::{
    Caller, EntryError, Identity, IdentityError, Owner, PlainCeremony, PlainSession, Role, store,
};
use crate::config::OidcSettings;

/// How long the sign-in may take to answer.
const DEADLINE: Duration = Duration::from_secs(5);
/// How far its clock may be off, seconds.
const SKEW_SECONDS: i64 = 60;
/// How long what it says of itself is kept, seconds.
const KEPT_SECONDS: i64 = 600;
/// How soon its keys are asked for again, seconds, when it names one that is not known.
const LEAST_BETWEEN_SECONDS: i64 = 30;
const LONGEST_TOKEN: usize = 16 * 1024;
const LONGEST_CODE: usize = 4 * 1024;

/// The hospital's sign-in as this node knows it.
pub(super) struct HospitalSignIn {
    settings: OidcSettings,
    client: IssuerClient,
    known: Mutex<Option<Arc<Known>>>,
}

/// What it says of itself.
struct Known {
    endpoints: Endpoints,
    keys: Jwks,
    at: Timestamp,
}

#[derive(Deserialize)]
struct Endpoints {
    issuer: String,
    authorization_endpoint: Url,
    token_endpoint: Url,
    jwks_uri: Url,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

#[derive(Deserialize)]
struct IdToken {
    iss: String,
    aud: Value,
    #[serde(default)]
    azp: Option<String>,
    exp: i64,
    iat: i64,
    nonce: String,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// Somebody on the way to the hospital's sign-in.
pub struct Departure {
    /// Where the browser goes.
    pub to: Url,
    /// What it keeps in a cookie until it is back.
    pub ceremony: PlainCeremony,
}

/// What the hospital's sign-in sent a browser back with.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Return {
    /// The code.
    #[serde(default)]
    pub code: String,
    /// The name of the ceremony.
    #[serde(default)]
    pub state: String,
    /// Who sent it, where it says so.
    #[serde(default)]
    pub iss: Option<String>,
}

impl From<IssuerError> for EntryError {
    fn from(error: IssuerError) -> Self {
        tracing::warn!(%error, "the hospital's sign-in");
        Self::Hospital(match error {
            IssuerError::Elsewhere => "it names an address elsewhere",
            IssuerError::Status(_) => "it refused",
            IssuerError::TooLarge => "too long an answer",
            _ => "it cannot be reached",
        })
    }
}

impl HospitalSignIn {
    /// # Errors
    /// The settings' address or certificate cannot be used.
    pub(super) fn new(settings: OidcSettings) -> Result<Self, IssuerError> {
        let rules = OutboundRules::new(settings.allow_cidrs.iter().copied());
        let authority = settings.authority.as_deref();
        let client = IssuerClient::new(&settings.issuer, authority, &rules, DEADLINE)?;
        Ok(Self {
            settings,
            client,
            known: Mutex::new(None),
        })
    }

    fn issuer(&self) -> &str {
        self.settings.issuer.as_str().trim_end_matches('/')
    }

    /// What it says of itself, asked for again after a while, or at once for a key that is not known.
    async fn known(&self, now: Timestamp, kid: Option<&str>) -> Result<Arc<Known>, EntryError> {
        let kept = {
            let kept = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            kept.clone()
        };
        if let Some(kept) = kept {
            let age = now.seconds_since(kept.at);
            let has_key = kid.is_none_or(|kid| kept.keys.has(kid)) || age < LEAST_BETWEEN_SECONDS;
            if (0..KEPT_SECONDS).contains(&age) && has_key {
                return Ok(kept);
            }
        }
        let fresh = Arc::new(self.asked(now).await?);
        let mut kept = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some(Arc::clone(&fresh));
        Ok(fresh)
    }

    async fn asked(&self, now: Timestamp) -> Result<Known, EntryError> {
        let at = format!("{}/.well-known/openid-configuration", self.issuer());
        let at = Url::parse(&at).map_err(|_never| EntryError::Hospital("its address"))?;
        let endpoints: Endpoints = serde_json::from_slice(&self.client.get(&at).await?)
            .map_err(|_other| EntryError::Hospital("its description"))?;
        let same = |url: &Url| url.origin() == self.settings.issuer.origin();
        if endpoints.issuer.trim_end_matches('/') != self.issuer()
            || !same(&endpoints.authorization_endpoint)
        {
            return Err(EntryError::Hospital("it calls itself otherwise"));
        }
        let keys = Jwks::read(&self.client.get(&endpoints.jwks_uri).await?);
        let keys = keys.ok_or(EntryError::Hospital("its keys"))?;
        Ok(Known {
            endpoints,
            keys,
            at: now,
        })
    }

    /// Whether an id token's claims are for this node, of this ceremony, and of now.
    fn stands(&self, token: &IdToken, nonce: &str, now: Timestamp) -> bool {
        let client = self.settings.client_id.as_str();
        let for_us = match &token.aud {
            Value::String(one) => one == client,
            Value::Array(all) => {
                let named = all.iter().any(|one| one.as_str() == Some(client));
                named && (all.len() == 1 || token.azp.as_deref() == Some(client))
            }
            _ => false,
        };
        let now = now.unix_seconds();
        for_us
            && token.azp.as_deref().is_none_or(|azp| azp == client)
            && token.iss.trim_end_matches('/') == self.issuer()
            && token.nonce == nonce
            && now < token.exp.saturating_add(SKEW_SECONDS)
            && token.iat <= now.saturating_add(SKEW_SECONDS)
            && token.iat >= now.saturating_sub(KEPT_SECONDS)
    }

    /// The one role that the named claim says; nothing where none is named or several are.
    fn role(&self, token: &IdToken) -> Option<Role> {
        let claim = token.rest.get(self.settings.role_claim.as_deref()?)?;
        let words: Vec<&str> = match claim {
            Value::String(one) => vec![one],
            Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
            _ => return None,
        };
        let mut roles = words.into_iter().filter_map(|word| word.parse().ok());
        let role = roles.next()?;
        roles.next().is_none().then_some(role)
    }
}

fn random() -> Result<String, EntryError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_none| EntryError::Identity(IdentityError::Entropy))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn back(origin: &Url) -> String {
    format!("{}/sign-in/back", origin.origin().ascii_serialization())
}

impl Identity {
    /// Sends somebody to the hospital's sign-in.
    ///
    /// # Errors
    /// `Refused` where the settings name none; `Hospital`, `Busy`, `Database`.
    pub async fn depart(&self, origin: &Url, next: &str) -> Result<Departure, EntryError> {
        let hospital = self.hospital.as_ref().ok_or(EntryError::Refused)?;
        let known = hospital.known(self.clock.now(), None).await?;
        let (nonce, verifier) = (random()?, random()?);
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        let ceremony = Ceremony::Hospital {
            nonce: nonce.clone(),
            verifier,
            next: next.to_owned(),
        };
        let ceremony = self.begin(&ceremony).await?;
        let mut to = known.endpoints.authorization_endpoint.clone();
        to.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &hospital.settings.client_id)
            .append_pair("redirect_uri", &back(origin))
            .append_pair("scope", "openid profile")
            .append_pair("state", ceremony.reveal())
            .append_pair("nonce", &nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        Ok(Departure { to, ceremony })
    }

    /// Takes somebody in who comes back from the hospital's sign-in: their session, and where they were
    /// going. `cookie` is what their browser kept meanwhile.
    ///
    /// # Errors
    /// `Refused` for whatever is wrong; `Hospital`, `Database`.
    pub async fn arrive(
        &self,
        origin: &Url,
        cookie: &str,
        came: &Return,
    ) -> Result<(PlainSession, String), EntryError> {
        let hospital = self.hospital.as_ref().ok_or(EntryError::Refused)?;
        // In the browser that left, and no other.
        let begun = match cookie == came.state {
            true => self.take(&came.state).await?,
            false => None,
        };
        let Some(Ceremony::Hospital {
            nonce,
            verifier,
            next,
        }) = begun
        else {
            return self.refused("ceremony", None).await;
        };
        // Whoever cancelled there comes back without a code.
        if came.code.is_empty() || came.code.len() > LONGEST_CODE {
            return self.refused("code", None).await;
        }
        let sent_by = came.iss.as_deref().map(|iss| iss.trim_end_matches('/'));
        if sent_by.is_some_and(|iss| iss != hospital.issuer()) {
            return self.refused("issuer", None).await;
        }
        let token = hospital
            .exchanged(origin, &came.code, &verifier, self.clock.now())
            .await?;
        let now = self.clock.now();
        let Some(token) = token.filter(|token| hospital.stands(token, &nonce, now)) else {
            return self.refused("id_token", None).await;
        };
        let session = self.enter_from_hospital(hospital, &token, now).await?;
        Ok((session, next))
    }

    async fn enter_from_hospital(
        &self,
        hospital: &HospitalSignIn,
        token: &IdToken,
        now: Timestamp,
    ) -> Result<PlainSession, EntryError> {
        let id = token.rest.get(&hospital.settings.id_claim);
        let Some(id) = id.and_then(Value::as_str).map(str::to_owned) else {
            return self.refused("id_claim", None).await;
        };
        if let Some(role) = hospital.role(token) {
            let name = token.rest.get("name").and_then(Value::as_str);
            self.follow_hospital(&id, role, name.unwrap_or(&id)).await?;
        } else if hospital.settings.role_claim.is_some() {
            return self.refused("role_claim", None).await;
        }
        let plain = PlainSession::random()?;
        let (digest, identity, account) = (plain.digest(), self.clone(), id.clone());
        let entered = self.database.transact(move |connection| {
            let staff = store::staff::find(connection, &account)?;
            let staff = staff.ok_or(EntryError::Refused)?;
            let session = identity.drafted(&staff.caller()?, Shown::Hospital, now)?;
            Ok(insert(connection, &session, &digest, now)?)
        });
        match entered.await {
            Ok(()) => Ok(plain),
            Err(EntryError::Refused) => {
                let owner = Caller::staff(Role::Observer, Some(id)).ok();
                let owner = owner.as_ref().and_then(Owner::of);
                self.refused("account", owner.as_ref()).await
            }
            Err(other) => Err(other),
        }
    }

    /// Makes the account that the hospital's claims say, or changes it to that. One that is disabled here
    /// stays so; admins and security officers are made here alone.
    async fn follow_hospital(&self, id: &str, role: Role, name: &str) -> Result<(), EntryError> {
        let known = self.staff(id).await?;
        let is_ours = |role| matches!(role, Role::Admin | Role::Security);
        let theirs = known.as_ref().map(|known| known.role);
        let stays = known
            .as_ref()
            .is_some_and(|known| known.disabled_at.is_some() || known.role == role);
        if stays || is_ours(role) || theirs.is_some_and(is_ours) {
            // An admin whom the hospital calls something else is let in as nobody.
            return match theirs.is_some_and(|theirs| theirs != role && is_ours(theirs)) {
                true => Err(EntryError::Refused),
                false => Ok(()),
            };
        }
        let added = self.add_staff(role, id, name, By::operator()).await;
        match added {
            Ok(_) => Ok(()),
            Err(IdentityError::Database(error)) => Err(error.into()),
            Err(_) => Err(EntryError::Refused),
        }
    }
}

impl HospitalSignIn {
    /// The verified id token that a code is worth; nothing if its signature is not one of the keys'.
    async fn exchanged(
        &self,
        origin: &Url,
        code: &str,
        verifier: &str,
        now: Timestamp,
    ) -> Result<Option<IdToken>, EntryError> {
        let known = self.known(now, None).await?;
        let mut form = Url::parse("https://form.invalid")
            .map_err(|_never| EntryError::Hospital("its address"))?;
        form.query_pairs_mut()
            .append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &back(origin))
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("code_verifier", verifier);
        let credentials = (
            self.settings.client_id.as_str(),
            self.settings.client_secret.reveal(),
        );
        let form = form.query().unwrap_or_default().to_owned();
        let url = &known.endpoints.token_endpoint;
        let answer = match self.client.post(url, credentials, form).await {
            Ok(answer) => answer,
            // A code that nobody was given.
            Err(IssuerError::Status(400 | 401 | 403)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let tokens: Tokens =
            serde_json::from_slice(&answer).map_err(|_other| EntryError::Hospital("its answer"))?;
        let Some(token) = Unverified::read(&tokens.id_token, LONGEST_TOKEN) else {
            return Ok(None);
        };
        let known = self.known(now, token.kid.as_deref()).await?;
        Ok(known
            .keys
            .of(token.kid.as_deref())
            .find_map(|key| token.verified(key)))
    }
}
