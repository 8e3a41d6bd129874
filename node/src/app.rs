//! The node put together: rooms opened in their order, then listeners and tasks over them.

use std::path::PathBuf;
use std::sync::Arc;

use fhir_validation::PackageError;
use futures_util::future::BoxFuture;
use prometheus_client::registry::Registry;

use federation_protocol::base64url;
use federation_protocol::digest::sha256;
use federation_protocol::directory::Membership;
use federation_protocol::member::{MemberId, MemberIdError};
use federation_service::clock::{Clock, SharedClock};
use federation_service::outbound::OutboundRules;
use federation_service::outbound::issuer::IssuerError;
use federation_service::tls::{Shown, TlsError};
use federation_service::words::PageError;

use crate::access::{Access, HousePolicy, LabRelease};
use crate::audit::{Audit, Kind, Line};
use crate::clinic::{Clinic, ClinicParts};
use crate::config::Config;
use crate::consent::Consents;
use crate::database::backup::{BeforeChange, Folder, Occasion};
use crate::database::{Company, Database, DatabaseError};
use crate::desk::{Reception, ReceptionParts};
use crate::emergency::Emergency;
use crate::export::{ExportError, Exports};
use crate::federation::certificates::{CertificateSettings, Certificates};
use crate::federation::directory::{DirectoryError, DirectorySettings, MemberDirectory};
use crate::federation::exchange::Exchanges;
use crate::federation::linking::{Linking, LinkingGround};
use crate::federation::metrics::FederationMetrics;
use crate::federation::peers::Peers;
use crate::federation::reconciling::Reconciling;
use crate::federation::{Federation, FederationError, FederationParts, Tasks};
use crate::health::{Health, HealthError, HealthParts};
use crate::identity::{Identity, IdentityParts};
use crate::keys::{Keys, KeysError};
use crate::linkage::Linkage;
use crate::metrics::Metrics;
use crate::operations::Operations;
use crate::pages::{self, Audience, Pages};
use crate::patient::{People, PeopleParts};
use crate::records::{ChartNumbers, Indexing, Records, Validator};
use crate::server::{Addresses, House, ListenError, Listeners, Readiness};

/// Why a node could not be opened or started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The settings name no member.
    #[error("organization.code: {0}")]
    Member(#[from] MemberIdError),
    /// The private keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// What was left of exports cannot be gone on with.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// What was left of uploads cannot be gone on with.
    #[error(transparent)]
    Health(#[from] HealthError),
    /// The copy of the directory, or the replay window, cannot be used.
    #[error(transparent)]
    Federation(#[from] FederationError),
    /// A certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The hospital's own sign-in cannot be used as the settings name it.
    #[error("auth.oidc: {0}")]
    SignIn(#[from] IssuerError),
    /// A package of profiles cannot be used.
    #[error("records.profiles: {0}")]
    Profiles(#[from] PackageError),
    /// The words of the pages cannot be read.
    #[error(transparent)]
    Words(#[from] PageError),
    /// A listener cannot be opened.
    #[error(transparent)]
    Listen(#[from] ListenError),
}

/// The rooms of one node, opened: what the listeners serve and the commands use.
pub struct Rooms {
    /// The settings.
    pub config: Config,
    /// What time it is.
    pub clock: SharedClock,
    /// The member that this node speaks for.
    pub me: MemberId,
    /// The private keys.
    pub keys: Arc<Keys>,
    /// The database under all rooms.
    pub database: Database,
    /// Who looked.
    pub audit: Audit,
    /// Who is at the door.
    pub identity: Identity,
    /// What people decided.
    pub consents: Consents,
    /// Who may what.
    pub access: Access,
    /// What resources are held against.
    pub validator: Validator,
    /// The hospital's FHIR resources.
    pub records: Records,
    /// Which chart a handle means.
    pub linkage: Linkage,
    /// What is kept of emergencies.
    pub emergency: Emergency,
}

impl Rooms {
    /// Opens the rooms. Blocks while the database is brought up to date; before that it is backed
    /// up, as the settings say.
    ///
    /// # Errors
    /// The first room that cannot be used.
    pub fn open(config: Config, clock: SharedClock) -> Result<Self, StartError> {
        let me: MemberId = config.member_urn().parse()?;
        let passphrase = config.passphrase.passphrase().map_err(KeysError::from)?;
        let folder = config.state_dir.join("keys");
        let keys = Arc::new(Keys::open(&folder, passphrase)?);
        let mut validator = Validator::open(&config.records)?;
        if let Some(origin) = &config.hospital.public_url {
            validator = validator.known_at(origin.as_str());
        }
        let before = before_change(&config, clock.as_ref());
        let url = config.database.as_str();
        let database = Database::open_in(url, Company::Shared, before.as_ref())?;
        let audit = Audit::new(database.clone());
        let identity = Identity::open(IdentityParts {
            database: database.clone(),
            clock: Arc::clone(&clock),
            keys: Arc::clone(&keys),
            sessions: config.session,
            organization: config.organization.name.clone(),
            oidc: config.oidc.clone(),
        })?;
        let endpoint = config.federation.endpoint.as_str();
        let consents = Consents::new(
            database.clone(),
            Arc::clone(&clock),
            Arc::clone(&keys),
            me.clone(),
            endpoint,
        );
        let release = LabRelease::after(config.lab_release_delay);
        let access = Access::new(audit.clone(), Arc::clone(&clock)).releasing(release);
        let records = Records::open(database.clone(), Arc::clone(&clock), &me, validator.clone())?;
        let linkage = Linkage::new(database.clone(), Arc::clone(&clock), me.clone());
        let emergency = Emergency::new(
            database.clone(),
            Arc::clone(&clock),
            Arc::clone(&keys),
            me.clone(),
        );
        let rooms = Self {
            config,
            clock,
            me,
            keys,
            database,
            audit,
            identity,
            consents,
            access,
            validator,
            records,
            linkage,
            emergency,
        };
        if rooms.keys.have_rotated()? {
            // A command beside a running node signs with what peers know.
            rooms.directory().map_err(FederationError::from)?;
        }
        Ok(rooms)
    }

    /// The address at which peers reach this node, without a slash at the end.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.config
            .federation
            .endpoint
            .as_str()
            .trim_end_matches('/')
    }

    /// This node's copy of who belongs, as it stands on disk: for commands beside a running node.
    ///
    /// # Errors
    /// What stands on disk is not what was accepted.
    pub fn directory(&self) -> Result<MemberDirectory, DirectoryError> {
        let allowed = self.config.federation.allow_cidrs.iter().copied();
        let directory = MemberDirectory::open(DirectorySettings {
            folder: &self.directory_folder(),
            registry: self.config.registry.url.origin().ascii_serialization(),
            root_sha256: self.config.registry.root_sha256,
            rules: OutboundRules::new(allowed),
            clock: Arc::clone(&self.clock),
            audit: self.audit.clone(),
            metrics: FederationMetrics::register(&mut Registry::default()),
        })?;
        directory.tell_keys(self.me.clone(), Arc::clone(&self.keys));
        Ok(directory)
    }

    /// Compares the exchanges of a day with another member's: for commands beside a running node.
    ///
    /// # Errors
    /// The certificate, or what stands on disk of the directory, cannot be used.
    pub fn reconciling(&self) -> Result<Reconciling, StartError> {
        let directory = self.directory().map_err(FederationError::from)?;
        let exchanges = self.exchanges(&directory)?;
        Ok(Reconciling::new(
            self.me.clone(),
            Arc::clone(&self.clock),
            self.database.clone(),
            directory,
            exchanges,
        ))
    }

    /// What this node shows its peers in TLS, as `membership` asks for.
    ///
    /// # Errors
    /// The present certificate or its key cannot be used.
    pub fn certificates(&self, membership: Option<&Membership>) -> Result<Certificates, TlsError> {
        let settings = CertificateSettings {
            me: self.me.clone(),
            files: self.config.federation.tls.clone(),
            passphrase: self.config.passphrase.clone(),
            documents: (self.directory_folder(), self.config.registry.root_sha256),
            clock: Arc::clone(&self.clock),
        };
        Certificates::open(settings, membership)
    }

    /// Makes links of codes: for commands beside a running node.
    ///
    /// # Errors
    /// The certificate, or what stands on disk of the directory, cannot be used.
    pub fn linking(&self) -> Result<Linking, StartError> {
        let directory = self.directory().map_err(FederationError::from)?;
        let exchanges = self.exchanges(&directory)?;
        Ok(Linking::on(&LinkingGround {
            me: &self.me,
            clock: &self.clock,
            keys: &self.keys,
            database: &self.database,
            records: &self.records,
            access: &self.access,
            directory: &directory,
            exchanges: &exchanges,
        }))
    }

    /// Asks other members, with this node's certificate.
    fn exchanges(&self, directory: &MemberDirectory) -> Result<Exchanges, StartError> {
        let settings = &self.config.federation;
        let membership = directory.membership();
        let shown = self.certificates(membership.as_deref())?.shown();
        let rules = OutboundRules::new(settings.allow_cidrs.iter().copied());
        Ok(Exchanges::new(
            self.me.clone(),
            Arc::clone(&self.clock),
            Arc::clone(&self.keys),
            directory.clone(),
            Arc::new(Peers::new(shown, rules, settings.max_answer)),
            FederationMetrics::register(&mut Registry::default()),
        ))
    }

    /// Where accepted documents are kept, those of the past too.
    #[must_use]
    pub fn directory_folder(&self) -> PathBuf {
        self.config.state_dir.join("directory")
    }
}

/// A running node: three listeners, and a fourth for metrics where the settings name one.
pub struct Node {
    rooms: Arc<Rooms>,
    federation: Arc<Federation>,
    exports: Exports,
    health: Health,
    listeners: Listeners,
    tasks: Tasks,
    indexing: Indexing,
}

impl Node {
    /// Binds the listeners and starts the tasks. Call it inside a runtime.
    ///
    /// # Errors
    /// The federation room cannot be opened, a certificate cannot be used, or an address is taken.
    pub async fn start(rooms: Rooms) -> Result<Self, StartError> {
        let rooms = Arc::new(rooms);
        rooms.audit.append(began(&rooms)).await?;
        let known = rooms
            .directory()
            .map_err(FederationError::from)?
            .membership();
        let certificates = Arc::new(rooms.certificates(known.as_deref())?);
        let acceptor = federation_service::tls::federation_acceptor_of(&certificates.shown())?;
        let mut registry = Registry::default();
        rooms.validator.register(&mut registry);
        rooms.emergency.metrics().register(&mut registry);
        let federation =
            Arc::new(open_federation(&rooms, certificates.shown(), &mut registry).await?);
        let exports = Exports::new(
            rooms.database.clone(),
            rooms.records.clone(),
            rooms.access.clone(),
            Arc::clone(&rooms.clock),
            rooms.config.export.clone(),
        );
        let pages = Pages::open(own_name(&rooms.config), Audience::Staff, &mut registry)?;
        let health = open_health(&rooms);
        let house = House {
            exports: exports.clone(),
            people: people(&rooms, &federation),
            reception: reception(&rooms, &federation),
            operations: Operations {
                access: rooms.access.clone(),
                audit: rooms.audit.clone(),
                emergency: rooms.emergency.clone(),
                federation: Arc::clone(&federation),
                clock: Arc::clone(&rooms.clock),
            },
            health: health.clone(),
            clinic: Clinic::new(ClinicParts {
                clock: Arc::clone(&rooms.clock),
                access: rooms.access.clone(),
                audit: rooms.audit.clone(),
                records: rooms.records.clone(),
                federation: Arc::clone(&federation),
            }),
            pages,
            federation: Arc::clone(&federation),
            identity: rooms.identity.clone(),
            access: rooms.access.clone(),
            records: rooms.records.clone(),
            consents: rooms.consents.clone(),
            linkage: rooms.linkage.clone(),
            emergency: rooms.emergency.clone(),
            charts: Arc::new(ChartNumbers::new(
                rooms.records.clone(),
                rooms.access.clone(),
            )),
            readiness: Arc::new(Parts {
                rooms: Arc::clone(&rooms),
                federation: Arc::clone(&federation),
            }),
            metrics: Arc::new(Metrics::over(registry)),
        };
        let listeners = Listeners::open(&rooms.config, acceptor, &house)?;
        let mut tasks = federation.spawn_tasks();
        tasks.add(certificates.keep_shown(federation.directory().clone()));
        exports.go_on().await?;
        health.go_on().await?;
        let indexing = rooms.records.keep_indexing();
        let Addresses {
            federation: for_peers,
            hospital,
            patient,
        } = listeners.addresses();
        tracing::info!(federation = %for_peers, %hospital, %patient, "{} serves", rooms.me);
        Ok(Self {
            rooms,
            federation,
            exports,
            health,
            listeners,
            tasks,
            indexing,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.listeners.addresses()
    }

    /// Its rooms.
    #[must_use]
    pub fn rooms(&self) -> &Rooms {
        &self.rooms
    }

    /// The node among its peers.
    #[must_use]
    pub fn federation(&self) -> &Federation {
        &self.federation
    }

    /// Stops: no new connections, what is in flight is finished, the database is closed.
    pub async fn stop(self) {
        self.listeners.stop().await;
        self.exports.stop().await;
        self.health.stop().await;
        drop(self.tasks);
        drop(self.indexing);
    }
}

/// What the pages of people stand on.
fn people(rooms: &Rooms, federation: &Arc<Federation>) -> People {
    People::new(PeopleParts {
        me: rooms.me.clone(),
        name: rooms.config.organization.name.clone(),
        clock: Arc::clone(&rooms.clock),
        access: rooms.access.clone(),
        records: rooms.records.clone(),
        linkage: rooms.linkage.clone(),
        federation: Arc::clone(federation),
    })
}

/// What the registration desk stands on.
fn reception(rooms: &Rooms, federation: &Arc<Federation>) -> Reception {
    let patient = &rooms.config.patient;
    Reception::new(ReceptionParts {
        me: rooms.me.clone(),
        people: patient.public_origin(patient.bind.port()),
        access: rooms.access.clone(),
        records: rooms.records.clone(),
        linkage: rooms.linkage.clone(),
        identity: rooms.identity.clone(),
        federation: Arc::clone(federation),
    })
}

/// The hospital as its pages name it.
fn own_name(config: &Config) -> pages::House {
    pages::House {
        name: config.organization.name.clone(),
        name_en: config.organization.name_en.clone(),
        phone: config.organization.phone.clone(),
    }
}

/// With which settings and which program the node begins: the digest changes with any setting.
fn began(rooms: &Rooms) -> Line {
    // Debug shows no secret, so none is guessed from the digest.
    let settings = format!("{:?}", rooms.config);
    Line::new(Kind::Configuration, rooms.clock.now(), "system")
        .detail("act", "begin")
        .detail("version", env!("CARGO_PKG_VERSION"))
        .detail(
            "settings_sha256",
            base64url::encode(sha256(settings.as_bytes())),
        )
}

/// The backup that the settings want before the tables are changed.
pub(crate) fn before_change(config: &Config, clock: &dyn Clock) -> Option<BeforeChange> {
    let keep = config.backup.keep_before_change;
    (keep > 0).then(|| BeforeChange {
        folder: Folder::at(config.backup.folder.clone()),
        keep,
        occasion: Occasion {
            member: config.member_urn(),
            at: clock.now(),
        },
    })
}

fn open_health(rooms: &Rooms) -> Health {
    Health::new(HealthParts {
        database: rooms.database.clone(),
        records: rooms.records.clone(),
        validator: rooms.validator.clone(),
        access: rooms.access.clone(),
        linkage: rooms.linkage.clone(),
        consents: rooms.consents.clone(),
        clock: Arc::clone(&rooms.clock),
        settings: rooms.config.vitals.clone(),
    })
}

async fn open_federation(
    rooms: &Rooms,
    shown: Shown,
    registry: &mut Registry,
) -> Result<Federation, FederationError> {
    Federation::open(FederationParts {
        me: rooms.me.clone(),
        directory_folder: &rooms.directory_folder(),
        settings: &rooms.config.federation,
        registry: &rooms.config.registry,
        witnessing: &rooms.config.audit,
        shown,
        clock: Arc::clone(&rooms.clock),
        keys: Arc::clone(&rooms.keys),
        database: rooms.database.clone(),
        audit: rooms.audit.clone(),
        house: HousePolicy {
            lab_release: LabRelease::after(rooms.config.lab_release_delay),
            ..HousePolicy::default()
        },
        consents: rooms.consents.clone(),
        access: rooms.access.clone(),
        records: rooms.records.clone(),
        emergency: rooms.emergency.clone(),
        answers_emergencies: rooms.config.emergency.answers,
        metrics: registry,
    })
    .await
}

/// What can be said of this node's health.
struct Parts {
    rooms: Arc<Rooms>,
    federation: Arc<Federation>,
}

impl Readiness for Parts {
    fn parts(&self) -> BoxFuture<'_, Vec<(&'static str, bool)>> {
        Box::pin(async {
            let database = self
                .rooms
                .database
                .read(|_| Ok::<_, DatabaseError>(()))
                .await;
            vec![
                ("database", database.is_ok()),
                ("directory", self.federation.ready().is_ok()),
            ]
        })
    }
}
