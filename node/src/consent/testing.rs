//! A home node for the tests of this and the neighbouring rooms.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::sync::Arc;

use federation_protocol::consent::{ConsentKind, Provision};
use federation_protocol::directory::{KeyStatement, Membership};
use federation_protocol::sample::{NOW, SampleMember, SampleRegistry, profile};
use federation_service::clock::ManualClock;

use super::{Consents, DirectiveId, Subject};
use crate::database::{Database, Rid};
use crate::keys::{Keys, NodePublicKey};

/// The home node Minato, and its neighbours.
pub(crate) struct Home {
    pub(crate) consents: Consents,
    pub(crate) database: Database,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) minato: SampleMember,
    pub(crate) yukimi: SampleMember,
    pub(crate) shirakaba: SampleMember,
    pub(crate) membership: Arc<Membership>,
    _state: tempfile::TempDir,
}

impl Home {
    /// Minato on a fresh database.
    pub(crate) fn on(database: Database) -> Self {
        let state = tempfile::tempdir().unwrap();
        let keys = Arc::new(Keys::create(&state.path().join("keys")).unwrap());
        let minato = SampleMember::new("0110000001", 10);
        let yukimi = SampleMember::new("0110000002", 20);
        let shirakaba = SampleMember::new("0110000003", 30);
        let year = 365 * 86_400;
        let (from, until) = (NOW.plus_seconds(-year), NOW.plus_seconds(year));
        let statements = keys.public_keys().into_iter().map(|key| match key {
            NodePublicKey::Signing(key_use, public) => {
                KeyStatement::of(key_use, &public, from, until)
            }
            NodePublicKey::Seal(public) => KeyStatement::of_seal(&public, from, until),
        });
        let endpoint = "https://0110000001.example.jp";
        let own = profile(
            &minato.id,
            endpoint,
            statements.collect(),
            &minato.certificate,
        );
        let registry = SampleRegistry::of([own, yukimi.profile(), shirakaba.profile()]);
        let clock = ManualClock::at(NOW);
        let consents = Consents::new(
            database.clone(),
            clock.clone(),
            Arc::clone(&keys),
            minato.id.clone(),
            endpoint,
        );
        let membership = Arc::new(registry.membership());
        Self {
            consents,
            database,
            clock,
            keys,
            minato,
            yukimi,
            shirakaba,
            membership,
            _state: state,
        }
    }

    /// A local directive about a chart here.
    pub(crate) async fn reserve(&self, patient: Rid, root: Provision) -> DirectiveId {
        let name_of = |member: &_| format!("{member}");
        let draft = self.consents.draft(
            ConsentKind::Dissent,
            "Patient/1",
            root,
            Vec::new(),
            &name_of,
        );
        self.consents
            .give(Subject::Patient(patient), draft)
            .await
            .unwrap()
            .id
    }
}
