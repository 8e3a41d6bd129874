//! Three people of whom nothing is shown.

use federation_protocol::consent::{Provision, ProvisionType};
use scenarios::envoy::Parcel;
use scenarios::{Envoy, Hospital, Reply, Store, Town, charts};
use serde_json::Value;

/// Why nothing is shown; the people are named after it.
pub(crate) const REASONS: [&str; 3] = ["absent", "denied", "filtered"];
const ANSWERING: &str = "yukimi";
const ASKING: &str = "shirakaba";
/// How many resources one transaction carries.
const CHUNK: usize = 100;

/// A town, and a token for each of the three.
pub(crate) struct Scene {
    town: Town,
    tokens: Vec<String>,
}

impl Scene {
    /// `hidden` results are there and not shown.
    pub(crate) async fn set(store: Store, hidden: usize, step: Option<&str>) -> Self {
        let prepare = |hospital: &Hospital| {
            if let Some(step) = step {
                let setting = format!("empty_answer_step = \"{step}\"");
                hospital.set("federation", &setting);
            }
        };
        let town = Town::prepared(&["minato", ANSWERING, ASKING], store, prepare).await;
        let answering = town.at(ANSWERING);
        let mut tokens = Vec::new();
        for reason in REASONS {
            let chart = charts::patient(reason, "試験", "一郎");
            town.at("minato").load(std::slice::from_ref(&chart)).await;
            answering.load(&[chart]).await;
            let results: Vec<Value> = (0..hidden).map(|number| result(reason, number)).collect();
            for chunk in results.chunks(CHUNK).filter(|_| reason != "absent") {
                answering.load(chunk).await;
            }
            let person = town.person(reason, "minato", &[ANSWERING]).await;
            let mut given = town.tokens(&person, ASKING, "lab").await;
            tokens.push(given.remove(ANSWERING).unwrap());
        }
        answering
            .reserve("denied", Provision::any(ProvisionType::Deny))
            .await;
        Self { town, tokens }
    }

    pub(crate) fn envoy(&self) -> Envoy {
        self.town.at(ASKING).envoy()
    }

    /// A signed search about the person at this place of [`REASONS`].
    pub(crate) fn question(&self, envoy: &Envoy, at: usize) -> Parcel {
        let (to, now) = (self.town.at(ANSWERING), self.town.now());
        envoy.sign(envoy.search(to, &self.tokens[at], "Observation", now), now)
    }

    pub(crate) async fn send(&self, envoy: &Envoy, parcel: &Parcel) -> Reply {
        envoy.send(self.town.at(ANSWERING), parcel).await
    }

    pub(crate) async fn end(self) {
        self.town.stop().await;
    }
}

fn result(reason: &str, number: usize) -> Value {
    let day = format!("2026-{:02}-{:02}", 1 + number / 28 % 12, 1 + number % 28);
    let result = charts::hba1c(&format!("{reason}-{number}"), reason, &day, "7.20");
    match reason {
        "filtered" => charts::psychiatric(result),
        _ => result,
    }
}
