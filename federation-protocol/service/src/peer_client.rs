//! Asking one peer over mutual TLS: one client, and one pool of connections, per peer.
//!
//! Trusts the certificates that the directory names for that member and nothing else; follows no
//! redirect, asks no proxy, undoes no compression, reads no more than the cap. What comes back is
//! raw: the caller verifies it before anything parses it.
//!
//! Source: PROTOCOL sections 1 and 8.

use std::time::Duration;

use bytes::Bytes;
use federation_protocol::directory::{Certificate as NamedCertificate, Member};
use federation_protocol::signature::{RawAnswer, SignedRequest};
use reqwest::header::HeaderMap;

use crate::outbound::OutboundRules;
use crate::tls::TlsIdentity;

mod failure;
mod site;

pub use failure::{EndpointError, PeerFailure};
pub(crate) use site::{Site, Trust};

/// Longest time to a finished TLS handshake.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Largest answer that is read unless set otherwise.
pub const DEFAULT_MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;
/// How long an unused connection is kept. A listener should keep its side open longer.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Speaks to one member's federation endpoint.
///
/// Remade when the directory changes that member's endpoint or certificates, or our own identity.
pub struct PeerClient {
    site: Site,
}

/// What came back, unjudged.
#[derive(Debug, Clone)]
pub struct RawReply {
    /// HTTP status.
    pub status: u16,
    /// All header fields.
    pub headers: HeaderMap,
    /// The body's bytes as they came.
    pub body: Bytes,
}

impl RawReply {
    /// Every header field, names in lower case, repeated ones repeated.
    #[must_use]
    pub fn header_pairs(&self) -> Vec<(&str, &[u8])> {
        self.headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect()
    }

    /// Shows the reply to `judge` in the form that
    /// [`federation_protocol::signature::verify_answer`] takes.
    pub fn as_answer<T>(&self, judge: impl FnOnce(&RawAnswer<'_>) -> T) -> T {
        let headers = self.header_pairs();
        judge(&RawAnswer {
            status: self.status,
            headers: &headers,
            body: &self.body,
        })
    }

    /// Whether one more try makes sense: 502, 503, 504.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.status, 502..=504)
    }
}

/// An unsigned document that was asked for, or that has not changed.
#[derive(Debug, Clone)]
pub enum Fetched {
    /// The document of the `etag` that was asked with is still the newest.
    NotModified,
    /// A document; itself signed, and not yet verified.
    Document {
        /// The bytes.
        body: Bytes,
        /// To ask with next time.
        etag: Option<String>,
    },
}

impl PeerClient {
    /// A client for `member` as the directory names it: its endpoint, its certificates.
    ///
    /// `identity` is shown to the peer; an answer larger than `max_answer_bytes` is not read.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub fn for_member(
        member: &Member,
        identity: &TlsIdentity,
        rules: &OutboundRules,
        max_answer_bytes: usize,
    ) -> Result<Self, EndpointError> {
        let certificates = &member.certificates;
        Self::new(
            member.federation_endpoint(),
            certificates,
            identity,
            rules,
            max_answer_bytes,
        )
    }

    /// A client for an endpoint, `https://host[:port]`, that shows one of `certificates`: as
    /// [`Self::for_member`], also for one that is not in the directory yet.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub fn new(
        endpoint: &str,
        certificates: &[NamedCertificate],
        identity: &TlsIdentity,
        rules: &OutboundRules,
        max_answer_bytes: usize,
    ) -> Result<Self, EndpointError> {
        let trust = Trust::Only(certificates);
        Ok(Self {
            site: Site::new(endpoint, trust, Some(identity), rules, max_answer_bytes)?,
        })
    }

    /// Posts a signed request and reads the whole answer within `deadline`.
    ///
    /// # Errors
    /// [`PeerFailure`]; an answer with an error status is an answer.
    pub async fn ask(
        &self,
        request: &SignedRequest,
        deadline: Duration,
    ) -> Result<RawReply, PeerFailure> {
        let headers = request
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        self.site
            .post(&request.path, headers, request.body.clone(), deadline)
            .await
    }

    /// Gets an unsigned document, such as a status list; `etag` is that of the copy we hold.
    ///
    /// # Errors
    /// [`PeerFailure`]; any status but 200 and 304 is `Status`.
    pub async fn get(
        &self,
        path: &str,
        etag: Option<&str>,
        deadline: Duration,
    ) -> Result<Fetched, PeerFailure> {
        self.site.get(path, etag, deadline).await
    }

    /// The path of `uri` if it lies on this endpoint, such as that of a token's status list.
    #[must_use]
    pub fn path_of<'u>(&self, uri: &'u str) -> Option<&'u str> {
        uri.strip_prefix(self.site.origin())
            .filter(|path| path.starts_with('/'))
    }
}

#[cfg(test)]
mod tests;
