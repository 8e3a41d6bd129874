//! Break-glass: what of a chart may be given out without a consent token.
//!
//! The floor is given to whoever may ask in an emergency; the person's reservations at the responder
//! take from it, and their own word for emergencies adds to it. Nothing else does.
//!
//! Source: CONSENT section 5; decision table, rows 47–54.

use crate::category::{Category, Scope};
use crate::purpose::Purpose;

use super::decision::{bar, denies};
use super::{Context, Criteria, Directive, LabelTerms, Provision, ProvisionType, ResourceFacts};

/// The kinds of data that an emergency opens where nobody said otherwise: Normal resources of these.
pub const EMERGENCY_FLOOR: [Category; 4] = [
    Category::Allergy,
    Category::Rx,
    Category::Condition,
    Category::Lab,
];

/// What one emergency question lets out, here and now.
#[derive(Clone, Debug)]
pub struct EmergencyRelease {
    local: Vec<Directive>,
    context: Context,
}

impl EmergencyRelease {
    /// `local` are the responder's own directives about this patient, in any order; `context` is who
    /// asks and when. Whatever purpose it says, it is judged as break-glass.
    #[must_use]
    pub fn new(local: Vec<Directive>, context: Context) -> Self {
        let context = Context {
            purpose: Purpose::Btg,
            ..context
        };
        Self { local, context }
    }

    /// Whether a resource may be given out: it is of the floor or of what the person allowed more
    /// for emergencies, and no reservation denies it.
    ///
    /// A permit of another purpose neither adds nor takes: the floor is what is open where the person
    /// said nothing of emergencies, and only a deny says less.
    #[must_use]
    pub fn permits(&self, facts: &ResourceFacts) -> bool {
        bar(Purpose::Btg, facts).is_none()
            && !denies(&self.local, &self.context, facts)
            && (floor().match_resource(ProvisionType::Permit, facts)
                || self
                    .more()
                    .any(|more| more.match_resource(ProvisionType::Permit, facts)))
    }

    /// The categories that a query plan need look at; [`Self::permits`] still judges each resource.
    pub fn categories(&self) -> impl Iterator<Item = Category> {
        self.more()
            .filter_map(|more| more.classes)
            .fold(floor_scope(), Scope::or)
            .iter()
    }

    /// What the person allowed more: permits that name emergencies, speak of who asks, and hold now.
    /// What such a permit leaves open is as in the floor: nobody opens a psychiatric record by
    /// writing nothing about it.
    fn more(&self) -> impl Iterator<Item = Criteria> {
        let in_force = self
            .local
            .iter()
            .filter(|one| one.is_in_force(self.context.at));
        let provisions = in_force.flat_map(Directive::provisions);
        let for_emergencies = |one: &&Provision| {
            one.kind == ProvisionType::Permit
                && one.purposes.contains(&Purpose::Btg)
                && one.speaks_of(&self.context)
        };
        provisions
            .filter(for_emergencies)
            .map(|one| no_wider_than_said(&one.criteria))
    }
}

fn floor_scope() -> Scope {
    EMERGENCY_FLOOR.into_iter().collect()
}

fn normal() -> LabelTerms {
    LabelTerms {
        normal: true,
        ..LabelTerms::default()
    }
}

fn floor() -> Criteria {
    no_wider_than_said(&Criteria::default())
}

fn no_wider_than_said(said: &Criteria) -> Criteria {
    Criteria {
        classes: said.classes.or(Some(floor_scope())),
        labels: said.labels.or(Some(normal())),
        ..said.clone()
    }
}
