//! Any bytes as a request for a grant and as its answer: what is read is written back as the same.

use federation_protocol::grants::{GrantAnswer, GrantRequest};

pub(crate) fn run(data: &[u8]) {
    if let Ok(request) = GrantRequest::from_json(data) {
        let again = serde_json::to_vec(&request).ok();
        let again = again.and_then(|body| GrantRequest::from_json(&body).ok());
        assert_eq!(again, Some(request));
    }
    if let Ok(answer) = GrantAnswer::from_json(data) {
        let again = serde_json::to_vec(&answer).ok();
        let again = again.and_then(|body| GrantAnswer::from_json(&body).ok());
        assert_eq!(again, Some(answer));
    }
}
