//! The one call that leaves the federation: to the sign-in of the hospital's own, at the one origin that
//! the settings name, under the address rules.
//!
//! Source: OpenID Connect Discovery 1.0, Core 1.0 section 3.1.3.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, RequestBuilder, StatusCode, Url};

use super::{CheckingResolver, OutboundRules};

/// The longest document that is read, bytes.
const LONGEST_ANSWER: usize = 256 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Why the sign-in was not asked, or did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssuerError {
    /// It names an address elsewhere, or one without TLS.
    #[error("an address outside the sign-in's own origin, or not https")]
    Elsewhere,
    /// Its certificate in the settings cannot be read, or the client not be built.
    #[error("the client for the sign-in cannot be made")]
    Client,
    /// It could not be reached, or not in time.
    #[error("the sign-in cannot be reached")]
    Unreachable,
    /// It answered with another status.
    #[error("the sign-in answered with status {0}")]
    Status(u16),
    /// It answered at too great length.
    #[error("the sign-in's answer is too long")]
    TooLarge,
}

/// Speaks to one issuer's origin, and to nothing else.
pub struct IssuerClient {
    issuer: Url,
    client: Client,
    deadline: Duration,
}

impl IssuerClient {
    /// A client for `issuer` (https). It follows no redirect and asks no proxy; `authority` (PEM) is the
    /// only one that may vouch for it, where one is given.
    ///
    /// # Errors
    /// `Elsewhere`, `Client`.
    pub fn new(
        issuer: &Url,
        authority: Option<&[u8]>,
        rules: &OutboundRules,
        deadline: Duration,
    ) -> Result<Self, IssuerError> {
        let host = issuer.host_str().ok_or(IssuerError::Elsewhere)?;
        rules
            .check_literal(host)
            .map_err(|_refused| IssuerError::Elsewhere)?;
        let mut builder = Client::builder()
            .https_only(true)
            .min_tls_version(reqwest::tls::Version::TLS_1_2)
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .dns_resolver(Arc::new(CheckingResolver(rules.clone())))
            .connect_timeout(CONNECT_TIMEOUT);
        if let Some(pem) = authority {
            let named = Certificate::from_pem(pem).map_err(|_unreadable| IssuerError::Client)?;
            builder = builder.tls_certs_only([named]);
        }
        let client = builder.build().map_err(|_unusable| IssuerError::Client)?;
        Ok(Self {
            issuer: issuer.clone(),
            client,
            deadline,
        })
    }

    /// The document at `url`.
    ///
    /// # Errors
    /// `Elsewhere`, `Unreachable`, `Status`, `TooLarge`.
    pub async fn get(&self, url: &Url) -> Result<Bytes, IssuerError> {
        self.is_own(url)?;
        self.send(self.client.get(url.clone())).await
    }

    /// What it answers to a form, sent as the client `id` with its `secret`.
    ///
    /// # Errors
    /// As [`IssuerClient::get`].
    pub async fn post(
        &self,
        url: &Url,
        (id, secret): (&str, &str),
        form: String,
    ) -> Result<Bytes, IssuerError> {
        self.is_own(url)?;
        let post = self.client.post(url.clone()).basic_auth(id, Some(secret));
        let post = post.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(post.body(form)).await
    }

    fn is_own(&self, url: &Url) -> Result<(), IssuerError> {
        let own = url.scheme() == "https" && url.origin() == self.issuer.origin();
        own.then_some(()).ok_or(IssuerError::Elsewhere)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Bytes, IssuerError> {
        let request = request
            .header(ACCEPT, "application/json")
            .timeout(self.deadline);
        let mut response = request
            .send()
            .await
            .map_err(|_failed| IssuerError::Unreachable)?;
        if response.status() != StatusCode::OK {
            return Err(IssuerError::Status(response.status().as_u16()));
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|_failed| IssuerError::Unreachable)?
        {
            if body.len().saturating_add(chunk.len()) > LONGEST_ANSWER {
                return Err(IssuerError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}
