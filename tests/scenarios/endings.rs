//! How long it takes until everybody obeys: a withdrawn consent, a suspended member. Measured, printed
//! and held against the promise; `endings-times` does the same a hundred times. What hospitals are told
//! at once is in `revocations`: on the moved clock they are told nothing, and find out by the status
//! list alone.

use scenarios::endings::{
    self, CONNECTED_SECONDS, CUT_OFF_SECONDS, SUSPENDED_SECONDS, median_and_worst,
};

#[tokio::test(flavor = "multi_thread")]
async fn by_the_real_clock_withdrawal_and_suspension_end_everything_within_a_minute() {
    let measured = endings::by_the_real_clock().await;
    for (what, seconds, promised) in [
        ("withdrawal", measured.withdrawals, CONNECTED_SECONDS),
        ("suspension", measured.suspensions, SUSPENDED_SECONDS),
    ] {
        for (name, after) in &seconds {
            println!("{what}: {name} refuses after {after:.1} s by the real clock");
        }
        let worst = seconds.iter().map(|(_, after)| *after).fold(0.0, f64::max);
        println!(
            "{what}: every node refuses after {worst:.1} s by the real clock (≤ {promised} s)"
        );
        assert!(worst <= promised as f64);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_withdrawals_reach_every_connected_hospital_within_a_minute() {
    let measured = endings::withdrawals_connected(20).await;
    within(
        "withdrawal, connected, by status list",
        &measured,
        CONNECTED_SECONDS,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_reaches_a_hospital_that_is_cut_off_within_five_minutes() {
    let measured = endings::withdrawals_cut_off(6).await;
    within(
        "withdrawal, cut off, by status list",
        &measured,
        CUT_OFF_SECONDS,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_suspensions_reach_every_connected_hospital_within_a_minute() {
    let measured = endings::suspensions(20).await;
    within("suspension, by polling", &measured, SUSPENDED_SECONDS);
}

fn within(what: &str, measured: &[i64], promised: i64) {
    let (median, worst) = median_and_worst(measured);
    println!(
        "{what}: {} times, every node refuses after {median} s (median), {worst} s (worst), \
         promised {promised} s",
        measured.len()
    );
    assert!(worst <= promised);
}
