//! What both servers stand on: signed HTTP in and out, problem replies, TLS by directory, clock,
//! shutdown.
