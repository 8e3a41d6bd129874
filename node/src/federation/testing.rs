//! A federation room for the tests of rooms that stand on it: of a hospital that knows its neighbours
//! and reaches none.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;

use federation_protocol::sample::{NOW, SampleRegistry};
use federation_service::clock::SharedClock;
use federation_service::tls::{Shown, TlsIdentity};
use prometheus_client::registry::Registry;

use super::{Federation, FederationParts};
use crate::access::{Access, HousePolicy};
use crate::audit::Audit;
use crate::config::Config;
use crate::consent::testing::Home;
use crate::emergency::Emergency;
use crate::records::Records;

/// The room, and the folder it stands in.
pub(crate) struct Alone {
    pub(crate) federation: Arc<Federation>,
    _folder: tempfile::TempDir,
}

/// The federation room of `home`.
pub(crate) async fn alone(home: &Home, access: &Access, records: &Records) -> Alone {
    let folder = tempfile::tempdir().unwrap();
    let year = 365 * 86_400;
    let from = NOW.plus_seconds(-year);
    let identity = TlsIdentity::generate("127.0.0.1", from, NOW.plus_seconds(year)).unwrap();
    let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    identity.write_pem(&certificate, &key).unwrap();
    let file = folder.path().join("node.toml");
    std::fs::write(&file, settings(home)).unwrap();
    let config = Config::load_with(&file, BTreeMap::new()).unwrap();
    let clock: SharedClock = home.clock.clone();
    let (documents, mut metrics) = (folder.path().join("directory"), Registry::default());
    let federation = Federation::open(FederationParts {
        me: home.minato.id.clone(),
        directory_folder: &documents,
        settings: &config.federation,
        registry: &config.registry,
        witnessing: &config.audit,
        shown: Shown::new(Arc::new(identity)),
        clock: Arc::clone(&clock),
        keys: Arc::clone(&home.keys),
        database: home.database.clone(),
        audit: Audit::new(home.database.clone()),
        house: HousePolicy::default(),
        consents: home.consents.clone(),
        access: access.clone(),
        records: records.clone(),
        emergency: Emergency::new(
            home.database.clone(),
            clock,
            Arc::clone(&home.keys),
            home.minato.id.clone(),
        ),
        answers_emergencies: false,
        metrics: &mut metrics,
    })
    .await;
    Alone {
        federation: Arc::new(federation.unwrap()),
        _folder: folder,
    }
}

fn settings(home: &Home) -> String {
    format!(
        "[organization]\ncode = \"{}\"\nname = \"みなと病院\"\n[registry]\nurl = \"https://127.0.0.1:1\"\n\
         root_sha256 = \"{}\"\n[federation]\nbind = \"127.0.0.1:0\"\nendpoint = \"https://127.0.0.1:1\"\n\
         tls_certificate_file = \"tls.crt\"\ntls_key_file = \"tls.key\"\n",
        home.minato.id.code(),
        SampleRegistry::of([]).root_signed().hash,
    )
}
