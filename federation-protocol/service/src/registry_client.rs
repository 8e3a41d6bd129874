//! Fetching root, directory and status from the registry (or from any node that re-serves them).
//!
//! The three documents are signed, so what is fetched here is raw: whoever accepts it judges it.
//! The connection still counts for something: it keeps an outsider on the path from withholding
//! news unnoticed, and from learning what a node asks for.
//!
//! **Trust.** A node is born knowing the registry's URL and the SHA-256 of the root's payload. For
//! that first document any certificate will do: the document is recognised by its hash, so nobody
//! on the path can put another in its place; it is public, so nobody learns anything from it; and
//! the request carries nothing. From then on only the certificates that root names are trusted.

use std::time::Duration;

use bytes::Bytes;
use federation_protocol::directory::{AcceptError, Certificate, Reading, Root};
use federation_protocol::joining::ApplicationId;
use federation_protocol::jws::PayloadHash;
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;
use federation_protocol::transparency::Submission;

use crate::outbound::OutboundRules;
use crate::peer_client::{EndpointError, Fetched, PeerFailure, RawReply, Site, Trust};

/// Largest document that is read.
pub const MAX_DOCUMENT_BYTES: usize = 16 * 1024 * 1024;
/// Largest root that is read.
const MAX_ROOT_BYTES: usize = 256 * 1024;
const ROOT_PATH: &str = "/v1/root";
const CHECKPOINTS_PATH: &str = "/v1/checkpoints";
/// More roots than this are not walked through: a root lives up to a year.
const LONGEST_CHAIN: u64 = 64;

/// Speaks to the registry, trusting what root names.
pub struct RegistryClient {
    site: Site,
}

/// Fetches the root document from `url` (`https://host[:port]`) whatever certificate is shown.
///
/// The caller recognises the root by its pinned hash before it uses a word of it.
///
/// # Errors
/// [`FirstContactError`].
pub async fn fetch_root_by_pin(
    url: &str,
    rules: &OutboundRules,
    deadline: Duration,
) -> Result<Bytes, FirstContactError> {
    let site = Site::new(url, Trust::Anything, None, rules, MAX_ROOT_BYTES)?;
    match site.get(ROOT_PATH, None, deadline).await? {
        Fetched::Document { body, .. } => Ok(body),
        Fetched::NotModified => Err(PeerFailure::Status(304).into()),
    }
}

/// Fetches the root that `pin` names and every later one, oldest first, each judged by the one before:
/// whatever certificate is shown, because the signatures decide.
///
/// The pinned root need not be the newest: between an invitation and joining, root may have been
/// rotated.
///
/// # Errors
/// [`FirstContactError`]; `Refused` with [`AcceptError::NotPinned`] when the registry at `url` never
/// had such a root: it is another one.
pub async fn fetch_roots_from_pin(
    url: &str,
    pin: &PayloadHash,
    rules: &OutboundRules,
    now: Timestamp,
    deadline: Duration,
) -> Result<Vec<(Root, Bytes)>, FirstContactError> {
    let contact = RootContact::new(url, rules)?;
    let newest = contact.newest(deadline).await?;
    match Root::pinned(&newest, pin, Reading::Fresh, now) {
        Ok(root) => return Ok(vec![(root, newest)]),
        Err(AcceptError::NotPinned) => {}
        Err(error) => return Err(error.into()),
    }
    // Nothing of this document is believed but how far back the pinned one may be.
    let claimed = Root::claimed_seq(&newest).ok_or(AcceptError::NotPinned)?;
    for seq in (claimed.saturating_sub(LONGEST_CHAIN).max(1)..claimed).rev() {
        let Ok(older) = contact.at(seq, deadline).await else {
            break;
        };
        if let Ok(pinned) = Root::pinned(&older, pin, Reading::Stored, now) {
            let mut chain = contact.successors(&pinned, newest, now, deadline).await?;
            chain.insert(0, (pinned, older));
            return Ok(chain);
        }
    }
    Err(AcceptError::NotPinned.into())
}

/// Asks for roots, trusting any certificate: they are recognised by hash or signatures.
pub struct RootContact {
    site: Site,
}

impl RootContact {
    /// Asks at `url`, `https://host[:port]`.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub fn new(url: &str, rules: &OutboundRules) -> Result<Self, EndpointError> {
        let site = Site::new(url, Trust::Anything, None, rules, MAX_ROOT_BYTES)?;
        Ok(Self { site })
    }

    /// The newest root.
    ///
    /// # Errors
    /// [`PeerFailure`].
    pub async fn newest(&self, deadline: Duration) -> Result<Bytes, PeerFailure> {
        self.fetch(ROOT_PATH, deadline).await
    }

    /// The root that took `seq`.
    ///
    /// # Errors
    /// [`PeerFailure`].
    pub async fn at(&self, seq: u64, deadline: Duration) -> Result<Bytes, PeerFailure> {
        self.fetch(&format!("{ROOT_PATH}/{seq}"), deadline).await
    }

    /// Every root after `known` up to `newest`, each judged by the one before; none when `newest` is
    /// the known one.
    ///
    /// # Errors
    /// [`FirstContactError`].
    pub async fn successors(
        &self,
        known: &Root,
        newest: Bytes,
        now: Timestamp,
        deadline: Duration,
    ) -> Result<Vec<(Root, Bytes)>, FirstContactError> {
        let mut chain: Vec<(Root, Bytes)> = Vec::new();
        let claimed = Root::claimed_seq(&newest).ok_or(AcceptError::Schema)?;
        let have = known.document().seq;
        if claimed.saturating_sub(have) > LONGEST_CHAIN {
            return Err(AcceptError::Gap { have, got: claimed }.into());
        }
        for seq in have.saturating_add(1)..claimed {
            let body = self.at(seq, deadline).await?;
            let last = chain.last().map_or(known, |(root, _)| root);
            let next = last.successor(&body, Reading::Stored, now)?;
            chain.push((next, body));
        }
        let last = chain.last().map_or(known, |(root, _)| root);
        let next = last.successor(&newest, Reading::Fresh, now)?;
        if next.hash() != last.hash() {
            chain.push((next, newest));
        }
        Ok(chain)
    }

    async fn fetch(&self, path: &str, deadline: Duration) -> Result<Bytes, PeerFailure> {
        match self.site.get(path, None, deadline).await? {
            Fetched::Document { body, .. } => Ok(body),
            Fetched::NotModified => Err(PeerFailure::Status(304)),
        }
    }
}

/// Why the root could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FirstContactError {
    /// The URL is none, or none that may be connected to.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// There was no answer.
    #[error(transparent)]
    Failure(#[from] PeerFailure),
    /// What was answered is not acceptable.
    #[error(transparent)]
    Refused(#[from] AcceptError),
}

impl RegistryClient {
    /// A client that trusts `certificates`, which root names, and no other.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub fn new(
        url: &str,
        certificates: &[Certificate],
        rules: &OutboundRules,
    ) -> Result<Self, EndpointError> {
        let trust = Trust::Only(certificates);
        Ok(Self {
            site: Site::new(url, trust, None, rules, MAX_DOCUMENT_BYTES)?,
        })
    }

    /// The newest root (JWS, general JSON).
    ///
    /// # Errors
    /// [`PeerFailure`].
    pub async fn root(
        &self,
        etag: Option<&str>,
        deadline: Duration,
    ) -> Result<Fetched, PeerFailure> {
        self.site.get(ROOT_PATH, etag, deadline).await
    }

    /// The newest directory, or that of `seq` to fill a gap (JWS, compact).
    ///
    /// # Errors
    /// [`PeerFailure`].
    pub async fn directory(
        &self,
        seq: Option<u64>,
        etag: Option<&str>,
        deadline: Duration,
    ) -> Result<Fetched, PeerFailure> {
        let path = match seq {
            Some(seq) => format!("/v1/directory/{seq}"),
            None => "/v1/directory".to_owned(),
        };
        self.site.get(&path, etag, deadline).await
    }

    /// The newest status (JWS, compact).
    ///
    /// # Errors
    /// [`PeerFailure`].
    pub async fn status(
        &self,
        etag: Option<&str>,
        deadline: Duration,
    ) -> Result<Fetched, PeerFailure> {
        self.site.get("/v1/status", etag, deadline).await
    }

    /// Hands in a checkpoint: the answer is raw, a cosignature line with status 200, the size that
    /// was cosigned last with 409.
    ///
    /// # Errors
    /// [`PeerFailure`].
    ///
    /// Source: C2SP tlog-witness, `add-checkpoint`.
    pub async fn submit(
        &self,
        submission: &Submission,
        deadline: Duration,
    ) -> Result<RawReply, PeerFailure> {
        let headers = [("content-type", "text/plain; charset=utf-8")].into_iter();
        let body = submission.to_string();
        self.site
            .post(CHECKPOINTS_PATH, headers, body, deadline)
            .await
    }

    /// The checkpoint of this member's log that the registry cosigned last; status 404 when there
    /// is none.
    ///
    /// # Errors
    /// [`PeerFailure`].
    pub async fn checkpoint(
        &self,
        member: &MemberId,
        deadline: Duration,
    ) -> Result<Fetched, PeerFailure> {
        let path = format!("{CHECKPOINTS_PATH}/{member}");
        self.site.get(&path, None, deadline).await
    }

    /// What time it is by the registry's clock, to the second; `None` where it does not say.
    ///
    /// # Errors
    /// [`PeerFailure`].
    pub async fn time(&self, deadline: Duration) -> Result<Option<Timestamp>, PeerFailure> {
        self.site.date("/v1/status", deadline).await
    }

    /// Hands in a signed application, new or again.
    ///
    /// # Errors
    /// [`PeerFailure`]; a refusal is an answer.
    ///
    /// Source: PROTOCOL section 3, step 2; `docs/WIRE.md` section 6.
    pub async fn apply(
        &self,
        application: String,
        deadline: Duration,
    ) -> Result<RawReply, PeerFailure> {
        self.post_statement("/v1/applications", application, deadline)
            .await
    }

    /// Asks how an application stands; `question` is the applicant's signed one.
    ///
    /// # Errors
    /// [`PeerFailure`]; a refusal is an answer.
    pub async fn application(
        &self,
        id: &ApplicationId,
        question: &str,
        deadline: Duration,
    ) -> Result<RawReply, PeerFailure> {
        let (path, proof) = (
            format!("/v1/applications/{id}"),
            format!("Musubi-Applicant {question}"),
        );
        let headers = [("authorization", proof.as_str())];
        self.site
            .get_with(&path, headers.into_iter(), deadline)
            .await
    }

    /// Says a member's last word: it leaves.
    ///
    /// # Errors
    /// [`PeerFailure`]; a refusal is an answer.
    pub async fn leave(
        &self,
        member: &MemberId,
        leave: String,
        deadline: Duration,
    ) -> Result<RawReply, PeerFailure> {
        self.post_statement(&format!("/v1/members/{member}/leave"), leave, deadline)
            .await
    }

    /// Says a member's own word about its keys: a rotation or a revocation, general JWS in JSON.
    ///
    /// # Errors
    /// [`PeerFailure`]; a refusal is an answer.
    pub async fn change_keys(
        &self,
        member: &MemberId,
        statement: String,
        deadline: Duration,
    ) -> Result<RawReply, PeerFailure> {
        let headers = [("content-type", "application/jose+json")];
        let path = format!("/v1/members/{member}/keys");
        self.site
            .post(&path, headers.into_iter(), statement, deadline)
            .await
    }

    async fn post_statement(
        &self,
        path: &str,
        statement: String,
        deadline: Duration,
    ) -> Result<RawReply, PeerFailure> {
        let headers = [("content-type", "application/jose")];
        self.site
            .post(path, headers.into_iter(), statement, deadline)
            .await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use actix_web::web::{self, ServiceConfig};

    use super::*;
    use crate::loopback::{Listener, identity, loopback_allowed};
    use crate::tls::{TlsIdentity, server_acceptor};

    const SECOND: Duration = Duration::from_secs(1);

    fn routes(routes: &mut ServiceConfig) {
        routes
            .route("/v1/root", web::get().to(|| async { "root" }))
            .route("/v1/directory", web::get().to(|| async { "directory 8" }))
            .route("/v1/directory/7", web::get().to(|| async { "directory 7" }))
            .route("/v1/status", web::get().to(|| async { "status" }));
    }

    fn registry() -> (TlsIdentity, Listener) {
        let theirs = identity();
        let listener = Listener::start(server_acceptor(&theirs).unwrap(), routes);
        (theirs, listener)
    }

    fn text(fetched: Fetched) -> String {
        match fetched {
            Fetched::Document { body, .. } => String::from_utf8(body.to_vec()).unwrap(),
            Fetched::NotModified => "not modified".to_owned(),
        }
    }

    #[tokio::test]
    async fn the_first_root_is_fetched_whatever_certificate_is_shown() {
        let (_, listener) = registry();
        let root = fetch_root_by_pin(&listener.endpoint(), &loopback_allowed(), SECOND).await;
        assert_eq!(root.unwrap(), "root");
    }

    #[tokio::test]
    async fn afterwards_only_the_certificate_that_root_names_is_trusted() {
        let (theirs, listener) = registry();
        let rules = loopback_allowed();
        let named = [theirs.certificate().unwrap()];
        let client = RegistryClient::new(&listener.endpoint(), &named, &rules).unwrap();
        assert_eq!(text(client.root(None, SECOND).await.unwrap()), "root");
        assert_eq!(
            text(client.directory(None, None, SECOND).await.unwrap()),
            "directory 8"
        );
        assert_eq!(
            text(client.directory(Some(7), None, SECOND).await.unwrap()),
            "directory 7"
        );
        assert_eq!(text(client.status(None, SECOND).await.unwrap()), "status");

        let another = [identity().certificate().unwrap()];
        let client = RegistryClient::new(&listener.endpoint(), &another, &rules).unwrap();
        assert!(matches!(
            client.status(None, SECOND).await,
            Err(PeerFailure::Tls(_))
        ));
    }

    #[tokio::test]
    async fn the_address_rules_hold_for_the_registry_too() {
        let (_, listener) = registry();
        let root = fetch_root_by_pin(&listener.endpoint(), &OutboundRules::default(), SECOND).await;
        assert!(matches!(
            root,
            Err(FirstContactError::Endpoint(EndpointError::Address(_)))
        ));
    }
}
