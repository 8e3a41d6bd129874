//! The consent model: what a person decided, and what follows from it for one resource.
//!
//! Owns the directive (a FHIR `Consent`, read strictly), the decision, and its projection into a
//! token's scope and residual rules. Never reads a clock, a chart or a key.
//!
//! Source: CONSENT sections 1–3.

use crate::category::Category;
use crate::label::Labels;
use crate::member::MemberId;
use crate::purpose::Purpose;
use crate::time::Timestamp;

mod criteria;
mod decision;
mod directive;
mod draft;
mod effective;
mod emergency;
mod fhir;
mod following;
mod projection;
mod residual;
mod seal;
mod when;

pub use self::criteria::{Criteria, DataMeaning, DataReference, LabelTerms, ProvisionType};
pub use self::decision::{Explanation, decide, explain, may_read_own};
pub use self::directive::{Actor, ConsentKind, Directive, DirectiveStatus, Provision};
pub use self::draft::{DirectiveDraft, Performer, SourceText, with_status};
pub use self::effective::Effective;
pub use self::emergency::{EMERGENCY_FLOOR, EmergencyRelease};
pub use self::fhir::ConsentError;
pub use self::following::{Loss, first_loss};
pub use self::projection::{Projection, project};
pub use self::residual::{Residual, ResidualError};
pub use self::seal::SealedResidual;
pub use self::when::{FhirTime, Period, Span, TimeTextError, tokyo_day};

/// What the decision looks at of one resource. Computed when the resource is written, and stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceFacts {
    /// Type and logical id at the responder: `Observation/17`.
    pub id: String,
    /// The kind of data.
    pub category: Category,
    /// The sensitivities, and whether the patient may see it yet.
    pub labels: Labels,
    /// When it is clinically about (effective, onset, authored …), as exactly as it says itself;
    /// `None` when it says nothing.
    pub date: Option<Span>,
    /// Who wrote it: member ids and references (`Practitioner/9`, `Patient/3`), each as a
    /// directive's `data` with meaning `authoredby` would name them.
    pub authors: Vec<String>,
    /// What it belongs to (`Encounter/4`, `ServiceRequest/8`), as meaning `related` would name it.
    pub related: Vec<String>,
}

/// A practitioner as the requester names them.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(deny_unknown_fields)]
pub struct Practitioner {
    /// The id at the requesting member, `dr-0042`; it means nothing at another member.
    pub id: String,
    /// The role, `physician`.
    pub role: String,
}

/// Who asks, for what, when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// The asking member.
    pub requester: MemberId,
    /// The person who asks; `None` when a system does.
    pub practitioner: Option<Practitioner>,
    /// What for.
    pub purpose: Purpose,
    /// The moment that periods are judged by.
    pub at: Timestamp,
}
