//! Those who mean ill and hold real keys: a member that answers whatever it wants, and whoever stole
//! the registry's server.
//!
//! Both speak over the true certificate at the true address, so that nothing but what they say can
//! give them away. Neither is a node: what they say is made here, byte for byte.

mod listening;
mod node;
mod registry;

pub use listening::Asked;
pub use node::{EvilNode, refused, signed};
pub use registry::EvilRegistry;
