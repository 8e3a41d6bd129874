//! The proof that someone decided: what a read may reach, and what of it may be shown.

use federation_protocol::category::Category;
use federation_protocol::consent::{Effective, EmergencyRelease, ResourceFacts};
use federation_protocol::label::Label;
use federation_protocol::time::Timestamp;

use super::HousePolicy;
use super::release::Hold;
use crate::database::Rid;

/// Leave to read or write records, within a reach. Only this room makes one.
///
/// The reach is enforced twice: in the query plan ([`Permit::patient`], [`Permit::categories`]) and
/// on every resource that would leave ([`Permit::allows`]), included and contained ones too.
pub struct Permit(Kind);

enum Kind {
    /// Every chart of this house.
    House { writes: bool },
    /// A person's own chart, without what their physician has not told them yet.
    OwnChart { patient: Rid, hold: Option<Hold> },
    /// What a person measured themselves, in their own chart: to write it, and nothing else there.
    OwnVitals { patient: Rid },
    /// One chart, for a peer: token, local directives, house policy.
    Disclosure {
        patient: Rid,
        released: Box<Released>,
        house: HousePolicy,
        categories: Vec<Category>,
        hold: Option<Hold>,
    },
    /// Patients and Coverages, to find out who is meant.
    Identifying,
    /// An act that touches no chart.
    Act,
}

/// Why something of a chart may go to a peer.
pub(super) enum Released {
    /// By a verified token.
    ByToken(Effective),
    /// Without one, in an emergency.
    InEmergency(EmergencyRelease),
}

impl Released {
    fn permits(&self, facts: &ResourceFacts) -> bool {
        match self {
            Self::ByToken(effective) => effective.permits(facts),
            Self::InEmergency(release) => release.permits(facts),
        }
    }

    fn categories(&self) -> Vec<Category> {
        match self {
            Self::ByToken(effective) => effective.categories().collect(),
            Self::InEmergency(release) => release.categories().collect(),
        }
    }
}

impl Permit {
    pub(super) fn house(writes: bool) -> Self {
        Self(Kind::House { writes })
    }

    pub(super) fn own_chart(patient: Rid, hold: Option<Hold>) -> Self {
        Self(Kind::OwnChart { patient, hold })
    }

    pub(super) fn own_vitals(patient: Rid) -> Self {
        Self(Kind::OwnVitals { patient })
    }

    pub(super) fn act() -> Self {
        Self(Kind::Act)
    }

    pub(super) fn identifying() -> Self {
        Self(Kind::Identifying)
    }

    pub(super) fn disclosure(
        patient: Rid,
        released: Released,
        house: HousePolicy,
        hold: Option<Hold>,
    ) -> Self {
        let categories = released
            .categories()
            .into_iter()
            .filter(|one| house.releases_category(*one))
            .collect();
        Self(Kind::Disclosure {
            patient,
            released: Box::new(released),
            house,
            categories,
            hold,
        })
    }

    /// The chart that every read is limited to; `None`: any chart here.
    ///
    /// A permit for an act that touches no chart names one that no resource has.
    #[must_use]
    pub fn patient(&self) -> Option<Rid> {
        match &self.0 {
            Kind::House { .. } | Kind::Identifying => None,
            Kind::OwnChart { patient, .. }
            | Kind::OwnVitals { patient }
            | Kind::Disclosure { patient, .. } => Some(*patient),
            Kind::Act => Some(NO_CHART),
        }
    }

    /// The categories that can leave under this permit; `None`: all, `other` too.
    #[must_use]
    pub fn categories(&self) -> Option<&[Category]> {
        match &self.0 {
            Kind::House { .. } | Kind::OwnChart { .. } | Kind::Identifying => None,
            Kind::OwnVitals { .. } => Some(&[Category::Vital]),
            Kind::Disclosure { categories, .. } => Some(categories),
            Kind::Act => Some(&[]),
        }
    }

    /// Whether this resource, of the chart that the permit is for, may be shown.
    #[must_use]
    pub fn allows(&self, facts: &ResourceFacts) -> bool {
        match &self.0 {
            Kind::House { .. } => true,
            Kind::OwnChart { .. } => !facts.labels.contains(Label::Nopat),
            Kind::OwnVitals { .. } => {
                facts.category == Category::Vital && !facts.labels.contains(Label::Nopat)
            }
            Kind::Disclosure {
                released, house, ..
            } => house.releases(facts) && released.permits(facts),
            Kind::Identifying => ["Patient/", "Coverage/"]
                .iter()
                .any(|kind| facts.id.starts_with(kind)),
            Kind::Act => false,
        }
    }

    /// Whether this resource, though it may be shown one day, waits for the doctor's word: `written` is
    /// when this version of it was.
    #[must_use]
    pub fn holds_back(&self, facts: &ResourceFacts, written: Timestamp) -> bool {
        match &self.0 {
            Kind::OwnChart { hold, .. } | Kind::Disclosure { hold, .. } => {
                hold.is_some_and(|hold| hold.covers(facts, written))
            }
            _ => false,
        }
    }

    /// Whether nothing in this house is hidden from its holder: links from one resource to another
    /// may then be followed by the database itself.
    #[must_use]
    pub fn sees_everything(&self) -> bool {
        matches!(self.0, Kind::House { .. })
    }

    /// Whether it is for a peer: what it hides is counted for the audit.
    #[must_use]
    pub fn is_disclosure(&self) -> bool {
        matches!(self.0, Kind::Disclosure { .. })
    }

    /// The chart in which what a person measured themselves may be written under it, and nothing
    /// else; a permit to write everything is none of these.
    #[must_use]
    pub fn vitals_of(&self) -> Option<Rid> {
        match &self.0 {
            Kind::OwnVitals { patient } => Some(*patient),
            _other => None,
        }
    }

    /// Whether records of every sort may be written under it.
    #[must_use]
    pub fn allows_writing(&self) -> bool {
        matches!(self.0, Kind::House { writes: true })
    }
}

/// No row has this number.
const NO_CHART: Rid = Rid(i64::MIN);
