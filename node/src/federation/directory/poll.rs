//! One look at the registry: status first, the rest when the status asks for it.

use std::sync::Arc;
use std::time::Duration;

use federation_protocol::directory::{AcceptError, Directory, Reading, Root, Status};
use federation_protocol::time::Timestamp;
use federation_service::peer_client::{EndpointError, Fetched, PeerFailure};
use federation_service::registry_client::{
    FirstContactError, RegistryClient, RootContact, fetch_roots_from_pin,
};

use super::cache::Kind;
use super::source::Source;
use super::{MemberDirectory, lock};

/// How long one document may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(8);
/// How often root is asked for when nothing else makes it look: it changes about once a year.
const ROOT_EVERY_SECONDS: i64 = 600;
/// So many missing directories are fetched at one look; the next look goes on from there.
const MOST_AT_ONE_LOOK: u64 = 400;

/// Why a look at the registry brought nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PollError {
    /// The registry's address cannot be used.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The registry did not answer.
    #[error(transparent)]
    Failure(#[from] PeerFailure),
    /// What it answered is not acceptable; what was accepted before stays.
    #[error("the {document} is not acceptable: {error}")]
    Refused {
        /// `root`, `directory` or `status`.
        document: &'static str,
        /// Why.
        error: AcceptError,
    },
    /// What was accepted could not be written down, so it is not used.
    #[error("the accepted document cannot be stored: {0}")]
    Store(String),
}

impl From<FirstContactError> for PollError {
    fn from(error: FirstContactError) -> Self {
        match error {
            FirstContactError::Endpoint(error) => error.into(),
            FirstContactError::Failure(failure) => failure.into(),
            FirstContactError::Refused(error) => Self::Refused {
                document: "root",
                error,
            },
            _ => Self::Store(error.to_string()),
        }
    }
}

impl MemberDirectory {
    /// Looks at the registry once; where it does not answer, at a neighbour.
    ///
    /// # Errors
    /// Nothing new was learnt; what was accepted before stays in force as long as its age allows.
    pub async fn poll(&self) -> Result<(), PollError> {
        let _one_at_a_time = self.shared.polling.lock().await;
        let mut result = self.look().await;
        if let Err(PollError::Failure(failure)) = &result
            && self.look_at_neighbours().await
        {
            tracing::warn!("the registry was not heard ({failure}), but a neighbour was");
            result = Ok(());
        }
        self.tell(&result).await;
        self.count();
        result
    }

    /// Tells people of what was refused.
    pub(super) async fn tell(&self, result: &Result<(), PollError>) {
        if let Err(PollError::Refused { document, error }) = result {
            let text = format!("{document}: {error}");
            if error.is_alarm() {
                self.alarm(alarm_word(error), &text).await;
            } else {
                self.shared.metrics.directory_alarm("refused");
            }
        }
    }

    async fn look(&self) -> Result<(), PollError> {
        if self.accepted().root.is_none() {
            self.first_root().await?;
        }
        let source = Source::Registry(self.client()?);
        match self.look_at_status(&source).await {
            // A registry with another certificate or another online key has another root.
            Err(
                PollError::Failure(PeerFailure::Tls(_))
                | PollError::Refused {
                    error: AcceptError::KeyNotDelegated,
                    ..
                },
            ) if self.next_root().await? => {
                let source = Source::Registry(self.client()?);
                self.look_at_status(&source).await?;
            }
            other => other?,
        }
        // A new directory may rest on a new root's approvers; and a root ends whatever else goes on.
        if self.is_behind() || self.root_is_due() {
            self.next_root().await?;
            *lock(&self.shared.root_asked_at) = Some(self.shared.clock.now());
        }
        if self.is_behind() {
            let source = Source::Registry(self.client()?);
            self.look_at_directory(&source).await?;
        }
        Ok(())
    }

    fn root_is_due(&self) -> bool {
        let now: Timestamp = self.shared.clock.now();
        lock(&self.shared.root_asked_at)
            .is_none_or(|asked| now.seconds_since(asked) >= ROOT_EVERY_SECONDS)
    }

    pub(super) fn is_behind(&self) -> bool {
        let accepted = self.accepted();
        match (accepted.root, accepted.directory, accepted.status) {
            (Some((root, _)), Some((directory, _)), Some((status, _))) => {
                let named = status.document().directory;
                // Of an online key that root took away, whatever its number.
                let is_left_over = !directory.stands_under(&root) && named.hash != directory.hash();
                is_left_over || named.seq > directory.document().seq
            }
            _ => true,
        }
    }

    /// The pinned root and what came after it.
    async fn first_root(&self) -> Result<(), PollError> {
        let (shared, now) = (&self.shared, self.shared.clock.now());
        let (url, pin) = (&shared.registry, &shared.pin);
        let chain = fetch_roots_from_pin(url, pin, &shared.rules, now, DEADLINE).await?;
        for (root, body) in chain {
            let kind = match root.hash() == *pin {
                true => Kind::PinnedRoot,
                false => Kind::Root,
            };
            self.take_root(kind, root, &body).await?;
        }
        Ok(())
    }

    /// Whether there was a later root. It is recognised by its signatures, so any certificate of
    /// the connection will do: the accepted root's may be the one that was replaced.
    async fn next_root(&self) -> Result<bool, PollError> {
        let Some((root, _)) = self.accepted().root else {
            return Ok(false);
        };
        let contact = RootContact::new(&self.shared.registry, &self.shared.rules)?;
        let newest = contact.newest(DEADLINE).await?;
        let now = self.shared.clock.now();
        let chain = contact.successors(&root, newest, now, DEADLINE).await?;
        let found = !chain.is_empty();
        for (next, body) in chain {
            self.take_root(Kind::Root, next, &body).await?;
        }
        Ok(found)
    }

    /// Durable first, then in force.
    pub(super) async fn take_root(
        &self,
        kind: Kind,
        root: Root,
        body: &[u8],
    ) -> Result<(), PollError> {
        let jws = text("root", body)?;
        self.keep(kind, root.document().seq, &jws).await?;
        let seq = root.document().seq;
        let mut accepted = self.accepted();
        accepted.root = Some((root, jws));
        let refused = |error| PollError::Refused {
            document: "root",
            error,
        };
        accepted.assemble().map_err(refused)?;
        self.swap(accepted);
        tracing::info!(root.seq = seq, "accepted root {seq}");
        Ok(())
    }

    /// Speaks to the registry of the accepted root.
    pub(in crate::federation) fn client(&self) -> Result<Arc<RegistryClient>, PollError> {
        let accepted = self.accepted();
        let Some((root, _)) = &accepted.root else {
            return Err(PollError::Store("no root was accepted yet".into()));
        };
        let mut client = lock(&self.shared.client);
        if let Some((hash, client)) = client.as_ref()
            && *hash == root.hash()
        {
            return Ok(Arc::clone(client));
        }
        let named = &root.document().registry.certificates;
        let made = Arc::new(RegistryClient::new(
            &self.shared.registry,
            named,
            &self.shared.rules,
        )?);
        *client = Some((root.hash(), Arc::clone(&made)));
        Ok(made)
    }

    pub(super) async fn look_at_status(&self, source: &Source) -> Result<(), PollError> {
        let mut accepted = self.accepted();
        // A neighbour's tag is not the registry's.
        let known = accepted
            .status_etag
            .clone()
            .filter(|_| source.is_registry());
        let fetched = source.status(known.as_deref(), DEADLINE).await?;
        let Fetched::Document { body, etag } = fetched else {
            return Ok(());
        };
        let refused = |error| PollError::Refused {
            document: "status",
            error,
        };
        let jws = text("status", &body)?;
        let Some((root, _)) = &accepted.root else {
            return Ok(());
        };
        let previous = accepted.status.as_ref().map(|(status, _)| status);
        let now = self.shared.clock.now();
        let status = Status::accept(&jws, root, previous, Reading::Fresh, now).map_err(refused)?;
        if let Some(membership) = &accepted.membership {
            let membership = membership.with_status(status.clone()).map_err(refused)?;
            accepted.membership = Some(Arc::new(membership));
        }
        self.keep(Kind::Status, status.document().seq, &jws).await?;
        accepted.status = Some((status, jws));
        accepted.status_etag = etag.filter(|_| source.is_registry());
        self.swap(accepted);
        Ok(())
    }

    pub(super) async fn look_at_directory(&self, source: &Source) -> Result<(), PollError> {
        let Fetched::Document { body, .. } = source.directory(None, DEADLINE).await? else {
            return Ok(());
        };
        let newest = text("directory", &body)?;
        match self.accept_directory(&newest, Reading::Fresh).await {
            Err(PollError::Refused {
                error: AcceptError::Gap { have, got },
                ..
            }) => {
                let end = got.min(have.saturating_add(1 + MOST_AT_ONE_LOOK));
                for seq in have.saturating_add(1)..end {
                    let fetched = source.directory(Some(seq), DEADLINE).await?;
                    let Fetched::Document { body, .. } = fetched else {
                        return Ok(());
                    };
                    let between = text("directory", &body)?;
                    self.accept_directory(&between, Reading::Stored).await?;
                }
                match end == got {
                    true => self.accept_directory(&newest, Reading::Fresh).await,
                    false => Ok(()),
                }
            }
            other => other,
        }
    }

    async fn accept_directory(&self, jws: &Arc<str>, reading: Reading) -> Result<(), PollError> {
        let refused = |error| PollError::Refused {
            document: "directory",
            error,
        };
        let mut accepted = self.accepted();
        let Some((root, _)) = &accepted.root else {
            return Ok(());
        };
        let previous = accepted.directory.as_ref().map(|(directory, _)| directory);
        let now = self.shared.clock.now();
        let directory = Directory::accept(jws, root, previous, reading, now).map_err(refused)?;
        let seq = directory.document().seq;
        let held: Vec<String> = directory
            .held()
            .map(|(member, at)| format!("{member} is to be replaced at {at} without its signature"))
            .collect();
        accepted.directory = Some((directory, Arc::clone(jws)));
        accepted.assemble().map_err(refused)?;
        self.keep(Kind::Directory, seq, jws).await?;
        self.swap(accepted);
        tracing::info!(directory.seq = seq, "accepted directory {seq}");
        for text in held {
            self.alarm("replacement_held", &text).await;
        }
        Ok(())
    }

    /// Durable before it is used.
    async fn keep(&self, kind: Kind, seq: u64, jws: &Arc<str>) -> Result<(), PollError> {
        let (cache, jws) = (self.shared.cache.clone(), Arc::clone(jws));
        let kept = tokio::task::spawn_blocking(move || cache.keep(kind, seq, &jws)).await;
        match kept {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(PollError::Store(error.to_string())),
            Err(broken) => Err(PollError::Store(broken.to_string())),
        }
    }
}

pub(super) fn text(document: &'static str, body: &[u8]) -> Result<Arc<str>, PollError> {
    match std::str::from_utf8(body) {
        Ok(text) => Ok(text.trim().into()),
        Err(_) => Err(PollError::Refused {
            document,
            error: AcceptError::Schema,
        }),
    }
}

fn alarm_word(error: &AcceptError) -> &'static str {
    match error {
        AcceptError::SplitView { .. } => "split_view",
        AcceptError::Rollback { .. } => "rollback",
        _ => "refused",
    }
}
