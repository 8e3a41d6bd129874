//! Real input that nobody here wrote, in and out again without a changed byte.
//!
//! **What is compared**: the text of each resource as it stands in the archive (for a transaction:
//! the entry's `resource`, every `"urn:uuid:…"` that is an entry's `fullUrl` replaced by that
//! entry's new `"Type/id"`) with the text that came back, both with their top-level members `id` and
//! `meta` cut out. All other bytes between the braces count: order of members, white space, line
//! ends, number forms, escapes.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read as _;

use flate2::read::GzDecoder;
use musubi_node::identity::Role;
use scenarios::town::workspace;
use scenarios::{Hospital, Patient, Store, Town};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::program;
use crate::text::{outside, raw_resources};

/// The types of issue 2, and those that its Bundles carry besides.
const TYPES: [&str; 13] = [
    "Patient",
    "Practitioner",
    "Organization",
    "Encounter",
    "Condition",
    "AllergyIntolerance",
    "Observation",
    "DiagnosticReport",
    "Specimen",
    "MedicationRequest",
    "Coverage",
    "Immunization",
    "Procedure",
];
/// What a member can be asked for.
const ASKED: [&str; 8] = [
    "AllergyIntolerance",
    "Condition",
    "DiagnosticReport",
    "Immunization",
    "MedicationRequest",
    "Observation",
    "Procedure",
    "Specimen",
];
/// Category `other`: never leaves. So does social history, which is an Observation.
const NEVER_LEAVE: [&str; 5] = [
    "Patient",
    "Encounter",
    "Coverage",
    "Practitioner",
    "Organization",
];
const EVERYTHING: &str = "lab rx vital allergy condition procedure imaging document genomic";
const HOSPITALS: [&str; 3] = ["minato", "yukimi", "shirakaba"];

/// One resource as it has to be at one hospital.
struct Expected {
    /// `Type/id` there.
    address: String,
    kind: String,
    /// The text outside `id` and `meta`.
    text: String,
    social_history: bool,
}

/// A person's chart at one hospital.
struct Chart {
    patient: String,
    resources: Vec<Expected>,
}

#[derive(Deserialize)]
struct Bundle<'a> {
    #[serde(borrow)]
    entry: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(rename = "fullUrl")]
    full_url: String,
    #[serde(borrow)]
    resource: &'a RawValue,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_wrote_comes_back_from_three_hospitals_byte_for_byte() {
    let (Some(bundles), Some(examples)) = (
        archive("patient-bundles.tgz"),
        archive("examples-jp-core-1.1.2.tgz"),
    ) else {
        eprintln!("SKIPPED (real input): there is no ../shared/data/jpcore beside the project");
        return;
    };
    assert_eq!(bundles.len(), 3);
    for store in Store::each() {
        let town = Town::start(&["minato", "yukimi", "shirakaba", "kiri"], store).await;
        let mut charts: BTreeMap<(String, &str), Chart> = BTreeMap::new();
        for name in HOSPITALS {
            let at = town.at(name);
            for (file, text) in &bundles {
                charts.insert((file.clone(), name), post(at, text).await);
            }
            let chart = load_examples(&town, name, &examples).await;
            charts.insert(("JP Core 1.1.2".to_owned(), name), chart);
        }
        for chart in &charts {
            let ((_, name), chart) = chart;
            reads_back(town.at(name), chart).await;
        }
        let mut compared = 0;
        let people: std::collections::BTreeSet<_> =
            charts.keys().map(|(file, _)| file.clone()).collect();
        for person in people {
            let of = |name: &'static str| &charts[&(person.clone(), name)];
            let links = HOSPITALS.map(|name| (name, of(name).patient.as_str()));
            let enrolled = town.enrol(links[0], &links).await;
            let grant = grant_of_everything(&town, &enrolled).await;
            compared += comes_back(&town, &grant, &HOSPITALS.map(|name| (name, of(name)))).await;
            never_leaves(&town, &grant).await;
        }
        println!(
            "{store:?}: {} resources read back at home, {compared} compared through the federation",
            charts
                .values()
                .map(|chart| chart.resources.len())
                .sum::<usize>()
        );
        town.stop().await;
    }
}

/// The files of an archive beside the project, by name.
pub(crate) fn archive(name: &str) -> Option<BTreeMap<String, String>> {
    let path = workspace().join("../shared/data/jpcore").join(name);
    let mut archive = tar::Archive::new(GzDecoder::new(File::open(path).ok()?));
    let mut files = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            files.insert(name, text);
        }
    }
    Some(files)
}

fn expected(address: String, text: &str) -> Expected {
    let value: Value = serde_json::from_str(text).unwrap();
    let kind = value["resourceType"].as_str().unwrap().to_owned();
    assert!(address.starts_with(&format!("{kind}/")), "{address}");
    let categories = value["category"].to_string();
    Expected {
        address,
        text: outside(text),
        social_history: kind == "Observation" && categories.contains("\"social-history\""),
        kind,
    }
}

/// Posts a transaction as it stands in the archive.
async fn post(at: &Hospital, text: &str) -> Chart {
    let token = at.token(Role::System, "loader").await;
    let (status, answer) = at.post_raw("/fhir", &token, text).await;
    assert_eq!(status, 200, "{answer}");
    let bundle: Bundle<'_> = serde_json::from_str(text).unwrap();
    let places = answer["entry"].as_array().unwrap().iter().map(|entry| {
        let location = entry["response"]["location"].as_str().unwrap();
        let (address, _) = location.split_once("/_history/").unwrap();
        let from = address
            .rmatch_indices('/')
            .nth(1)
            .map_or(0, |(at, _)| at + 1);
        address[from..].to_owned()
    });
    let places: Vec<String> = places.collect();
    assert_eq!(places.len(), bundle.entry.len());
    let resources: Vec<Expected> = bundle
        .entry
        .iter()
        .zip(&places)
        .map(|(entry, address)| {
            let mut text = entry.resource.get().to_owned();
            for (other, place) in bundle.entry.iter().zip(&places) {
                text = text.replace(&format!("\"{}\"", other.full_url), &format!("\"{place}\""));
            }
            assert!(!text.contains("urn:uuid:"), "{text}");
            expected(address.clone(), &text)
        })
        .collect();
    chart(resources)
}

/// Loads the example files as they stand in the archive with `musubi-node load`.
async fn load_examples(town: &Town, name: &str, examples: &BTreeMap<String, String>) -> Chart {
    let folder = town.folder().join(format!("examples-{name}"));
    std::fs::create_dir(&folder).unwrap();
    let mut resources = Vec::new();
    for (file, text) in examples {
        let value: Value = serde_json::from_str(text).unwrap();
        let kind = value["resourceType"].as_str().unwrap();
        if TYPES.contains(&kind) {
            std::fs::write(folder.join(file), text).unwrap();
            resources.push(expected(
                format!("{kind}/{}", value["id"].as_str().unwrap()),
                text,
            ));
        }
    }
    let words = ["load", folder.to_str().unwrap(), "-o", "json"];
    let loaded = program().node_later(town.at(name), &words).await;
    let said = String::from_utf8_lossy(&loaded.stderr);
    assert_eq!(loaded.status.code(), Some(0), "{said}");
    let report: Value = serde_json::from_slice(&loaded.stdout).unwrap();
    assert_eq!(report["created"], resources.len(), "{report}");
    chart(resources)
}

fn chart(resources: Vec<Expected>) -> Chart {
    let patient = resources.iter().find(|one| one.kind == "Patient").unwrap();
    let patient = patient.address.strip_prefix("Patient/").unwrap().to_owned();
    Chart { patient, resources }
}

/// Every resource, also what never leaves, through the hospital's own `/fhir`.
async fn reads_back(at: &Hospital, chart: &Chart) {
    let token = at.token(Role::Physician, "dr-1").await;
    for one in &chart.resources {
        let (status, text) = at.get_raw(&format!("/fhir/{}", one.address), &token).await;
        assert_eq!(status, 200, "{}: {text}", one.address);
        assert_eq!(outside(&text), one.text, "{} at {}", one.address, at.name());
    }
}

async fn grant_of_everything(town: &Town, patient: &Patient) -> String {
    let mut decision = town.decision(patient, "kiri", EVERYTHING).await;
    decision.labels.restricted = true;
    let code = town.code_for(patient, decision).await;
    let categories: Vec<&str> = EVERYTHING.split(' ').collect();
    let home = town.at(&patient.home);
    let (status, granted) = town
        .at("kiri")
        .redeem(home, &code, "dr-1", &categories)
        .await;
    assert_eq!(status, 201, "{granted}");
    granted["grant"].as_str().unwrap().to_owned()
}

/// Asks the fourth hospital for every type; the number of resources that came back right.
async fn comes_back(town: &Town, grant: &str, charts: &[(&str, &Chart)]) -> usize {
    let kiri = town.at("kiri");
    let token = kiri.token(Role::Physician, "dr-1").await;
    let mut compared = 0;
    for kind in ASKED {
        let path = format!("/federated/{grant}/fhir/{kind}?_count=1000");
        let (status, answer) = kiri.get_raw(&path, &token).await;
        assert_eq!(status, 200, "{answer}");
        let mut came: HashMap<String, Vec<(String, String)>> = HashMap::new();
        for raw in raw_resources(&answer) {
            let value: Value = serde_json::from_str(&raw).unwrap();
            let source = value["meta"]["source"].as_str().unwrap().to_owned();
            let address = format!("{kind}/{}", value["id"].as_str().unwrap());
            came.entry(source)
                .or_default()
                .push((address, outside(&raw)));
        }
        for (name, chart) in charts {
            let mut from = came.remove(town.at(name).id().as_str()).unwrap_or_default();
            let mut due: Vec<(String, String)> = chart
                .resources
                .iter()
                .filter(|one| one.kind == kind && !one.social_history)
                .map(|one| (one.address.clone(), one.text.clone()))
                .collect();
            from.sort();
            due.sort();
            assert_eq!(from, due, "{kind} from {name}");
            compared += from.len();
        }
        assert!(came.is_empty(), "{kind} from nobody who was asked");
    }
    compared
}

/// What is no record of care is not to be had by any question.
async fn never_leaves(town: &Town, grant: &str) {
    let kiri = town.at("kiri");
    for kind in NEVER_LEAVE {
        let (status, answer) = kiri.ask(grant, "dr-1", kind).await;
        assert_eq!(status, 400, "{kind}: {answer}");
        assert!(answer.to_string().contains("query_not_allowed"), "{answer}");
    }
    let envoy = kiri.envoy();
    for name in HOSPITALS {
        let token = town.token_of(grant, "kiri", name).await;
        for kind in NEVER_LEAVE {
            let reply = envoy.ask(town.at(name), &token, kind, town.now()).await;
            assert_eq!(
                (reply.status, reply.code().as_str()),
                (400, "query_not_allowed")
            );
        }
        let question = "Observation?category=social-history";
        let reply = envoy.ask(town.at(name), &token, question, town.now()).await;
        assert_eq!(reply.status, 200);
        assert!(reply.resources().is_empty(), "{}", reply.json());
    }
}
