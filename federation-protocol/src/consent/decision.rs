//! The decision: may this resource go to whoever asks.

use crate::category::Category;
use crate::label::Label;
use crate::purpose::Purpose;

use super::{Context, Directive, ProvisionType, ResourceFacts};

/// How a decision came about, for the person, the simulator and `consent explain`. Indexes count
/// the directives as they were handed in.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Explanation {
    /// Released: this home directive permits, and nothing denies.
    Permitted(usize),
    /// The category is none that ever leaves.
    NeverLeaves,
    /// NOPAT, and the purpose is the patient's own request.
    NotForThePatientYet,
    /// No home directive permits it.
    NothingPermits,
    /// This home directive denies it.
    DeniedAtHome(usize),
    /// This local directive denies it.
    DeniedHere(usize),
    /// Local permits speak of this requester and purpose, and none of them covers it.
    NotAmongLocalPermits,
}

impl Explanation {
    /// Whether the resource is released.
    #[must_use]
    pub const fn is_permitted(self) -> bool {
        matches!(self, Self::Permitted(_))
    }
}

/// Whether a resource may go to whoever asks: the person's directives at home, and what the
/// responder's own directives leave of it.
///
/// `home` and `local` in any order; what is not in force is skipped.
///
/// Source: CONSENT section 3.
#[must_use]
pub fn decide(
    home: &[Directive],
    local: &[Directive],
    context: &Context,
    facts: &ResourceFacts,
) -> bool {
    explain(home, local, context, facts).is_permitted()
}

/// [`decide`], with the reason.
#[must_use]
pub fn explain(
    home: &[Directive],
    local: &[Directive],
    context: &Context,
    facts: &ResourceFacts,
) -> Explanation {
    if let Some(bar) = bar(context.purpose, facts) {
        return bar;
    }
    if let Some(denying) = find(home, ProvisionType::Deny, context, facts) {
        return Explanation::DeniedAtHome(denying);
    }
    let Some(permitting) = find(home, ProvisionType::Permit, context, facts) else {
        return Explanation::NothingPermits;
    };
    local_objection(local, context, facts).unwrap_or(Explanation::Permitted(permitting))
}

/// What no directive can lift.
pub(super) fn bar(purpose: Purpose, facts: &ResourceFacts) -> Option<Explanation> {
    if facts.category == Category::Other {
        return Some(Explanation::NeverLeaves);
    }
    (purpose == Purpose::Patrqt && facts.labels.contains(Label::Nopat))
        .then_some(Explanation::NotForThePatientYet)
}

/// What the responder's own directives take away. They never add.
pub(super) fn local_objection(
    local: &[Directive],
    context: &Context,
    facts: &ResourceFacts,
) -> Option<Explanation> {
    if let Some(denying) = find(local, ProvisionType::Deny, context, facts) {
        return Some(Explanation::DeniedHere(denying));
    }
    let a_permit_speaks = local
        .iter()
        .filter(|one| one.is_in_force(context.at))
        .any(|one| {
            let mut provisions = one.provisions().iter();
            provisions.any(|it| it.kind == ProvisionType::Permit && it.speaks_of(context))
        });
    let covered = find(local, ProvisionType::Permit, context, facts).is_some();
    (a_permit_speaks && !covered).then_some(Explanation::NotAmongLocalPermits)
}

/// Whether any of these directives denies a resource.
pub(super) fn denies(directives: &[Directive], context: &Context, facts: &ResourceFacts) -> bool {
    find(directives, ProvisionType::Deny, context, facts).is_some()
}

fn find(
    directives: &[Directive],
    verdict: ProvisionType,
    context: &Context,
    facts: &ResourceFacts,
) -> Option<usize> {
    directives
        .iter()
        .position(|one| one.verdict(context, facts) == Some(verdict))
}

impl Directive {
    /// What this directive alone says: the last matching provision in the order root, nested
    /// permits, nested denies; `None` when it is not in force or nothing matches.
    fn verdict(&self, context: &Context, facts: &ResourceFacts) -> Option<ProvisionType> {
        let in_force = self.is_in_force(context.at);
        let mut provisions = self.provisions().iter().rev().filter(|_| in_force);
        provisions
            .find(|it| it.speaks_of(context) && it.criteria.match_resource(it.kind, facts))
            .map(|it| it.kind)
    }
}

/// Whether a patient may read this of their own chart: everything but what their doctor has not
/// yet spoken of.
///
/// Source: decision table, row 61.
#[must_use]
pub fn may_read_own(facts: &ResourceFacts) -> bool {
    !facts.labels.contains(Label::Nopat)
}
