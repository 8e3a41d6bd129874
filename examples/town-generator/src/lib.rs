//! A town of synthetic patients for measuring: charts as hospitals in Hokkaido would keep them, FHIR
//! R4 with JP Core 1.2.0, any number of them, and the same to the byte for the same seed and version.
//!
//! Everybody in it is invented. It owns no clock, no network, no randomness but the seed's, and
//! knows nothing of nodes: what it makes is text.

mod calendar;
mod course;
mod delivery;
mod dice;
mod fhir;
mod hospital;
mod illness;
mod json;
mod names;
mod person;
mod story;
mod town;
mod visit;

pub use self::calendar::LAST_DAY;
pub use self::delivery::{DeliveryError, Enough, Order, Tally};
pub use self::town::{Chart, House, Resident, Town};
