//! `denial-bench`: whether the time of an empty answer tells why it is empty.
//!
//! Asks one node about three linked people of whom nothing is shown, each for another reason: there
//! is nothing (absent), the person's own directive denies it (denied), all of it has a label that the
//! grant leaves out (filtered). Every answer has to be the same to the byte, but for ids, times and
//! signatures: another one ends the program. Their times are compared by rank (Mann-Whitney): an AUC
//! of 0.5 is a coin. Prints; never asserts on time.
//!
//! The load runs beside the node, over loopback and kept connections: nobody on a real line measures
//! as well.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "this is test code: it fails by panicking, and measures time itself"
)]

#[path = "../machine.rs"]
mod machine;
mod rank;
mod scene;

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use scenarios::{Reply, Store};

use scene::{REASONS, Scene};

/// Rounds that are not counted: connections, caches, the first status list.
const WARMING: usize = 200;
/// An attacker who may ask often compares middles of so many answers.
const REPEATED: usize = 25;

/// Asks about nothing in three ways, and compares bytes and times of the answers.
#[derive(Debug, Parser)]
#[command(
    name = "denial-bench",
    about,
    after_help = "Examples:
  cargo run --release -p scenarios --bin denial-bench > figures.txt
  … denial-bench --asks 2000 --hidden 1,1000 --store sqlite --step 1ms

PostgreSQL is measured too when MUSUBI_TEST_POSTGRES names a server where databases may be made."
)]
struct Arguments {
    /// Questions about each of the three people.
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    asks: usize,
    /// How many results are denied or filtered, a table for each number.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "1,50,1000",
        value_name = "LIST"
    )]
    hidden: Vec<usize>,
    /// The answering node's `federation.empty_answer_step`; the default is the node's own.
    #[arg(long, value_name = "TIME")]
    step: Option<String>,
    /// `sqlite` or `postgres` only.
    #[arg(long, value_name = "NAME")]
    store: Option<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut report = format!("{}\n", machine::machine());
    for store in Store::each() {
        let name = format!("{store:?}").to_lowercase();
        if arguments.store.as_ref().is_some_and(|only| *only != name) {
            continue;
        }
        for hidden in &arguments.hidden {
            let measured = runtime.block_on(measure(store, *hidden, &arguments));
            report.push_str(&described(store, *hidden, &measured));
        }
    }
    println!("\n{report}load {} at the end", machine::load());
    ExitCode::SUCCESS
}

/// Microseconds of each counted answer, by reason.
type Times = [Vec<f64>; REASONS.len()];

async fn measure(store: Store, hidden: usize, arguments: &Arguments) -> Times {
    let scene = Scene::set(store, hidden, arguments.step.as_deref()).await;
    let envoy = scene.envoy();
    let mut times = Times::default();
    let mut first: Option<Reply> = None;
    for round in 0..WARMING + arguments.asks {
        for at in order() {
            let parcel = scene.question(&envoy, at);
            let watch = Instant::now();
            let reply = scene.send(&envoy, &parcel).await;
            let took = watch.elapsed();
            let first = first.get_or_insert_with(|| reply.clone());
            assert_eq!(reply.status, 200, "{}", reply.code());
            assert_eq!(reply.told(), first.told(), "{}", REASONS[at]);
            if round >= WARMING {
                times[at].push(took.as_secs_f64() * 1e6);
            }
        }
    }
    scene.end().await;
    times
}

/// The three in an order of chance.
fn order() -> [usize; REASONS.len()] {
    let mut chance = [0; 2];
    getrandom::fill(&mut chance).unwrap();
    let mut order = [0, 1, 2];
    order.swap(2, usize::from(chance[0]) % 3);
    order.swap(1, usize::from(chance[1]) % 2);
    order
}

fn described(store: Store, hidden: usize, times: &Times) -> String {
    let mut text = format!(
        "\n{store:?}, {hidden} hidden, {} answers of each, equal to the byte\n",
        times[0].len()
    );
    for (name, times) in REASONS.iter().zip(times) {
        let (p50, p99) = (rank::percentile(times, 50), rank::percentile(times, 99));
        text.push_str(&format!("  {name:9} p50 {p50:7.0} µs  p99 {p99:7.0} µs\n"));
    }
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        let pair = format!("{} or {}", REASONS[one], REASONS[other]);
        let single = rank::auc(&times[one], &times[other]);
        let middles = rank::auc(
            &rank::middles(&times[one], REPEATED),
            &rank::middles(&times[other], REPEATED),
        );
        text.push_str(&format!(
            "  {pair:19} AUC {single:.3}; by the middle of {REPEATED}: {middles:.3}\n"
        ));
    }
    text
}
