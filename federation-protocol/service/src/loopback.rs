//! For tests: a real listener on loopback, and a client that can send what a right client cannot.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests fail by panicking"
)]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpServer};
use federation_protocol::time::Timestamp;
use openssl::ssl::{SslAcceptorBuilder, SslConnector, SslMethod, SslStream, SslVerifyMode};

use crate::outbound::OutboundRules;
use crate::tls::{TlsIdentity, remember_peer};

/// A certificate for 127.0.0.1 that is valid whenever the test runs.
pub(crate) fn identity() -> TlsIdentity {
    identity_for("127.0.0.1")
}

pub(crate) fn identity_for(host: &str) -> TlsIdentity {
    let from = Timestamp::from_unix_seconds(1_700_000_000);
    TlsIdentity::generate(host, from, from.plus_seconds(50 * 365 * 86_400)).unwrap()
}

pub(crate) fn loopback_allowed() -> OutboundRules {
    OutboundRules::new(["127.0.0.0/8", "::1"].map(|range| range.parse().unwrap()))
}

/// A running listener; stops when dropped.
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    handle: ServerHandle,
}

impl Listener {
    pub(crate) fn start(
        acceptor: SslAcceptorBuilder,
        routes: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    ) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let (ready, handle) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = HttpServer::new(move || App::new().configure(routes.clone()))
                    .workers(1)
                    .disable_signals()
                    .tcp_nodelay(true)
                    .on_connect(remember_peer)
                    .shutdown_timeout(1)
                    .listen_openssl(socket, acceptor)
                    .unwrap()
                    .run();
                ready.send(server.handle()).unwrap();
                server.await.unwrap();
            });
        });
        Self {
            address,
            handle: handle.recv().unwrap(),
        }
    }

    pub(crate) fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("https://{}", self.address)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

/// How a [`RawClient`] shakes hands.
pub(crate) fn connector(identity: Option<&TlsIdentity>) -> openssl::ssl::SslConnectorBuilder {
    let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
    builder.set_verify(SslVerifyMode::NONE);
    if let Some(identity) = identity {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
        identity.write_pem(&certificate, &key).unwrap();
        builder.set_certificate_chain_file(&certificate).unwrap();
        builder
            .set_private_key_file(&key, openssl::ssl::SslFiletype::PEM)
            .unwrap();
    }
    builder
}

/// Writes bytes of any kind over TLS and reads what comes back.
pub(crate) struct RawClient(pub(crate) SslStream<TcpStream>);

impl RawClient {
    pub(crate) fn connect(address: SocketAddr, identity: Option<&TlsIdentity>) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_nodelay(true).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let mut configuration = connector(identity).build().configure().unwrap();
        configuration.set_verify_hostname(false);
        Self(configuration.connect("127.0.0.1", socket).unwrap())
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> &mut Self {
        // The other side may have answered and closed already: what it said is still read.
        let _closed = self.0.write_all(bytes);
        self
    }

    /// Sends more, and reads until the other side closes or is silent for a second.
    pub(crate) fn rest(&mut self, more: &[u8]) -> String {
        self.write(more);
        self.0
            .get_ref()
            .set_read_timeout(Some(Duration::from_secs(1)))
            .unwrap();
        let (mut bytes, mut buffer) = (Vec::new(), [0u8; 16 * 1024]);
        while let Ok(read @ 1..) = self.0.read(&mut buffer) {
            bytes.extend_from_slice(&buffer[..read]);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// One response: status, headers as text, body (by Content-Length or chunks' raw bytes).
    pub(crate) fn read(&mut self) -> RawResponse {
        let mut bytes = Vec::new();
        let mut buffer = [0u8; 16 * 1024];
        loop {
            if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
                let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
                let length: usize = head
                    .lines()
                    .find_map(|line| {
                        line.to_ascii_lowercase()
                            .strip_prefix("content-length: ")
                            .map(|l| l.trim().parse().unwrap())
                    })
                    .unwrap_or(0);
                if bytes.len() >= end + 4 + length {
                    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                    return RawResponse {
                        status,
                        head,
                        body: bytes[end + 4..].to_vec(),
                    };
                }
            }
            match self.0.read(&mut buffer) {
                Ok(0) | Err(_) => {
                    panic!("closed after {:?}", String::from_utf8_lossy(&bytes))
                }
                Ok(read) => bytes.extend_from_slice(&buffer[..read]),
            }
        }
    }
}

/// A response as it came.
#[derive(Debug)]
pub(crate) struct RawResponse {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl RawResponse {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (field, value) = line.split_once(": ")?;
            field.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// `code` of a problem or of an OperationOutcome.
    pub(crate) fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        let code = body
            .get("code")
            .or(body.pointer("/issue/0/details/coding/0/code"));
        code.and_then(|code| code.as_str()).unwrap().to_owned()
    }
}
