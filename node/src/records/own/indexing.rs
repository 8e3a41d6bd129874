//! Reading older resources for new own parameters, a few at a time, while the node serves.
//!
//! How far it is stands in the database with every step: whoever opens it next goes on from there.

use std::time::Duration;

use tokio::task::JoinHandle;

use crate::records::{Records, RecordsError, store};

/// How often there is a look whether there is something to do.
const PAUSE: Duration = Duration::from_secs(1);
/// How long nothing is tried after a failure.
const LONG_PAUSE: Duration = Duration::from_secs(10);

/// The task that reads older resources. Ends when dropped.
#[derive(Debug)]
pub(crate) struct Indexing(JoinHandle<()>);

impl Drop for Indexing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Records {
    /// Starts reading older resources for own parameters, now and whenever there is a new one.
    pub(crate) fn keep_indexing(&self) -> Indexing {
        let records = self.clone();
        Indexing(tokio::spawn(async move {
            loop {
                match records.index_some().await {
                    Ok(true) => {}
                    Ok(false) => tokio::time::sleep(PAUSE).await,
                    Err(error) => {
                        tracing::warn!(%error, "older resources were not read for own parameters");
                        tokio::time::sleep(LONG_PAUSE).await;
                    }
                }
            }
        }))
    }

    /// One step; whether there was one to do. Writes of others come between two steps.
    pub(in crate::records) async fn index_some(&self) -> Result<bool, RecordsError> {
        let idle = self.database.read(store::has_nothing_to_index).await?;
        if idle {
            return Ok(false);
        }
        let done = self.database.transact(store::index_some).await?;
        for code in done {
            tracing::info!("search parameter {code}: every older resource is read");
        }
        Ok(true)
    }
}
