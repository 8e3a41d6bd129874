//! `kill -9` of `musubi-node import`, again and again: with `--resume` it ends with what an import
//! that nobody disturbed ends with, to the byte and to the index row.
//!
//! Minato's import is killed at moments that a seed chooses: before its first commit, in the middle
//! of a commit, between two. Yukimi imports the same files and is left alone. A tree is imported
//! beside Minato's running node, which is killed too, and followed by `--watch` in the end.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use musubi_node::identity::Role;
use scenarios::{Hospital, Process, Store, Town};
use serde_json::Value;

use crate::program;
use crate::text::raw_resources;

mod held;
mod lines;
mod tree;

use held::{Held, turns};
use lines::Lines;
use tree::Tree;

/// Of each source, at least.
const KILLS: usize = 8;
/// Everything was looked at, and something of it is in quarantine.
const PARTIAL: Option<i32> = Some(3);

#[tokio::test(flavor = "multi_thread")]
async fn an_import_of_lines_that_is_killed_again_and_again_ends_with_the_same_set() {
    let lines = Lines::write();
    for store in Store::each() {
        let town = idle_town(store).await;
        let (minato, yukimi) = (town.at("minato"), town.at("yukimi"));
        let words = ["import", lines.path(), "--format", "ndjson"];
        let nothing = Held::at(minato);
        let rehearsed = told(minato, &words, &["--dry-run"]).await;
        assert_eq!(Held::at(minato), nothing, "a rehearsal wrote");
        let undisturbed = told(yukimi, &words, &[]).await;
        for count in ["lines", "refused", "profiles"] {
            assert_eq!(rehearsed[count], undisturbed[count], "{count}");
        }

        let resumed = [&words[..], &["--resume"]].concat();
        let mut chance = Chance::of(11);
        for kill in 0..KILLS {
            cut_short(minato, &resumed, kill, &mut chance).await;
        }
        finishes(minato, &resumed).await;
        let there = Held::at(minato);
        there.is_that_of(&Held::at(yukimi));
        there.is_something();
        println!("{store:?}: {KILLS} kills; {there}");

        let again = told(minato, &words, &["--resume"]).await;
        assert_eq!((&again["left"], &again["lines"]), (&1.into(), &0.into()));
        assert_eq!(Held::at(minato), there, "resuming what is done wrote");
        answers_are_the_same(town).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storage_tree_beside_a_node_that_is_killed_with_its_import_ends_with_the_same_set() {
    for store in Store::each() {
        let tree = Tree::write();
        let town = idle_town(store).await;
        let (minato, yukimi) = (town.at("minato"), town.at("yukimi"));
        let words = [
            "import",
            tree.root(),
            "--format",
            "ss-mix2",
            "--institution",
            "0110000001",
        ];
        // Its second scan would begin while the first is looked at.
        let watching = [&words[..], &["--watch", "--every", "1h"]].concat();
        let mut chance = Chance::of(5);
        let mut node = program().serve(minato).await;
        told(yukimi, &words, &[]).await;
        for kill in 0..KILLS / 2 {
            cut_short(minato, &words, kill, &mut chance).await;
            node.kill_nine();
            node = program().serve(minato).await;
        }
        finishes(minato, &[&words[..], &["--resume"]].concat()).await;
        Held::at(minato).is_that_of(&Held::at(yukimi));

        tree.change();
        told(yukimi, &words, &[]).await;
        for kill in KILLS / 2..KILLS {
            cut_short(minato, &watching, kill, &mut chance).await;
        }
        let watch = follows(minato, &watching).await;
        let there = Held::at(minato);
        there.is_that_of(&Held::at(yukimi));
        there.is_something();
        println!("{store:?}: {KILLS} kills; {there}");
        watch.kill_nine();
        node.kill_nine();
        answers_are_the_same(town).await;
    }
}

/// A town whose nodes have made their databases and do not run.
async fn idle_town(store: Store) -> Town {
    let mut town = Town::in_real_time(&["minato", "yukimi"], store).await;
    for name in ["minato", "yukimi"] {
        town.at_mut(name).stop().await;
    }
    town
}

/// Runs an import to its end; what it reports.
async fn told(hospital: &Hospital, words: &[&str], more: &[&str]) -> Value {
    let words = [words, more, &["-o", "json"]].concat();
    let Output {
        status,
        stdout,
        stderr,
    } = program().node_later(hospital, &words).await;
    let said = String::from_utf8_lossy(&stderr);
    assert_eq!(status.code(), PARTIAL, "{words:?}: {said}");
    serde_json::from_slice(&stdout).unwrap()
}

/// Resumes an import that was killed, and lets it come to its end.
async fn finishes(hospital: &Hospital, words: &[&str]) {
    told(hospital, words, &[]).await;
}

/// Begins an import and kills it: every other one before it has stored anything, the others behind
/// a commit, each after a moment more.
async fn cut_short(hospital: &Hospital, words: &[&str], kill: usize, chance: &mut Chance) {
    let begun = turns(hospital);
    let mut import = program().begin(hospital, words);
    let moment = if kill.is_multiple_of(2) {
        chance.milliseconds(400)
    } else {
        // Its claim is a turn, and so is each commit.
        reaches(hospital, &mut import, begun + 2).await;
        chance.milliseconds(60)
    };
    tokio::time::sleep(moment).await;
    assert_eq!(import.ended(), None, "it was done before kill {kill}");
    import.kill_nine();
}

/// Waits until an import at work has taken its turns. Nobody else has the database open then.
async fn reaches(hospital: &Hospital, import: &mut Process, wanted: i64) {
    while turns(hospital) < wanted {
        assert_eq!(import.ended(), None, "it ended before turn {wanted}");
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
}

/// Begins to follow a tree, and waits until a scan has come to its end.
async fn follows(hospital: &Hospital, words: &[&str]) -> Process {
    let begun = turns(hospital);
    let mut watch = program().begin(hospital, words);
    reaches(hospital, &mut watch, begun + 1).await;
    while !held::is_done(hospital) {
        assert_eq!(watch.ended(), None, "a watch ends when it is told to");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    watch
}

/// What both hospitals' systems find: the same resources in the same order, and as many.
async fn answers_are_the_same(mut town: Town) {
    let mut found = Vec::new();
    for name in ["minato", "yukimi"] {
        let clock = town.shared_clock();
        town.at_mut(name).start(clock).await;
        found.push(answers(town.at(name)).await);
    }
    assert_eq!(found[0], found[1]);
    town.stop().await;
}

async fn answers(hospital: &Hospital) -> Vec<(Value, Vec<String>)> {
    const ASKED: [&str; 5] = [
        "Patient?gender=female&_count=200",
        "Patient?name=%E4%BD%90&_count=200",
        "Observation?status=final&date=ge2020-01-01&_count=500",
        "Condition?_count=500",
        "Encounter?date=ge2026-04-01&_count=500&_include=Encounter:patient",
    ];
    let token = hospital.token(Role::System, "his").await;
    let mut answers = Vec::new();
    for asked in ASKED {
        let path = format!("/fhir/{asked}&_total=accurate");
        let (status, text) = hospital.get_raw(&path, &token).await;
        assert_eq!(status, 200, "{asked}: {text}");
        let total = serde_json::from_str::<Value>(&text).unwrap()["total"].clone();
        let found = raw_resources(&text);
        answers.push((
            total,
            found.iter().map(|raw| held::outside_time(raw)).collect(),
        ));
    }
    answers
}

/// The moments of the kills, from a seed (xorshift).
struct Chance(u64);

impl Chance {
    fn of(seed: u64) -> Self {
        Self(0x9e37_79b9_7f4a_7c15 ^ seed)
    }

    fn milliseconds(&mut self, below: u64) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_millis(self.0 % below)
    }
}

/// A file in a folder that is there as long as its owner.
fn in_folder(folder: &tempfile::TempDir, name: &str) -> std::path::PathBuf {
    Path::join(folder.path(), name)
}
