//! Visit codes from the person's decision to the requester's tokens.
//!
//! Source: CONSENT section 4.

use std::sync::Arc;

use federation_protocol::category::Scope;
use federation_protocol::consent::{
    Actor, ConsentKind, Criteria, Directive, FhirTime, Period, Practitioner, Provision,
    ProvisionType,
};
use federation_protocol::directory::Membership;
use federation_protocol::keys::KeyId;
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::refusal::Refusal;
use federation_protocol::time::Timestamp;

use super::change::{directives_of, first_version};
use super::grant::StoredGrant;
use super::mint::{MintedToken, Minting};
use super::{
    CODE_LIFE_SECONDS, ConsentError, Consents, Decision, EvidenceNeeded, HomeLink, LinksOf,
    PresentedCode, Subject, VisitCode, store,
};
use crate::audit::{self, Kind, Line};
use crate::database::HospitalConnection;

/// So many wrong codes of one requester within the window lock it.
const MOST_MISSES: i64 = 5;
const MISS_WINDOW_SECONDS: i64 = 600;

/// A requester's attempt to redeem a code: everything from its verified request.
#[derive(Clone)]
pub struct Redemption {
    /// The exchange id.
    pub exchange: String,
    /// Who asks.
    pub requester: MemberId,
    /// The `sign` key that the request came with.
    pub requester_key: KeyId,
    /// The code as it was sent.
    pub code: PresentedCode,
    /// What for.
    pub purpose: Purpose,
    /// Which kinds of data.
    pub categories: Scope,
    /// Who asks there; a system has no name.
    pub practitioner: Option<Practitioner>,
}

/// A requester coming back for fresh tokens under a grant.
#[derive(Clone)]
pub struct Comeback {
    /// The exchange id.
    pub exchange: String,
    /// Who asks.
    pub requester: MemberId,
    /// The `sign` key that the request came with.
    pub requester_key: KeyId,
    /// The grant.
    pub grant_id: String,
    /// What for.
    pub purpose: Purpose,
    /// Which kinds of data.
    pub categories: Scope,
    /// Who asks there.
    pub practitioner: Option<Practitioner>,
}

/// What a requester holds after redeeming or coming back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The grant: come back with it while it lasts.
    pub grant_id: String,
    /// What for.
    pub purpose: Purpose,
    /// When the tokens expire.
    pub expires_at: Timestamp,
    /// One token for each hospital.
    pub tokens: Vec<MintedToken>,
}

/// How it ended for the requester: granted, or refused with a code. Both are to be committed, for
/// both have their audit line; only an error rolls back.
pub type Answer = Result<Granted, Refusal>;

impl Consents {
    /// What the person's phone has to sign before a code of this decision can be made: nothing,
    /// unless the requester could otherwise mint for itself.
    ///
    /// # Errors
    /// `NoLink`, `Ended`, `Refused`; `Evidence` when care by named staff lacks the practitioner.
    pub async fn evidence_needed(
        &self,
        decision: &Decision,
        links: &[HomeLink],
        membership: &Membership,
    ) -> Result<Vec<EvidenceNeeded>, ConsentError> {
        let _ = (decision, links, membership);
        Err(ConsentError::Signing("not built yet"))
    }

    /// Makes a visit code of the person's decision: 5 minutes, one use.
    ///
    /// # Errors
    /// `NoLink` if a ticked hospital is not linked; `Ended`; `Refused` if the decision leaves
    /// nothing to show; `Evidence` if a signature of the phone is missing or does not fit;
    /// `Entropy`, `Database`.
    pub async fn create_code(
        &self,
        decision: Decision,
        links: Vec<HomeLink>,
        membership: Arc<Membership>,
    ) -> Result<VisitCode, ConsentError> {
        let _ = (decision, links, membership, CODE_LIFE_SECONDS);
        Err(ConsentError::Signing("not built yet"))
    }

    /// [`Consents::redeem_in`] in a transaction of its own.
    ///
    /// # Errors
    /// As there.
    pub async fn redeem(
        &self,
        redemption: Redemption,
        links_of: LinksOf,
        membership: Arc<Membership>,
    ) -> Result<Answer, ConsentError> {
        let consents = self.clone();
        self.database
            .transact(move |connection| {
                consents.redeem_in(connection, &redemption, links_of, &membership)
            })
            .await
    }

    /// Redeems a code: writes the Consent, the grant, the tokens and the audit lines, all in the
    /// caller's transaction. A wrong, expired, used or foreign code is one and the same
    /// `code_unknown`, and counts as a wrong try of the requester.
    ///
    /// # Errors
    /// Nothing was decided: roll back. What is refused is an [`Answer`], to be committed.
    pub fn redeem_in(
        &self,
        connection: &mut HospitalConnection,
        redemption: &Redemption,
        links_of: LinksOf,
        membership: &Membership,
    ) -> Result<Answer, ConsentError> {
        let _ = (connection, redemption, links_of, membership);
        Err(ConsentError::Signing("not built yet"))
    }

    /// Fresh tokens under a grant, in the caller's transaction: the current directives decide.
    ///
    /// # Errors
    /// As [`Consents::redeem_in`].
    pub fn come_back_in(
        &self,
        connection: &mut HospitalConnection,
        comeback: &Comeback,
        links_of: LinksOf,
        membership: &Membership,
    ) -> Result<Answer, ConsentError> {
        let _ = (connection, comeback, links_of, membership);
        Err(ConsentError::Signing("not built yet"))
    }
}
