//! Why there is no client, or no answer.

use std::error::Error;
use std::io;

use crate::outbound::AddressRefused;

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
    /// No connection: refused, unreachable, name unknown, or not within [`super::CONNECT_TIMEOUT`].
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

/// What went wrong, from the client library's errors and what lies under them.
pub(super) fn failure(error: &reqwest::Error) -> PeerFailure {
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
pub(super) fn chain(error: &reqwest::Error) -> String {
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
