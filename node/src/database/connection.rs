//! One connection type for both databases, so that each room has one `store.rs`.
//!
//! The derive makes public items without documentation, which is why this module is private and
//! only the enum leaves it.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the code is made by diesel's derive"
)]

use diesel::{PgConnection, SqliteConnection};

/// A connection to the hospital's database. `ON CONFLICT` does not compile over the enum: match on
/// the variant in that one function.
#[derive(diesel::MultiConnection)]
pub enum HospitalConnection {
    /// The embedded file.
    Sqlite(SqliteConnection),
    /// A PostgreSQL server.
    Postgres(PgConnection),
}
