//! The map as a test: `docs/ARCHITECTURE.md` is read, the manifests and sources are read, and each
//! difference is named with file and line.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeMap;

use serde::Deserialize;

#[path = "architecture/sources.rs"]
mod sources;

use sources::{Mention, Source, sources, workspace};

#[derive(Deserialize)]
struct Package {
    may: Vec<String>,
    never: Vec<String>,
}

#[derive(Deserialize)]
struct House {
    src: String,
    order: Vec<Vec<String>>,
}

/// The fenced block ```` ```toml <name> ```` of the map.
fn table<T: serde::de::DeserializeOwned>(name: &str) -> BTreeMap<String, T> {
    let map = std::fs::read_to_string(workspace().join("docs/ARCHITECTURE.md")).unwrap();
    let (_, rest) = map
        .split_once(&format!("```toml {name}\n"))
        .expect("the map has the table");
    let (block, _) = rest.split_once("\n```").expect("the table ends");
    toml::from_str(block).unwrap_or_else(|e| panic!("docs/ARCHITECTURE.md, table {name}: {e}"))
}

/// Package name → (folder, its manifest).
fn manifests() -> BTreeMap<String, (String, toml::Table)> {
    let read = |path: &str| -> toml::Table {
        let text = std::fs::read_to_string(workspace().join(path)).unwrap();
        toml::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"))
    };
    let members = read("Cargo.toml")["workspace"]["members"]
        .as_array()
        .unwrap()
        .clone();
    let named = members.iter().map(|member| {
        let folder = member.as_str().unwrap().to_owned();
        let manifest = read(&format!("{folder}/Cargo.toml"));
        (
            manifest["package"]["name"].as_str().unwrap().to_owned(),
            (folder, manifest),
        )
    });
    named.collect()
}

fn dependencies(manifest: &toml::Table) -> Vec<String> {
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let tables = kinds
        .iter()
        .filter_map(|kind| manifest.get(*kind)?.as_table());
    tables.flat_map(|table| table.keys().cloned()).collect()
}

fn at(source: &Source, mention: &Mention) -> String {
    format!("{}:{}", source.path.display(), mention.line)
}

fn none(violations: Vec<String>, rule: &str) {
    assert!(
        violations.is_empty(),
        "{rule}:\n  {}",
        violations.join("\n  ")
    );
}

#[test]
fn packages_depend_only_on_what_the_map_allows() {
    let map = table::<Package>("packages");
    let manifests = manifests();
    assert_eq!(
        map.keys().collect::<Vec<_>>(),
        manifests.keys().collect::<Vec<_>>()
    );
    let mut violations = Vec::new();
    for (name, (folder, manifest)) in &manifests {
        for dependency in dependencies(manifest) {
            let ours = dependency != *name && manifests.contains_key(&dependency); // itself: a feature for tests
            if (ours && !map[name].may.contains(&dependency))
                || map[name].never.contains(&dependency)
            {
                violations.push(format!("{folder}/Cargo.toml: {name} names {dependency}"));
            }
        }
    }
    none(violations, "a package depends on what the map forbids");
}

#[test]
fn packages_never_name_what_the_map_forbids() {
    let manifests = manifests();
    let mut violations = Vec::new();
    for (name, package) in table::<Package>("packages") {
        let forbidden: Vec<_> = package.never.iter().map(|n| n.replace('-', "_")).collect();
        for source in sources(&format!("{}/src", manifests[&name].0)) {
            for mention in source
                .mentions()
                .iter()
                .filter(|m| forbidden.contains(&m.segments[0]))
            {
                violations.push(format!("{} {}", at(&source, mention), mention.segments[0]));
            }
        }
    }
    none(violations, "a package names what the map forbids it");
}

#[test]
fn the_protocol_is_pure() {
    let impure = ["fs", "net", "process", "thread", "env", "io"];
    let mut violations = Vec::new();
    for source in sources("federation-protocol/src") {
        for mention in source.mentions() {
            if let [std, module, ..] = mention.segments.as_slice()
                && std == "std"
                && (impure.contains(&module.as_str())
                    || (module == "time" && mention.segments.last().unwrap() != "Duration"))
                && mention
                    .segments
                    .get(2)
                    .is_none_or(|item| item != "Read" && item != "Write")
            {
                violations.push(format!(
                    "{} {}",
                    at(&source, &mention),
                    mention.segments.join("::")
                ));
            }
        }
    }
    none(violations, "federation-protocol reaches outside itself");
}

#[test]
fn rooms_import_only_rooms_above_them() {
    let mut violations = Vec::new();
    for (package, house) in table::<House>("rooms") {
        let line = |room: &str| {
            house
                .order
                .iter()
                .position(|rooms| rooms.iter().any(|r| r == room))
        };
        for source in sources(&house.src) {
            let Some(room) = source.room() else { continue };
            let Some(own) = line(room) else {
                violations.push(format!(
                    "{}: room {room} is not on the map",
                    source.path.display()
                ));
                continue;
            };
            for mention in source.mentions() {
                let [root, other, ..] = mention.segments.as_slice() else {
                    continue;
                };
                let inside = root == "crate" || *root == package.replace('-', "_");
                if inside && other != room && line(other).is_some_and(|theirs| theirs >= own) {
                    violations.push(format!("{} {room} imports {other}", at(&source, &mention)));
                }
            }
        }
    }
    none(violations, "a room imports a room that is not above it");
}

#[test]
fn the_map_and_the_folders_name_the_same_rooms() {
    let mut violations = Vec::new();
    for (package, house) in table::<House>("rooms") {
        let sources = sources(&house.src);
        for room in house.order.iter().flatten() {
            if !sources.iter().any(|s| s.room() == Some(room)) {
                violations.push(format!(
                    "{package}: the map names {room}, {} has none",
                    house.src
                ));
            }
        }
    }
    none(violations, "the map names rooms that are not there");
}

#[test]
fn no_file_is_empty() {
    let mut violations = Vec::new();
    for (_, (folder, _)) in manifests() {
        for source in sources(&format!("{folder}/src")) {
            if source.file.items.is_empty() {
                violations.push(source.path.display().to_string());
            }
        }
    }
    none(violations, "a source file says nothing");
}

fn store(source: &Source) -> bool {
    source.name() == "store.rs"
        || source
            .module
            .iter()
            .any(|m| m == "store" || m == "database")
}

#[test]
fn sql_stays_in_the_stores() {
    let mut violations = Vec::new();
    for house in table::<House>("rooms").into_values() {
        for source in sources(&house.src).iter().filter(|s| !store(s)) {
            for mention in source.mentions() {
                if mention.segments[0].starts_with("diesel") {
                    violations.push(format!(
                        "{} {}",
                        at(source, &mention),
                        mention.segments.join("::")
                    ));
                }
            }
        }
    }
    none(
        violations,
        "diesel is named outside store.rs, store/ and database",
    );
}

#[test]
fn http_stays_at_the_doors() {
    let door = |source: &Source| {
        matches!(source.name(), "routes.rs" | "server.rs" | "metrics.rs")
            || source.module.iter().any(|m| m == "routes" || m == "server")
    };
    let mut violations = Vec::new();
    for house in table::<House>("rooms").into_values() {
        for source in sources(&house.src).iter().filter(|s| !door(s)) {
            for mention in source.mentions() {
                if mention.segments[0].starts_with("actix") {
                    violations.push(format!(
                        "{} {}",
                        at(source, &mention),
                        mention.segments.join("::")
                    ));
                }
            }
        }
    }
    none(violations, "actix is named outside routes.rs and server.rs");
}

#[test]
fn signatures_are_verified_strictly_and_in_one_file() {
    let mut violations = Vec::new();
    for (_, (folder, _)) in manifests() {
        for source in sources(&format!("{folder}/src")) {
            let keys = source.path.ends_with("federation-protocol/src/keys.rs")
                || source.path.starts_with("federation-protocol/src/keys");
            for mention in source.mentions() {
                let named = |what: &str| mention.segments.iter().any(|s| s == what);
                if (named("ed25519_dalek") && !keys) || named("Verifier") && named("ed25519_dalek")
                {
                    violations.push(format!(
                        "{} {}",
                        at(&source, &mention),
                        mention.segments.join("::")
                    ));
                }
            }
        }
    }
    none(
        violations,
        "Ed25519 outside keys.rs, or verification that is not strict",
    );
}

fn derives(attributes: &[syn::Attribute]) -> Vec<String> {
    let mut found = Vec::new();
    for attribute in attributes.iter().filter(|a| a.path().is_ident("derive")) {
        let _ = attribute.parse_nested_meta(|meta| {
            found.push(meta.path.segments.last().unwrap().ident.to_string());
            Ok(())
        });
    }
    found
}

#[test]
fn secrets_cannot_be_printed_or_copied_and_rows_cannot_be_sent() {
    let mut violations = Vec::new();
    for (_, (folder, _)) in manifests() {
        for source in sources(&format!("{folder}/src")) {
            for item in &source.file.items {
                let syn::Item::Struct(item) = item else {
                    continue;
                };
                let name = item.ident.to_string();
                let secret = name.contains("Secret");
                let forbidden = |d: &String| match d.as_str() {
                    "Debug" => secret || name.starts_with("Plain"),
                    "Clone" | "Copy" | "Deserialize" => secret,
                    "Serialize" => secret || store(&source),
                    _ => false,
                };
                for derive in derives(&item.attrs).iter().filter(|d| forbidden(d)) {
                    let line = item.ident.span().start().line;
                    violations.push(format!(
                        "{}:{line} {name} derives {derive}",
                        source.path.display()
                    ));
                }
            }
        }
    }
    none(violations, "a secret or a row derives too much");
}

#[test]
fn records_are_touched_only_with_a_permit() {
    let mut violations = Vec::new();
    // Tells a chart's number and nothing else: a permit is made from it.
    let free = ["new", "open", "chart_of"];
    for source in sources("node/src/records") {
        for item in &source.file.items {
            let syn::Item::Impl(block) = item else {
                continue;
            };
            let syn::Type::Path(path) = block.self_ty.as_ref() else {
                continue;
            };
            if path.path.segments.last().unwrap().ident != "Records" || block.trait_.is_some() {
                continue;
            }
            for member in &block.items {
                let syn::ImplItem::Fn(function) = member else {
                    continue;
                };
                let name = function.sig.ident.to_string();
                let public = matches!(function.vis, syn::Visibility::Public(_));
                if public && !free.contains(&name.as_str()) && !takes_permit(function) {
                    let line = function.sig.ident.span().start().line;
                    violations.push(format!("{}:{line} Records::{name}", source.path.display()));
                }
            }
        }
    }
    none(violations, "a way to records without a Permit");
}

fn takes_permit(function: &syn::ImplItemFn) -> bool {
    function.sig.inputs.iter().any(|input| {
        let syn::FnArg::Typed(argument) = input else {
            return false;
        };
        let syn::Type::Reference(reference) = argument.ty.as_ref() else {
            return false;
        };
        let syn::Type::Path(path) = reference.elem.as_ref() else {
            return false;
        };
        path.path
            .segments
            .last()
            .is_some_and(|s| s.ident == "Permit")
    })
}

/// Outbound calls: what makes a connection, or a client that would.
const CALLS: [&str; 11] = [
    "TcpStream",
    "TcpSocket",
    "UdpSocket",
    "UnixStream",
    "UnixDatagram",
    "lookup_host",
    "ToSocketAddrs",
    "SslConnector",
    "ClientBuilder",
    "Proxy",
    "hyper",
];

/// The files that apply the rules of PROTOCOL section 8, and those that name a type of the list
/// without calling anybody.
fn may_call(path: &str, what: &str) -> bool {
    let service = "federation-protocol/service/src/";
    let Some(file) = path.strip_prefix(service) else {
        return false;
    };
    file.starts_with("outbound")
        || file == "peer_client/site.rs"
        || matches!(
            (file, what),
            // The accepting side; the service manager's socket; a module of tests.
            ("tls.rs", "TcpStream") | ("shutdown.rs", "UnixDatagram") | ("loopback.rs", _)
        )
}

#[test]
fn calls_go_out_in_one_place() {
    let mut violations = Vec::new();
    for (name, (folder, _)) in manifests() {
        if !matches!(
            name.as_str(),
            "musubi-node" | "musubi-registry" | "federation-service" | "federation-protocol"
        ) {
            continue;
        }
        for source in sources(&format!("{folder}/src")) {
            for mention in source.mentions() {
                let client = mention.segments.windows(2).any(|pair| {
                    pair[0] == "reqwest"
                        && matches!(pair[1].as_str(), "Client" | "blocking" | "get")
                });
                let call = mention
                    .segments
                    .iter()
                    .find(|s| CALLS.contains(&s.as_str()));
                let what = call.map(String::as_str).or(client.then_some("Client"));
                let path = source.path.to_str().unwrap();
                if let Some(what) = what.filter(|what| !may_call(path, what)) {
                    violations.push(format!("{} {what}", at(&source, &mention)));
                }
            }
        }
    }
    none(
        violations,
        "something connects outside federation-service/outbound and peer_client/site.rs",
    );
}

#[test]
fn every_test_that_the_threat_model_names_exists() {
    let page = std::fs::read_to_string(workspace().join("docs/THREAT-MODEL.md")).unwrap();
    let tests = test_names();
    let named = page.split('`').skip(1).step_by(2).filter(|word| {
        // `doctor`, paths and the like are no tests.
        word.contains('_') && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    });
    let missing = named.filter(|name| !tests.contains(*name));
    none(
        missing.map(str::to_owned).collect(),
        "docs/THREAT-MODEL.md names tests that do not exist",
    );
}

#[test]
fn every_row_of_the_threat_model_names_a_test_or_says_open() {
    let page = std::fs::read_to_string(workspace().join("docs/THREAT-MODEL.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| "));
    let bare = rows.filter(|row| {
        let proof = row
            .trim_end_matches(" |")
            .rsplit(" | ")
            .next()
            .unwrap_or_default();
        !proof.contains('`') && !proof.contains("**open**") && proof != "proved by"
    });
    none(
        bare.map(str::to_owned).collect(),
        "a row without a proof that does not say so",
    );
}

/// The name of every function under a `#[test]` of any kind, and inside `proptest!`.
fn test_names() -> std::collections::BTreeSet<String> {
    let mut names = std::collections::BTreeSet::new();
    for path in sources::rust_files() {
        let text = std::fs::read_to_string(path).unwrap();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("#[") {
                let name = line.trim_start_matches("#[").split(['(', ']']).next();
                is_test |= name.is_some_and(|name| name == "test" || name.ends_with("::test"));
            } else if let Some((_, rest)) = line.split_once("fn ") {
                if is_test {
                    names.extend(rest.split('(').next().map(str::to_owned));
                }
                is_test = false;
            }
        }
    }
    names
}
