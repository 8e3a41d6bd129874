//! Every route of the hospital's and the people's listeners that the sources name, pages too, by every
//! kind of caller: one reviewed table. A route that is added changes it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use musubi_node::identity::Role;
use scenarios::{Store, Town, charts};

/// The paths that `resource("…")` and `.route("…")` name in the files with HTTP, each `{…}` filled with
/// a word that nothing has.
fn paths() -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for file in with_http(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../node/src")) {
        let text = std::fs::read_to_string(file).unwrap();
        for head in ["resource(", ".route("] {
            for part in text.split(head).skip(1) {
                let named = part.trim_start().strip_prefix('"');
                let Some((path, _)) = named.and_then(|rest| rest.split_once('"')) else {
                    continue;
                };
                let elsewhere = [
                    "/federation/",
                    "/metrics",
                    "/metadata",
                    "/Consent",
                    "/Patient/",
                ];
                let ours = path.starts_with('/') && !path.starts_with("/{");
                if ours && !elsewhere.iter().any(|head| path.starts_with(head)) {
                    paths.insert(filled(path));
                }
            }
        }
    }
    paths
}

fn filled(path: &str) -> String {
    let segments = path
        .split('/')
        .map(|segment| match segment.starts_with('{') {
            true => "none",
            false => segment,
        });
    segments.collect::<Vec<_>>().join("/")
}

fn with_http(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().unwrap() != "tests" {
                found.extend(with_http(&path));
            }
        } else if path.to_str().unwrap().contains("routes") || path.ends_with("server.rs") {
            found.push(path);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn no_route_opens_to_a_caller_that_it_is_not_for() {
    let town = Town::start(&["minato"], Store::Sqlite).await;
    let minato = town.at("minato");
    minato.load(&[charts::patient("hana", "佐藤", "花")]).await;
    let hana = town.person("hana", "minato", &[]).await;
    let rooms = minato.rooms();
    let person = rooms.linkage.person(&hana.person.parse().unwrap()).await;
    let person = person.unwrap();
    let until = town.now().plus_seconds(3_600);
    let own = rooms
        .identity
        .create_for_person(person.id, person.patient, until);
    let mut callers = vec![("nobody".to_owned(), String::new())];
    callers.push(("person".into(), own.await.unwrap().1.reveal().to_owned()));
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Person) {
        callers.push((role.to_string(), minato.token(role, "someone-1").await));
    }
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let addresses = minato.node().addresses();
    let mut table = String::new();
    for (listener, address) in [
        ("hospital", addresses.hospital),
        ("patient", addresses.patient),
    ] {
        for path in paths() {
            for method in [reqwest::Method::GET, reqwest::Method::POST] {
                let _ = write!(table, "{listener:<9}{:<5}{path:<46}", method.as_str());
                for (_, token) in &callers {
                    let mut request =
                        client.request(method.clone(), format!("http://{address}{path}"));
                    if !token.is_empty() {
                        request = request.bearer_auth(token);
                    }
                    if method == reqwest::Method::POST {
                        let form = "application/x-www-form-urlencoded";
                        request = request.header("content-type", form).body("");
                    }
                    let status = request.send().await.unwrap().status().as_u16();
                    let _ = write!(table, " {status}");
                }
                table.push('\n');
            }
        }
    }
    town.stop().await;
    let names: Vec<&str> = callers.iter().map(|(name, _)| name.as_str()).collect();
    insta::assert_snapshot!(format!("{}\n{table}", names.join(" ")));
}
