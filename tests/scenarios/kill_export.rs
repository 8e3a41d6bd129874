//! `kill -9` of a node in the middle of an export: it goes on where it stood, and in the end the
//! files hold what they would have held.

use std::collections::BTreeSet;
use std::time::Duration;

use musubi_node::identity::Role;
use reqwest::{Client, RequestBuilder};
use scenarios::{Hospital, Store, Town, charts};
use serde_json::{Value, json};

use crate::program;

const PATIENTS: usize = 20;
const RESULTS: usize = 150;
const KILLS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_is_killed_again_and_again_is_what_it_would_have_been() {
    for store in Store::each() {
        let mut town = Town::in_real_time(&["minato"], store).await;
        for number in 0..PATIENTS {
            town.at("minato").load(&chart(number)).await;
        }
        let his = System {
            url: town.at("minato").staff_url(),
            token: town.at("minato").token(Role::System, "his").await,
            client: Client::builder().no_proxy().build().unwrap(),
        };
        town.at_mut("minato").stop().await;
        let mut process = program().serve(town.at("minato")).await;
        let expected = his.lines(&his.done(&his.begin().await).await).await;
        assert_eq!(expected.len(), PATIENTS * (RESULTS + 1));

        let job = his.begin().await;
        let mut in_the_middle = 0;
        for kill in 1..=KILLS {
            let least = kill * PATIENTS * RESULTS / (KILLS + 2);
            if his.has_written(&job, least).await {
                in_the_middle += 1;
            }
            // What is written now belongs to another export.
            his.change(kill).await;
            process.kill_nine();
            process = program().serve(town.at("minato")).await;
        }
        let manifest = his.done(&job).await;
        assert!(
            in_the_middle > 0,
            "{store:?}: it was always done before it was killed"
        );
        println!("{store:?}: {in_the_middle} of {KILLS} kills in the middle");
        assert!(his.lines(&manifest).await == expected, "{store:?}");
        leaves_nothing_else(town.at("minato"), &manifest);
        process.kill_nine();
        town.stop().await;
    }
}

fn chart(number: usize) -> Vec<Value> {
    let patient = format!("p{number:02}");
    let results = (0..RESULTS).map(|result| {
        let id = format!("{patient}-{result:03}");
        charts::hba1c(&id, &patient, "2026-05-01", "7.20")
    });
    let person = charts::patient(&patient, "佐藤", "花");
    std::iter::once(person).chain(results).collect()
}

/// A system of the hospital.
struct System {
    url: String,
    token: String,
    client: Client,
}

impl System {
    async fn send(&self, request: RequestBuilder) -> reqwest::Response {
        request.bearer_auth(&self.token).send().await.unwrap()
    }

    /// Kicks an export off; the URL that tells how it stands.
    async fn begin(&self) -> String {
        let url = format!("{}/fhir/Patient/$export", self.url);
        let request = self.client.get(url).header("prefer", "respond-async");
        let reply = self.send(request).await;
        assert_eq!(reply.status(), 202);
        reply.headers()["content-location"]
            .to_str()
            .unwrap()
            .to_owned()
    }

    /// Waits until so many resources are written; `false` when the whole was done before.
    async fn has_written(&self, job: &str, least: usize) -> bool {
        loop {
            let reply = self.send(self.client.get(job)).await;
            if reply.status() != 202 {
                return false;
            }
            let told = reply.headers()["x-progress"].to_str().unwrap();
            let words: Vec<&str> = told.split(' ').collect();
            let place = words.iter().position(|word| *word == "resources").unwrap();
            if words[place - 1].parse::<usize>().unwrap() >= least {
                return true;
            }
        }
    }

    async fn done(&self, job: &str) -> Value {
        loop {
            let reply = self.send(self.client.get(job)).await;
            match reply.status().as_u16() {
                202 => tokio::time::sleep(Duration::from_millis(20)).await,
                200 => return reply.json().await.unwrap(),
                other => panic!("{other}: {}", reply.text().await.unwrap()),
            }
        }
    }

    async fn change(&self, kill: usize) {
        for result in 0..5 {
            let id = format!("p{kill:02}-{result:03}");
            let changed = charts::hba1c(&id, &format!("p{kill:02}"), "2026-05-01", "9.90");
            let url = format!("{}/fhir/Observation/{id}", self.url);
            let reply = self.send(self.client.put(url).json(&changed)).await;
            assert_eq!(reply.status(), 200);
        }
    }

    /// Every line of every file; none stands twice.
    async fn lines(&self, manifest: &Value) -> BTreeSet<String> {
        let mut lines = BTreeSet::new();
        for file in manifest["output"].as_array().unwrap() {
            let reply = self
                .send(self.client.get(file["url"].as_str().unwrap()))
                .await;
            assert_eq!(reply.status(), 200);
            let text = reply.text().await.unwrap();
            assert_eq!(file["count"], text.lines().count());
            for line in text.lines() {
                assert!(lines.insert(line.to_owned()), "twice: {line}");
            }
        }
        assert_eq!(manifest["deleted"], json!([]));
        lines
    }
}

/// The folder of an export has the files of its manifest, and beside it nothing is left.
fn leaves_nothing_else(hospital: &Hospital, manifest: &Value) {
    let files = manifest["output"].as_array().unwrap();
    let (_, job) = files[0]["url"]
        .as_str()
        .unwrap()
        .split_once("/$export/")
        .unwrap();
    let (job, _) = job.split_once('/').unwrap();
    let folder = hospital.config().export.folder.join(job);
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), files.len());
}
