//! The one call that is not to a member: a command speaks to its own node's listener.

use std::time::Duration;

use reqwest::dns::{Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client};

use super::AddressRefused;

/// Speaks to one's own node's listener, and to nothing else.
pub type OwnListener = Client;

/// Resolves nothing: the settings name a listener by its address.
struct NoNames;

impl Resolve for NoNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move { Err(AddressRefused(name.as_str().to_owned()).into()) })
    }
}

/// A client for the listener of the node that runs beside a command. It carries a person's bearer
/// token, so it follows no redirect, asks no proxy and resolves no name; `certificate` (PEM) is the
/// listener's, where it has one.
///
/// # Errors
/// The certificate cannot be read, or the client not be built.
pub fn to_own_listener(
    certificate: Option<&[u8]>,
    deadline: Duration,
) -> Result<OwnListener, reqwest::Error> {
    let mut builder = Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .referer(false)
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .dns_resolver(std::sync::Arc::new(NoNames))
        .timeout(deadline);
    if let Some(pem) = certificate {
        builder = builder.add_root_certificate(Certificate::from_pem(pem)?);
    }
    builder.build()
}
