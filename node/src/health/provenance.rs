//! Who brought measurements in, when, and under which consent: beside what is written.

use federation_protocol::time::Timestamp;
use serde_json::{Value, json};

use apple_health::{TAG_CODE, TAG_SYSTEM};

/// Where measurements came from.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    /// The logical id of the person's chart.
    pub(super) patient: String,
    /// `hand`, `import` or `token`.
    pub(super) way: &'static str,
    /// The upload or the token.
    pub(super) of: String,
    /// The consent of theirs that is in force, if there is one.
    pub(super) consent: Option<String>,
}

impl Origin {
    /// The Provenance of these resources.
    pub(super) fn provenance(&self, targets: &[String], now: Timestamp) -> String {
        let id = format!("vital-{}", uuid::Uuid::new_v4());
        let targets: Vec<Value> = targets
            .iter()
            .map(|target| json!({ "reference": target }))
            .collect();
        let source = json!({
            "role": "source",
            "what": {"identifier": {"system": format!("urn:musubi:vital-{}", self.way), "value": self.of}},
        });
        let consent = self.consent.iter().map(|consent| {
            json!({
                "role": "source",
                "what": {"type": "Consent", "identifier": {"system": "urn:musubi:consent", "value": consent}},
            })
        });
        let entities: Vec<Value> = std::iter::once(source).chain(consent).collect();
        json!({
            "resourceType": "Provenance",
            "id": id,
            "meta": {"tag": [{"system": TAG_SYSTEM, "code": TAG_CODE, "display": "本人による記録"}]},
            "target": targets,
            "recorded": now.to_string(),
            "agent": [{
                "type": {"coding": [{
                    "system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
                    "code": "author",
                }]},
                "who": {"reference": format!("Patient/{}", self.patient)},
            }],
            "entity": entities,
        })
        .to_string()
    }
}
