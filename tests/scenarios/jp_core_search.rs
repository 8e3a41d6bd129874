//! Every published example is taken whole, comes back unchanged, and is found by every search
//! parameter that JP Core asks for on its type, and by its eight own.
//!
//! What an example must be found by is read from the example here ([`paths`], [`questions`]), by
//! nothing that the node is made of: a table of the elements that each parameter means, as FHIR's
//! page of the type has them, and a reading of their values.

mod paths;
mod questions;

use std::collections::{BTreeMap, BTreeSet};

use musubi_node::identity::Role;
use reqwest::{Client, Url};
use scenarios::town::workspace;
use scenarios::{Hospital, Store, Town};
use serde_json::Value;

use crate::real_input::archive;
use crate::text::outside;
use questions::{Kind, Questions};

const JP_CORE: [&str; 2] = ["jp-core-1.1.2.tgz", "jp-core-1.2.0-sushi.tgz"];
const EXAMPLES: [&str; 2] = ["examples-jp-core-1.1.2.tgz", "examples-jp-clins-single.tgz"];
/// JP-CLINS' own profiles, which its singles claim.
const CLINS: (&str, &str) = ("jp-clins-1.5.2.tgz", "1.5.2");

/// What JP Core asks a server for, read from its packages.
#[derive(Default)]
struct Asked {
    /// By type and code.
    parameters: BTreeMap<(String, String), Kind>,
    /// Codes that must go together, by type.
    together: BTreeSet<(String, Vec<String>)>,
    /// How many of the parameters are JP Core's own.
    own: usize,
}

struct Example {
    kind: String,
    id: String,
    text: String,
    value: Value,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_is_taken_comes_back_and_is_found_by_every_parameter_of_jp_core() {
    let Some((asked, examples)) = asked().zip(examples()) else {
        eprintln!("SKIPPED (JP Core search): there is no ../shared/data/jpcore beside the project");
        return;
    };
    assert_eq!(asked.own, 8);
    for store in Store::each() {
        let town = Town::prepared(&["minato"], store, strict_with_clins).await;
        let at = town.at("minato");
        let desk = Desk::of(at).await;
        desk.take(&examples).await;
        desk.knows(&asked).await;
        let mut held = Held::default();
        for example in &examples {
            desk.find(&asked, example, &mut held).await;
        }
        town.stop().await;
        assert_eq!(held.failures, Vec::<String>::new(), "{store:?}");
        println!(
            "{store:?}: {} examples; {} (example, parameter) pairs held, {} with a value and {} \
             without, {} combinations, by {} searches",
            examples.len(),
            held.with + held.without,
            held.with,
            held.without,
            held.together,
            held.searches
        );
        assert!(held.with > 250 && held.without > 100 && held.together > 60);
    }
}

fn strict_with_clins(hospital: &Hospital) {
    hospital.set("records", "validation = \"strict\"");
    let folder = hospital.config().records.profiles;
    let (package, version) = CLINS;
    let bytes = std::fs::read(workspace().join("../shared/data/jpcore").join(package)).unwrap();
    fhir_validation::add_package(&folder, &bytes, None, Some(version)).unwrap();
}

fn examples() -> Option<Vec<Example>> {
    let mut examples = Vec::new();
    for name in EXAMPLES {
        for text in archive(name)?.into_values() {
            let value: Value = serde_json::from_str(&text).unwrap();
            let said = |name: &str| value[name].as_str().unwrap().to_owned();
            examples.push(Example {
                kind: said("resourceType"),
                id: said("id"),
                value: value.clone(),
                text,
            });
        }
    }
    Some(examples)
}

/// The statements of both versions, and the parameters that they define.
fn asked() -> Option<Asked> {
    let mut asked = Asked::default();
    let mut own = BTreeSet::new();
    for package in JP_CORE {
        for text in archive(package)?.values() {
            let value: Value = serde_json::from_str(text).unwrap();
            let server = value["url"].as_str().unwrap_or_default().contains("Server");
            if value["resourceType"] == "CapabilityStatement" && server {
                asked.read_statement(&value);
            } else if value["resourceType"] == "SearchParameter" {
                let key = (string(&value["base"][0]), string(&value["code"]));
                let kind = Kind::named(value["type"].as_str().unwrap());
                own.insert(key.clone());
                asked.parameters.insert(key, kind);
            }
        }
    }
    asked.own = own.len();
    Some(asked)
}

fn string(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn each(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

impl Asked {
    fn read_statement(&mut self, statement: &Value) {
        for resource in each(&statement["rest"][0]["resource"]) {
            let kind = string(&resource["type"]);
            for parameter in each(&resource["searchParam"]) {
                let key = (kind.clone(), string(&parameter["name"]));
                let of = Kind::named(parameter["type"].as_str().unwrap());
                self.parameters.insert(key, of);
            }
            for combination in each(&resource["extension"]) {
                let parts =
                    each(&combination["extension"]).filter(|part| part["url"] == "required");
                let codes = parts.map(|part| string(&part["valueString"])).collect();
                self.together.insert((kind.clone(), codes));
            }
        }
    }

    fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, Kind)> {
        let own = self
            .parameters
            .iter()
            .filter(move |((of, _), _)| of == kind);
        own.map(|((_, code), kind)| (code.as_str(), *kind))
    }
}

/// What came out.
#[derive(Default)]
struct Held {
    with: usize,
    without: usize,
    together: usize,
    searches: usize,
    failures: Vec<String>,
}

/// A system's place at the hospital listener.
struct Desk {
    client: Client,
    base: String,
    token: String,
}

impl Desk {
    async fn of(at: &Hospital) -> Self {
        Self {
            client: Client::new(),
            base: format!("{}/fhir", at.staff_url()),
            token: at.token(Role::System, "his").await,
        }
    }

    /// Writes each, in strict validation, and reads it again.
    async fn take(&self, examples: &[Example]) {
        for Example { kind, id, text, .. } in examples {
            let url = format!("{}/{kind}/{id}", self.base);
            let request = self.client.put(&url).bearer_auth(&self.token);
            let request = request.header("content-type", "application/fhir+json");
            let reply = request.body(text.clone()).send().await.unwrap();
            let (status, said) = (reply.status(), reply.text().await.unwrap());
            assert_eq!(status, 201, "{kind}/{id}: {said}");
            let read = self.client.get(&url).bearer_auth(&self.token);
            let read = read.send().await.unwrap().text().await.unwrap();
            assert_eq!(outside(&read), outside(text), "{kind}/{id}");
        }
    }

    /// Every parameter is known on its type, also where no example is at hand.
    async fn knows(&self, asked: &Asked) {
        for ((kind, code), of) in &asked.parameters {
            let pair = match of {
                Kind::Composite => (code.clone(), "a$b".to_owned()),
                _ => (format!("{code}:missing"), "true".to_owned()),
            };
            let found = self.search(kind, &[pair]).await;
            assert!(found.is_ok(), "{kind}?{code}: {found:?}");
            let beside = ("_revinclude".to_owned(), "Provenance:target".to_owned());
            assert!(self.search(kind, &[beside]).await.is_ok(), "{kind}");
        }
    }

    /// The ids of all matches, or what was said against the question.
    async fn search(
        &self,
        kind: &str,
        pairs: &[(String, String)],
    ) -> Result<BTreeSet<String>, String> {
        let url = format!("{}/{kind}?_count=500&_elements=id", self.base);
        let url = Url::parse_with_params(&url, pairs).unwrap();
        let reply = self.client.get(url).bearer_auth(&self.token);
        let reply = reply.send().await.unwrap();
        let (status, text) = (reply.status(), reply.text().await.unwrap());
        if status != 200 {
            return Err(text);
        }
        let page: Value = serde_json::from_str(&text).unwrap();
        assert!(each(&page["link"]).all(|link| link["relation"] != "next"));
        let matches = each(&page["entry"]).filter(|entry| entry["search"]["mode"] == "match");
        Ok(matches
            .map(|entry| string(&entry["resource"]["id"]))
            .collect())
    }

    async fn find(&self, asked: &Asked, example: &Example, held: &mut Held) {
        let mut firsts = BTreeMap::new();
        for (code, kind) in asked.of(&example.kind) {
            let questions =
                Questions::about(&example.value, (&example.kind, code), kind, &self.base);
            if questions.has_value {
                held.with += 1;
            } else {
                held.without += 1;
            }
            for (pair, finds) in questions.all() {
                self.hold(example, std::slice::from_ref(pair), finds, held)
                    .await;
            }
            if let Some(first) = questions.first() {
                firsts.insert(code, first.clone());
            }
        }
        self.find_by_profile(example, held).await;
        let own = asked.together.iter();
        for (_, codes) in own.filter(|(kind, _)| *kind == example.kind) {
            let pairs = codes.iter().map(|code| firsts.get(code.as_str()).cloned());
            let Some(mut pairs) = pairs.collect::<Option<Vec<_>>>() else {
                continue;
            };
            held.together += 1;
            self.hold(example, &pairs, true, held).await;
            pairs.push(("_id".to_owned(), "another".to_owned()));
            self.hold(example, &pairs, false, held).await;
        }
    }

    /// What an example claims finds it, with the version that it may claim and without.
    async fn find_by_profile(&self, example: &Example, held: &mut Held) {
        for claim in each(&example.value["meta"]["profile"]).map(string) {
            let bare = claim.split('|').next().unwrap().to_owned();
            let other = format!("{bare}|no-such-version");
            for (value, finds) in [(claim.clone(), true), (bare, true), (other, false)] {
                let pair = ("_profile".to_owned(), value);
                self.hold(example, &[pair], finds, held).await;
            }
        }
    }

    async fn hold(&self, of: &Example, pairs: &[(String, String)], finds: bool, held: &mut Held) {
        held.searches += 1;
        let found = self.search(&of.kind, pairs).await;
        if found.as_ref().map(|ids| ids.contains(&of.id)) != Ok(finds) {
            let wanted = if finds { "must find" } else { "must not find" };
            let (kind, id) = (&of.kind, &of.id);
            let found = found.map(|ids| ids.len());
            held.failures
                .push(format!("{kind}?{pairs:?} {wanted} {id}: {found:?}"));
        }
    }
}
