//! Any bytes as a question who looked and as its answer: what is read is bounded and is written back
//! as the same; judging it never panics.

use federation_protocol::accesses::{AccessQuestion, AccessReport, MOST_ACCESSES};
use federation_protocol::keys::SecretKey;

pub(crate) fn run(data: &[u8]) {
    if let Ok(question) = AccessQuestion::from_json(data) {
        let again = serde_json::to_vec(&question).ok();
        let again = again.and_then(|body| AccessQuestion::from_json(&body).ok());
        assert_eq!(again, Some(question));
    }
    if let Ok(report) = AccessReport::from_json(data) {
        assert!(report.accesses.len() <= MOST_ACCESSES);
        let again = serde_json::to_vec(&report).ok();
        let again = again.and_then(|body| AccessReport::from_json(&body).ok());
        assert_eq!(again.as_ref(), Some(&report));
        let key = SecretKey::from_seed([1; 32]).public();
        let _ = report.verify("urn:musubi:member:0110000002", [&key], None);
    }
}
