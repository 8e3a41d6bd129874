//! What the neighbours know of the registry: asked when the registry is silent, and compared with now
//! and then when it is not, so that a registry with two faces is found out.
//!
//! A neighbour's word counts for nothing: its documents are judged like the registry's. It may be
//! behind (no alarm), but never beside: another content under the same number is the registry's
//! lie, whoever shows it.

use std::sync::Arc;

use federation_protocol::directory::{AcceptError, Member, Reading};
use federation_protocol::member::MemberId;

use super::cache::Kind;
use super::poll::{DEADLINE, PollError};
use super::source::{Source, neighbours_root};
use super::{MemberDirectory, lock};
use crate::federation::peers::Peers;

/// How many neighbours are asked before the next round.
const ASKED: usize = 3;

impl MemberDirectory {
    /// From here on, `peers` may be asked for the registry's documents; never `me`.
    pub fn know_neighbours(&self, me: MemberId, peers: Arc<Peers>) {
        *lock(&self.shared.neighbours) = Some((me, peers));
    }

    /// Asks neighbours for anything newer than what is here. Whether one of them had a status that is
    /// not older than ours.
    pub(super) async fn look_at_neighbours(&self) -> bool {
        let mut heard = false;
        for source in self.neighbours() {
            let looked = self.look_at(&source).await;
            match &looked {
                Ok(()) => heard = true,
                Err(PollError::Refused {
                    error: AcceptError::Rollback { .. },
                    ..
                }) => {}
                Err(_) => self.tell(&looked).await,
            }
        }
        heard
    }

    /// Compares what the registry told this node with what it told a neighbour.
    ///
    /// # Errors
    /// Nothing could be compared, or the neighbour was told another truth: that is an alarm, and what
    /// was accepted before stays.
    pub async fn compare(&self) -> Result<(), PollError> {
        let _one_at_a_time = self.shared.polling.lock().await;
        let Some(source) = self.neighbours().into_iter().next() else {
            return Ok(());
        };
        let looked = self.look_at_directory(&source).await;
        if let Err(PollError::Refused {
            error: AcceptError::Rollback { have, got },
            ..
        }) = looked
        {
            return self.compare_older(&source, have, got).await;
        }
        self.tell(&looked).await;
        looked
    }

    /// A neighbour that is behind must have what this node had under that number.
    async fn compare_older(&self, source: &Source, have: u64, got: u64) -> Result<(), PollError> {
        let theirs = source.directory(Some(got), DEADLINE).await?;
        let federation_service::peer_client::Fetched::Document { body, .. } = theirs else {
            return Ok(());
        };
        let cache = self.shared.cache.clone();
        let ours = tokio::task::spawn_blocking(move || cache.archived(Kind::Directory, got)).await;
        let Ok(Ok(Some(ours))) = ours else {
            // It was before this node's time.
            return Ok(());
        };
        if ours.trim().as_bytes() == body.trim_ascii() {
            return Ok(());
        }
        // The same payload may carry another signature: only what is accepted can contradict.
        let root = self.accepted().root.map(|(root, _)| root);
        let now = self.shared.clock.now();
        let judged = |text: &str| {
            let root = root.as_ref()?;
            let read = federation_protocol::directory::Directory::accept;
            read(text, root, None, Reading::Stored, now).ok()
        };
        let theirs = std::str::from_utf8(&body)
            .ok()
            .and_then(|text| judged(text.trim()));
        let differ = match (judged(ours.trim()), theirs) {
            (Some(ours), Some(theirs)) => ours.hash() != theirs.hash(),
            _ => false,
        };
        tracing::debug!(
            have,
            got,
            differ,
            "compared with a neighbour that is behind"
        );
        if !differ {
            return Ok(());
        }
        let refused = Err(PollError::Refused {
            document: "directory",
            error: AcceptError::SplitView { seq: got },
        });
        self.tell(&refused).await;
        refused
    }

    /// Root, status and directory of one neighbour, as far as they are newer.
    async fn look_at(&self, source: &Source) -> Result<(), PollError> {
        match self.look_at_status(source).await {
            Err(PollError::Refused {
                error: AcceptError::KeyNotDelegated,
                ..
            }) if self.neighbours_next_root(source).await? => self.look_at_status(source).await?,
            other => other?,
        }
        if self.is_behind() {
            self.neighbours_next_root(source).await?;
            self.look_at_directory(source).await?;
        }
        Ok(())
    }

    /// Whether the neighbour has the root after ours.
    async fn neighbours_next_root(&self, source: &Source) -> Result<bool, PollError> {
        let (Source::Neighbour(client), Some((root, _))) = (source, self.accepted().root) else {
            return Ok(false);
        };
        let Some(body) = neighbours_root(client, DEADLINE).await? else {
            return Ok(false);
        };
        let now = self.shared.clock.now();
        match root.successor(&body, Reading::Fresh, now) {
            Ok(next) if next.hash() != root.hash() => {
                self.take_root(Kind::Root, next, &body).await?;
                Ok(true)
            }
            Ok(_) | Err(AcceptError::Rollback { .. }) => Ok(false),
            Err(error) => Err(PollError::Refused {
                document: "root",
                error,
            }),
        }
    }

    /// A few members that may be asked, in an order that chance gives.
    fn neighbours(&self) -> Vec<Source> {
        let (Some((me, peers)), Some(membership)) =
            (lock(&self.shared.neighbours).clone(), self.membership())
        else {
            return Vec::new();
        };
        let now = self.shared.clock.now();
        let takes_part = |member: &&Member| {
            let state = membership.state(&member.id, now);
            member.id != me && state.is_some_and(|state| state.takes_part())
        };
        let mut members: Vec<&Member> = membership.members().filter(takes_part).collect();
        members.sort_by(|one, other| one.id.cmp(&other.id));
        turn(&mut members);
        let source = |member: &&Member| peers.client(member).ok().map(Source::Neighbour);
        members.iter().filter_map(source).take(ASKED).collect()
    }
}

/// Begins somewhere by chance, so that not every node asks the same neighbour.
fn turn<T>(members: &mut [T]) {
    if let Ok([high, low]) = crate::federation::exchange::random::<2>()
        && let Some(at) = usize::from(u16::from_be_bytes([high, low])).checked_rem(members.len())
    {
        members.rotate_left(at);
    }
}
