//! What is counted of emergency accesses.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::accesses::Side;

/// At which end, and how it ended.
#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct SideAndOutcome {
    side: &'static str,
    outcome: &'static str,
}

/// How it ended.
#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Outcome {
    outcome: &'static str,
}

/// The counters of the emergency room. Cheap to clone: all clones count together.
#[derive(Clone, Debug, Default)]
pub struct EmergencyMetrics {
    questions: Family<SideAndOutcome, Counter>,
    factors: Family<Outcome, Counter>,
    notices: Family<Outcome, Counter>,
    owed: Gauge,
}

impl EmergencyMetrics {
    /// Registers the counters with `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "musubi_emergency_questions",
            "Emergency questions, asked here and answered here, by how they ended",
            self.questions.clone(),
        );
        registry.register(
            "musubi_emergency_second_factors",
            "Codes of second factors, by how they were taken",
            self.factors.clone(),
        );
        registry.register(
            "musubi_emergency_notices",
            "Notices to people: told to their homes, failed, kept here",
            self.notices.clone(),
        );
        registry.register(
            "musubi_emergency_notices_owed",
            "Notices that homes have not yet acknowledged",
            self.owed.clone(),
        );
    }

    /// A question ended as `asked`, `refused`, `matched` or `unmatched`.
    pub fn question(&self, side: Side, outcome: &'static str) {
        let side = side.as_str();
        self.questions
            .get_or_create(&SideAndOutcome { side, outcome })
            .inc();
    }

    pub(super) fn factor(&self, outcome: &'static str) {
        self.factors.get_or_create(&Outcome { outcome }).inc();
    }

    pub(super) fn notice(&self, outcome: &'static str) {
        self.notices.get_or_create(&Outcome { outcome }).inc();
    }

    pub(super) fn owed(&self, notices: usize) {
        self.owed.set(i64::try_from(notices).unwrap_or(i64::MAX));
    }
}
