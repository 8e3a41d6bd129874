//! Who may issue consent tokens and status lists: the little that judging them needs to know of
//! the directory.

use crate::directory::Membership;
use crate::keys::{KeyUse, PublicKey};
use crate::member::MemberId;
use crate::time::Timestamp;

/// What a token's judge asks about members. [`Membership`] answers in a node; tests have their own.
pub trait Issuers {
    /// The federation endpoint of a member that may issue now (active or in maintenance), without
    /// a slash at its end; `None` when it may not, or is not known.
    fn endpoint(&self, member: &MemberId, now: Timestamp) -> Option<&str>;

    /// The `consent` key `kid` of this member, if it counted at `issued_at` and is not revoked.
    fn consent_key(&self, member: &MemberId, kid: &str, issued_at: Timestamp)
    -> Option<&PublicKey>;

    /// Whether two members have the same operator. Members that are not known have none.
    fn have_one_operator(&self, one: &MemberId, other: &MemberId) -> bool;
}

impl Issuers for Membership {
    fn endpoint(&self, member: &MemberId, now: Timestamp) -> Option<&str> {
        let takes_part = self.state(member, now)?.takes_part();
        let member = self.member(member).filter(|_| takes_part)?;
        Some(member.federation_endpoint().trim_end_matches('/'))
    }

    fn consent_key(
        &self,
        member: &MemberId,
        kid: &str,
        issued_at: Timestamp,
    ) -> Option<&PublicKey> {
        let key = self.key(kid)?;
        (key.member == member && key.may(KeyUse::Consent, issued_at)).then_some(key.public)
    }

    fn have_one_operator(&self, one: &MemberId, other: &MemberId) -> bool {
        match (self.member(one), self.member(other)) {
            (Some(one), Some(other)) => one.operator == other.operator,
            _ => false,
        }
    }
}
