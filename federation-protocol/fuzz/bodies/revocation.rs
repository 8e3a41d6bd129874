//! Any bytes as a push of ended tokens, as its answer, and as the end of a link: what is read is
//! bounded, and is written back as the same.

use federation_protocol::revocation::{MOST_REVOKED, RevocationPush, RevocationReply};
use federation_protocol::unlinking::LinkEnd;

pub(crate) fn run(data: &[u8]) {
    if let Ok(push) = RevocationPush::from_json(data) {
        assert!(push.sequence > 0 && push.jti.len() <= MOST_REVOKED);
        let again = serde_json::to_vec(&push).ok();
        let again = again.and_then(|body| RevocationPush::from_json(&body).ok());
        assert_eq!(again, Some(push));
    }
    let _ = RevocationReply::from_json(data);
    let _ = LinkEnd::from_json(data);
}
