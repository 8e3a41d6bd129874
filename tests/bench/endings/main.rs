//! `endings-times`: how long after a withdrawal or a suspension somebody is still served, a hundred
//! times each.
//!
//! Seconds of the town's clock, which is moved a second at a time; then by the machine's clock. On the
//! moved clock the promise is asserted; by the machine's it is printed.

#![allow(
    clippy::panic,
    clippy::as_conversions,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "this is test code: it fails by panicking, and prints what it measured"
)]

#[path = "../machine.rs"]
mod machine;

use std::fmt::Display;
use std::process::ExitCode;

use clap::Parser;
use scenarios::endings::{
    self, CONNECTED_SECONDS, CUT_OFF_SECONDS, SUSPENDED_SECONDS, median_and_worst,
};

/// Measures how long withdrawals and suspensions take until every hospital obeys.
#[derive(Debug, Parser)]
#[command(
    name = "endings-times",
    about,
    after_help = "Examples:
  cargo run -p scenarios --bin endings-times | grep '^|'
  … endings-times --rounds 10 --real 0"
)]
struct Arguments {
    /// Rounds of each kind on the moved clock.
    #[arg(long, default_value_t = 100, value_name = "N")]
    rounds: i64,
    /// Rounds by the machine's clock, up to a minute each.
    #[arg(long, default_value_t = 3, value_name = "N")]
    real: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut rows = vec![
        machine::machine(),
        "| | times | median s | worst s | promised s |".to_owned(),
        "|---|---|---|---|---|".to_owned(),
    ];
    let rounds = arguments.rounds;
    if rounds > 0 {
        let connected = runtime.block_on(endings::withdrawals_connected(rounds));
        rows.push(promised(
            "withdrawal, connected",
            &connected,
            CONNECTED_SECONDS,
        ));
        let cut_off = runtime.block_on(endings::withdrawals_cut_off(rounds));
        rows.push(promised("withdrawal, cut off", &cut_off, CUT_OFF_SECONDS));
        let suspended = runtime.block_on(endings::suspensions(rounds));
        rows.push(promised(
            "suspension, connected",
            &suspended,
            SUSPENDED_SECONDS,
        ));
    }
    let (mut withdrawals, mut suspensions) = (Vec::new(), Vec::new());
    for _ in 0..arguments.real {
        let measured = runtime.block_on(endings::by_the_real_clock());
        let worst = |seconds: &[(&str, f64)]| {
            let seconds = seconds
                .iter()
                .map(|(_, after)| (after * 10.0).round() / 10.0);
            seconds.fold(0.0, f64::max)
        };
        withdrawals.push(worst(&measured.withdrawals));
        suspensions.push(worst(&measured.suspensions));
    }
    if arguments.real > 0 {
        let row = |what, measured: &[f64], seconds| row(what, measured, seconds);
        rows.push(row(
            "withdrawal, real time",
            &withdrawals,
            CONNECTED_SECONDS,
        ));
        rows.push(row(
            "suspension, real time",
            &suspensions,
            SUSPENDED_SECONDS,
        ));
    }
    println!("\n{}", rows.join("\n"));
    ExitCode::SUCCESS
}

fn promised(what: &str, measured: &[i64], promised: i64) -> String {
    let (_, worst) = median_and_worst(measured);
    assert!(
        worst <= promised,
        "{what}: {worst} s, promised {promised} s"
    );
    row(what, measured, promised)
}

fn row<N: Copy + PartialOrd + Display>(what: &str, measured: &[N], promised: i64) -> String {
    let (median, worst) = median_and_worst(measured);
    format!(
        "| {what} | {} | {median} | {worst} | {promised} |",
        measured.len()
    )
}
