//! What runs beside the listeners.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::Federation;

/// How often outdated rows of the replay window, and ended tokens that have expired, are removed.
const PRUNING: Duration = Duration::from_secs(60);

/// The room's background work; ends when this is dropped.
pub struct Tasks {
    handles: Vec<JoinHandle<()>>,
}

impl Tasks {
    /// Another task that ends with these. Call it inside a runtime.
    pub(crate) fn add(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.handles.push(tokio::spawn(task));
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        for handle in &self.handles {
            handle.abort();
        }
    }
}

impl Federation {
    /// Starts what runs beside the listeners: the look at the registry, telling hospitals of ended
    /// tokens and links, the pruning of what is outdated, the sealing of the log, and the daily
    /// comparison with the other members. Call it inside a runtime; keep what it returns as long as
    /// the node runs.
    #[must_use]
    pub fn spawn_tasks(&self) -> Tasks {
        let directory = self.directory.clone();
        let inbound = Arc::clone(&self.inbound);
        let delivery = Arc::clone(&self.delivery);
        let (consents, revoked) = (self.consents.clone(), self.revoked.clone());
        let desk = self.linking.desk().clone();
        let unlinking = Arc::clone(&self.unlinking);
        let telling = tokio::spawn(async move { unlinking.keep_telling().await });
        let noticing = tokio::spawn(Arc::clone(&self.noticing).keep_telling());
        let delivering = tokio::spawn(async move { delivery.keep_delivering().await });
        let polling = tokio::spawn(async move { directory.keep_current().await });
        let pruning = tokio::spawn(async move {
            loop {
                tokio::time::sleep(PRUNING).await;
                if let Err(error) = inbound.prune().await {
                    tracing::warn!("the replay window was not pruned: {error}");
                }
                if let Err(error) = consents.prune_revoked(&revoked).await {
                    tracing::warn!("ended tokens of others were not pruned: {error}");
                }
                if let Err(error) = desk.prune().await {
                    tracing::warn!("what expired link codes were made of was not pruned: {error}");
                }
            }
        });
        let witnessing = self.witnessing.clone();
        let witnessing = tokio::spawn(async move { witnessing.keep_witnessed().await });
        let mut handles = vec![polling, delivering, telling, noticing, pruning, witnessing];
        if self.is_reconciled_daily {
            let reconciling = self.reconciling.clone();
            handles.push(tokio::spawn(async move {
                reconciling.keep_reconciled().await;
            }));
        }
        Tasks { handles }
    }
}
