//! The hospital's own sign-in (OIDC), where staff have accounts there already.

use std::fmt;
use std::sync::Arc;

use federation_service::outbound::Cidr;
use reqwest::Url;

use super::error::ConfigError;
use super::settings::Settings;

/// The hospital's own sign-in.
#[derive(Clone, Debug)]
pub struct OidcSettings {
    /// `auth.oidc.issuer`: its name, an https address; everything it is asked stands at that origin.
    pub issuer: Url,
    /// `auth.oidc.client_id`: what it knows this node by.
    pub client_id: String,
    /// `auth.oidc.client_secret`, or the first line of `auth.oidc.client_secret_file`.
    pub client_secret: Arc<Secret>,
    /// `auth.oidc.id_claim`: which claim is the staff id.
    pub id_claim: String,
    /// `auth.oidc.role_claim`: which claim names the role. Absent: accounts are made here.
    pub role_claim: Option<String>,
    /// `auth.oidc.allow_cidrs`: where else than on the public internet it may stand.
    pub allow_cidrs: Vec<Cidr>,
    /// `auth.oidc.ca_file`: the authority that vouches for it, PEM; absent: those of the machine.
    pub authority: Option<Vec<u8>>,
}

/// A secret of the settings: never printed, never copied.
pub struct Secret(String);

impl Secret {
    /// A secret from elsewhere than the settings.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret, to be sent to whom it is for.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// `[auth.oidc]`; absent: there is none.
pub(super) fn oidc(settings: &Settings) -> Result<Option<OidcSettings>, ConfigError> {
    let Some(issuer) = settings.parsed("auth.oidc.issuer", super::https)? else {
        return Ok(None);
    };
    let client_id = settings.needed(
        "auth.oidc.client_id",
        "what the hospital's sign-in knows this node by",
        Settings::text,
    )?;
    let secret = settings.secret("auth.oidc.client_secret")?;
    let client_secret = secret.map(|text| Arc::new(Secret(text))).ok_or_else(|| {
        settings.invalid(
            "auth.oidc.issuer",
            "needs `auth.oidc.client_secret_file` beside it",
        )
    })?;
    let authority = match settings.path("auth.oidc.ca_file")? {
        Some(path) => {
            let read = std::fs::read(&path).map_err(|error| ConfigError::Unreadable {
                path: path.clone(),
                reason: error.to_string(),
            })?;
            Some(read)
        }
        None => None,
    };
    Ok(Some(OidcSettings {
        issuer,
        client_id,
        client_secret,
        id_claim: settings
            .parsed("auth.oidc.id_claim", Settings::text)?
            .unwrap_or_else(|| "preferred_username".into()),
        role_claim: settings.parsed("auth.oidc.role_claim", Settings::text)?,
        allow_cidrs: settings
            .parsed("auth.oidc.allow_cidrs", super::cidrs)?
            .unwrap_or_default(),
        authority,
    }))
}
