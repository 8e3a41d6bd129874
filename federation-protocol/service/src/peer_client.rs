//! Asking one peer over mutual TLS: one client, and one pool of connections, per peer.
//!
//! Trusts the certificates that the directory names for that member and nothing else; follows no
//! redirect, asks no proxy, undoes no compression, reads no more than the cap. What comes back is
//! raw: the caller verifies it before anything parses it.
//!
//! Source: PROTOCOL sections 1 and 8.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use federation_protocol::directory::{Certificate as NamedCertificate, Member};
use federation_protocol::signature::{RawAnswer, SignedRequest};
use reqwest::header::{ETAG, HeaderMap, IF_NONE_MATCH};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, RequestBuilder, Response, StatusCode, Url};

use crate::outbound::{AddressRefused, CheckingResolver, OutboundRules};
use crate::tls::TlsIdentity;

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

/// Why a client for an endpoint cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Not `https://host[:port]` and no more: no path, query, fragment or user.
    #[error("{0:?} is not an https endpoint")]
    Url(String),
    /// The endpoint's host is an address that the rules refuse.
    #[error(transparent)]
    Address(#[from] AddressRefused),
    /// The directory names no certificate for this member, or one that cannot be read.
    #[error("no usable certificate is known for {0}")]
    Certificates(String),
    /// Our own certificate and key cannot be used.
    #[error(transparent)]
    Identity(#[from] crate::tls::TlsError),
    /// The HTTP client could not be built.
    #[error("http client: {0}")]
    Client(String),
}

/// Why there is no answer from a peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerFailure {
    /// No connection: refused, unreachable, name unknown, or not within [`CONNECT_TIMEOUT`].
    #[error("no connection: {0}")]
    Connect(String),
    /// The name points only at addresses that the rules refuse.
    #[error("{0}")]
    AddressRefused(String),
    /// The other side showed a certificate that is not the member's, or refused ours.
    #[error("tls: {0}")]
    Tls(String),
    /// The deadline passed.
    #[error("no answer within the deadline")]
    Timeout,
    /// The connection broke before the answer was whole.
    #[error("the connection broke: {0}")]
    Interrupted(String),
    /// The answer is larger than the cap.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The cap in bytes.
        limit: usize,
    },
    /// An unsigned document was answered with this status.
    #[error("answered with status {0}")]
    Status(u16),
    /// The path to ask for is not one: an error of the caller.
    #[error("not a path: {0:?}")]
    Path(String),
}

impl PeerFailure {
    /// Whether one more try, newly signed, makes sense: only where no connection was had or kept.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::Interrupted(_))
    }

    /// The failure in one stable word, for metrics, manifests and logs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Connect(_) => "unreachable",
            Self::AddressRefused(_) => "address_refused",
            Self::Tls(_) => "tls_failed",
            Self::Timeout => "timeout",
            Self::Interrupted(_) => "interrupted",
            Self::TooLarge { .. } => "answer_too_large",
            Self::Status(_) => "unexpected_status",
            Self::Path(_) => "path_invalid",
        }
    }
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
        uri.strip_prefix(self.site.origin.as_str())
            .filter(|path| path.starts_with('/'))
    }
}

/// What makes the other side of a connection the right one.
pub(crate) enum Trust<'a> {
    /// Exactly these certificates, for the host they name.
    Only(&'a [NamedCertificate]),
    /// Anything: for a document that is recognised by its hash. See [`crate::registry_client`].
    Anything,
}

/// One https origin with its client: what [`PeerClient`] and the registry client have in common.
pub(crate) struct Site {
    origin: String,
    client: Client,
    trusted: Option<Arc<[NamedCertificate]>>,
    max_answer_bytes: usize,
}

impl Site {
    pub(crate) fn new(
        endpoint: &str,
        trust: Trust<'_>,
        identity: Option<&TlsIdentity>,
        rules: &OutboundRules,
        max_answer_bytes: usize,
    ) -> Result<Self, EndpointError> {
        let origin = origin(endpoint, rules)?;
        let mut builder = Client::builder()
            .https_only(true)
            .http1_only()
            .min_tls_version(reqwest::tls::Version::TLS_1_3)
            .tls_info(true)
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .dns_resolver(Arc::new(CheckingResolver(rules.clone())))
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tcp_nodelay(true);
        let trusted = match trust {
            Trust::Only(certificates) => {
                let unusable = || EndpointError::Certificates(origin.clone());
                let readable: Result<Vec<_>, _> = certificates
                    .iter()
                    .map(|named| Certificate::from_der(named.der()))
                    .collect();
                let readable = readable.map_err(|_unreadable| unusable())?;
                if readable.is_empty() {
                    return Err(unusable());
                }
                builder = builder.tls_certs_only(readable);
                Some(certificates.into())
            }
            Trust::Anything => {
                builder = builder.tls_danger_accept_invalid_certs(true);
                None
            }
        };
        if let Some(identity) = identity {
            builder = builder.identity(identity.for_client()?);
        }
        let client = builder
            .build()
            .map_err(|error| EndpointError::Client(chain(&error)))?;
        Ok(Self {
            origin,
            client,
            trusted,
            max_answer_bytes,
        })
    }

    /// The URL of `path`, refused if the URL parser would change it: the path is signed.
    fn url(&self, path: &str) -> Result<Url, PeerFailure> {
        let wrong = || PeerFailure::Path(path.to_owned());
        let url = Url::parse(&format!("{}{path}", self.origin)).map_err(|_unparsable| wrong())?;
        if url.path() != path {
            Err(wrong())
        } else {
            Ok(url)
        }
    }

    pub(crate) async fn get(
        &self,
        path: &str,
        etag: Option<&str>,
        deadline: Duration,
    ) -> Result<Fetched, PeerFailure> {
        let mut get = self.client.get(self.url(path)?);
        if let Some(etag) = etag {
            get = get.header(IF_NONE_MATCH, etag);
        }
        let reply = self.send(get, deadline).await?;
        match StatusCode::from_u16(reply.status) {
            Ok(StatusCode::OK) => {
                let etag = reply
                    .headers
                    .get(ETAG)
                    .and_then(|value| value.to_str().ok());
                Ok(Fetched::Document {
                    etag: etag.map(str::to_owned),
                    body: reply.body,
                })
            }
            Ok(StatusCode::NOT_MODIFIED) if etag.is_some() => Ok(Fetched::NotModified),
            _ => Err(PeerFailure::Status(reply.status)),
        }
    }

    pub(crate) async fn post<'h>(
        &self,
        path: &str,
        headers: impl Iterator<Item = (&'h str, &'h str)>,
        body: impl Into<reqwest::Body>,
        deadline: Duration,
    ) -> Result<RawReply, PeerFailure> {
        let mut post = self.client.post(self.url(path)?);
        for (name, value) in headers {
            post = post.header(name, value);
        }
        self.send(post.body(body), deadline).await
    }

    async fn send(
        &self,
        request: RequestBuilder,
        deadline: Duration,
    ) -> Result<RawReply, PeerFailure> {
        let mut response = request
            .timeout(deadline)
            .send()
            .await
            .map_err(|e| failure(&e))?;
        self.check_certificate(&response)?;
        let too_large = PeerFailure::TooLarge {
            limit: self.max_answer_bytes,
        };
        let announced = response.content_length().unwrap_or(0);
        let announced = usize::try_from(announced).unwrap_or(usize::MAX);
        if announced > self.max_answer_bytes {
            return Err(too_large);
        }
        // The announcement is a stranger's word: it sizes the buffer only up to a megabyte.
        let mut body = BytesMut::with_capacity(announced.min(1024 * 1024));
        while let Some(chunk) = response.chunk().await.map_err(|e| failure(&e))? {
            if body.len().saturating_add(chunk.len()) > self.max_answer_bytes {
                return Err(too_large);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(RawReply {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            body: body.freeze(),
        })
    }

    /// The certificate shown is one of those named, not one that a named one has signed.
    fn check_certificate(&self, response: &Response) -> Result<(), PeerFailure> {
        let Some(trusted) = &self.trusted else {
            return Ok(());
        };
        let shown = response.extensions().get::<reqwest::tls::TlsInfo>();
        match shown.and_then(|info| info.peer_certificate()) {
            Some(shown) if trusted.iter().any(|named| named.der() == shown) => Ok(()),
            _ => Err(PeerFailure::Tls(
                "the certificate is not one of the member's".to_owned(),
            )),
        }
    }
}

/// `https://host[:port]`, with the host judged if it is an address.
fn origin(endpoint: &str, rules: &OutboundRules) -> Result<String, EndpointError> {
    let wrong = || EndpointError::Url(endpoint.to_owned());
    let url = Url::parse(endpoint).map_err(|_unparsable| wrong())?;
    let host = url.host_str().ok_or_else(wrong)?;
    let is_bare = url.scheme() == "https"
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if !is_bare {
        return Err(wrong());
    }
    rules.check_literal(host)?;
    Ok(url.origin().ascii_serialization())
}

/// What went wrong, from the client library's errors and what lies under them.
fn failure(error: &reqwest::Error) -> PeerFailure {
    if let Some(refused) = find::<AddressRefused>(error) {
        return PeerFailure::AddressRefused(refused.to_string());
    }
    // The library hides its own error's type; what OpenSSL complained of lies under it.
    if find::<openssl::error::ErrorStack>(error).is_some() {
        return PeerFailure::Tls(chain(error));
    }
    if error.is_connect() {
        return PeerFailure::Connect(chain(error));
    }
    if error.is_timeout() {
        return PeerFailure::Timeout;
    }
    PeerFailure::Interrupted(chain(error))
}

/// The first cause of type `T`, also inside an `io::Error`, whose `source` skips what it wraps.
fn find<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        if let Some(inner) = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            && let Some(found) = find::<T>(inner)
        {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// An error with its causes, in one line, without the URL's path.
fn chain(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut next = error.source();
    while let Some(cause) = next {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
