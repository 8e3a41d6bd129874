//! Any bytes as an emergency question, and as a notice of one: what is read is bounded, and is written
//! back as the same.

use federation_protocol::emergency::{EmergencyNotice, EmergencyQuestion, MOST_QUERIES};

pub(crate) fn run(data: &[u8]) {
    if let Ok(question) = EmergencyQuestion::from_json(data) {
        assert!((1..=MOST_QUERIES).contains(&question.queries.len()));
        let again = EmergencyQuestion::from_json(&question.to_json());
        assert_eq!(again, Ok(question));
    }
    if let Ok(notice) = EmergencyNotice::from_json(data) {
        let again = serde_json::to_vec(&notice).ok();
        let again = again.and_then(|body| EmergencyNotice::from_json(&body).ok());
        assert_eq!(again, Some(notice));
    }
}
