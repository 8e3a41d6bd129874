//! What both servers stand on: signed HTTP in and out, problem replies, TLS by directory, sealed key
//! files, clock, shutdown, check-ups, and the words that people read.

pub mod checkup;
pub mod clock;
pub mod key_file;
pub mod log;
pub mod outbound;
pub mod peer_client;
pub mod problem;
pub mod registry_client;
pub mod shutdown;
pub mod signed;
pub mod tls;
pub mod words;

#[cfg(test)]
mod loopback;
