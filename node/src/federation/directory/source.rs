//! Who is asked for the registry's documents: the registry, or any node that serves them again.
//!
//! The documents are signed, so it does not matter who hands them over; what a neighbour hands over
//! may only be older.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use federation_service::peer_client::{Fetched, PeerClient, PeerFailure};
use federation_service::registry_client::RegistryClient;

/// Where the documents come from.
pub(super) enum Source {
    /// The registry itself.
    Registry(Arc<RegistryClient>),
    /// Another member's node.
    Neighbour(Arc<PeerClient>),
}

impl Source {
    /// Whether this is the registry itself.
    pub(super) const fn is_registry(&self) -> bool {
        matches!(self, Self::Registry(_))
    }

    /// The newest status.
    pub(super) async fn status(
        &self,
        etag: Option<&str>,
        deadline: Duration,
    ) -> Result<Fetched, PeerFailure> {
        match self {
            Self::Registry(client) => client.status(etag, deadline).await,
            Self::Neighbour(client) => client.get("/federation/v1/status", etag, deadline).await,
        }
    }

    /// The newest directory, or that of `seq` to fill a gap.
    pub(super) async fn directory(
        &self,
        seq: Option<u64>,
        deadline: Duration,
    ) -> Result<Fetched, PeerFailure> {
        match (self, seq) {
            (Self::Registry(client), seq) => client.directory(seq, None, deadline).await,
            (Self::Neighbour(client), None) => {
                client.get("/federation/v1/directory", None, deadline).await
            }
            (Self::Neighbour(client), Some(seq)) => {
                let path = format!("/federation/v1/directory/{seq}");
                client.get(&path, None, deadline).await
            }
        }
    }
}

/// The newest root that a neighbour has; its successor is judged by whoever asked.
pub(super) async fn neighbours_root(
    client: &PeerClient,
    deadline: Duration,
) -> Result<Option<Bytes>, PeerFailure> {
    match client.get("/federation/v1/root", None, deadline).await? {
        Fetched::Document { body, .. } => Ok(Some(body)),
        Fetched::NotModified => Ok(None),
    }
}
