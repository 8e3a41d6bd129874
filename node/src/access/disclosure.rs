//! What a peer may see of one chart: token ∩ local directives ∩ house policy.
//!
//! Source: CONSENT section 3, points 7 and 8; PROTOCOL section 4, check 13.

use federation_protocol::Verified;
use federation_protocol::category::{Category, Scope};
use federation_protocol::consent::{Context, Effective, EmergencyRelease, ResourceFacts};
use federation_protocol::label::Labels;
use federation_protocol::purpose::Purpose;
use federation_protocol::token::Token;

use super::Permit;
use super::permit::Released;
use super::release::LabRelease;
use crate::consent;
use crate::database::{DatabaseError, HospitalConnection, Rid};

/// What this house releases to no peer, whatever a token says. Empty unless configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HousePolicy {
    /// Categories that never leave.
    pub withheld_categories: Scope,
    /// Labels whose resources never leave.
    pub withheld_labels: Labels,
    /// How long the person themselves waits for what the laboratory found (purpose PATRQT).
    pub lab_release: LabRelease,
}

impl HousePolicy {
    pub(super) fn releases_category(&self, category: Category) -> bool {
        !self.withheld_categories.contains(category)
    }

    pub(super) fn releases(&self, facts: &ResourceFacts) -> bool {
        self.releases_category(facts.category) && !facts.labels.meets(self.withheld_labels)
    }
}

/// The permit to look at a chart that a desk gave a link code for, when the code comes back: what the
/// chart says is compared, and shown to nobody.
#[must_use]
pub fn compare(patient: Rid) -> Permit {
    Permit::own_chart(patient, None)
}

/// The permit for a peer that asks, under a verified token, about the chart that the token's `sub`
/// means here. Whatever a question touches beside its matches is judged by the whole of the token's
/// scope: a resource may be shown or not, whichever way it was come by.
///
/// Reads the chart's local directives on the caller's connection. Nothing is an error here that
/// could tell a peer something: where nothing is left, the permit allows nothing.
///
/// # Errors
/// The local directives could not be read: nothing may leave.
pub fn disclose(
    connection: &mut HospitalConnection,
    token: &Verified<Token>,
    patient: Rid,
    context: Context,
    house: &HousePolicy,
) -> Result<Permit, DatabaseError> {
    let local = consent::local_directives(connection, patient)?;
    let hold = match context.purpose {
        Purpose::Patrqt => house.lab_release.hold(context.at),
        _others => None,
    };
    let effective = Effective::new(token.scope, token.residual.clone(), local, context);
    let released = Released::ByToken(effective);
    Ok(Permit::disclosure(patient, released, house.clone(), hold))
}

/// The permit for a peer that asks in an emergency, without a token: the floor, what the person
/// allowed more for emergencies, less their reservations here and what this house releases to
/// nobody. Whether the peer may ask in an emergency at all was judged before.
///
/// # Errors
/// The local directives could not be read: nothing may leave.
///
/// Source: CONSENT section 5.
pub fn disclose_in_emergency(
    connection: &mut HospitalConnection,
    patient: Rid,
    context: Context,
    house: &HousePolicy,
) -> Result<Permit, DatabaseError> {
    let local = consent::local_directives(connection, patient)?;
    let released = Released::InEmergency(EmergencyRelease::new(local, context));
    Ok(Permit::disclosure(patient, released, house.clone(), None))
}

/// The permit to find out which chart here an emergency question is about: it reads Patients and
/// Coverages. Nothing read under it leaves.
#[must_use]
pub fn match_in_emergency() -> Permit {
    Permit::identifying()
}
