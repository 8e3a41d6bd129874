//! The node put together: rooms opened in their order, then listeners and tasks over them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data, ServiceConfig};
use futures_util::future::BoxFuture;
use openssl::ssl::SslAcceptorBuilder;
use prometheus_client::registry::Registry;
use tokio::task::JoinHandle;

use federation_protocol::member::{MemberId, MemberIdError};
use federation_service::clock::SharedClock;
use federation_service::outbound::OutboundRules;
use federation_service::tls::{TlsError, TlsIdentity};

use crate::access::{Access, HousePolicy};
use crate::audit::Audit;
use crate::config::{self, Config};
use crate::consent::Consents;
use crate::database::{Database, DatabaseError};
use crate::federation::directory::{DirectoryError, DirectorySettings, MemberDirectory};
use crate::federation::metrics::FederationMetrics;
use crate::federation::{self, Federation, FederationError, FederationParts, Tasks};
use crate::identity::{self, Identity};
use crate::keys::{Keys, KeysError};
use crate::linkage::Linkage;
use crate::metrics::Metrics;
use crate::records::{self, Records};
use crate::server::{Listener, Listening, Readiness, nothing_here};

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
    /// The copy of the directory, or the replay window, cannot be used.
    #[error(transparent)]
    Federation(#[from] FederationError),
    /// A certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A listener cannot be bound.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// Why not.
        error: std::io::Error,
    },
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
    /// The hospital's FHIR resources.
    pub records: Records,
    /// Which chart a handle means.
    pub linkage: Linkage,
}

impl Rooms {
    /// Opens the rooms. Blocks while the database is brought up to date.
    ///
    /// # Errors
    /// The first room that cannot be used.
    pub fn open(config: Config, clock: SharedClock) -> Result<Self, StartError> {
        let me: MemberId = config.member_urn().parse()?;
        let keys = Arc::new(Keys::load(&config.state_dir.join("keys"))?);
        let database = Database::open(config.database.as_str())?;
        let audit = Audit::new(database.clone());
        let identity = Identity::new(database.clone(), Arc::clone(&clock));
        let endpoint = config.federation.endpoint.as_str();
        let consents = Consents::new(
            database.clone(),
            Arc::clone(&clock),
            Arc::clone(&keys),
            me.clone(),
            endpoint,
        );
        let access = Access::new(audit.clone(), Arc::clone(&clock));
        let records = Records::open(database.clone(), Arc::clone(&clock), &me)?;
        let linkage = Linkage::new(database.clone(), Arc::clone(&clock), me.clone());
        Ok(Self {
            config,
            clock,
            me,
            keys,
            database,
            audit,
            identity,
            consents,
            access,
            records,
            linkage,
        })
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
        MemberDirectory::open(DirectorySettings {
            folder: &self.directory_folder(),
            registry: self.config.registry.url.origin().ascii_serialization(),
            root_sha256: self.config.registry.root_sha256,
            rules: OutboundRules::new(allowed),
            clock: Arc::clone(&self.clock),
            audit: self.audit.clone(),
            metrics: FederationMetrics::register(&mut Registry::default()),
        })
    }

    fn directory_folder(&self) -> PathBuf {
        self.config.state_dir.join("directory")
    }
}

/// A running node: three listeners, and a fourth for metrics where the settings name one.
pub struct Node {
    rooms: Arc<Rooms>,
    federation: Arc<Federation>,
    addresses: Addresses,
    handles: Vec<ServerHandle>,
    servers: Vec<JoinHandle<std::io::Result<()>>>,
    tasks: Tasks,
}

/// Where a running node listens.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// For peers.
    pub federation: SocketAddr,
    /// For the hospital's systems and staff.
    pub hospital: SocketAddr,
    /// For patients.
    pub patient: SocketAddr,
}

impl Node {
    /// Binds the listeners and starts the tasks. Call it inside a runtime.
    ///
    /// # Errors
    /// The federation room cannot be opened, a certificate cannot be used, or an address is taken.
    pub async fn start(rooms: Rooms) -> Result<Self, StartError> {
        let rooms = Arc::new(rooms);
        let tls = &rooms.config.federation.tls;
        let identity = TlsIdentity::from_pem_files(&tls.certificate, &tls.key)?;
        let acceptor = federation_service::tls::federation_acceptor(&identity)?;
        let mut registry = Registry::default();
        let federation = Arc::new(open_federation(&rooms, identity, &mut registry).await?);
        let listeners = Listeners {
            readiness: Arc::new(Parts {
                rooms: Arc::clone(&rooms),
                federation: Arc::clone(&federation),
            }),
            metrics: Arc::new(Metrics::over(registry)),
            rooms: Arc::clone(&rooms),
        };
        let served = Served::of(&rooms, &federation);
        let settings = &rooms.config.federation;
        let for_peers = config::Listener {
            bind: settings.bind,
            tls: None,
            workers: settings.workers,
        };
        let mut listening = vec![
            listeners.bind("federation", &for_peers, Some(acceptor), served.to_peers())?,
            listeners.open("hospital", &rooms.config.hospital, served.to_staff())?,
            listeners.open("patient", &rooms.config.patient, served.to_people())?,
        ];
        let address = |at: usize| listening.get(at).map(|one| one.address);
        let unbound = SocketAddr::from(([0, 0, 0, 0], 0));
        let addresses = Addresses {
            federation: address(0).unwrap_or(unbound),
            hospital: address(1).unwrap_or(unbound),
            patient: address(2).unwrap_or(unbound),
        };
        if let Some(bind) = rooms.config.metrics {
            let local = config::Listener {
                bind,
                tls: None,
                workers: Some(1),
            };
            listening.push(listeners.bind("metrics", &local, None, crate::metrics::configure)?);
        }
        let tasks = federation.spawn_tasks();
        tracing::info!(
            federation = %addresses.federation,
            hospital = %addresses.hospital,
            patient = %addresses.patient,
            "{} serves",
            rooms.me
        );
        let (handles, servers) = listening
            .into_iter()
            .map(|one| (one.handle, tokio::spawn(one.server)))
            .unzip();
        Ok(Self {
            rooms,
            federation,
            addresses,
            handles,
            servers,
            tasks,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.addresses
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
        federation_service::shutdown::stop_all(&self.handles).await;
        for server in self.servers {
            match server.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!("a listener ended badly: {error}"),
                Err(error) => tracing::error!("a listener was lost: {error}"),
            }
        }
        drop(self.tasks);
    }
}

async fn open_federation(
    rooms: &Rooms,
    identity: TlsIdentity,
    registry: &mut Registry,
) -> Result<Federation, FederationError> {
    Federation::open(FederationParts {
        me: rooms.me.clone(),
        directory_folder: &rooms.directory_folder(),
        settings: &rooms.config.federation,
        registry: &rooms.config.registry,
        identity,
        clock: Arc::clone(&rooms.clock),
        keys: Arc::clone(&rooms.keys),
        database: rooms.database.clone(),
        audit: rooms.audit.clone(),
        house: HousePolicy::default(),
        consents: rooms.consents.clone(),
        access: rooms.access.clone(),
        records: rooms.records.clone(),
        metrics: registry,
    })
    .await
}

/// What every listener of one node has in common.
struct Listeners {
    rooms: Arc<Rooms>,
    readiness: Arc<dyn Readiness>,
    metrics: Arc<Metrics>,
}

impl Listeners {
    /// A listener with the certificate that its settings name, if any.
    fn open(
        &self,
        name: &'static str,
        settings: &config::Listener,
        routes: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    ) -> Result<Listening, StartError> {
        let acceptor = match &settings.tls {
            Some(tls) => {
                let identity = TlsIdentity::from_pem_files(&tls.certificate, &tls.key)?;
                Some(federation_service::tls::server_acceptor(&identity)?)
            }
            None => None,
        };
        self.bind(name, settings, acceptor, routes)
    }

    fn bind(
        &self,
        name: &'static str,
        settings: &config::Listener,
        tls: Option<SslAcceptorBuilder>,
        routes: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    ) -> Result<Listening, StartError> {
        let listener = Listener {
            name,
            bind: settings.bind,
            tls,
            workers: settings.workers,
            shutdown_timeout: self.rooms.config.shutdown_timeout,
            readiness: Arc::clone(&self.readiness),
            metrics: Arc::clone(&self.metrics),
            routes,
        };
        listener.listen().map_err(|error| StartError::Listen {
            address: settings.bind,
            error,
        })
    }
}

/// What the routes of the listeners find in the application.
#[derive(Clone)]
struct Served {
    federation: Data<Federation>,
    identity: Data<Identity>,
    access: Data<Access>,
    records: Data<Records>,
    consents: Data<Consents>,
}

impl Served {
    fn of(rooms: &Rooms, federation: &Arc<Federation>) -> Self {
        Self {
            federation: Data::from(Arc::clone(federation)),
            identity: Data::new(rooms.identity.clone()),
            access: Data::new(rooms.access.clone()),
            records: Data::new(rooms.records.clone()),
            consents: Data::new(rooms.consents.clone()),
        }
    }

    fn to_peers(&self) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static + use<> {
        let served = self.clone();
        move |routes| {
            routes
                .app_data(served.federation.clone())
                .configure(federation::configure_federation);
        }
    }

    fn to_staff(&self) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static + use<> {
        let served = self.clone();
        move |routes| {
            served.data(routes);
            routes.service(
                web::scope("")
                    .wrap(from_fn(identity::routes::staff_door))
                    .configure(federation::configure_hospital)
                    .configure(records::configure)
                    .default_service(web::to(nothing_here)),
            );
        }
    }

    fn to_people(&self) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static + use<> {
        let served = self.clone();
        move |routes| {
            served.data(routes);
            routes.service(
                web::scope("")
                    .wrap(from_fn(identity::routes::people_door))
                    .configure(records::configure_own_chart)
                    .default_service(web::to(nothing_here)),
            );
        }
    }

    fn data(&self, routes: &mut ServiceConfig) {
        routes
            .app_data(self.federation.clone())
            .app_data(self.identity.clone())
            .app_data(self.access.clone())
            .app_data(self.records.clone())
            .app_data(self.consents.clone());
    }
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
