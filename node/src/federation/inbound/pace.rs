//! When an answer that shows nothing leaves.
//!
//! To find that there is nothing takes less time than to withhold a thousand results. So an answer that
//! shows nothing waits: it is signed and written down at the next multiple of a step after its question
//! was let in, whatever it was that showed nothing. What takes longer than a step takes two.

use std::time::Duration;

use federation_service::clock::Stopwatch;

/// Waits until a whole number of steps has passed since `watch` was started.
pub(super) async fn until_the_next_step(watch: &Stopwatch, step: Duration) {
    tokio::time::sleep(left(watch.elapsed(), step)).await;
}

/// From `elapsed` to the next multiple of `step`.
fn left(elapsed: Duration, step: Duration) -> Duration {
    let step = step.as_nanos().max(1);
    let over = elapsed.as_nanos() % step;
    let left = if over == 0 && !elapsed.is_zero() {
        0
    } else {
        step - over
    };
    Duration::from_nanos(u64::try_from(left).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_rounded_up_to_a_whole_number_of_steps() {
        let micros = Duration::from_micros;
        let step = micros(20_000);
        for (elapsed, whole) in [
            (0, 20_000),
            (1, 20_000),
            (19_999, 20_000),
            (20_000, 20_000),
            (20_001, 40_000),
            (130_000, 140_000),
        ] {
            let elapsed = micros(elapsed);
            assert_eq!(elapsed + left(elapsed, step), micros(whole), "{elapsed:?}");
        }
    }

    #[test]
    fn no_step_at_all_is_no_wait_to_speak_of() {
        assert!(left(Duration::from_secs(1), Duration::ZERO) <= Duration::from_nanos(1));
    }
}
