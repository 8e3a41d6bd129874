//! A directive: one FHIR Consent, reduced to what decides.

use crate::member::MemberId;
use crate::purpose::Purpose;
use crate::time::Timestamp;

use super::{Context, Criteria, Period, ProvisionType};

/// `Consent.status`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum DirectiveStatus {
    /// `draft`.
    Draft,
    /// `proposed`.
    Proposed,
    /// `active`: the only one that is in force.
    Active,
    /// `rejected`.
    Rejected,
    /// `inactive`: withdrawn.
    Inactive,
    /// `entered-in-error`.
    EnteredInError,
}

impl DirectiveStatus {
    const ALL: [Self; 6] = [
        Self::Draft,
        Self::Proposed,
        Self::Active,
        Self::Rejected,
        Self::Inactive,
        Self::EnteredInError,
    ];

    /// The code of `http://hl7.org/fhir/consent-state-codes`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Proposed => "proposed",
            Self::Active => "active",
            Self::Rejected => "rejected",
            Self::Inactive => "inactive",
            Self::EnteredInError => "entered-in-error",
        }
    }

    pub(crate) fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == code)
    }
}

/// What a directive is for, as its category says.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum ConsentKind {
    /// `share-care`: members may see, for care.
    ShareCare,
    /// `store-phr`: a store of the person's choosing may fetch (外部保存).
    StorePhr,
    /// `research`.
    Research,
    /// `dissent`: a refusal or a reservation (留保).
    Dissent,
}

impl ConsentKind {
    const ALL: [Self; 4] = [
        Self::ShareCare,
        Self::StorePhr,
        Self::Research,
        Self::Dissent,
    ];

    /// The code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ShareCare => "share-care",
            Self::StorePhr => "store-phr",
            Self::Research => "research",
            Self::Dissent => "dissent",
        }
    }

    pub(crate) fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == code)
    }
}

/// Whom a provision speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// Everyone at a member.
    Organization(MemberId),
    /// One practitioner of a member. Their id means nothing at another member.
    Practitioner {
        /// The member that knows the practitioner.
        member: MemberId,
        /// The id there.
        id: String,
    },
}

impl Actor {
    /// Where the requester does not say who asks, a deny of one of its practitioners matches:
    /// otherwise leaving the name out would be a way round it.
    fn is_asking(&self, kind: ProvisionType, context: &Context) -> bool {
        match self {
            Self::Organization(member) => *member == context.requester,
            Self::Practitioner { member, id } => {
                *member == context.requester
                    && match &context.practitioner {
                        Some(practitioner) => practitioner.id == *id,
                        None => kind == ProvisionType::Deny,
                    }
            }
        }
    }
}

/// One provision, as stated or with what it inherits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provision {
    /// Gives or takes.
    pub kind: ProvisionType,
    /// `period`: when it holds.
    pub period: Option<Period>,
    /// `actor`; empty means any.
    pub actors: Vec<Actor>,
    /// `purpose`; empty means any.
    pub purposes: Vec<Purpose>,
    /// What it says about resources.
    pub criteria: Criteria,
}

impl Provision {
    /// A provision that states nothing but its kind.
    #[must_use]
    pub fn any(kind: ProvisionType) -> Self {
        Self {
            kind,
            period: None,
            actors: Vec::new(),
            purposes: Vec::new(),
            criteria: Criteria::default(),
        }
    }

    /// Whether actor, purpose and time match: everything but the resource.
    #[must_use]
    pub fn speaks_of(&self, context: &Context) -> bool {
        (self.actors.is_empty()
            || self
                .actors
                .iter()
                .any(|actor| actor.is_asking(self.kind, context)))
            && (self.purposes.is_empty() || self.purposes.contains(&context.purpose))
            && self
                .period
                .as_ref()
                .is_none_or(|period| period.contains(context.at))
    }

    fn inheriting(mut self, root: &Self) -> Self {
        if self.period.is_none() {
            self.period.clone_from(&root.period);
        }
        if self.actors.is_empty() {
            self.actors.clone_from(&root.actors);
        }
        if self.purposes.is_empty() {
            self.purposes.clone_from(&root.purposes);
        }
        let criteria = &mut self.criteria;
        criteria.classes = criteria.classes.or(root.criteria.classes);
        criteria.labels = criteria.labels.or(root.criteria.labels);
        if criteria.data_period.is_none() {
            criteria.data_period.clone_from(&root.criteria.data_period);
        }
        if criteria.data.is_empty() {
            criteria.data.clone_from(&root.criteria.data);
        }
        self
    }
}

/// One decision of a person: a Consent's status and provisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    status: DirectiveStatus,
    /// Root, nested permits, nested denies; nested ones with what they inherit. Never empty.
    provisions: Vec<Provision>,
}

impl Directive {
    /// A directive of a root provision and those nested in it (as stated, in any order).
    #[must_use]
    pub fn new(status: DirectiveStatus, root: Provision, nested: Vec<Provision>) -> Self {
        let mut nested: Vec<_> = nested
            .into_iter()
            .map(|one| one.inheriting(&root))
            .collect();
        nested.sort_by_key(|one| one.kind);
        let provisions = std::iter::once(root).chain(nested).collect();
        Self { status, provisions }
    }

    /// Its status.
    #[must_use]
    pub const fn status(&self) -> DirectiveStatus {
        self.status
    }

    /// The provisions in the order in which the last match wins: root, nested permits, nested
    /// denies; each nested one with what it inherits from the root.
    #[must_use]
    pub fn provisions(&self) -> &[Provision] {
        &self.provisions
    }

    /// Whether it is active and its root period holds.
    #[must_use]
    pub fn is_in_force(&self, at: Timestamp) -> bool {
        let period = self
            .provisions
            .first()
            .and_then(|root| root.period.as_ref());
        self.status == DirectiveStatus::Active && period.is_none_or(|period| period.contains(at))
    }

    /// Whether every permit names an organisation or a practitioner, itself or by its root. What
    /// a home node takes must: nobody can open a chart to everyone.
    #[must_use]
    pub fn names_its_actors(&self) -> bool {
        self.provisions
            .iter()
            .all(|one| one.kind == ProvisionType::Deny || !one.actors.is_empty())
    }

    /// The first moment after `at` when a period of this directive begins or ends.
    pub(crate) fn changes_after(&self, at: Timestamp) -> Option<Timestamp> {
        let active = self.status == DirectiveStatus::Active;
        let periods = self.provisions.iter().filter_map(|one| one.period.as_ref());
        periods
            .flat_map(Period::edges)
            .filter(|edge| active && *edge > at)
            .min()
    }
}
