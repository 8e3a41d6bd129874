//! A request that was not let in, with what its answer and its trace need.

use federation_protocol::member::MemberId;
use federation_protocol::refusal::Refusal;
use federation_protocol::signature::{RawRequest, RequestBinding};

/// Why a request was not let in, and by whose connection it came.
#[derive(Debug, Clone)]
pub struct Refused {
    refusal: Refusal,
    member: Option<MemberId>,
    retry_after_seconds: Option<u64>,
    binding: Option<Box<RequestBinding>>,
}

impl Refused {
    /// What failed.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        self.refusal
    }

    /// The member whose TLS certificate the connection has, from check 3 on. Not a proof of who
    /// asked: that is the signature's.
    #[must_use]
    pub fn member(&self) -> Option<&MemberId> {
        self.member.as_ref()
    }

    /// When to come again, in seconds.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after_seconds
    }

    /// What the request claims to be, where only its signature did not fit (check 9): its answer is
    /// signed, so it must be bound to something, and its audit line names the claimed exchange.
    #[must_use]
    pub fn claimed(&self) -> Option<&RequestBinding> {
        self.binding.as_deref()
    }

    /// Adds when to come again, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    pub(super) fn of(mut self, member: &MemberId) -> Self {
        self.member = Some(member.clone());
        self
    }

    pub(super) fn bound_to(mut self, raw: &RawRequest<'_>) -> Self {
        if self.refusal.is_after_signature() {
            self.binding = RequestBinding::of(raw).map(Box::new);
        }
        self
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self {
            refusal,
            member: None,
            retry_after_seconds: None,
            binding: None,
        }
    }
}
