//! Any bytes as what a member asks: a form, and a batch. What is understood is asked the same again.

use musubi_node::federation::query::{Question, batch, batch_body};

pub(crate) fn run(data: &[u8]) {
    for kind in ["Observation", "MedicationRequest", "Patient"] {
        if let Ok(question) = Question::from_form(kind, data) {
            let again = Question::from_form(kind, question.to_form().as_bytes());
            assert_eq!(again.as_ref(), Ok(&question));
        }
    }
    if let Ok(questions) = batch(data) {
        let again = batch(batch_body(&questions).as_bytes());
        assert_eq!(again.as_ref(), Ok(&questions));
    }
}
