//! The node among its peers: what it asks them, what it answers them, and what it knows of them.
//!
//! Owns the copy of the directory, the replay window, the peers' standing, and the grants that this
//! node's physicians hold. Carries what `consent` has to tell other hospitals. Decides nothing about records: `access` does. Knows no person: `linkage`
//! and `consent` do.

pub mod answer;
pub mod asking;
pub mod breaker;
pub mod certificates;
pub mod cosigning;
pub mod delivery;
pub mod directory;
pub mod echo;
pub mod emergency;
pub mod evidence;
pub mod exchange;
pub mod held;
pub mod inbound;
pub mod linking;
pub mod manifest;
pub mod merge;
pub mod metrics;
pub mod noticing;
mod opening;
mod outbound;
pub mod outcome;
pub mod peers;
pub mod query;
pub mod receipts;
pub mod reconciling;
mod redeeming;
pub mod replay;
mod revocations;
mod routes;
mod splice;
pub mod sse;
pub mod standing;
mod store;
pub mod unlinking;
pub mod witnessing;

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use federation_protocol::member::MemberId;
use federation_protocol::refusal::Refusal;
use federation_service::clock::SharedClock;
use federation_service::outbound::OutboundRules;
use federation_service::signed::RateLimit;
use federation_service::tls::Shown;
use prometheus_client::registry::Registry;
use tokio::task::JoinHandle;

use crate::access::{Access, HousePolicy};
use crate::audit::{Audit, Checkpoints};
use crate::config::{AuditSettings, FederationSettings, RegistrySettings};
use crate::consent::{Consents, RevokedTokens};
use crate::database::{Database, DatabaseError};
use crate::emergency::Emergency;
use crate::keys::Keys;
use crate::linkage::claims::{Claims, ClaimsParts};
use crate::linkage::desk::{Desk, DeskParts};
use crate::records::Records;

use asking::{Asking, AskingParts};
use delivery::{Delivery, DeliveryParts};
use directory::{DirectoryError, DirectorySettings, MemberDirectory};
use emergency::{AskingInEmergency, UrgentParts};
use exchange::Exchanges;
use inbound::{Inbound, InboundParts};
use linking::{Linking, LinkingParts};
use metrics::FederationMetrics;
use noticing::Noticing;
use opening::{Opening, OpeningParts};
use peers::Peers;
use reconciling::Reconciling;
use redeeming::{Redeeming, RedeemingParts};
use revocations::Revocations;
use standing::Standings;
use unlinking::Unlinking;
use witnessing::Witnessing;

pub use query::QueryError;
pub use redeeming::RedeemError;
pub use routes::{configure_federation, configure_hospital, configure_people};

/// How often outdated rows of the replay window, and ended tokens that have expired, are removed.
const PRUNING: Duration = Duration::from_secs(60);

/// What the federation room stands on.
pub struct FederationParts<'a> {
    /// The member that this node is.
    pub me: MemberId,
    /// The folder of the accepted documents; made if it is not there.
    pub directory_folder: &'a Path,
    /// The `[federation]` settings.
    pub settings: &'a FederationSettings,
    /// The `[registry]` settings.
    pub registry: &'a RegistrySettings,
    /// The `[audit]` settings: who witnesses this log, and whether it witnesses others'.
    pub witnessing: &'a AuditSettings,
    /// What this node shows peers in TLS.
    pub shown: Shown,
    /// What time it is.
    pub clock: SharedClock,
    /// Signs requests, answers and manifests; opens what is sealed to this node.
    pub keys: Arc<Keys>,
    /// Where nonces, held grants and audit lines stand.
    pub database: Database,
    /// The audit.
    pub audit: Audit,
    /// What this house releases to nobody.
    pub house: HousePolicy,
    /// The people's decisions.
    pub consents: Consents,
    /// Who of this node may do what.
    pub access: Access,
    /// This node's charts.
    pub records: Records,
    /// What is kept of emergencies.
    pub emergency: Emergency,
    /// Whether this house answers emergency questions: `emergency.answer`.
    pub answers_emergencies: bool,
    /// Where the counters are registered.
    pub metrics: &'a mut Registry,
}

/// Why the federation room could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FederationError {
    /// The stored directory cannot be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The replay window could not be read.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The node among its peers. Share it as `Data<Federation>`.
pub struct Federation {
    directory: MemberDirectory,
    exchanges: Exchanges,
    inbound: Arc<Inbound>,
    asking: Arc<Asking>,
    witnessing: Witnessing,
    delivery: Arc<Delivery>,
    unlinking: Arc<Unlinking>,
    linking: Linking,
    endpoint: String,
    noticing: Arc<Noticing>,
    asking_in_emergency: Arc<AskingInEmergency>,
    revoked: RevokedTokens,
    reconciling: Reconciling,
    is_reconciled_daily: bool,
    consents: Consents,
    metrics: FederationMetrics,
}

/// The room's background work; ends when this is dropped.
pub struct Tasks {
    handles: Vec<JoinHandle<()>>,
}

impl Tasks {
    /// Another task that ends with these. Call it inside a runtime.
    pub(crate) fn add(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.handles.push(tokio::spawn(task));
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        for handle in &self.handles {
            handle.abort();
        }
    }
}

impl Federation {
    /// Opens the room with what disk and database hold. Asks nobody yet: see
    /// [`Federation::spawn_tasks`].
    ///
    /// # Errors
    /// The stored directory or the replay window cannot be used.
    pub async fn open(parts: FederationParts<'_>) -> Result<Self, FederationError> {
        let FederationParts {
            me,
            settings,
            clock,
            keys,
            database,
            consents,
            ..
        } = parts;
        let metrics = FederationMetrics::register(parts.metrics);
        let rules = OutboundRules::new(settings.allow_cidrs.iter().copied());
        let directory = MemberDirectory::open(DirectorySettings {
            folder: parts.directory_folder,
            registry: origin(&parts.registry.url),
            root_sha256: parts.registry.root_sha256,
            rules: rules.clone(),
            clock: Arc::clone(&clock),
            audit: parts.audit.clone(),
            metrics: metrics.clone(),
        })?;
        let checkpoints = Checkpoints::new(
            database.clone(),
            Arc::clone(&clock),
            Arc::clone(&keys),
            me.clone(),
        );
        let peers = Arc::new(Peers::new(parts.shown, rules, settings.max_answer));
        directory.know_neighbours(me.clone(), Arc::clone(&peers));
        directory.tell_keys(me.clone(), Arc::clone(&keys));
        let exchanges = Exchanges::new(
            me.clone(),
            Arc::clone(&clock),
            Arc::clone(&keys),
            directory.clone(),
            Arc::clone(&peers),
            metrics.clone(),
        );
        let witnessing = Witnessing::new(checkpoints, directory.clone(), parts.audit)
            .with_peers(exchanges.clone(), &parts.witnessing.witnesses);
        let redeeming = Redeeming::new(RedeemingParts {
            me: me.clone(),
            clock: Arc::clone(&clock),
            keys: Arc::clone(&keys),
            directory: directory.clone(),
            database: database.clone(),
            consents: consents.clone(),
            exchanges: exchanges.clone(),
        });
        let revoked = consents.revoked_tokens().await?;
        let revocations = Revocations::new(revoked.clone(), metrics.clone());
        let delivery = Delivery::new(DeliveryParts {
            me: me.clone(),
            clock: Arc::clone(&clock),
            database: database.clone(),
            consents: consents.clone(),
            exchanges: exchanges.clone(),
            revocations: revocations.clone(),
            metrics: metrics.clone(),
        });
        let unlinking = Unlinking::new(
            me.clone(),
            Arc::clone(&clock),
            database.clone(),
            exchanges.clone(),
        );
        let linking = linking(&LinkingGround {
            me: &me,
            clock: &clock,
            keys: &keys,
            database: &database,
            records: &parts.records,
            access: &parts.access,
            directory: &directory,
            exchanges: &exchanges,
        });
        let noticing = Noticing::new(
            Arc::clone(&clock),
            parts.emergency.clone(),
            exchanges.clone(),
        );
        let asking_in_emergency = AskingInEmergency::new(UrgentParts {
            me: me.clone(),
            clock: Arc::clone(&clock),
            keys: Arc::clone(&keys),
            directory: directory.clone(),
            database: database.clone(),
            access: parts.access.clone(),
            emergency: parts.emergency.clone(),
            exchanges: exchanges.clone(),
            deadline: settings.query_timeout.min(settings.peer_timeout),
        });
        let standings = Standings::new(
            me.clone(),
            Arc::clone(&clock),
            peers,
            consents.clone(),
            revoked.clone(),
        );
        let opening = Opening::new(OpeningParts {
            me: me.clone(),
            clock: Arc::clone(&clock),
            keys: Arc::clone(&keys),
            directory: directory.clone(),
            database: database.clone(),
            records: parts.records.clone(),
            standings,
            house: parts.house,
        });
        let reconciling = Reconciling::new(
            me.clone(),
            Arc::clone(&clock),
            database.clone(),
            directory.clone(),
            exchanges.clone(),
        );
        let inbound = Inbound::open(InboundParts {
            me: me.clone(),
            clock: Arc::clone(&clock),
            keys: Arc::clone(&keys),
            directory: directory.clone(),
            database: database.clone(),
            rate: rate(settings),
            empty_answer_step: settings.empty_answer_step,
            cosigns: parts.witnessing.cosign,
            metrics: metrics.clone(),
            opening,
            redeeming: redeeming.clone(),
            desk: linking.desk().clone(),
            revocations,
            receipts: reconciling.receipts().clone(),
            emergency: parts.emergency,
            answers_emergencies: parts.answers_emergencies,
        })
        .await?;
        let asking = Asking::new(AskingParts {
            me,
            clock,
            keys,
            directory: directory.clone(),
            database,
            access: parts.access,
            records: parts.records,
            exchanges: exchanges.clone(),
            redeeming,
            peer_timeout: settings.peer_timeout,
            query_timeout: settings.query_timeout,
        });
        Ok(Self {
            directory,
            exchanges,
            inbound: Arc::new(inbound),
            asking: Arc::new(asking),
            witnessing,
            delivery: Arc::new(delivery),
            unlinking: Arc::new(unlinking),
            linking,
            endpoint: settings.endpoint.as_str().trim_end_matches('/').to_owned(),
            noticing: Arc::new(noticing),
            asking_in_emergency: Arc::new(asking_in_emergency),
            revoked,
            reconciling,
            is_reconciled_daily: settings.reconcile,
            consents,
            metrics,
        })
    }

    /// Starts what runs beside the listeners: the look at the registry, telling hospitals of ended
    /// tokens and links, the pruning of what is outdated, the sealing of the log, and the daily
    /// comparison with the other members. Call it inside a runtime; keep what it returns as long as
    /// the node runs.
    #[must_use]
    pub fn spawn_tasks(&self) -> Tasks {
        let directory = self.directory.clone();
        let inbound = Arc::clone(&self.inbound);
        let delivery = Arc::clone(&self.delivery);
        let (consents, revoked) = (self.consents.clone(), self.revoked.clone());
        let desk = self.linking.desk().clone();
        let unlinking = Arc::clone(&self.unlinking);
        let telling = tokio::spawn(async move { unlinking.keep_telling().await });
        let noticing = tokio::spawn(Arc::clone(&self.noticing).keep_telling());
        let delivering = tokio::spawn(async move { delivery.keep_delivering().await });
        let polling = tokio::spawn(async move { directory.keep_current().await });
        let pruning = tokio::spawn(async move {
            loop {
                tokio::time::sleep(PRUNING).await;
                if let Err(error) = inbound.prune().await {
                    tracing::warn!("the replay window was not pruned: {error}");
                }
                if let Err(error) = consents.prune_revoked(&revoked).await {
                    tracing::warn!("ended tokens of others were not pruned: {error}");
                }
                if let Err(error) = desk.prune().await {
                    tracing::warn!("what expired link codes were made of was not pruned: {error}");
                }
            }
        });
        let witnessing = self.witnessing.clone();
        let witnessing = tokio::spawn(async move { witnessing.keep_witnessed().await });
        let mut handles = vec![polling, delivering, telling, noticing, pruning, witnessing];
        if self.is_reconciled_daily {
            let reconciling = self.reconciling.clone();
            handles.push(tokio::spawn(async move {
                reconciling.keep_reconciled().await;
            }));
        }
        Tasks { handles }
    }

    /// This node's copy of who belongs.
    #[must_use]
    pub fn directory(&self) -> &MemberDirectory {
        &self.directory
    }

    /// Asks single peers: echo, and what later rooms deliver.
    #[must_use]
    pub fn exchanges(&self) -> &Exchanges {
        &self.exchanges
    }

    /// Asks for this node's physicians.
    #[must_use]
    pub fn asking(&self) -> &Arc<Asking> {
        &self.asking
    }

    /// Seals this node's log and has it witnessed.
    #[must_use]
    pub fn witnessing(&self) -> &Witnessing {
        &self.witnessing
    }

    /// Tells hospitals of ended tokens.
    #[must_use]
    pub fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    /// Tells hospitals of ended links.
    #[must_use]
    pub fn unlinking(&self) -> &Unlinking {
        &self.unlinking
    }

    /// Makes links of codes.
    #[must_use]
    pub fn linking(&self) -> &Linking {
        &self.linking
    }

    /// Where peers reach this node, without a slash at the end.
    fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Tells homes of emergency accesses.
    #[must_use]
    pub fn noticing(&self) -> &Noticing {
        &self.noticing
    }

    /// Asks in emergencies, for this node's physicians.
    #[must_use]
    pub fn asking_in_emergency(&self) -> &Arc<AskingInEmergency> {
        &self.asking_in_emergency
    }

    /// Compares the exchanges of a day with another member's.
    #[must_use]
    pub fn reconciling(&self) -> &Reconciling {
        &self.reconciling
    }

    /// The counters.
    #[must_use]
    pub fn metrics(&self) -> &FederationMetrics {
        &self.metrics
    }

    /// Whether this node knows enough of the members to ask and to answer.
    ///
    /// # Errors
    /// [`Refusal::DirectoryExpired`] while it does not.
    pub fn ready(&self) -> Result<(), Refusal> {
        let membership = self
            .directory
            .membership()
            .ok_or(Refusal::DirectoryExpired)?;
        let treat = federation_protocol::purpose::Purpose::Treat;
        let fresh = membership.freshness(self.inbound.now()).allows(treat);
        if fresh {
            Ok(())
        } else {
            Err(Refusal::DirectoryExpired)
        }
    }

    fn inbound(&self) -> &Inbound {
        &self.inbound
    }

    fn consents(&self) -> &Consents {
        &self.consents
    }
}

/// What linking is made of.
pub(crate) struct LinkingGround<'a> {
    pub(crate) me: &'a MemberId,
    pub(crate) clock: &'a SharedClock,
    pub(crate) keys: &'a Arc<Keys>,
    pub(crate) database: &'a Database,
    pub(crate) records: &'a Records,
    pub(crate) access: &'a Access,
    pub(crate) directory: &'a MemberDirectory,
    pub(crate) exchanges: &'a Exchanges,
}

/// Desk, claims, and what carries between them: for a running node, and for commands beside one.
pub(crate) fn linking(ground: &LinkingGround<'_>) -> Linking {
    let desk = Desk::new(DeskParts {
        me: ground.me.clone(),
        clock: Arc::clone(ground.clock),
        keys: Arc::clone(ground.keys),
        database: ground.database.clone(),
        records: ground.records.clone(),
        access: ground.access.clone(),
    });
    let claims = Claims::new(ClaimsParts {
        me: ground.me.clone(),
        clock: Arc::clone(ground.clock),
        keys: Arc::clone(ground.keys),
        database: ground.database.clone(),
        records: ground.records.clone(),
        access: ground.access.clone(),
    });
    Linking::new(LinkingParts {
        me: ground.me.clone(),
        clock: Arc::clone(ground.clock),
        database: ground.database.clone(),
        directory: ground.directory.clone(),
        exchanges: ground.exchanges.clone(),
        claims,
        desk,
    })
}

fn rate(settings: &FederationSettings) -> Option<RateLimit> {
    Some(RateLimit {
        per_second: NonZeroU32::new(settings.rate_per_second)?,
        burst: NonZeroU32::new(settings.rate_burst)?,
    })
}

/// `https://host[:port]` of a configured address.
fn origin(url: &reqwest::Url) -> String {
    url.origin().ascii_serialization()
}

#[cfg(test)]
mod tests;
