//! Any bytes as what a member asks: a form, a batch, and the searches of an emergency. What is
//! understood is asked the same again.

use musubi_node::federation::query::{Question, batch, batch_body, searches};

pub(crate) fn run(data: &[u8]) {
    for kind in ["Observation", "MedicationRequest", "Patient"] {
        if let Ok(question) = Question::from_form(kind, data) {
            let again = Question::from_form(kind, question.to_form().as_bytes());
            assert_eq!(again.as_ref(), Ok(&question));
        }
    }
    let lines: Vec<String> = String::from_utf8_lossy(data)
        .lines()
        .map(str::to_owned)
        .collect();
    if let Ok(questions) = searches(&lines) {
        assert_eq!(questions.len(), lines.len());
        let urls = questions
            .iter()
            .map(|one| format!("{}?{}", one.resource_type, one.to_form()));
        let urls: Vec<String> = urls.collect();
        assert_eq!(searches(&urls).as_ref(), Ok(&questions));
    }
    if let Ok(questions) = batch(data) {
        let again = batch(batch_body(&questions).as_bytes());
        assert_eq!(again.as_ref(), Ok(&questions));
    }
}
