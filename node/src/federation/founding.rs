//! The room put together: every part over the same ground.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use federation_protocol::member::MemberId;
use federation_service::clock::SharedClock;
use federation_service::outbound::OutboundRules;
use federation_service::signed::RateLimit;
use federation_service::tls::Shown;
use prometheus_client::registry::Registry;

use super::asking::{Asking, AskingParts};
use super::deciding::Deciding;
use super::delivery::{Delivery, DeliveryParts};
use super::directory::{DirectorySettings, MemberDirectory};
use super::emergency::{AskingInEmergency, UrgentParts};
use super::exchange::Exchanges;
use super::inbound::{Inbound, InboundParts};
use super::linking::{Linking, LinkingGround};
use super::looking::Looking;
use super::metrics::FederationMetrics;
use super::noticing::Noticing;
use super::opening::{Opening, OpeningParts};
use super::own_view::{OwnView, OwnViewParts};
use super::peers::Peers;
use super::reconciling::Reconciling;
use super::redeeming::{Redeeming, RedeemingParts};
use super::revocations::Revocations;
use super::standing::Standings;
use super::unlinking::Unlinking;
use super::witnessing::Witnessing;
use super::{Federation, FederationError};
use crate::access::{Access, HousePolicy};
use crate::audit::{Audit, Checkpoints};
use crate::config::{AuditSettings, FederationSettings, RegistrySettings};
use crate::consent::{Consents, RevokedTokens};
use crate::database::Database;
use crate::emergency::Emergency;
use crate::keys::Keys;
use crate::linkage::Linkage;
use crate::records::Records;

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

impl Federation {
    /// Opens the room with what disk and database hold. Asks nobody yet: see
    /// [`Federation::spawn_tasks`].
    ///
    /// # Errors
    /// The stored directory or the replay window cannot be used.
    pub async fn open(parts: FederationParts<'_>) -> Result<Self, FederationError> {
        let metrics = FederationMetrics::register(&mut *parts.metrics);
        let settings = parts.settings;
        let (ground, peers) = Ground::of(&parts, metrics)?;
        let revoked = ground.consents.revoked_tokens().await?;
        let revocations = Revocations::new(revoked.clone(), ground.metrics.clone());
        let (redeeming, linking) = (ground.redeeming(), ground.linking());
        let reconciling = ground.reconciling();
        let asking = Arc::new(ground.asking(settings, redeeming.clone()));
        let inbound = Inbound::open(InboundParts {
            me: ground.me.clone(),
            clock: Arc::clone(&ground.clock),
            keys: Arc::clone(&ground.keys),
            directory: ground.directory.clone(),
            database: ground.database.clone(),
            rate: rate(settings),
            empty_answer_step: settings.empty_answer_step,
            cosigns: parts.witnessing.cosign,
            metrics: ground.metrics.clone(),
            opening: ground.opening(Arc::clone(&peers), &revoked, parts.house),
            redeeming: redeeming.clone(),
            desk: linking.desk().clone(),
            revocations: revocations.clone(),
            receipts: reconciling.receipts().clone(),
            emergency: ground.emergency.clone(),
            answers_emergencies: parts.answers_emergencies,
        });
        let standings = ground.standings(peers, &revoked);
        Ok(Self {
            standings,
            inbound: Arc::new(inbound.await?),
            own_view: Arc::new(ground.own_view(settings, redeeming, &asking)),
            asking,
            deciding: ground.deciding(),
            looking: ground.looking(parts.audit.clone(), settings),
            asking_in_emergency: Arc::new(ground.asking_in_emergency(settings)),
            witnessing: ground.witnessing(parts.audit, parts.witnessing),
            delivery: Arc::new(ground.delivery(revocations)),
            unlinking: Arc::new(ground.unlinking()),
            noticing: Arc::new(ground.noticing()),
            linking,
            endpoint: settings.endpoint.as_str().trim_end_matches('/').to_owned(),
            revoked,
            reconciling,
            is_reconciled_daily: settings.reconcile,
            directory: ground.directory,
            exchanges: ground.exchanges,
            consents: ground.consents,
            metrics: ground.metrics,
        })
    }
}

/// What the parts of the room have in common.
struct Ground {
    me: MemberId,
    clock: SharedClock,
    keys: Arc<Keys>,
    database: Database,
    directory: MemberDirectory,
    exchanges: Exchanges,
    records: Records,
    access: Access,
    consents: Consents,
    emergency: Emergency,
    metrics: FederationMetrics,
}

impl Ground {
    /// The ground, and the way to the peers.
    fn of(
        parts: &FederationParts<'_>,
        metrics: FederationMetrics,
    ) -> Result<(Self, Arc<Peers>), FederationError> {
        let (me, settings) = (parts.me.clone(), parts.settings);
        let (clock, keys) = (Arc::clone(&parts.clock), Arc::clone(&parts.keys));
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
        let peers = Peers::new(parts.shown.clone(), rules, settings.max_answer);
        let peers = Arc::new(peers);
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
        let ground = Self {
            me,
            clock,
            keys,
            database: parts.database.clone(),
            directory,
            exchanges,
            records: parts.records.clone(),
            access: parts.access.clone(),
            consents: parts.consents.clone(),
            emergency: parts.emergency.clone(),
            metrics,
        };
        Ok((ground, peers))
    }

    fn witnessing(&self, audit: Audit, settings: &AuditSettings) -> Witnessing {
        let checkpoints = Checkpoints::new(
            self.database.clone(),
            Arc::clone(&self.clock),
            Arc::clone(&self.keys),
            self.me.clone(),
        );
        Witnessing::new(checkpoints, self.directory.clone(), audit)
            .with_peers(self.exchanges.clone(), &settings.witnesses)
    }

    fn redeeming(&self) -> Redeeming {
        Redeeming::new(RedeemingParts {
            me: self.me.clone(),
            clock: Arc::clone(&self.clock),
            keys: Arc::clone(&self.keys),
            directory: self.directory.clone(),
            database: self.database.clone(),
            consents: self.consents.clone(),
            exchanges: self.exchanges.clone(),
        })
    }

    fn delivery(&self, revocations: Revocations) -> Delivery {
        Delivery::new(DeliveryParts {
            me: self.me.clone(),
            clock: Arc::clone(&self.clock),
            database: self.database.clone(),
            consents: self.consents.clone(),
            exchanges: self.exchanges.clone(),
            revocations,
            metrics: self.metrics.clone(),
        })
    }

    fn unlinking(&self) -> Unlinking {
        Unlinking::new(
            self.me.clone(),
            Arc::clone(&self.clock),
            self.database.clone(),
            self.exchanges.clone(),
        )
    }

    fn linking(&self) -> Linking {
        Linking::on(&LinkingGround {
            me: &self.me,
            clock: &self.clock,
            keys: &self.keys,
            database: &self.database,
            records: &self.records,
            access: &self.access,
            directory: &self.directory,
            exchanges: &self.exchanges,
        })
    }

    fn noticing(&self) -> Noticing {
        Noticing::new(
            Arc::clone(&self.clock),
            self.emergency.clone(),
            self.exchanges.clone(),
        )
    }

    fn standings(&self, peers: Arc<Peers>, revoked: &RevokedTokens) -> Standings {
        Standings::new(
            self.me.clone(),
            Arc::clone(&self.clock),
            peers,
            self.consents.clone(),
            revoked.clone(),
        )
    }

    fn opening(&self, peers: Arc<Peers>, revoked: &RevokedTokens, house: HousePolicy) -> Opening {
        let standings = self.standings(peers, revoked);
        Opening::new(OpeningParts {
            me: self.me.clone(),
            clock: Arc::clone(&self.clock),
            keys: Arc::clone(&self.keys),
            directory: self.directory.clone(),
            database: self.database.clone(),
            records: self.records.clone(),
            standings,
            house,
        })
    }

    fn reconciling(&self) -> Reconciling {
        Reconciling::new(
            self.me.clone(),
            Arc::clone(&self.clock),
            self.database.clone(),
            self.directory.clone(),
            self.exchanges.clone(),
        )
    }

    fn asking(&self, settings: &FederationSettings, redeeming: Redeeming) -> Asking {
        Asking::new(AskingParts {
            me: self.me.clone(),
            clock: Arc::clone(&self.clock),
            keys: Arc::clone(&self.keys),
            directory: self.directory.clone(),
            database: self.database.clone(),
            access: self.access.clone(),
            records: self.records.clone(),
            exchanges: self.exchanges.clone(),
            redeeming,
            peer_timeout: settings.peer_timeout,
            query_timeout: settings.query_timeout,
        })
    }

    fn linkage(&self) -> Linkage {
        let clock = Arc::clone(&self.clock);
        Linkage::new(self.database.clone(), clock, self.me.clone())
    }

    fn looking(&self, audit: Audit, settings: &FederationSettings) -> Looking {
        Looking {
            me: self.me.clone(),
            clock: Arc::clone(&self.clock),
            database: self.database.clone(),
            audit,
            access: self.access.clone(),
            directory: self.directory.clone(),
            exchanges: self.exchanges.clone(),
            linkage: self.linkage(),
            deadline: settings.query_timeout.min(settings.peer_timeout),
        }
    }

    fn deciding(&self) -> Deciding {
        Deciding {
            clock: Arc::clone(&self.clock),
            directory: self.directory.clone(),
            consents: self.consents.clone(),
            linkage: self.linkage(),
        }
    }

    fn own_view(
        &self,
        settings: &FederationSettings,
        redeeming: Redeeming,
        asking: &Arc<Asking>,
    ) -> OwnView {
        OwnView::new(OwnViewParts {
            linkage: self.linkage(),
            me: self.me.clone(),
            clock: Arc::clone(&self.clock),
            keys: Arc::clone(&self.keys),
            directory: self.directory.clone(),
            database: self.database.clone(),
            access: self.access.clone(),
            records: self.records.clone(),
            exchanges: self.exchanges.clone(),
            consents: self.consents.clone(),
            redeeming,
            asking: Arc::clone(asking),
            deadline: settings.query_timeout.min(settings.peer_timeout),
        })
    }

    fn asking_in_emergency(&self, settings: &FederationSettings) -> AskingInEmergency {
        AskingInEmergency::new(UrgentParts {
            me: self.me.clone(),
            clock: Arc::clone(&self.clock),
            keys: Arc::clone(&self.keys),
            directory: self.directory.clone(),
            database: self.database.clone(),
            access: self.access.clone(),
            emergency: self.emergency.clone(),
            exchanges: self.exchanges.clone(),
            deadline: settings.query_timeout.min(settings.peer_timeout),
        })
    }
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
