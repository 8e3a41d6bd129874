//! What a node had counted and written down before a test sent it something wrong.

use federation_protocol::member::MemberId;
use musubi_node::audit::Recorded;

use crate::envoy::Reply;
use crate::hospital::Hospital;

/// Watches one node for one code.
pub struct Witness<'h> {
    hospital: &'h Hospital,
    code: &'static str,
    peer: Option<MemberId>,
    counted: u64,
    lines: usize,
}

impl<'h> Witness<'h> {
    /// Watches `hospital` for refusals with `code`, counted for `peer`; `None` is who cannot be
    /// told.
    pub async fn of(hospital: &'h Hospital, code: &'static str, peer: Option<&MemberId>) -> Self {
        let peer = peer.cloned();
        let metrics = hospital.node().federation().metrics();
        Self {
            counted: metrics.refusals(code, peer.as_ref().map(MemberId::as_str)),
            lines: hospital.audit().await.len(),
            hospital,
            code,
            peer,
        }
    }

    /// How often the code was counted since.
    #[must_use]
    pub fn counted(&self) -> u64 {
        let metrics = self.hospital.node().federation().metrics();
        let peer = self.peer.as_ref().map(MemberId::as_str);
        metrics.refusals(self.code, peer) - self.counted
    }

    /// What was written into the audit since.
    pub async fn written(&self) -> Vec<Recorded> {
        self.hospital.audit().await.split_off(self.lines)
    }

    /// `reply` is the unsigned refusal of checks 1 to 8: counted once, and no audit line.
    pub async fn saw_it_only_counted(self, status: u16, reply: &Reply) {
        let code = self.code;
        assert_eq!((reply.status, reply.code().as_str()), (status, code));
        assert_eq!(
            reply.header("signature"),
            None,
            "{code} is answered unsigned"
        );
        assert_eq!(self.counted(), 1, "{code} is counted");
        let written = self.written().await;
        assert!(written.is_empty(), "{code} is never written: {written:?}");
    }

    /// `reply` is the refusal of checks 9 to 14: counted, and one audit line tells it.
    pub async fn saw_it_written(self, status: u16, reply: &Reply) -> Recorded {
        let code = self.code;
        assert_eq!((reply.status, reply.code().as_str()), (status, code));
        assert_eq!(self.counted(), 1, "{code} is counted");
        let mut written = self.written().await;
        assert_eq!(written.len(), 1, "{code} is one line: {written:?}");
        let line = written.remove(0);
        assert_eq!(
            (line.kind.as_str(), line.outcome.as_str()),
            ("refusal", code)
        );
        let peer = self.peer.as_ref().map(MemberId::as_str);
        assert_eq!(line.peer.as_deref(), peer, "{code} names the peer");
        line
    }
}
