//! What both servers stand on: signed HTTP in and out, problem replies, TLS by directory, clock,
//! shutdown.

pub mod clock;
pub mod log;
pub mod outbound;
pub mod peer_client;
pub mod problem;
pub mod registry_client;
pub mod shutdown;
pub mod signed;
pub mod tls;

#[cfg(test)]
mod loopback;
