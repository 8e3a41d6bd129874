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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{NOW, SampleMember, SampleRegistry};

    fn home() -> SampleMember {
        SampleMember::new("0110000001", 10)
    }

    fn other() -> SampleMember {
        SampleMember::new("0110000002", 20)
    }

    fn registry() -> SampleRegistry {
        SampleRegistry::of([home().profile(), other().profile()])
    }

    #[test]
    fn only_a_members_own_consent_key_issues() {
        let (membership, home, other) = (registry().membership(), home(), other());
        let may = |member: &MemberId, kid: &str| membership.consent_key(member, kid, NOW).is_some();
        assert!(may(&home.id, home.consent.kid()));
        assert!(!may(&home.id, home.sign.kid()), "a key has one use");
        assert!(!may(&home.id, other.consent.kid()), "a key has one owner");
        assert!(!may(&home.id, "unknown"));
        let long_ago = NOW.plus_seconds(-100 * 365 * 86_400);
        assert!(
            membership
                .consent_key(&home.id, home.consent.kid(), long_ago)
                .is_none()
        );
    }

    #[test]
    fn a_suspended_member_or_revoked_key_issues_nothing() {
        let (registry, home) = (registry(), home());
        let membership = registry.membership();
        assert!(membership.endpoint(&home.id, NOW).is_some());
        let signed = registry.directory_document().sign(&registry.directory);
        let mut document = registry.status_document(&signed, membership.position().seq);
        document.suspended = vec![home.id.clone()];
        document.revoked = vec![home.consent.kid().clone()];
        document.seq += 1;
        let status = document.sign(&registry.status);
        let root = registry.accepted_root();
        let accepted = crate::directory::Status::accept(
            &status.jws,
            &root,
            None,
            crate::directory::Reading::Fresh,
            NOW,
        );
        let membership = accepted
            .ok()
            .and_then(|status| membership.with_status(status).ok());
        let judged = membership.map(|membership| {
            let key = membership
                .consent_key(&home.id, home.consent.kid(), NOW)
                .is_some();
            (membership.endpoint(&home.id, NOW).is_some(), key)
        });
        assert_eq!(judged, Some((false, false)));
    }

    #[test]
    fn strangers_have_no_operator_in_common() {
        let membership = registry().membership();
        let stranger = SampleMember::new("0110000009", 90).id;
        assert!(membership.have_one_operator(&home().id, &home().id));
        assert!(!membership.have_one_operator(&stranger, &stranger));
        assert!(!membership.have_one_operator(&home().id, &other().id));
    }
}
