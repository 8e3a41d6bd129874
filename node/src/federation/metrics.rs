//! What the federation room counts: refusals by code and peer, questions by outcome and time, and
//! the age of what it knows of the members.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// The name under which what strangers send is counted.
pub const UNKNOWN_PEER: &str = "unknown";

/// A refusal's code and whom it concerned.
#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub struct CodeAndPeer {
    /// The wire code.
    pub code: &'static str,
    /// A member id of the directory, or `unknown`: never what a stranger wrote.
    pub peer: String,
}

/// A peer and how a question to it ended.
#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub struct PeerAndOutcome {
    /// The member id of the peer.
    pub peer: String,
    /// `answered`, `refused`, `silent`, `unverified`; of messages `delivered`, `failed`.
    pub outcome: &'static str,
}

/// A peer.
#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub struct PeerAlone {
    /// The member id of the peer.
    pub peer: String,
}

/// What went wrong with the directory.
#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub struct DirectoryAlarm {
    /// `rollback`, `split_view`, `refused`, `replacement_held`.
    pub alarm: &'static str,
}

#[derive(Clone)]
struct Seconds;

impl MetricConstructor<Histogram> for Seconds {
    fn new_metric(&self) -> Histogram {
        Histogram::new([
            0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0, 8.0,
        ])
    }
}

/// The counters of the federation room. Cheap to clone: all clones count together.
#[derive(Clone)]
pub struct FederationMetrics {
    refusals: Family<CodeAndPeer, Counter>,
    asked: Family<PeerAndOutcome, Counter>,
    asked_seconds: Family<PeerAndOutcome, Histogram, Seconds>,
    answered_seconds: Histogram,
    alarms: Family<DirectoryAlarm, Counter>,
    revocations_told: Family<PeerAndOutcome, Counter>,
    revocations_taken: Family<PeerAlone, Counter>,
    revocations_owed: Gauge,
    status_age_seconds: Gauge,
    directory_seq: Gauge,
    status_seq: Gauge,
    held: Gauge,
}

impl FederationMetrics {
    /// Registers the counters with `registry`.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            refusals: Family::default(),
            asked: Family::default(),
            asked_seconds: Family::new_with_constructor(Seconds),
            answered_seconds: Seconds.new_metric(),
            alarms: Family::default(),
            revocations_told: Family::default(),
            revocations_taken: Family::default(),
            revocations_owed: Gauge::default(),
            status_age_seconds: Gauge::default(),
            directory_seq: Gauge::default(),
            status_seq: Gauge::default(),
            held: Gauge::default(),
        };
        registry.register(
            "musubi_federation_refusals",
            "Requests of peers that were refused, by code",
            metrics.refusals.clone(),
        );
        registry.register(
            "musubi_federation_questions",
            "Questions to peers, by how they ended",
            metrics.asked.clone(),
        );
        registry.register(
            "musubi_federation_question_seconds",
            "How long peers took",
            metrics.asked_seconds.clone(),
        );
        registry.register(
            "musubi_federation_answer_seconds",
            "How long this node took to answer a peer",
            metrics.answered_seconds.clone(),
        );
        registry.register(
            "musubi_directory_alarms",
            "Documents of the registry that were not accepted",
            metrics.alarms.clone(),
        );
        registry.register(
            "musubi_directory_status_age_seconds",
            "Age of the newest accepted status document",
            metrics.status_age_seconds.clone(),
        );
        registry.register(
            "musubi_directory_seq",
            "Number of the accepted directory",
            metrics.directory_seq.clone(),
        );
        registry.register(
            "musubi_directory_status_seq",
            "Number of the accepted status document",
            metrics.status_seq.clone(),
        );
        registry.register(
            "musubi_directory_replacements_held",
            "Members whose entry is to be replaced without their own signature",
            metrics.held.clone(),
        );
        metrics.register_revocations(registry);
        metrics
    }

    fn register_revocations(&self, registry: &mut Registry) {
        registry.register(
            "musubi_federation_revocations_told",
            "Messages to peers about ended tokens, by how they ended",
            self.revocations_told.clone(),
        );
        registry.register(
            "musubi_federation_revocations_taken",
            "Ended tokens that peers told of",
            self.revocations_taken.clone(),
        );
        registry.register(
            "musubi_federation_revocations_owed",
            "Peers that have not yet acknowledged what they were told of ended tokens",
            self.revocations_owed.clone(),
        );
    }

    /// A request was refused. `peer` is a member of the directory, or `None`. How many of these
    /// there were, this one included.
    pub fn refused(&self, code: &'static str, peer: Option<&str>) -> u64 {
        let peer = peer.unwrap_or(UNKNOWN_PEER).to_owned();
        let counter = self
            .refusals
            .get_or_create_owned(&CodeAndPeer { code, peer });
        counter.inc().saturating_add(1)
    }

    /// How many requests of `peer` were refused with `code` so far.
    #[must_use]
    pub fn refusals(&self, code: &'static str, peer: Option<&str>) -> u64 {
        let peer = peer.unwrap_or(UNKNOWN_PEER).to_owned();
        self.refusals
            .get_or_create(&CodeAndPeer { code, peer })
            .get()
    }

    /// A question to `peer` ended as `outcome` after `seconds`.
    pub fn asked(&self, peer: &str, outcome: &'static str, seconds: f64) {
        let labels = PeerAndOutcome {
            peer: peer.to_owned(),
            outcome,
        };
        self.asked.get_or_create(&labels).inc();
        self.asked_seconds.get_or_create(&labels).observe(seconds);
    }

    /// A peer's question was answered after `seconds`.
    pub fn answered(&self, seconds: f64) {
        self.answered_seconds.observe(seconds);
    }

    /// A message about ended tokens to `peer` was `delivered` or `failed`.
    pub fn revocation_told(&self, peer: &str, outcome: &'static str) {
        let peer = peer.to_owned();
        let labels = PeerAndOutcome { peer, outcome };
        self.revocations_told.get_or_create(&labels).inc();
    }

    /// `peer` told of so many ended tokens.
    pub fn revocations_taken(&self, peer: &str, tokens: usize) {
        let peer = peer.to_owned();
        let counter = self
            .revocations_taken
            .get_or_create_owned(&PeerAlone { peer });
        counter.inc_by(u64::try_from(tokens).unwrap_or(u64::MAX));
    }

    /// So many peers have not yet acknowledged what they were told.
    pub fn revocations_owed(&self, peers: usize) {
        self.revocations_owed
            .set(i64::try_from(peers).unwrap_or(i64::MAX));
    }

    /// A document of the registry was not accepted.
    pub fn directory_alarm(&self, alarm: &'static str) {
        self.alarms.get_or_create(&DirectoryAlarm { alarm }).inc();
    }

    /// So many members are to be replaced without their own signature.
    pub fn replacements_held(&self, members: usize) {
        self.held.set(i64::try_from(members).unwrap_or(i64::MAX));
    }

    /// What is known of the members now.
    pub fn directory(&self, directory_seq: u64, status_seq: u64, age_seconds: i64) {
        self.directory_seq
            .set(i64::try_from(directory_seq).unwrap_or(i64::MAX));
        self.status_seq
            .set(i64::try_from(status_seq).unwrap_or(i64::MAX));
        self.status_age_seconds.set(age_seconds);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn refusals_are_counted_by_code_and_peer() {
        let mut registry = Registry::default();
        let metrics = FederationMetrics::register(&mut registry);
        metrics.refused("digest_mismatch", Some("urn:musubi:member:0110000001"));
        metrics.refused("key_unknown", None);
        metrics.refused("key_unknown", None);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        assert!(
            text.contains(
                "musubi_federation_refusals_total{code=\"key_unknown\",peer=\"unknown\"} 2"
            )
        );
        assert!(text.contains("peer=\"urn:musubi:member:0110000001\"} 1"));
        assert_eq!(metrics.refusals("key_unknown", None), 2);
    }
}
