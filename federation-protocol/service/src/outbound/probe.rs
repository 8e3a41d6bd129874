//! The way to an endpoint, one step at a time, for whoever must say where it breaks: name,
//! connection, TLS. The same rules hold as for every call, and nothing is asked on the connection.
//!
//! No step has a time limit of its own: whoever calls sets one.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;

use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode, SslVersion};
use reqwest::Url;
use tokio::net::TcpStream;
use tokio_openssl::SslStream;

use super::names::NameError;
use super::{AddressRefused, OutboundRules};

/// Where an endpoint is: its host and port, the host judged if it is an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// A name or an address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// At which step the way ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// Not an https address.
    #[error("{0:?} is not an https endpoint")]
    Url(String),
    /// The name is not known.
    #[error("{0}")]
    Name(String),
    /// The rules let us connect to none of its addresses.
    #[error(transparent)]
    Refused(#[from] AddressRefused),
    /// Nobody takes the connection.
    #[error("{0}")]
    Connect(String),
    /// No TLS 1.3.
    #[error("{0}")]
    Tls(String),
}

impl Target {
    /// The host and port of `https://host[:port]`.
    ///
    /// # Errors
    /// `Url`; `Refused` when the host is an address that the rules refuse.
    pub fn of(endpoint: &str, rules: &OutboundRules) -> Result<Self, ProbeError> {
        let wrong = || ProbeError::Url(endpoint.to_owned());
        let url = Url::parse(endpoint).map_err(|_unparsable| wrong())?;
        let host = url.host_str().filter(|_| url.scheme() == "https");
        let host = host.ok_or_else(wrong)?;
        rules.check_literal(host)?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        Ok(Self {
            host: bare.to_owned(),
            port: url.port_or_known_default().ok_or_else(wrong)?,
        })
    }

    /// The addresses that may be connected to.
    ///
    /// # Errors
    /// `Name`, `Refused`.
    pub async fn resolve(&self, rules: &OutboundRules) -> Result<Vec<SocketAddr>, ProbeError> {
        if let Ok(address) = self.host.parse::<IpAddr>() {
            return match rules.allows(address) {
                true => Ok(vec![SocketAddr::new(address, self.port)]),
                false => Err(AddressRefused(self.host.clone()).into()),
            };
        }
        let found = rules.addresses(&self.host, self.port).await;
        found.map_err(|error| match error {
            NameError::Unknown(error) => ProbeError::Name(error.to_string()),
            NameError::Refused(refused) => refused.into(),
        })
    }

    /// A connection to the first of `addresses`, which [`Target::resolve`] gave, that takes one.
    ///
    /// # Errors
    /// `Connect`, with what the last one said.
    pub async fn connect(&self, addresses: &[SocketAddr]) -> Result<Connection, ProbeError> {
        let mut last = ProbeError::Connect("no address".to_owned());
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    return Ok(Connection {
                        stream,
                        at: *address,
                    });
                }
                Err(error) => last = ProbeError::Connect(format!("{address}: {error}")),
            }
        }
        Err(last)
    }
}

/// A connection on which nothing was said yet.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    /// The address that took it.
    pub at: SocketAddr,
}

impl Connection {
    /// Shakes hands as the members do (TLS 1.3), and gives back the certificate that was shown and
    /// proved, DER: whose it is, the caller judges. Then the connection is closed.
    ///
    /// # Errors
    /// `Tls`.
    pub async fn shown_certificate(self, target: &Target) -> Result<Vec<u8>, ProbeError> {
        let tls = |error: &dyn std::fmt::Display| ProbeError::Tls(error.to_string());
        let mut builder =
            SslConnector::builder(SslMethod::tls_client()).map_err(|error| tls(&error))?;
        builder.set_verify(SslVerifyMode::NONE);
        builder
            .set_min_proto_version(Some(SslVersion::TLS1_3))
            .map_err(|error| tls(&error))?;
        let mut configuration = builder.build().configure().map_err(|error| tls(&error))?;
        configuration.set_verify_hostname(false);
        let ssl = configuration
            .into_ssl(&target.host)
            .map_err(|error| tls(&error))?;
        let mut stream = SslStream::new(ssl, self.stream).map_err(|error| tls(&error))?;
        Pin::new(&mut stream)
            .connect()
            .await
            .map_err(|error| tls(&error))?;
        let shown = stream.ssl().peer_certificate();
        let shown = shown.ok_or_else(|| ProbeError::Tls("no certificate was shown".to_owned()))?;
        shown.to_der().map_err(|error| tls(&error))
    }
}
