//! What this node's physicians wait for: an open code that was handed in, whose person has not
//! answered yet.

use federation_protocol::category::Category;
use federation_protocol::consent::Practitioner;
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::time::Timestamp;

use crate::identity::Caller;

/// A request that a person is asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AskedGrant {
    /// This node's own id of it, in the address at which it is looked at again.
    pub id: String,
    /// The patient's home node.
    pub home: MemberId,
    /// What the home node calls it.
    pub(super) pending: String,
    /// What for.
    pub purpose: Purpose,
    /// For whom: nobody else gets the grant.
    pub practitioner: Practitioner,
    /// The kinds of data asked for.
    pub categories: Vec<Category>,
    /// The logical id of the patient in this node's own charts, when the physician named one.
    pub patient: Option<String>,
    /// Who asked: the practitioner, or the system that speaks for them.
    pub(super) asked_by: String,
    /// Since when.
    pub asked_at: Timestamp,
    /// Until when the person can answer.
    pub expires_at: Timestamp,
    /// The grant that came of it.
    pub grant: Option<String>,
}

impl AskedGrant {
    /// Whether `caller` may look at it again.
    pub(super) fn is_of(&self, caller: &Caller) -> bool {
        match caller {
            Caller::Physician { id } => *id == self.practitioner.id,
            Caller::System { id } => *id == self.asked_by,
            _other => false,
        }
    }
}
