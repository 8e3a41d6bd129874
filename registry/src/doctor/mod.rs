//! What is wrong with this registry: what it keeps, what it has signed, and the way to each member.
//!
//! Reads only, beside a running registry and without one. Members are looked at as far as TLS: an
//! echo needs a member's signature.

mod codes;
mod house;
mod ledger;
mod members;

use std::path::PathBuf;
use std::time::Duration;

use federation_service::checkup::{Checkup, Finding};
use federation_service::clock::SharedClock;
use federation_service::outbound::Cidr;

use crate::config::Config;
use ledger::Ledger;

/// How long a look at files may take.
const FILES: Duration = Duration::from_secs(5);
/// How long a look at the database may take.
const READING: Duration = Duration::from_secs(30);

/// What is to be examined.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The settings file.
    pub config: PathBuf,
    /// Ranges that members may be in besides public addresses.
    pub allow: Vec<Cidr>,
    /// Bytes that must be free on the disk; absent: as many as the database takes.
    pub min_free: Option<u64>,
}

/// What was found.
pub struct Examined {
    /// The registry's id, where its root could be read.
    pub registry: Option<String>,
    /// Each check's finding, in order.
    pub findings: Vec<Finding>,
}

/// Examines the registry; `progress` is told each check, and whom it is about, as it begins. Call it
/// inside a runtime of more than one thread.
pub async fn examine(
    asked: Asked,
    clock: SharedClock,
    progress: impl Fn(&'static str, Option<&str>) + Send + Sync + 'static,
) -> Examined {
    let mut checkup = Checkup::new(progress);
    let file = asked.config.clone();
    let config = checkup
        .bring("config", FILES, move || house::settings(&file))
        .await;
    let Some(config) = config else {
        return Examined {
            registry: None,
            findings: checkup.findings(),
        };
    };
    let now = clock.now();
    let ledger = open(&mut checkup, &config).await;
    house::disk(&mut checkup, &config, asked.min_free).await;
    let root = ledger.as_ref().and_then(|ledger| ledger.root(now).ok());
    house::keys(&mut checkup, &config, root.as_ref());
    house::certificate(&mut checkup, &config, root.as_ref(), now);
    let running = house::running(&mut checkup, &config).await;
    if let Some(ledger) = &ledger {
        ledger.judge(&mut checkup, running, now);
        members::examine(&mut checkup, ledger, &asked.allow, now).await;
    }
    Examined {
        registry: root.map(|root| root.registry().to_owned()),
        findings: checkup.findings(),
    }
}

async fn open(checkup: &mut Checkup, config: &Config) -> Option<Ledger> {
    let path = config.database_path();
    let ledger = checkup
        .bring("database", READING, move || {
            let path = path.map_err(|error| ledger::closed(&error))?;
            ledger::open(&path)
        })
        .await?;
    checkup.note("database.schema", ledger.schema());
    checkup.note("database.soundness", ledger.soundness());
    Some(ledger)
}
