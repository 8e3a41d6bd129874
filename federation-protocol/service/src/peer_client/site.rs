//! One https origin with its client: what members and the registry are asked with.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::http::header::HttpDate;
use bytes::BytesMut;
use federation_protocol::directory::Certificate as NamedCertificate;
use federation_protocol::time::Timestamp;
use reqwest::header::{DATE, ETAG, IF_NONE_MATCH};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, RequestBuilder, Response, StatusCode, Url};

use super::failure::{chain, failure};
use super::{CONNECT_TIMEOUT, EndpointError, Fetched, IDLE_TIMEOUT, PeerFailure, RawReply};
use crate::outbound::{CheckingResolver, OutboundRules};
use crate::tls::TlsIdentity;

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
        let mut builder = guarded(rules);
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

    pub(crate) fn origin(&self) -> &str {
        &self.origin
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

    /// What time it is by the other side's clock, to the second: the `Date` of an answer to `path`.
    ///
    /// Source: RFC 9110 section 6.6.1.
    pub(crate) async fn date(
        &self,
        path: &str,
        deadline: Duration,
    ) -> Result<Option<Timestamp>, PeerFailure> {
        let reply = self
            .send(self.client.get(self.url(path)?), deadline)
            .await?;
        let date = reply
            .headers
            .get(DATE)
            .and_then(|value| value.to_str().ok());
        let date = date.and_then(|text| text.parse::<HttpDate>().ok());
        Ok(date.and_then(|date| {
            let since = SystemTime::from(date).duration_since(UNIX_EPOCH).ok()?;
            Some(Timestamp::from_unix_seconds(
                i64::try_from(since.as_secs()).ok()?,
            ))
        }))
    }

    /// Gets something that is told to one asker only: no copy is kept, so there is no etag.
    pub(crate) async fn get_with<'h>(
        &self,
        path: &str,
        headers: impl Iterator<Item = (&'h str, &'h str)>,
        deadline: Duration,
    ) -> Result<RawReply, PeerFailure> {
        let mut get = self.client.get(self.url(path)?);
        for (name, value) in headers {
            get = get.header(name, value);
        }
        self.send(get, deadline).await
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

/// What holds for every outbound call, whomever it trusts (PROTOCOL section 8).
fn guarded(rules: &OutboundRules) -> ClientBuilder {
    Client::builder()
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
        .tcp_nodelay(true)
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
