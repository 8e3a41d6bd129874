//! The one listener: HTTPS, for nodes.

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};
use federation_service::tls::{self, TlsError, TlsIdentity};

use crate::config::{Host, Http};
use crate::directory::routes::{self, Desk};
use crate::joining;
use crate::joining::routes::Counter;
use crate::witness::routes as witnessing;

/// A stranger who sends a request's head slower than this is cut off.
const REQUEST_HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection without a request is kept: a node asks every 20 s.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Connections at once, per worker. Each costs some kilobytes; the documents are shared.
const CONNECTIONS: usize = 4096;

/// How long what is in flight may take when the registry ends. Answers come from memory; what is
/// still open after this is a node's idle connection, which would otherwise hold up the end.
const GRACE_SECONDS: u64 = 2;

/// Threads that serve. They only copy bytes from memory.
const WORKERS: usize = 2;

/// Why nobody listens.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// OpenSSL does not take the certificate or its key.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}: {cause}")]
    Bind {
        /// `http.bind`.
        address: SocketAddr,
        /// What the system says.
        cause: std::io::Error,
    },
}

/// A listener at work.
pub(crate) struct Listener {
    address: SocketAddr,
    handle: ServerHandle,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Listener {
    /// Listens on `bind` with `identity`'s certificate; serves from `desk`, cosigns checkpoints at
    /// the witness's, takes applications at the counter.
    pub(crate) fn start(
        bind: SocketAddr,
        identity: &TlsIdentity,
        desk: Desk,
        (witness, counter): (witnessing::Desk, Counter),
    ) -> Result<Self, ListenError> {
        let acceptor = tls::server_acceptor(identity)?;
        let (desk, witness) = (web::Data::new(desk), web::Data::new(witness));
        let counter = web::Data::new(counter);
        let failed = |cause| ListenError::Bind {
            address: bind,
            cause,
        };
        let server = HttpServer::new(move || {
            App::new()
                .app_data(desk.clone())
                .app_data(witness.clone())
                .configure(witnessing::configure)
                .app_data(counter.clone())
                .configure(joining::routes::configure)
                .configure(routes::configure)
        })
        .workers(WORKERS)
        .max_connections(CONNECTIONS)
        .client_request_timeout(REQUEST_HEAD_TIMEOUT)
        .keep_alive(KEEP_ALIVE)
        .tcp_nodelay(true)
        .shutdown_timeout(GRACE_SECONDS)
        .disable_signals()
        .bind_openssl(bind, acceptor)
        .map_err(failed)?;
        let address = server.addrs().first().copied().unwrap_or(bind);
        let server = server.run();
        let handle = server.handle();
        Ok(Self {
            address,
            handle,
            task: tokio::spawn(server),
        })
    }

    /// The public URL, with the port that was really taken when any was asked for.
    pub(crate) fn url(&self, http: &Http) -> String {
        if http.bind.port() != 0 {
            return http.public_url.clone();
        }
        let host = Host::of_https_origin(&http.public_url);
        let host = host.map(|host| host.in_url()).unwrap_or_default();
        format!("https://{host}:{}", self.address.port())
    }

    /// Lets requests in flight finish, then ends.
    pub(crate) async fn stop(self) {
        self.handle.stop(true).await;
        match self.task.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the listener ended badly"),
            Err(error) => tracing::error!(%error, "the listener's task ended badly"),
        }
    }
}
