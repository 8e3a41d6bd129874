//! Which certificate this node shows its peers: the present one, or the next that lies beside it.
//!
//! The next is shown once the directory has listed it for ten minutes: a peer whose status is current
//! has that directory by then, and would trust no certificate that its directory does not list. So
//! nothing in flight fails, and no one has to restart anything.
//!
//! Source: PROTOCOL sections 1 and 3.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use federation_protocol::directory::{Certificate, Membership};
use federation_protocol::keys::Fingerprint;
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;
use federation_service::clock::SharedClock;
use federation_service::key_file::PassphraseSource;
use federation_service::tls::{Shown, TlsError, TlsIdentity, WatchedFiles};

use super::directory::{MemberDirectory, archived_directory};
use crate::config::TlsFiles;

/// How long the directory has listed a certificate before it is shown, seconds: as long as a peer
/// may still judge by the directory before.
pub const LISTED_SECONDS: i64 = 600;
/// How often files and directory are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// So many directories are gone back over for when a certificate was first listed.
const MOST_DIRECTORIES: u64 = 64;

/// Where this node's certificates are, and who judges them.
pub struct CertificateSettings {
    /// The member that this node is.
    pub me: MemberId,
    /// The present certificate and its key; the next lies beside them.
    pub files: TlsFiles,
    /// What sealed keys are opened with.
    pub passphrase: PassphraseSource,
    /// The folder of accepted documents, and the pin of their root.
    pub documents: (PathBuf, [u8; 32]),
    /// What time it is.
    pub clock: SharedClock,
}

/// This node's certificates. Share it as `Arc`.
pub struct Certificates {
    settings: CertificateSettings,
    shown: Shown,
    held: Mutex<Held>,
}

struct Held {
    present: Waiting,
    next: Waiting,
}

/// A certificate on disk.
struct Waiting {
    files: WatchedFiles,
    held: Option<(Fingerprint, Arc<TlsIdentity>)>,
    /// Since when the directory lists it, once that is known.
    listed_since: Option<Timestamp>,
}

/// A certificate as the directory lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listing {
    Unlisted,
    Since(Timestamp),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Present,
    Next,
}

impl Certificates {
    /// Reads the certificates, and shows the one that `membership`, if it is known, asks for.
    ///
    /// # Errors
    /// The present certificate or its key cannot be used.
    pub fn open(
        settings: CertificateSettings,
        membership: Option<&Membership>,
    ) -> Result<Self, TlsError> {
        let present = open_present(&settings.files, &settings.passphrase)?;
        let waiting = |files: &TlsFiles| Waiting {
            files: WatchedFiles::new(&files.certificate, &files.key, settings.passphrase.clone()),
            held: None,
            listed_since: None,
        };
        let held = Held {
            present: waiting(&settings.files),
            next: waiting(&settings.files.next()),
        };
        let certificates = Self {
            shown: Shown::new(Arc::new(present)),
            held: Mutex::new(held),
            settings,
        };
        certificates.look(membership);
        Ok(certificates)
    }

    /// What is shown now, to listener and clients alike.
    #[must_use]
    pub fn shown(&self) -> Shown {
        self.shown.clone()
    }

    /// Looks at files and directory, and shows another certificate when it is time. Its fingerprint
    /// then.
    pub fn look(&self, membership: Option<&Membership>) -> Option<Fingerprint> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let Held { present, next } = &mut *held;
        for waiting in [&mut *present, &mut *next] {
            waiting.read_again();
        }
        let which = match &next.held {
            None => Which::Present,
            Some(_) => {
                let listings = (
                    self.listing(present, membership),
                    self.listing(next, membership),
                );
                choose(listings.0, listings.1, self.settings.clock.now())
            }
        };
        let chosen = match which {
            Which::Present => present,
            Which::Next => next,
        };
        let (fingerprint, identity) = chosen.held.as_ref()?;
        if self.shown.now().fingerprint().ok() == Some(*fingerprint) {
            return None;
        }
        self.shown.show(Arc::clone(identity));
        tracing::info!(certificate.sha256 = %fingerprint, "this node shows another certificate");
        Some(*fingerprint)
    }

    fn listing(&self, waiting: &mut Waiting, membership: Option<&Membership>) -> Listing {
        let (Some(membership), Some((fingerprint, _))) = (membership, &waiting.held) else {
            return Listing::Unlisted;
        };
        let lists = membership.member(&self.settings.me).is_some_and(|member| {
            member
                .certificates
                .iter()
                .any(|one| one.fingerprint() == *fingerprint)
        });
        if !lists {
            waiting.listed_since = None;
            return Listing::Unlisted;
        }
        let since = *waiting
            .listed_since
            .get_or_insert_with(|| self.listed_since(fingerprint, membership));
        Listing::Since(since)
    }

    /// When the oldest directory was made that lists it without a break until now.
    fn listed_since(&self, fingerprint: &Fingerprint, membership: &Membership) -> Timestamp {
        let newest = membership.directory().document();
        let (folder, pin) = &self.settings.documents;
        let now = self.settings.clock.now();
        let mut since = newest.iat;
        for back in 1..=MOST_DIRECTORIES.min(newest.seq.saturating_sub(1)) {
            let seq = newest.seq.saturating_sub(back);
            // Whoever joined late has no older one: what is known is when it was first seen.
            let Ok(Some(earlier)) = archived_directory(folder, *pin, seq, now) else {
                break;
            };
            if !earlier.lists_certificate(&self.settings.me, fingerprint) {
                break;
            }
            since = earlier.document().iat;
        }
        since
    }

    /// Looks for ever. Ends only when it is dropped.
    pub async fn keep_shown(self: Arc<Self>, directory: MemberDirectory) {
        loop {
            tokio::time::sleep(LOOK).await;
            let (this, membership) = (Arc::clone(&self), directory.membership());
            let looked = tokio::task::spawn_blocking(move || this.look(membership.as_deref()));
            if let Err(broken) = looked.await {
                tracing::error!("the certificates could not be looked at: {broken}");
            }
        }
    }
}

impl Waiting {
    fn read_again(&mut self) {
        match self.files.look() {
            Ok(None) => {}
            Ok(Some(identity)) => match identity.fingerprint() {
                Ok(fingerprint) => {
                    self.held = Some((fingerprint, identity));
                    self.listed_since = None;
                }
                Err(error) => tracing::error!("a certificate cannot be used: {error}"),
            },
            Err(error) => {
                tracing::error!("a certificate cannot be used, the one before stays: {error}");
            }
        }
    }
}

/// The next as soon as every peer can know it; before that, and without it, the present one.
fn choose(present: Listing, next: Listing, now: Timestamp) -> Which {
    match (present, next) {
        (_, Listing::Unlisted) => Which::Present,
        (Listing::Unlisted, Listing::Since(_)) => Which::Next,
        (Listing::Since(_), Listing::Since(since)) => {
            match now.seconds_since(since) >= LISTED_SECONDS {
                true => Which::Next,
                false => Which::Present,
            }
        }
    }
}

/// The present certificate with its key. Whoever was killed while the next took its place left the
/// certificate in its new place and the key in its old one: that is the next pair, too.
///
/// # Errors
/// They cannot be used.
pub fn open_present(
    files: &TlsFiles,
    passphrase: &PassphraseSource,
) -> Result<TlsIdentity, TlsError> {
    let passphrase = passphrase.passphrase()?;
    let open = |key| TlsIdentity::open(&files.certificate, key, passphrase.as_deref());
    match open(&files.key) {
        Err(TlsError::KeyMismatch) => open(&files.next().key).or(Err(TlsError::KeyMismatch)),
        other => other,
    }
}

/// The certificates that lie here, as the directory would name them: present and next.
///
/// # Errors
/// One that is there cannot be used.
pub fn on_disk(
    files: &TlsFiles,
    passphrase: &PassphraseSource,
) -> Result<(Certificate, Option<Certificate>), TlsError> {
    let present = open_present(files, passphrase)?.certificate()?;
    let next = files.next();
    if !next.certificate.exists() {
        return Ok((present, None));
    }
    let passphrase = passphrase.passphrase()?;
    let next = TlsIdentity::open(&next.certificate, &next.key, passphrase.as_deref())?;
    Ok((present, Some(next.certificate()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_782_864_000);

    #[test]
    fn the_next_is_shown_when_every_peer_can_know_it_and_never_when_none_can() {
        let since = |seconds: i64| Listing::Since(NOW.plus_seconds(-seconds));
        let chosen = |present, next| choose(present, next, NOW);
        assert_eq!(chosen(since(9_999), Listing::Unlisted), Which::Present);
        assert_eq!(
            chosen(since(9_999), since(LISTED_SECONDS - 1)),
            Which::Present
        );
        assert_eq!(chosen(since(9_999), since(LISTED_SECONDS)), Which::Next);
        assert_eq!(chosen(Listing::Unlisted, since(0)), Which::Next);
        // Neither is listed: what was shown so far goes on.
        assert_eq!(chosen(Listing::Unlisted, Listing::Unlisted), Which::Present);
    }
}
