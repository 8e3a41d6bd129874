//! The other members as this node can reach them: one client and one breaker each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use federation_protocol::directory::{Certificate, Member};
use federation_protocol::keys::Fingerprint;
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;
use federation_service::outbound::OutboundRules;
use federation_service::peer_client::{EndpointError, PeerClient};
use federation_service::tls::{Shown, TlsIdentity};

use super::breaker::{Breaker, Standing};

/// The peers' clients and breakers. Made as they are needed, remade when the directory changes an
/// endpoint or a certificate, or this node shows another one. Who has a client goes on with it to the
/// end of what it asks.
pub struct Peers {
    shown: Shown,
    rules: OutboundRules,
    longest_answer: usize,
    known: RwLock<HashMap<MemberId, Arc<Peer>>>,
}

struct Peer {
    breaker: Mutex<Breaker>,
    client: Mutex<Option<Connection>>,
}

/// A client and what of the directory it was made from.
struct Connection {
    endpoint: String,
    certificates: Vec<Fingerprint>,
    shown: Arc<TlsIdentity>,
    client: Arc<PeerClient>,
}

impl Peers {
    /// Clients that show what `shown` shows when they are asked for, obey `rules`, and read at most `longest_answer` bytes.
    #[must_use]
    pub fn new(shown: Shown, rules: OutboundRules, longest_answer: usize) -> Self {
        Self {
            shown,
            rules,
            longest_answer,
            known: RwLock::default(),
        }
    }

    /// The client for `member` as the directory describes it now.
    ///
    /// # Errors
    /// The endpoint or its certificates cannot be used.
    pub fn client(&self, member: &Member) -> Result<Arc<PeerClient>, EndpointError> {
        let peer = self.peer(&member.id);
        let mut connection = lock(&peer.client);
        let certificates: Vec<Fingerprint> = member
            .certificates
            .iter()
            .map(Certificate::fingerprint)
            .collect();
        let shown = self.shown.now();
        if let Some(made) = connection.as_ref()
            && Arc::ptr_eq(&made.shown, &shown)
            && made.endpoint == member.federation_endpoint()
            && made.certificates == certificates
        {
            return Ok(Arc::clone(&made.client));
        }
        let client = Arc::new(PeerClient::new(
            member.federation_endpoint(),
            &member.certificates,
            &shown,
            &self.rules,
            self.longest_answer,
        )?);
        *connection = Some(Connection {
            endpoint: member.federation_endpoint().to_owned(),
            certificates,
            shown,
            client: Arc::clone(&client),
        });
        Ok(client)
    }

    /// Whether a question to `member` may go out now.
    #[must_use]
    pub fn admit(&self, member: &MemberId, now: Timestamp) -> bool {
        lock(&self.peer(member).breaker).admit(now)
    }

    /// `member` answered.
    pub fn succeeded(&self, member: &MemberId) {
        lock(&self.peer(member).breaker).succeeded();
    }

    /// `member` did not answer, or not with something that verifies.
    pub fn failed(&self, member: &MemberId, now: Timestamp) {
        lock(&self.peer(member).breaker).failed(now);
    }

    /// How the breaker of `member` stands.
    #[must_use]
    pub fn standing(&self, member: &MemberId, now: Timestamp) -> Standing {
        lock(&self.peer(member).breaker).standing(now)
    }

    fn peer(&self, member: &MemberId) -> Arc<Peer> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(peer) = known.get(member) {
            return Arc::clone(peer);
        }
        drop(known);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(member.clone()).or_insert_with(|| {
            Arc::new(Peer {
                breaker: Mutex::default(),
                client: Mutex::new(None),
            })
        }))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is in there is replaced whole: a thread that panicked left nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
