//! The audit log before a witness: the registry cosigns what only grows, and refuses what was put
//! back. And what is left of an exchange when everybody but its two ends is gone.

use std::ffi::OsString;
use std::path::Path;

use federation_protocol::transparency::Checkpoint;
use musubi_node::audit::{Kind, Line};
use musubi_node::federation::witnessing::{Witnessing, WitnessingError};
use scenarios::{Hospital, Store, Town, charts};

fn witnessing(hospital: &Hospital) -> &Witnessing {
    hospital.node().federation().witnessing()
}

/// `musubi-node …` at this hospital, in a thread without a runtime, as a shell has it.
pub(crate) async fn command(hospital: &Hospital, words: &[&str]) -> u8 {
    let mut all = vec!["musubi-node".to_owned()];
    all.extend(words.iter().map(|word| (*word).to_owned()));
    all.push("--config".to_owned());
    all.push(hospital.config_file().to_str().unwrap().to_owned());
    let run = move || musubi_node::commands::main(all.into_iter().map(OsString::from));
    let code = tokio::task::spawn_blocking(run).await.unwrap();
    let text = format!("{code:?}");
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("{text}"))
}

async fn write_lines(hospital: &Hospital, count: usize) {
    for _ in 0..count {
        let line = Line::new(Kind::Echo, hospital.rooms().clock.now(), "system");
        hospital.rooms().audit.append(line).await.unwrap();
    }
}

async fn size(hospital: &Hospital) -> u64 {
    let newest = witnessing(hospital).checkpoints().newest().await.unwrap();
    Checkpoint::parse(&newest.unwrap().text).unwrap().size
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registry_cosigns_a_log_that_only_grew() {
    for store in Store::each() {
        let town = Town::start(&["minato", "yukimi"], store).await;
        let minato = town.at("minato");
        for _ in 0..3 {
            write_lines(minato, 7).await;
            witnessing(minato).witness().await.unwrap();
            let seen = witnessing(minato).compare().await.unwrap();
            assert_eq!(seen, Some(size(minato).await));
        }
        let note = witnessing(minato).checkpoints().newest().await.unwrap();
        assert_eq!(note.unwrap().signatures.len(), 2);
        assert_eq!(command(minato, &["audit", "verify", "--online"]).await, 0);
        assert_eq!(command(minato, &["audit", "fsck"]).await, 0);
        // That it was verified stands in it.
        let lines = minato.audit().await;
        assert!(
            lines.iter().any(|line| line.kind == "audit_read"),
            "{lines:?}"
        );
        assert!(lines.iter().any(|line| line.kind == "configuration"));
        town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_restored_from_a_backup_is_refused_by_the_witness() {
    // The town keeps a PostgreSQL database open beside its node, and nothing is restored over an open
    // one; what follows does not depend on the kind.
    let mut town = Town::start(&["minato"], Store::Sqlite).await;
    let backup = town.folder().join("minato.backup");
    let file = backup.to_str().unwrap().to_owned();
    write_lines(town.at("minato"), 10).await;
    witnessing(town.at("minato")).witness().await.unwrap();
    assert_eq!(
        command(town.at("minato"), &["backup", "create", "--out", &file]).await,
        0
    );
    write_lines(town.at("minato"), 50).await;
    witnessing(town.at("minato")).witness().await.unwrap();
    let witnessed = size(town.at("minato")).await;

    town.at_mut("minato").stop().await;
    let restored = command(town.at("minato"), &["backup", "restore", &file, "--force"]).await;
    assert_eq!(restored, 0);
    let clock = town.shared_clock();
    town.at_mut("minato").start(clock).await;
    town.settle().await;

    let minato = town.at("minato");
    // By itself it is whole; the witness knows better.
    assert_eq!(command(minato, &["audit", "verify"]).await, 0);
    let refused = witnessing(minato).witness().await.unwrap_err();
    assert!(
        matches!(refused, WitnessingError::Rollback { witnessed: at, .. } if at == witnessed),
        "{refused}"
    );
    assert_eq!(command(minato, &["audit", "verify", "--online"]).await, 3);
    // Growing past the old size does not hide it.
    write_lines(minato, 80).await;
    let refused = witnessing(minato).witness().await.unwrap_err();
    assert!(matches!(refused, WitnessingError::Fork { .. }), "{refused}");
    let told = minato.audit().await;
    let told: Vec<_> = told.iter().filter(|line| line.kind == "witness").collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(
        (told[0].outcome.as_str(), told[1].outcome.as_str()),
        ("rollback", "fork")
    );

    let id = minato.id().to_string();
    town.registry_command(&["witness", "reset", &id, "--reason", "restored from backup"]);
    witnessing(minato).witness().await.unwrap();
    assert_eq!(command(minato, &["audit", "verify", "--online"]).await, 0);
    town.stop().await;
}

/// Minato's log is cosigned by Yukimi too, and Otaru cosigns nobody's.
async fn with_peers_as_witnesses(store: Store) -> Town {
    Town::prepared(&["minato", "yukimi", "otaru"], store, |hospital| {
        let settings = match hospital.name() {
            "minato" => {
                let members = ["0110000002", "0110000003"];
                let members = members.map(|code| format!("\"urn:musubi:member:{code}\""));
                format!("witnesses = [{}]", members.join(", "))
            }
            "yukimi" => "cosign = true".to_owned(),
            _ => return,
        };
        hospital.set("audit", &settings);
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_cosigns_the_log_of_another_and_keeps_it_from_being_put_back() {
    for store in Store::each() {
        let town = with_peers_as_witnesses(store).await;
        let (minato, yukimi) = (town.at("minato"), town.at("yukimi"));
        for _ in 0..3 {
            write_lines(minato, 7).await;
            witnessing(minato).witness().await.unwrap();
            let answers = witnessing(minato).witness_by_members().await;
            let [(_, cosigned), (_, refused)] = &answers[..] else {
                panic!("{answers:?}");
            };
            assert!(cosigned.is_ok(), "{answers:?}");
            let refused = refused.as_ref().unwrap_err().to_string();
            assert!(refused.contains("not_found (404)"), "{refused}");
        }
        let note = witnessing(minato).checkpoints().newest().await.unwrap();
        let mut names: Vec<_> = note
            .unwrap()
            .signatures
            .into_iter()
            .map(|line| line.name)
            .collect();
        names.sort();
        assert_eq!(names.len(), 3);
        assert!(names.contains(&yukimi.id().to_string()), "{names:?}");
        assert_eq!(command(minato, &["audit", "verify"]).await, 0);
        assert_eq!(command(yukimi, &["audit", "verify"]).await, 0);
        assert_eq!(command(yukimi, &["audit", "witnessed", "list"]).await, 0);

        // Who has the registry in their hands, too, can make it forget; the other member remembers.
        let (id, newest) = (minato.id().to_string(), size(minato).await);
        minato.other_connection().run(&forgery(store, newest - 5));
        town.registry_command(&["witness", "reset", &id, "--reason", "nothing happened"]);
        write_lines(minato, 40).await;
        witnessing(minato).witness().await.unwrap();
        let answers = witnessing(minato).witness_by_members().await;
        let refused = answers[0].1.as_ref().unwrap_err();
        assert!(matches!(refused, WitnessingError::Fork { .. }), "{refused}");
        let alarms = minato.audit().await;
        let alarms = alarms.iter().filter(|line| line.outcome == "fork").count();
        assert_eq!(alarms, 1);
        let lines = yukimi.audit().await;
        assert!(
            lines
                .iter()
                .any(|line| line.kind == "witness" && line.outcome == "fork")
        );

        let forget = [
            "audit",
            "witnessed",
            "forget",
            &id,
            "--reason",
            "r",
            "--by",
            "it-1",
        ];
        assert_eq!(command(yukimi, &forget).await, 0);
        assert_eq!(command(minato, &forget).await, 1, "it cosigns nobody's");
        let answers = witnessing(minato).witness_by_members().await;
        assert!(answers[0].1.is_ok(), "{answers:?}");
        town.stop().await;
    }
}

/// Takes the last lines off the log and off the tree, with what was signed over them: others come
/// in their place.
fn forgery(store: Store, size: u64) -> String {
    let tables = [
        "audit_line",
        "audit_leaf",
        "audit_node",
        "audit_checkpoint",
        "audit_cosignature",
    ];
    let open: String = match store {
        Store::Sqlite => [
            "audit_line_no_delete",
            "audit_leaf_no_delete",
            "audit_node_no_delete",
            "audit_checkpoint_no_delete",
            "audit_cosignature_no_delete",
        ]
        .map(|name| format!("DROP TRIGGER {name};"))
        .concat(),
        Store::Postgres => tables
            .map(|name| format!("ALTER TABLE {name} DISABLE TRIGGER ALL;"))
            .concat(),
    };
    // Nodes stand at every fourth level: of 16 leaves and more.
    format!(
        "{open} DELETE FROM audit_cosignature; DELETE FROM audit_checkpoint; \
         DELETE FROM audit_leaf WHERE place >= {size}; \
         DELETE FROM audit_node WHERE (place + 1) * 16 > {size}; \
         DELETE FROM audit_line WHERE seq NOT IN (SELECT seq FROM audit_leaf);"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_was_changed_in_the_database_is_found_by_the_command() {
    for store in Store::each() {
        let town = Town::start(&["minato"], store).await;
        let minato = town.at("minato");
        write_lines(minato, 10).await;
        witnessing(minato).witness().await.unwrap();
        minato.other_connection().run(match store {
            Store::Sqlite => {
                "DROP TRIGGER audit_line_no_update; \
                 UPDATE audit_line SET outcome = 'no' WHERE seq = 5"
            }
            Store::Postgres => {
                "ALTER TABLE audit_line DISABLE TRIGGER ALL; \
                 UPDATE audit_line SET outcome = 'no' WHERE seq = 5"
            }
        });
        assert_eq!(command(minato, &["audit", "verify"]).await, 3);
        assert_eq!(command(minato, &["audit", "fsck"]).await, 3);
        town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_is_proved_at_both_ends_when_the_registry_and_all_bodies_are_gone() {
    for store in Store::each() {
        let mut town = Town::start(&["minato", "yukimi"], store).await;
        town.at("minato")
            .load(&[
                charts::patient("hana", "佐藤", "花"),
                charts::hba1c("a", "hana", "2026-05-01", "7.20"),
            ])
            .await;
        let hana = town.person("hana", "minato", &["minato"]).await;
        let grant = town.grant(&hana, "yukimi", "lab").await;
        let (status, _) = town.at("yukimi").ask(&grant, "dr-1", "Observation").await;
        assert_eq!(status, 200);
        let lines = town.at("minato").audit().await;
        let disclosed = lines.iter().find(|line| line.kind == "disclosure").unwrap();
        let exchange = disclosed.exchange.clone().unwrap();
        town.lose_registry().await;

        let verify = ["evidence", "verify", exchange.as_str()];
        for name in ["minato", "yukimi"] {
            assert_eq!(command(town.at(name), &verify).await, 0, "{name}");
        }
        let nothing = ["evidence", "verify", "0197f4a0-0000-7000-8000-000000000001"];
        assert_eq!(command(town.at("minato"), &nothing).await, 20);
        let config = town.at("minato").config_file();
        let body = ["evidence", "verify", &exchange, "--body", text(&config)];
        assert_eq!(command(town.at("minato"), &body).await, 29);

        let attack = |sql: &str| town.at("minato").other_connection().run(sql);
        let change = |column: &str, from: &str, to: &str| {
            format!(
                "UPDATE exchange_evidence SET {column} = replace({column}, '{from}', '{to}') \
                 WHERE exchange = '{exchange}'"
            )
        };
        for (column, from, to, code) in [
            ("answer_base", "\"@status\": 200", "\"@status\": 403", 28),
            (
                "request_base",
                "fed-purpose\": TREAT",
                "fed-purpose\": PATRQT",
                24,
            ),
            ("request_base", "\"@method\"", "\"@mothed\"", 21),
        ] {
            attack(&change(column, from, to));
            assert_eq!(command(town.at("minato"), &verify).await, code, "{column}");
            attack(&change(column, to, from));
            assert_eq!(command(town.at("minato"), &verify).await, 0, "{column}");
        }
        let archive = town.at("minato").rooms().directory_folder().join("archive");
        std::fs::rename(&archive, archive.with_extension("away")).unwrap();
        assert_eq!(command(town.at("minato"), &verify).await, 22);
        town.stop().await;
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
