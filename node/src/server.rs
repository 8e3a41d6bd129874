//! The listeners: which routes answer at which address, and to whom. Every listener has `/livez`
//! and `/readyz`; on the hospital and patient listeners nothing else answers a stranger.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle, ServiceRequest, ServiceResponse};
use actix_web::http::header::{CACHE_CONTROL, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::{self, from_fn};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{App, Error, HttpResponse, HttpServer};
use federation_service::clock::Stopwatch;
use federation_service::key_file::PassphraseSource;
use federation_service::problem::Problem;
use federation_service::tls::{Shown, TlsError, WatchedFiles};
use futures_util::future::BoxFuture;
use openssl::ssl::SslAcceptorBuilder;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::access::Access;
use crate::clinic::{self, Clinic};
use crate::config::{self, Config};
use crate::consent::Consents;
use crate::desk::{self, Reception};
use crate::emergency::{self, Emergency};
use crate::export::{self, Exports};
use crate::federation::{self, Federation};
use crate::health::{self, Health};
use crate::identity::deep_link::FindChart;
use crate::identity::routes::Site;
use crate::identity::{self, Identity};
use crate::linkage::{self, Linkage};
use crate::metrics::{Metrics, RequestLabels};
use crate::operations::{self, Operations};
use crate::pages::{self, Audience, Pages};
use crate::patient::{self, People};
use crate::records::{self, Records};
use crate::sharing;

/// Connections at once, per listener and worker, in handshake or after it. As many may shake hands:
/// those that say nothing cost some kilobytes for [`HANDSHAKE_TIMEOUT`], and must not keep a peer
/// waiting behind them.
const CONNECTIONS: usize = 8_192;
/// A handshake that takes longer ends.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(3);
/// A request's head that takes longer to arrive is not waited for.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the files of certificates are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Who does not take the end of a connection in this time is left alone.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);

/// What a listener is asked about before anyone has said who they are.
pub(crate) trait Readiness: Send + Sync {
    /// Each part by name, and whether it can serve.
    fn parts(&self) -> BoxFuture<'_, Vec<(&'static str, bool)>>;
}

/// Why a listener could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// Its certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Its address is taken, or not this machine's.
    #[error("cannot listen on {address}: {error}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
}

/// What the listeners serve.
pub(crate) struct House {
    pub(crate) federation: Arc<Federation>,
    pub(crate) identity: Identity,
    pub(crate) access: Access,
    pub(crate) records: Records,
    pub(crate) consents: Consents,
    pub(crate) linkage: Linkage,
    pub(crate) emergency: Emergency,
    pub(crate) exports: Exports,
    pub(crate) health: Health,
    pub(crate) clinic: Clinic,
    pub(crate) operations: Operations,
    pub(crate) pages: Pages,
    pub(crate) people: People,
    pub(crate) reception: Reception,
    pub(crate) readiness: Arc<dyn Readiness>,
    pub(crate) charts: Arc<dyn FindChart>,
    pub(crate) metrics: Arc<Metrics>,
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

/// The listeners of a running node.
pub(crate) struct Listeners {
    addresses: Addresses,
    handles: Vec<ServerHandle>,
    servers: Vec<JoinHandle<io::Result<()>>>,
    watching: JoinHandle<()>,
}

impl Listeners {
    /// Binds every listener of the settings. Call it inside a runtime.
    ///
    /// # Errors
    /// A certificate cannot be used, or an address is taken; what was bound before is let go.
    pub(crate) fn open(
        settings: &Config,
        peers_acceptor: SslAcceptorBuilder,
        house: &House,
    ) -> Result<Self, ListenError> {
        let served = Served::of(house);
        let mut room = Room {
            house,
            shutdown_timeout: settings.shutdown_timeout,
            passphrase: settings.passphrase.clone(),
            watched: Vec::new(),
        };
        let for_peers = config::Listener {
            bind: settings.federation.bind,
            tls: None,
            workers: settings.federation.workers,
            public_url: None,
        };
        let federation = room.bind(
            "federation",
            &for_peers,
            Some(peers_acceptor),
            served.to_peers(),
        )?;
        let site = |listener: &config::Listener| Data::new(Site::new(listener.clone()));
        let (staff, people) = (site(&settings.hospital), site(&settings.patient));
        let hospital = room.open("hospital", &settings.hospital, served.to_staff(staff))?;
        let patient = room.open("patient", &settings.patient, served.to_people(people))?;
        let addresses = Addresses {
            federation: federation.0,
            hospital: hospital.0,
            patient: patient.0,
        };
        let mut bound = vec![federation.1, hospital.1, patient.1];
        if let Some(bind) = settings.metrics {
            let local = config::Listener {
                bind,
                tls: None,
                workers: Some(1),
                public_url: None,
            };
            bound.push(
                room.bind("metrics", &local, None, crate::metrics::routes::configure)?
                    .1,
            );
        }
        let handles = bound.iter().map(Server::handle).collect();
        let servers = bound.into_iter().map(tokio::spawn).collect();
        let watching = tokio::spawn(keep_watching(room.watched));
        Ok(Self {
            addresses,
            handles,
            servers,
            watching,
        })
    }

    /// Where they listen.
    pub(crate) fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Takes no new connections, and waits for what is in flight.
    pub(crate) async fn stop(self) {
        federation_service::shutdown::stop_all(&self.handles).await;
        self.watching.abort();
        for server in self.servers {
            match server.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!("a listener ended badly: {error}"),
                Err(error) => tracing::error!("a listener was lost: {error}"),
            }
        }
    }
}

/// What the listeners of one node have in common.
struct Room<'a> {
    house: &'a House,
    shutdown_timeout: Duration,
    passphrase: PassphraseSource,
    watched: Vec<Watched>,
}

/// A listener's certificate on disk, and where it is shown.
struct Watched {
    listener: &'static str,
    files: WatchedFiles,
    shown: Shown,
}

/// Shows what somebody puts in the place of a certificate, such as what a public authority renewed.
/// Connections that are open stay; what cannot be used is told once, and the one before goes on.
async fn keep_watching(mut watched: Vec<Watched>) {
    while !watched.is_empty() {
        tokio::time::sleep(LOOK).await;
        let looked = tokio::task::spawn_blocking(move || {
            watched.iter_mut().for_each(Watched::look);
            watched
        });
        match looked.await {
            Ok(again) => watched = again,
            Err(broken) => return tracing::error!("certificates are not watched: {broken}"),
        }
    }
}

impl Watched {
    fn look(&mut self) {
        let listener = self.listener;
        match self.files.look() {
            Ok(None) => {}
            Ok(Some(identity)) => {
                self.shown.show(identity);
                tracing::info!(
                    listener,
                    "the {listener} listener shows another certificate"
                );
            }
            Err(error) => tracing::error!(
                listener,
                "the {listener} listener's new certificate cannot be used, the one before stays: {error}"
            ),
        }
    }
}

impl Room<'_> {
    /// A listener with the certificate that its settings name, if any.
    fn open(
        &mut self,
        name: &'static str,
        settings: &config::Listener,
        routes: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    ) -> Result<(SocketAddr, Server), ListenError> {
        let acceptor = match &settings.tls {
            Some(tls) => {
                let passphrase = self.passphrase.clone();
                let mut files = WatchedFiles::new(&tls.certificate, &tls.key, passphrase);
                let shown = Shown::new(files.open()?);
                let acceptor = federation_service::tls::server_acceptor_of(&shown)?;
                self.watched.push(Watched {
                    listener: name,
                    files,
                    shown,
                });
                Some(acceptor)
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
    ) -> Result<(SocketAddr, Server), ListenError> {
        let readiness = Arc::clone(&self.house.readiness);
        let metrics = Arc::clone(&self.house.metrics);
        let mut server = HttpServer::new(move || {
            App::new()
                .app_data(Data::new(ListenerName(name)))
                .app_data(Data::from(Arc::clone(&metrics)))
                .app_data(Data::from(Arc::clone(&readiness)))
                .wrap(from_fn(observe))
                .service(web::resource("/livez").get(live).head(live))
                .service(web::resource("/readyz").get(ready).head(ready))
                .configure(routes.clone())
        })
        .disable_signals()
        .max_connections(CONNECTIONS)
        .max_connection_rate(CONNECTIONS)
        .client_request_timeout(HEAD_TIMEOUT)
        .client_disconnect_timeout(GOODBYE_TIMEOUT)
        .tls_handshake_timeout(HANDSHAKE_TIMEOUT)
        .tcp_nodelay(true)
        .keep_alive(federation_service::signed::KEEP_ALIVE)
        .shutdown_timeout(self.shutdown_timeout.as_secs());
        if let Some(workers) = settings.workers {
            server = server.workers(workers);
        }
        let address = settings.bind;
        let bound = match tls {
            Some(acceptor) => server
                .on_connect(federation_service::tls::remember_peer)
                .bind_openssl(address, acceptor),
            None => server.bind(address),
        };
        let server = bound.map_err(|error| ListenError::Bind { address, error })?;
        let address = server.addrs().first().copied().unwrap_or(address);
        Ok((address, server.run()))
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
    linkage: Data<Linkage>,
    emergency: Data<Emergency>,
    exports: Data<Exports>,
    health: Data<Health>,
    clinic: Data<Clinic>,
    operations: Data<Operations>,
    charts: Data<dyn FindChart>,
    pages: Pages,
    people: Data<People>,
    reception: Data<Reception>,
}

impl Served {
    fn of(house: &House) -> Self {
        Self {
            federation: Data::from(Arc::clone(&house.federation)),
            identity: Data::new(house.identity.clone()),
            access: Data::new(house.access.clone()),
            records: Data::new(house.records.clone()),
            consents: Data::new(house.consents.clone()),
            linkage: Data::new(house.linkage.clone()),
            emergency: Data::new(house.emergency.clone()),
            exports: Data::new(house.exports.clone()),
            health: Data::new(house.health.clone()),
            clinic: Data::new(house.clinic.clone()),
            operations: Data::new(house.operations.clone()),
            charts: Data::from(Arc::clone(&house.charts)),
            pages: house.pages.clone(),
            people: Data::new(house.people.clone()),
            reception: Data::new(house.reception.clone()),
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

    fn to_staff(
        &self,
        site: Data<Site>,
    ) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static + use<> {
        let served = self.clone();
        move |routes| {
            served.data(routes, &site);
            routes
                .app_data(served.exports.clone())
                .app_data(served.reception.clone())
                .app_data(served.clinic.clone())
                .app_data(served.operations.clone())
                .app_data(Data::new(served.pages.to(Audience::Staff)))
                .app_data(served.charts.clone())
                .configure(pages::routes::configure);
            routes.service(
                web::scope("")
                    .wrap(from_fn(identity::routes::staff_door))
                    .wrap(from_fn(pages::routes::readable))
                    .configure(identity::routes::configure_staff)
                    .configure(desk::routes::configure)
                    .configure(emergency::routes::configure)
                    .configure(federation::configure_hospital)
                    .configure(export::routes::configure)
                    .configure(clinic::routes::configure)
                    .configure(operations::routes::configure)
                    .configure(records::configure)
                    .default_service(web::to(nothing_here)),
            );
        }
    }

    fn to_people(
        &self,
        site: Data<Site>,
    ) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static + use<> {
        let served = self.clone();
        move |routes| {
            served.data(routes, &site);
            routes
                .app_data(served.linkage.clone())
                .app_data(served.people.clone())
                .app_data(served.health.clone())
                .app_data(Data::new(served.pages.to(Audience::People)))
                .configure(pages::routes::configure)
                .configure(health::routes::configure_api);
            routes.service(
                web::scope("")
                    .wrap(from_fn(identity::routes::people_door))
                    .wrap(from_fn(pages::routes::readable))
                    .configure(identity::routes::configure_people)
                    .configure(patient::routes::configure)
                    .configure(linkage::routes::configure)
                    .configure(emergency::routes::configure_people)
                    .configure(federation::configure_people)
                    .configure(sharing::routes::configure)
                    .configure(health::routes::configure)
                    .configure(records::configure_own_chart)
                    .default_service(web::to(nothing_here)),
            );
        }
    }

    fn data(&self, routes: &mut ServiceConfig, site: &Data<Site>) {
        routes
            .app_data(site.clone())
            .app_data(self.federation.clone())
            .app_data(self.identity.clone())
            .app_data(self.access.clone())
            .app_data(self.records.clone())
            .app_data(self.consents.clone())
            .app_data(self.emergency.clone());
    }
}

/// Which listener a request came through.
struct ListenerName(&'static str);

/// Counts and logs each request by its route's pattern, never by its path or query: those name
/// patients. Answers are not kept by anyone on the way.
async fn observe(
    request: ServiceRequest,
    next: middleware::Next<impl actix_web::body::MessageBody>,
) -> Result<ServiceResponse<impl actix_web::body::MessageBody>, Error> {
    let listener = request
        .app_data::<web::Data<ListenerName>>()
        .map_or("", |name| name.0);
    let metrics = request.app_data::<web::Data<Metrics>>().cloned();
    let method = request.method().clone();
    let watch = Stopwatch::start();
    let mut response = next.call(request).await?;
    let route = response.request().match_pattern();
    let route = route.unwrap_or_else(|| "unmatched".to_owned());
    let status = response.status().as_u16();
    tracing::debug!(listener, %method, route, status, "answered");
    if let Some(metrics) = metrics {
        let labels = RequestLabels::new(listener, method.as_str(), route, status);
        metrics.answered(&labels, watch.elapsed().as_secs_f64());
    }
    let headers = response.headers_mut();
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

/// `GET /livez`: the process runs.
async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "UP" }))
}

/// `GET /readyz`: each part by name; 503 when one cannot serve.
async fn ready(readiness: web::Data<dyn Readiness>) -> HttpResponse {
    let parts = readiness.parts().await;
    let up = parts.iter().all(|(_, up)| *up);
    let word = |up: bool| if up { "UP" } else { "DOWN" };
    let components: serde_json::Map<_, _> = parts
        .into_iter()
        .map(|(name, up)| (name.to_owned(), json!(word(up))))
        .collect();
    let body = json!({ "status": word(up), "components": components });
    if up {
        HttpResponse::Ok().json(body)
    } else {
        HttpResponse::ServiceUnavailable().json(body)
    }
}

/// For what no route takes, once the door has let the caller in.
pub(crate) async fn nothing_here() -> HttpResponse {
    Problem::not_found().to_response()
}
