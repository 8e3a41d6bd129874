//! What `deploy/` gives to operators is what the programs accept: each configuration is loaded, and
//! each systemd unit is read and must keep its walls.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use musubi_node::config::{Config, KEYS};

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join("deploy")
}

/// Every `Key=Value` of a unit, in order, by section.
fn unit(path: &Path) -> BTreeMap<String, Vec<(String, String)>> {
    let mut sections: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    let mut section = None;
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.replace("\\\n", " ");
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section = Some(name.to_owned());
            continue;
        }
        let place = format!("{}:{}", path.display(), number + 1);
        let (key, value) = line
            .split_once('=')
            .unwrap_or_else(|| panic!("{place}: no ="));
        let section = section
            .clone()
            .unwrap_or_else(|| panic!("{place}: outside any section"));
        sections
            .entry(section)
            .or_default()
            .push((key.trim().into(), value.trim().into()));
    }
    sections
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().ends_with(ending))
        .collect();
    found.sort();
    found
}

#[test]
fn the_example_of_a_node_loads() {
    let config = Config::load_with(&deploy().join("examples/node.toml"), BTreeMap::new()).unwrap();
    assert_eq!(config.member_urn(), "urn:musubi:member:0110000001");
    assert_eq!(
        config.database.as_str(),
        "sqlite:/var/lib/musubi-node/node.db"
    );
}

#[test]
fn the_example_of_a_node_shows_every_key() {
    let text = std::fs::read_to_string(deploy().join("examples/node.toml")).unwrap();
    let mut section = String::new();
    let mut shown = Vec::new();
    for line in text.lines() {
        let line = line.trim_start_matches(['#', ' ']);
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.split_once(']')) {
            section = name.0.to_owned();
        } else if let Some((key, _)) = line.split_once(" = ") {
            shown.push(format!("{section}.{key}"));
        }
    }
    let missing: Vec<_> = KEYS
        .iter()
        .filter(|key| !shown.iter().any(|s| s == *key))
        .collect();
    assert!(
        missing.is_empty(),
        "deploy/examples/node.toml does not show {missing:?}"
    );
}

#[test]
fn the_example_loads_under_each_drop_in() {
    let folder = tempfile::tempdir().unwrap();
    let units = [
        "musubi-node.service.d",
        "musubi-node-backup.service.d",
        "musubi-node-import.service.d",
    ];
    let drop_ins = units.map(|unit| files(&deploy().join("systemd").join(unit), ".conf"));
    assert!(drop_ins.iter().all(|of_unit| !of_unit.is_empty()));
    for path in drop_ins.into_iter().flatten() {
        let mut environment = BTreeMap::new();
        for (key, value) in &unit(&path)["Service"] {
            match key.as_str() {
                "LoadCredential" => {
                    let (name, _) = value.split_once(':').unwrap();
                    std::fs::write(folder.path().join(name), "postgres://musubi@db/musubi\n")
                        .unwrap();
                }
                "Environment" => {
                    let (name, value) = value.split_once('=').unwrap();
                    let value = value.replace("%d", folder.path().to_str().unwrap());
                    environment.insert(name.to_owned(), value);
                }
                other => panic!("{}: {other} is not expected here", path.display()),
            }
        }
        Config::load_with(&deploy().join("examples/node.toml"), environment)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

#[test]
fn each_unit_keeps_its_walls() {
    let walls = [
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("PrivateDevices", "yes"),
        ("ProtectKernelModules", "yes"),
        ("ProtectKernelTunables", "yes"),
        ("ProtectControlGroups", "yes"),
        ("RestrictNamespaces", "yes"),
        ("RestrictSUIDSGID", "yes"),
        ("LockPersonality", "yes"),
        ("MemoryDenyWriteExecute", "yes"),
        ("CapabilityBoundingSet", ""),
        ("SystemCallArchitectures", "native"),
        ("UMask", "0077"),
    ];
    let units = files(&deploy().join("systemd"), ".service");
    assert!(!units.is_empty());
    for path in units {
        let unit = unit(&path);
        let service = &unit["Service"];
        for (key, value) in walls {
            assert!(
                service
                    .iter()
                    .any(|(k, v)| k == key && (v == value || v == "true" && value == "yes")),
                "{}: {key}={value} is missing",
                path.display()
            );
        }
        for key in [
            "StateDirectory",
            "ExecStart",
            "RestrictAddressFamilies",
            "SystemCallFilter",
        ] {
            assert!(
                service.iter().any(|(k, _)| k == key),
                "{}: no {key}",
                path.display()
            );
        }
        let exit = service
            .iter()
            .find(|(k, _)| k == "RestartPreventExitStatus");
        assert_eq!(
            exit.map(|(_, v)| v.as_str()),
            Some("78"),
            "{}",
            path.display()
        );
        assert!(
            unit.contains_key("Unit") && unit.contains_key("Install"),
            "{}",
            path.display()
        );
    }
}

#[test]
fn each_timer_starts_a_unit_that_is_there_and_is_made_up_for() {
    let timers = files(&deploy().join("systemd"), ".timer");
    assert!(!timers.is_empty());
    for path in timers {
        assert!(
            path.with_extension("service").exists(),
            "{}",
            path.display()
        );
        let unit = unit(&path);
        let timer = &unit["Timer"];
        let has = |key: &str| timer.iter().any(|(k, _)| k == key);
        assert!(has("OnCalendar"), "{}", path.display());
        let persistent = ("Persistent".to_owned(), "yes".to_owned());
        assert!(timer.contains(&persistent), "{}", path.display());
        let wanted = ("WantedBy".to_owned(), "timers.target".to_owned());
        assert!(unit["Install"].contains(&wanted), "{}", path.display());
    }
}

#[test]
fn what_a_unit_starts_is_what_the_command_line_takes() {
    let mut seen = 0;
    for path in files(&deploy().join("systemd"), ".service") {
        for (_, line) in unit(&path)["Service"]
            .iter()
            .filter(|(k, _)| k.starts_with("Exec"))
        {
            let words: Vec<&str> = line.split_whitespace().collect();
            let Some(arguments) = words[0].ends_with("/musubi-node").then_some(&words[1..]) else {
                continue;
            };
            assert_eq!(arguments[arguments.len() - 2], "--config", "{line}");
            let help = [
                &["musubi-node"],
                &arguments[..arguments.len() - 2],
                &["--help"],
            ]
            .concat();
            let code = musubi_node::commands::main(help.into_iter().map(Into::into));
            assert_eq!(
                format!("{code:?}"),
                format!("{:?}", std::process::ExitCode::SUCCESS),
                "{line}"
            );
            seen += 1;
        }
    }
    assert_eq!(seen, 4, "check-config, run, backup create, import");
}
