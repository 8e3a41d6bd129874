//! The person's phone: results, medicines, documents and visits of every hospital that a person is
//! linked with, in words for people; all of it to take home.
//!
//! Owns no table. What may be shown, `access` decides and the holders say; what is not answered is
//! named. Nothing here stays anywhere: no answer may be kept by a browser.

mod beside;
mod download;
mod fhir;
mod gather;
mod items;
mod medicines;
mod notebook;
mod others;
mod results;
pub mod routes;
mod show;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use gather::{People, PeopleParts};
