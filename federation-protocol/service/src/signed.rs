//! The federation listener's door: signed requests in, signed answers out.
//!
//! [`Door::open`] is checks 1–9 of PROTOCOL section 4, in their order, over the bytes as they came;
//! only what passed is ever parsed. [`Answering`] makes the signed reply, or the refusal.

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName,
};
use actix_web::web::{Bytes, BytesMut, Payload};
use federation_protocol::Verified;
use federation_protocol::directory::Membership;
use federation_protocol::keys::Fingerprint;
use federation_protocol::member::MemberId;
use federation_protocol::refusal::Refusal;
use federation_protocol::signature::{RawRequest, Request, VERSION, verify_request};
use futures_util::StreamExt as _;

use crate::clock::SharedClock;
use crate::tls::PeerCertificate;

mod answering;
mod paths;
mod rate;
mod refused;

pub use answering::{Answering, refuse_unsigned, send};
pub use paths::{Media, Paths};
pub use rate::RateLimit;
use rate::Rates;
pub use refused::Refused;

/// Largest header block: names, values, and the four bytes between and after them.
pub const MAX_HEADER_BYTES: usize = 32 * 1024;
/// Largest request body.
pub const MAX_BODY_BYTES: usize = 256 * 1024;
/// How long a federation listener keeps an unused connection: longer than a peer's client does
/// ([`crate::peer_client::IDLE_TIMEOUT`]), so that no question runs into a closing door.
pub const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a body may take to arrive unless set otherwise.
pub const DEFAULT_BODY_TIMEOUT: Duration = Duration::from_secs(10);

const FED_VERSION: HeaderName = HeaderName::from_static("fed-version");
const FED_FROM: HeaderName = HeaderName::from_static("fed-from");

/// Whoever knows the newest accepted root, directory and status.
pub trait Memberships: Send + Sync {
    /// What members are judged by now; `None` until a first directory was accepted.
    fn current(&self) -> Option<Arc<Membership>>;
}

/// What a [`Door`] stands on.
pub struct DoorSettings {
    /// What time it is.
    pub clock: SharedClock,
    /// Who belongs.
    pub memberships: Arc<dyn Memberships>,
    /// Which members this node answers for: itself and its guests.
    pub served: Arc<dyn Fn(&MemberId) -> bool + Send + Sync>,
    /// Which paths there are, and the media type that each takes.
    pub paths: Paths,
    /// Requests per member; `None` is unlimited.
    pub rate: Option<RateLimit>,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
}

/// Lets in what passes checks 1–9. One per process, shared by its workers.
pub struct Door {
    clock: SharedClock,
    memberships: Arc<dyn Memberships>,
    served: Arc<dyn Fn(&MemberId) -> bool + Send + Sync>,
    paths: Paths,
    rates: Option<Rates>,
    body_timeout: Duration,
}

impl Door {
    /// A door with empty rate windows.
    #[must_use]
    pub fn new(settings: DoorSettings) -> Self {
        Self {
            clock: settings.clock,
            memberships: settings.memberships,
            served: settings.served,
            paths: settings.paths,
            rates: settings.rate.map(Rates::new),
            body_timeout: settings.body_timeout,
        }
    }

    /// Opens one request: reads its body and checks it, 1–9.
    ///
    /// A body whose length is announced is refused before a byte of it is read; one of unannounced
    /// length is read only after checks 2 and 3, so that a stranger cannot make us read it, and no
    /// further than the limit.
    ///
    /// # Errors
    /// The first check that fails. Its answer is made by [`refuse_unsigned`] up to check 8 and by
    /// [`Answering::refuse`] from check 9 on.
    ///
    /// Source: PROTOCOL section 4.
    pub async fn open(
        &self,
        http: &HttpRequest,
        payload: Payload,
    ) -> Result<Verified<Request>, Refused> {
        let announced = self.check_form(http)?;
        let membership = self
            .memberships
            .current()
            .ok_or(Refusal::DirectoryExpired)?;
        let certificate = http
            .conn_data::<PeerCertificate>()
            .ok_or(Refusal::CertificateUnknown)?;
        let registry = MemberId::registry();
        let member = known_member(&membership, &certificate.0, http.headers(), &registry)?;
        if let Some(rates) = &self.rates
            && let Err(wait) = rates.take(member)
        {
            return Err(Refused::from(Refusal::RateLimited)
                .of(member)
                .retry_after(wait));
        }
        let body = self
            .read(payload, announced)
            .await
            .map_err(|r| Refused::from(r).of(member))?;

        let headers: Vec<(&str, &[u8])> = http
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        let uri = &http.head().uri;
        let raw = RawRequest {
            method: http.method().as_str(),
            path: uri.path(),
            query: uri.query(),
            headers: &headers,
            body: &body,
        };
        let now = self.clock.now();
        let served = |member: &MemberId| (self.served)(member);
        verify_request(&raw, Some(&certificate.0), &membership, &served, now)
            .map_err(|refusal| Refused::from(refusal).of(member).bound_to(&raw))
    }

    /// Check 1: method, path, version, sizes, coding, media type. The announced body length.
    fn check_form(&self, http: &HttpRequest) -> Result<usize, Refusal> {
        let uri = &http.head().uri;
        let headers = http.headers();
        let media = self.paths.media(uri.path()).ok_or(Refusal::NotFound)?;
        if http.method() != actix_web::http::Method::POST || uri.query().is_some() {
            return Err(Refusal::NotFound);
        }
        if !all(headers, &FED_VERSION, |value| value == VERSION.as_bytes()) {
            return Err(Refusal::VersionUnsupported);
        }
        let length = |(name, value): (&HeaderName, &actix_web::http::header::HeaderValue)| {
            name.as_str()
                .len()
                .saturating_add(value.len())
                .saturating_add(4)
        };
        if headers.iter().map(length).sum::<usize>() > MAX_HEADER_BYTES {
            return Err(Refusal::HeadersTooLarge);
        }
        // The server has already refused lengths that are no number, or two that differ.
        let announced = headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok());
        let announced = announced.map_or(Ok(0), str::parse).unwrap_or(usize::MAX);
        if announced > MAX_BODY_BYTES {
            return Err(Refusal::RequestTooLarge);
        }
        if headers.contains_key(CONTENT_ENCODING)
            || !all(headers, &CONTENT_TYPE, |value| media.accepts(value))
        {
            return Err(Refusal::MediaTypeUnsupported);
        }
        Ok(announced)
    }

    /// The whole body, no more than the limit of it, within the time it may take.
    async fn read(&self, payload: Payload, announced: usize) -> Result<Bytes, Refusal> {
        match tokio::time::timeout(self.body_timeout, read_body(payload, announced)).await {
            Ok(body) => body,
            Err(_too_slow) => Err(Refusal::RequestTimeout),
        }
    }
}

/// Check 2: the certificate is some member's. Which one: the one the request says it is from if it
/// is among them, else the first; the signature decides later, this only chooses whose rate counts.
///
/// The registry's own certificate passes as `registry`, which is heard only at the echo (check 6).
fn known_member<'m>(
    membership: &'m Membership,
    certificate: &Fingerprint,
    headers: &HeaderMap,
    registry: &'m MemberId,
) -> Result<&'m MemberId, Refusal> {
    let members = membership.certificate_members(certificate);
    let claimed = headers.get(&FED_FROM).map(|value| value.as_bytes());
    members
        .iter()
        .find(|member| Some(member.as_str().as_bytes()) == claimed)
        .or(members.first())
        .or_else(|| {
            let probes = membership.is_registry_certificate(certificate);
            probes.then_some(registry)
        })
        .ok_or(Refusal::CertificateUnknown)
}

/// Whether a header field is there and every occurrence is as it should be.
fn all(headers: &HeaderMap, name: &HeaderName, right: impl Fn(&[u8]) -> bool) -> bool {
    let mut occurrences = headers.get_all(name).peekable();
    occurrences.peek().is_some() && occurrences.all(|value| right(value.as_bytes()))
}

async fn read_body(mut payload: Payload, announced: usize) -> Result<Bytes, Refusal> {
    // A body that breaks off is not the one that was signed.
    let broken = |_error| Refusal::DigestMismatch;
    let Some(first) = payload.next().await else {
        return Ok(Bytes::new());
    };
    let first = first.map_err(broken)?;
    if first.len() > MAX_BODY_BYTES {
        return Err(Refusal::RequestTooLarge);
    }
    let Some(second) = payload.next().await else {
        return Ok(first);
    };
    let mut body = BytesMut::with_capacity(announced.max(first.len()));
    body.extend_from_slice(&first);
    let mut next = Some(second);
    while let Some(chunk) = next {
        let chunk = chunk.map_err(broken)?;
        if body.len().saturating_add(chunk.len()) > MAX_BODY_BYTES {
            return Err(Refusal::RequestTooLarge);
        }
        body.extend_from_slice(&chunk);
        next = payload.next().await;
    }
    Ok(body.freeze())
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod town;
