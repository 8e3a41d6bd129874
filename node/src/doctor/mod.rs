//! What is wrong with this node, its place in the federation, and the way to each peer.
//!
//! Reads only: no table is brought up to date, no document stored, no lock taken that a node would
//! wait for. It works beside a running node and without one. Each check stands alone: what fails is
//! found, coded and said with what mends it, and the rest goes on.

mod codes;
mod house;
mod listing;
mod peers;
mod question;
mod registry;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use federation_protocol::member::MemberId;
use federation_service::checkup::{Checkup, Finding};
use federation_service::clock::SharedClock;
use federation_service::outbound::OutboundRules;
use federation_service::tls::TlsIdentity;

use crate::config::Config;
use crate::federation::certificates::CertificateSettings;
use crate::federation::directory::Stored;
use crate::keys::Keys;

/// How long a look at files may take.
const FILES: Duration = Duration::from_secs(5);

/// What is to be examined.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The settings file.
    pub config: PathBuf,
    /// Only the way to this peer, and what it stands on.
    pub peer: Option<String>,
    /// Bytes that must be free on each disk; absent: as many as the database takes.
    pub min_free: Option<u64>,
}

/// What was found.
pub struct Examined {
    /// The member, where the settings could be read.
    pub member: Option<String>,
    /// Each check's finding, in order.
    pub findings: Vec<Finding>,
}

/// The node under examination: as much of it as could be read.
struct Case {
    config: Config,
    me: MemberId,
    clock: SharedClock,
    rules: OutboundRules,
    keys: Option<Arc<Keys>>,
    identity: Option<Arc<TlsIdentity>>,
    stored: Option<Stored>,
}

/// Examines the node; `progress` is told each check, and whom it is about, as it begins. Call it
/// inside a runtime of more than one thread.
pub async fn examine(
    asked: Asked,
    clock: SharedClock,
    progress: impl Fn(&'static str, Option<&str>) + Send + Sync + 'static,
) -> Examined {
    let mut checkup = Checkup::new(progress);
    let file = asked.config.clone();
    let config = checkup
        .bring("config", FILES, move || house::settings(&file))
        .await;
    let Some((config, me)) = config else {
        return Examined {
            member: None,
            findings: checkup.findings(),
        };
    };
    let member = Some(me.to_string());
    let case = open(&mut checkup, config, me, clock).await;
    match &asked.peer {
        Some(peer) => peers::one(&mut checkup, &case, peer).await,
        None => everything(&mut checkup, &case, asked.min_free).await,
    }
    Examined {
        member,
        findings: checkup.findings(),
    }
}

async fn open(checkup: &mut Checkup, config: Config, me: MemberId, clock: SharedClock) -> Case {
    let settings = config.clone();
    let keys = checkup
        .bring("keys", FILES, move || house::keys(&settings))
        .await;
    let settings = config.clone();
    checkup
        .check_blocking("keys.seals", FILES, move || house::seals(&settings))
        .await;
    let now = clock.now();
    let (folder, pin) = (
        config.state_dir.join("directory"),
        config.registry.root_sha256,
    );
    let documents = (folder.clone(), pin);
    let stored = checkup
        .bring("directory.stored", FILES, move || {
            listing::stored(&folder, pin, now)
        })
        .await;
    // Of several keys of one use, those that the directory lists now are examined.
    let membership = stored
        .as_ref()
        .and_then(|stored| stored.membership.as_ref());
    if let (Some(keys), Some(membership)) = (&keys, membership) {
        keys.follow(membership, &me, &clock);
    }
    let settings = CertificateSettings {
        me: me.clone(),
        files: config.federation.tls.clone(),
        passphrase: config.passphrase.clone(),
        documents,
        clock: clock.clone(),
    };
    let (endpoint, known) = (endpoint(&config), stored.clone());
    let identity = checkup
        .bring("certificate", FILES, move || {
            house::certificate(settings, known.as_ref(), &endpoint, now)
        })
        .await;
    Case {
        rules: OutboundRules::new(config.federation.allow_cidrs.iter().copied()),
        config,
        me,
        clock,
        keys: keys.map(Arc::new),
        identity,
        stored,
    }
}

async fn everything(checkup: &mut Checkup, case: &Case, min_free: Option<u64>) {
    listing::own(checkup, case);
    house::database(checkup, case, min_free).await;
    registry::examine(checkup, case).await;
    peers::own(checkup, case).await;
    peers::all(checkup, case).await;
}

/// The address at which peers reach this node, without a slash at the end.
fn endpoint(config: &Config) -> String {
    let url = config.federation.endpoint.as_str();
    url.trim_end_matches('/').to_owned()
}
