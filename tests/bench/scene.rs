//! The town that is measured: who asks, who answers, charts, and a token for each.

use std::sync::Arc;

use federation_protocol::category::Category;
use federation_protocol::consent::Practitioner;
use federation_protocol::grants::{GrantReply, GrantRequest, PlainCode};
use federation_protocol::purpose::Purpose;
use federation_protocol::signature::RequestDraft;
use federation_service::clock::{Clock as _, SystemClock};
use scenarios::{Envoy, Store, Town, charts};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// Who answers, as a process of its own.
pub(crate) const ANSWERING: &str = "yukimi";
const HOME: &str = "minato";
const ASKING: &str = "shirakaba";
/// How many resources one transaction carries.
const CHUNK: usize = 100;

/// A registry, the home and the asking node in this process; the answering node's files; and what
/// is asked of it.
pub(crate) struct Scene {
    pub(crate) town: Town,
    /// One question for each chart, ready to be signed.
    pub(crate) questions: Vec<RequestDraft>,
    ticking: JoinHandle<()>,
}

impl Scene {
    /// Loads `charts` charts of `2 × resources` laboratory results, and gets a token for each.
    pub(crate) async fn make(store: Store, charts: usize, resources: usize) -> Self {
        let mut town = Town::start(&[HOME, ANSWERING, ASKING], store).await;
        let clock = Arc::clone(&town.clock);
        let ticking = tokio::spawn(async move {
            loop {
                clock.set(SystemClock.now());
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        });
        let asker = town.at(ASKING).envoy();
        let mut questions = Vec::new();
        for chart in 0..charts {
            let id = format!("chart-{chart}");
            let person = charts::patient(&id, "試験", "一郎");
            town.at(HOME).load(std::slice::from_ref(&person)).await;
            town.at(ANSWERING).load(&[person]).await;
            let results: Vec<Value> = (0..2 * resources)
                .map(|number| result(&id, number))
                .collect();
            for chunk in results.chunks(CHUNK) {
                town.at(ANSWERING).load(chunk).await;
            }
            let token = token(&town, &asker, &id).await;
            let question = format!("Observation?_count={resources}");
            questions.push(asker.search(town.at(ANSWERING), &token, &question, town.now()));
        }
        town.at_mut(ANSWERING).stop().await;
        Self {
            town,
            questions,
            ticking,
        }
    }

    pub(crate) async fn end(self) {
        self.ticking.abort();
        self.town.stop().await;
    }
}

/// A consent token for the chart `id`, redeemed at the home node as the asking hospital does.
async fn token(town: &Town, asker: &Envoy, id: &str) -> String {
    let person = town.person(id, HOME, &[ANSWERING]).await;
    let code = town.code(&person, ASKING, "lab").await;
    let wanted = GrantRequest {
        code: Some(PlainCode::read(&code)),
        pending: None,
        grant_id: None,
        purpose: Purpose::Treat,
        categories: vec![Category::Lab],
        practitioner: Some(Practitioner {
            id: "dr-1".to_owned(),
            role: "physician".to_owned(),
        }),
        name: None,
        witness: None,
    };
    let draft = RequestDraft {
        path: "/federation/v1/grants".to_owned(),
        body: serde_json::to_vec(&wanted).unwrap(),
        ..asker.echo(town.at(HOME), town.now())
    };
    let parcel = asker.sign(draft, town.now());
    let reply = asker.send(town.at(HOME), &parcel).await;
    assert_eq!(reply.status, 200, "{}", reply.code());
    let granted: GrantReply = serde_json::from_slice(&reply.body).unwrap();
    granted.tokens[0].token.clone()
}

/// A laboratory result of about 1.8 KB, as JP Core's examples are.
fn result(patient: &str, number: usize) -> Value {
    let day = format!(
        "20{:02}-{:02}-{:02}",
        10 + number / 336,
        1 + number / 28 % 12,
        1 + number % 28
    );
    json!({
        "resourceType": "Observation",
        "id": format!("{patient}-{number}"),
        "meta": { "profile": [
            "http://jpfhir.jp/fhir/core/StructureDefinition/JP_Observation_LabResult",
        ] },
        "text": { "status": "generated", "div": format!(
            "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>検体検査 HbA1c(NGSP) {day} 外来 \
             中央検査部 全血 採血室にて採取 再検なし 前回値との差 0.1 報告済</p></div>"
        ) },
        "identifier": [{
            "system": "http://hospital.example.jp/fhir/IdSystem/lab-result",
            "value": format!("2026-{patient}-{number:08}-3D046000001906202"),
        }],
        "status": "final",
        "category": [{ "coding": [{
            "system": "http://jpfhir.jp/fhir/core/CodeSystem/JP_SimpleObservationCategory_CS",
            "code": "laboratory", "display": "Laboratory",
        }], "text": "検体検査" }],
        "code": { "coding": [
            { "system": "http://medis.or.jp/CodeSystem/master-JLAC10-17digits",
              "code": "3D046000001906202", "display": "HbA1c(NGSP)" },
            { "system": "http://hospital.example.jp/fhir/CodeSystem/local-lab",
              "code": format!("L{:04}", number % 40), "display": "ヘモグロビンA1c" },
        ], "text": "HbA1c(NGSP)" },
        "subject": { "reference": format!("Patient/{patient}") },
        "effectiveDateTime": format!("{day}T09:30:00+09:00"),
        "issued": format!("{day}T11:05:00+09:00"),
        "valueQuantity": { "value": 5.0 + (number % 50) as f64 / 10.0, "unit": "%",
            "system": "http://unitsofmeasure.org", "code": "%" },
        "interpretation": [{ "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",
            "code": "H", "display": "High",
        }] }],
        "note": [{ "text": "溶血なし。食後二時間。次回の受診時に再度測定し、経過を確認する予定です。" }],
        "referenceRange": [{
            "low": { "value": 4.6, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%" },
            "high": { "value": 6.2, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%" },
            "text": "4.6-6.2",
        }],
    })
}
