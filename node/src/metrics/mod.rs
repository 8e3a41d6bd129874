//! What a node counts about itself, for Prometheus. No patient, handle or staff id is ever a label.

pub(crate) mod routes;

use std::sync::{Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

/// Bucket bounds of the OpenTelemetry HTTP conventions, seconds.
const SECONDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// The node's metrics.
pub struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<RequestLabels, Histogram>,
}

/// What a request is counted under: never its path, which names patients, but its route.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RequestLabels {
    listener: &'static str,
    http_request_method: String,
    http_route: String,
    http_response_status_code: u32,
}

impl RequestLabels {
    /// Labels of one answered request.
    pub(crate) fn new(listener: &'static str, method: &str, route: String, status: u16) -> Self {
        let method = match method {
            "GET" | "HEAD" | "POST" | "PUT" | "DELETE" => method,
            _ => "_OTHER",
        };
        Self {
            listener,
            http_request_method: method.to_owned(),
            http_route: route,
            http_response_status_code: u32::from(status),
        }
    }
}

impl Metrics {
    /// Starts counting over a registry that holds what the rooms count themselves.
    #[must_use]
    pub fn over(mut registry: Registry) -> Self {
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("musubi_build", "The version that runs", build);
        let new: fn() -> Histogram = || Histogram::new(SECONDS);
        let requests = Family::new_with_constructor(new);
        registry.register_with_unit(
            "http_server_request_duration",
            "From a request's head to its answer",
            Unit::Seconds,
            requests.clone(),
        );
        Self {
            registry: Mutex::new(registry),
            requests,
        }
    }

    /// Counts one answered request.
    pub(crate) fn answered(&self, labels: &RequestLabels, seconds: f64) {
        self.requests.get_or_create(labels).observe(seconds);
    }

    /// The OpenMetrics text of everything counted.
    #[must_use]
    pub fn text(&self) -> String {
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        match encode(&mut text, &registry) {
            Ok(()) => text,
            Err(std::fmt::Error) => String::new(),
        }
    }
}
