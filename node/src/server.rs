//! The listeners: which routes answer at which address, and to whom. Every listener has `/livez`
//! and `/readyz`; on the hospital and patient listeners nothing else answers a stranger.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle, ServiceRequest, ServiceResponse};
use actix_web::http::header::{CACHE_CONTROL, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::from_fn;
use actix_web::{App, Error, HttpResponse, HttpServer, middleware, web};
use federation_service::clock::Stopwatch;
use federation_service::problem::Problem;
use futures_util::future::BoxFuture;
use openssl::ssl::SslAcceptorBuilder;
use serde_json::json;

use crate::metrics::{Metrics, RequestLabels};

/// What a listener is asked about before anyone has said who they are.
pub(crate) trait Readiness: Send + Sync {
    /// Each part by name, and whether it can serve.
    fn parts(&self) -> BoxFuture<'_, Vec<(&'static str, bool)>>;
}

/// One listener, before it is bound.
pub(crate) struct Listener<F> {
    /// For the log and the metrics: `federation`, `hospital`, `patient` or `metrics`.
    pub(crate) name: &'static str,
    pub(crate) bind: SocketAddr,
    pub(crate) tls: Option<SslAcceptorBuilder>,
    pub(crate) workers: Option<usize>,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) readiness: Arc<dyn Readiness>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) routes: F,
}

/// A bound listener: where it is, how to stop it, and the work that runs it.
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    pub(crate) handle: ServerHandle,
    pub(crate) server: Server,
}

impl<F> Listener<F>
where
    F: Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
{
    /// Binds the listener.
    ///
    /// # Errors
    /// When the address is taken or the certificate cannot be used.
    pub(crate) fn listen(self) -> io::Result<Listening> {
        let Self {
            name,
            readiness,
            metrics,
            routes,
            ..
        } = self;
        let mut server = HttpServer::new(move || {
            let readiness = web::Data::from(Arc::clone(&readiness));
            let metrics = Arc::clone(&metrics);
            App::new()
                .app_data(web::Data::new(ListenerName(name)))
                .app_data(web::Data::from(metrics))
                .app_data(readiness)
                .wrap(from_fn(observe))
                .service(web::resource("/livez").get(live).head(live))
                .service(web::resource("/readyz").get(ready).head(ready))
                .configure(routes.clone())
        })
        .disable_signals()
        .tcp_nodelay(true)
        .keep_alive(federation_service::signed::KEEP_ALIVE)
        .shutdown_timeout(self.shutdown_timeout.as_secs());
        if let Some(workers) = self.workers {
            server = server.workers(workers);
        }
        server = match self.tls {
            Some(acceptor) => server
                .on_connect(federation_service::tls::remember_peer)
                .bind_openssl(self.bind, acceptor)?,
            None => server.bind(self.bind)?,
        };
        let address = server.addrs().first().copied().unwrap_or(self.bind);
        let server = server.run();
        Ok(Listening {
            address,
            handle: server.handle(),
            server,
        })
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
        let labels = RequestLabels::new(listener, &method, route, status);
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
