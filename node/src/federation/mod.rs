//! The node among its peers: what it asks them, what it answers them, and what it knows of them.
//!
//! Owns the copy of the directory, the replay window, the peers' standing, and the grants that this
//! node's physicians hold. Carries what `consent` has to tell other hospitals. Decides nothing about
//! records: `access` does. Knows no person: `linkage` and `consent` do.

pub mod answer;
pub mod asked;
pub mod asking;
pub mod breaker;
pub mod certificates;
pub mod cosigning;
pub mod deciding;
pub mod delivery;
pub mod directory;
pub mod echo;
pub mod emergency;
pub mod evidence;
pub mod exchange;
mod founding;
pub mod held;
pub mod inbound;
pub mod linking;
pub mod looking;
pub mod manifest;
pub mod merge;
pub mod metrics;
pub mod noticing;
mod opening;
mod outbound;
pub mod outcome;
pub mod own_view;
pub mod peers;
pub mod query;
pub mod receipts;
pub mod reconciling;
mod redeeming;
pub mod replay;
mod revocations;
mod routes;
mod splice;
pub mod sse;
pub mod standing;
mod store;
mod tasks;
pub mod unlinking;
pub mod witnessing;
mod written;

use std::sync::Arc;

use federation_protocol::refusal::Refusal;

use crate::consent::{Consents, RevokedTokens};
use crate::database::DatabaseError;
use crate::identity::Caller;

use asking::Asking;
use deciding::Deciding;
use delivery::Delivery;
use directory::{DirectoryError, MemberDirectory};
use emergency::AskingInEmergency;
use exchange::Exchanges;
use inbound::Inbound;
use linking::Linking;
use looking::Looking;
use metrics::FederationMetrics;
use noticing::Noticing;
use own_view::OwnView;
use reconciling::Reconciling;
use standing::Standings;
use unlinking::Unlinking;
use witnessing::Witnessing;

pub use founding::FederationParts;
pub use query::QueryError;
pub use redeeming::RedeemError;
pub(crate) use redeeming::{NewGrant, Redeemed};
pub use routes::{configure_federation, configure_hospital, configure_people};
pub use tasks::Tasks;

/// Why the federation room could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FederationError {
    /// The stored directory cannot be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The replay window could not be read.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The node among its peers. Share it as `Data<Federation>`.
pub struct Federation {
    directory: MemberDirectory,
    exchanges: Exchanges,
    inbound: Arc<Inbound>,
    asking: Arc<Asking>,
    witnessing: Witnessing,
    delivery: Arc<Delivery>,
    unlinking: Arc<Unlinking>,
    linking: Linking,
    endpoint: String,
    noticing: Arc<Noticing>,
    asking_in_emergency: Arc<AskingInEmergency>,
    own_view: Arc<OwnView>,
    deciding: Deciding,
    looking: Looking,
    revoked: RevokedTokens,
    reconciling: Reconciling,
    standings: Standings,
    is_reconciled_daily: bool,
    consents: Consents,
    metrics: FederationMetrics,
}

impl Federation {
    /// This node's copy of who belongs.
    #[must_use]
    pub fn directory(&self) -> &MemberDirectory {
        &self.directory
    }

    /// Asks single peers: echo, and what later rooms deliver.
    #[must_use]
    pub fn exchanges(&self) -> &Exchanges {
        &self.exchanges
    }

    /// Asks for this node's physicians.
    #[must_use]
    pub fn asking(&self) -> &Arc<Asking> {
        &self.asking
    }

    /// Seals this node's log and has it witnessed.
    #[must_use]
    pub fn witnessing(&self) -> &Witnessing {
        &self.witnessing
    }

    /// Tells hospitals of ended tokens.
    #[must_use]
    pub fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    /// Tells hospitals of ended links.
    #[must_use]
    pub fn unlinking(&self) -> &Unlinking {
        &self.unlinking
    }

    /// Makes links of codes.
    #[must_use]
    pub fn linking(&self) -> &Linking {
        &self.linking
    }

    /// Where peers reach this node, without a slash at the end.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Tells homes of emergency accesses.
    #[must_use]
    pub fn noticing(&self) -> &Noticing {
        &self.noticing
    }

    /// Asks in emergencies, for this node's physicians.
    #[must_use]
    pub fn asking_in_emergency(&self) -> &Arc<AskingInEmergency> {
        &self.asking_in_emergency
    }

    /// Asks for people about themselves.
    #[must_use]
    pub fn own_view(&self) -> &Arc<OwnView> {
        &self.own_view
    }

    /// Takes people's decisions.
    #[must_use]
    pub fn deciding(&self) -> &Deciding {
        &self.deciding
    }

    /// Says who looked.
    #[must_use]
    pub fn looking(&self) -> &Looking {
        &self.looking
    }

    /// Compares the exchanges of a day with another member's.
    #[must_use]
    pub fn reconciling(&self) -> &Reconciling {
        &self.reconciling
    }

    /// The counters.
    #[must_use]
    pub fn metrics(&self) -> &FederationMetrics {
        &self.metrics
    }

    /// Whether the consent under a grant of `caller` still stands, by the status list of its home.
    ///
    /// # Errors
    /// `NoSuchGrant` for one that is unknown or another's; `Database`.
    pub async fn consent_stands(
        &self,
        caller: &Caller,
        grant: &str,
    ) -> Result<asking::Stands, asking::AskError> {
        self.asking.stands(caller, grant, &self.standings).await
    }

    /// Whether this node knows enough of the members to ask and to answer.
    ///
    /// # Errors
    /// [`Refusal::DirectoryExpired`] while it does not.
    pub fn ready(&self) -> Result<(), Refusal> {
        let membership = self
            .directory
            .membership()
            .ok_or(Refusal::DirectoryExpired)?;
        let treat = federation_protocol::purpose::Purpose::Treat;
        let fresh = membership.freshness(self.inbound.now()).allows(treat);
        if fresh {
            Ok(())
        } else {
            Err(Refusal::DirectoryExpired)
        }
    }

    fn inbound(&self) -> &Inbound {
        &self.inbound
    }

    fn consents(&self) -> &Consents {
        &self.consents
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
