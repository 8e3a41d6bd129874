//! From nothing to a first answered question, and the ways in which that goes wrong.

use std::path::Path;
use std::process::Output;

use federation_protocol::member::MemberState;
use scenarios::{Store, Town, charts, said};
use serde_json::Value;

use crate::program;

const OTARU: &str = "0110000009";

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", said(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// `musubi-node join STEP` of a hospital of the town.
async fn step(town: &Town, name: &str, step: &str) -> Output {
    let config = town.at(name).config_file();
    let words = ["join", step, "-o", "json", "--config", path(&config)];
    program().run("node", &words).await
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Waits until the registry has probed the applicant's node and it passed.
async fn passed(town: &Town, name: &str) -> Value {
    for _ in 0..100 {
        let standing = json(&step(town, name, "status").await);
        if standing["probe"]["passed"] == true {
            return standing;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    panic!("{name} did not pass the probe");
}

async fn approve(town: &Town, applied: &Value, more: &[&str]) -> Output {
    let (id, digits) = (&applied["application"], &applied["fingerprint"]);
    let key = town.approver_key();
    let words = [
        "application",
        "approve",
        id.as_str().unwrap(),
        "--fingerprint",
        digits.as_str().unwrap(),
        "--approver-key",
        path(&key),
    ];
    town.registry_tries(&program(), &[&words, more].concat())
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn three_commands_and_one_approval_lead_from_nothing_to_a_first_answered_question() {
    for store in Store::each() {
        let mut town = Town::in_real_time(&["minato"], store).await;
        let chart = [
            charts::patient("hana", "佐藤", "花"),
            charts::hba1c("lab-1", "hana", "2026-05-01", "7.20"),
        ];
        town.at("minato").load(&chart).await;

        // One: the operator invites. Two: the hospital joins. Three: it serves.
        let token = town.invite(&program(), OTARU).await;
        let applied = json(&town.join(&program(), ("otaru", OTARU), &token).await);
        assert_eq!(applied["state"], "applied");
        let clock = town.shared_clock();
        town.at_mut("otaru").start(clock).await;
        let standing = passed(&town, "otaru").await;
        assert_eq!(standing["fingerprint"], applied["fingerprint"]);
        // Both sides see the same digits.
        let id = applied["application"].as_str().unwrap();
        let shown = ["application", "show", id];
        let shown = town.registry_says(&program(), &shown).await;
        assert_eq!(shown["fingerprint"], applied["fingerprint"]);
        assert_eq!(shown["probe"]["checks"].as_array().unwrap().len(), 11);

        // And the one approval.
        json(&approve(&town, &applied, &[]).await);
        town.settle_until("otaru", MemberState::Active).await;
        assert_eq!(
            json(&step(&town, "otaru", "status").await)["state"],
            "approved"
        );

        let hana = town.person("hana", "minato", &["minato"]).await;
        let grant = town.grant(&hana, "otaru", "lab").await;
        let (status, answer) = town.at("otaru").ask(&grant, "dr-1", "Observation").await;
        assert_eq!(status, 200, "{answer}");
        let shown = scenarios::envoy::resources(&answer);
        assert_eq!(shown[0]["resourceType"], "Observation", "{answer}");

        let history = ["member", "show", &format!("urn:musubi:member:{OTARU}")];
        let history = town.registry_says(&program(), &history).await;
        let steps: Vec<_> = history["history"]
            .as_array()
            .unwrap()
            .iter()
            .map(|step| step["to"].as_str().unwrap())
            .collect();
        assert_eq!(steps, ["applied", "probation", "active"]);
        town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_returned_application_is_mended_and_handed_in_without_typing_it_again() {
    let mut town = Town::in_real_time(&["minato"], Store::Sqlite).await;
    let token = town.invite(&program(), OTARU).await;
    let applied = json(&town.join(&program(), ("otaru", OTARU), &token).await);
    let clock = town.shared_clock();
    town.at_mut("otaru").start(clock).await;
    let id = applied["application"].as_str().unwrap();
    let back = ["application", "return", id, "--reason", "仮名がありません"];
    town.registry_says(&program(), &back).await;

    let standing = step(&town, "otaru", "status").await;
    assert_eq!(standing.status.code(), Some(3));
    assert!(
        said(&standing).contains("仮名がありません"),
        "{}",
        said(&standing)
    );
    town.at("otaru")
        .set("organization", "name_kana = \"オタルミナト\"");
    let again = json(&step(&town, "otaru", "resubmit").await);
    assert_eq!(
        (&again["state"], &again["application"]),
        (&"applied".into(), &applied["application"])
    );
    let applied = passed(&town, "otaru").await;
    json(&approve(&town, &applied, &[]).await);
    town.settle_until("otaru", MemberState::Active).await;
    let membership = town
        .at("minato")
        .node()
        .federation()
        .directory()
        .membership()
        .unwrap();
    let member = membership.member(town.at("otaru").id()).unwrap();
    assert_eq!(member.names.kana, "オタルミナト");
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_token_has_its_own_message_and_makes_no_node() {
    let mut town = Town::in_real_time(&[], Store::Sqlite).await;
    let other = Town::in_real_time(&[], Store::Sqlite).await;
    let token = town.invite(&program(), OTARU).await;

    // Damaged in copying: said before anybody is asked.
    let damaged = town
        .join(&program(), ("damaged", OTARU), &token[..token.len() - 1])
        .await;
    assert!(
        said(&damaged).contains("damaged in copying"),
        "{}",
        said(&damaged)
    );

    // Foreign: this registry's address with the other registry's root.
    let mut foreign: federation_protocol::joining::JoinToken = token.parse().unwrap();
    let others: federation_protocol::joining::JoinToken =
        other.invite(&program(), OTARU).await.parse().unwrap();
    foreign.root = others.root;
    let refused = town
        .join(&program(), ("foreign", OTARU), &foreign.to_text())
        .await;
    assert_eq!(refused.status.code(), Some(4));
    assert!(
        said(&refused).contains("of another registry"),
        "{}",
        said(&refused)
    );
    for name in ["damaged", "foreign"] {
        assert!(!town.folder().join(name).exists(), "{name}");
    }

    // Wrong: the code of nobody's invitation.
    let mut wrong: federation_protocol::joining::JoinToken = token.parse().unwrap();
    wrong.code = federation_protocol::joining::InvitationCode::new([9; 16]);
    let refused = town
        .join(&program(), ("wrong", OTARU), &wrong.to_text())
        .await;
    assert!(
        said(&refused).contains("is not valid here"),
        "{}",
        said(&refused)
    );

    // Used: by another node.
    json(&town.join(&program(), ("otaru", OTARU), &token).await);
    let refused = town.join(&program(), ("thief", OTARU), &token).await;
    assert!(said(&refused).contains("was used"), "{}", said(&refused));
    assert!(said(&refused).contains("tell the registry's operator at once"));
    other.stop().await;
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_leaves_is_heard_by_nobody_any_more() {
    let town = Town::in_real_time(&["minato", "yukimi"], Store::Sqlite).await;
    let config = town.at("yukimi").config_file();
    let leave = |yes: &'static [&'static str]| {
        let words: Vec<String> = ["leave", "--config", path(&config)]
            .iter()
            .chain(yes)
            .map(|word| (*word).to_owned())
            .collect();
        async move {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            program().run("node", &words).await
        }
    };
    assert!(!leave(&[]).await.status.success(), "it is asked twice");
    let left = leave(&["--yes"]).await;
    assert!(left.status.success(), "{}", said(&left));
    town.settle_until("yukimi", MemberState::Withdrawn).await;
    let (envoy, now) = (town.at("yukimi").envoy(), town.now());
    let parcel = envoy.sign(envoy.echo(town.at("minato"), now), now);
    let reply = envoy.send(town.at("minato"), &parcel).await;
    assert_eq!(reply.code(), "member_suspended");
    town.stop().await;
}
