//! A replacement that nobody at the hospital signed: every node is alarmed, it counts after 24 hours,
//! and whoever stole the registry does not make it sooner.

use std::time::Duration;

use federation_protocol::directory::{AcceptError, HOLD_SECONDS, Membership};
use musubi_node::federation::directory::PollError;
use scenarios::{Hospital, Store, Town};

use crate::program;

const HOUR: i64 = 3_600;

fn membership(hospital: &Hospital) -> std::sync::Arc<Membership> {
    hospital
        .node()
        .federation()
        .directory()
        .membership()
        .unwrap()
}

async fn alarms(hospital: &Hospital) -> usize {
    let lines = hospital.audit().await;
    let alarms = lines.iter().filter(|line| line.kind == "directory");
    alarms
        .filter(|line| line.outcome == "replacement_held")
        .count()
}

/// The version of Minato's entry that a hospital judges by.
fn version(town: &Town, hospital: &Hospital) -> u64 {
    membership(hospital)
        .member(town.at("minato").id())
        .unwrap()
        .version()
}

/// An operator replaces Minato's entry by a description that it never signed as an entry.
async fn replace_unsigned(town: &Town) {
    let minato = town.at("minato");
    let made = program().node_later(minato, &["certificate", "new"]).await;
    assert!(made.status.success());
    let file = town.folder().join("described.jws");
    let words = ["describe", "--out", file.to_str().unwrap()];
    assert!(program().node_later(minato, &words).await.status.success());
    let described = std::fs::read_to_string(&file).unwrap();
    let described = federation_protocol::directory::MemberDescription::verify(&described).unwrap();
    let number = federation_protocol::joining::comparison_number(&described.member);
    let approver = town.folder().join("approver.pem");
    let words = [
        "member",
        "replace",
        file.to_str().unwrap(),
        "--approver-key",
        approver.to_str().unwrap(),
        "--fingerprint",
        &number,
        "-o",
        "json",
    ];
    let said = program().registry_later(town, &words).await;
    assert!(
        said.status.success(),
        "{}",
        String::from_utf8_lossy(&said.stderr)
    );
    assert!(String::from_utf8_lossy(&said.stdout).contains("\"held\""));
}

/// Every node has heard the registry, which makes a new status a moment after the clock was moved.
async fn heard(town: &Town) {
    for hospital in town.hospitals.values() {
        let directory = hospital.node().federation().directory();
        let mut tries = 0..100;
        while directory.poll().await.is_err() {
            tries.next().expect("the registry is heard");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn settled(town: &Town, holds: impl Fn(&Hospital) -> bool) {
    for _ in 0..200 {
        heard(town).await;
        if town.hospitals.values().all(&holds) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not everywhere");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_that_nobody_at_the_hospital_signed_is_alarmed_everywhere_and_counts_after_a_day()
 {
    for store in Store::each() {
        let metrics = scenarios::town::free_port();
        let town = Town::prepared(&["minato", "yukimi", "kiri"], store, |hospital| {
            if hospital.name() == "yukimi" {
                hospital.set("metrics", &format!("bind = \"127.0.0.1:{metrics}\""));
            }
        })
        .await;
        replace_unsigned(&town).await;
        settled(&town, |one| membership(one).directory().held().count() == 1).await;
        for hospital in town.hospitals.values() {
            assert_eq!(alarms(hospital).await, 1, "{}", hospital.name());
            assert_eq!(version(&town, hospital), 1, "the old entry is in force");
        }
        for (name, code) in [
            ("minato", "own-replacement-held"),
            ("yukimi", "replacement-held"),
            ("kiri", "replacement-held"),
        ] {
            let words = ["doctor", "-o", "json", "--quiet"];
            let said = program().node_later(town.at(name), &words).await;
            let text = String::from_utf8_lossy(&said.stdout).into_owned();
            assert!(text.contains(&format!("\"{code}\"")), "{name}: {text}");
        }
        let words = [
            "doctor",
            "-o",
            "json",
            "--quiet",
            "--allow-cidr",
            "127.0.0.0/8",
        ];
        let said = program().registry_later(&town, &words).await;
        assert!(String::from_utf8_lossy(&said.stdout).contains("replacement-held"));
        let counted = async || {
            let url = format!("http://127.0.0.1:{metrics}/metrics");
            reqwest::get(url).await.unwrap().text().await.unwrap()
        };
        let text = counted().await;
        assert!(
            text.contains("musubi_directory_replacements_held 1"),
            "{text}"
        );
        assert!(text.contains("alarm=\"replacement_held\"} 1"), "{text}");

        // An hour before its time it does not count; polled again and again, it is told once.
        for _ in 0..23 {
            town.clock.advance(HOUR);
            heard(&town).await;
        }
        for hospital in town.hospitals.values() {
            assert_eq!((version(&town, hospital), alarms(hospital).await), (1, 1));
        }
        town.clock.advance(HOUR + 60);
        settled(&town, |one| version(&town, one) == 2).await;
        for hospital in town.hospitals.values() {
            assert_eq!(membership(hospital).directory().held().count(), 0);
        }
        assert!(
            counted()
                .await
                .contains("musubi_directory_replacements_held 0")
        );
        town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_stole_the_registry_neither_shortens_the_hold_nor_silences_it() {
    let mut town = Town::start(&["minato", "yukimi"], Store::Sqlite).await;
    replace_unsigned(&town).await;
    settled(&town, |one| membership(one).directory().held().count() == 1).await;
    let thief = town.lose_registry_to_a_thief().await;
    town.clock.advance(HOUR);
    let yukimi = town.at("yukimi");
    let before = membership(yukimi);
    let next = || {
        let mut next = before.directory().document().clone();
        next.seq += 1;
        next.prev = Some(before.directory().hash());
        next.iat = town.now();
        next
    };
    let mut status = before.status().document().clone();
    status.iat = town.now();
    status.exp = town.now().plus_seconds(600);
    let place = next()
        .members
        .iter()
        .position(|one| one.pending.is_some())
        .unwrap();
    let mut tried = Vec::new();
    // In force at once; in force, and still listed as held; its time put forward.
    let mut at_once = next();
    let pending = at_once.members[place].pending.take().unwrap();
    at_once.members[place].entry = pending.entry.clone();
    tried.push(at_once);
    let mut sooner = next();
    sooner.members[place].pending.as_mut().unwrap().in_force_at = town.now().plus_seconds(60);
    tried.push(sooner);
    for directory in &tried {
        thief.publishes(directory, &status);
        let polled = yukimi.node().federation().directory().poll().await;
        let Err(PollError::Refused { error, .. }) = polled else {
            panic!("{polled:?}");
        };
        assert_eq!(error, AcceptError::NotHeld(town.at("minato").id().clone()));
        assert_eq!(version(&town, yukimi), 1);
        status.seq += 1;
    }
    // Dated a day ahead, nobody reads it today.
    let mut ahead = tried.remove(0);
    ahead.iat = town.now().plus_seconds(HOLD_SECONDS);
    ahead.exp = ahead.iat.plus_seconds(HOLD_SECONDS);
    thief.publishes(&ahead, &status);
    let polled = yukimi.node().federation().directory().poll().await;
    assert!(matches!(
        polled,
        Err(PollError::Refused {
            error: AcceptError::NotYetValid,
            ..
        })
    ));
    assert_eq!((version(&town, yukimi), alarms(yukimi).await), (1, 1));
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_joined_before_gains_the_capability_for_emergencies_by_name_alone() {
    let mut town = Town::start(&["minato", "yukimi"], Store::Sqlite).await;
    let minato = town.at("minato");
    minato.set("emergency", "ask = \"on\"");
    let entry = town.folder().join("entry.json");
    let words = ["certificate", "request", "--out", entry.to_str().unwrap()];
    assert!(program().node_later(minato, &words).await.status.success());
    let approver = town.folder().join("approver.pem");
    let words = [
        "member",
        "replace",
        entry.to_str().unwrap(),
        "--approver-key",
        approver.to_str().unwrap(),
    ];
    let refused = program().registry_later(&town, &words).await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(3), "{said}");
    assert!(said.contains("--grant emergency"), "{said}");
    let words = [&words[..], &["--grant", "emergency"]].concat();
    let granted = program().registry_later(&town, &words).await;
    let said = String::from_utf8_lossy(&granted.stderr).into_owned();
    assert!(granted.status.success(), "{said}");
    let may = |hospital: &Hospital| {
        let membership = membership(hospital);
        let minato = membership.member(town.at("minato").id()).unwrap();
        minato.capabilities.contains(&"emergency".to_owned())
    };
    settled(&town, may).await;
    town.restart("minato").await;
    town.stop().await;
}
