//! What members say to each other and how each proves it: bytes, keys and a time in; verified
//! values or refusals out. Pure: no clock, no sockets, no files, no log.

pub mod accesses;
pub mod base64url;
pub mod category;
pub mod consent;
pub mod digest;
pub mod directory;
pub mod emergency;
pub mod evidence;
pub mod grants;
pub mod issuers;
pub mod jcs;
pub mod joining;
pub mod json;
pub mod jws;
pub mod keys;
pub mod label;
pub mod link;
pub mod linking;
pub mod member;
pub mod purpose;
pub mod receipts;
pub mod refusal;
pub mod revocation;
#[cfg(any(test, feature = "sample"))]
pub mod sample;
pub mod signature;
pub mod status_list;
pub mod time;
pub mod token;
pub mod transparency;
pub mod unlinking;
#[cfg(test)]
#[path = "../tests/vectors/mod.rs"]
pub(crate) mod vectors;
mod verified;

pub use verified::Verified;
