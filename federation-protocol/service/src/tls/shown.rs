//! What is shown to the other side now; exchanged while connections are open.

use std::sync::{Arc, PoisonError, RwLock};

use super::TlsIdentity;

/// The identity that new connections show. Cheap to clone: all clones show the same.
///
/// A connection keeps what it began with, so an exchange ends none.
#[derive(Clone)]
pub struct Shown {
    now: Arc<RwLock<Arc<TlsIdentity>>>,
}

impl Shown {
    /// Shows `identity` first.
    #[must_use]
    pub fn new(identity: Arc<TlsIdentity>) -> Self {
        Self {
            now: Arc::new(RwLock::new(identity)),
        }
    }

    /// What is shown now.
    #[must_use]
    pub fn now(&self) -> Arc<TlsIdentity> {
        let now = self.now.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&now)
    }

    /// Shows `identity` from the next connection on.
    pub fn show(&self, identity: Arc<TlsIdentity>) {
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = identity;
    }
}
